"""Calls by RFC 3261 from the messages that tshark reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from .sip import Message

# After these the same caller tries again in the same call: redirections (8.1.3.4), challenges (22.2, 22.3), failures that
# a changed request mends (8.1.3.5; RFC 4028, 3329, 3578, 8224).
RETRIED = {*range(300, 400), 401, 407, *range(413, 417), 420, 421, 422, 428, 484, 494}


@dataclass
class Answer:
    """A final response to the INVITE of a call."""

    frame: int
    at: int
    code: int
    cseq: int
    is_first_hop: bool


@dataclass
class Call:
    """A dialog-forming INVITE, by Call-ID and From tag, and what became of it."""

    call_id: str
    from_tag: str
    frame: int
    started_at: int
    source: str
    destination: str
    caller: str
    callee: str
    cseq: int
    answers: list[Answer] = field(default_factory=list)
    hung_up_at: int | None = None
    # Whether From and To hold URIs.
    has_uris: bool = True

    @property
    def success(self) -> Answer | None:
        """The first 2xx that was seen before the call was hung up."""
        of_last = [a for a in self.answers if a.code < 300 and a.cseq == self.cseq]
        return next((a for a in of_last if self.hung_up_at is None or a.at < self.hung_up_at), None)

    @property
    def final(self) -> Answer | None:
        """What the caller was told: a 2xx, else the final response on the first hop, else one that only a later hop shows."""
        of_last = [a for a in self.answers if a.cseq == self.cseq]
        first_hop = [a for a in of_last if a.is_first_hop]
        return self.success or next(iter(first_hop), None) or (of_last[-1] if of_last else None)

    @property
    def ended_at(self) -> int | None:
        """When it ended, by a BYE or a refusal (section 13.2.2.3: a refusal ends its early dialogs too)."""
        final = self.final
        refused_at = final.at if final is not None and final.code >= 300 else None
        return self.hung_up_at if self.hung_up_at is not None else refused_at

    @property
    def is_over(self) -> bool:
        final = self.final
        return self.hung_up_at is not None or (final is not None and final.code >= 300 and final.code not in RETRIED)


def host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0]


def calls(messages: list[Message]) -> list[Call]:
    found: list[Call] = []
    last: dict[tuple[str, str], Call] = {}
    for m in messages:
        call_id, tag, to_tag = m.first("call-id"), m.sender.params.get("tag", ""), m.recipient.params.get("tag", "")
        number, method = m.cseq
        if not call_id or not m.sender.uri:
            # A dialog has a Call-ID and a From (section 12).
            continue
        # The method of CSeq is that of the request (section 8.1.1.5).
        if m.code is None and m.method == method == "INVITE" and not to_tag:
            call = last.get((call_id, tag))
            if call is not None and number <= call.cseq:
                # The same INVITE on another hop, again, or late.
                continue
            if call is not None and not call.is_over and not call.success:
                call.cseq = number
                continue
            call = Call(call_id, tag, m.frame, m.at, m.src, m.dst, m.sender.party, m.recipient.party, number,
                        has_uris=m.sender.is_uri and m.recipient.is_uri)  # fmt: skip
            last[call_id, tag] = call
            found.append(call)
        elif m.code is not None and m.code >= 200 and method == "INVITE":
            call = last.get((call_id, tag))
            if call is not None and number == call.cseq:
                call.answers.append(Answer(m.frame, m.at, m.code, number, host(m.dst) == host(call.source)))
        elif m.code is None and m.method == "BYE":
            call = last.get((call_id, tag)) or last.get((call_id, to_tag))
            if call is not None and call.hung_up_at is None:
                call.hung_up_at = m.at
    return found
