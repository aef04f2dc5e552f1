"""The first characters of a body: what decoding it whole and cutting it would give, however it comes."""

import codecs
import itertools
from encodings.aliases import aliases

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import BodyTooLong, CodedBody, NoText
from shared.fanout.text import BUDGET, FirstCharacters, codec_of, refuse_coded
from shared.messages import Headers

# One of each kind: single bytes, variable width, surrogate pairs, a byte order mark, shift states.
CODECS = ["ascii", "latin_1", "cp1252", "koi8_r", "utf_8", "utf_16", "utf_16_be", "utf_32", "gb18030",
          "shift_jis", "euc_kr", "big5", "iso2022_jp"]  # fmt: skip
NAMEABLE = sorted({codec_of([(b"Content-Type", b"a/b; charset=" + name.encode())]) for name in aliases})
SELF_SYNCHRONISING = ["utf_8", "utf_16_le", "utf_16_be", "utf_32_le", "latin_1", "ascii", "cp1252"]

# Without ESC, which iso2022_jp takes for the begin of a shift.
texts = st.text(st.characters(exclude_characters="\x1b", exclude_categories=["Cs"]), max_size=100)
cuts = st.lists(st.integers(0, 400), max_size=12)


def pieces(body: bytes, at: list[int]) -> list[bytes]:
    """The body cut at these offsets; empty pieces among them."""
    edges = [0, *sorted(min(cut, len(body)) for cut in at), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def first(body: list[bytes], wanted: int, codec: str) -> str:
    taken = FirstCharacters(wanted, codec)
    for piece in body:
        if taken.feed(piece):
            return taken.text
    taken.finish()
    return taken.text


@given(st.sampled_from(CODECS), texts, cuts, st.integers(1, 120))
@example("utf_8", "€" * 50, [1, 2, 4, 5, 149], 50)
@example("utf_16", "\N{SNAKE}" * 3, [1, 3, 4, 5, 6], 2)
@example("iso2022_jp", "aあb", [2, 3, 4, 5, 6], 2)
def test_text_comes_out_exact_whatever_its_charset_and_pieces(
    codec: str, text: str, at: list[int], wanted: int
) -> None:
    body = text.encode(codec, "ignore")
    assert first(pieces(body, at), wanted, codec) == body.decode(codec)[:wanted]


@given(st.sampled_from(SELF_SYNCHRONISING), st.binary(max_size=200), cuts, st.integers(1, 120))
@example("utf_8", b"\xf0\x9f\x98", [1, 2], 5)
@example("utf_8", b"\xe2\x82a", [1], 2)
def test_bytes_that_are_no_text_are_replaced_as_in_the_whole_body(
    codec: str, body: bytes, at: list[int], wanted: int
) -> None:
    assert first(pieces(body, at), wanted, codec) == body.decode(codec, "replace")[:wanted]


@given(st.text(min_size=1, max_size=60), st.integers(1, 60))
def test_it_is_enough_with_the_byte_that_completes_the_last_character_and_not_before(
    text: str, wanted: int
) -> None:
    taken = FirstCharacters(wanted)
    needed = len(text[:wanted].encode())
    body = text.encode()
    enough = [taken.feed(body[at : at + 1]) for at in range(needed)]
    assert enough == [False] * (needed - 1) + [len(text) >= wanted]


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        (b"text/plain", "utf_8"),
        (b"text/plain; charset=utf-8", "utf_8"),
        (b"text/plain;charset=ISO-8859-1", "latin_1"),
        (b'text/plain; x="y"; Charset="windows-1252"', "cp1252"),
        (b"application/json; charset=UTF-16", "utf_16"),
        (b"text/html; charset=Shift_JIS", "shift_jis"),
        (b"text/html; charset=KOI8-U", "koi8_u"),
        (b"text/html; charset=no-such-thing", "utf_8"),
        (b"text/html; charset=\xff", "utf_8"),
        (b"text/html; charset=", "utf_8"),
        (b"text/html; notcharset=latin1", "utf_8"),
        # Codecs of Python's that are no encodings of text, or that an upstream could make expensive.
        (b"text/html; charset=zlib", "utf_8"),
        (b"text/html; charset=rot13", "utf_8"),
        (b"text/html; charset=utf-7", "utf_8"),
        (b"text/html; charset=idna", "utf_8"),
        (b"text/html; charset=unicode_escape", "utf_8"),
        (b"text/html; charset=../os", "utf_8"),
    ],
)
def test_the_codec_is_what_content_type_names(content_type: bytes, codec: str) -> None:
    assert codec_of([(b"X", b"text/plain; charset=big5"), (b"content-TYPE", content_type)]) == codec


def test_without_content_type_it_is_utf_8() -> None:
    assert codec_of([]) == "utf_8"


def test_what_browsers_know_can_be_named_and_nothing_that_is_no_text() -> None:
    assert {"utf_8", "utf_16_le", "cp1252", "gbk", "euc_jp", "koi8_r", "cp950"} <= set(NAMEABLE)
    assert all(isinstance(codecs.getincrementaldecoder(codec)().decode(b""), str) for codec in NAMEABLE)


@given(st.sampled_from(NAMEABLE), st.lists(st.binary(max_size=12), max_size=12), st.integers(1, 120))
@example("iso2022_jp", [b"\x1b$$$$$$", b"$$$$$$"], 1)
@example("utf_32", [b"a"], 1)
def test_no_bytes_in_any_charset_are_more_than_no_text(codec: str, body: list[bytes], wanted: int) -> None:
    try:
        assert len(first(body, wanted, codec)) <= wanted
    except NoText:
        assert codec.startswith("iso2022")


@pytest.mark.parametrize(
    ("codec", "body", "text"),
    [
        ("utf_16", b"\xff\xfea\x00", "a"),
        ("utf_16", b"\xfe\xff\x00a", "a"),
        ("utf_16", b"a\x00b\x00", "ab"),
        ("utf_32", b"\x00\x00\xfe\xff\x00\x00\x00a", "a"),
        ("utf_32", b"a\x00\x00\x00", "a"),
        ("utf_16", b"", ""),
        ("utf_16", b"a", "\ufffd"),
    ],
)
@pytest.mark.parametrize("wanted", [2, 3])
def test_the_order_of_bytes_is_that_of_the_mark_or_little_endian(
    codec: str, body: bytes, text: str, wanted: int
) -> None:
    assert first([body[at : at + 1] for at in range(len(body))], wanted, codec) == text
    assert first([body], wanted, codec) == text


@pytest.mark.parametrize(
    ("value", "coded"), [(b"gzip", True), (b"BR", True), (b"identity", False), (b"", False)]
)
def test_a_coded_body_is_refused_and_the_way_out_named(value: bytes, coded: bool) -> None:
    headers: Headers = [(b"content-encoding", value)]
    if not coded:
        return refuse_coded(headers)
    with pytest.raises(CodedBody, match=f"coded as {value.decode().lower()}.*send Accept-Encoding: identity"):
        refuse_coded(headers)
    return None


def test_an_endless_run_of_bytes_that_make_no_character_is_given_up() -> None:
    taken = FirstCharacters(1, "iso2022_jp")
    for _ in range(BUDGET // 3):
        assert not taken.feed(b"\x1b(B")
    with pytest.raises(BodyTooLong):
        taken.feed(b"\x1b(B")
    assert BUDGET < taken.bytes_taken <= BUDGET + 3


@pytest.mark.parametrize("codec", ["utf_8", "utf_16", "utf_32", "gb18030", "iso2022_jp", "hz"])
def test_the_budget_lets_as_many_characters_through_as_may_be_asked_for(codec: str) -> None:
    text = "aあ" * 5_000  # in a charset with shift states, the dearest mixture
    assert first(pieces(text.encode(codec), [100, 5_000]), 10_000, codec) == text
