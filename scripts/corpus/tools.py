"""Constants of the corpus, random numbers, levels and files."""

import hashlib
import json
import math
import os
import random
import subprocess
import time
import wave

import numpy as np


SEED = 1
RATE = 8000
PIECE = 25 * RATE                     # samples in a recording
SIGNAL = 20 * RATE                    # samples in a signal
LEVEL = -23.0                         # active level of speech, dBov
PER_VOICE = 60                        # recordings a synthetic voice
PER_SPEAKER = 60                      # at most, as the material allows
# The build runs in the folder of the corpus.
OUT = os.getcwd()

# What could not be had, and what was dropped.
NOTES = []

def run(args, limit, **kw):
    """A command with a time limit; its standard output as octets.  Raises if it fails."""
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                          check=True, **kw).stdout


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def note(text):
    say(text)
    NOTES.append(text)


def draw(*names):
    """A generator of random numbers for one purpose: parts do not depend on each other."""
    return random.Random("/".join(map(str, (SEED,) + names)))


def noise_source(*names):
    d = hashlib.sha256("/".join(map(str, (SEED,) + names)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(d[:16], "little")))


def decode(path, data=None):
    """Any file that sox reads as float samples at 8 kHz mono (no dither, so that it repeats)."""
    if data is None and path.endswith(".wav"):
        with wave.open(path) as w:
            if (w.getnchannels(), w.getsampwidth(), w.getframerate()) == (1, 2, RATE):
                return np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float64)
    raw = run(["sox", "-D", "-V1", path if data is None else "-", "-t", "raw", "-r", str(RATE),
               "-e", "signed", "-b", "16", "-c", "1", "-"], 120, **({"input": data} if data else {}))
    return np.frombuffer(raw, "<i2").astype(np.float64)


def active_rms(x):
    """RMS of the active frames: those of 20 ms within 15.9 dB of the active level (after P.56)."""
    n = len(x) // 160
    if n == 0:
        return 0.0
    e = (x[:n * 160].reshape(n, 160) ** 2).mean(1)
    level = e.mean()
    for _ in range(30):
        level = e[e >= level * 10 ** -1.59].mean()
    return math.sqrt(level)


def levelled(x, dbov=LEVEL):
    r = active_rms(x)
    return x * (32768 * 10 ** (dbov / 20) / r) if r > 0 else x


def trimmed(x, before=0.03, after=0.2):
    """Without the silence around it, but for a little."""
    n = len(x) // 80
    e = (x[:n * 80].reshape(n, 80) ** 2).mean(1)
    on = np.nonzero(e > max(e.max() * 1e-4, 25))[0]
    if not len(on):
        return x
    a, b = on[0] * 80 - int(before * RATE), (on[-1] + 1) * 80 + int(after * RATE)
    return np.concatenate([np.zeros(max(0, -a)), x[max(0, a):b], np.zeros(max(0, b - len(x)))])


def write(name, x):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    clipped = int((np.abs(x) > 32767).sum())
    if clipped > len(x) // 2000:
        note(f"{name}: {clipped} samples clipped")
    np.clip(np.rint(x), -32768, 32767).astype("<i2").tofile(path)


def read(name):
    return np.fromfile(os.path.join(OUT, name), "<i2")


def entry(file, kind, voice, column, text="", source="", speaker=None, **more):
    e = dict(file=file, kind=kind, voice=voice, speaker=speaker or voice, column=column,
             text=text, source=source)
    e.update(more)
    return e


def part(name, make):
    """Runs a part unless it is complete, and returns its entries."""
    path = os.path.join(OUT, "parts", name + ".jsonl")
    if os.path.exists(path):
        rows = [json.loads(l) for l in open(path, encoding="utf-8")]
        notes, rows = rows[0]["notes"], rows[1:]
        if all(os.path.exists(os.path.join(OUT, r["file"])) for r in rows):
            NOTES.extend(notes)
            return rows
    start, before = time.time(), len(NOTES)
    rows = make()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        for r in [{"notes": NOTES[before:]}] + rows:
            f.write(json.dumps(r, ensure_ascii=False) + "\n")
    os.replace(path + ".new", path)
    say(f"{name}: {len(rows)} files, {time.time() - start:.0f} s")
    return rows
