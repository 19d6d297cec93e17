"""Copies through codecs."""

import ctypes
import os

import numpy as np

from corpus.tools import active_rms, entry, note, read, run, write


def by_sox(kind, *options):
    def code(x):
        wire = run(["sox", "-D", "-V1", "-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", "-",
                    "-t", kind, *options, "-"], 120, input=x.tobytes())
        return np.frombuffer(run(["sox", "-D", "-V1", "-t", kind, "-", "-t", "raw", "-r", "8000", "-e", "signed",
                                  "-b", "16", "-c", "1", "-"], 120, input=wire), "<i2")
    return code


def g729(x):
    lib = ctypes.CDLL("libbcg729.so.0")
    p, u8 = ctypes.c_void_p, ctypes.c_uint8
    lib.initBcg729EncoderChannel.restype = lib.initBcg729DecoderChannel.restype = p
    lib.initBcg729EncoderChannel.argtypes = [u8]
    lib.bcg729Encoder.argtypes = [p, p, p, p]
    lib.bcg729Decoder.argtypes = [p, p, u8, u8, u8, u8, p]
    lib.closeBcg729EncoderChannel.argtypes = lib.closeBcg729DecoderChannel.argtypes = [p]
    encoder, decoder = lib.initBcg729EncoderChannel(0), lib.initBcg729DecoderChannel()
    x = np.ascontiguousarray(np.resize(x, len(x) // 80 * 80))
    y = np.zeros_like(x)
    bits, size = (u8 * 32)(), u8(0)
    for i in range(0, len(x), 80):
        lib.bcg729Encoder(encoder, x.ctypes.data + 2 * i, ctypes.addressof(bits), ctypes.addressof(size))
        lib.bcg729Decoder(decoder, ctypes.addressof(bits), size.value, 0, 0, 0, y.ctypes.data + 2 * i)
    lib.closeBcg729EncoderChannel(encoder)
    lib.closeBcg729DecoderChannel(decoder)
    return y


def g726(x):
    lib = ctypes.CDLL("libspandsp.so.2")
    p, i = ctypes.c_void_p, ctypes.c_int
    lib.g726_init.restype, lib.g726_init.argtypes = p, [p, i, i, i]
    lib.g726_encode.restype, lib.g726_encode.argtypes = i, [p, p, p, i]
    lib.g726_decode.restype, lib.g726_decode.argtypes = i, [p, p, p, i]
    lib.g726_free.argtypes = [p]
    x = np.ascontiguousarray(x)
    wire, y = np.zeros(len(x), np.uint8), np.zeros(len(x) + 8, "<i2")
    s = lib.g726_init(None, 32000, 0, 0)                   # linear samples, one code an octet
    n = lib.g726_encode(s, wire.ctypes.data, x.ctypes.data, len(x))
    lib.g726_free(s)
    s = lib.g726_init(None, 32000, 0, 0)
    n = lib.g726_decode(s, y.ctypes.data, wire.ctypes.data, n)
    lib.g726_free(s)
    return y[:n]


def opus(x):
    wire = run(["opusenc", "--quiet", "--raw", "--raw-rate", "8000", "--raw-chan", "1", "--bitrate", "12",
                "--framesize", "20", "--speech", "--serial", "1", "-", "-"], 120, input=x.tobytes())
    return np.frombuffer(run(["opusdec", "--quiet", "--rate", "8000", "--no-dither", "-", "-"], 120,
                             input=wire), "<i2")


CODECS = [("gsm", by_sox("gsm")), ("amr-5.9", by_sox("amr-nb", "-C", "2")), ("g729", g729),
          ("opus-12", opus), ("g726-32", g726)]


def chosen(rows, count):
    """`count` rows, taken from the voices in turn: the first of each, the second of each ..."""
    by_voice = {}
    for r in rows:
        by_voice.setdefault(r["voice"], []).append(r)
    out, i = [], 0
    while len(out) < count and any(i < len(v) for v in by_voice.values()):
        out += [v[i] for v in by_voice.values() if i < len(v)]
        i += 1
    return out[:count]


def codecs(all_rows):
    originals = []
    for kind, count in (("speech", 20), ("people", 10)):
        for column in ("tuned", "left_out"):
            originals += chosen([r for r in all_rows if r["kind"] == kind and r["column"] == column], count)
    rows = []
    for name, code in CODECS:
        done = 0
        for r in originals:
            try:
                x = read(r["file"])
                y = code(x)
                if not 0.98 * len(x) < len(y) < 1.02 * len(x) or active_rms(y.astype(float)) < 300:
                    raise RuntimeError(f"{len(y)} samples of {len(x)}")
            except Exception as e:
                note(f"codec {name}: {type(e).__name__} {str(e)[:200]}")
                break
            file = f"codec/{name}/{os.path.basename(r['file'])}"
            write(file, y.astype(np.float64))
            rows.append(entry(file, "codec", r["voice"], r["column"], r["text"], r["file"], r["speaker"],
                              codec=name, of=r["kind"]))
            done += 1
        if done < len(originals):
            note(f"codec {name}: {done} of {len(originals)} files")
    return rows
