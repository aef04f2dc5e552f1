"""Settings from the environment, cut by who uses them. shared.variables holds the table they are read by.

`from_env()` never raises into a traceback: a missing or wrong value ends start-up with one line.
"""

import importlib.util
import os
import secrets
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from shared.variables import TABLE, Network, Row, UpstreamURL

__all__ = [
    "OWN_NAME",
    "AppSettings",
    "ForwardSettings",
    "PoolSettings",
    "SettingError",
    "Settings",
    "TLSSettings",
    "TimeoutSettings",
    "from_env",
    "parse",
]


# What this process calls itself in Via where nobody says: no other has that name, and it tells nobody an
# address (docs/decisions/0009).
OWN_NAME = b"tandem-" + secrets.token_hex(4).encode("ascii")


class SettingError(ValueError):
    """One line: the variable, its value, what is accepted."""


class PoolSettings(msgspec.Struct, frozen=True):
    max_connections: int = 100
    max_keepalive: int = 100
    keepalive_expiry_s: float = 4.0


class TimeoutSettings(msgspec.Struct, frozen=True):
    """Seconds. `read_s` 0 means no limit."""

    connect_s: float = 5.0
    pool_s: float = 5.0
    write_s: float = 15.0
    response_s: float = 60.0
    read_s: float = 60.0


class TLSSettings(msgspec.Struct, frozen=True):
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class ForwardSettings(msgspec.Struct, frozen=True):
    """What the exchange needs: where to, which Host, whom to believe, its own name in Via, how much."""

    upstream: UpstreamURL
    host: Literal["rewrite", "preserve"] = "rewrite"
    trusted_proxies: tuple[Network, ...] = ()
    via: bytes = OWN_NAME
    max_body: int = 0
    max_header: int = 65536


class AppSettings(msgspec.Struct, frozen=True):
    route: Literal["handler", "mount"] = "handler"
    admin_prefix: str = "/-"
    access_log: bool = True
    drain_s: float = 30.0


class Settings(msgspec.Struct, frozen=True):
    upstream: UpstreamURL
    engine: str
    pool: PoolSettings
    timeouts: TimeoutSettings
    tls: TLSSettings
    forward: ForwardSettings
    app: AppSettings


def parse(env: Mapping[str, str]) -> Settings:
    """Settings from variables. Raises SettingError for the first that is missing or wrong."""
    value = {row.name.removeprefix("TANDEM_").lower(): _value(row, env) for row in TABLE}
    limit = value["max_connections"]
    tls = _tls(value["upstream_ca"], value["upstream_cert"], value["upstream_key"])
    _installed(value["engine"])
    return Settings(
        upstream=value["upstream_url"],
        engine=value["engine"],
        pool=PoolSettings(
            max_connections=limit,
            max_keepalive=limit if value["max_keepalive"] is None else value["max_keepalive"],
            keepalive_expiry_s=value["keepalive_expiry"],
        ),
        timeouts=TimeoutSettings(
            connect_s=value["connect_timeout"],
            pool_s=value["pool_timeout"],
            write_s=value["write_timeout"],
            response_s=value["response_timeout"],
            read_s=value["read_timeout"],
        ),
        tls=tls,
        forward=ForwardSettings(
            upstream=value["upstream_url"],
            host=value["host"],
            trusted_proxies=value["trusted_proxies"],
            via=value["via"] or OWN_NAME,
            max_body=value["max_body"],
            max_header=value["max_header"],
        ),
        app=AppSettings(
            route=value["route"],
            admin_prefix=value["admin_prefix"],
            access_log=value["access_log"],
            drain_s=value["drain_timeout"],
        ),
    )


def _installed(engine: str) -> None:
    """aiohttp is the one library that an engine of its name needs and nothing else does."""
    if engine == "aiohttp" and importlib.util.find_spec("aiohttp") is None:
        raise SettingError(
            "TANDEM_ENGINE='aiohttp' needs aiohttp, which is not installed"
            " (pip install --constraint constraints.txt aiohttp)"
        )


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> TLSSettings:
    if (cert is None) != (key is None):
        raise SettingError(
            "TANDEM_UPSTREAM_CERT and TANDEM_UPSTREAM_KEY belong together: set both or neither"
        )
    if cert is not None:
        try:
            # Without a password OpenSSL would ask the terminal for that of an encrypted key, and wait.
            ssl.create_default_context().load_cert_chain(cert, key, password="")
        except OSError as error:
            raise SettingError(
                f"TANDEM_UPSTREAM_CERT={str(cert)!r} and its key do not fit: {error}"
            ) from None
    return TLSSettings(ca, cert, key)


def _value(row: Row, env: Mapping[str, str]) -> Any:
    text = env.get(row.name, row.default)
    if text is None:
        raise SettingError(f"{row.name} is not set: it takes {row.accepts}")
    if text == "" and row.name == "TANDEM_MAX_KEEPALIVE":
        return None
    try:
        return row.read(text)
    except (ValueError, KeyError, OSError):
        raise SettingError(f"{row.name}={text!r} is not understood: it takes {row.accepts}") from None


def from_env() -> Settings:
    """Settings of this process, for the module that a server imports.

    Raises SystemExit with one line, which every Python program prints to stderr before it ends with status 1.
    """
    try:
        return parse(os.environ)
    except SettingError as error:
        raise SystemExit(f"tandem: {error}") from None
