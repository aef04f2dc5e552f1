"""httptools hands the white space behind a field's value over as a part of it.

RFC 9112 §5.1: white space before and after a value, spaces and tabs alike, is no part of it. llhttp takes it
away before the value and leaves it behind: a span it reports cannot be taken back, so whoever takes the spans
has to. httptools does not. Whoever writes such a value on (h11 refuses to) sends what nobody sent, and who
compares it finds another.

Needs httptools.
"""

import asyncio
import importlib.metadata
import sys

import httptools

EXPECTED = [b"one", b"one", b"one"]


class Heard:
    def __init__(self):
        self.values = []

    def on_header(self, name, value):
        self.values.append(value)


async def main():
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    parser.feed_data(b"GET / HTTP/1.1\r\nA:\tone\r\nB: one \r\nC: one\t\r\n\r\n")
    observed = heard.values
    print("httptools", importlib.metadata.version("httptools"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
