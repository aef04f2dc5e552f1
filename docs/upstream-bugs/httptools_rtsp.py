"""httptools takes GET and POST of RTSP/1.0 for requests of HTTP/1.0.

RFC 9112 §2.3: the name of the protocol is HTTP, and case-sensitive. llhttp, underneath, reads RTSP with
the methods that AirPlay sends over it, and httptools has no callback or attribute that tells the two
apart: an ASGI server hands the request to its application as one of HTTP/1.0.

Needs httptools.
"""

import importlib.metadata
import sys

import httptools

EXPECTED = "HttpParserError"


class Events:
    complete = False

    def on_message_complete(self):
        self.complete = True


def main():
    events = Events()
    parser = httptools.HttpRequestParser(events)
    try:
        parser.feed_data(b"GET / RTSP/1.0\r\nHost: example\r\n\r\n")
        observed = f"a request of HTTP/{parser.get_http_version()}" if events.complete else "nothing"
    except httptools.HttpParserError:
        observed = EXPECTED
    print("httptools", importlib.metadata.version("httptools"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
