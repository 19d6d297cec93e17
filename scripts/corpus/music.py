"""Music, and the announcements that PBX packages ship."""

import os

from corpus.people import package_files
from corpus.packages import LANGUAGES
from corpus.tools import PIECE, RATE, active_rms, decode, draw, entry, levelled, write


def music():
    """One piece a track: tracks are loops in part, so that two pieces of one may be equal."""
    rows = []
    for package, pattern in (("asterisk-moh-opsound-wav", r""), ("fillets-ng-data", r"/music/")):
        for path in package_files(package, pattern):
            x = decode(path)
            track = os.path.basename(path).rsplit(".", 1)[0]
            places = [i * PIECE for i in range(len(x) // PIECE)]
            places = [p for p in places if active_rms(x[p:p + PIECE]) > 30]
            for p in draw("music", track).sample(places, min(1, len(places))):
                file = f"music/{track}-{p // RATE:03}.s16"
                write(file, levelled(x[p:p + PIECE]))
                rows.append(entry(file, "music", track, "left_out", "", f"{package} {track} from {p // RATE} s"))
    return rows


def stock():
    """All of Asterisk's core sounds and music on hold, as they are (no level set)."""
    rows = []
    for package in [f"asterisk-core-sounds-{l}-wav" for l in LANGUAGES] + ["asterisk-moh-opsound-wav"]:
        for path in package_files(package):
            name = path.split("/asterisk/", 1)[-1]
            file = f"stock/{name.rsplit('.', 1)[0]}.s16"
            x = decode(path)
            write(file, x)
            rows.append({"file": file, "path": path, "seconds": round(len(x) / RATE, 3)})
    return rows
