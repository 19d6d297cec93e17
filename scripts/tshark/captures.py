"""Captures among files, in a form that both programs read."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

# First octets of pcap (both byte orders; microseconds, nanoseconds, and the modified form) and of pcapng.
MAGIC = {
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34", b"\x0a\x0d\x0d\x0a",
}  # fmt: skip
# Microsoft Network Monitor, which editcap turns into pcap for both programs.
FOREIGN = {b"GMBU"}
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5"
COMPRESSED = {GZIP: ".gz", ZSTD: ".zst"}


def magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def is_capture(path: Path) -> bool:
    """Whether a file found in a folder is a capture; named files are taken as they are."""
    start = magic(path)
    if start[:2] in COMPRESSED:
        return path.suffix == COMPRESSED[start[:2]] and "cap" in Path(path.stem).suffix
    return start in MAGIC or start in FOREIGN


def captures(arguments: list[Path]) -> list[Path]:
    """The files to compare, folders replaced by the captures in them and below."""
    found: list[Path] = []
    for path in arguments:
        if path.is_dir():
            found += sorted(f for f in path.rglob("*") if f.is_file() and is_capture(f))
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"{path} does not exist.")
    return found


def readable(path: Path, folder: str) -> tuple[Path, str | None]:
    """The capture in a form that both programs read, and how it was converted; tshark is often built without Zstandard."""
    start = magic(path)
    plain = Path(folder) / f"{path.name}.pcap"
    try:
        if start[:2] == ZSTD:
            subprocess.run(["zstd", "-dqf", path, "-o", plain], capture_output=True, check=True)
        elif start[:2] == GZIP:
            with gzip.open(path) as packed, plain.open("wb") as file:
                shutil.copyfileobj(packed, file)
        elif start in FOREIGN:
            subprocess.run(["editcap", "-F", "pcap", path, plain], capture_output=True, check=True)
            return plain, "converted to pcap"
        else:
            return path, None
    except (OSError, EOFError, subprocess.CalledProcessError):
        # The programs say themselves what they cannot read.
        return path, None
    return plain, None
