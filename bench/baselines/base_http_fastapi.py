"""The known hazard: one BaseHTTPMiddleware more, which does nothing. @app.middleware("http") makes one.

Each request then has a task more, each message of its response passes a stream of objects between the two.
"""

from __future__ import annotations

import gc

from fastapi import Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from bench.baselines.middleware_fastapi import app

__all__ = ["app"]


class Nothing(BaseHTTPMiddleware):
    """Hands on what comes."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Call, answer."""
        return await call_next(request)


app.add_middleware(Nothing)
gc.freeze()
