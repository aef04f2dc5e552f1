"""Student's t, exactly: what intervals and p-values of few blocks stand on. No I/O."""

from __future__ import annotations

import math
from functools import cache

__all__ = ["t_cdf", "t_quantile"]


def t_cdf(t: float, df: int) -> float:
    """Return P(T <= t) for Student's t with a whole number of degrees of freedom, exactly.

    Abramowitz & Stegun 26.7.3 (odd) and 26.7.4 (even): a finite trigonometric sum.
    """
    theta = math.atan2(abs(t), math.sqrt(df))
    cosine, sine = math.cos(theta), math.sin(theta)
    total = term = 1.0 if df % 2 == 0 else cosine
    first = 1 if df % 2 == 0 else 2
    for k in range(first, df - 2, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    if df % 2 == 0:
        inside = sine * total
    else:
        inside = 2 / math.pi * (theta + (sine * total if df > 1 else 0.0))
    return 0.5 + math.copysign(min(inside, 1.0) / 2, t)  # rounding may lift the sum above one


@cache
def t_quantile(p: float, df: int) -> float:
    """Return t with P(T <= t) = p, by bisection of `t_cdf` to twelve digits."""
    if p < 0.5:
        return -t_quantile(1 - p, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < p:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if t_cdf(middle, df) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2
