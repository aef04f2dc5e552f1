"""Coroutine tests without a plugin: a fresh loop each, a hard deadline, and nothing may be left behind."""

import asyncio
import functools
import os
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeAlias

import uvloop

__all__ = ["DEADLINE_S", "LOOP", "LOOPS", "aio", "eventually", "settle"]

P = ParamSpec("P")
Faults: TypeAlias = list[dict[str, Any]]

DEADLINE_S = 60.0  # only a hang comes to it: a busy machine stands still for seconds
_EVENTUALLY_S = (
    12.0  # less than the product gives an upstream: no end of its own is taken for one that was due
)
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop] | None] = {
    "asyncio": None,
    "uvloop": uvloop.new_event_loop,
}
LOOP = "TANDEM_TEST_LOOP"  # names one of them; the fixture `loop` sets it for those who want both


def aio(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a coroutine test in its own loop, at most DEADLINE_S long.

    Fails when a task is still there after it, or when the loop was told of an exception that nobody handled.
    """

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=LOOPS[os.environ.get(LOOP, "asyncio")]) as runner:
            runner.run(_guarded(test(*args, **kwargs)))

    return run


async def _guarded(test: Coroutine[Any, Any, None]) -> None:
    faults: Faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with asyncio.timeout(DEADLINE_S):
        await test
    await settle()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
    assert not faults, f"nobody handled: {faults}"


async def settle(turns: int = 20) -> None:
    """Let everything that can run now run: what waits for a socket or a clock still waits afterwards."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; `what` says what was waited for when it does not for long."""
    try:
        async with asyncio.timeout(_EVENTUALLY_S):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited in vain: {what}") from None
