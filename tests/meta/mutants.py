"""Wrong proxies: the miniature with one line changed, one for each class of fault, each named by what catches
it.
"""

from tests.meta.mutants_of_messages import BODIES, FRAMING
from tests.meta.mutation import Mutant, mutant

__all__ = ["MUTANTS"]


_FIELDS = (
    mutant(
        "keeps-hop-by-hop-fields",
        'HOP = b"connection keep-alive proxy-authorization proxy-connection te trailer upgrade".split()',
        "HOP = []",
        "HDR-01",
        "HDR-01-unlisted",
        "HDR-07",
        "RSP-03",
        "RSP-03-unlisted",
        related="HDR-* RSP-*",
    ),
    mutant(
        "keeps-what-connection-lists",
        "gone = {*HOP, *FRAMING, *options(fields)}",
        "gone = {*HOP, *FRAMING}",
        "HDR-02",
        "HDR-04",
        "RSP-03",
        "RSP-03-lines",
        related="HDR-22",
    ),
    mutant(
        "drops-empty-fields",
        "return [field for field in fields if plain(field[0]) not in gone]",
        "return [field for field in fields if plain(field[0]) not in gone and field[1]]",
        "HDR-12",
        "RSP-09",
    ),
    mutant(
        "turns-fields-round",
        "kept = end_to_end(fields)",
        "kept = end_to_end(fields)[::-1]",
        "HDR-09",
        related="FWD-05 HDR-2?",
    ),
    mutant(
        "keeps-fields-in-a-mapping",  # so that Set-Cookie collapses
        "sent = end_to_end(came)",
        "sent = list({name.lower(): (name, value) for name, value in end_to_end(came)}.values())",
        "RSP-04",
        "RSP-05",
        "SHR-01",
        related="RSP-*",
    ),
    mutant(
        "invents-fields",
        'ADDED: Fields = [(b"X-Forwarded-Proto", b"http")]',
        'ADDED = [(b"X-Forwarded-Proto", b"http"), (b"User-Agent", b"miniature"), (b"Accept", b"*/*")]',
        "HDR-13",
    ),
    mutant(
        "adds-a-second-date",
        'if not values(sent, b"date"):',
        "if True:",
        "RSP-06",
        "RSP-06-once",
    ),
    mutant(
        "believes-underscores",
        'return name.lower().replace(b"_", b"-")',
        "return name.lower()",
        "FWD-03",
        "HDR-19",
    ),
    mutant(
        "passes-host-on",
        'sent: Fields = [(b"Host", UPSTREAM.encode())]',
        'sent = [(b"Host", values(fields, b"host")[0])]',
        "HDR-14",
        "TGT-09",
        related="FRM-13-old",
    ),
    mutant(
        "has-a-cookie-jar",
        "sent = end_to_end(came)",
        'sent = ADDED.extend((b"Cookie", one) for one in values(came, b"set-cookie")) or end_to_end(came)',
        "SHR-01",
    ),
    mutant(
        "upper-cases-methods",
        "method, target, version = line.groups()",
        "method, target, version = line[1].upper(), line[2], line[3]",
        "MET-02",
    ),
)

_TARGETS = (
    mutant(
        "decodes-targets",
        'return (SLASH + BASE).rstrip("/").encode() + target',
        'return (SLASH + BASE).rstrip("/").encode() + path + target[len(target.partition(b"?")[0]) :]',
        "TGT-01",
        related="TGT-*",
    ),
    mutant(
        "lets-dot-segments-through",
        "if BASE and CLIMBS.search(path):",
        "if False:",
        "TGT-03",
        "TGT-03-lenient",
    ),
)

_FAULTS = (
    mutant(
        "follows-redirects",
        'if answer[2] >= b"200":',
        'if answer[2] >= b"200" and not [None for to in dict(came).get(b"Location", b"").split() '
        'async for _ in pieces(upstream, framing_of(came, "close")) '
        'if await upstream.send(b"GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % to) is None]:',
        "RSP-13",
        related="RSP-13-*",
    ),
    mutant(
        "answers-500-for-faults",
        "raise Refused(502) from None",
        "raise Refused(500) from None",
        "ERR-05",
        "ERR-06",
        "ERR-15",
        related="ERR-* FRM-4? INF-* RSP-* SHR-* RQB-*",
    ),
    mutant(
        "tells-addresses",
        'fields = [(b"Content-Length", b"0"), (b"Date", date())]',
        'fields = [(b"Content-Length", b"0"), (b"Upstream", UPSTREAM.encode())]',
        "ERR-14",
        related="ERR-* FRM-* INF-* RSP-* RQB-* SHR-12",
    ),
    mutant(
        "relays-a-switch-of-protocols",
        'if answer is None or answer[2] == b"101":',
        "if answer is None:",
        "INF-04",
        "ERR-15",
    ),
    mutant(
        "takes-interim-for-final",
        'if answer[2] >= b"200":',
        "if True:",
        "INF-02",
        "INF-02-post",
        related="INF-* RQB-*",
    ),
    mutant(
        "waits-for-answers-for-ever",
        "async with asyncio.timeout(ANSWER_S):",
        "async with asyncio.timeout(None):",
        "ERR-04",
        "ERR-04-head",
        related="INF-03-* ERR-22",
    ),
    mutant(
        "waits-for-bodies-for-ever",
        "async with asyncio.timeout(READ_S):",
        "async with asyncio.timeout(None):",
        "ERR-10",
    ),
    mutant(
        "sends-again",
        "return await unless_gone(client, exchange(client, pool, line, fields, framing))",
        "first = asyncio.ensure_future(unless_gone(client, exchange(client, pool, line, fields, framing))); "
        "await asyncio.wait({first}); "
        "return await (unless_gone(client, exchange(client, pool, line, fields, framing)) "
        "if framing and getattr(first.exception(), 'status', 0) == 502 else first)",
        "ERR-16-taken",
        "ERR-18",
        related="ERR-18-* INF-04 RQB-*",
    ),
    mutant(
        "goes-round-in-circles",
        "if any(hop[1:2] == [NAME] for hop in hops):  # RFC 9110 section 7.6.3; RFC 9209 proxy_loop_detected",
        "if False:",
        "FWD-06",
    ),
)

_POOL = (
    mutant(
        "has-no-pool-limit",
        "self.free = asyncio.Semaphore(POOL)",
        "self.free = asyncio.Semaphore(1 << 30)",
        "ERR-13",
        "SHR-07",
        related="CAN-*",
    ),
    mutant(
        "loses-slots",  # those of broken exchanges, so that whoever comes later may be the one without
        "wire.transport.abort()",
        "return wire.transport.abort()",
        "SHR-08",
        related="CAN-* ERR-* INF-* RQB-* SHR-* STR-*",
    ),
    mutant(
        "leaves-connections-open",
        "wire.transport.abort()",
        "pass",
        "CAN-01",
        "CAN-01-body",
        "CAN-02",
        "CAN-03",
        "ERR-04",
        "ERR-10",
        related="CAN-* ERR-* FRM-* INF-* RSP-* SHR-* RQB-* TRL-*",
    ),
    mutant(
        "serves-those-who-left-the-queue",
        "await self.free.acquire()",
        "await asyncio.shield(asyncio.ensure_future(self.free.acquire()))",
        "CAN-07",
        related="SHR-09",
    ),
    mutant(
        "stands-in-close-wait",
        "self.connection_lost(None)",
        "return self.connection_lost(None) is None",
        "SHR-16",
    ),
    mutant(
        "ignores-disconnects",
        "await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)",
        "await asyncio.wait({working})",
        "CAN-01",
        "CAN-01-body",
        "CAN-03",
        "CAN-07",
        "CAN-08",
        related="CAN-*",
    ),
)

_STOPS = (
    mutant(
        "drops-what-is-in-flight",
        "while serving and not again.done():",
        "while False:",
        "OPS-01",
        "OPS-02",
        "OPS-08",
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_FIELDS, *_TARGETS, *BODIES, *FRAMING, *_FAULTS, *_POOL, *_STOPS)
