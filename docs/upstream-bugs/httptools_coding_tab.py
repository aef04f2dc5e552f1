"""httptools refuses a tab behind a transfer coding.

RFC 9110 §5.5: white space around a field's value is no part of it, and §5.6.3: a tab is white space.
llhttp takes the tab for a part of the coding's name ("chunked" with a tab), which it then does not
know, and answers nothing but an error (nodejs/llhttp #876).

Needs httptools.
"""

import asyncio
import importlib.metadata
import sys

import httptools

EXPECTED = b"ok"


class Heard:
    def __init__(self):
        self.body = b""

    def on_body(self, body):
        self.body += body


async def main():
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(b"POST / HTTP/1.1\r\nHost: example\r\nTransfer-Encoding: chunked\t\r\n\r\n")
        parser.feed_data(b"2\r\nok\r\n0\r\n\r\n")
        observed = heard.body
    except httptools.HttpParserError as error:
        observed = f"{type(error).__name__}: {error}"
    print("httptools", importlib.metadata.version("httptools"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
