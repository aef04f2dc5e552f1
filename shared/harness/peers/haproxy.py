"""HAProxy in HTTP mode, one backend with one server."""

import pathlib
import re

from shared.harness.peers.program import HOST, Peer, Upstream, Wish

__all__ = ["HAProxy"]

_CONFIGURATION = """\
global
    log stdout format raw local0 info
    maxconn 2000
    nbthread 1
    hard-stop-after {drain}ms

defaults
    mode http
    log global
    option httplog
    option abortonclose
    option http-no-delay
    option forwardfor
    http-reuse always
    retries 0
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout client 60s
    timeout connect {connect}ms
    timeout queue {queue}ms
    timeout server {silence}ms
    timeout tunnel 1h

frontend front
    bind {host}:{port}
    http-request set-header X-Forwarded-Proto http{unless_proto}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]{unless_host}
{rules}
    default_backend origin

{resolvers}
backend origin
    server origin {server}
"""

_BASE = """\
    http-request deny deny_status 400 if { path,url_dec -m reg '(^|[/\\\\])[.][.]([;/\\\\]|$)' }
    http-request set-path /base%[path]"""

_RESOLVERS = """\
resolvers system
    parse-resolv-conf
"""


class HAProxy(Peer):
    """A queue in front of the server (`maxconn`, `timeout queue`) is its pool. It has no limit for bodies.

    `http-no-delay` is what its manual asks for where messages of a stream must not wait for each other, and
    `retries 0` that a single server is not waited for, a second a try.
    """

    command = "haproxy"
    install = "apt-get install haproxy"

    def version(self) -> str:
        found = re.search(r"version (\d[^\s-]*)", self._said("-v"))
        return found[1] if found else ""

    def configuration(self, wish: Wish, port: int, origin: Upstream, folder: pathlib.Path) -> str:
        rules, resolvers = "", ""
        server = f"{origin.host}:{origin.port} maxconn {wish.pool or 100}"
        if wish.base:
            rules = _BASE.replace("/base", wish.base)
        elif not wish.reachable:
            resolvers, server = _RESOLVERS, "upstream.invalid:80 resolvers system init-addr none"
        if origin.ca:
            server += f" ssl verify required ca-file {origin.ca} sni str(localhost) verifyhost localhost"
        return _CONFIGURATION.format(
            host=HOST,
            port=port,
            rules=rules,
            unless_proto=" unless { req.hdr(x-forwarded-proto) -m found }" if wish.trusting else "",
            unless_host=" unless { req.hdr(x-forwarded-host) -m found }" if wish.trusting else "",
            resolvers=resolvers,
            server=server,
            connect=round(1000 * wish.limit(5.0)),
            queue=round(1000 * wish.patience(5.0)),
            silence=round(1000 * wish.limit(60.0)),
            drain=round(1000 * wish.drain_s),
        )

    def argv(self, file: pathlib.Path) -> list[str]:
        return ["-db", "-f", str(file)]
