"""Rows of a chart in both sizes: where words and lines are, and which of the axis is named."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench.record import Absence
from bench.report import tails as told
from bench.report.charts import dots, effects
from bench.report.frame import NARROW, WIDE, Row, axis, laid, log, strips
from bench.report.markup import el
from bench.report.view import view
from bench.stats import MARGIN
from bench.tail import Tail
from tests.unit.bench.made import made_run

LONG = Row(
    "Litestar handler, uvicorn, httpx2", "1.02x (0.91-1.14) cannot tell", values=(1.02,), low=0.91, high=1.14
)
SHORT = Row("mount", "1.24x", values=(1.24,), low=1.2, high=1.3)


def named(ticks: list[float], first: float | None) -> list[str]:
    scale = log(0.5, 20.0, 0.0, 320.0)
    drawn = axis(ticks, scale, NARROW, 100.0, lambda tick: f"{tick:g}", first=first)
    return sorted((found for one in drawn for found in re.findall(r">([\d.]+)</text>", one)), key=float)


def test_one_is_named_whatever_stands_beside_it() -> None:
    crowded = [0.9, 0.95, 1.0, 1.05, 2.0, 10.0]
    assert "1" not in named(crowded, None)
    assert named(crowded, 1.0) == ["1", "2", "10"]


@pytest.mark.parametrize("most", [950.0, 1_900.0, 21_000.0, 92_800.0])
def test_an_axis_of_figures_says_its_unit_however_near_its_last_ticks_are(most: float) -> None:
    rows = [Row("least", "", values=(10.0,)), Row("most", "", values=(most,))]
    for drawn in re.findall(r"<svg.*?</svg>", dots(rows, unit="µs", title="dots"), re.DOTALL):
        assert len(re.findall(r">[\d,]+ µs</text>", drawn)) == 1


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.05), (0.5, 1.2), (0.3, 20.0), (0.001, 1.1), (1.1, 60.0)])
def test_every_chart_of_ratios_names_one(low: float, high: float) -> None:
    row = Row("a pair", "", values=((low * high) ** 0.5,), low=low, high=high)
    wide, narrow = re.findall(r"<svg.*?</svg>", effects([row], margin=MARGIN, title="effects"), re.DOTALL)
    for drawn in (wide, narrow):
        assert ">1\N{MULTIPLICATION SIGN}</text>" in drawn


def test_on_a_phone_lines_run_beside_no_words_and_figures_stand_in_one_place() -> None:
    rows = [Row("Route", "", head=True), LONG, SHORT, Row("loop", "not run")]
    found, bottom = laid(rows, NARROW, lambda row, y: [el("circle", cx=1.0, cy=y, r=1.0)])
    texts = [text for row in found for text in ElementTree.fromstring(row).iter("text")]  # noqa: S314 - ours
    baselines = [float(text.attrib["y"]) for text in texts]
    parts = strips(rows, NARROW)
    assert len(parts) == 3  # two rows with marks, and the ticks of the axis
    for top, end in parts:
        assert end <= bottom
        assert not [y for y in baselines if top < y < end + 9]  # letters stand about nine above their line
    lefts = {text.attrib["x"] for text in texts}
    assert len(lefts) == 1  # one note does not fit beside its label: all stand below
    assert strips(rows, WIDE)[0][0] < min(baselines)


def test_what_is_missing_alike_within_several_limits_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    saturated = [
        Tail("bare", limit, absence=Absence("saturated", f"over {limit:g} ms")) for limit in (5.0, 10.0)
    ]
    few = Tail("bare", 50.0, absence=Absence("too-few-samples", "300 of 368"))
    monkeypatch.setattr(told, "tail_rows", lambda found: [("bare", "bare ASGI", [*saturated, few])])
    bullets = re.findall(r"<li>(.*?)</li>", "".join(told.tails_part(view(made_run(blocks=1)))))
    assert bullets == [
        "bare ASGI, p99 within 5, 10 ms: saturated: over 5 ms.",
        "bare ASGI, p99 within 50 ms: too few samples: 300 of 368.",
    ]
