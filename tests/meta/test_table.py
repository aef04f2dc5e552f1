"""The contract's page: what stands in a cell, what makes it stale, where its links lead."""

from pathlib import Path

import pytest

from shared.harness.subject import ENGINES, Subject
from tests.contract import table
from tests.contract.case import load
from tests.contract.columns import measured, ours, references
from tests.contract.deviations import DEVIATIONS
from tests.contract.fingerprint import fingerprint
from tests.contract.links import linked
from tests.contract.own import manifest_of
from tests.contract.reference import REFERENCES
from tests.contract.results import Result, Results, Verdict, write
from tests.contract.subjects import POSSIBLE, SUBJECTS
from tests.meta.papers import section, table_rows


def _result(
    name: str,
    verdict: Verdict,
    why: str = "",
    proxy: str = "nginx",
    measured: str | None = None,
    **notes: str,
) -> Result:
    case = load()[name]
    if measured is None:
        known = next((each for each in REFERENCES if each.id == proxy), None)
        measured = fingerprint(case, None) if known is None else known.fingerprint(case)
    return Result(name, case.sentence, case.level, verdict, why, notes, measured)


def _results(*results: Result, proxy: str = "nginx") -> Results:
    return Results(proxy, "1.22.1", "2026-11-21", list(results))


def _row(page: str, start: str) -> list[str]:
    line = next(line for line in page.splitlines() if line.startswith(f"| {start} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_page_on_disk_is_the_one_that_is_made() -> None:
    assert table.PAGE.read_text("utf-8") == table.page(), f"run `.venv/bin/{table.COMMAND}`"


def test_other_proxies_have_a_column_each(tmp_path: Path) -> None:
    write(_results(_result("HDR-01", "passed", proxy="other"), proxy="other"), tmp_path / "other.json")
    write(_results(_result("HDR-01", "passed", proxy="caddy"), proxy="caddy"), tmp_path / "caddy.json")
    nginx = (
        _result("HDR-01", "failed", why="X-A | <b>\ncame through"),
        _result("HDR-02", "unsupported"),
        _result("HDR-03", "passed", measured="of another case"),
        _result("HDR-05", "observed", dropped="Cookie", kept="Host"),
    )
    write(_results(*nginx), tmp_path / "nginx.json")
    assert [found.proxy for found in references(tmp_path)] == ["nginx", "caddy", "other"]
    page = table.page(tmp_path)
    assert _row(page, "HDR-01 | M")[-3:] == ["✗", "✓", "✓"]
    assert _row(page, "HDR-02 | M")[-3:] == ["-", "?", "?"]
    assert _row(page, "HDR-03 | M")[-3:] == ["?", "?", "?"], "measured with another case"
    assert "| `X-A \\| <b> came through` |" in page.partition("## What nginx fails")[2]
    assert "Nothing." in page.partition("## What other fails")[2]
    assert _row(page, "HDR-05 | `dropped: Cookie;") == ["HDR-05", "`dropped: Cookie; kept: Host`", "nginx"]
    summary = _row(page, "nginx")
    assert summary[1:3] == ["1.22.1, 2026-11-21", "0 of 1"]
    long = sum(case.tier == "long" for case in load().values())
    assert summary[-2:] == [str(1 + long), str(len(load()) - 3 - long)], "not asked, not measured"


@pytest.mark.parametrize("subjects", [SUBJECTS, POSSIBLE], ids=["of today", "every engine on all"])
def test_only_deviations_of_a_column_are_listed(
    subjects: tuple[Subject, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One of an engine that runs on one profile may speak of the others, which have no column."""
    monkeypatch.setattr(table, "SUBJECTS", subjects)
    page = table.page(tmp_path)
    rows = table_rows(section(page, "Known deviations"))
    listed = [(row[0], each) for row in rows for each in row[1].replace("`", "").split(", ")]
    spoken = [known for known in DEVIATIONS if any(known.speaks_of(each) for each in subjects)]
    assert sorted(listed) == sorted((known.case, known.subjects) for known in spoken)
    assert subjects != POSSIBLE or len(spoken) == len(DEVIATIONS)
    places = [page.index(f"\n| {case}") for case, _ in listed]
    assert places == sorted(places), "in the order of the families' tables"
    assert len({(row[0], row[2]) for row in rows}) == len(rows), "one reason for one case is told once"


def test_what_ours_observe_is_shown_while_it_is_current(tmp_path: Path) -> None:
    case, name = load()["HDR-05"], "uvicorn-httptools"
    current = fingerprint(case, manifest_of("plain", ENGINES[0]))
    for found, shown in (current, True), ("of another case", False):
        seen = Result(case.id, case.sentence, "O", "observed", "", {"dropped": "all"}, found)
        write(_results(seen), tmp_path / f"{name}.json")
        columns = {column.name: column for column in ours(load(), tmp_path)}
        assert bool(columns[f"ours on {name}"].cells["HDR-05"].notes) == shown
        assert not columns["ours on hypercorn-h1"].cells["HDR-05"].notes


def test_promise_names_who_asks_the_same() -> None:
    case = load()["CAN-02"]
    assert case.requirement.startswith("promise")
    assert _row(table.page(), "CAN-02")[3].endswith(f"<br><sub>{case.anchor}</sub>")


def test_case_that_is_gone_is_left_out() -> None:
    gone = Result("HDR-99", "A case of old.", "M", "failed")
    assert "HDR-99" not in measured(_results(gone), load()).cells


def test_our_columns_are_what_the_suite_holds() -> None:
    cases = load()
    columns = {column.name: column for column in ours(cases)}
    for known in DEVIATIONS:
        if not any(known.speaks_of(subject) for subject in SUBJECTS):
            continue  # of an engine that has no column yet
        shown = {name for name, column in columns.items() if column.cells[known.case].verdict == "deviated"}
        assert shown, f"{known.case} is a deviation that no column shows"
    for column in columns.values():
        assert column.cells.keys() == cases.keys()
        assert {cell.verdict for cell in column.cells.values()} <= {
            "passed",
            "deviated",
            "observed",
            "unsupported",
        }


def test_stale_page_is_told_in_one_line_that_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "PAGE", tmp_path / "contract.md")
    monkeypatch.setattr(table, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(
        "# A\n\n<!-- contract: begin -->\nof old\n<!-- contract: end -->\nB\n"
    )
    assert table.main(["--check"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in told] == ["contract.md", "README.md"]
    assert all(table.COMMAND in line for line in told)
    assert table.main([]) == 0
    assert table.main(["--check"]) == 0
    assert table.main(["--chekc"]) == 2
    text = (tmp_path / "README.md").read_text("utf-8")
    assert text.startswith("# A\n")
    assert text.endswith("\nB\n")
    assert "of old" not in text


def test_short_summary_says_what_the_page_says() -> None:
    """A row of README's for ours on the default engine and for each of the others."""
    page = {row[0]: row for row in table_rows(section(table.page(), "Summary"))}
    shown = table_rows(table.README.read_text("utf-8").partition("<!-- contract: begin -->")[2])
    rows = {row[0].partition(" (")[0]: row[1:] for row in shown if row[0].partition(" (")[0] in page}
    assert len(rows) == sum(not name.startswith("ours") for name in page) + 3
    for name, row in rows.items():
        assert row == page[name][2:5]


_RFC = "https://www.rfc-editor.org/rfc/rfc"
_EVENTS = "[WHATWG HTML §9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)"


@pytest.mark.parametrize(
    ("requirement", "markdown"),
    [
        ("RFC 9110 §7.6.1", f"[RFC 9110 §7.6.1]({_RFC}9110#section-7.6.1)"),
        ("RFC 9112 §8, §9.8", f"[RFC 9112 §8]({_RFC}9112#section-8), [§9.8]({_RFC}9112#section-9.8)"),
        ("RFC 9218", f"[RFC 9218]({_RFC}9218)"),
        ("RFC 9112 §6.3 item 8", f"[RFC 9112 §6.3]({_RFC}9112#section-6.3) item 8"),
        ("RFC 9110 §8.4; WHATWG HTML §9.2", f"[RFC 9110 §8.4]({_RFC}9110#section-8.4); {_EVENTS}"),
        ("CVE-2016-5385", "[CVE-2016-5385](https://www.cve.org/CVERecord?id=CVE-2016-5385)"),
        ("draft-ietf-x", "[draft-ietf-x](https://datatracker.ietf.org/doc/draft-ietf-x/)"),
        ("promise: no byte waits", "promise: no byte waits"),
    ],
)
def test_sections_are_links(requirement: str, markdown: str) -> None:
    assert linked(requirement) == markdown
