"""What a proxy declares about itself: the policies that P cases hold it to, and what others have to know.

A case sees a manifest and never a framework: that is what lets the same case judge any proxy. A manifest is a
TOML file (`read`); ours is made from the settings that the suite starts our apps with (own.py).
"""

import ipaddress
import re
import tomllib
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tests.contract.variants import VARIANTS

__all__ = ["Manifest", "ManifestError", "read"]

Trait = Literal["keepalive", "replaces", "streams"]
Seconds = Annotated[float, Meta(gt=0, le=86400)]
Count = Annotated[int, Meta(gt=0)]
Statuses = Annotated[list[Annotated[int, Meta(ge=400, le=599)]], Meta(min_length=1)]
PathOnProxy = Annotated[str, Meta(pattern="^/")]

ERROR_TYPES = (  # RFC 9209 §2.3
    *("dns_timeout", "dns_error", "destination_not_found", "destination_unavailable"),
    *(
        "destination_ip_prohibited",
        "destination_ip_unroutable",
        "connection_refused",
        "connection_terminated",
    ),
    *(
        "connection_timeout",
        "connection_read_timeout",
        "connection_write_timeout",
        "connection_limit_reached",
    ),
    *("tls_protocol_error", "tls_certificate_error", "tls_alert_received", "http_request_error"),
    *("http_request_denied", "http_response_incomplete", "http_response_header_section_size"),
    *("http_response_header_size", "http_response_body_size", "http_response_trailer_section_size"),
    *("http_response_trailer_size", "http_response_transfer_coding", "http_response_content_coding"),
    *("http_response_timeout", "http_upgrade_failed", "http_protocol_error", "proxy_internal_response"),
    *("proxy_internal_error", "proxy_configuration_error", "proxy_loop_detected"),
)


class ManifestError(ValueError):
    """One line for the person who wrote the file: what is wrong with it, and what is accepted."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Declared policies of one proxy. Times in seconds, sizes in bytes. Left out means "not declared": a case
    that needs the field is then reported as unsupported.
    """

    host: Literal["rewrite", "preserve"]
    """The Host that the upstream sees: its own authority, or what the client sent."""
    forwarded_for: Literal["replace", "append", "none"]
    """X-Forwarded-For: the peer's address alone, the peer's appended to what came, or untouched."""
    peer: str = "127.0.0.1"
    """The address at which the proxy sees the suite's clients; in a container, its network's gateway."""
    forwarded_host: bool = False
    """Whether X-Forwarded-Host tells the client's Host."""
    forwarded: Literal["replace", "append", "none"] | None = None
    """`Forwarded` (RFC 7239), in the same words; `replace` holds for a proxy that only removes it."""
    proxy_authorization: Literal["drop", "relay"] | None = None
    """What becomes of Proxy-Authorization, which is for the next proxy that asked for it."""
    via: str | None = None
    r"""What the proxy adds to Via in a request: a regular expression for the member, as `1\.1 gateway`."""
    authority: str | None = None
    """The upstream as the proxy knows it, which is the Host of `rewrite`, where it is not the origin's
    `host:port`.
    """
    underscores: Literal["relay", "guarded", "drop", "refuse"] | None = None
    """Field names with `_`: relayed; relayed unless they imitate a field that the proxy decides about itself;
    dropped; or the request refused."""
    query: Literal["verbatim", "cleaned"] | None = None
    """Whether a query goes on byte for byte, or as the parameters that the proxy has read in it."""
    location: Literal["rewrite", "verbatim"] | None = None
    """Whether a Location that names the upstream's own authority is turned into the client's."""
    base: Annotated[str, Meta(pattern="^(/.*[^/])?$")] = ""
    """Path prefix of the upstream's URL, such as `/base`."""
    reachable: bool = True
    """False: the upstream's name does not resolve."""
    server_name: str | None = None
    """SNI of the TLS connections to the upstream."""
    pool: Count | None = None
    """Connections to the upstream at most; the next exchange waits."""
    pool_timeout_s: Seconds | None = None
    """How long it waits, before 503."""
    connect_timeout_s: Seconds | None = None
    """Until a connection to the upstream is given up."""
    response_timeout_s: Seconds | None = None
    """From the last byte of the request to the response's head, before 504."""
    read_timeout_s: Seconds | None = None
    """Between two reads of a response's body, before it is cut."""
    keepalive_expiry_s: Seconds | None = None
    """How long an idle connection to the upstream is kept."""
    leave_s: Seconds = 2.0
    """How soon a client's leaving closes the upstream side, at most. Cases wait 1.5 s longer, as for every
    declared time: a busy machine is no fault of the proxy's.
    """
    drain_s: Seconds | None = None
    """How long exchanges in flight may go on after the stop signal."""
    stop_signal: Literal["SIGTERM", "SIGQUIT", "SIGUSR1"] = "SIGTERM"
    """What asks the process to finish what is in flight and end."""
    second_signal: Literal["cuts"] | None = None
    """What the same signal does when it comes again: `cuts` ends the drain."""
    max_body: Count | None = None
    """Bytes of a request body, before 413."""
    max_header: Count | None = None
    """Bytes of a request head, before 400 or 431."""
    informational: Literal["relay", "drop"] | None = None
    """What becomes of an upstream's 1xx responses."""
    expect: Literal["end-to-end", "answered"] | None = None
    """Who says 100 to `Expect: 100-continue`: the upstream, through the proxy, or the proxy itself."""
    trailers: Literal["relay", "drop"] | None = None
    """What becomes of trailer fields."""
    upgrade: Literal["relay", "none"] | None = None
    """What becomes of an Upgrade that the client asks for."""
    trace: Literal["refuse", "relay"] | None = None
    """What becomes of TRACE."""
    max_forwards: bool = False
    """Whether Max-Forwards is obeyed for OPTIONS, and for TRACE where that is relayed."""
    retries: Literal["none", "safe"] | None = None
    """Whether a safe request is sent again when a kept connection turns out to be dead."""
    error_status: dict[str, Statuses] = {}
    """Statuses of the proxy's own failures where they are not the usual ones, by RFC 9209 error type."""
    failures: Literal["tandem"] | None = None
    """How the proxy's own failures look; `tandem`: a JSON body and Proxy-Status."""
    metrics: PathOnProxy | None = None
    """Path of a Prometheus page with Tandem's in-flight gauge."""
    healthy: PathOnProxy | None = None
    """Path of a page that answers 200 while the process lives, whatever the upstream does."""
    ready: PathOnProxy | None = None
    """Path of a page that answers 503 while no connection to the upstream can be had, 200 otherwise."""
    access_log: Literal["tandem"] | None = None
    """Form of the access log; `tandem`: one JSON line per exchange on standard output."""
    traits: frozenset[Trait] = frozenset()
    """`keepalive`: upstream connections are used again; `streams`: no byte of a body waits for a later one;
    `replaces`: no two fields tell the upstream different things about who the client is."""
    variants: frozenset[str] = frozenset({"plain"})
    """Which of the suite's settings (`settings=` of a case) the running configuration satisfies."""
    version: str = ""
    """What was tested, for `--results`: the suite cannot ask a proxy that it has not started."""

    def offers(self, need: str) -> bool:
        """Whether a case that needs it can be asked: a field that is declared, or a trait.

        Raises: ValueError for a need that is neither.
        """
        if need in typing.get_args(Trait):
            return need in self.traits
        if need not in self.__struct_fields__:
            raise ValueError(f"{need!r} is no field of a manifest and no trait")
        return getattr(self, need) not in (None, "", False)

    def statuses(self, error: str, *usual: int) -> list[int]:
        """What a failure of that RFC 9209 error type may be answered with."""
        return self.error_status.get(error, list(usual))


def read(path: Path) -> Manifest:
    """The manifest in a TOML file. Raises: ManifestError, one line."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise ManifestError(f"{path}: not TOML: {error}") from None
    return parse(found, str(path))


def parse(found: dict[str, Any], where: str) -> Manifest:
    """The manifest that this table declares. Raises: ManifestError, one line."""
    fields = Manifest.__struct_fields__
    if unknown := sorted(found.keys() - set(fields)):
        raise ManifestError(f"{where}: unknown field {unknown[0]!r}; accepted: {', '.join(fields)}")
    for name in ("host", "forwarded_for"):
        if name not in found:
            raise ManifestError(f"{where}: {name!r} is missing; accepted: {accepted(name)}")
    for name, value in found.items():
        try:
            msgspec.convert(value, _TYPES[name])
            _CHECKS.get(name, _nothing)(value)
        except ValueError as error:  # msgspec.ValidationError is one
            said = "" if isinstance(error, msgspec.ValidationError) else f": {error}"
            raise ManifestError(f"{where}: {name} = {value!r}{said}; accepted: {accepted(name)}") from None
    return msgspec.convert(found, Manifest)


def _known(names: Iterable[str], accepted: Iterable[str]) -> None:
    for name in names:
        if name not in accepted:
            raise ValueError(f"{name!r} is unknown")


def _some(names: list[str]) -> None:
    if not names:
        raise ValueError("no case would be asked")
    _known(names, VARIANTS)


def _pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(str(error)) from None


def _nothing(value: object) -> None:
    """What the type says is all there is to check."""


_CHECKS: dict[str, Callable[[Any], object]] = {
    "error_status": lambda found: _known(found, ERROR_TYPES),
    "peer": ipaddress.ip_address,
    "variants": _some,
    "via": _pattern,
}
"""What a type cannot say of a field. Each raises ValueError, saying why unless `accepted` says it all."""


def accepted(name: str) -> str:
    """What may stand in a field, for people: `rewrite | preserve`, `seconds above 0`, `bytes`, `text`."""
    return _IN_WORDS.get(name) or " | ".join(_words(_PLAIN_TYPES[name], name))


def _words(kind: Any, name: str) -> list[str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return [f'"{word}"' for word in arguments]
    if origin is frozenset:
        return [f"a list of {' | '.join(_words(arguments[0], name))}"]
    if arguments:
        return [word for each in arguments if each is not type(None) for word in _words(each, name)]
    number = "seconds" if name.endswith("_s") else "bytes" if name.startswith("max_") else "a number"
    return [{bool: "true | false", str: "text", int: f"{number} above 0", float: f"{number} above 0"}[kind]]


_TYPES = typing.get_type_hints(Manifest, include_extras=True)
_PLAIN_TYPES = typing.get_type_hints(Manifest)
_IN_WORDS = {
    "base": "a path without the `/` at its end",
    "error_status": (
        "a table of lists of statuses from 400 to 599, by the error types of RFC 9209 §2.3: dns_error, "
        "connection_refused, connection_timeout, connection_limit_reached, http_response_timeout, …"
    ),
    "healthy": "a path",
    "metrics": "a path",
    "peer": "an IP address",
    "ready": "a path",
    "variants": "a list of " + " | ".join(f'"{name}"' for name in VARIANTS),
    "via": "a regular expression",
}
