"""What goes out: fields as aiohttp is to write them, and the connection that it writes them on."""

import asyncio
import re
from typing import Protocol
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from multidict import istr

from shared.errors import BadRequest
from shared.messages import Headers
from shared.remember import remembering

__all__ = ["Request", "Spoilt", "fields_of", "uses"]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def fields_of(headers: Headers) -> list[tuple[str, str]]:
    """Raises BadRequest for a field that aiohttp would not write as it is."""
    return [(_name(name), _text(value)) for name, value in headers]


@remembering
def _name(name: bytes) -> istr:
    if not _TOKEN.fullmatch(name):  # aiohttp looks for control characters only
        raise BadRequest("the request cannot be written as HTTP/1.1")
    return istr(name.decode("ascii"))


def _text(value: bytes) -> str:
    """What aiohttp writes as these bytes. It encodes to UTF-8 and leaves out what cannot be (aiohttp 3.14.5,
    _http_writer.pyx): a refusal is better than another value."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("a field's value is not UTF-8, and this engine writes no other") from None


class Spoilt(Exception):
    """The pool handed out a connection that cannot be used; another has to be asked for."""


class _Exchange(Protocol):
    def begins(self, protocol: ResponseHandler, use: int) -> None: ...


_uses: "WeakKeyDictionary[ResponseHandler, int]" = WeakKeyDictionary()


def uses(protocol: ResponseHandler) -> int:
    """How many requests have been written to that connection."""
    return _uses.get(protocol, 0)


class Request(aiohttp.ClientRequest):
    """A request that tells its exchange which connection it goes on, just before it is written."""

    exchange: _Exchange

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Raises Spoilt when something has come on the connection since its last response: aiohttp's pool
        does not look, and would take it for the answer (aiohttp 3.14.5, connector.py, BaseConnector._get).
        """
        protocol = conn.protocol
        assert protocol is not None
        before = uses(protocol)
        if before and protocol.should_close:
            raise Spoilt
        if not before and protocol.closed is not None:
            protocol.closed.add_done_callback(_looked_at)
        _uses[protocol] = before + 1
        self.exchange.begins(protocol, before + 1)
        return await super().send(conn)


def _looked_at(closed: "asyncio.Future[None]") -> None:
    """That a connection ended between two exchanges is nobody's failure; left alone it would be logged."""
    if not closed.cancelled():
        closed.exception()
