"""Counts of SIP messages, and what tshark counts otherwise for a known reason."""

from __future__ import annotations

import re
from collections import Counter

from .sip import Message
from .wire import Wire

# Encapsulations that Bellwether does not read yet, as tshark names them in frame.protocols.
# Take a name out when the program learns to read it.
UNREAD = {"esp", "tls", "sctp"}

# The methods that Bellwether counts by name; it counts every other token as "other".
METHODS = {
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY",
    "REFER", "MESSAGE", "PUBLISH",
}  # fmt: skip

# The HEP chunks that hold the message and say what it is.
HEP_PAYLOAD, HEP_PROTOCOL = 0x000F, 0x000B


def name(start: str) -> str:
    """Under which name a start line is counted."""
    words = start.split(" ")
    if words[0].upper().startswith("SIP/"):
        code = words[1] if len(words) > 1 else ""
        return code if re.fullmatch(r"[1-6]\d\d", code) else "invalid"
    return words[0] if words[0] in METHODS else "other"


def left_out_because(message: Message) -> str | None:
    """Why a message of tshark's is not Bellwether's to count, or none."""
    if {"icmp", "icmpv6"} & set(message.protocols):
        return "quoted-in-icmp"
    if any(p in UNREAD for p in message.protocols):
        return "encapsulation-not-read"
    return None


def counted(wire: Wire) -> tuple[list[Message], dict[str, Counter[str]], dict[str, list[int]]]:
    """The messages to compare; what has to be added to their counts for each reason; the frames of each reason."""
    kept: list[Message] = []
    changes: dict[str, Counter[str]] = {}
    frames: dict[str, list[int]] = {}
    fragments: set[tuple[str, ...]] = set()

    def change(reason: str, frame: int, start: str, n: int) -> None:
        changes.setdefault(reason, Counter())[name(start)] += n
        frames.setdefault(reason, []).append(frame)

    beyond = {number for number, _, is_cut in wire.suspects if is_cut}
    for m in wire.messages:
        reason = left_out_because(m)
        if reason is None and m.frame in beyond:
            reason = "longer-than-sent"
        elif reason is None and m.is_open:
            reason = "bare-carriage-return"
        elif reason is None and m.fragments_of is not None:
            # Copies of a datagram that came in fragments are put together once.
            key = (*m.fragments_of, m.start, m.head)
            reason = "fragments-copied" if key in fragments else None
            fragments.add(key)
        if reason is None:
            kept.append(m)
        else:
            change(reason, m.frame, m.start, -1)
    for number, payload, is_cut in wire.suspects:
        if is_cut:
            continue
        for reason, start in unseen(payload):
            change(reason, number, start, 1)
    return kept, changes, frames


def unseen(payload: bytes) -> list[tuple[str, str]]:
    """What Bellwether reads in a datagram that is no SIP to tshark: the reason and the start line."""
    if payload[:4] == b"HEP3":
        inner = hep(payload)
        return [("hep", start_line(inner))] if inner is not None else []
    line = start_line(payload)
    is_request = re.fullmatch(r"[!-~]+ .+ SIP/2\.0", line, re.DOTALL)
    is_response = re.match(r"SIP/2\.0 ", line, re.IGNORECASE)
    if is_response and name(line) == "invalid":
        return [("bad-status-code", line)]
    if "\0" in line and (is_request or is_response):
        return [("zero-octet-in-start-line", line)]
    return []


def start_line(payload: bytes) -> str:
    return payload.partition(b"\n")[0].rstrip(b"\r").decode("latin-1")


def hep(payload: bytes) -> bytes | None:
    """The payload of a HEP version 3 packet that says SIP, by its chunks."""
    at, inner, protocol = 6, None, 1
    while at + 6 <= len(payload):
        vendor, kind, length = (int.from_bytes(payload[at + i : at + i + 2], "big") for i in (0, 2, 4))
        if length < 6:
            break
        body = payload[at + 6 : at + length]
        if (vendor, kind) == (0, HEP_PAYLOAD):
            inner = body
        elif (vendor, kind) == (0, HEP_PROTOCOL) and body:
            protocol = body[0]
        at += length
    return inner if protocol == 1 else None
