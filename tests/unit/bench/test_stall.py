"""The stall table's rows over real processes, in a small window: what holds of each on any machine."""

from __future__ import annotations

import asyncio

import pytest

from bench.stall import ROWS, Asked, Row, Shape, row

SHAPE = Shape(clients=3, upstream_s=0.02, window_s=0.2, probe_every_s=0.05, deadline_s=30.0)
PRODUCT, BLOCKING = ROWS[0], ROWS[1]


def found(asked: Asked) -> Row:
    result = asyncio.run(row(asked, SHAPE))
    assert result.name == asked.name
    assert result.exchanges >= SHAPE.clients
    assert result.probes == 4
    assert result.closed_messages == 0
    # the origin holds each answer back for so long: whoever was faster did not ask it
    assert result.p99_ms >= result.p50_ms >= SHAPE.upstream_s * 1000
    assert result.healthy_max_ms >= result.healthy_p50_ms > 0
    return result


def test_the_product_answers_clients_and_probes() -> None:
    result = found(PRODUCT)
    assert result.upstream_requests_per_s > 0
    assert result.upstream_connections <= SHAPE.clients


def test_blocking_calls_take_turns() -> None:
    """One at a time, so never more in a second than there are upstream waits in it."""
    result = found(BLOCKING)
    assert 0 < result.upstream_requests_per_s <= 1 / SHAPE.upstream_s
    assert result.upstream_connections == result.exchanges


def test_an_answer_that_is_no_200_is_an_error_and_no_figure() -> None:
    missing = Asked("nothing there", PRODUCT.app, "/-/fanout?path=/slow&chars=0", 1)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(row(missing, SHAPE))
    assert caught.group_contains(RuntimeError, match="was answered b'http/1.1 400")
