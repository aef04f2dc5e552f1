"""Several upstream requests at once, the first characters of each streamed as it finishes.

      client                    Fanout                                   upstream
        |-- GET /-/fanout?path… -->|  (1) query -> plan, or 400             |
        |<-- 200, x-ndjson --------|                                        |
        |                          |  (2) a turn for each path ------------>|  at most `max_connections`
        |                          |      ------------------------------->  |
        |<-- record, whichever is first --- (3) characters there: close <---|
        |<-- record ---------------|                                        |
        |        leaves? --------->|  (4) every request cancelled, closed   |

plan decides (1), text decides how much of a body is enough, records acts. A path passes two queues:

    a fan-out's paths --> `turns` of this fan-out --> `gate` of all fan-outs --> pool
                         each lets `max_connections` through at a time

Turns: of a long fan-out, no more paths stand at the gate than the pool could serve, so that a later fan-out
gets its share. Gate: the pool's own queue, served in order of arrival, never holds more than a poolful of
fan-out requests. So another exchange waits for those ahead of it and no others; and a path's wait for a
connection (TANDEM_POOL_TIMEOUT) begins with its turn, which its own fan-out cannot make it miss.
"""

import asyncio
import time

from shared.fanout.plan import plan
from shared.fanout.records import Records
from shared.headers import http_date
from shared.messages import Headers, ProxyRequest, ProxyResponse
from shared.settings import ForwardSettings
from shared.upstream import Upstream

__all__ = ["Fanout"]


class Fanout:
    """Answers fan-out requests over one upstream. To be shared by all of a process."""

    def __init__(self, upstream: Upstream, settings: ForwardSettings, *, max_connections: int) -> None:
        self._upstream = upstream
        self._settings = settings
        self._max_connections = max_connections
        self._gate = asyncio.Semaphore(max_connections)

    async def respond(self, request: ProxyRequest) -> ProxyResponse:
        """A response whose body does the work while it is read: nothing runs before, nothing after aclose().

        Raises BadRequest or HeaderTooLarge for a request that names no fan-out, LoopDetected for one that
        comes round.
        """
        planned = plan(request, self._settings)
        request.client.discard()  # content of a GET has no meaning here (RFC 9110 section 9.3.1)
        headers: Headers = [
            (b"Content-Type", b"application/x-ndjson"),
            (b"Cache-Control", b"no-store"),
            (b"Date", http_date(int(time.time()))),
        ]
        turns = asyncio.Semaphore(self._max_connections)
        body = Records(planned, self._upstream, turns=turns, gate=self._gate, exchange=request.record)
        return ProxyResponse.to(request, 200, headers, body)
