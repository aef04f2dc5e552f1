"""What both apps must have in common: the normalised bytes at both ends, the ledger, and the notes of a case.

Normalised are only things that cannot be equal: tokens, ports, the value of a Date, ids made per exchange.
How a body was cut into chunks is not compared: that is the clock's doing, and a case that cares about it
says so itself.
"""

import dataclasses
import re
from collections.abc import Iterable

from shared.harness.origin.body import Body
from shared.harness.origin.ledger import ExchangeRecord
from tests.contract.talk import Talk
from tests.contract.wire import Response

__all__ = ["Transcript", "differences", "transcript_of"]

_RULES: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    (re.compile(rb"(?:(?<=127\.0\.0\.1:)|(?<=localhost:))\d+"), b"<port>"),
    (re.compile(rb"(?im)(?<=^date: )[^\r]*"), b"<date>"),
    (re.compile(rb"(?im)(?<=^x-request-id: )[0-9a-f-]{16,36}(?=\r)"), b"<id>"),
    (re.compile(rb"(?i)(?<=tandem-)[0-9a-f]{8}\b"), b"<id>"),
    (re.compile(rb'(?<="request_id":")[^"]*'), b"<id>"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Transcript:
    """Lines in an order that does not depend on the clock: per exchange requests, responses, then notes."""

    lines: tuple[str, ...]


def transcript_of(talk: Talk) -> Transcript:
    tokens = {x.token.encode(): f"<token {number}>".encode() for number, x in enumerate(talk.exchanges)}

    def normal(data: bytes) -> str:
        for token, name in tokens.items():
            data = data.replace(token, name)
        for pattern, name in _RULES:
            data = pattern.sub(name, data)
        return repr(data)[2:-1]

    lines = []
    for number, exchange in enumerate(talk.exchanges):
        name = f"exchange {number}"
        seen = exchange.seen()
        if talk.manifest.retries == "safe":
            # Sent again is what a kept connection has failed, and which are kept is earlier cases' doing.
            seen = seen[-max(1, exchange.asked) :]
        for record in seen:
            lines.append(f"{name} upstream {normal(record.head.raw)}")
            lines.append(f"{name} upstream body {_body(record.body)}, connection {_ended(record)}")
        for response in exchange.responses:
            lines.append(f"{name} client {normal(response.head.raw)}")
            lines.append(f"{name} client body {_body_of(response, normal(response.content))}")
    lines += [f"note {name}: {value!r}" for name, value in talk.notes.items()]
    return Transcript(tuple(lines))


def _body(body: Body) -> str:
    state = "complete" if body.complete else "cut" if body.cut else "unread"
    return f"{body.framing.kind} {body.size} bytes {body.hash.hexdigest()[:16]} {state}"


def _body_of(response: Response, content: str) -> str:
    body = response.body
    state = "complete" if body.complete else "cut" if body.cut else "unread"
    shown = content if len(content) < 2000 else body.hash.hexdigest()
    # The hash of a body with an id in it differs; the normalised content stands for it where it is short.
    return f"{body.framing.kind} {state} {shown}"


def _ended(record: ExchangeRecord) -> str:
    """FIN or RST is the kernel's choice when bytes were under way, so only who ended it counts."""
    return "kept" if record.ended is None else f"ended by {record.ended.split()[0]}"


def differences(first: Transcript, second: Transcript, names: tuple[str, str]) -> list[str]:
    """Line by line, what only one of two transcripts has."""

    def only(lines: Iterable[str], others: tuple[str, ...], name: str) -> list[str]:
        return [f"  only {name}: {line}" for line in lines if line not in others]

    if first == second:
        return []
    return [
        *only(first.lines, second.lines, names[0]),
        *only(second.lines, first.lines, names[1]),
    ] or ["  the same lines in another order, or another number of times"]
