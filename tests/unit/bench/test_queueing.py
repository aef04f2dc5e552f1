"""Who waited for a place, and in which order they were served."""

from __future__ import annotations

import random

import pytest

from bench.queueing import Turn, in_turn, most_at_once


def turns(order: list[int], *, places: int = 2, each: int = 100) -> list[Turn]:
    """One asks every tick; the first have their places at once, the others in that order as one gets free."""
    direct = [(number, number, number + each) for number in range(places)]
    rounds = [each * (1 + index // places) + index % places for index in range(len(order))]
    return [*direct, *((who, at, at + each) for who, at in zip(order, rounds, strict=True))]


def test_first_come_first_served_is_one_and_last_come_is_none() -> None:
    assert in_turn(turns([2, 3, 4, 5, 6])) == 1.0
    assert in_turn(turns([6, 5, 4, 3, 2])) == 0.0


def test_one_that_everybody_passes_is_told_at_its_size() -> None:
    # 2 came first of twenty and is served last: it loses all of its 19 pairs of 190
    assert in_turn(turns([*range(3, 22), 2])) == pytest.approx(1 - 19 / 190)


def test_lots_are_about_a_half() -> None:
    order = list(range(2, 202))
    random.Random(1).shuffle(order)
    assert in_turn(turns(order)) == pytest.approx(0.5, abs=0.05)


def test_who_did_not_wait_is_not_asked_after() -> None:
    # the second of the first two was the quicker: no waiter was passed
    assert in_turn([(0, 9, 100), (1, 5, 101), (2, 100, 200), (3, 101, 201)]) == 1.0
    assert in_turn([(0, 0, 100), (1, 1, 101), (2, 100, 200)]) is None
    assert in_turn([]) is None


def test_most_at_once_counts_a_place_given_back_as_free() -> None:
    assert most_at_once(turns([2, 3, 4, 5])) == 2
    assert most_at_once([(0, 0, 10), (0, 10, 20)]) == 1
    assert most_at_once([(0, 0, 10), (0, 9, 20)]) == 2
    assert most_at_once([]) == 0
