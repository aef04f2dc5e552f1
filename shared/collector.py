"""How often Python's cyclic collector runs in a proxy: seldom, and over little."""

import gc

__all__ = ["YOUNG", "settle"]

YOUNG = 10_000
"""Objects made and not freed again before the collector looks for cycles; Python's own number is 700. An
exchange in flight holds about a hundred, none of them garbage: each look finds nothing and costs as much as
there is. One that fails leaves about as many in a cycle, through its error's traceback: up to a hundred of
these, 3 MiB, wait to be collected (docs/decisions/0017)."""

_OLDER = 2
"""Looks at the young before one at what outlived them, and so on: what a server keeps of a client that has
left is garbage soon, and would otherwise be the oldest and wait longest."""


def settle() -> None:
    """To be called once the app stands: what there is by now stays, and no collection walks through it; what
    comes later is looked at each YOUNG objects."""
    gc.freeze()
    gc.set_threshold(YOUNG, _OLDER, _OLDER)
