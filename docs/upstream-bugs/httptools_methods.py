"""httptools answers methods that llhttp has no number for as if they were no HTTP.

RFC 9110 §9.1: the method is a token, and the registry is open (§16.1); a server that does not know one
answers 501, and an intermediary passes it on. llhttp has a list in its source and stops at anything
else, so that neither can be done: uvicorn on httptools answers 400.

Needs httptools.
"""

import asyncio
import importlib.metadata
import sys

import httptools

EXPECTED = "FOO"


class Heard:
    def on_url(self, url):
        pass


async def main():
    parser = httptools.HttpRequestParser(Heard())
    try:
        parser.feed_data(b"FOO / HTTP/1.1\r\nHost: example\r\n\r\n")
        observed = parser.get_method().decode()
    except httptools.HttpParserError as error:
        observed = f"{type(error).__name__}: {error}"
    print("httptools", importlib.metadata.version("httptools"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
