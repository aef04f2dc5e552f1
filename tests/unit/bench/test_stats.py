"""Against published tables, and by simulation with a fixed seed: intervals hold what they say they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import (
    compare,
    difference,
    holm,
    least_samples,
    median_interval,
    verdict,
)
from bench.student import t_cdf, t_quantile


@pytest.mark.parametrize(
    ("df", "p", "expected"),
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2
    [
        (1, 0.975, 12.706),
        (2, 0.975, 4.303),
        (3, 0.95, 2.353),
        (5, 0.975, 2.571),
        (5, 0.99, 3.365),
        (10, 0.975, 2.228),
        (29, 0.975, 2.045),
        (100, 0.95, 1.660),
    ],
)
def test_t_quantiles_are_those_of_the_published_table(df: int, p: float, expected: float) -> None:
    assert t_quantile(p, df) == pytest.approx(expected, abs=5e-4)


@given(st.floats(-30, 30), st.integers(1, 60))
def test_t_cdf_is_a_symmetric_distribution_that_its_quantile_inverts(t: float, df: int) -> None:
    p = t_cdf(t, df)
    assert 0 <= p <= 1
    assert p + t_cdf(-t, df) == pytest.approx(1)
    if 0.001 < p < 0.999:
        assert t_quantile(p, df) == pytest.approx(t, rel=1e-6, abs=1e-6)


def test_a_ratio_is_the_geometric_mean_with_its_t_interval() -> None:
    logs = [math.log(r) for r in (1.9, 2.0, 2.1, 2.0, 2.05)]
    estimate = compare(logs)
    assert estimate is not None
    mean, error = np.mean(logs), np.std(logs, ddof=1) / math.sqrt(5)
    assert estimate.ratio == pytest.approx(math.exp(mean))
    assert estimate.low == pytest.approx(math.exp(mean - 2.776445 * error), rel=1e-6)
    assert estimate.high == pytest.approx(math.exp(mean + 2.776445 * error), rel=1e-6)


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.2]])
def test_fewer_than_three_blocks_give_no_estimate(values: list[float]) -> None:
    assert compare(values) is None
    assert difference(values) is None
    assert median_interval([v + 1 for v in values]) is None


def test_intervals_of_six_blocks_hold_the_truth_in_95_of_100_runs() -> None:
    random = np.random.default_rng(20)
    runs = 2000
    truth = math.log(1.08)
    found = [compare(list(random.normal(truth, 0.03, size=6))) for _ in range(runs)]
    held = sum(1 for e in found if e is not None and e.low <= 1.08 <= e.high)
    # three standard errors of a binomial share around 95 %
    assert abs(held / runs - 0.95) < 3 * math.sqrt(0.95 * 0.05 / runs)


def test_equal_cells_are_called_different_in_at_most_5_of_100_runs() -> None:
    random = np.random.default_rng(21)
    runs = 2000
    wrong = 0
    for _ in range(runs):
        estimate = compare(list(random.normal(0, 0.03, size=6)))
        assert estimate is not None
        wrong += verdict(estimate.ratio, estimate.p_difference, estimate.p_equivalence) in ("more", "less")
    assert wrong / runs < 0.05 + 3 * math.sqrt(0.95 * 0.05 / runs)


def test_cells_at_the_edge_of_the_margin_are_called_equivalent_in_at_most_5_of_100_runs() -> None:
    random = np.random.default_rng(22)
    runs = 2000
    found = [compare(list(random.normal(math.log(1.05), 0.01, size=6))) for _ in range(runs)]
    equivalent = sum(1 for e in found if e is not None and e.p_equivalence < 0.05)
    assert equivalent / runs < 0.05 + 3 * math.sqrt(0.95 * 0.05 / runs)


@pytest.mark.parametrize(
    ("centre", "spread", "expected"),
    [(1.3, 0.01, "more"), (0.7, 0.01, "less"), (1.005, 0.005, "equivalent"), (1.02, 0.2, "cannot-tell")],
)
def test_each_verdict_has_its_case(centre: float, spread: float, expected: str) -> None:
    steps = (-1.0, -0.5, 0.0, 0.2, 0.6, 0.7)
    estimate = compare([math.log(centre) + spread * step for step in steps])
    assert estimate is not None
    assert verdict(estimate.ratio, estimate.p_difference, estimate.p_equivalence) == expected


def test_intervals_and_p_values_are_those_of_another_implementation() -> None:
    """Computed with SciPy 1.17: ttest_1samp, and both one-sided ones against log(1.05)."""
    logs = [0.021, 0.083, 0.046, 0.012, 0.071]
    found = compare(logs)
    assert found is not None
    low, high, p_difference, p_equivalence = 1.008500464, 1.088429097, 0.027461398, 0.440519204
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-7)
    assert (found.p_difference, found.p_equivalence) == pytest.approx((p_difference, p_equivalence), rel=1e-6)


def test_identical_blocks_are_certain_and_not_a_division_by_zero() -> None:
    same = compare([0.0] * 6)
    other = compare([math.log(2)] * 6)
    assert same is not None
    assert other is not None
    assert verdict(same.ratio, same.p_difference, same.p_equivalence) == "equivalent"
    assert verdict(other.ratio, other.p_difference, other.p_equivalence) == "more"


def test_holm_is_the_step_down_procedure() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in pairs] == sorted(adjusted)


def test_quantiles_need_as_many_samples_as_the_design_says() -> None:
    assert [least_samples(q) for q in (0.9, 0.95, 0.99, 0.999)] == [36, 72, 368, 3688]


def test_a_median_lies_inside_its_own_interval_even_with_an_outlier() -> None:
    found = median_interval([100, 101, 99, 100, 102, 400])
    assert found is not None
    assert found.low <= found.value == 100.5 <= found.high


@pytest.mark.parametrize(
    ("count", "first", "last", "held"),
    [(6, 1, 6, 0.96875), (8, 1, 8, 0.9922), (9, 2, 8, 0.9609), (12, 3, 10, 0.9614), (20, 6, 15, 0.9586)],
)
def test_the_interval_of_a_median_ends_at_the_order_statistics_of_the_binomial(
    count: int, first: int, last: int, held: float
) -> None:
    found = median_interval([float(value) for value in range(count, 0, -1)])
    assert found is not None
    assert (found.value, found.low, found.high) == ((count + 1) / 2, first, last)
    tail = sum(math.comb(count, k) for k in range(first)) / 2**count
    assert 1 - 2 * tail == pytest.approx(held, abs=5e-5)


def test_of_fewer_than_six_blocks_the_interval_is_wider_than_their_range() -> None:
    for count in (3, 4, 5):
        values = [float(1000 + value) for value in range(count)]
        found = median_interval(values)
        estimate = compare([math.log(value) for value in values])
        assert found is not None
        assert estimate is not None
        assert (found.low, found.high) == (min(1000, estimate.low), max(values[-1], estimate.high))
