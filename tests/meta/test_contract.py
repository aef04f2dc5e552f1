"""The suite about itself: no case is lost, failures show the wire, leaks and disagreement are found."""

import asyncio
import dataclasses
import itertools
import pathlib
from collections import Counter
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from shared.harness.origin.scripted import Origin
from tests.contract.agree import differences
from tests.contract.case import Case, case, load
from tests.contract.count import Count
from tests.contract.expect import ok
from tests.contract.items import shuffled
from tests.contract.own import manifest_of
from tests.contract.play import Outcome, play
from tests.contract.talk import Proxy, Talk
from tests.contract.variants import VARIANTS
from tests.meta.mutation import running, write

T = TypeVar("T")


# So many there are; whoever takes one away says so here, too.
_CASES = Counter(
    HDR=30, FWD=14, TGT=21, MET=8, RQB=33, RSP=51, STR=18, CAN=14,
    ERR=33, INF=22, UPG=1, TRL=9, FRM=72, SHR=16, TLS=2, OPS=14,
)  # fmt: skip


def test_no_case_is_lost() -> None:
    cases = load().values()
    count = Counter(c.family for c in cases)
    assert count.keys() == _CASES.keys()
    assert count >= _CASES, f"fewer than there were: {dict(_CASES - count)}"
    assert sum(c.level == "M" and c.tier == "quick" for c in cases) >= 236
    assert {c.settings for c in cases} == VARIANTS.keys()


def test_id_is_used_once() -> None:
    async def other(talk: Talk) -> None:
        """Something else."""

    with pytest.raises(ValueError, match="declared twice"):
        case("HDR-01", requirement="none")(other)
    with pytest.raises(ValueError, match="not a case id"):
        case("XYZ-01", requirement="none")(other)


# Cases that are not in the registry, played on the miniature: what does the suite make of them?


def _case(conversation: Any) -> Case:
    return Case(
        id="ERR-99",
        sentence="A made-up case.",
        conversation=conversation,
        level="M",
        requirement="none",
        anchor="",
        tier="quick",
        settings="plain",
        needs=frozenset(),
        compare="bytes",
        deadline_s=10,
        file=__file__,
        line=conversation.__code__.co_firstlineno,
    )


async def _played(conversation: Any, folder: pathlib.Path) -> Outcome:
    """Of a conversation, or of a case made from one."""
    write(None, folder)
    case = conversation if isinstance(conversation, Case) else _case(conversation)
    origin = Origin()
    origin.listen()
    try:
        with running(folder, "miniature", origin.url, "plain") as proxy:
            outcome = await play(case, proxy, origin)
            assert not origin.ledger.carried(), "a failed case left an exchange behind"
            return outcome
    finally:
        await origin.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


_NEXT = "\n" + 14 * " "


def test_failure_shows_both_sides_and_the_ledger(tmp_path: pathlib.Path) -> None:
    async def wrong(talk: Talk) -> None:
        x = await talk.exchange()
        _, response = await x.trip("POST", "X-Sent: 1", body=b"content", reply=("X-Came: 2",))
        ok(response, b"something else")

    outcome = _run(_played(wrong, tmp_path))
    assert outcome.verdict == "failed"
    for expected in (
        "content b'ok', not b'something else'",  # what was expected, and what was seen
        'ok(response, b"something else")',  # the line of the case
        f"client 0 -> proxy{_NEXT}POST /t-",
        f"origin connection 0 <- proxy{_NEXT}POST /t-",
        f"origin connection 0 -> proxy{_NEXT}HTTP/1.1 200 OK\\r\\n{_NEXT}",
        f"client 0 <- proxy{_NEXT}HTTP/1.1 200 OK\\r\\n{_NEXT}",
        f"{_NEXT}X-Sent: 1\\r\\n{_NEXT}",
        f"{_NEXT}X-Came: 2\\r\\n{_NEXT}",
        f"{_NEXT}\\r\\n{_NEXT}content\n",
        "the origin's ledger",
        "length body, 7 bytes, complete; answered",
    ):
        assert expected in outcome.report, f"{expected!r} is not in\n{outcome.report}"


def test_bytes_of_a_conversation_are_told_from_each_other(tmp_path: pathlib.Path) -> None:
    """A line is what CRLF ends; a bare CR, a bare LF, what only looks like one, and bytes beyond ASCII."""

    async def odd(talk: Talk) -> None:
        client = await talk.connect()
        await client.send(b"one\ntwo\rthree\\r\\n\r\r\n\xe9\x00'\"\r\n\r\nno end" + 700 * b"x")
        raise AssertionError

    shown = ("one\\ntwo\\rthree\\\\r\\\\n\\r\\r\\n", "\\xe9\\x00'\"\\r\\n", "\\r\\n", "no end")
    report = _run(_played(odd, tmp_path)).report
    assert f"client 0 -> proxy{_NEXT}{_NEXT.join(shown)}xxx" in report
    assert f"xxx{_NEXT}... and 34 bytes more\n" in report


def test_errors_of_the_suite_are_told_without_their_class(tmp_path: pathlib.Path) -> None:
    async def early(talk: Talk) -> None:
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        await x.head(deadline_s=3)

    outcome = _run(_played(early, tmp_path))
    assert outcome.why == "waited 3 s for a response head; one interim response came"
    assert f"failed: {outcome.why}\n" in outcome.report


def test_hanging_case_ends_and_says_what_it_waited_for(tmp_path: pathlib.Path) -> None:
    async def hangs(talk: Talk) -> None:
        x = await talk.exchange()
        await x.ask()
        await x.response(0.1)

    outcome = _run(_played(hangs, tmp_path))
    assert outcome.verdict == "failed"
    assert "waited 0.1 s for a response head" in outcome.report


def test_case_without_an_end_says_where_it_stood(tmp_path: pathlib.Path) -> None:
    async def endless(talk: Talk) -> None:
        await asyncio.Event().wait()

    report = _run(_played(dataclasses.replace(_case(endless), deadline_s=0.1), tmp_path)).report
    assert "the case is not over after 0.1 s" in report
    assert "await asyncio.Event().wait()" in report


def test_what_is_observed_never_fails_but_a_fault_of_the_case_does(tmp_path: pathlib.Path) -> None:
    async def observes(talk: Talk) -> None:
        talk.note("seen", 1)
        raise AssertionError("not as one would think")

    async def broken(talk: Talk) -> None:
        raise KeyError("a fault of its own")

    async def asks_unseen(talk: Talk) -> None:
        client = await talk.connect()
        await client.send("GET /stray HTTP/1.1\r\nHost: front.test\r\n\r\n")
        await client.reader.head_ready()  # a stray is answered, too
        raise AssertionError("not as one would think")

    seen, wrong, stray = (
        _run(_played(dataclasses.replace(_case(each), level="O"), tmp_path / each.__name__))
        for each in (observes, broken, asks_unseen)
    )
    assert (seen.verdict, seen.why, seen.notes) == ("observed", "not as one would think", {"seen": "1"})
    assert wrong.verdict == "failed"
    assert stray.verdict == "failed"
    assert "requests that no client sent" in stray.why


def test_case_that_is_alone_needs_a_process() -> None:
    async def ends(talk: Talk) -> None:
        talk.terminate()

    proxy = Proxy("somebody's", "127.0.0.1", 1, manifest_of("plain", "wire"))
    origin = Origin()
    try:
        outcome = _run(play(dataclasses.replace(_case(ends), alone=True), proxy, origin))
    finally:
        _run(origin.close())
    assert outcome.verdict == "unsupported"


def test_random_order_is_the_same_for_the_same_seed() -> None:
    items: list[Any] = [SimpleNamespace(path=file, name=n) for file in "abc" for n in range(9)]
    one, same, other = (shuffled(items, seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert sorted(map(id, one)) == sorted(map(id, items))
    files = [item.path for item in one]
    assert sum(a != b for a, b in itertools.pairwise(files)) == 2, "a file's tests are no longer together"


def test_request_that_nobody_sent_is_found(tmp_path: pathlib.Path) -> None:
    async def stray(talk: Talk) -> None:
        client = await talk.connect()
        await client.send("GET /stray HTTP/1.1\r\nHost: front.test\r\n\r\n")
        await client.response()

    report = _run(_played(stray, tmp_path)).report
    assert "requests that no client sent" in report
    conversation, _, left = report.partition("when the conversation was over, its clients left:")
    assert f"-> proxy{_NEXT}GET /stray" in conversation
    assert "closed" in left


def test_request_of_a_case_before_is_not_held_against_the_next(tmp_path: pathlib.Path) -> None:
    async def late(talk: Talk) -> None:
        x = await talk.exchange()
        talk.origin.forget(x.token)  # as when its case is over
        await x.ask()
        assert (await x.response()).status == 421
        assert talk.accepted == 0, "its connection is counted as this case's"

    assert _run(_played(late, tmp_path)).verdict == "passed"


def test_assertion_that_says_nothing_is_told_by_its_line(tmp_path: pathlib.Path) -> None:
    async def silent(talk: Talk) -> None:
        raise AssertionError

    assert _run(_played(silent, tmp_path)).why == "not so: raise AssertionError"


def test_fault_of_a_case_is_told_with_its_traceback(tmp_path: pathlib.Path) -> None:
    async def broken(talk: Talk) -> None:
        raise KeyError("a fault of its own")

    report = _run(_played(broken, tmp_path)).report
    assert "KeyError" in report
    assert "a fault of its own" in report


def test_disagreement_is_found(tmp_path: pathlib.Path) -> None:
    def answering(reply: str) -> Any:
        async def one(talk: Talk) -> None:
            x = await talk.exchange()
            ok((await x.trip(reply=(reply,)))[1])

        return one

    a, same, other = (
        _run(_played(answering(reply), tmp_path / str(n)))
        for n, reply in enumerate(("X-A: 1", "X-A: 1", "X-A: 2"))
    )
    assert a.transcript is not None
    assert same.transcript is not None
    assert other.transcript is not None
    assert differences(a.transcript, same.transcript, ("a", "b")) == []
    unlike = differences(a.transcript, other.transcript, ("a", "b"))
    assert len(unlike) == 2
    assert "X-A: 1" in unlike[0]
    assert "X-A: 2" in unlike[1]


def _report(node_id: str, subject: str, outcome: str, **more: Any) -> Any:
    properties = [("contract", subject)]
    return SimpleNamespace(
        nodeid=node_id, user_properties=properties, when="call", outcome=outcome, passed=outcome == "passed",
        skipped=outcome == "skipped", **more,
    )  # fmt: skip


def test_summary_counts_every_item_and_misses_none() -> None:
    count = Count()
    ids = [f"tests/contract/test_hdr.py::HDR-0{n}[some-subject]" for n in range(1, 6)]
    count.pytest_xdist_node_collection_finished([*ids, "tests/unit/test_x.py::test_y[z]"])
    for node_id, outcome, more in (
        (ids[0], "passed", {}),
        (ids[1], "skipped", {"wasxfail": "reason"}),
        (ids[2], "skipped", {}),
        (ids[3], "failed", {}),
    ):
        count.pytest_runtest_logreport(_report(node_id, "some-subject", outcome, **more))
    assert count.not_run() == [ids[4]]
    words = count.lines()[0].split()
    assert " ".join(words) == "some-subject 1 passed 1 deviated 1 unsupported 1 failed 1 not run"
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    count.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED
