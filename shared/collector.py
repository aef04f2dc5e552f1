"""How often Python's cyclic collector runs in a proxy: seldom, and over little."""

import gc

__all__ = ["YOUNG", "settle"]

# Objects made and not freed again before the collector looks for cycles; Python's own number is 700. An
# exchange in flight holds about a hundred, none of them garbage: each look finds nothing and costs as much as
# there is. One that fails leaves about as many in a cycle, through its error's traceback, so that up to five
# hundred of these, 14 MiB, wait to be collected (docs/decisions/0017).
YOUNG = 50_000


def settle() -> None:
    """To be called once the app stands: what there is by now stays, and no collection walks through it; what
    comes later is looked at each YOUNG objects."""
    gc.freeze()
    gc.set_threshold(YOUNG)
