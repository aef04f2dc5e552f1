"""Response times: against offered load, as percentile curves, as what each cell adds to the direct leg."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

from bench.cells import DIRECT
from bench.check import cell_absence
from bench.histogram import merge_histograms
from bench.metrics import metric, quantile_us
from bench.quantiles import band_us, quantiles_us
from bench.record import Absence, CellSpec, OpenResult
from bench.report.charts import ranges
from bench.report.curves import Curve, curves
from bench.report.frame import Row
from bench.report.markup import Markup, el
from bench.report.parts import absent, few, key, not_run, section, tone, why
from bench.report.tables import added_table, behind, cells_table, table
from bench.report.tails import tails_part
from bench.report.view import View
from bench.report.words import DASH, absence_word, number
from bench.scenarios import SWEEP, Open
from bench.stats import CONFIDENCE, INTERVAL_BLOCKS, Interval, blocks_lacking, least_samples

__all__ = ["added_section", "load_section", "percentile_section", "supported"]

_EVENTS = ("ttfe-p50", "delay-p50", "delay-p99")
_QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)


def load_section(found: View) -> Markup:
    """p50 and p99 against the offered rate, up to the last rate that a cell carried."""
    title = "Response time against offered load"
    rates = sorted((one.rate, one.id) for one in found.run.header.scenarios if isinstance(one, Open))
    if len({rate for rate, _ in rates}) < 2:
        return section("load", title, not_run("Response time against offered load", "S4, a sweep of rates,"))
    rows: list[list[str]] = []
    carried: dict[str, str] = {}
    points: dict[float, dict[str, list[tuple[float, float]]]] = {0.5: {}, 0.99: {}}
    swept = {scenario.id for scenario in SWEEP}
    for cell in found.run.header.cells:
        reasons = [absence.reason if absence else "" for absence in _absences(found, cell.id, swept)]
        if all(reason in ("not-run", "not-asked") for reason in reasons):
            continue  # a rate of another part is no sweep, and no rate that it carried at most
        for rate, scenario in rates:
            row = [cell.label, f"{rate:,g}"]
            absence = cell_absence(found.run, cell.id, scenario)
            if absence is not None and absence.reason == "not-asked":
                continue
            if absence is not None:
                rows.append([*row, absence_word(absence), absence.detail])
                continue
            encoded = _responses(found, cell.id, scenario)
            few_blocks = f" ({blocks_lacking(len(encoded))})" if len(encoded) < INTERVAL_BLOCKS else ""
            carried[cell.id] = f"{cell.label} {rate:,g}/s{few_blocks}"
            values = {q: quantile_us(encoded, q) for q in points}
            rows.append([*row, _ms(values[0.5]), *map(_tail, quantiles_us(encoded, [0.99]))])
            for quantile, value in values.items():
                if isinstance(value, float):
                    points[quantile].setdefault(cell.id, []).append((rate, value / 1e3))
    ticks = [(rate, f"{rate:,g}") for rate in dict.fromkeys(rate for rate, _ in rates)]
    parts = [why("From the intended start, open loop. A line ends at the last rate that its cell carried.")]
    for quantile, lines in points.items():
        drawn = [
            Curve(cell.label, tone_of(cell), tuple(lines[cell.id]), cell.id, cell.id in found.leading, True)
            for cell in found.run.header.cells
            if cell.id in lines
        ]
        name = f"p{quantile * 100:g}"
        parts.append(el("h3", name))
        parts.append(
            curves(
                drawn,
                title=f"{title}, {name}",
                x_ticks=ticks,
                x_title="requests/s",
                y_unit="ms",
                x_log=True,
            )
        )
    if carried:
        parts.append(why(f"Carried, at most: {'; '.join(carried.values())}."))
    parts += tails_part(found)
    parts.append(behind(table(["cell", "requests/s", "p50, ms", "p99, ms"], rows)))
    return section("load", title, *parts)


def _absences(found: View, cell: str, scenarios: Iterable[str]) -> list[Absence | None]:
    there = {scenario.id for scenario in found.run.header.scenarios}
    return [cell_absence(found.run, cell, scenario) for scenario in scenarios if scenario in there]


def _responses(found: View, cell: str, scenario: str) -> list[str]:
    results = found.run.by_block(cell, scenario).values()
    return [result.response for result in results if isinstance(result, OpenResult)]


def _ms(value: float | Absence) -> str:
    return number(value / 1e3) if isinstance(value, float) else absence_word(value)


def tone_of(cell: CellSpec) -> str:
    """Return the colour of a curve: the direct leg is drawn in ink."""
    return "ink" if cell.id == DIRECT else tone(cell)


def supported(count: int) -> float:
    """Return the farthest quantile that so many samples can tell, as decades of 1 - q: 2.0 is p99."""
    quantile = math.exp(math.log(0.025) / count) if count else 0.0
    return -math.log10(1 - quantile) if quantile > 0 else 0.0


def percentile_section(found: View) -> Markup:
    """Every quantile that the samples can tell, on an axis on which each nine has the same room."""
    title = "Percentiles of the response time"
    parts: list[Markup] = []
    read = {metric(name).scenario for name in found.shown("response-p50")}  # not each rate of a sweep
    for scenario in found.run.header.scenarios:
        if isinstance(scenario, Open) and scenario.id in read:
            lines, missing = _percentile_curves(found, scenario.id)
            parts.append(el("h3", f"At {scenario.load}"))
            if lines:
                farthest = max(x for line in lines for x, _ in line.points)
                ticks = [(0.0, "0"), *((_decades(q), f"p{q * 100:g}") for q in _QUANTILES)]
                shown = [tick for tick in ticks if tick[0] <= farthest]
                parts.append(key(found))
                parts.append(
                    curves(
                        lines,
                        title=f"{title} at {scenario.load}",
                        x_ticks=shown,
                        x_title="of all responses",
                        y_unit="ms",
                    )
                )
            parts.append(behind(_percentile_table(found, scenario.id)))
            parts += [absent(label, absence) for label, absence in missing]
    if not parts:
        return section("percentiles", title, not_run("Percentiles", "S2"))
    reads = (
        "All blocks of a cell merged, never averaged; a curve ends where its samples do (p99 needs {:,}). "
    )
    reads += (
        "Bands: each quantile's own {:g} % interval, by blocks; those of the faint curves stand in the table."
    )
    return section("percentiles", title, why(reads.format(least_samples(0.99), CONFIDENCE * 100)), *parts)


def _decades(quantile: float) -> float:
    return -math.log10(1 - quantile)


def _percentile_curves(found: View, scenario: str) -> tuple[list[Curve], list[tuple[str, Absence]]]:
    lines, missing = [], []
    for cell in found.run.header.cells:
        absence = cell_absence(found.run, cell.id, scenario)
        if absence is not None:
            if absence.reason not in ("unsupported", "not-run", "not-asked"):
                missing.append((cell.label, absence))
            continue
        merged = merge_histograms(_responses(found, cell.id, scenario))
        end = supported(merged.get_total_count())
        at = {(1 - 10**-x) * 100: x for x in (*(0.05 * step for step in range(int(end / 0.05) + 1)), end)}
        values = merged.get_percentile_to_value_dict(list(at))  # one walk for all of them
        points = tuple((x, values[percent] / 1e6) for percent, x in at.items())
        named = cell.id in found.leading
        band = _band(found, cell.id, scenario, [x for x in at.values() if x]) if named else ()
        lines.append(Curve(cell.label, tone_of(cell), points, cell.id, named=named, band=band))
    return lines, missing


def _band(
    found: View, cell: str, scenario: str, xs: Sequence[float]
) -> tuple[tuple[float, float, float], ...]:
    every = band_us(_responses(found, cell, scenario), [1 - 10**-x for x in xs])
    return tuple((x, one.low / 1e3, one.high / 1e3) for x, one in zip(xs, every, strict=bool(every)))


def _percentile_table(found: View, scenario: str) -> Markup:
    rows, ids = [], []
    for cell in found.run.header.cells:
        if cell_absence(found.run, cell.id, scenario) is None:
            encoded = _responses(found, cell.id, scenario)
            rows.append([cell.label, *map(_tail, quantiles_us(encoded, _QUANTILES[:5]))])
            ids.append(cell.id)
    return table(["cell, ms", *(f"p{quantile * 100:g}" for quantile in _QUANTILES[:5])], rows, cells=ids)


def _tail(found: Interval | Absence) -> str:
    if isinstance(found, Absence):
        return absence_word(found)
    return f"{number(found.value / 1e3)} ({number(found.low / 1e3)}{DASH}{number(found.high / 1e3)})"


def added_section(found: View) -> Markup:
    """What each cell adds to the direct leg, with intervals."""
    names = found.shown(
        "service-p50", "ttfb-p50", "response-p50", "response-p90", "ttfe-p50", "delay-p50", "delay-p99"
    )
    if not names:
        return Markup("")
    parts = [
        why(
            "A quantile through the cell minus the same quantile direct, in the same block: a difference of "
            "quantiles, not a quantile of differences. First dot p50, hollow dot p90."
        ),
        key(found),
    ]
    if "response-p50" in names:
        title = f"Added to a response at {found.load('S2')}"
        parts += [el("h3", title), *few(found, list(_added_rows(found)), partial(ranges, title=title))]
    parts += [
        behind(added_table(found), "Added by each cell, as a table"),
        behind(cells_table(found, names), "Response times and delays themselves"),
    ]
    return section("added", "What each cell adds", *parts)


def _added_rows(found: View) -> Iterable[Row]:
    for cell in found.asked_of("response-p50"):
        of = {one.quantile: one for one in found.added.get(cell.id, []) if one.name == "response"}
        middle = of.get(0.5)
        if middle is None:
            continue
        if middle.middle is None or middle.absence is not None:
            yield Row(cell.label, absence_word(middle.absence) if middle.absence else "", cell=cell.id)
            continue
        shown = [one.middle.value / 1e3 for q in (0.5, 0.9) if (one := of.get(q)) and one.middle]
        values = tuple(value for value in shown if value > 0)
        ends = f"{number(middle.middle.low / 1e3)} to {number(middle.middle.high / 1e3)} ms"
        note = " · ".join(number(value) for value in values) + " ms"
        yield Row(cell.label, note, tone(cell), values, cell=cell.id, tip=f"{cell.label}: p50 adds {ends}")
