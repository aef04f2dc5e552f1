"""The page in a real browser, opened from disk: it fetches nothing, fits a phone, and its controls work."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from bench.figures import figures
from bench.report import write_html
from bench.report.cost import Share, share_of
from bench.report.view import view
from tests.unit.bench.browser import Page, browser, installed
from tests.unit.bench.made import made_run

pytestmark = pytest.mark.skipif(
    installed() is None, reason="no Chromium is installed: the page was not opened"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a made-up run, on disk."""
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(write_html(made_run()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_it_fetches_nothing_and_says_nothing_wrong(tab: Page, page: Path) -> None:
    tab.look(width=1440, dark=False)
    tab.open(page)
    requested = [one["request"]["url"] for one in tab.events("Network.requestWillBeSent")]
    assert requested == [page.as_uri()]
    assert tab.events("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []


def test_on_paper_it_is_dark_on_light_whatever_the_screen_is_and_its_key_has_colours(
    tab: Page, page: Path
) -> None:
    tab.look(width=768, dark=True)
    tab.open(page)
    scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
    tab.call("Emulation.setEmulatedMedia", media="print", features=scheme)
    try:
        ink = tab.ask("getComputedStyle(document.body).color")
        exact = tab.ask("getComputedStyle(document.querySelector('.swatch')).printColorAdjust")
    finally:
        tab.call("Emulation.setEmulatedMedia", media="", features=scheme)
    assert ink == "rgb(26, 31, 36)"
    assert exact == "exact"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_screen_has_to_be_scrolled_sideways_and_text_reads_on_its_paper(
    tab: Page, page: Path, width: int, dark: bool
) -> None:
    tab.look(width=width, dark=dark)
    tab.open(page)
    assert tab.ask("document.documentElement.scrollWidth") == width
    assert tab.ask(_OUTSIDE) == []
    assert tab.ask(_HIDDEN) == 0
    # WCAG 2.2, 1.4.3: 4.5 to 1 for text
    assert tab.ask(_CONTRASTS) >= 4.5


# Words of a chart that stick out of it, or of the screen.
_OUTSIDE = """
[...document.querySelectorAll("svg text")].filter((text) => {
  const box = text.getBoundingClientRect(), svg = text.ownerSVGElement.getBoundingClientRect();
  return box.width && (box.left < svg.left - 2 || box.right > svg.right + 2 || box.bottom > svg.bottom + 2);
}).map((text) => text.textContent)
"""

# How much of the table of one's own load has to be scrolled to.
_HIDDEN = """
(() => {
  const table = document.querySelector("#calculator .table");
  return Math.max(0, table.scrollWidth - table.clientWidth);
})()
"""

# The least contrast of any text with what lies below it; the shares' words lie on their own rectangles.
_CONTRASTS = """
(() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const below = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const paper = (node) => node.closest(".share")
    ? parts(getComputedStyle(node.closest(".share").querySelector("rect")).fill) : below(node);
  let least = 99;
  const words = "p, li, td, th, h1, h2, h3, h4, summary, label, legend, svg text";
  for (const node of document.querySelectorAll(words)) {
    if (!node.getClientRects().length || !node.textContent.trim()) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parts(node.closest("svg") ? style.fill : style.color)), light(paper(node))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least;
})()
"""


def test_without_a_script_all_is_there_but_the_controls(tab: Page, page: Path) -> None:
    tab.look(width=1440, dark=False, script=False)
    tab.open(page)
    shown = "document.querySelectorAll('{}').length"
    forms = tab.ask("[...document.forms].filter((form) => form.getClientRects().length).length")
    assert forms == 0
    charts = tab.ask(shown.format("svg.wide"))
    tables = tab.ask(shown.format("table"))
    assert charts > 10
    assert tables > 10
    tab.look(width=1440, dark=False)
    tab.open(page)
    assert tab.ask(shown.format("svg.wide")) == charts
    assert tab.ask(shown.format("table")) == tables
    assert tab.ask("[...document.forms].filter((form) => form.getClientRects().length).length") == 2


def test_the_filter_hides_the_rows_of_a_framework_and_brings_them_back(tab: Page, page: Path) -> None:
    tab.look(width=1440, dark=False)
    tab.open(page)
    rows = "[...document.querySelectorAll('#calculator tbody tr')].filter((r) => r.getClientRects().length)"
    labels = f"{rows}.map((row) => row.querySelector('th').textContent)"
    every = tab.ask(labels)
    box = "document.querySelector('#filter input[name=framework][value=Litestar]')"
    tab.ask(f"{box}.click()")
    left = tab.ask(labels)
    assert left == [label for label in every if "Litestar" not in label]
    assert left
    said = tab.ask("document.getElementById('shown').textContent")
    cells = len(view(made_run()).cells)
    assert (
        said == f"{sum('litestar' not in c.id for c in view(made_run()).cells)} of {cells} cells are shown."
    )
    faint = "document.querySelectorAll('svg.wide [data-cell^=litestar].off').length"
    assert tab.ask(faint) > 0
    tab.ask(f"{box}.click()")
    assert tab.ask(labels) == every
    assert tab.ask(faint) == 0


def test_what_is_little_is_no_zero() -> None:
    assert Share("nginx", 0.01, 10.0, at_most=False).words(400, 300) == ["0.010 ms", "< 0.1%", "< 0.01", "1"]
    assert Share("nginx", 0.2, 20.0, at_most=True).words(400, 300) == ["< 0.200 ms", "< 0.1%", "0.01", "1"]


@pytest.mark.parametrize(
    ("decades", "upstream_ms", "rate_decades", "rate"),
    [("0", 1.0, "4", 10_000), ("2", 100.0, "4", 10_000), ("3", 1000.0, "4", 10_000), ("3", 1000.0, "1", 10)],
)
def test_the_slider_says_what_the_page_would_have_said(
    tab: Page, page: Path, decades: str, upstream_ms: float, rate_decades: str, rate: int
) -> None:
    """The script's arithmetic is the program's own, figure by figure."""
    tab.look(width=1440, dark=False)
    tab.open(page)
    for name, value in (("upstream", decades), ("rate", rate_decades)):
        slider = f"document.getElementById('{name}')"
        tab.ask(f"{slider}.value = {value}; {slider}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    cells = tab.ask(
        "[...document.querySelectorAll('#calculator tr[data-cell]')].map((row) =>"
        " [row.dataset.cell, ...[...row.querySelectorAll('td')].map((place) => place.textContent)])"
    )
    found = view(made_run())
    assert cells == [[row[0], *share_of(found, row[0]).words(upstream_ms, rate)] for row in cells]
    assert len(cells) == sum(not cell.twin_of for cell in found.cells)
    assert f"takes {upstream_ms:,g} ms and you need {rate:,}" in tab.ask(
        "document.getElementById('load').textContent"
    )


def test_controls_are_reached_by_keyboard_and_have_names(tab: Page, page: Path) -> None:
    tab.look(width=1440, dark=False)
    tab.open(page)
    for key in ("rawKeyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=key, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert tab.ask("document.activeElement.className") == "skip"
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = {"slider", "checkbox", "image", "link", "region", "DisclosureTriangle"}
    silent = [
        node["role"]["value"]
        for node in tree
        if not node["ignored"] and node["role"]["value"] in named and not node.get("name", {}).get("value")
    ]
    assert silent == []
    roles = {node["role"]["value"] for node in tree if not node["ignored"]}
    assert {"banner", "main", "heading", "slider", "checkbox"} <= roles
    levels = tab.ask(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_download_holds_every_figure_of_every_block(tab: Page, page: Path, tmp_path: Path) -> None:
    tab.look(width=1440, dark=False)
    tab.open(page)
    tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
    tab.ask("document.getElementById('download').click()")
    while tab.wait_for("Browser.downloadProgress")["state"] == "inProgress":
        tab.forget("Browser.downloadProgress")
    (saved,) = tmp_path.glob("tandem-*.csv")
    rows = list(csv.DictReader(io.StringIO(saved.read_text())))
    run = made_run()
    expected = {
        (str(block + 1), cell, name): value
        for (cell, name), figure in figures(run).items()
        for block, value in figure.blocks.items()
    }
    assert {(row["block"], row["cell"], row["metric"]): float(row["value"]) for row in rows} == expected
    assert len(rows) == len(expected) > 0
