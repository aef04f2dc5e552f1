"""How often a proxy tidies its memory up: the cyclic collector seldom, and over little; the allocator not
after every large piece."""

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

_LARGE = 4 << 20  # bytes, of which the allocator then keeps up to twice as many for what comes next


def settle() -> None:
    """To be called once the app stands: what there is by now stays, and no collection walks through it; what
    comes later is looked at each YOUNG objects."""
    gc.freeze()
    gc.set_threshold(YOUNG, _OLDER, _OLDER)
    _keep_freed_pages()


def _keep_freed_pages() -> None:
    """A server reads up to 256 KB at once, and copies them a few times until they are a message. glibc gives
    the pages back when they are freed, and the next read takes a fault for each again: half the CPU of a
    large upload. How much it keeps it learns from the largest block that has been freed, which is twice as
    much (mallopt(3), M_MMAP_THRESHOLD), or from its environment variables. Other allocators learn nothing."""
    bytes(_LARGE)
