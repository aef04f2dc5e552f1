"""SSE: one stream event by event, how far gaps are bent, how late events are, and who gathers them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.check import cell_absence
from bench.figures import coalescing
from bench.metrics import quantile_us
from bench.record import Absence, CellSpec, StreamsResult
from bench.report.charts import ranges
from bench.report.curves import Lane, raster
from bench.report.frame import Row
from bench.report.latency import tone_of
from bench.report.markup import Markup, el
from bench.report.parts import absent, few, key, not_run, ran, section, tone, why
from bench.report.tables import behind, table
from bench.report.view import View
from bench.report.words import DASH, absence_word, number
from bench.scenarios import Streams
from bench.stats import INTERVAL_BLOCKS

__all__ = ["events_section"]


def events_section(found: View) -> Markup:
    """The raster, direct above proxied, over the distribution of gaps and of delays."""
    title = "Streams: what becomes of an event"
    asked = [scenario for scenario in found.run.header.scenarios if isinstance(scenario, Streams)]
    if not asked:
        return section("events", title, not_run("Streams", "S5"))
    parts: list[Markup] = [
        why(
            "One stream of the first block: a tick where an event arrived. Even ticks are what the origin "
            "sent; a gap with two ticks close behind it is an event that waited for the next."
        ),
        key(found),
    ]
    for scenario in asked:
        cells, idle = ran(found, _asked(found, scenario.id), scenario.id)
        parts.append(el("h3", scenario.words))
        parts += _raster(found, scenario)
        for what, field in (
            ("How far gaps between events are bent", "gap"),
            ("How late events are", "delay"),
        ):
            heading = f"{what}: p50, p90, p99"
            parts.append(el("h4", heading))
            chart = partial(ranges, title=f"{heading}, {scenario.load}")
            parts += few(found, _rows(found, cells, scenario.id, field), chart)
        parts += [*idle, behind(_table(found, scenario.id))]
    return section("events", title, *parts)


def _streams(found: View, cell: str, scenario: str) -> list[StreamsResult]:
    results = found.run.by_block(cell, scenario).values()
    return [result for result in results if isinstance(result, StreamsResult)]


def _raster(found: View, scenario: Streams) -> list[Markup]:
    lanes = []
    for cell in (found.cell(name) for name in found.leading):
        drawn = next((one.raster for one in _streams(found, cell.id, scenario.id) if one.raster), None)
        if drawn:
            lanes.append(Lane(cell.label, tone_of(cell), tuple(at / 1e3 for _, at in drawn), cell.id))
    if not lanes:
        return [absent("The raster", Absence("not-run", "these records hold no single events"))]
    until = min(20 * scenario.every_us / 1e3, max(max(lane.at) for lane in lanes))
    return [raster(lanes, until=until, title=f"One stream event by event, {scenario.load}")]


def _quantiles(found: View, cell: CellSpec, scenario: str, field: str) -> list[float | Absence]:
    encoded = [getattr(result, field) for result in _streams(found, cell.id, scenario)]
    return [quantile_us(encoded, quantile) for quantile in (0.5, 0.9, 0.99)]


def _asked(found: View, scenario: str) -> list[CellSpec]:
    absences = ((cell, cell_absence(found.run, cell.id, scenario)) for cell in found.run.header.cells)
    return [cell for cell, absence in absences if absence is None or absence.reason != "not-asked"]


def _rows(found: View, cells: Sequence[CellSpec], scenario: str, field: str) -> list[Row]:
    rows = []
    for cell in cells:
        absence = cell_absence(found.run, cell.id, scenario)
        if absence is not None:
            rows.append(Row(cell.label, absence_word(absence), tip=absence.detail, cell=cell.id))
            continue
        values = _quantiles(found, cell, scenario, field)
        have = tuple(value / 1e3 for value in values if not isinstance(value, Absence))
        note = " · ".join(number(value) for value in have) + " ms"
        blocks = len(_streams(found, cell.id, scenario))
        fewer = f", {blocks} block{'s'[: blocks - 1]}" if blocks < INTERVAL_BLOCKS else ""
        rows.append(Row(cell.label + fewer, note, tone(cell), have, cell=cell.id))
    return rows


def _table(found: View, scenario: str) -> Markup:
    rows, ids = [], []
    for cell in found.run.header.cells:
        results = _streams(found, cell.id, scenario)
        if not results or cell_absence(found.run, cell.id, scenario) is not None:
            continue
        values = [
            DASH if isinstance(value, Absence) else number(value / 1e3)
            for field in ("gap", "delay")
            for value in _quantiles(found, cell, scenario, field)
        ]
        gathered = coalescing(found.run, cell.id, scenario)
        stalls = sum(result.stalls for result in results)
        rows.append([cell.label, *values, f"{gathered:.2f}" if gathered else DASH, str(stalls)])
        ids.append(cell.id)
    heads = [f"{what} p{q}, ms" for what in ("gap bent", "delay") for q in (50, 90, 99)]
    return table(["cell", *heads, "events per delivery", "stalls"], rows, cells=ids)
