"""What tshark reads of a capture: its SIP messages, its RTP packets, and its own table of streams."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .sip import Message, descriptions

# SIP is looked for on every port, and a TCP stream is read in order of sequence. IP fragments and TCP
# segments are put together by default. The heuristics must not come first (tcp.try_heuristic_first): where a
# segment ends inside a start line they refuse the message, while the dissector of port 5060 waits for the rest.
TSHARK = [
    "tshark", "-n",
    "--enable-heuristic", "sip_udp", "--enable-heuristic", "sip_tcp", "--enable-heuristic", "rtp_udp",
    "-o", "tcp.reassemble_out_of_order:TRUE",
]  # fmt: skip

# The layers that are printed; within `sip` tshark's own dissection is left out, header and body are text.
LAYERS = "frame ip ipv6 udp tcp sip sip.msg_body mime_multipart mime_multipart.part sdp"

RTP = ["frame.number", "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport",
       "rtp.ssrc", "rtp.p_type", "rtp.seq", "rtp.timestamp", "rtp.padding", "frame.protocols"]  # fmt: skip

# The table behind `-z rtp,streams`: addresses, ports, SSRC, payloads, packets, lost.
STREAM = re.compile(r"^ *[\d.]+ +[\d.]+ +(\S+) +(\d+) +(\S+) +(\d+) +0x([0-9A-F]{8}) +(.*?) +(\d+) +(-?\d+) \(")

Pairs = list[tuple[str, object]]


@dataclass(frozen=True)
class Packet:
    """One RTP packet."""

    frame: int
    at: int
    payload_type: int
    seq: int
    ticks: int
    is_padded: bool = False


# Source, destination, SSRC.
StreamKey = tuple[str, str, int]


@dataclass
class Wire:
    """All that tshark reads of one capture."""

    messages: list[Message] = field(default_factory=list)
    packets: dict[StreamKey, list[Packet]] = field(default_factory=dict)
    # Of tshark's table: packets and losses.
    streams: dict[StreamKey, tuple[int, int]] = field(default_factory=dict)
    # Frames of the capture that tshark takes for no SIP though they look like it: number, payload, whether UDP says more octets than came.
    suspects: list[tuple[int, bytes, bool]] = field(default_factory=list)
    warning: str | None = None
    # As which protocols tshark reads the datagrams from one endpoint to another.
    others: Callable[[StreamKey], set[str]] = field(default=lambda key: set())
    # The times of the frames, none earlier than one before it.
    raised: Callable[[], dict[int, int]] = field(default=dict)


def nanoseconds(epoch: str) -> int:
    seconds, _, fraction = epoch.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])


def endpoint(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def run(capture: Path, settings: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # An empty folder for preferences keeps personal settings and profiles out of the measurement.
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": settings}
    command = [*TSHARK, *arguments, "-r", str(capture)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)


def read(capture: Path, settings: str) -> Wire:
    wire = Wire()
    sip = run(capture, settings, "-Y", "sip", "-T", "json", "-j", LAYERS)
    # A capture that ends within a packet still leaves a whole array.
    for packet in json.loads(sip.stdout or "[]", object_pairs_hook=list, strict=False):
        wire.messages += messages(dict(dict(packet)["_source"])["layers"])
    fields = [word for name in RTP for word in ("-e", name)]
    rtp = run(capture, settings, "-Y", "rtp", "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t",
              "-E", "aggregator=,", *fields, "-z", "rtp,streams")  # fmt: skip
    for line in rtp.stdout.splitlines():
        if line.count("\t") == len(RTP) - 1:
            add_packets(wire, line.split("\t"))
        elif found := STREAM.match(line):
            key = (endpoint(found[1], found[2]), endpoint(found[3], found[4]), int(found[5], 16))
            wire.streams[key] = (int(found[7]), int(found[8]))
    wire.suspects = suspects(capture, settings)
    wire.others = lambda key: protocols_between(capture, settings, key)
    wire.raised = lambda: raised_stamps(capture, settings)
    if sip.returncode or rtp.returncode:
        wire.warning = "tshark stopped early"
    if missing := wire.packets.keys() - wire.streams.keys():
        raise ValueError(f"tshark's table of streams lacks {sorted(missing)[0]}")
    return wire


def messages(layers: Pairs) -> list[Message]:
    """The SIP messages of one frame; one frame may complete several of a TCP stream."""
    found: list[Message] = []
    frame, at, protocols = 0, 0, ()
    hosts, ports, fragments, octets = ("", ""), ("", ""), None, b""
    for name, layer in layers:
        if not isinstance(layer, list):
            continue
        values = dict(v for v in layer if isinstance(v, tuple) or len(v) == 2)
        if name == "frame":
            frame, at = int(values["frame.number"]), nanoseconds(values["frame.time_epoch"])
            protocols = tuple(values["frame.protocols"].split(":"))
        elif name in ("ip", "ipv6"):
            hosts = (values.get(f"{name}.src", ""), values.get(f"{name}.dst", ""))
            whole = f"{name}.fragments" in values or "ipv6.fraghdr" in str(values)
            fragments = (*hosts, str(values.get("ip.id", ""))) if whole else None
        elif name in ("udp", "tcp"):
            ports = (values.get(f"{name}.srcport", ""), values.get(f"{name}.dstport", ""))
            octets = bytes.fromhex(str(values.get("udp.payload", "")).replace(":", "")).lstrip(b"\r\n")
        elif name == "sip":
            start = values.get("sip.Request-Line") or values.get("sip.Status-Line")
            if isinstance(start, str):
                media = tuple(m for lines in sessions(values.get("sip.msg_body")) for m in descriptions(lines))
                feed, bare = octets.find(b"\n"), octets.find(b"\r")
                is_open = bare >= 0 and not 0 <= feed <= bare + 1
                # tshark ends a string at a zero octet; of a datagram the octets themselves are at hand.
                head = header(octets) if octets and not is_open else str(values.get("sip.msg_hdr", ""))
                found.append(Message(frame, at, endpoint(hosts[0], ports[0]), endpoint(hosts[1], ports[1]), protocols,
                                     start, head, media, fragments, is_open))  # fmt: skip
    return found


def header(octets: bytes) -> str:
    """What stands between the start line and the first empty line."""
    rest = octets.partition(b"\n")[2]
    return re.split(rb"\r?\n\r?\n", b"\n" + rest, maxsplit=1)[0][1:].decode(errors="replace")


def sessions(body: object) -> list[list[tuple[str, str]]]:
    """The lines of the session descriptions in a body, however deep in its parts."""
    if not isinstance(body, list):
        return []
    found = []
    for name, value in body:
        if name == "sdp" and isinstance(value, list):
            found.append([(n, v) for n, v in value if isinstance(v, str)])
        else:
            found += sessions(value)
    return found


def add_packets(wire: Wire, values: list[str]) -> None:
    row = dict(zip(RTP, values))
    if "icmp" in row["frame.protocols"]:
        return
    # Of addresses within tunnels the last is the innermost.
    last = {name: row[name].rpartition(",")[2] for name in RTP[2:8]}
    family = (
        "ipv6"
        if last["ipv6.src"] and row["frame.protocols"].rfind("ipv6") > row["frame.protocols"].rfind(":ip:")
        else "ip"
    )
    src = endpoint(last[f"{family}.src"], last["udp.srcport"])
    dst = endpoint(last[f"{family}.dst"], last["udp.dstport"])
    columns = [row[name].split(",") for name in RTP[8:12]]
    if not all(all(column) for column in columns):
        # A header of another version than 2, of which tshark shows no more.
        return
    # The padding bit; some versions of tshark print a truth value for it.
    padded = [value in ("1", "True") for value in row["rtp.padding"].split(",")]
    for ssrc, payload_type, seq, ticks, is_padded in zip(*columns, padded):
        packet = Packet(
            int(row["frame.number"]), nanoseconds(row["frame.time_epoch"]), int(payload_type), int(seq), int(ticks),
            is_padded,
        )  # fmt: skip
        wire.packets.setdefault((src, dst, int(ssrc, 16)), []).append(packet)


def protocols_between(capture: Path, settings: str, key: StreamKey) -> set[str]:
    (src, src_port), (dst, dst_port) = (end.rsplit(":", 1) for end in key[:2])
    family = "ipv6" if "[" in src else "ip"
    wanted = (f"{family}.src == {src.strip('[]')} && {family}.dst == {dst.strip('[]')}"
              f" && udp.srcport == {src_port} && udp.dstport == {dst_port}")  # fmt: skip
    found = run(capture, settings, "-Y", wanted, "-T", "fields", "-e", "frame.protocols")
    return {line.rpartition("udp:")[2].partition(":")[0] for line in found.stdout.splitlines()}


def raised_stamps(capture: Path, settings: str) -> dict[int, int]:
    """The time of each frame, but never before that of a frame that stands before it in the file."""
    found = run(capture, settings, "-T", "fields", "-e", "frame.number", "-e", "frame.time_epoch")
    highest, raised = 0, {}
    for line in found.stdout.splitlines():
        number, _, epoch = line.partition("\t")
        highest = max(highest, nanoseconds(epoch))
        raised[int(number)] = highest
    return raised


def suspects(capture: Path, settings: str) -> list[tuple[int, bytes, bool]]:
    """Datagrams with the look of SIP that tshark does not read as such, or reads beyond what was sent."""
    wanted = (
        'udp && !icmp && ((!sip && (udp.payload contains "SIP/2.0" || udp.payload[0:4] == "HEP3")) || udp.length.bad)'
    )
    found = run(capture, settings, "-Y", wanted, "-T", "fields", "-E", "occurrence=l",
                "-e", "frame.number", "-e", "udp.payload", "-e", "udp.length.bad")  # fmt: skip
    rows = []
    for line in found.stdout.splitlines():
        number, payload, *bad = line.split("\t")
        rows.append((int(number), bytes.fromhex(payload), bool(bad and bad[0])))
    return rows
