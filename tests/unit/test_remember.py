"""What is remembered, and what a client cannot make anybody remember."""

from shared.remember import remembering, remembering_heads


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


def test_a_head_is_remembered_by_its_names_when_they_are_few_and_short() -> None:
    asked: list[tuple[bytes, ...]] = []

    @remembering_heads
    def count(names: tuple[bytes, ...]) -> int:
        asked.append(names)
        return len(names)

    kept, many, long = (b"a", b"A"), (b"a",) * 49, (b"a" * 1025,)
    for names in (kept, many, long) * 2:
        assert count(names) == len(names)
    assert asked == [kept, many, long, many, long]
    for number in range(256):
        count((b"%d" % number,))
    assert count(kept) == 2
    assert asked.count(kept) == 2
