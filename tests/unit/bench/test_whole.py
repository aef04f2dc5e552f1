"""A report of the full plan's size: one screen in a terminal, and a page where nothing collides."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.record import Dropped, Run
from bench.report import write_html, write_terminal
from bench.report.view import GLANCE, view
from bench.report.words import TIMES, upper
from tests.unit.bench.browser import Page, browser, installed
from tests.unit.bench.made import made_run
from tests.unit.bench.whole import FAILS, whole_run

_SCREEN = 49
_COLUMNS = 110
_HEAVY = 6e6


@pytest.fixture(scope="module")
def run() -> Run:
    """The made-up run of the full plan."""
    return whole_run()


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    """Its page."""
    return write_html(run)


def printed(run: Run, *, whole: bool = False) -> list[str]:
    out = io.StringIO()
    write_terminal(run, Console(file=out, width=_COLUMNS, highlight=False), whole=whole)
    return out.getvalue().splitlines()


def test_the_terminal_tells_the_full_plan_on_one_screen(run: Run) -> None:
    lines = printed(run)
    assert len(lines) <= _SCREEN
    assert max(map(len, lines)) <= _COLUMNS
    text = "\n".join(lines)
    for said in ("This run can resolve", "Pick Litestar over FastAPI", "uvicorn (h11) / hypercorn", "nginx"):
        assert said in text
    assert "all 79 cells: on the page" in text
    # of a mean that holds for no pair its ends: of the first choice, and where they are far apart
    assert [line.split(" with ")[0].split(TIMES)[0] for line in lines if line.startswith("~ ")] == [
        "~ Litestar / FastAPI 1.10",
        "~ wire / httpx2 2.05",
    ]
    assert len(printed(made_run())) < len(lines)


def test_what_failed_is_told_first_and_what_else_is_missing_is_counted(run: Run) -> None:
    (name, (_, absence)) = next(iter(FAILS.items()))
    text = "\n".join(printed(run))
    assert f"{view(run).cell(name).label}: FAILED: {absence.detail}" in text


def test_all_that_one_screen_leaves_out_is_printed_when_asked_for_and_stands_on_the_page(
    run: Run, page: str
) -> None:
    found = view(run)
    text = "\n".join(printed(run, whole=True))
    left_out = {one.cell for one in run.dropped if one.part == "choices"}
    for cell in found.cells:
        assert cell.label in page
        if cell.id not in left_out:
            assert cell.label in text
    for scenario in run.header.scenarios:
        assert scenario.id in page
    for one in found.growths:
        kind, _, load = one.growth.what.partition(", ")  # a load may stand in several lines above its column
        table = text.partition(f"{upper(kind)}, the larger load over the smaller")[2]
        assert table
        assert all(word.lower() in table.lower() for word in load.split())


def test_who_was_not_run_stands_below_a_chart_and_a_table_and_not_as_an_empty_row(
    run: Run,
) -> None:
    part = next(one for one in run.header.parts if "S9" in one.scenarios)
    out = part.cells[-2:]
    cells = [one for one in run.cells if one.part != part.id or one.cell not in out]
    dropped = [*run.dropped, *(Dropped(cell, 0, "no time", part.id) for cell in out)]
    page = write_html(msgspec.structs.replace(run, cells=cells, dropped=dropped))
    section = page.partition('id="leaving"')[2].partition("</section>")[0]
    labels = [view(run).cell(cell).label for cell in out]
    assert section.count(f"<b>Not run. </b>{'; '.join(labels)}: no time.") == 2  # S8 and S9
    assert not any(f">{label}</th><td>not run</td>" in section for label in labels)


def test_its_page_can_be_sent_by_mail(page: str) -> None:
    assert len(page.encode()) < _HEAVY


def test_no_chart_shows_at_once_more_cells_than_are_taken_in_at_a_glance(page: str) -> None:
    figures = page.partition('id="figures"')[2].partition("</section>")[0]
    for chart in figures.partition("<details>")[0].split('class="chart"')[1:]:
        wide = chart.partition("</svg>")[0]
        assert 0 < wide.count('class="row"') <= GLANCE + 1  # and the direct leg


def test_where_a_mean_is_another_it_is_drawn_with_each_choice_that_changes_it(run: Run, page: str) -> None:
    found = view(run)
    framework = found.asked("framework", main=True)[0]
    assert found.depends_on(framework, "rps") == ["server"]
    chart = page.partition('id="effects"')[2].partition("</svg>")[0]
    rows = chart.partition(">Litestar over FastAPI<")[2].partition(" head")[0]
    labels = re.findall(r'class="label end">([^<]+)<', rows)
    assert labels == ["their mean (over 9 pairs)", "with hypercorn", "with uvicorn (h11)", "with uvicorn"]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory, page: str) -> Iterator[Page]:
    """The page in a browser."""
    if installed() is None:
        pytest.skip("no Chromium is installed: the page was not opened")
    folder: Path = tmp_path_factory.mktemp("whole")
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    with browser(folder / "profile") as opened:
        opened.look(width=1400, dark=False)
        opened.open(path)
        yield opened


# Words of a chart that lie on others of it, or stick out of it, wherever it is folded away.
_COLLIDING = """
(() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const found = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    if (!frame.width) continue;
    const texts = [...svg.querySelectorAll("text")];
    const boxes = texts.map((text) => [text.getBoundingClientRect(), text.textContent]);
    boxes.sort((a, b) => a[0].top - b[0].top);
    boxes.forEach(([box, words], at) => {
      if (box.left < frame.left - 2 || box.right > frame.right + 2) found.push(`out: ${words}`);
      for (let next = at + 1; next < boxes.length && boxes[next][0].top < box.bottom - 6; next++) {
        const [other, said] = boxes[next];
        if (other.left < box.right - 1 && box.left < other.right - 1) found.push(`${words} | ${said}`);
      }
    });
  }
  return [...new Set(found)].slice(0, 40);
})()
"""


@pytest.mark.parametrize("width", [390, 800, 1400])
def test_no_words_of_a_chart_lie_on_others_and_no_screen_is_scrolled_sideways(tab: Page, width: int) -> None:
    tab.look(width=width, dark=False)
    assert tab.ask(_COLLIDING) == [], width
    assert tab.ask("document.documentElement.scrollWidth") == width
