"""Checks of the comparison itself: equal sides give nothing, each altered value gives its difference.

    cd scripts && python3 -m unittest tshark.check

Needs neither tshark nor Bellwether: the capture is made here, as tshark would read it.
"""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from dataclasses import replace
from pathlib import Path

from . import compare, explained, messages, ours, sip, streams, wire

SCRIPTS = Path(__file__).resolve().parent.parent
DOCUMENT = SCRIPTS.parent / "docs/tshark.md"
SECOND = 1_000_000_000
PHONE, SERVER, MEDIA, FAR = "192.0.2.10:5060", "192.0.2.2:5060", "192.0.2.10:4000", "192.0.2.20:6000"


def head(method: str, number: int, to_tag: str = "", extra: str = "") -> str:
    tag = f";tag={to_tag}" if to_tag else ""
    return (f'From: "A, B" <sip:10%31@lab.example>;tag=a1\r\nt: <sip:102@lab.example>{tag}\r\ni: c1@x\r\n'
            f"CSeq: {number} {method}\r\n{extra}\r\n")  # fmt: skip


def message(
    frame: int, at: float, src: str, dst: str, start: str, text: str, media: tuple[sip.Media, ...] = ()
) -> sip.Message:
    return sip.Message(frame, round(at * SECOND), src, dst, ("eth", "ip", "udp", "sip"), start, text, media)


def described(port: int, host: str) -> tuple[sip.Media, ...]:
    return sip.descriptions([("sdp.connection_info", f"IN IP4 {host}"), ("sdp.media", f"audio {port} RTP/AVP 8 101 96"),
                             ("sdp.media_attr", "rtpmap:101 telephone-event/8000"),
                             ("sdp.media_attr", "rtpmap:96 OPUS/48000/2")])  # fmt: skip


def made() -> wire.Wire:
    """A registration that is challenged and accepted, a call that is challenged, answered and hung up, and its media."""
    contact = "Contact: <sip:101@192.0.2.10>;expires=3600\r\n"
    register = "From: <sip:101@lab.example>;tag=r\r\nTo: <sip:101@lab.example>\r\nCall-ID: r1\r\nCSeq: {} REGISTER\r\n"
    answer, offer = described(6000, "192.0.2.20"), described(4000, "192.0.2.10")
    found = wire.Wire()
    found.messages = [
        message(1, 1.0, PHONE, SERVER, "REGISTER sip:lab.example SIP/2.0", register.format(1) + contact),
        message(2, 1.1, SERVER, PHONE, "SIP/2.0 401 Unauthorized", register.format(1)),
        message(3, 1.2, PHONE, SERVER, "REGISTER sip:lab.example SIP/2.0", register.format(2) + contact),
        message(4, 1.3, SERVER, PHONE, "SIP/2.0 200 OK", register.format(2) + contact.replace("3600", "60")),
        message(5, 2.0, PHONE, SERVER, "INVITE sip:102@lab.example SIP/2.0", head("INVITE", 1), offer),
        message(6, 2.1, SERVER, PHONE, "SIP/2.0 407 Proxy Authentication Required", head("INVITE", 1, "p")),
        message(7, 2.2, PHONE, SERVER, "INVITE sip:102@lab.example SIP/2.0", head("INVITE", 2), offer),
        message(8, 3.0, SERVER, PHONE, "SIP/2.0 200 OK", head("INVITE", 2, "b1"), answer),
        message(9, 9.0, PHONE, SERVER, "BYE sip:102@lab.example SIP/2.0", head("BYE", 3, "b1")),
        message(10, 9.1, SERVER, PHONE, "SIP/2.0 200 OK", head("BYE", 3, "b1")),
    ]
    packets = [
        wire.Packet(20 + i, 4 * SECOND + i * 20_000_000 + (i % 2) * 4_000_000, 8, 100 + i, 160 * i) for i in range(50)
    ]
    del packets[10:13]
    found.packets[MEDIA, FAR, 7] = packets
    found.streams[MEDIA, FAR, 7] = (47, 3)
    return found


def reported() -> ours.Reports:
    """What Bellwether reports of that."""
    return ours.Reports(
        messages=Counter({"REGISTER": 2, "INVITE": 2, "BYE": 1, "401": 1, "407": 1, "200": 3}),
        calls=[{"call_id": "c1@x", "from_tag": "a1", "started_at": "1970-01-01T00:00:02.000000000Z", "final_status": 200,
                "answered_at": "1970-01-01T00:00:03.000400000Z", "caller": "101", "callee": "102", "source": PHONE,
                "destination": SERVER}],
        registrations=[{"aor": "sip:101@lab.example", "contact": "sip:101@192.0.2.10", "instance_id": None, "refreshes": 1,
                        "expires_s": 60}],
        streams=[{"call_id": "c1@x", "src": MEDIA, "dst": FAR, "ssrc": 7, "codec": "PCMA", "packets": 47, "lost": 3,
                  "jitter_ms": 3.8, "first_seen": "1970-01-01T00:00:04.000000000Z"}],
    )  # fmt: skip


class Comparison(unittest.TestCase):
    def differences(self, reports: ours.Reports, read: wire.Wire | None = None) -> list[tuple[str, str]]:
        result = compare.compare(read or made(), reports)
        self.assertTrue(all(result.compared[fact] for fact in ("messages", "calls", "registrations", "streams")))
        self.assertEqual(result.described, 47)
        return [(d.fact, d.column) for d in result.differences]

    def test_two_equal_sides_have_no_difference(self) -> None:
        self.assertEqual(self.differences(reported()), [])

    def test_each_altered_value_is_its_own_difference(self) -> None:
        altered: dict[str, dict[str, object]] = {
            "calls": {"final_status": 486, "answered_at": "1970-01-01T00:00:03.001500000Z", "caller": "103", "callee": None,
                      "source": SERVER, "destination": PHONE},
            "registrations": {"refreshes": 2, "expires_s": 3600},
            "streams": {"packets": 46, "lost": 0, "codec": "PCMU", "jitter_ms": 5.0, "call_id": None},
        }  # fmt: skip
        for fact, values in altered.items():
            for name, value in values.items():
                reports = reported()
                getattr(reports, fact)[0][name] = value
                self.assertEqual(self.differences(reports), [(fact, name)], name)
        reports = reported()
        reports.calls[0]["answered_at"] = None
        self.assertEqual(self.differences(reports), [("calls", "answered_at")])
        reports.messages["200"] -= 1
        self.assertEqual(self.differences(reports)[0], ("messages", "count"))

    def test_a_row_of_one_side_alone_is_a_difference(self) -> None:
        for fact in ("calls", "registrations", "streams"):
            reports = reported()
            row = copy.copy(getattr(reports, fact)[0])
            row |= {"call_id": "other", "aor": "sip:other@lab.example", "ssrc": 8}
            getattr(reports, fact).append(row)
            self.assertEqual(self.differences(reports), [(fact, "row")])
        for fact in ("calls", "registrations", "streams"):
            reports = reported()
            getattr(reports, fact).clear()
            found = [(d.fact, d.column) for d in compare.compare(made(), reports).differences]
            self.assertEqual(found, [(fact, "row")])

    def test_a_stream_that_stands_with_two_legs_is_one_stream(self) -> None:
        reports = reported()
        reports.streams.append(copy.copy(reports.streams[0]))
        self.assertEqual(self.differences(reports), [])
        reports.streams[1]["call_id"] = "other"
        self.assertEqual(self.differences(reports), [("streams", "call_id")])
        reports.streams[1]["first_seen"] = "1970-01-01T00:00:05.000000000Z"
        self.assertEqual(
            self.differences(reports), [("streams", "packets"), ("streams", "lost"), ("streams", "call_id")]
        )

    def test_a_removal_and_a_refused_register_are_no_refresh(self) -> None:
        read = made()
        for frame, number, expires, status in ((50, 3, 0, 200), (60, 4, 3600, 403)):
            text = (f"From: <sip:101@lab.example>;tag=r\r\nTo: <sip:101@lab.example>\r\nCall-ID: r1\r\nCSeq: {number} REGISTER\r\n"
                    f"Contact: <sip:101@192.0.2.10>;expires={expires}\r\n")  # fmt: skip
            read.messages.append(message(frame, frame, PHONE, SERVER, "REGISTER sip:lab.example SIP/2.0", text))
            answer = text.partition("Contact")[0]
            read.messages.append(message(frame + 1, frame, SERVER, PHONE, f"SIP/2.0 {status} X", answer))
        reports = reported()
        reports.messages += Counter({"REGISTER": 2, "200": 1, "403": 1})
        self.assertEqual(self.differences(reports, read), [])

    def test_two_contacts_of_one_register_are_two_bindings(self) -> None:
        read = made()
        both = "Contact: <sip:101@192.0.2.10>;expires=60, <sip:101@192.0.2.11>;expires=90\r\n"
        read.messages[2] = replace(read.messages[2], head=read.messages[2].head.partition("Contact")[0] + both)
        read.messages[3] = replace(read.messages[3], head=read.messages[3].head.partition("Contact")[0] + both)
        self.assertEqual(self.differences(reported(), read), [("registrations", "row")])
        reports = reported()
        reports.registrations.append(
            {**reports.registrations[0], "contact": "sip:101@192.0.2.11:5060", "expires_s": 90}
        )
        self.assertEqual(self.differences(reports, read), [])

    def test_what_nobody_knows_is_no_reason(self) -> None:
        known = explained.kinds()
        result = compare.compare(made(), ours.Reports())
        self.assertEqual([explained.reason(d, known) for d in result.differences], [None] * len(result.differences))
        self.assertGreaterEqual(len(result.differences), 9)

    def test_a_reason_needs_its_fact_its_column_and_all_its_traits(self) -> None:
        kind = explained.Kind("x", "streams", frozenset({"a", "b"}), frozenset({"lost"}))
        difference = compare.Difference("streams", "s", "lost", 0, 1, [], {"a", "b", "c"})
        self.assertTrue(kind.explains(difference))
        for changed in ({"fact": "calls"}, {"column": "packets"}, {"traits": {"a", "c"}}):
            self.assertFalse(kind.explains(compare.Difference(**{**vars(difference), **changed})))

    def test_every_reason_has_its_line_in_the_document(self) -> None:
        document = DOCUMENT.read_text()
        for kind in explained.kinds():
            self.assertTrue(f"| `{kind.reason}` |" in document, f"docs/tshark.md lacks a line for {kind.reason}")


class Reading(unittest.TestCase):
    def test_a_frame_with_two_messages_gives_two(self) -> None:
        layers: wire.Pairs = [("frame", [("frame.number", "7"), ("frame.time_epoch", "1.000000002"), ("frame.protocols", "eth:ip:tcp:sip")]),
                  ("ip", [("ip.src", "192.0.2.1"), ("ip.dst", "192.0.2.2")]),
                  ("tcp", [("tcp.srcport", "5"), ("tcp.dstport", "6")]),
                  ("sip", [("sip.Request-Line", "ACK sip:a SIP/2.0"), ("sip.msg_hdr", "CSeq: 1 ACK\r\n")]),
                  ("sip", [("sip.Status-Line", "SIP/2.0 200 OK"), ("sip.msg_hdr", "CSeq: 2 BYE\r\n")])]  # fmt: skip
        found = wire.messages(layers)
        self.assertEqual([(m.method, m.code, m.cseq[0], m.at, m.src) for m in found],
                         [("ACK", None, 1, 1_000_000_002, "192.0.2.1:5"), ("BYE", 200, 2, 1_000_000_002, "192.0.2.1:5")])  # fmt: skip

    def test_the_table_of_streams_is_read_also_where_losses_are_negative(self) -> None:
        row = ("    30.612005     34.656366      10.77.0.15  8000      10.77.0.18 14717 0x575A4B2E g711A, telephone-event"
               "   203    -2 (-1.0%)           8.093          20.022          28.785           0.354           4.823           8.121 ")  # fmt: skip
        found = wire.STREAM.match(row)
        assert found is not None
        self.assertEqual(
            found.groups()[:5] + found.groups()[6:],
            ("10.77.0.15", "8000", "10.77.0.18", "14717", "575A4B2E", "203", "-2"),
        )

    def test_commas_within_quotes_and_brackets_part_no_contacts(self) -> None:
        self.assertEqual(len(sip.split('"a, \\"b" <sip:a,b@h>;q=1, <sip:c@h>')), 2)
        self.assertEqual(sip.address('"x <y>" <sip:%31@H:5060;u=1>;tag=t').identity, "sip:1@h")

    def test_start_lines_that_tshark_refuses_are_told_by_kind(self) -> None:
        self.assertEqual(messages.unseen(b"INVITE sip:\0a SIP/2.0\r\n")[0][0], "zero-octet-in-start-line")
        self.assertEqual(messages.unseen(b"SIP/2.0 40  X\r\n")[0][0], "bad-status-code")
        self.assertEqual(messages.unseen(b"HTTP SIP/2.0 inside\r\n"), [])

    def test_losses_count_over_a_wrap_a_copy_and_a_restart(self) -> None:
        numbers = [65534, 65535, 1, 1, 2, 30000, 30001, 30003]
        packets = [wire.Packet(i, i, 0, seq, 0) for i, seq in enumerate(numbers)]
        one = streams.Stream(("a", "b", 1), packets, None)
        streams.receive(one)
        self.assertEqual((one.lost, one.copies, one.restarts), (2, 1, 1))

    def test_a_packet_that_tshark_calls_lost_is_explained_by_the_padding_bit(self) -> None:
        known = explained.kinds()
        for padded, reason in ((True, "encrypted-padding"), (False, None)):
            packets = [wire.Packet(i, i, 0, i, 0, padded) for i in (0, 1, 3, 4)]
            theirs = {("a", "b", 1): streams.stream(("a", "b", 1), packets, (4, 1), streams.Descriptions([]))}
            row: ours.Row = {"src": "a", "dst": "b", "ssrc": 1, "packets": 5, "lost": 0, "codec": "PCMU",
                             "jitter_ms": 0.0, "call_id": None, "first_seen": "x"}  # fmt: skip
            found = [d for d in compare.compare_streams(theirs, [row], lambda _: set()) if d.column in ("packets", "lost")]
            self.assertEqual([explained.reason(d, known) for d in found], [reason, reason], padded)

    def test_the_script_fails_where_there_is_nothing_to_compare(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([sys.executable, SCRIPTS / "compare-tshark", folder], capture_output=True,
                                 env={"BELLWETHER": sys.executable, "PATH": "/usr/bin:/bin"})  # fmt: skip
        self.assertEqual(run.returncode, 2)


if __name__ == "__main__":
    unittest.main()
