"""What is remembered, and what a client cannot make anybody remember."""

from shared.remember import remembering


def test_what_is_short_is_worked_out_once_and_what_is_long_each_time() -> None:
    asked: list[bytes] = []

    @remembering
    def length(value: bytes) -> int:
        asked.append(value)
        return len(value)

    for value in (b"a", b"a", b"b" * 64, b"b" * 64, b"c" * 65, b"c" * 65):
        assert length(value) == len(value)
    assert asked == [b"a", b"b" * 64, b"c" * 65, b"c" * 65]


def test_of_many_only_the_last_are_kept() -> None:
    asked: list[bytes] = []

    @remembering
    def number(value: bytes) -> int:
        asked.append(value)
        return int(value)

    for value in range(3000):
        number(b"%d" % value)
    number(b"2999")
    assert len(asked) == 3000
    number(b"0")
    assert len(asked) == 3001
