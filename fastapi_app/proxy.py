"""The proxy in FastAPI: 1 translate, 2 handle, 3 answer failures, 4 wire up. Its twin is
litestar_app/proxy.py."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from starlette.types import Receive, Scope, Send

from shared import admin
from shared.errors import ProxyError
from shared.messages import ProxyRequest
from shared.proxy import Proxy, open_proxy
from shared.settings import Settings

__all__ = ["create_app"]

# As many as the twin's router knows by name; all other methods reach the proxy through `unrouted`.
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


# 1 translate


def proxy_of(request: Request) -> Proxy:
    proxy: Proxy = request.app.state.proxy
    return proxy


def translate(proxy: Proxy, request: Request) -> ProxyRequest:
    return proxy.translate(request.scope, request.receive)


class Reply(Response):
    """An ASGI callable as a response that FastAPI passes through untouched."""

    def __init__(self, asgi: Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]) -> None:
        self.asgi = asgi
        self.background = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        return self.asgi(scope, receive, send)


def page(content: admin.Page) -> Response:
    return Response(content.body, content.status, content.headers)


# 2 handle


async def handle(request: Request) -> Response:
    """Route `handler`: what the framework's documentation teaches."""
    proxy = proxy_of(request)
    return Reply(await proxy.answer(translate(proxy, request)))


async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    """Route `mount`: an ASGI callable, the framework only routes to it."""
    await scope["app"].state.proxy(scope, receive, send)


async def only_exact(request: Request) -> None:
    if not admin.exact(request.scope, proxy_of(request).settings.app.admin_prefix):
        raise HTTPException(404)


async def healthy() -> Response:
    return page(admin.healthy())


async def ready(request: Request) -> Response:
    return page(await admin.ready(proxy_of(request)))


async def metrics(request: Request) -> Response:
    return page(admin.metrics(proxy_of(request)))


async def fanout(request: Request) -> Response:
    proxy = proxy_of(request)
    return Reply(await proxy.fanout(translate(proxy, request)))


# 3 answer failures


async def failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProxyError)
    return Reply(proxy_of(request).answer_failure(error))


async def unrouted(_: Request, __: Exception) -> Response:
    """404 and 405 are this router's limits, not the upstream's answers: absolute-form targets, methods beyond
    METHODS."""
    return Reply(mounted)


# 4 wire up


def pages() -> APIRouter:
    """The admin endpoints, as a router to mount: all else is then matched against one path and not four."""
    router = APIRouter(dependencies=[Depends(only_exact)], redirect_slashes=False)
    for endpoint in (healthy, ready, metrics, fanout):
        router.add_api_route(f"/{endpoint.__name__}", endpoint, methods=["GET"])
    return router


def create_app(
    settings: Settings,
    opening: Callable[[Settings], AbstractAsyncContextManager[Proxy]] = open_proxy,
    **options: Any,
) -> FastAPI:
    """opening: what gives the core; the benchmark puts its ceiling there (bench/baselines/sketch.py).
    options: what FastAPI itself takes beside, middleware say."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opening(settings) as proxy:
            app.state.proxy = proxy
            yield

    app = FastAPI(
        lifespan=lifespan,
        exception_handlers={ProxyError: failed, 404: unrouted, 405: unrouted},
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        **options,
    )
    if prefix := settings.app.admin_prefix:
        app.mount(prefix, pages())
    if settings.app.route == "handler":
        app.add_api_route("/{path:path}", handle, methods=METHODS)
    else:
        app.mount("/", mounted)
    return app
