"""The demo origin: what `make run` proxies to when no upstream is given. `/` lists what to try.

It logs one line per exchange and says when a client leaves a stream, so that one can watch the proxy close
its upstream side. It is an ASGI app on uvicorn, started by the same table as every other server here.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import html
import json
import logging
import os
import re
import string
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from shared.harness.origin import demo_exchange as exchanges
from shared.harness.origin.demo_exchange import BadQuery, Exchange
from shared.harness.process import ROOT
from shared.harness.servers import command

__all__ = ["EXAMPLES", "Example", "create_app", "listing", "url"]


class Example(NamedTuple):
    """One thing to try. In `curl` and `path`, $base stands for the proxy's own address."""

    title: str
    curl: str
    shows: str


EXAMPLES = (
    Example(
        "Events", "curl -N $base/sse", "one a second, each as it happens; end curl and watch the origin's log"
    ),
    Example(
        "Faster events",
        "curl -N '$base/sse?every=0.05&count=100'",
        "a hundred, twenty a second, then the end",
    ),
    Example("JSON", "curl $base/json", "a small answer"),
    Example(
        "What arrived", "curl $base/headers", "the request as the origin saw it, forwarding fields included"
    ),
    Example("Large body", "curl '$base/large?size=100M' | sha256sum", "streamed; compare with the next line"),
    Example("Its hash", "curl -I '$base/large?size=100M'", "X-Sha256, announced before the body"),
    Example("Slow body", "curl -N '$base/slow?pieces=10&every=0.5'", "a word every half second"),
    Example(
        "Slow answer", "curl '$base/wait?seconds=10'", "silence, then an answer; or leave before it comes"
    ),
    Example(
        "Upload",
        "head -c 50000000 /dev/urandom | curl -T - $base/echo",
        "counted and hashed while it arrives",
    ),
    Example("Error page", "curl -i $base/status/503", "any status from 200 to 599"),
    Example("gzip", "curl --compressed -i $base/gzip", "the origin's coding, untouched on its way"),
    Example("Redirect", "curl -i $base/redirect", "passed on, not followed"),
    Example(
        "Cookies", "curl -i -b taste=oat $base/cookies", "two Set-Cookie fields stay two; yours come back"
    ),
    Example("WebSocket", "", "later"),
)

_log = logging.getLogger("tandem.demo")
_PAGE = string.Template((Path(__file__).parent / "demo.html").read_text("utf-8"))


async def index(exchange: Exchange) -> None:
    """The list of examples: HTML for a browser, plain lines for curl."""
    base = exchange.base_url()
    varies = [(b"vary", b"accept")]
    if "text/html" not in exchange.header("accept"):
        return await exchange.answer(f"Tandem's demo origin. Try:\n\n{listing(base)}\n", headers=varies)
    rows = "\n".join(_row(example, base) for example in EXAMPLES)
    page = _PAGE.substitute(rows=rows, base=html.escape(base))
    return await exchange.answer(page, kind="text/html; charset=utf-8", headers=varies)


def _row(example: Example, base: str) -> str:
    line = html.escape(example.curl.replace("$base", base))
    code = f'<button title="Copy"><code>{line}</code></button>' if line else ""
    return f"<li><h2>{example.title}</h2><p>{html.escape(example.shows)}</p>{code}</li>"


def listing(base: str) -> str:
    """The examples as lines of text, each ready to be pasted into a shell."""
    lines = [(example.curl.replace("$base", base), example) for example in EXAMPLES]
    width = max(len(line) for line, _ in lines)
    return "\n".join(f"  {line or example.title:<{width}}  {example.shows}" for line, example in lines)


async def small_json(exchange: Exchange) -> None:
    """A small JSON answer."""
    await exchange.answer_json({"hello": "from the origin", "unix_time_s": round(time.time(), 3)})


async def headers(exchange: Exchange) -> None:
    """The request as it arrived: method, target and header fields in their order."""
    fields = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in exchange.headers]
    await exchange.answer_json({"method": exchange.method, "target": exchange.target, "headers": fields})


async def sse(exchange: Exchange) -> None:
    """Server-sent events: `every` seconds one, `count` of them (0: until the client leaves)."""
    every_s, count = exchange.number("every", 1.0, most=3600), int(exchange.number("count", 0, most=1e9))
    async with exchange.stream("text/event-stream", unit="events") as stream:
        number = 0
        while not count or number < count:
            number += 1
            event = {"number": number, "unix_time_s": round(time.time(), 3)}
            await stream.send(f"id: {number}\ndata: {json.dumps(event)}\n\n".encode())
            await stream.pause(every_s)


async def slow(exchange: Exchange) -> None:
    """`pieces` short lines, `every` seconds one."""
    every_s, pieces = exchange.number("every", 0.5, most=3600), int(exchange.number("pieces", 10, most=1e6))
    async with exchange.stream("text/plain; charset=utf-8", unit="pieces") as stream:
        for number in range(1, pieces + 1):
            await stream.send(f"piece {number} of {pieces}\n".encode())
            await stream.pause(every_s)


async def large(exchange: Exchange) -> None:
    """`size` bytes (K, M and G are powers of 1024), their SHA-256 announced in the head."""
    size = exchange.size("size", "100M", most=4 << 30)
    digest = await asyncio.to_thread(exchanges.sha256_of_blocks, size)
    fields = [(b"content-length", b"%d" % size), (b"x-sha256", digest.encode())]
    async with exchange.stream("application/octet-stream", unit="bytes", headers=fields) as stream:
        for block in exchanges.blocks(size):
            await stream.send(block)


async def wait(exchange: Exchange) -> None:
    """Nothing for `seconds`, then an answer, if the client is still there."""
    seconds_s = exchange.number("seconds", 10.0, most=3600)
    if await exchange.left_within(seconds_s):
        _log.info("%s closed by client before the answer", exchange)
    else:
        await exchange.answer_json({"waited_s": seconds_s})


async def echo(exchange: Exchange) -> None:
    """How many bytes arrived, and their SHA-256."""
    count, digest = await exchange.swallow()
    if count is not None:
        await exchange.answer_json({"bytes": count, "sha256": digest})


async def status(exchange: Exchange) -> None:
    """The status in the path, with a small page where the status may have a body."""
    text = exchange.path.removeprefix("/status/")
    if not re.fullmatch("[2-5][0-9][0-9]", text):
        raise BadQuery("/status/ takes a number from 200 to 599")
    code = int(text)
    if code in (204, 304):  # RFC 9110 §15.3.5, §15.4.5: no content
        return await exchange.answer_nothing(code)
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "No Name For This One"
    page = f"<!doctype html><title>{code}</title><h1>{code} {phrase}</h1><p>As asked, from the origin.\n"
    return await exchange.answer(page, status=code, kind="text/html; charset=utf-8")


async def gzipped(exchange: Exchange) -> None:
    """A text that is coded whatever the client accepts: a proxy has no business with it."""
    body = gzip.compress(b"If you can read this, it was decoded once, by you.\n" * 40, mtime=0)
    await exchange.answer(body, headers=[(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")])


async def redirect(exchange: Exchange) -> None:
    """A relative redirect to /json."""
    await exchange.answer("over there: /json\n", status=302, headers=[(b"location", b"/json")])


async def cookies(exchange: Exchange) -> None:
    """Two cookies for the client, and the ones it sent."""
    fields = [(b"set-cookie", b"flavour=vanilla; Path=/"), (b"set-cookie", b"topping=none; Path=/; HttpOnly")]
    sent = [value.decode("latin-1") for name, value in exchange.headers if name == b"cookie"]
    await exchange.answer_json({"cookies_you_sent": sent}, headers=fields)


_HANDLERS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "/": index,
    "/json": small_json,
    "/headers": headers,
    "/sse": sse,
    "/slow": slow,
    "/large": large,
    "/wait": wait,
    "/echo": echo,
    "/gzip": gzipped,
    "/redirect": redirect,
    "/cookies": cookies,
}


async def app(scope: exchanges.Message, receive: exchanges.Receive, send: exchanges.Send) -> None:
    """The ASGI app."""
    if scope["type"] == "lifespan":
        return await exchanges.lifespan(receive, send)
    exchange = Exchange(scope, receive, send)
    handler = status if exchange.path.startswith("/status/") else _HANDLERS.get(exchange.path)
    try:
        if handler is None:
            return await exchange.answer("nothing here; / lists what there is\n", status=404)
        return await handler(exchange)
    except BadQuery as error:
        return await exchange.answer(f"{error}\n", status=400)
    except asyncio.CancelledError:  # uvicorn cancels what outlives its drain and would print a traceback
        return _log.info("%s cut by shutdown", exchange)


class _AddressOnly(logging.Filter):
    """Of uvicorn's start-up lines keep the one that matters, in our words; keep every warning."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == logging.INFO and str(record.msg).startswith("Uvicorn running on"):
            record.msg = "Demo origin on %s://%s:%d"
            record.__dict__.pop("color_message", None)  # uvicorn prefers it on a terminal
            return True
        return record.levelno > logging.INFO


def create_app() -> Callable[..., Awaitable[None]]:
    """The app for uvicorn's --factory, which runs once its logging is set up, so that ours can follow."""
    logging.getLogger("uvicorn.error").addFilter(_AddressOnly())
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s demo origin: %(message)s", "%H:%M:%S"))
    _log.handlers = [handler]
    _log.setLevel(logging.INFO)
    _log.propagate = False
    return app


def url(log: str) -> str | None:
    """The origin's address, read from its log; None as long as it does not listen."""
    found = re.search(r"Demo origin on (https?://\S+)\n", log)
    return found[1] if found else None


def main() -> None:
    """Become uvicorn serving this app: same process, so that signals and exit status are uvicorn's own."""
    parser = argparse.ArgumentParser(prog="python -m shared.harness.origin.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain (PEM): serve https")
    parser.add_argument("--tls-key", type=Path, help="its key (PEM)")
    options = parser.parse_args()
    flags = ["--factory", "--date-header"]
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together: give both or neither")
    if options.tls_cert is not None:
        for path in (options.tls_cert, options.tls_key):
            if not path.is_file():
                parser.error(f"{path} is not a file")
        flags += [
            "--ssl-certfile",
            str(options.tls_cert.resolve()),
            "--ssl-keyfile",
            str(options.tls_key.resolve()),
        ]
    argv = command(
        "shared.harness.origin.demo:create_app",
        profile="uvicorn-httptools",
        host=options.host,
        port=options.port,
        drain_s=1,  # nobody waits for a demo
    )
    os.chdir(ROOT)
    os.execv(argv[0], [*argv, *flags])  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main()
