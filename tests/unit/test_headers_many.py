"""Fields by the hundred thousand. What looks at each once is done in a second; what looks at each for each
would take minutes, more than the suite's time limit: nothing here needs a clock.
"""

import pytest

from shared.hops import has_passed
from shared.messages import Headers, by_name
from tests.unit.header_rules import answered, outgoing

MANY = 300_000


def _numbered(form: bytes) -> Headers:
    return [(form % number, b"1") for number in range(MANY)]


def _same(one: object, other: object) -> bool:
    """Apart from the assertion, which would explain each of so many differences."""
    return one == other


def _listed() -> Headers:
    """As many names in one Connection field, and the fields themselves."""
    fields = _numbered(b"X-%d")
    return [(b"Connection", b", ".join(name for name, _ in fields)), *fields]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"Date", 1),
        (b"Content-Length", 1),
        (b"Connection", 0),
        (b"Transfer-Encoding", 0),
        (b"Set-Cookie", MANY),
        (b"X_A", MANY),
    ],
)
def test_a_response_with_many_fields_of_one_name(name: bytes, kept: int) -> None:
    assert answered([(name, b"1")] * MANY).count((name, b"1")) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"Content-Length", 1),
        (b"Connection", 0),
        (b"Cookie", MANY),
        (b"X_A", MANY),
        (b"Content_Length", 0),
        (b"X-Forwarded-For", 0),
        (b"X_Forwarded_For", 0),
    ],
)
def test_a_request_with_many_fields_of_one_name(name: bytes, kept: int) -> None:
    assert outgoing([(name, b"1")] * MANY).count((name, b"1")) == kept


@pytest.mark.parametrize("form", [b"X-%d", b"X_%d"])
def test_many_fields_of_many_names(form: bytes) -> None:
    came = _numbered(form)
    assert _same(outgoing(came)[1 : MANY + 1], came)
    assert _same(answered(came)[:MANY], came)


def test_connection_may_list_as_many_as_there_are() -> None:
    came = _listed()
    assert {name for name, _ in came}.isdisjoint(name for name, _ in outgoing(came))
    assert _same(answered(came), answered([]))


@pytest.mark.parametrize(
    ("name", "ours"),
    [(b"X-Forwarded-For", b"192.0.2.1"), (b"Forwarded", b"for=192.0.2.1"), (b"Via", b"1.1 tandem")],
)
def test_a_list_that_a_trusted_proxy_sent_in_many_fields_goes_on_in_one(name: bytes, ours: bytes) -> None:
    came = [(name, b"1")] * MANY
    assert _same(dict(outgoing(came, trusted=True))[name], b"1, " * MANY + ours)
    assert not has_passed(by_name(came), b"tandem")
