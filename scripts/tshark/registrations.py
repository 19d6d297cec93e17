"""Registrations by RFC 3261 section 10 from the messages that tshark reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from .sip import Address, Message, number

# What section 10.2.1.1 lets a registrar choose where nobody says how long.
DEFAULT_EXPIRES = 3600


@dataclass
class Binding:
    """The timeline of an address of record and one contact, or one instance of a device."""

    aor: str
    contact: str
    # Frames of the responses that let the contact stay.
    accepted: list[int] = field(default_factory=list)
    # Seconds that the last of them gave.
    expires: int | None = None
    # Whether the latest answer took the contact out.
    is_removed: bool = False
    # Frames of the REGISTERs that asked for the binding, answered or not.
    asked: list[int] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)


@dataclass
class Request:
    """One REGISTER transaction: hops and retransmissions share Call-ID and CSeq."""

    message: Message
    contacts: list[Address]
    final: int | None = None


def granted(request: Request, response: Message, contact: Address) -> int:
    """How long the response lets the contact stay (section 10.3, step 8), 0 where it is gone."""
    listed = [c for c in response.contacts if c.identity == contact.identity]
    for said in (listed[0].params.get("expires", "") if listed else "", response.first("expires"),
                 contact.params.get("expires", ""), request.message.first("expires")):  # fmt: skip
        if (value := number(said)) is not None:
            return value
    return DEFAULT_EXPIRES


def registrations(messages: list[Message]) -> list[Binding]:
    requests: dict[tuple[str, int], Request] = {}
    bindings: dict[tuple[str, str], Binding] = {}

    def binding(request: Request, contact: Address) -> Binding:
        aor = request.message.recipient.identity
        name = contact.params.get("+sip.instance", "").strip('"') or contact.identity
        return bindings.setdefault((aor, name), Binding(aor, name))

    for m in messages:
        sequence, method = m.cseq
        if method != "REGISTER":
            continue
        key = (m.first("call-id"), sequence)
        if m.code is None:
            contacts = [c for c in m.contacts if c.uri != "*"]
            if not contacts:
                continue
            request = requests.setdefault(key, Request(m, contacts))
            if request.message is m:
                for contact in contacts:
                    binding(request, contact).asked.append(m.frame)
        elif key in requests and m.code >= 200:
            asked = requests[key]
            if asked.final is not None and (asked.final < 300 or m.code >= 300):
                continue
            asked.final = m.code
            for contact in asked.contacts:
                one = binding(asked, contact)
                one.statuses.add(m.code)
                if m.code < 300:
                    time = granted(asked, m, contact)
                    # What removes the contact grants nothing.
                    one.expires = time or one.expires
                    one.is_removed = time == 0
                    one.accepted += [m.frame] if time else []
    return list(bindings.values())
