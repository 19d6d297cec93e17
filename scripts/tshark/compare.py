"""Differences between Bellwether's reports and what tshark and the RFCs say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from urllib.parse import unquote

from . import calls, messages, ours, registrations, streams
from .sip import Address, Message
from .wire import Packet, StreamKey, Wire

MILLISECOND = 1_000_000

# Changes to tshark's counts that only a capture with damaged octets has.
DAMAGE = {"zero-octet-in-start-line", "bad-status-code", "bare-carriage-return", "longer-than-sent"}

# Asks tshark as which protocols it reads the datagrams from one endpoint to another.
Others = Callable[[StreamKey], set[str]]


@dataclass
class Difference:
    """One value that the two sides do not share, with what a rule may ask about it."""

    fact: str
    subject: str
    column: str
    ours: object
    theirs: object
    frames: list[int]
    traits: set[str] = field(default_factory=set)


@dataclass
class Result:
    """What comparing one capture gave."""

    compared: Counter[str] = field(default_factory=Counter)
    # RTP packets whose streams a description names, and those of them that Bellwether holds in a call.
    described: int = 0
    in_calls: int = 0
    differences: list[Difference] = field(default_factory=list)


def stamp(text: object) -> int | None:
    """Nanoseconds of an RFC 3339 time with nine digits of fraction."""
    if not isinstance(text, str):
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])


def compare(wire: Wire, reports: ours.Reports) -> Result:
    result = Result()
    kept, changes, frames = messages.counted(wire)
    result.compared["messages"] = sum(reports.messages.values())
    result.differences += compare_messages(kept, changes, frames, reports)
    if "hep" in changes:
        # tshark reads none of the messages within HEP: it has no calls and registrations to compare with.
        return result
    for name, rows in (
        ("calls", reports.calls),
        ("registrations", reports.registrations),
        ("streams", reports.streams),
    ):
        result.compared[name] = len(rows)
    in_order = sorted(kept, key=lambda m: (m.at, m.frame))
    found = list(compare_facts(wire, wire.packets, in_order, reports))
    result.described, result.in_calls = linked(wire, in_order, reports)
    if found and "timestamp_backward" in reports.losses:
        # Bellwether raises stamps that go back, and says so; with stamps raised here too some differences may be gone.
        raised = wire.raised()
        again = [replace(m, at=raised.get(m.frame, m.at)) for m in kept]
        packets = {key: [replace(p, at=raised.get(p.frame, p.at)) for p in own] for key, own in wire.packets.items()}
        left = {(d.fact, d.subject, d.column) for d in compare_facts(wire, packets, again, reports)}
        for difference in found:
            if (difference.fact, difference.subject, difference.column) not in left:
                difference.traits.add("as-with-raised-stamps")
    if DAMAGE & set(changes):
        for difference in found:
            difference.traits.add("in-a-damaged-capture")
    result.differences += found
    return result


def compare_facts(wire: Wire, packets: dict[StreamKey, list[Packet]], ordered: list[Message],
                  reports: ours.Reports) -> Iterator[Difference]:  # fmt: skip
    found_calls = calls.calls(ordered)
    unseen = b"\n".join(payload for _, payload, _ in wire.suspects)
    yield from compare_calls(found_calls, reports.calls, unseen)
    yield from compare_registrations(registrations.registrations(ordered), reports.registrations)
    ended = {call.call_id: call.ended_at for call in found_calls if call.ended_at is not None}
    found_streams = streams.streams(packets, wire.streams, ordered, ended)
    yield from compare_streams(found_streams, reports.streams, wire.others)


def linked(wire: Wire, ordered: list[Message], reports: ours.Reports) -> tuple[int, int]:
    """How many RTP packets belong to described streams, and how many of those Bellwether holds in a call."""
    held = {(str(r["src"]), str(r["dst"]), int(str(r["ssrc"]))) for r in reports.streams if r["call_id"]}
    found = streams.streams(wire.packets, wire.streams, ordered, {})
    sizes = {key: len(one.packets) for key, one in found.items() if one.call_ids | one.kin_call_ids}
    return sum(sizes.values()), sum(n for key, n in sizes.items() if key in held)


def compare_messages(kept: list[Message], changes: dict[str, Counter[str]], frames: dict[str, list[int]],
                     reports: ours.Reports) -> Iterator[Difference]:  # fmt: skip
    """What tshark counts is changed by the known reasons, each to the message; the rest is a difference."""
    theirs = Counter(messages.name(m.start) for m in kept)
    for reason, counts in changes.items():
        for name, n in counts.items():
            if reason not in ("quoted-in-icmp", "encapsulation-not-read") and n > 0:
                theirs[name] += n
            where = frames[reason]
            yield Difference("messages", name, "count", f"{n:+}", 0, where, {reason})
    for name in sorted({*theirs, *reports.messages}):
        if theirs[name] != reports.messages[name]:
            where = [m.frame for m in kept if messages.name(m.start) == name]
            yield Difference("messages", name, "count", reports.messages[name], theirs[name], where)


def compare_calls(theirs: list[calls.Call], rows: list[ours.Row], unseen: bytes) -> Iterator[Difference]:
    unmatched: dict[tuple[str, str], list[ours.Row]] = {}
    for row in rows:
        unmatched.setdefault((str(row["call_id"]), str(row["from_tag"] or "")), []).append(row)
    for call in theirs:
        subject = f"{call.call_id} from-tag {call.from_tag or 'none'}"
        where = [call.frame, *(a.frame for a in call.answers)]
        same = unmatched.get((call.call_id, call.from_tag), [])
        found = next((r for r in same if is_near(stamp(r["started_at"]), call.started_at)), None)
        if found is None:
            yield Difference("calls", subject, "row", None, "a call", where)
            continue
        same.remove(found)
        yield from compare_call(subject, found, call, where)
    for row in (row for rest in unmatched.values() for row in rest):
        subject = f"{row['call_id']} from-tag {row['from_tag']}"
        is_unseen = str(row["call_id"]).encode() in unseen
        own = {"in-no-sip-of-tshark"} if is_unseen else set()
        yield Difference("calls", subject, "row", f"a call at {row['started_at']}", None, [], own)


def compare_call(subject: str, row: ours.Row, call: calls.Call, where: list[int]) -> Iterator[Difference]:
    final, success = call.final, call.success
    pairs = {
        "final_status": (row["final_status"], final.code if final else None),
        "caller": (unquote(str(row["caller"])), call.caller),
        "callee": (unquote(str(row["callee"])), call.callee),
        "source": (row["source"], call.source),
        "destination": (row["destination"], call.destination),
    }
    own = set() if call.has_uris else {"no-uri"}
    for name, (mine, reference) in pairs.items():
        if mine != reference:
            yield Difference("calls", subject, name, mine, reference, where, set(own))
    answered = stamp(row["answered_at"])
    answer = success.at if success else None
    if not is_near(answered, answer):
        yield Difference("calls", subject, "answered_at", answered, answer, where)


def is_near(a: int | None, b: int | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) < MILLISECOND


def compare_registrations(theirs: list[registrations.Binding], rows: list[ours.Row]) -> Iterator[Difference]:
    mine: dict[tuple[str, str], list[ours.Row]] = {}
    for row in rows:
        name = str(row["instance_id"] or "").strip('"') or identity(row["contact"])
        mine.setdefault((identity(row["aor"]), name), []).append(row)
    for one in theirs:
        subject = f"{one.aor} at {one.contact}"
        own = set() if one.statuses else {"no-response"}
        own |= {"never-accepted"} if not one.accepted else set()
        where = one.asked + one.accepted
        found = mine.pop((one.aor, one.contact), None)
        if found is None:
            if one.accepted:
                yield Difference("registrations", subject, "row", None, f"{len(one.accepted)} accepted", where, own)
            continue
        refreshes = sum(int(str(r["refreshes"])) for r in found)
        if refreshes != len(one.accepted):
            yield Difference("registrations", subject, "refreshes", refreshes, len(one.accepted), where, own)
        expiries = [r["expires_s"] for r in found]
        # A removal asks for no time at all; what was granted last may be shown as well.
        is_gone = one.is_removed and 0 in expiries
        if one.expires is not None and one.expires not in expiries and not is_gone:
            yield Difference("registrations", subject, "expires_s", expiries[-1], one.expires, where, own)
    for (aor, name), found in mine.items():
        yield Difference("registrations", f"{aor} at {name}", "row", f"{found[0]['refreshes']} refreshes", None, [])


def identity(uri: object) -> str:
    return Address(str(uri), {}).identity


def compare_streams(theirs: dict[tuple[str, str, int], streams.Stream], rows: list[ours.Row],
                    others: Others) -> Iterator[Difference]:  # fmt: skip
    mine: dict[tuple[str, str, int], list[ours.Row]] = {}
    for row in rows:
        mine.setdefault((str(row["src"]), str(row["dst"]), int(str(row["ssrc"]))), []).append(row)
    for key, one in theirs.items():
        subject = f"{key[0]} -> {key[1]} ssrc {key[2]:#010x}"
        own = set(one.traits)
        where = [one.packets[0].frame, one.packets[-1].frame]
        found = mine.pop(key, None)
        if found is None:
            yield Difference("streams", subject, "row", None, f"{len(one.packets)} packets", where, own)
            continue
        # A stream that two legs name stands with both; one that calls share in turn is cut between them.
        pieces = list({str(r["first_seen"]): r for r in found}.values())
        packets, lost = (sum(int(str(r[name])) for r in pieces) for name in ("packets", "lost"))
        table_packets, table_lost = one.table or (len(one.packets), one.lost)
        # One side calls lost what the other counts.
        own |= {"same-sum"} if packets + lost == table_packets + table_lost else set()
        if packets != table_packets:
            yield Difference("streams", subject, "packets", packets, table_packets, where, own)
        if lost != table_lost:
            by_rfc = {"as-rfc-3550"} if lost == one.lost else set()
            yield Difference("streams", subject, "lost", lost, table_lost, where, own | by_rfc)
        codecs = {str(r["codec"] or "none").lower() for r in found}
        if one.codec not in codecs:
            yield Difference("streams", subject, "codec", "/".join(sorted(codecs)), one.codec, where, own)
        if len(pieces) == 1:
            yield from compare_jitter(subject, pieces[0], one, where, own)
        named = {str(r["call_id"]) for r in found if r["call_id"]}
        if one.call_ids and not named:
            yield Difference("streams", subject, "call_id", None, sorted(one.call_ids), where, own)
        elif named - one.call_ids - one.kin_call_ids:
            yield Difference("streams", subject, "call_id", sorted(named), sorted(one.call_ids), where, own)
    for key, found in mine.items():
        subject = f"{key[0]} -> {key[1]} ssrc {key[2]:#010x}"
        own = {f"tshark-says:{name}" for name in others(key)}
        yield Difference("streams", subject, "row", f"{found[0]['packets']} packets", None, [], own)


def compare_jitter(
    subject: str, row: ours.Row, one: streams.Stream, where: list[int], own: set[str]
) -> Iterator[Difference]:
    reported, reference = row["jitter_ms"], one.jitter_of_voice
    if reported is None and reference is None:
        return
    if reported is None or reference is None or abs(float(str(reported)) - reference) >= 1.0:
        is_with = reported is not None and one.jitter is not None and abs(float(str(reported)) - one.jitter) < 1.0
        text = None if reference is None else round(reference, 3)
        yield Difference(
            "streams", subject, "jitter_ms", reported, text, where, own | ({"as-with-events"} if is_with else set())
        )
