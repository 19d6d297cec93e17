"""Tones, signals of modems and alarms, noise."""

import math

import numpy as np

from corpus.tools import RATE, SIGNAL, active_rms, draw, entry, levelled, noise_source, write


def cadence(pattern, n):
    """A gate of n samples: seconds on, off, on, off ... over and over."""
    one = np.concatenate([np.full(int(round(s * RATE)), 1.0 - i % 2) for i, s in enumerate(pattern)])
    return np.resize(one, n)


def tones(frequencies, pattern=None, weights=None, depth=None):
    """A sum of steady sines behind a cadence."""
    def make(n, k, r):
        t = np.arange(n) / RATE
        w = weights or [1] * len(frequencies)
        x = sum(a * np.sin(2 * np.pi * f * k * t + r.uniform(0, 6.28)) for f, a in zip(frequencies, w))
        if depth:                              # amplitude modulation: Hz, depth
            x = x * (1 + depth[1] * np.sin(2 * np.pi * depth[0] * t))
        return x * cadence(pattern, n) if pattern else x
    return make


def sequence(steps):
    """Tones one after another, over and over: (frequency or 0, seconds)."""
    def make(n, k, r):
        f = np.concatenate([np.full(int(round(s * RATE)), float(f)) for f, s in steps])
        f = np.resize(f, n)
        return np.sin(2 * np.pi * np.cumsum(f * k) / RATE) * (f > 0)
    return make


DIGITS = dict(zip("123A456B789C*0#D", [(a, b) for a in (697, 770, 852, 941)
                                       for b in (1209, 1336, 1477, 1633)]))


def dtmf_samples(digits, on, off, k):
    t = np.arange(int(on * RATE)) / RATE
    gap = np.zeros(int(off * RATE))
    out = []
    for d in digits:
        a, b = DIGITS[d]
        out += [0.8 * np.sin(2 * np.pi * a * k * t) + np.sin(2 * np.pi * b * k * t), gap]
    return np.concatenate(out)


def dtmf(on, off):
    def make(n, k, r):
        count = int(n / ((on + off) * RATE)) + 2
        return dtmf_samples([r.choice("0123456789*#") for _ in range(count)], on, off, k)[:n]
    return make


def contact_id(n, k, r):
    """An alarm panel: the receiver's handshake, a message of 16 digits, the receiver's kiss-off."""
    def tone(f, s):
        return np.sin(2 * np.pi * f * k * np.arange(int(s * RATE)) / RATE)
    out, have = [], 0
    while have < n:
        message = "".join(r.choice("0123456789BC*#") for _ in range(16))
        for x in (tone(1400, 0.1), np.zeros(800), tone(2300, 0.1), np.zeros(2000),
                  dtmf_samples(message, 0.05, 0.05, k), np.zeros(2400), tone(1400, 0.8), np.zeros(4000)):
            out.append(x)
            have += len(x)
    return np.concatenate(out)[:n]


def fsk(space, mark, baud, bits=None, burst=None):
    """Frequency shift keying of continuous phase; burst: seconds of data, of silence."""
    def make(n, k, r):
        count = int(n * baud / RATE) + 2
        b = np.array(bits(count, r) if bits else [r.getrandbits(1) for _ in range(count)])
        symbol = np.minimum((np.arange(n) * baud / RATE).astype(int), count - 1)
        f = np.where(b[symbol] > 0, mark, space) * k
        x = np.sin(2 * np.pi * np.cumsum(f) / RATE)
        return x * cadence(burst, n) if burst else x
    return make


def flags(count, r):
    """HDLC as in fax: a second of flags, then random frames between flags."""
    out = [0, 1, 1, 1, 1, 1, 1, 0] * 38
    while len(out) < count:
        ones = 0
        for _ in range(r.randint(80, 400)):
            b = r.getrandbits(1)
            out.append(b)
            ones = ones + 1 if b else 0
            if ones == 5:                      # a zero is stuffed
                out.append(0)
                ones = 0
        out += [0, 1, 1, 1, 1, 1, 1, 0] * 3
    return out[:count]


def baudot(count, r):
    """TTY characters: start bit, five bits, one and a half stop bits, in half bits."""
    out = []
    while len(out) < count:
        bits = [0] + [r.getrandbits(1) for _ in range(5)]
        out += [b for b in bits for _ in (0, 1)] + [1] * 3
    return out[:count]


def typed(count, r):
    """TTY by hand: characters with rests of 0 to 0.5 s of mark."""
    out = []
    while len(out) < count:
        out += baudot(15, r) + [1] * r.randint(0, 45)
    return out[:count]


def qam(carrier, baud, points, guard=None):
    """A modem of phase and amplitude: random points, root raised cosine of 8 symbols, a carrier."""
    def make(n, k, r):
        count = int(n * baud / RATE) + 20
        symbols = np.array([points[r.randrange(len(points))] for _ in range(count)])
        up = 12                                # a grid of 12 points a symbol, then read at 8 kHz
        t = np.arange(-4 * up, 4 * up + 1) / up + 1e-6
        a = 0.5
        h = ((np.sin(np.pi * t * (1 - a)) + 4 * a * t * np.cos(np.pi * t * (1 + a)))
             / (np.pi * t * (1 - (4 * a * t) ** 2)))
        grid = np.zeros(count * up, complex)
        grid[::up] = symbols
        grid = np.convolve(grid, h)[4 * up:]
        place = np.arange(n) * baud * up / RATE
        i = place.astype(int)
        base = grid[i] + (grid[i + 1] - grid[i]) * (place - i)
        s = np.arange(n) / RATE
        x = (base * np.exp(2j * np.pi * carrier * k * s)).real
        return x + 0.5 * np.abs(x).std() * np.sin(2 * np.pi * guard * s) if guard else x
    return make


def psk(n):
    return [complex(math.cos(2 * math.pi * (i + 0.5) / n), math.sin(2 * math.pi * (i + 0.5) / n))
            for i in range(n)]


V29 = [complex(a, b) for a, b in ((3, 0), (5, 0), (0, 3), (0, 5), (-3, 0), (-5, 0), (0, -3), (0, -5),
                                  (1, 1), (3, 3), (-1, 1), (-3, 3), (-1, -1), (-3, -3), (1, -1), (3, -3))]
SQUARE = [complex(a, b) for a in (-3, -1, 1, 3) for b in (-3, -1, 1, 3)]


def ans(n, k, r):
    """Answer tone with a reversal of phase each 450 ms."""
    t = np.arange(n) / RATE
    return np.sin(2 * np.pi * 2100 * k * t) * (1 - 2 * ((t / 0.45).astype(int) % 2))


def fax(n, k, r):
    """CED, then HDLC in V.21, a pause, and a page in V.29; over and over."""
    one = np.concatenate([tones([2100])(2 * RATE, k, r), np.zeros(600),
                          fsk(1850, 1650, 300, flags)(2 * RATE, k, r), np.zeros(600),
                          qam(1700, 2400, V29)(5 * RATE, k, r) / 4, np.zeros(2000)])
    return np.resize(one, n)


def coloured(slope):
    """Noise whose power falls by `slope` dB an octave above 100 Hz."""
    def make(n, k, r):
        g = np.random.Generator(np.random.PCG64(r.getrandbits(64)))
        s = np.fft.rfft(g.standard_normal(n))
        f = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 100)
        return np.fft.irfft(s * 10 ** (-slope * np.log2(f / 100) / 20), n)
    return make


def hum(base):
    def make(n, k, r):
        return tones([base * i for i in (1, 2, 3, 5, 7, 9)], None, [1, 0.5, 0.4, 0.3, 0.15, 0.1])(n, k, r)
    return make


def silence(n, k, r):
    return np.zeros(n)


def idle(n, k, r):
    """What an idle A-law encoder sends: plus and minus the smallest step."""
    return np.where(np.arange(n) // 3 % 2, 8.0, -8.0)


def pulses(n, k, r):
    """An alarm panel of the old kind: 20 pulses a second of 1800 Hz, digits, handshake of 2300 Hz."""
    out, have = [], 0
    while have < n:
        steps = [(2300, 0.5), (0, 0.5)]
        for _ in range(6):
            steps += [(1800, 0.025), (0, 0.025)] * r.randint(1, 10) + [(0, 0.5)]
        x = sequence(steps)(int(round(sum(s for _, s in steps) * RATE)), k, r)
        out.append(x)
        have += len(x)
    return np.concatenate(out)[:n]


SIT = [(985.2, 0.380), (1428.5, 0.274), (1776.7, 0.380), (0, 1.5)]

# name, maker, level in dBm0, tolerance of the frequency
SIGNALS = [
    ("dtmf-50-50", dtmf(0.05, 0.05), -9, 0.015), ("dtmf-70-70", dtmf(0.07, 0.07), -9, 0.015),
    ("dtmf-100-100", dtmf(0.1, 0.1), -9, 0.015), ("dtmf-200-300", dtmf(0.2, 0.3), -9, 0.015),
    ("ringback-us", tones([440, 480], [2, 4]), -16, 0.005),
    ("ringback-uk", tones([400, 450], [0.4, 0.2, 0.4, 2]), -16, 0.01),
    ("ringback-au", tones([400, 425], [0.4, 0.2, 0.4, 2]), -16, 0.01),
    ("ringback-de", tones([425], [1, 4]), -13, 0.03),
    ("ringback-fr", tones([440], [1.5, 3.5]), -13, 0.015),
    ("ringback-jp", tones([400], [1, 2], None, (16, 0.85)), -13, 0.02),
    ("busy-us", tones([480, 620], [0.5, 0.5]), -21, 0.005),
    ("busy-uk", tones([400], [0.375, 0.375]), -13, 0.02),
    ("busy-de", tones([425], [0.48, 0.48]), -13, 0.03),
    ("reorder-us", tones([480, 620], [0.25, 0.25]), -21, 0.005),
    ("congestion-de", tones([425], [0.24, 0.24]), -13, 0.03),
    ("howler", tones([1400, 2060, 2450, 2600], [0.1, 0.1]), -3, 0.01),
    ("dial-us", tones([350, 440]), -13, 0.005), ("dial-eu", tones([425]), -13, 0.03),
    ("dial-uk", tones([350, 450]), -13, 0.01),
    ("sit-intercept", sequence([(913.8, 0.274), (1370.6, 0.274), (1776.7, 0.380), (0, 1.5)]), -16, 0.015),
    ("sit-no-circuit", sequence(SIT), -16, 0.015),
    ("call-waiting", tones([440], [0.3, 9.7]), -13, 0.005),
    ("cng", tones([1100], [0.5, 3]), -11, 0.03), ("ced", tones([2100], [3, 0.5]), -11, 0.007),
    ("ans", ans, -12, 0.007), ("ansam", tones([2100], None, None, (15, 0.2)), -12, 0.0005),
    ("v21-low", fsk(1180, 980, 300), -13, 0.005), ("v21-high-hdlc", fsk(1850, 1650, 300, flags), -13, 0.005),
    ("bell103-originate", fsk(1070, 1270, 300), -13, 0.005),
    ("bell103-answer", fsk(2025, 2225, 300), -13, 0.005),
    ("bell202", fsk(2200, 1200, 1200), -13, 0.01), ("v23-back", fsk(450, 390, 75), -13, 0.01),
    ("v22-low", qam(1200, 600, psk(4)), -13, 0.0005), ("v22-high-guard", qam(2400, 600, psk(4), 1800), -13, 0.0005),
    ("v27ter", qam(1800, 1600, psk(8)), -13, 0.0005), ("v29", qam(1700, 2400, V29), -13, 0.0005),
    ("v32-like", qam(1800, 2400, SQUARE), -13, 0.0005), ("fax", fax, -13, 0.001),
    ("tty", fsk(1800, 1400, 90.9, baudot), -13, 0.01),
    ("tty-typed", fsk(1800, 1400, 90.9, typed), -13, 0.01),
    ("alarm-contact-id", contact_id, -9, 0.015),
    ("alarm-sia", fsk(2025, 2225, 110, None, [1.2, 0.8]), -13, 0.01),
    ("alarm-pulses", pulses, -13, 0.01),
    ("voicemail-beep", tones([1000], [0.4, 4]), -13, 0.02),
    ("recorder-beep", tones([1400], [0.5, 14.5]), -20, 0.015),
    ("hum-50", hum(50), -25, 0.005), ("hum-60", hum(60), -25, 0.005),
    ("white-loud", coloured(0), -16, 0), ("pink-loud", coloured(3), -16, 0),
    ("brown-loud", coloured(6), -16, 0),
    ("comfort-noise", coloured(1.5), -55, 0), ("comfort-noise-loud", coloured(3), -42, 0),
    ("silence", silence, None, 0), ("idle-a-law", idle, None, 0),
    ("milliwatt-1004", tones([1004]), 0, 0.005), ("tone-2600", tones([2600]), -10, 0.005),
]


def signals():
    """Variant 0 is nominal.  Others: level lower by up to 15 dB or higher by up to 3, frequency
    within the tolerance, begun anywhere in the cadence, and from variant 2 white noise at 30 dB
    under the active level."""
    rows = []
    for name, make, dbm0, tolerance in SIGNALS:
        for variant in range(3):
            r = draw("signal", name, variant)
            k = 1 + (r.uniform(-tolerance, tolerance) if variant else 0)
            skip = r.randrange(16 * RATE) if variant else 0
            x = make(SIGNAL + skip, k, r)[skip:].astype(np.float64)
            level = None
            if dbm0 is not None:
                level = dbm0 + (r.uniform(-15, min(3, -dbm0 - 3)) if variant else 0)
                x = levelled(x, level - 6.15)      # a sine of 0 dBm0 has -6.15 dBov
            elif variant and name == "silence":    # one with a constant, one with a stray bit
                x = x + 3 if variant == 1 else x + np.rint(noise_source(name).standard_normal(SIGNAL) * 0.4)
            if variant == 2 and dbm0 is not None:
                x = x + noise_source("noise", name).standard_normal(SIGNAL) * active_rms(x) * 10 ** -1.5
            file = f"signal/{name}-{variant}.s16"
            write(file, x)
            rows.append(entry(file, "signal", name, "left_out" if variant else "tuned", "", "computed",
                              signal=name, variant=variant, dbm0=None if level is None else round(level, 1),
                              noise="30 dB" if variant == 2 and dbm0 is not None else ""))
    return rows
