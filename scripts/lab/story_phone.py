"""A subscriber of scripts/story: registers, calls once in a while, and prints the status of each call.

    story_phone.py ADDRESS USER CALLS PAUSE
"""
import random
import socket
import sys
import time

PROXY = ("10.98.0.1", 5060)


def token(length: int) -> str:
    """Random letters and digits for branches, tags and Call-IDs."""
    return "".join(random.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(length))


class Phone:
    """A user agent of its own making, with headers in an order of its own."""

    def __init__(self, address: str, user: str):
        self.address, self.user, self.cseq = address, user, random.randrange(100, 9000)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 5060))
        self.socket.settimeout(3)

    def request(self, method: str, uri: str, to: str, call_id: str, tag: str, body: str = "") -> str:
        """The text of a request."""
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address}:5060;branch=z9hG4bK{token(12)};rport",
            f"From: <sip:{self.user}@example.net>;tag={tag}",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {self.cseq} {method}",
            f"Contact: <sip:{self.user}@{self.address}:5060>;expires=3600",
            "Max-Forwards: 70",
            "User-Agent: Storyphone 2.1",
            "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        return "\r\n".join(lines)

    def final(self, text: str) -> tuple[int, str]:
        """Sends a request and waits for its final response."""
        self.socket.sendto(text.encode(), PROXY)
        while True:
            reply = self.socket.recv(65536).decode(errors="replace")
            status = int(reply.split(" ", 2)[1])
            if status >= 200:
                return status, reply

    def register(self) -> int:
        """Registers for an hour."""
        me = f"<sip:{self.user}@example.net>"
        return self.final(self.request("REGISTER", "sip:example.net", me, token(16), token(8)))[0]

    def call(self, callee: str) -> int:
        """Calls somebody, talks for two seconds and hangs up. Returns the status."""
        self.cseq += 1
        uri, call_id, tag = f"sip:{callee}@10.98.0.1", token(16), token(8)
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {self.address}\r\ns=call\r\nc=IN IP4 {self.address}\r\n"
            "t=0 0\r\nm=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        status, reply = self.final(self.request("INVITE", uri, f"<{uri}>", call_id, tag, sdp))
        to = next(line[4:] for line in reply.split("\r\n") if line.startswith("To: "))
        self.socket.sendto(self.request("ACK", uri, to, call_id, tag).encode(), PROXY)
        if status == 200:
            time.sleep(2)
            self.cseq += 1
            self.final(self.request("BYE", uri, to, call_id, tag))
        return status


def main() -> None:
    """Registers and calls."""
    address, user, calls, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    phone = Phone(address, user)
    print("register", phone.register(), flush=True)
    for n in range(calls):
        print("call", phone.call(f"4930555{n % 3:02d}"), flush=True)
        time.sleep(pause)


if __name__ == "__main__":
    main()
