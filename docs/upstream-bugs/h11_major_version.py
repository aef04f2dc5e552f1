"""h11 takes a response of any major version for HTTP/1.1.

RFC 9110 §2.5: another major version is another syntax, whose messages cannot be read by this one's
rules; RFC 9112 §2.3: the version is HTTP/1 and a digit. h11 takes any two digits and reads on, so that
`HTTP/9.9 200 OK` is a good response. (Of a request of another major version it says as much in
`http_version`, and leaves it to the server to answer 505.)

Needs h11.
"""

import importlib.metadata
import sys

import h11

EXPECTED = "RemoteProtocolError"


def main():
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "example")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n")
    try:
        observed = f"{client.next_event().status_code}"
    except h11.RemoteProtocolError as error:
        observed = type(error).__name__
    print("h11", importlib.metadata.version("h11"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
