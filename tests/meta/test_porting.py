"""docs/porting.md cites lines of other projects: each holds the quoted words, in the pinned version."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from tests.meta.papers import ROOT

PAGE = (ROOT / "docs" / "porting.md").read_text("utf-8")
TARGET = r"https://github\.com/[\w-]+/(?P<project>[\w-]+)/blob/v?(?P<version>[\d.]+)/(?:src/)?(?P<path>\S+)#L(?P<line>\d+)"
PLACES = {
    found["key"]: found for found in re.finditer(rf"^\[(?P<key>[\w-]+)\]: {TARGET}$", PAGE, re.MULTILINE)
}
QUOTED = [
    (found[1].replace("\\|", "|"), found[2]) for found in re.finditer(r"\[`([^`]+)`\]\[([\w-]+)\]", PAGE)
]


@pytest.mark.parametrize(("words", "key"), QUOTED, ids=[key for _, key in QUOTED])
def test_the_line_holds_the_words(words: str, key: str) -> None:
    place = PLACES[key]
    installed = metadata.distribution(place["project"])
    assert installed.version == place["version"], "the link leads to another version than the pinned one"
    lines = Path(str(installed.locate_file(place["path"]))).read_text("utf-8").splitlines()
    assert words in lines[int(place["line"]) - 1]


def test_no_place_is_left_over() -> None:
    assert len(QUOTED) > 20
    assert set(PLACES) == {key for _, key in QUOTED}
