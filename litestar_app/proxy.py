"""The proxy in Litestar: 1 translate, 2 handle, 3 answer failures, 4 wire up. Its twin is
fastapi_app/proxy.py."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import HttpMethod, Litestar, Request, Response, Router, asgi, get, route
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from shared import admin
from shared.errors import ProxyError
from shared.messages import ProxyRequest
from shared.proxy import Proxy, open_proxy
from shared.settings import Settings

__all__ = ["create_app"]

# All that this router knows by name; all other methods reach the proxy through `unrouted`.
METHODS = list(HttpMethod)


# 1 translate


def proxy_of(request: ASGIConnection[Any, Any, Any, Any]) -> Proxy:
    proxy: Proxy = request.app.state.proxy
    return proxy


def translate(proxy: Proxy, request: Request[Any, Any, Any]) -> ProxyRequest:
    return proxy.translate(request.scope, request.receive)


class Reply(Response[None]):
    """An ASGI callable as a response that Litestar passes through untouched."""

    def __init__(self, asgi: ASGIApp) -> None:
        self.asgi = asgi

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        return self.asgi


def page(content: admin.Page) -> Response[bytes]:
    return Response(content.body, status_code=content.status, headers=content.headers)


# 2 handle


async def handle(request: Request[Any, Any, Any]) -> Reply:
    """Route `handler`: what the framework's documentation teaches."""
    proxy = proxy_of(request)
    return Reply(await proxy.answer(translate(proxy, request)))


async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    """Route `mount`: an ASGI callable, the framework only routes to it."""
    await scope["litestar_app"].state.proxy(scope, receive, send)


async def only_exact(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if not admin.exact(request.scope, proxy_of(request).settings.app.admin_prefix):
        raise NotFoundException


async def healthy() -> Response[bytes]:
    return page(admin.healthy())


async def ready(request: Request[Any, Any, Any]) -> Response[bytes]:
    return page(await admin.ready(proxy_of(request)))


async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    return page(admin.metrics(proxy_of(request)))


async def fanout(request: Request[Any, Any, Any]) -> Reply:
    proxy = proxy_of(request)
    return Reply(await proxy.fanout(translate(proxy, request)))


# 3 answer failures


def failed(request: Request[Any, Any, Any], error: ProxyError) -> Reply:
    return Reply(proxy_of(request).answer_failure(error))


def unrouted(_: Request[Any, Any, Any], __: Exception) -> Reply:
    """404 and 405 are this router's limits, not the upstream's answers: methods beyond METHODS. 400 is its
    Host check."""
    return Reply(mounted)


# 4 wire up


def pages(prefix: str) -> Router:
    """The admin endpoints."""
    handlers: list[Any] = []
    for endpoint in (healthy, ready, metrics, fanout):
        # First, or Litestar answers OPTIONS itself.
        handlers.append(route(f"/{endpoint.__name__}", http_method=[HttpMethod.OPTIONS])(handle))
        handlers.append(get(f"/{endpoint.__name__}", guards=[only_exact])(endpoint))
    return Router(prefix, route_handlers=handlers)


def create_app(
    settings: Settings,
    opening: Callable[[Settings], AbstractAsyncContextManager[Proxy]] = open_proxy,
    **options: Any,
) -> Litestar:
    """opening: what gives the core; the benchmark puts its ceiling there (bench/baselines/sketch.py).
    options: what Litestar itself takes beside, middleware say."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with opening(settings) as proxy:
            app.state.proxy = proxy
            yield

    routes: list[Any] = []
    if prefix := settings.app.admin_prefix:
        routes.append(pages(prefix))
    if settings.app.route == "handler":
        # "/" by itself: no path parameter here is empty, and a 404 to be handled costs two exceptions.
        routes.append(route(["/", "/{path:path}"], http_method=METHODS)(handle))
    else:
        routes.append(asgi("/", is_mount=True, copy_scope=False)(mounted))
    return Litestar(
        routes,
        lifespan=[lifespan],
        exception_handlers={ProxyError: failed, 400: unrouted, 404: unrouted, 405: unrouted},
        openapi_config=None,
        logging_config=None,
        **options,
    )
