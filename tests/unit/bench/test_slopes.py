"""What a request takes and what its bytes take, apart, from records in which both are known."""

from __future__ import annotations

import re

import pytest

from bench.figures import figures
from bench.record import Absence, Part
from bench.report import write_html
from bench.slopes import slopes
from tests.unit.bench.made import RPS, made_run, scaled

CELL = "fastapi-handler-uvicorn-httptools-wire"


def test_the_line_through_two_sizes_is_a_cost_per_request_and_a_cost_per_megabyte() -> None:
    run = scaled(made_run(noise=0.001), **{"S3-64k": 0.5})  # 64 KiB take twice the CPU of 1 KiB
    found = {one.cell: one for one in slopes(run, figures(run))}
    assert found.keys() == {cell.id for cell in run.header.cells} - {"direct"}
    small_us = sum(1e6 / RPS[CELL] / (1 + 0.2 * block) for block in range(6)) / 6
    one = found[CELL]
    assert one.absence is None
    assert one.request_us is not None
    assert one.mb_us is not None
    assert one.mb_us.value == pytest.approx(small_us / 64_512 * 1e6, rel=0.01)
    assert one.request_us.value == pytest.approx(small_us * (1 - 1_024 / 64_512), rel=0.01)
    for interval in (one.request_us, one.mb_us):
        assert interval.low < interval.value < interval.high


def test_bytes_that_cost_nothing_are_below_resolution() -> None:
    run = scaled(made_run(noise=0.001), **{"S3-64k": 1.0})
    # the same counts: the slope is exactly nothing
    assert {one.absence for one in slopes(run, figures(run))} == {
        Absence("below-resolution", "the interval holds zero")
    }


def test_there_is_none_of_a_run_without_both_sizes_or_of_another_process() -> None:
    assert slopes(made_run(), figures(made_run())) == []
    run = scaled(made_run(), **{"S3-64k": 0.5})
    ids = [cell.id for cell in run.header.cells]
    run.header.parts.extend(
        Part(name, name, ids, ["S0", *scenarios], 6, {}, 3)
        for name, scenarios in (("one", ["S3", "S2", "S5"]), ("other", ["S3-64k"]))
    )
    assert slopes(run, figures(made_run())) == []


def test_the_page_tells_it_where_both_were_run() -> None:
    page = write_html(scaled(made_run(), **{"S3-64k": 0.5}))
    head = "CPU by the size of a body"
    assert head in page
    assert re.search(r"µs per request", page[page.index(head) :])
    assert head not in write_html(made_run())
