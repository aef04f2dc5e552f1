"""Run one case against one proxy, and tell the conversation when it fails."""

import asyncio
import dataclasses
import math
import time
import traceback

from shared.harness.origin.channel import Event, LateError
from shared.harness.origin.http1 import IncompleteError, MalformedError
from shared.harness.origin.scripted import Origin
from tests.contract.agree import Transcript, transcript_of
from tests.contract.case import Case
from tests.contract.leak import settle
from tests.contract.memory import UnmeasuredError
from tests.contract.results import Verdict
from tests.contract.talk import Proxy, Talk
from tests.contract.tls import Authority

__all__ = ["Outcome", "play"]

_SHOWN_BYTES = 700  # of each run of bytes in a report
_SHOWN_RUNS = 80


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """report: for people, empty when passed. why: the report in one line. missing: what the manifest does not
    declare. notes: what the case has seen. transcript: what both apps must have in common, of a case that
    came to its end.
    """

    case: Case
    proxy: str
    verdict: Verdict
    report: str = ""
    why: str = ""
    missing: frozenset[str] = frozenset()
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    transcript: Transcript | None = None


async def play(
    case: Case,
    proxy: Proxy,
    origin: Origin,
    elsewhere: Origin | None = None,
    certificates: Authority | None = None,
) -> Outcome:
    """Passed, observed, failed or unsupported.

    Never raises for a case that fails: whatever went wrong is the outcome.
    """
    missing = frozenset(need for need in case.needs if not proxy.manifest.offers(need))
    if missing:
        why = f"the manifest declares no {', '.join(sorted(missing))}"
        return Outcome(case, proxy.id, "unsupported", why, why, missing=missing)
    if case.alone and proxy.process is None:
        why = "the case wants a process of its own, and the suite has not started this proxy"
        return Outcome(case, proxy.id, "unsupported", why, why)
    talk = Talk(proxy, origin, elsewhere, certificates)
    failure: Exception | None = None
    seen: Exception | None = None
    unmeasured = ""
    ended_at_s = math.inf
    try:
        try:
            await _converse(case, talk)
        except UnmeasuredError as error:
            unmeasured = str(error)
        except _SEEN as error:
            if case.level != "O":
                raise
            seen = error
        finally:
            ended_at_s = time.monotonic()
        await settle(talk)  # at level O too: what is left behind is a fault, whatever was to be seen
    except Exception as error:  # noqa: BLE001 - a fault of the case itself is told like any other failure
        failure = error
    told = failure or seen
    report = "" if told is None else _report(case, talk, told, ended_at_s)
    transcript = transcript_of(talk) if told is None else None
    await talk.close()
    why = unmeasured if told is None else _message(told).partition("\n")[0]
    notes = {name: str(value) for name, value in talk.notes.items()}
    verdict: Verdict = "passed"
    if unmeasured and failure is None:
        verdict, report = "unsupported", unmeasured
    elif failure is not None:
        verdict = "failed"
    elif case.level == "O":
        verdict = "observed"
    return Outcome(case, proxy.id, verdict, report, why, notes=notes, transcript=transcript)


async def _converse(case: Case, talk: Talk) -> None:
    """The conversation, within its deadline. Raises: whatever it raises; LateError."""
    deadline = asyncio.timeout(case.deadline_s)
    try:
        async with deadline:
            await case.conversation(talk)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        # Where it stood then is told by what was cancelled there.
        where = (error.__cause__ or error).__traceback__
        raise LateError(f"the case is not over after {case.deadline_s:g} s").with_traceback(where) from None


# What a proxy can do to a case; anything else is a fault of the case itself.
_SEEN = (AssertionError, OSError, IncompleteError, MalformedError)
_SENTENCES = (LateError, IncompleteError, MalformedError)  # the suite's own: each says by itself what it is


def _message(failure: BaseException) -> str:
    """Without what pytest's rewriting repeats of the operands: the conversation shows them better. An
    assertion that says nothing is told by its line.
    """
    if isinstance(failure, _SENTENCES):
        return str(failure)
    if isinstance(failure, BrokenPipeError | ConnectionResetError):
        return f"the proxy had ended the connection: {failure.strerror or failure}"
    if not isinstance(failure, AssertionError):
        return f"{type(failure).__name__}: {failure}"
    said = str(failure).partition("\nassert ")[0]
    frames = traceback.extract_tb(failure.__traceback__)
    return said or f"not so: {(frames[-1].line or '').removeprefix('assert ') if frames else ''}"


def _report(case: Case, talk: Talk, failure: BaseException, ended_at_s: float) -> str:
    lines = [
        f"{case.id} on {talk.proxy.id}: {case.sentence}",
        f"  requirement: {case.requirement}" + (f"; {case.anchor}" if case.anchor else ""),
        f"  failed: {_message(failure)}",
        *_where(case, failure),
        "",
        "the conversation:",
        *_told(talk, ended_at_s),
        "",
        "the origin's ledger:",
        *(f"  {line}" for line in talk.origin.ledger.tell(talk.began_s)),
    ]
    if talk.notes:
        lines += ["", "noted: " + "; ".join(f"{name}: {value}" for name, value in talk.notes.items())]
    return "\n".join(lines)


def _where(case: Case, failure: BaseException) -> list[str]:
    """The line of the case that failed; the whole traceback when none of its lines is in it."""
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if f.filename == case.file]
    if frames:
        return [f"  at {frame.filename}:{frame.lineno}: {frame.line}" for frame in frames]
    if isinstance(failure, AssertionError):
        return [f"  at {case.file}:{case.line}: after the conversation (leak check)"]
    return ["".join(traceback.format_exception(failure))]


def _told(talk: Talk, ended_at_s: float) -> list[str]:
    """All bytes of the case in the order of their clock, both sides, a run in one direction together; then,
    apart, what came of looking whether anything is left.
    """
    events: list[tuple[Event, str]] = []
    for number, client in enumerate(talk.clients):
        events += [(event, f"client {number}") for event in client.channel.events]
    for connection in talk.origin.ledger.connections:
        events += [
            (event, f"origin connection {connection.number}")
            for event in connection.events()
            if event.at_s >= talk.began_s
        ]
    events.sort(key=lambda item: item[0].at_s)
    runs: list[_Run] = []
    told: dict[str, Event] = {}  # the last event of each connection: an end is noted by whoever learns of it
    for event, name in events:
        if event.kind != "note" and not event.size:
            continue
        last, told[name] = told.get(name), event
        if event.kind == "note" and last is not None and (last.kind, last.data) == ("note", event.data):
            continue
        late = event.at_s > ended_at_s
        if not (runs and runs[-1].takes(name, event, late)):
            runs.append(_Run(name, event.kind, event.at_s - talk.began_s, late))
        runs[-1].add(event)
    lines = _shortened([run for run in runs if not run.late]) or ["  nothing was sent"]
    if left := [run for run in runs if run.late]:
        lines += ["", "when the conversation was over, its clients left:", *_shortened(left)]
    return lines


def _shortened(runs: list["_Run"]) -> list[str]:
    shown = [[f"  {line}" for line in run.lines()] for run in runs]
    if len(shown) > _SHOWN_RUNS:
        half = _SHOWN_RUNS // 2
        shown[half:-half] = [[f"  ... {len(shown) - 2 * half} more ..."]]
    return [line for lines in shown for line in lines]


@dataclasses.dataclass(slots=True)
class _Run:
    """Bytes that went one way on one connection without anything else happening in between. late: after the
    end of the conversation.
    """

    name: str
    kind: str
    at_s: float
    late: bool
    data: bytes = b""
    size: int = 0

    def takes(self, name: str, event: Event, late: bool) -> bool:
        return (name, event.kind, late) == (self.name, self.kind, self.late) and event.kind != "note"

    def add(self, event: Event) -> None:
        if len(self.data) == self.size:  # no gap so far
            self.data = (self.data + event.data)[:_SHOWN_BYTES]
        self.size += event.size

    def lines(self) -> list[str]:
        """As on the wire: CRLF ends a line, and is shown there, so that a bare CR or LF stands out."""
        at = f"{self.at_s:7.3f} s {self.name}"
        if self.kind == "note":
            return [f"{at}: {self.data.decode()}"]
        shown = [_spelt(line) for line in self.data.split(b"\r\n")]
        shown = [f"{line}\\r\\n" for line in shown[:-1]] + [line for line in shown[-1:] if line]
        if rest := self.size - len(self.data):
            shown.append(f"... and {rest} bytes more")
        return [f"{at} {'->' if self.kind == 'out' else '<-'} proxy", *(f"{'':12}{line}" for line in shown)]


def _spelt(line: bytes) -> str:
    """Printable ASCII as it is; the backslash and every other byte as an escape: none looks like another."""
    return line.decode("latin-1").encode("unicode_escape").decode("ascii")
