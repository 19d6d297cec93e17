"""Builds a speech corpus for measuring prints of telephone recordings.
The folder takes 1 GB and 10 minutes.

What it makes.  All audio is raw signed 16-bit little-endian mono at 8000 Hz (.s16).
  OUT/manifest.jsonl  one JSON object a file:
                      file, kind, voice, speaker, column, text, source and, by kind, more
  OUT/stock.txt       path in the package, seconds, decoded file (tab between), one line a file
                      of Asterisk's core sounds and music on hold: what a stock list is made of
  OUT/stock/          those files, decoded
  OUT/SHA256SUMS      digests of all .s16 files, to compare two builds
  OUT/notes.txt       what could not be had, what was dropped, and versions
Kinds:
  speech   synthetic voices, 25 s of random sentences; no voice says a pair of words twice
  people   prompts of one speaker, joined in random order with pauses; each prompt once
  music    25 s of music on hold and of a game's music
  signal   20 s of tones, modems, noise, silence; field `signal` names the class; the nominal
           form has `variant` 0 and column tuned; those varied in level, frequency, phase and
           noise are left_out
  firm     eight firms with a common opening and then own text, 25 s; `firm`, and `shared`:
           seconds until the own text begins
  example  one sentence of 4 to 6 s; `example` numbers the text within a voice
  opening  "Hello FIRST LAST.", ten for each example, to be put before it (no pause is needed)
  codec    copies of speech and people; `codec` names it, `source` the original
Columns: tuned (constants may be fitted to it) and left_out (only for the final measurement).
Music is left_out.

The build is deterministic for a SEED and for fixed versions of the packages.  A part that is
complete is not built again; delete OUT (or OUT/parts/PART.jsonl) to build anew.  What is missing
on the machine is installed: Debian packages by apt-get, Python packages by pip into OUT/venv.
It uses one process at nice 10.  Every command has a time limit.
"""

import hashlib
import json
import os
import sys

from corpus.codecs import codecs
from corpus.music import music, stock
from corpus.packages import DEBIAN, installed
from corpus.people import people
from corpus.signals import signals
from corpus.tools import NOTES, OUT, part, run, say
from corpus.voices import EXAMPLE_VOICES, FIRM_VOICES, Texts, examples, firms, speech, usable_voices


def main():
    rows = []
    for v in usable_voices():
        texts = Texts(v[0])                    # one order of texts: speech, firms, examples
        def voice_part(v=v, texts=texts):
            made = speech(v, texts)
            if v[0] in FIRM_VOICES:
                made += firms(v, texts)
            if v[0] in EXAMPLE_VOICES:
                made += examples(v, texts)
            return made
        rows += part(f"voice-{v[0]}", voice_part)
    rows += part("signals", signals)
    rows += part("people", people)
    rows += part("music", music)
    rows += part("codecs", lambda: codecs(rows))
    with open(os.path.join(OUT, "manifest.jsonl"), "w", encoding="utf-8") as f:
        for r in rows:
            f.write(json.dumps(r, ensure_ascii=False) + "\n")
    shipped = part("stock", stock)
    with open(os.path.join(OUT, "stock.txt"), "w", encoding="utf-8") as f:
        for r in shipped:
            f.write(f"{r['path']}\t{r['seconds']}\t{r['file']}\n")
    known = {r["file"] for r in rows + shipped}
    for kind in ("speech", "people", "music", "signal", "firm", "example", "codec", "stock"):
        for folder, _, files in os.walk(os.path.join(OUT, kind)):      # of an earlier build
            for name in files:
                path = os.path.join(folder, name)
                if name.endswith(".s16") and os.path.relpath(path, OUT) not in known:
                    os.remove(path)
    with open(os.path.join(OUT, "SHA256SUMS"), "w") as f:
        for name in sorted(r["file"] for r in rows + shipped):
            f.write(f"{hashlib.sha256(open(os.path.join(OUT, name), 'rb').read()).hexdigest()}  {name}\n")
    with open(os.path.join(OUT, "notes.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(dict.fromkeys(NOTES)) + "\n\nversions\n")
        f.write("".join(f"{p} {installed(p)}\n" for p in DEBIAN))
        f.write(run([sys.executable, "-m", "pip", "freeze"], 60).decode())
    counts = {}
    for r in rows:
        counts.setdefault((r["kind"], r["column"]), []).append(r["voice"])
    for (kind, column), v in sorted(counts.items()):
        say(f"{kind} {column}: {len(v)} files, {len(set(v))} voices")
    say(f"stock: {len(shipped)} files, {sum(r['seconds'] for r in shipped) / 3600:.2f} h")


if __name__ == "__main__":
    main()
