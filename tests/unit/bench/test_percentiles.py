"""Percentile curves: as far as samples go, over bands that are their intervals."""

from __future__ import annotations

import re

import msgspec
import pytest

from bench.report.latency import percentile_section, supported
from bench.report.view import view
from bench.stats import least_samples
from tests.unit.bench.made import made_run
from tests.unit.bench.test_sections import text_of


@pytest.mark.parametrize(("quantile", "decades"), [(0.9, 1.0), (0.99, 2.0), (0.999, 3.0)])
def test_a_curve_goes_as_far_as_the_samples_of_its_quantile(quantile: float, decades: float) -> None:
    least = least_samples(quantile)
    assert supported(least) >= decades - 1e-9
    assert supported(least - 1) < decades
    assert supported(0) == 0.0


def test_percentile_curves_rise_and_end_where_the_table_does() -> None:
    markup = percentile_section(view(made_run()))
    for drawn in re.findall(r"<polyline points=\"([^\"]+)\"", markup):
        heights = [float(point.split(",")[1]) for point in drawn.split()]
        assert heights == sorted(heights, reverse=True)
    assert "too few samples" in text_of(markup)  # p99.9 of 720


def test_a_named_percentile_curve_runs_within_its_band() -> None:
    found = view(made_run())
    (wide, _) = percentile_section(found).split("<svg")[1:]
    shape = r"data-cell=\"([^\"]+)\"[^<]*(?:<title>[^<]*</title>)?<{} points=\"([^\"]+)\""
    drawn = {kind: dict(re.findall(shape.format(kind), wide)) for kind in ("polyline", "polygon")}
    assert set(drawn["polygon"]) == set(found.leading)
    for cell, around in drawn["polygon"].items():
        edges: dict[str, list[float]] = {}
        for x, y in (point.split(",") for point in around.split()):
            edges.setdefault(x, []).append(float(y))
        curve = dict(point.split(",") for point in drawn["polyline"][cell].split())
        assert len(edges) > 20
        assert all(min(ends) - 0.1 <= float(curve[x]) <= max(ends) + 0.1 for x, ends in edges.items())
    few = msgspec.structs.replace(found.run, cells=[one for one in found.run.cells if one.block < 2])
    assert "<polygon" not in percentile_section(view(few))
