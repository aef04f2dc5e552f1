"""Via: who adds what, and who is known again. Max-Forwards: how far it goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest
from shared.hops import has_passed, hops_left, via
from shared.messages import Headers, by_name
from shared.settings import OWN_NAME, ForwardSettings
from shared.variables import UpstreamURL

ME = b"tandem-0a1b2c3d"


@pytest.mark.parametrize(
    ("came", "version", "value"),
    [
        ([(b"X", b"1")], "1.1", b"1.1 tandem-0a1b2c3d"),
        ([(b"Via", b"1.0 fred")], "1.1", b"1.0 fred, 1.1 tandem-0a1b2c3d"),
        (
            [(b"via", b"1.0 fred"), (b"Via", b"1.1 p.test:80")],
            "1.0",
            b"1.0 fred, 1.1 p.test:80, 1.0 tandem-0a1b2c3d",
        ),
        ([(b"Via", b"")], "2", b"2 tandem-0a1b2c3d"),
    ],
)
def test_via_grows_by_one(came: Headers, version: str, value: bytes) -> None:
    assert via(by_name(came).get(b"via"), version, ME) == (b"Via", value)


@pytest.mark.parametrize(
    "lines",
    [
        [b"1.1 tandem-0a1b2c3d"],
        [b"1.0 fred, 1.1 tandem-0a1b2c3d"],
        [b"1.0 fred", b"1.1 p.test:80,2  tandem-0a1b2c3d (a comment), 1.1 nginx"],
        [b"HTTP/1.1\ttandem-0a1b2c3d"],
        [b"1.1 x (never closed, 1.1 tandem-0a1b2c3d"],
        [b"1.1 x (\\, 1.1 tandem-0a1b2c3d"],
    ],
)
def test_a_hop_of_our_own_is_found(lines: list[bytes]) -> None:
    assert has_passed(by_name([(b"X", b"1"), *((b"vIa", line) for line in lines)]), ME)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1.1 tandem-ffffffff",
        b"1.1 tandem",
        b"1.1 tandem-0a1b2c3d.test",
        b"1.1 other (passed tandem-0a1b2c3d)",
        b"tandem-0a1b2c3d",
        b"tandem-0a1b2c3d 1.1",
        b", ,",
    ],
)
def test_another_hop_is_not_taken_for_us(line: bytes) -> None:
    assert not has_passed(by_name([(b"Via", line), (b"X-Via", b"1.1 " + ME)]), ME)


@given(st.lists(st.tuples(st.sampled_from([b"Via", b"via", b"X"]), st.binary(max_size=40)), max_size=4))
def test_whatever_came_before_a_request_that_we_sent_on_is_known_again(came: Headers) -> None:
    assert has_passed(by_name([via(by_name(came).get(b"via"), "1.1", ME)]), ME)


def test_the_name_is_one_per_process_unless_it_is_set() -> None:
    origin = UpstreamURL("http", "origin.test", 80)
    assert OWN_NAME.startswith(b"tandem-")
    assert len(OWN_NAME) == len(ME)
    assert ForwardSettings(origin).via == ForwardSettings(origin).via == OWN_NAME


@pytest.mark.parametrize(
    ("method", "values", "left"),
    [
        (b"OPTIONS", [], None),
        (b"OPTIONS", [b"0"], 0),
        (b"OPTIONS", [b"000"], 0),
        (b"OPTIONS", [b"07"], 7),
        (b"OPTIONS", [b"999999999"], 999999999),
        (b"OPTIONS", [b"99999999999999999999999"], 10**9),
        (b"GET", [b"0"], None),
        (b"GET", [b"x", b"y"], None),
    ],
)
def test_how_often_a_request_may_still_be_sent_on(
    method: bytes, values: list[bytes], left: int | None
) -> None:
    assert hops_left(method, by_name([(b"Max-Forwards", value) for value in values])) == left


@pytest.mark.parametrize("values", [[b""], [b"-1"], [b"1.5"], [b"1, 2"], [b"1", b"1"], [b"x"], [b"\xb2"]])
def test_a_limit_that_is_no_number_is_refused(values: list[bytes]) -> None:
    with pytest.raises(BadRequest):
        hops_left(b"OPTIONS", by_name([(b"Max-Forwards", value) for value in values]))
