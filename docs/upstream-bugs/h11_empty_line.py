"""h11 refuses an empty line where a request line is due.

RFC 9112 §2.2: a server SHOULD ignore at least one empty line received prior to the request line. Old
clients end a body with one that its Content-Length does not count. h11 says "no request line received",
to which its servers answer 400.

Needs h11.
"""

import importlib.metadata
import sys

import h11

EXPECTED = "GET"


def main():
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"\r\nGET / HTTP/1.1\r\nHost: example\r\n\r\n")
    try:
        observed = server.next_event().method.decode()
    except h11.RemoteProtocolError as error:
        observed = f"RemoteProtocolError: {error}"
    print("h11", importlib.metadata.version("h11"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
