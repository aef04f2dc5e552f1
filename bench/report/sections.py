"""The sections below the verdict: each a chart with a table behind it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.cells import DIRECT
from bench.contrasts import Contrast
from bench.figures import coalescing
from bench.metrics import metric, quantile_us
from bench.record import Absence, CellSpec, OpenResult, StreamsResult
from bench.report.charts import Row, Spark, bars, effects, ranges, sparks
from bench.report.markup import Markup, el, join
from bench.report.tables import (
    added_table,
    behind,
    cells_table,
    contrasts_table,
    gate_table,
    memory_table,
    table,
)
from bench.report.verdict import client_cost, growths
from bench.report.view import View
from bench.report.words import DASH, absence_word, interval, number, ratio, upper, verdict_word
from bench.scenarios import Open, Streams
from bench.stats import CONFIDENCE, MARGIN

__all__ = [
    "FIGURES",
    "drift",
    "effects_section",
    "figures_section",
    "gate_and_memory",
    "growth_section",
    "latency",
]

_CHOICES = ("framework", "server", "route", "loop", "bare", "ceiling")
_LARGE = ("engine", "recipe", "peer")
_HEADS = {
    "a/a": "Resolution: the same cell twice",
    "recipe": "The app over the recipe",
    "bare": "The app over bare ASGI",
    "ceiling": "Over the sketch, which has no safety",
}
_EFFECTS = ("rps", "mb-s", "cpu-event", "kib-stream")
FIGURES = ("rps", "cpu-request", "mb-s", "cpu-mb", "cpu-event", "kib-stream")


def tone(cell: CellSpec) -> str:
    """Return the colour class of a cell: products by framework, everything else grey."""
    return cell.framework if cell.group == "product" else "other"


def _key() -> Markup:
    names = (("fastapi", "FastAPI"), ("litestar", "Litestar"), ("other", "baselines, direct"))
    return el(
        "div",
        *(el("span", el("span", class_=f"swatch {name}"), text) for name, text in names),
        class_="key",
    )


def effects_section(found: View) -> Markup:
    """Dot and interval per contrast, for capacity and for CPU per event."""
    parts = [
        el("h2", "What each choice changes", id="effects"),
        el(
            "p",
            f"Each dot is a ratio with its {CONFIDENCE * 100:g} % interval; one means no difference. Inside "
            f"the band (±{MARGIN * 100:g} %) a difference is too small to choose by. The first row is what "
            "this run can resolve in one pair; effects over several pairs are finer.",
            class_="why",
        ),
    ]
    for name in found.shown(*_EFFECTS):
        says = "right of one" if metric(name).better == "more" else "left of one"
        parts.append(el("h3", f"{found.title(name)}: {says} is better"))
        # apart, because a factor of three would squeeze what differs by a tenth
        for questions in (("a/a", *_CHOICES), _LARGE):
            rows = _effect_rows(found, name, questions)
            if rows:
                title = f"Effects on {found.title(name)}: {', '.join(questions)}"
                parts.append(effects(rows, margin=MARGIN, title=title))
    judged = found.shown(*FIGURES, "response-p50", "ttfe-p50", "delay-p50")
    parts.append(
        behind(
            contrasts_table(found, judged, ("a/a", *_CHOICES, *_LARGE)),
            "All contrasts, all metrics, as a table",
        )
    )
    costs = [
        el("li", f"{upper(contrast.where)}. {line}.")
        for contrast in found.asked("engine")
        for line in client_cost(found, contrast)
    ]
    if costs:
        parts += [el("h3", "What the client costs"), el("ul", *costs, class_="why")]
    return join(parts)


def _effect_rows(found: View, name: str, questions: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    head = ""
    for contrast in found.asked(*questions):
        above = _HEADS.get(contrast.question, f"{upper(contrast.first)} over {contrast.second}")
        if contrast.question == "peer":
            above = f"Over {contrast.second}"
        if above != head:
            rows.append(Row(above, "", head=True))
        head = above
        rows.append(_effect_row(found, contrast, name))
    return rows


def _effect_row(found: View, contrast: Contrast, name: str) -> Row:
    outcome = found.outcome(contrast, name)
    label = f"all of them ({contrast.where})" if contrast.main else contrast.where
    if contrast.question in ("recipe", "bare", "ceiling", "peer"):
        label = contrast.first
    elif contrast.question == "a/a":
        label = contrast.second
    if outcome.estimate is None:
        return Row(label, verdict_word(outcome))
    estimate = outcome.estimate
    return Row(
        label,
        f"{ratio(estimate.ratio)} ({interval(estimate.low, estimate.high)}) {_short(verdict_word(outcome))}",
        tone="ink" if contrast.main or contrast.question == "recipe" else "",
        values=(estimate.ratio,),
        low=estimate.low,
        high=estimate.high,
    )


def _short(word: str) -> str:
    return "same" if word.startswith("equivalent") else word


def figures_section(found: View) -> Markup:
    """Bars with intervals: capacity, CPU per request, CPU per event."""
    parts = [el("h2", "Figures by cell", id="figures"), _key()]
    for name in found.shown(*FIGURES):
        of = metric(name)
        parts.append(el("h3", f"{found.title(name)} ({of.better} is better)"))
        rows = [_bar_row(found, cell, name) for cell in found.cells]
        parts.append(bars(rows, unit=of.unit, title=f"{found.title(name)} by cell"))
    for name in found.shown("rps", "mb-s"):
        direct = found.figures[DIRECT, name].middle if (DIRECT, name) in found.figures else None
        if direct is not None:
            alone = f"{number(direct.value)} {metric(name).unit}"
            what = f"{found.title(name)}: the rig alone, with nothing in between, reaches {alone}."
            parts.append(el("p", what, class_="why"))
    parts.append(behind(cells_table(found, found.shown(*FIGURES, "cpu-request-paced"))))
    return join(parts)


def _bar_row(found: View, cell: CellSpec, name: str) -> Row:
    figure = found.figures[cell.id, name]
    if figure.middle is None:
        return Row(cell.label, absence_word(figure.absence) if figure.absence else DASH)
    middle = figure.middle
    return Row(cell.label, number(middle.value), tone(cell), (middle.value,), middle.low, middle.high)


def growth_section(found: View) -> Markup:
    """What more connections do to each cell: the same figure under the larger load over the smaller."""
    lines = growths(found)
    if not lines:
        return Markup("")
    return join([el("h2", "Growth", id="growth"), el("ul", *(el("li", f"{line}.") for line in lines))])


def latency(found: View) -> Markup:
    """Quantiles at the fixed rate and of events, then what each cell adds to the direct leg."""
    if not found.shown("response-p50", "delay-p50"):
        return Markup("")
    parts = [el("h2", "Delay", id="delay")]
    for scenario in found.run.header.scenarios:
        rows = _quantile_rows(found, scenario.id)
        if isinstance(scenario, Open):
            parts.append(
                el("h3", f"Response time at {scenario.load}, from the intended start: p50, p90, p99")
            )
            parts.append(ranges(rows, title="Response time quantiles by cell"))
        elif isinstance(scenario, Streams):
            parts.append(
                el("h3", f"One-way delay of SSE events, origin to client, at {scenario.load}: p50, p90, p99")
            )
            parts.append(ranges(rows, title="Event delay quantiles by cell"))
    parts.append(
        behind(
            cells_table(
                found, found.shown("response-p50", "response-p90", "ttfe-p50", "delay-p50", "delay-p99")
            )
        )
    )
    parts.append(
        el(
            "p",
            "What a cell adds is a quantile through it minus the same quantile direct in the same block: "
            "a difference of quantiles, not a quantile of differences. p99 of responses is over all blocks.",
            class_="why",
        )
    )
    parts.append(behind(added_table(found), "Added by each cell, as a table"))
    gathered = [
        [cell.label, f"{value:.2f}"] for cell in found.cells if (value := coalescing(found.run, cell.id))
    ]
    parts.append(
        behind(table(["cell", "events per delivery"], gathered), "Coalescing: events that arrive together")
    )
    return join(parts)


def _quantile_rows(found: View, scenario: str) -> list[Row]:
    rows = []
    name = next(
        (of for of in found.shown("response-p50", "delay-p50") if metric(of).scenario == scenario), ""
    )
    for cell in found.run.header.cells if name else ():
        absence = found.figures[cell.id, name].absence
        if absence is not None:
            rows.append(Row(cell.label, absence_word(absence)))
            continue
        results = found.run.by_block(cell.id, scenario).values()
        encoded = [
            result.response if isinstance(result, OpenResult) else result.delay
            for result in results
            if isinstance(result, OpenResult | StreamsResult)
        ]
        values = [quantile_us(encoded, quantile) for quantile in (0.5, 0.9, 0.99)]
        have = tuple(value / 1e3 for value in values if not isinstance(value, Absence))
        rows.append(Row(cell.label, " · ".join(number(value) for value in have) + " ms", tone(cell), have))
    return rows


def drift(found: View) -> Markup:
    """Capacity of each cell, block by block."""
    capacity = found.first("rps", "mb-s")
    cells = []
    for cell in found.run.header.cells:
        blocks = found.figures[cell.id, capacity].blocks
        if len(blocks) < 2:
            continue
        middle = median(blocks.values())
        values = tuple(blocks[b] / middle if b in blocks else None for b in range(found.run.header.blocks))
        spread = max(blocks.values()) / min(blocks.values()) - 1
        cells.append(Spark(cell.label, f"spread {spread:.0%}", tone(cell), values))
    if not cells:
        return Markup("")
    rows = [
        [spark.label, *(DASH if value is None else f"{value:.3f}" for value in spark.values)]
        for spark in cells
    ]
    heads = ["cell, ratio to its median", *(f"block {b + 1}" for b in range(found.run.header.blocks))]
    return join(
        [
            el("h2", "Block by block", id="blocks"),
            el(
                "p",
                f"{found.title(capacity)}: each cell in each block against its own median, on one scale. "
                "A line that the others share is the machine, not the cell; pairing by block takes it out.",
                class_="why",
            ),
            sparks(cells, title="Capacity by block"),
            behind(table(heads, rows)),
        ]
    )


def gate_and_memory(found: View) -> Markup:
    """What each cell showed before it was timed, and what it holds."""
    return join(
        [
            el("h2", "Gate, start-up and memory", id="gate"),
            behind(gate_table(found), "What each cell had to show before it was timed"),
            behind(memory_table(found), "Start-up time and memory"),
        ]
    )
