"""The environment variables: name, default, what is accepted, what it means, and the parser that holds them
to it."""

import ipaddress
import os
import re
import ssl
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

__all__ = ["ENGINES", "ROUTES", "TABLE", "Network", "Row", "UpstreamURL"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
ENGINES = ("wire", "httpx2", "httpx", "aiohttp")  # the default one first
ROUTES = ("handler", "mount")
HOST_POLICIES = ("rewrite", "preserve")


class UpstreamURL(msgspec.Struct, frozen=True, dict=True):
    """`base` has no trailing slash and is empty for the root."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    base: bytes = b""

    @cached_property
    def authority(self) -> bytes:
        """host[:port] as the Host field wants it, the scheme's default port left out (RFC 9110 section
        7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return (host if self.port == default else f"{host}:{self.port}").encode("ascii")


# Parsers: text -> value, ValueError when it does not fit. Each stands beside what it accepts.


# RFC 1123 section 2.1, and the underscore that service names in clusters have.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


def _url(text: str) -> UpstreamURL:
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    port = parts.port if parts.port is not None else (443 if scheme == "https" else 80)
    if port == 0:
        raise ValueError
    return UpstreamURL(scheme, _host(parts), port, parts.path.rstrip("/").encode("ascii"))


def _host(parts: SplitResult) -> str:
    """The name or address, lower case, without brackets. What resolvers or engines choke on at the first
    request (an empty label, 999.1.1.1) is refused here, where a person still sees it."""
    host = parts.hostname or ""
    if "[" in parts.netloc:
        if not re.fullmatch(r"\[[0-9A-Fa-f:.]+\](:[0-9]*)?", parts.netloc):
            raise ValueError
        return str(ipaddress.IPv6Address(host))
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise ValueError
    if host.rstrip(".").rpartition(".")[2].isdigit():
        ipaddress.IPv4Address(host)
    return host


def _number(least: float, *, zero: bool = False) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not (least <= value < 1e9) and not (zero and value == 0):
            raise ValueError
        return value

    return read


def _count(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) < least:
            raise ValueError
        return int(text)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def _token(text: str) -> bytes:
    # RFC 9110 section 5.6.2
    if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,64}", text):
        raise ValueError
    return text.encode("ascii")


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def _file(text: str) -> Path | None:
    path = Path(text)
    if text and not (path.is_file() and os.access(path, os.R_OK)):
        raise ValueError
    return path if text else None


def _ca(text: str) -> Path | None:
    """ssl.SSLError, an OSError, when the file holds no certificate."""
    path = _file(text)
    if path is not None:
        ssl.create_default_context(cafile=path)
    return path


def _prefix(text: str) -> str:
    if text and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise ValueError
    return text


def _switch(text: str) -> bool:
    return {"on": True, "off": False}[text.lower()]


class Row(msgspec.Struct, frozen=True):
    """One variable. `default` None means required; `shown` replaces it where the default depends on another
    row."""

    name: str
    default: str | None
    accepts: str
    meaning: str
    read: Callable[[str], Any]
    shown: str | None = None


TABLE: tuple[Row, ...] = (
    Row("TANDEM_UPSTREAM_URL", None, "http(s)://host[:port][/base]", "where requests go", _url, "required"),
    Row(
        "TANDEM_ENGINE",
        ENGINES[0],
        " or ".join(ENGINES),
        "library that talks to the upstream",
        _one_of(*ENGINES),
    ),
    Row(
        "TANDEM_ROUTE",
        "handler",
        " or ".join(ROUTES),
        "how the proxy hangs in the framework",
        _one_of(*ROUTES),
    ),
    Row(
        "TANDEM_MAX_CONNECTIONS",
        "100",
        "a whole number from 1",
        "to the upstream; the next exchange waits",
        _count(1),
    ),
    Row("TANDEM_MAX_KEEPALIVE", "", "a whole number from 0", "idle connections kept", _count(0), "as above"),
    Row(
        "TANDEM_KEEPALIVE_EXPIRY",
        "4",
        "seconds above 0",
        "s idle; under the 5 s that common servers use",
        _number(0.001),
    ),
    Row("TANDEM_CONNECT_TIMEOUT", "5", "seconds above 0", "s, TLS handshake included", _number(0.001)),
    Row(
        "TANDEM_POOL_TIMEOUT", "5", "seconds above 0", "s waiting for a connection, then 503", _number(0.001)
    ),
    Row("TANDEM_WRITE_TIMEOUT", "15", "seconds above 0", "s without progress while sending", _number(0.001)),
    Row(
        "TANDEM_RESPONSE_TIMEOUT",
        "60",
        "seconds above 0",
        "s from the last request byte to the response head, then 504",
        _number(0.001),
    ),
    Row(
        "TANDEM_READ_TIMEOUT",
        "60",
        "seconds above 0, or 0 for none",
        "s between body reads, then cut; 0 = none",
        _number(0.001, zero=True),
    ),
    Row(
        "TANDEM_MAX_BODY",
        "0",
        "a whole number of bytes, 0 for no limit",
        "bytes, then 413; 0 = none",
        _count(0),
    ),
    Row(
        "TANDEM_MAX_HEADER",
        "65536",
        "a whole number of bytes from 1024",
        "bytes of request head, then 431",
        _count(1024),
    ),
    Row(
        "TANDEM_HOST",
        "rewrite",
        " or ".join(HOST_POLICIES),
        "`rewrite` sends the upstream's authority and X-Forwarded-Host; `preserve` keeps the client's Host",
        _one_of(*HOST_POLICIES),
    ),
    Row(
        "TANDEM_TRUSTED_PROXIES",
        "",
        "networks, comma-separated, such as 10.0.0.0/8,::1",
        "networks whose forwarding fields are believed",
        _networks,
        "empty",
    ),
    Row(
        "TANDEM_VIA",
        "",
        "a token of at most 64 characters, or empty",
        "what it calls itself in Via, and is known by when a request comes round; give replicas one name",
        _token,
        "one per process",
    ),
    Row(
        "TANDEM_UPSTREAM_CA",
        "",
        "a PEM file with certificates",
        "CA file (PEM) for TLS to the upstream",
        _ca,
        "system store",
    ),
    Row(
        "TANDEM_UPSTREAM_CERT",
        "",
        "a readable file",
        "client certificate (PEM) for the upstream",
        _file,
        "none",
    ),
    Row("TANDEM_UPSTREAM_KEY", "", "a readable file", "key of that certificate (PEM)", _file, "none"),
    Row(
        "TANDEM_DRAIN_TIMEOUT", "30", "seconds above 0", "s for work in flight after SIGTERM", _number(0.001)
    ),
    Row(
        "TANDEM_ADMIN_PREFIX",
        "/-",
        "a path such as /-, or empty",
        "empty turns the admin endpoints off; only the exact paths below it are taken, all else is proxied",
        _prefix,
    ),
    Row(
        "TANDEM_ACCESS_LOG", "on", "on or off", "one JSON line per exchange, never blocking the loop", _switch
    ),
)
