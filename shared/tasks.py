"""Cleaning up to the end, although the task that does it is being cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["undisturbed"]


async def undisturbed(cleaning: Coroutine[Any, Any, Any]) -> None:
    """Run to the end, also when the caller is cancelled meanwhile; then it is cancelled."""
    task = asyncio.ensure_future(cleaning)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
