"""What the papers of the repository say, read for the tests that hold them to it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "anchors", "code_blocks", "links", "papers", "section", "table_rows", "targets", "texts"]

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file that is or could be committed, with its path below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        try:
            yield Path(name), (ROOT / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError):  # a picture; a file that was just removed
            continue


def papers() -> list[tuple[Path, str]]:
    """Every Markdown file."""
    return [(path, text) for path, text in texts() if path.suffix == ".md"]


def code_blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block."""
    return _FENCE.findall(text)


def links(text: str) -> list[str]:
    """Targets of the Markdown links outside code, in order."""
    return _LINK.findall(re.sub(r"`[^`\n]*`(?!\])", "", _FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The anchors that the headings make, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


def table_rows(text: str) -> list[list[str]]:
    """The cells of each body row of the Markdown tables in `text`."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = {index for index, row in enumerate(rows) if all(re.fullmatch(r":?-+:?", cell) for cell in row)}
    return [row for index, row in enumerate(rows) if index not in rules and index + 1 not in rules]


def targets() -> dict[str, str]:
    """The Makefile's targets, each with the line that describes it (empty: not for people)."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.findall(r"^([a-z][a-z-]*):[^=\n]*?(?:## *(.*))?$", makefile, re.MULTILINE)
    return dict(found)
