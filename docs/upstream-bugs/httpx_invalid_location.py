"""httpx raises for a Location that it was told not to follow.

With follow_redirects=False, the default, a redirect is a response like any other, and what its Location
means (RFC 9110 §10.2.2) is a matter for whoever follows it. httpx builds the next request all the same;
a Location that it cannot parse makes a RemoteProtocolError of a whole response, status and body
included. A proxy on top of it answers 502 where it should hand the redirect on.

Needs httpx.
"""

import asyncio
import importlib.metadata
import sys

import httpx

EXPECTED = "302"


async def main():
    transport = httpx.MockTransport(
        lambda _: httpx.Response(302, headers={"Location": "http://example.test:port/"})
    )
    async with httpx.AsyncClient(transport=transport, follow_redirects=False) as client:
        try:
            observed = str((await client.get("http://example.test/")).status_code)
        except httpx.RemoteProtocolError as error:
            observed = f"RemoteProtocolError: {error}"
    print("httpx", importlib.metadata.version("httpx"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
