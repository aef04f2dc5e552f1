"""What a proxy declares about itself: the policies that P cases hold it to, and what others have to know.

A case sees a manifest and never a framework: that is what lets the same case judge any proxy. A manifest is a
TOML file (`read`); ours is made from the settings that the suite starts our apps with (variants.py).
"""

import tomllib
import typing
from pathlib import Path
from typing import Any, Literal

import msgspec

__all__ = ["Manifest", "ManifestError", "read"]

Trait = Literal["keepalive", "replaces", "streams"]


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
    base: str = ""
    """Path prefix of the upstream's URL, such as `/base`."""
    reachable: bool = True
    """False: the upstream's name does not resolve."""
    server_name: str | None = None
    """SNI of the TLS connections to the upstream."""
    pool: int | None = None
    """Connections to the upstream at most; the next exchange waits."""
    pool_timeout_s: float | None = None
    """How long it waits, before 503."""
    connect_timeout_s: float | None = None
    """Until a connection to the upstream is given up."""
    response_timeout_s: float | None = None
    """From the last byte of the request to the response's head, before 504."""
    read_timeout_s: float | None = None
    """Between two reads of a response's body, before it is cut."""
    keepalive_expiry_s: float | None = None
    """How long an idle connection to the upstream is kept."""
    leave_s: float = 2.0
    """How soon a client's leaving closes the upstream side, at most."""
    drain_s: float | None = None
    """How long exchanges in flight may go on after the stop signal."""
    stop_signal: Literal["SIGTERM", "SIGQUIT", "SIGUSR1"] = "SIGTERM"
    """What asks the process to finish what is in flight and end."""
    second_signal: Literal["cuts"] | None = None
    """What the same signal does when it comes again: `cuts` ends the drain."""
    max_body: int | None = None
    """Bytes of a request body, before 413."""
    max_header: int | None = None
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
    loops: Literal["refused"] | None = None
    """Whether a request that already came through this proxy (by its Via) is refused."""
    error_status: dict[str, list[int]] = {}
    """Statuses of the proxy's own failures where they are not the usual ones, by RFC 9209 error type."""
    failures: Literal["tandem"] | None = None
    """How the proxy's own failures look; `tandem`: a JSON body and Proxy-Status."""
    metrics: str | None = None
    """Path of a Prometheus page with Tandem's in-flight gauge."""
    healthy: str | None = None
    """Path of a page that answers 200 while the process lives, whatever the upstream does."""
    ready: str | None = None
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
        except msgspec.ValidationError:
            raise ManifestError(f"{where}: {name} = {value!r}; accepted: {accepted(name)}") from None
    return msgspec.convert(found, Manifest)


def accepted(name: str) -> str:
    """What may stand in a field, for people: `rewrite | preserve`, `seconds`, `bytes`, `text`."""
    return " | ".join(_words(_TYPES[name], name))


def _words(kind: Any, name: str) -> list[str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return [f'"{word}"' for word in arguments]
    if origin is frozenset:
        return [f"a list of {' | '.join(_words(arguments[0], name))}"]
    if origin is dict:
        return ["a table of lists of statuses"]
    if arguments:
        return [word for each in arguments if each is not type(None) for word in _words(each, name)]
    number = "seconds" if name.endswith("_s") else "bytes" if name.startswith("max_") else "a number"
    return [{bool: "true | false", str: "text", int: number, float: number}[kind]]


_TYPES = typing.get_type_hints(Manifest)
