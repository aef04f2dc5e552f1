"""h11 takes a request with both Content-Length and Transfer-Encoding, and keeps the connection.

RFC 9112 §6.1: a server may process such a request by its Transfer-Encoding, but MUST close the
connection after it, and §6.3: what it passes on must not have the Content-Length. h11 reads the chunks,
leaves Content-Length among the request's headers and says "keep-alive"; uvicorn's h11 protocol and
hypercorn do as they are told. With a proxy in front that believes the length, the bytes in between are
a request of somebody else's (request smuggling).

Needs h11.
"""

import importlib.metadata
import sys

import h11

EXPECTED = "no Content-Length for the app, the connection to be closed"
REQUEST = (
    b"POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
)


def main():
    server = h11.Connection(h11.SERVER)
    server.receive_data(REQUEST)
    request = server.next_event()
    length = b"content-length" in dict(request.headers)
    server.next_event()  # EndOfMessage
    server.send(h11.Response(status_code=204, headers=[]))
    server.send(h11.EndOfMessage())
    kept = server.our_state is h11.DONE  # MUST_CLOSE otherwise
    observed = (
        f"{'a' if length else 'no'} Content-Length for the app, "
        f"the connection to be {'kept' if kept else 'closed'}"
    )
    print("h11", importlib.metadata.version("h11"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
