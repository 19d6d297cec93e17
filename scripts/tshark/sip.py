"""SIP messages and session descriptions as tshark shows them: the little of RFC 3261, 3264 and 8866 that comparing needs.

Nothing here is taken from Bellwether's own reading: the two are to be wrong independently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

# RFC 3261 section 7.3.3.
COMPACT = {"v": "via", "f": "from", "t": "to", "m": "contact", "i": "call-id", "l": "content-length"}


@dataclass(frozen=True)
class Address:
    """A name-addr or addr-spec with what follows it (RFC 3261 section 20.10)."""

    uri: str
    params: dict[str, str]

    @property
    def user(self) -> str:
        """The user part, or the number of a tel URI; percent escapes undone (section 19.1.4)."""
        rest = self.uri.partition(":")[2]
        if self.uri[:4].lower() == "tel:":
            number = unquote(rest.partition(";")[0])
            # A local number is one within its context (RFC 3966 section 5.1.5).
            context = re.search(r";phone-context=([^;>]*)", rest)
            return number if number.startswith("+") or not context else f"{number};phone-context={unquote(context[1])}"
        return unquote(rest.rpartition("@")[0].partition(":")[0]) if "@" in rest else ""

    @property
    def identity(self) -> str:
        """Scheme, user and host, without port and parameters."""
        if not self.is_uri:
            return self.uri
        scheme, _, rest = self.uri.partition(":")
        user, at, host = rest.rpartition("@")
        if scheme.lower() == "tel":
            return f"tel:{self.user}"
        host = re.split(r"[;?>]", host)[0].lower()
        return f"{scheme.lower()}:{unquote(user.partition(':')[0])}{at}{re.sub(r':[0-9]*$', '', host)}"

    @property
    def is_uri(self) -> bool:
        return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", self.uri) is not None

    @property
    def party(self) -> str:
        """Who it is: the user, or the host where there is none (section 19.1.1: the resource is then the host itself)."""
        rest = self.uri.partition(":")[2]
        return self.user or re.split(r"[;?>]|:[0-9]+$", re.split(r"[;?>]", rest.rpartition("@")[2])[0])[0]


@dataclass(frozen=True)
class Media:
    """Where an m= line wants to receive, and the payload types it names."""

    kind: str
    address: str
    port: int
    # Payload type to encoding name, lower case, and clock rate.
    formats: dict[int, tuple[str, int]]
    candidates: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Message:
    """One SIP message of a frame."""

    frame: int
    at: int
    src: str
    dst: str
    protocols: tuple[str, ...]
    start: str
    head: str
    media: tuple[Media, ...] = field(default=(), repr=False)
    # Addresses and identification of the IP datagram, where it came in fragments.
    fragments_of: tuple[str, ...] | None = None
    # Whether no line feed ends the start line: tshark takes a bare carriage return for an end.
    is_open: bool = False

    @cached_property
    def headers(self) -> dict[str, list[str]]:
        """Values by name in lower case, folded lines joined (section 7.3.1)."""
        found: dict[str, list[str]] = {}
        for line in re.sub(r"\r?\n[ \t]+", " ", self.head).split("\n"):
            name, colon, value = line.partition(":")
            name = name.strip().lower()
            if colon:
                found.setdefault(COMPACT.get(name, name), []).append(value.strip())
        return found

    def first(self, name: str) -> str:
        return self.headers.get(name, [""])[0]

    @property
    def code(self) -> int | None:
        """Status code of a response."""
        words = self.start.split(" ")
        if not words[0].upper().startswith("SIP/"):
            return None
        return number(words[1]) or 0 if len(words) > 1 else 0

    @property
    def method(self) -> str:
        """Method of a request, or of the request that a response answers."""
        return self.start.split(" ")[0] if self.code is None else self.cseq[1]

    @cached_property
    def cseq(self) -> tuple[int, str]:
        words = self.first("cseq").split()
        sequence = number(words[0]) if words else None
        return -1 if sequence is None else sequence, words[1] if len(words) > 1 else ""

    @cached_property
    def sender(self) -> Address:
        return address(self.first("from"))

    @cached_property
    def recipient(self) -> Address:
        return address(self.first("to"))

    @property
    def contacts(self) -> list[Address]:
        return [address(one) for value in self.headers.get("contact", []) for one in split(value)]


def number(text: str) -> int | None:
    """Decimal digits of ASCII; more than a header may hold is no number."""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None


def outside(text: str, wanted: str) -> list[int]:
    """Where the character stands outside of quoted strings and angle brackets."""
    places, quoted, angle, escaped = [], False, False, False
    for i, c in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = c == "\\", c != '"'
        elif c == wanted and (not angle or c == ">"):
            places.append(i)
            angle = c == "<"
        elif c == '"':
            quoted = True
        elif c in "<>":
            angle = c == "<"
    return places


def split(value: str) -> list[str]:
    """A comma-separated list."""
    ends = [*outside(value, ","), len(value)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    return [value[a:b].strip() for a, b in zip(starts, ends) if value[a:b].strip()]


def address(value: str) -> Address:
    opening = outside(value, "<")
    if opening:
        uri, _, rest = value[opening[0] + 1 :].partition(">")
    else:
        # Without angle brackets the parameters are the header's (section 20.10).
        uri, _, rest = value.partition(";")
        rest = f";{rest}"
    cuts = [*outside(rest, ";"), len(rest)]
    params = {}
    for a, b in zip(cuts, cuts[1:]):
        name, _, text = rest[a + 1 : b].partition("=")
        params[name.strip().lower()] = text.strip()
    return Address(uri.strip(), params)


def descriptions(lines: list[tuple[str, str]]) -> tuple[Media, ...]:
    """The media of a session description from its lines, as tshark's fields name them."""
    session = ""
    open_media: list[dict[str, Any]] = []
    for name, value in lines:
        if name == "sdp.connection_info":
            where = value.split()[2].split("/")[0] if len(value.split()) > 2 else ""
            if open_media:
                open_media[-1]["address"] = where
            else:
                session = where
        elif name == "sdp.media":
            words = value.split()
            port = number(words[1].split("/")[0]) if len(words) >= 3 else None
            if port is not None:
                formats = {t: STATIC[t] for t in map(number, words[3:]) if t in STATIC}
                open_media.append(
                    {"kind": words[0], "address": session, "port": port, "formats": formats, "candidates": []}
                )
        elif name == "sdp.media_attr" and open_media:
            if found := re.match(r"rtpmap: *([0-9]{1,3}) +([^/\s]+)/([0-9]{1,6})", value):
                open_media[-1]["formats"][int(found[1])] = (found[2].lower(), max(int(found[3]), 1))
            elif (
                value.startswith("candidate:")
                and len(words := value.split()) > 5
                and (port := number(words[5])) is not None
            ):
                open_media[-1]["candidates"].append((words[4], port))
    return tuple(Media(**{**m, "candidates": tuple(m["candidates"])}) for m in open_media)


# RFC 3551 sections 4.5.2 and 6: G722 keeps the rate of 8000 that was written in error.
STATIC = {
    0: ("pcmu", 8000), 3: ("gsm", 8000), 4: ("g723", 8000), 5: ("dvi4", 8000), 6: ("dvi4", 16000), 7: ("lpc", 8000),
    8: ("pcma", 8000), 9: ("g722", 8000), 10: ("l16", 44100), 11: ("l16", 44100), 12: ("qcelp", 8000), 13: ("cn", 8000),
    14: ("mpa", 90000), 15: ("g728", 8000), 16: ("dvi4", 11025), 17: ("dvi4", 22050), 18: ("g729", 8000),
    25: ("celb", 90000), 26: ("jpeg", 90000), 28: ("nv", 90000), 31: ("h261", 90000), 32: ("mpv", 90000),
    33: ("mp2t", 90000), 34: ("h263", 90000),
}  # fmt: skip
