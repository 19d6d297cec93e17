"""Recorded prompts of people, joined at random."""

import hashlib
import math
import os
import re
import subprocess

import numpy as np

from corpus.tools import PER_SPEAKER, PIECE, RATE, decode, draw, entry, levelled, note, run, write


# name, package, pattern of paths in it, column
SPEAKERS = [
    ("asterisk-fr-june", "asterisk-core-sounds-fr-wav", r"", "tuned"),
    ("fillets-cs-small", "fillets-ng-data-cs", r"/cs/[a-z0-9]+-m-[^/]*$", "tuned"),
    ("fillets-cs-big", "fillets-ng-data-cs", r"/cs/[a-z0-9]+-v-[^/]*$", "tuned"),
    ("asterisk-en-allison", "asterisk-core-sounds-en-wav", r"", "left_out"),
    ("asterisk-es-allison", "asterisk-core-sounds-es-wav", r"", "left_out"),
    ("asterisk-it-carlo", "asterisk-core-sounds-it-wav", r"", "left_out"),
    ("asterisk-ru-ivrvoice", "asterisk-core-sounds-ru-wav", r"", "left_out"),
    ("armelle", "asterisk-prompt-fr-armelle", r"", "left_out"),
    ("fillets-nl-small", "fillets-ng-data-nl", r"/nl/[a-z0-9]+-m-[^/]*$", "left_out"),
    ("fillets-nl-big", "fillets-ng-data-nl", r"/nl/[a-z0-9]+-v-[^/]*$", "left_out"),
]
# Not speech: tones, silence, monkeys.
NOT_SPEECH = re.compile(r"/(silence/|beep|ascending-|descending-|tt-monkeys\.|"
                        r"confbridge-(join|leave)\.)")


def package_files(package, pattern=r""):
    """A package's sound files; a link and what it points to count once."""
    try:
        names = run(["dpkg", "-L", package], 60).decode().split("\n")
    except subprocess.CalledProcessError:
        note(f"package {package} is missing")
        return []
    return sorted({os.path.realpath(n) for n in names
                   if re.search(r"\.(wav|gsm|ogg)$", n) and re.search(pattern, n) and os.path.isfile(n)})


def envelope(x):
    """Where sound begins and ends (frames of 10 ms), and 64 log levels of what lies between."""
    n = len(x) // 80
    e = (x[:n * 80].reshape(n, 80) ** 2).mean(1)
    on = np.nonzero(e > max(e.max() * 1e-3, 100))[0]
    if len(on) < 30:
        return None
    e = np.log(e[on[0]:on[-1] + 1] + e.max() * 1e-3)
    q = np.interp(np.linspace(0, len(e) - 1, 64), np.arange(len(e)), e)
    q -= q.mean()
    return len(e), q / (np.linalg.norm(q) + 1e-9)


def likeness(a, b):
    """The greatest correlation of two waveforms over all shifts."""
    n = 1 << (len(a) + len(b)).bit_length()
    c = np.fft.irfft(np.fft.rfft(a, n) * np.conj(np.fft.rfft(b, n)), n)
    return np.abs(c).max() / math.sqrt((a @ a) * (b @ b))


def landmarks(x):
    """(hash, frame of 20 ms) of pairs of spectral peaks, after Wang: equal where audio is equal."""
    if len(x) < 800:
        return np.zeros((2, 0), np.int64)
    s = np.log(np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(x, 512)[::160]
                                  * np.hanning(512), axis=1))[:, 13:240] + 30)
    view = np.lib.stride_tricks.sliding_window_view
    top = view(np.pad(s, ((6, 6), (8, 8)), constant_values=-9), 13, axis=0).max(-1)
    top = view(top, 17, axis=1).max(-1)
    t, f = np.nonzero((s >= top) & (s > 6.5))
    out = []
    for d in range(1, 6):
        dt = t[d:] - t[:-d]
        ok = (dt > 0) & (dt < 64)
        out.append(np.stack([(f[:-d][ok] * 256 + f[d:][ok]) * 64 + dt[ok], t[:-d][ok]]))
    return np.concatenate(out, axis=1).astype(np.int64)


def shared_takes(clips):
    """Pairs of clips (by number) that hold the same audio somewhere, for 0.4 s or more: at least
    8 landmarks agree on one offset, and there the waveforms correlate above 0.8."""
    marks = [landmarks(x) for x in clips]
    key = np.concatenate([m[0] for m in marks])
    at = np.concatenate([m[1] for m in marks])
    who = np.concatenate([np.full(m.shape[1], i) for i, m in enumerate(marks)])
    order = np.lexsort((at, who, key))
    key, at, who = key[order], at[order], who[order]
    codes = []
    for d in range(1, 25):                     # neighbours of one hash
        ok = (key[d:] == key[:-d]) & (who[d:] != who[:-d])
        codes.append((who[:-d][ok] * 8192 + who[d:][ok]) * 8192 + at[d:][ok] - at[:-d][ok] + 4096)
    code, count = np.unique(np.concatenate(codes), return_counts=True)
    found = []
    for c in code[count >= 8]:
        i, j, offset = int(c) >> 26, int(c) >> 13 & 8191, (int(c) & 8191) - 4096
        if found and found[-1] == (i, j):
            continue
        a, b, w = clips[i], clips[j], int(0.4 * RATE)
        for p in range(0, len(a) - w + 1, w // 2):
            q = p + offset * 160
            one, two = a[p:p + w], b[max(0, q - 240):max(0, q + w + 240)]
            if (one @ one) / w < 1e4 or len(two) < w:
                continue
            energy = np.convolve(two ** 2, np.ones(w), "valid")
            if (np.abs(np.correlate(two, one, "valid")) / np.sqrt(energy * (one @ one) + 1)).max() > 0.8:
                found.append((i, j))
                break
    return found


def prompts():
    """speaker -> [(path, samples)], each audio once.  Of files of equal samples, and of files of
    one length whose waveforms correlate above 0.7 (one take at another gain or coding, also across
    packages and columns), the first in the order of SPEAKERS is kept; of prompts that are spliced
    from one take, the longer."""
    seen, kept, drops = {}, {s[0]: [] for s in SPEAKERS}, {}
    pool = []
    for speaker, package, pattern, _ in SPEAKERS:
        for path in package_files(package, pattern):
            if NOT_SPEECH.search(path):
                continue
            try:
                x = decode(path)
            except Exception as e:
                note(f"{path} cannot be read: {type(e).__name__}")
                continue
            if len(x) < RATE // 2 or np.abs(x).max() < 300:
                drops["shorter than 0.5 s or silent"] = drops.get("shorter than 0.5 s or silent", 0) + 1
                continue
            key = hashlib.sha256(x.tobytes()).digest()
            if key in seen:
                drops["equal samples"] = drops.get("equal samples", 0) + 1
                continue
            seen[key] = path
            pool.append((speaker, path, x))
    shapes = [(envelope(x), i) for i, (_, _, x) in enumerate(pool)]
    shapes = sorted(((s[0], i, s[1]) for s, i in shapes if s), key=lambda s: s[:2])
    lengths = np.array([s[0] for s in shapes])
    matrix = np.array([s[2] for s in shapes]) if shapes else np.zeros((0, 64))
    gone = set()
    for j in range(len(shapes)):
        end = np.searchsorted(lengths, lengths[j] * 1.03 + 2, "right")
        for k in np.nonzero(matrix[j + 1:end] @ matrix[j] > 0.93)[0]:
            a, b = sorted((shapes[j][1], shapes[j + 1 + k][1]))
            if a not in gone and b not in gone and likeness(pool[a][2], pool[b][2]) > 0.7:
                gone.add(b)
                note(f"one take: {os.path.join(*pool[a][1].split('/')[-3:])} and "
                     f"{os.path.join(*pool[b][1].split('/')[-3:])} (the latter is dropped)")
    left = [i for i in range(len(pool)) if i not in gone]
    for a, b in shared_takes([pool[i][2] for i in left]):
        a, b = sorted((left[a], left[b]), key=lambda i: (-len(pool[i][2]), i))
        if a not in gone and b not in gone:
            gone.add(b)
            note(f"spliced from one take: {os.path.join(*pool[a][1].split('/')[-3:])} and "
                 f"{os.path.join(*pool[b][1].split('/')[-3:])} (the latter is dropped)")
    for why, n in sorted(drops.items()):
        note(f"prompts dropped, {why}: {n}")
    for i, (speaker, path, x) in enumerate(pool):
        if i not in gone:
            kept[speaker].append((path, x))
    return kept


def people():
    rows = []
    kept = prompts()
    for speaker, package, _, column in SPEAKERS:
        r = draw("people", speaker)
        files = kept[speaker]
        r.shuffle(files)
        count, position = 0, 0
        while count < PER_SPEAKER:
            pieces, names, n = [], [], 0
            while n < PIECE and position < len(files):
                path, x = files[position]
                position += 1
                pause = np.zeros(int(r.uniform(0.15, 0.6) * RATE))
                pieces += [x, pause]
                names.append(os.path.basename(path))
                n += len(x) + len(pause)
            if n < PIECE:                      # the rest is too short
                break
            file = f"people/{speaker}-{count:02}.s16"
            write(file, levelled(np.concatenate(pieces)[:PIECE]))
            rows.append(entry(file, "people", speaker, column, " ".join(names), package,
                              speaker=re.sub(r"^asterisk-(en|es)-", "asterisk-", speaker)))
            count += 1
        if count < 25:
            note(f"{speaker}: material for {count} pieces only")
    return rows
