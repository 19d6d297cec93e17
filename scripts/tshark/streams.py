"""RTP streams by RFC 3550 from the packets that tshark reads, under the descriptions that were in force."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .sip import STATIC, Media, Message
from .wire import Packet, StreamKey

# RFC 3550 appendix A.1.
MAX_DROPOUT, MAX_MISORDER = 3000, 100

EVENTS = {"telephone-event", "cn", "tone"}

# A description may arrive a little after the first packets under it.
AHEAD = 100_000_000


@dataclass
class Stream:
    """One RTP source on its way from one endpoint to another."""

    key: StreamKey
    packets: list[Packet]
    # What tshark's own table says: packets and losses.
    table: tuple[int, int] | None
    codec: str | None = None
    codecs: set[str] = field(default_factory=set)
    lost: int = 0
    copies: int = 0
    restarts: int = 0
    # With every packet, and with those of telephone events left out; ms. None where no clock rate is known.
    jitter: float | None = None
    jitter_of_voice: float | None = None
    # The calls whose descriptions name an end of it.
    call_ids: set[str] = field(default_factory=set)
    # Those of its other direction (RFC 4961), and of the same source and SSRC on another way (RFC 8445 section 12).
    kin_call_ids: set[str] = field(default_factory=set)
    traits: set[str] = field(default_factory=set)


@dataclass
class Described:
    """A description of media: when, by whom, in which call."""

    at: int
    sender: str
    call_id: str
    media: Media


class Descriptions:
    """The descriptions of a capture, by the endpoints that they name."""

    def __init__(self, messages: list[Message]) -> None:
        self.at_endpoint: dict[str, list[Described]] = {}
        self.count = 0
        for m in messages:
            for media in m.media:
                described = Described(m.at, host(m.src), m.first("call-id"), media)
                self.count += 1
                for name, port in {(media.address, media.port), *media.candidates}:
                    where = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
                    if port:
                        self.at_endpoint.setdefault(where, []).append(described)

    def naming(self, key: StreamKey) -> tuple[list[Described], list[Described]]:
        """Those that name where a stream goes, and those that name where it comes from."""
        return self.at_endpoint.get(key[1], []), self.at_endpoint.get(key[0], [])

    def format(self, key: StreamKey, packet: Packet) -> tuple[str, int] | None:
        """Encoding name and clock rate of a packet: what its receiver said last before it (RFC 3264 section 5.1), or
        where no description names the receiver's end, as behind a NAT, its sender."""
        receiver, sender = self.naming(key)
        known = [d for d in receiver or sender if packet.payload_type in d.media.formats]
        in_force = [d for d in known if d.at <= packet.at + AHEAD] or known[:1]
        return in_force[-1].media.formats[packet.payload_type] if in_force else STATIC.get(packet.payload_type)


def host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0]


def streams(packets: dict[StreamKey, list[Packet]], table: dict[StreamKey, tuple[int, int]], messages: list[Message],
            ended: dict[str, int]) -> dict[StreamKey, Stream]:  # fmt: skip
    """The streams, given when each Call-ID's last call ended."""
    descriptions = Descriptions(messages)
    found = {key: stream(key, own, table.get(key), descriptions) for key, own in packets.items()}
    by_source: dict[tuple[str, int], set[str]] = {}
    by_ends: dict[tuple[str, str], set[str]] = {}
    # A relay passes a stream on under its SSRC: it leaves the host that the other one goes to.
    leaving: dict[tuple[str, int], set[str]] = {}
    entering: dict[tuple[str, int], set[str]] = {}
    for (src, dst, ssrc), one in found.items():
        by_source.setdefault((src, ssrc), set()).update(one.call_ids)
        by_ends.setdefault((dst, src), set()).update(one.call_ids)
        leaving.setdefault((host(src), ssrc), set()).update(one.call_ids)
        entering.setdefault((host(dst), ssrc), set()).update(one.call_ids)
    for (src, dst, ssrc), one in found.items():
        one.kin_call_ids = by_source[src, ssrc] | by_ends.get((src, dst), set())
        one.kin_call_ids |= entering.get((host(src), ssrc), set()) | leaving.get((host(dst), ssrc), set())
        is_over = one.call_ids and all(ended.get(i, one.packets[0].at) < one.packets[0].at for i in one.call_ids)
        one.traits |= {"behind-the-call"} if is_over else set()
    return found


def stream(key: StreamKey, packets: list[Packet], table: tuple[int, int] | None, descriptions: Descriptions) -> Stream:
    found = Stream(key, packets, table)
    named: list[tuple[str, int] | None] = []
    names: Counter[str] = Counter()
    cache: dict[tuple[int, int], tuple[str, int] | None] = {}
    news = sorted({d.at for side in descriptions.naming(key) for d in side})
    for p in packets:
        # What is in force changes only where a description comes.
        phase = sum(at <= p.at + AHEAD for at in news)
        if (p.payload_type, phase) not in cache:
            cache[p.payload_type, phase] = descriptions.format(key, p)
        named.append(cache[p.payload_type, phase])
        names[named[-1][0] if named[-1] else "none"] += 1
    voice = Counter({name: n for name, n in names.items() if name not in EVENTS})
    found.codec = (voice or names).most_common(1)[0][0]
    found.codecs = set(names)
    for side in descriptions.naming(key):
        found.call_ids |= {d.call_id for d in side}
    receive(found)
    found.jitter = jitter(packets, named, leave_out=set())
    found.jitter_of_voice = jitter(packets, named, leave_out=EVENTS - {"cn"})
    rates = {one[1] for one in named if one}
    found.traits |= {"several-rates"} if len(rates) > 1 else set()
    found.traits |= {"events"} if EVENTS & found.codecs else set()
    found.traits |= {"described"} if found.call_ids else {"undescribed"}
    found.traits |= {"copies"} if found.copies else set()
    found.traits |= {"restarts"} if found.restarts else set()
    found.traits |= {"padded"} if any(p.is_padded for p in packets) else set()
    found.traits |= set() if is_orderly(packets) else {"never-four-in-order"}
    kinds = {d.media.kind for side in descriptions.naming(key) for d in side}
    found.traits |= {"t38"} if "image" in kinds else set()
    found.traits |= {"rate-unknown"} if found.jitter is None else set()
    return found


def is_orderly(packets: list[Packet]) -> bool:
    """Whether four packets came one behind the other: without a description fewer are no proof of RTP."""
    run = 1
    for before, after in zip(packets, packets[1:]):
        run = run + 1 if (after.seq - before.seq) % 0x10000 == 1 else 1
        if run >= 4:
            return True
    return False


def receive(s: Stream) -> None:
    """Losses by RFC 3550 A.1 and A.3, copies left out; a jump beyond A.1's limits begins a new sequence."""
    seen: set[int] = set()
    highest = base = 0
    for i, p in enumerate(s.packets):
        step = (p.seq - highest + 0x8000) % 0x10000 - 0x8000
        if i == 0 or not -MAX_MISORDER <= step <= MAX_DROPOUT:
            if i:
                s.restarts += 1
                s.lost += highest - base + 1 - len(seen)
            highest, base, seen = p.seq, p.seq, {p.seq}
            continue
        extended = highest + step
        if extended in seen:
            s.copies += 1
        seen.add(extended)
        highest, base = max(highest, extended), min(base, extended)
    s.lost += highest - base + 1 - len(seen)


def jitter(packets: list[Packet], named: list[tuple[str, int] | None], leave_out: set[str]) -> float | None:
    """RFC 3550 A.8 to the end, in ms; packets behind others and copies are passed over."""
    smoothed, last, highest = 0.0, None, None
    for p, name in zip(packets, named):
        if name is None or name[0] in leave_out:
            continue
        step = 1 if highest is None else (p.seq - highest + 0x8000) % 0x10000 - 0x8000
        if -MAX_MISORDER <= step <= 0:
            continue
        is_new_run = highest is not None and not 0 < step <= MAX_DROPOUT
        highest = p.seq
        if last is not None and last[2] == name[1] and not is_new_run:
            sent = (p.ticks - last[1] + 0x80000000) % 0x100000000 - 0x80000000
            difference = abs((p.at - last[0]) / 1e6 - sent * 1e3 / name[1])
            smoothed += (difference - smoothed) / 16
        last = (p.at, p.ticks, name[1])
    return None if last is None else smoothed
