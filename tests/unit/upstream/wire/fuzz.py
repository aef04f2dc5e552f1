"""The random tests of the engine for as long as one likes: `make fuzz SECONDS=300`.

Rounds go on until the time is up. Each plays every property with examples of its own, made from a number that
is printed: SEED=<number> plays that round, and then goes on from there. Ctrl-C ends with that line, too.
"""

import argparse
import asyncio
import itertools
import random
import sys
import time
import traceback
from collections.abc import Callable

import hypothesis

from tests.unit.aio import LOOPS
from tests.unit.upstream.wire import (
    test_against_h11,
    test_pool_any,
    test_response_any,
    test_streams_on_sockets,
)
from tests.unit.upstream.wire.churn import churn

__all__ = ["main"]

_SETTINGS = hypothesis.settings(
    max_examples=100,  # of each, in a round
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
_GENERATED: dict[str, Callable[[], None]] = {
    "valid streams": test_response_any.test_a_valid_stream_is_read_as_what_was_generated,
    "what follows": test_response_any.test_what_follows_never_becomes_part_of_it,
    "broken streams": test_response_any.test_a_broken_stream_ends_whole_or_in_a_declared_error,
    "against h11": test_against_h11.test_where_the_two_differ_the_reason_is_on_the_list,
    "valid streams, on sockets": test_streams_on_sockets.test_a_valid_stream_is_read_as_what_was_generated,
    "broken streams, on sockets": test_streams_on_sockets.test_a_broken_stream_ends_and_leaves_nothing,
    "pool, of fakes": test_pool_any.test_the_count_is_exact_after_every_step,
}
_EXCHANGES = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.unit.upstream.wire.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=None, help="of the first round")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    return _rounds(first, time.monotonic() + options.seconds)


def _rounds(first: int, until: float) -> int:
    """The exit status: 0 when time or Ctrl-C ended it, 1 when a property does not hold."""
    generated = {name: _SETTINGS(test) for name, test in _GENERATED.items()}
    for seed in itertools.count(first):
        began = time.monotonic()
        try:
            for test in generated.values():
                hypothesis.seed(seed)(test)()
            for loop in LOOPS.values():
                with asyncio.Runner(loop_factory=loop) as runner:
                    runner.run(churn(seed, _EXCHANGES))
        except KeyboardInterrupt:
            print(f"\nstopped; the same round again: make fuzz SEED={seed}", flush=True)
            return 0
        except Exception:  # noqa: BLE001 - whatever a property fails with
            traceback.print_exc()
            print(f"\nfailed; the same round again: make fuzz SEED={seed}", flush=True)
            return 1
        took = time.monotonic() - began
        left = max(0.0, until - time.monotonic())
        print(f"round {seed - first + 1}, seed {seed}: ok in {took:.1f} s; {left:.0f} s left", flush=True)
        if left == 0:
            return 0
    raise AssertionError("unreachable")


if __name__ == "__main__":
    sys.exit(main())
