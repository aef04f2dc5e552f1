"""Caddy with one `reverse_proxy`."""

import pathlib

from shared.harness.peers.program import HOST, Peer, Upstream, Wish

__all__ = ["Caddy"]

_CONFIGURATION = """\
{{
    admin off
    auto_https off
    grace_period {drain_s:g}s
    servers {{
        protocols h1
    }}
}}

http://:{port} {{
    bind {host}
    log
{rules}
    reverse_proxy {upstream} {{
{trust}
        flush_interval 1ms
        transport http {{
            versions 1.1
            compression off
            dial_timeout {connect_s:g}s
            response_header_timeout {silence_s:g}s
            max_conns_per_host {pool}
{more}{keep}
        }}
    }}
}}
"""

_TLS = """\
            tls
            tls_trusted_ca_certs {ca}
            tls_server_name localhost"""
_KEEP = """\
            keepalive_idle_conns_per_host {keep}"""


class Caddy(Peer):
    """`compression off` keeps it from asking for gzip on the client's behalf.

    Its `read_timeout` is left out: it counts from one read of the connection to the next, so that an upload
    which takes longer is cut. Its `max_size` only ends the reading of a body, without a 413.
    """

    command = "caddy"
    install = "apt-get install caddy"

    def version(self) -> str:
        return self._said("version").partition(" ")[0].strip().removeprefix("v")

    def configuration(self, wish: Wish, port: int, origin: Upstream, folder: pathlib.Path) -> str:
        rules, upstream = "", f"{origin.host}:{origin.port}"
        if wish.base:
            rules = f"    rewrite * {wish.base}{{uri}}"
        elif not wish.reachable:
            upstream = "upstream.invalid:80"
        return _CONFIGURATION.format(
            host=HOST,
            port=port,
            rules=rules,
            upstream=upstream,
            trust="        trusted_proxies 127.0.0.1/32" if wish.trusting else "",
            more=_TLS.format(ca=origin.ca) if origin.ca else "",
            keep=_KEEP.format(keep=wish.keep) if wish.keep else "",
            connect_s=wish.limit(5.0),
            silence_s=wish.limit(60.0),
            drain_s=wish.drain_s,
            pool=wish.pool or 100,
        )

    def argv(self, file: pathlib.Path) -> list[str]:
        return ["run", "--adapter", "caddyfile", "--config", str(file)]
