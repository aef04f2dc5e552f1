"""What each choice changes: which factor explains how much, then a dot and interval for every contrast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.contrasts import Contrast
from bench.dependence import Interaction, called
from bench.factorial import FACTORS, Decomposition
from bench.metrics import metric
from bench.record import Absence
from bench.report.charts import effects, split
from bench.report.choice import where_it_differs
from bench.report.frame import Row
from bench.report.markup import Markup, el, unbroken
from bench.report.matters import combined_share, dependences, first_of, judged, share_interval, shared
from bench.report.parts import absent, section, under_loads, why
from bench.report.tables import behind, contrasts_table, table
from bench.report.verdict import client_cost
from bench.report.view import GLANCE, View
from bench.report.words import (
    FIGURES,
    STREAMS,
    estimated,
    level_name,
    over,
    upper,
    verdict_word,
)
from bench.stats import CONFIDENCE, MARGIN

__all__ = ["effects_section", "matters_section"]

_CHOICES = ("framework", "server", "route", "loop")
_FEW = 6  # of a mean, with another choice each
_MOST_ROWS = 8  # of one contrast: a main effect and seven pairs
_OTHERS = ("peer", "django", "habit")
_LARGE = ("engine", "recipe", "bare", "ceiling", *_OTHERS)
_HEADS = {
    "a/a": "Resolution: the same cell twice",
    "recipe": "The app over the recipe",
    "bare": "The app over bare ASGI",
    "ceiling": "Over the sketch, which has no safety",
}
_RESOLUTION = (
    " The first row is what this run can resolve in one pair; effects over several pairs, drawn stronger, "
    "are finer. Below such a mean stands what it is with another choice, where one changes it: with each, or "
    "of many at least and at most."
)
_EFFECTS = ("rps", "mb-s", "cpu-event", "kib-stream")


def matters_section(found: View) -> Markup:
    """Which choice explains how much of the difference between the products."""
    title = "Which choice matters most"
    if not found.decompositions:
        few = Absence("not-run", "fewer than two factors vary between the cells of this run, or three blocks")
        return section("matters", title, absent("Shares of the variation", few))
    parts = [
        why(
            "All products differ in cost; each bar splits that variation by what explains it, machine drift "
            "taken out. Noise is what differs between runs of one and the same cell. Other cells would share "
            "otherwise: a share is of what differs between these, and its interval is about their runs."
        )
    ]
    first = first_of(found)
    for one in first:
        parts += _shares(found, one)
    if others := [one for one in found.decompositions if one not in first]:
        bars = [part for one in others for part in _shares(found, one)]
        parts.append(behind(el("div", *bars), f"Under {len(others)} other loads"))
    parts += [
        behind(_shares_table(found), "Shares as a table"),
        behind(_levels_table(found), "What each level costs, against the mean of its factor"),
    ]
    if said := dependences(found):
        parts += [
            el("h3", "Which choices depend on each other"),
            *(el("p", unbroken(line)) for line in said),
            behind(
                _interactions_table(found), "Every ratio of ratios, and in other metrics those that are seen"
            ),
        ]
    return section("matters", title, *parts)


def _shares(found: View, one: Decomposition) -> list[Markup]:
    tones = {name: f"f{index}" for index, name in enumerate(FACTORS)}  # a factor keeps its colour
    shares = sorted(
        ((name, share, tones[name]) for name, share in one.shares.items()), key=lambda each: -each[1]
    )
    rest = [("in combination", one.combined, "combined"), ("noise", one.noise, "noise")]
    title = found.title(one.metric)
    return [
        el("h3", title),
        split([*shares, *rest], title=f"{title}: shares of the variation"),
        el("p", unbroken(shared(one))),
    ]


def _shares_table(found: View) -> Markup:
    names = list(dict.fromkeys(name for one in found.decompositions for name in one.shares))
    rows = [
        [found.title(one.metric)]
        + [share_interval(one, name) if name in one.shares else "held" for name in names]
        + [combined_share(one), f"{one.noise:.1%}", f"{one.cells} cells, {one.blocks} blocks"]
        for one in found.decompositions
    ]
    return table(["share of the variation", *names, "in combination", "noise", "from"], rows)


def _levels_table(found: View) -> Markup:
    rows = []
    for one in found.decompositions:
        for effect in one.levels:
            estimate = effect.estimate
            rows.append(
                [
                    f"{effect.factor} {level_name(effect.level)}",
                    found.title(one.metric),
                    estimated(estimate),
                ]
            )
    return table(["level", "metric", "cost against the factor's mean"], rows)


def _interactions_table(found: View) -> Markup:
    """All of the metrics that choices are judged by; of any other what is seen, for a card may tell of it."""
    whole = judged(found)
    others = [name for name in dict.fromkeys(one.metric for one in found.outcomes) if name not in whole]
    every = [(name, found.interactions(name)) for name in whole]
    every += [(name, called(found.interactions(name))) for name in others]
    rows = [_interaction_row(found.title(name), each) for name, of in every for each in of]
    return table(["ratio", "changes by", "over", "verdict", "metric"], rows)


def _interaction_row(title: str, each: Interaction) -> list[str]:
    what = f"{level_name(each.first)} / {level_name(each.second)}"
    where = f"with {level_name(each.at)} against {level_name(each.against)}"
    estimate = each.estimate
    changes = estimated(estimate)
    word = {"equivalent": "too little to matter", "cannot-tell": "cannot tell"}.get(
        each.verdict, "it depends"
    )
    squares = f"{each.squares} square" + ("s" if each.squares > 1 else "")
    return [f"{what}, {where}", changes, squares, word, title]


def effects_section(found: View) -> Markup:
    """Dot and interval per contrast, for capacity and for CPU per event."""
    parts = [
        why(
            f"Each dot is a ratio with its {CONFIDENCE * 100:g} % interval; one means no difference. Inside "
            f"the band (±{MARGIN * 100:g} %) a difference is too small to choose by."
            + (_RESOLUTION if found.asked("a/a") else "")
        )
    ]
    parts += under_loads(found, found.shown(*_EFFECTS), _effects)
    every = ("a/a", *_CHOICES, *_LARGE)
    judged = found.shown(*FIGURES, "response-p50", "ttfe-p50", "delay-p50", *STREAMS)
    parts.append(
        behind(
            el("div", *(contrasts_table(found, names, every) for names in found.by_load(judged))),
            "All contrasts, all metrics, as a table",
        )
    )
    parts += _client_costs(found)
    return section("effects", "What each choice changes", *parts)


def _client_costs(found: View) -> list[Markup]:
    """What one client costs more than another: over all pairs that were asked, then each by itself."""
    whole: list[Markup] = []
    each: list[Markup] = []
    for contrast in found.asked("engine"):
        for name, line in client_cost(found, contrast).items():
            usual = metric(name).id == metric(name).kind
            said = el("li", unbroken(f"{upper(over([found.outcome(contrast, name)]))}. {line}."))
            (whole if contrast.main and usual else each).append(said)
    shown, folded = (whole, each) if len(whole) + len(each) > GLANCE else ([*whole, *each], [])
    if not shown:
        return []
    parts = [el("h3", "What the client costs"), el("ul", *shown, class_="why")]
    return (
        [*parts, behind(el("ul", *folded, class_="why"), "Pair by pair, load by load")] if folded else parts
    )


def _effects(found: View, name: str) -> list[Markup]:
    """The charts of one metric: choices and what is larger apart, because a factor of three would squeeze
    what differs by a tenth."""
    says = "right of one" if metric(name).better == "more" else "left of one"
    parts = [el("h3", f"{found.title(name)}: {says} is better")]
    for questions in (("a/a", *_CHOICES), _LARGE):
        title = f"Effects on {found.title(name)}: {', '.join(questions)}"
        asked = [one for one in found.asked(*questions) if found.was_asked(one, name)]
        shown, pairs = _fold(asked)
        others = [one for one in shown if one.question in _OTHERS] if len(shown) > GLANCE else []
        shown = [one for one in shown if one not in others]
        if shown:
            parts.append(effects(_rows(found, name, shown), margin=MARGIN, title=title))
        for folded, what in ((others, "Over what is not ours"), (pairs, "Pair by pair")):
            if folded:
                chart = effects(_rows(found, name, folded), margin=MARGIN, title=f"{title}, {what.lower()}")
                parts.append(behind(chart, f"{what}: {len(folded)} of them"))
    return parts


def _fold(asked: Sequence[Contrast]) -> tuple[list[Contrast], list[Contrast]]:
    """Return (shown, folded away): where pairs are many, their main effect stands for them."""
    counts = Counter((contrast.first, contrast.second) for contrast in asked)
    mains = {(contrast.first, contrast.second) for contrast in asked if contrast.main}

    def folds(contrast: Contrast) -> bool:
        levels = (contrast.first, contrast.second)
        return not contrast.main and levels in mains and counts[levels] > _MOST_ROWS

    return [one for one in asked if not folds(one)], [one for one in asked if folds(one)]


def _rows(found: View, name: str, asked: Sequence[Contrast]) -> list[Row]:
    under: dict[str, list[Contrast]] = {}
    for contrast in asked:
        under.setdefault(_head(contrast), []).append(contrast)
    rows: list[Row] = []
    for head, contrasts in under.items():
        rows.append(Row(head, "", head=True))
        for contrast in contrasts:
            rows.append(_row(found, contrast, name))
            if len(contrasts) == 1:  # its pairs are folded away
                rows += _rows_where(found, contrast, name)
    return rows


def _rows_where(found: View, contrast: Contrast, name: str) -> list[Row]:
    """Return a main effect with each choice that changes it; where they are many what it is at least and at
    most."""
    every = where_it_differs(found, found.outcome(contrast, name))
    shown = [("with ", one) for one in every]
    if len(every) > _FEW:
        shown = [("at least: ", every[0]), ("at most: ", every[-1])]
    return [
        Row(
            f"{how}{', '.join(map(level_name, one.levels.values()))}",
            estimated(one.estimate),
            values=(one.estimate.ratio,),
            low=one.estimate.low,
            high=one.estimate.high,
            tip=f"{contrast.first} over {contrast.second}: their intervals hold all at once",
        )
        for how, one in shown
    ]


def _head(contrast: Contrast) -> str:
    if contrast.question in _OTHERS:
        return f"Over {contrast.second}"
    return _HEADS.get(contrast.question, f"{upper(contrast.first)} over {contrast.second}")


def _row(found: View, contrast: Contrast, name: str) -> Row:
    outcome = found.outcome(contrast, name)
    label = f"their mean ({over([outcome])})" if contrast.main else contrast.where
    if contrast.question in ("recipe", "bare", "ceiling", *_OTHERS):
        label = contrast.first
    elif contrast.question == "a/a":
        label = contrast.second
    if outcome.estimate is None:
        return Row(label, verdict_word(outcome), tip=outcome.absence.detail if outcome.absence else "")
    estimate = outcome.estimate
    word = verdict_word(outcome)
    return Row(
        label,
        f"{estimated(estimate)} {_short(word)}",
        tone="ink" if contrast.main or contrast.question == "recipe" else "",
        values=(estimate.ratio,),
        low=estimate.low,
        high=estimate.high,
        tip=f"{contrast.first} over {contrast.second}, {contrast.where}: {word}, {estimate.n} blocks, "
        f"p {estimate.p_difference:.2g} before correction",
    )


def _short(word: str) -> str:
    return "same" if word.startswith("equivalent") else word
