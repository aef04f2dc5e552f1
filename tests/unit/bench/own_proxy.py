"""Somebody's own app: a proxy of the standard library alone, which knows nothing of this project.

python own_proxy.py PORT, the upstream as host:port in the environment's ORIGIN.
"""

import http.client
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(BaseHTTPRequestHandler):
    """One thread and one upstream connection per client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Forward one request, hand on the answer piece by piece."""
        if self.path == "/up":
            self.send_response(204)
            self.end_headers()
            return
        upstream = http.client.HTTPConnection(os.environ["ORIGIN"])
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream.request(self.command, self.path, body or None)
        with upstream.getresponse() as response:
            length = response.getheader("Content-Length")
            self.send_response(response.status)
            self.send_header(*(("Content-Length", length) if length else ("Transfer-Encoding", "chunked")))
            self.end_headers()
            while piece := response.read1():
                self.wfile.write(piece if length else b"%x\r\n%b\r\n" % (len(piece), piece))
            if not length:
                self.wfile.write(b"0\r\n\r\n")

    do_POST = do_GET  # noqa: N815 - the base class looks for these names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A thread for each client; all that the benchmark opens at once may wait to be accepted."""

    # With socketserver's 5 the seventh of 32 clients waits for its next SYN, a second later, and so on: even
    # on an idle machine that took four of the five seconds that the load engine allows.
    request_queue_size = 128


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Proxy).serve_forever()
