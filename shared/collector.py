"""How often a proxy tidies its memory up: the cyclic collector seldom, and over little; the allocator not
after every large piece."""

import gc

__all__ = ["BETWEEN", "settle"]

BETWEEN = 50_000
"""Objects made and not freed again before the collector looks for cycles; Python's own number is 700. An
exchange in flight holds one to three hundred, none of them garbage, and leaves none, however it ends: where
512 begin in one turn of the loop, a look for each 10,000 takes a seventh of the CPU. What a server leaves of
a connection is garbage on hypercorn; what others' code leaves may be: up to so many, 5 to 15 MiB, wait to be
collected (docs/decisions/0017)."""

_ALL = 0
"""No look at the young alone: what a server keeps of a client that has left would otherwise be among the
oldest and wait longest. So each third look is at all, unless the newer are less than a quarter of them."""

_LARGE = 4 << 20  # bytes, of which the allocator then keeps up to twice as many for what comes next


def settle() -> None:
    """To be called once the app stands: what there is by now stays, and no collection walks through it; what
    comes later is looked at each BETWEEN objects."""
    gc.freeze()
    gc.set_threshold(BETWEEN, _ALL, _ALL)
    _keep_freed_pages()


def _keep_freed_pages() -> None:
    """A server reads up to 256 KB at once, and copies them a few times until they are a message. glibc gives
    the pages back when they are freed, and the next read takes a fault for each again: half the CPU of a
    large upload. How much it keeps it learns from the largest block that has been freed, which is twice as
    much (mallopt(3), M_MMAP_THRESHOLD), or from its environment variables. Other allocators learn nothing."""
    bytes(_LARGE)
