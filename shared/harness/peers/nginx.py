"""nginx as people put it in front of an application that streams."""

import pathlib
import re

from shared.harness.peers.program import HOST, Peer, Upstream, Wish

__all__ = ["Nginx"]

_CONFIGURATION = """\
daemon off;
worker_processes 1;
worker_shutdown_timeout {drain_s:g}s;
pid {folder}/nginx.pid;
error_log stderr notice;

events {{
    worker_connections 8192;
}}

http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server_tokens off;

    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ''      '';
    }}
    map $http_x_forwarded_host $trusted_host {{
        default $http_x_forwarded_host;
        ''      $http_host;
    }}
    map $http_x_forwarded_proto $trusted_proto {{
        default $http_x_forwarded_proto;
        ''      $scheme;
    }}
{upstream}
    server {{
        listen {host}:{port} reuseport;
        client_max_body_size {max_body};
        large_client_header_buffers 4 16k;
        keepalive_requests {many};

        location / {{
            proxy_pass {proxy_pass};
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_buffer_size 16k;
            proxy_buffers 8 16k;
            proxy_redirect off;
            proxy_connect_timeout {connect_s:g}s;
            proxy_send_timeout {silence_s:g}s;
            proxy_read_timeout {silence_s:g}s;

            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Host {told_host};
            proxy_set_header X-Forwarded-Proto {told_proto};
{more}
        }}
    }}
}}
"""

_UPSTREAM = """
    upstream origin {{
        server {host}:{port};
        keepalive {keep};
        keepalive_requests {many};
    }}
"""

# By itself nginx ends a connection after 1,000 requests; a second of load has more. None of the others does.
_MANY = 1_000_000_000

# Names that are looked up while nginx runs need a resolver, and `proxy_pass` a variable.
_NOWHERE = """\
            resolver {server} ipv6=off;
            resolver_timeout 3s;
            set $upstream upstream.invalid;"""

_TLS = """\
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_name localhost;
            proxy_ssl_server_name on;"""


class Nginx(Peer):
    """TLS to the upstream is verified, as `proxy_ssl_verify` has to be told."""

    command = "nginx"
    install = "apt-get install nginx"

    def version(self) -> str:
        found = re.search(r"nginx/(\S+)", self._said("-v"))
        return found[1] if found else ""

    def configuration(self, wish: Wish, port: int, origin: Upstream, folder: pathlib.Path) -> str:
        scheme = "https" if origin.ca else "http"
        proxy_pass, more = f"{scheme}://origin", ""
        if not wish.reachable:
            proxy_pass, more = "http://$upstream", _NOWHERE.format(server=_resolver())
        elif wish.base:
            proxy_pass += f"{wish.base}/"
        if origin.ca:
            more = _TLS.format(ca=origin.ca)
        return _CONFIGURATION.format(
            folder=folder,
            host=HOST,
            port=port,
            upstream=_UPSTREAM.format(host=origin.host, port=origin.port, keep=wish.keep or 32, many=_MANY),
            many=_MANY,
            proxy_pass=proxy_pass,
            told_host="$trusted_host" if wish.trusting else "$http_host",
            told_proto="$trusted_proto" if wish.trusting else "$scheme",
            more=more,
            max_body=wish.max_body or 0,
            connect_s=wish.limit(5.0),
            silence_s=wish.limit(60.0),
            drain_s=wish.drain_s,
        )

    def argv(self, file: pathlib.Path) -> list[str]:
        return ["-e", "stderr", "-p", str(file.parent), "-c", str(file)]


def _resolver() -> str:
    """The system's first resolver."""
    try:
        found = re.search(
            r"^nameserver\s+([0-9.]+)", pathlib.Path("/etc/resolv.conf").read_text(), re.MULTILINE
        )
    except OSError:
        found = None
    return found[1] if found else "127.0.0.53"
