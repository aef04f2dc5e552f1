"""What the names of a head say by themselves."""

import pytest

from shared.names import names_of


def test_where_the_fields_of_each_name_stand() -> None:
    assert names_of((b"Host", b"X-A", b"Set-Cookie", b"x-a")).places == {
        b"host": [0],
        b"x-a": [1, 3],
        b"set-cookie": [2],
    }
    assert names_of(()).places == {}


def test_what_the_names_take_on_the_wire() -> None:
    assert names_of((b"Host", b"X-A", b"X-A")).size == len(b"Host: \r\nX-A: \r\nX-A: \r\n")
    assert names_of(()).size == 0


@pytest.mark.parametrize(
    ("name", "to_upstream", "to_client"),
    [
        (b"Cookie", True, True),
        (b"X_A", True, True),
        (b"Date", True, True),
        (b"Expect", True, True),  # its value says more
        (b"HOST", False, True),
        (b"Via", False, True),
        (b"Content-Length", False, True),
        (b"content_length", False, True),
        (b"X-Forwarded-For", False, True),
        (b"x_forwarded_Whatever", False, True),
        (b"Connection", False, False),
        (b"Transfer-Encoding", False, False),
        (b"Upgrade", False, False),
    ],
)
def test_which_fields_go_on(name: bytes, to_upstream: bool, to_client: bool) -> None:
    names = names_of((b"X-A", name))
    assert names.to_upstream == (True, to_upstream)
    assert names.to_client == (True, to_client)


def test_an_upstream_has_one_date_and_one_length() -> None:
    names = names_of((b"Date", b"Content-Length", b"X-A", b"date", b"x-a", b"CONTENT-LENGTH"))
    assert names.to_client == (True, True, True, False, True, False)


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\xe9", b"(a)", b"a\n", b"a\r\nb"])
def test_what_is_no_name_makes_a_head_unfit(name: bytes) -> None:
    assert not names_of((b"Host", name)).fit
    assert names_of((b"Host", b"!#$%&'*+-.^_`|~09AZaz")).fit
