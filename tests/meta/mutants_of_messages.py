"""Wrong proxies, second part: those that get bodies or the ends of messages wrong."""

from tests.meta.mutation import mutant

__all__ = ["BODIES", "FRAMING"]

BODIES = (
    mutant(
        "buffers-responses",
        'piece = await anext(body, b"")',
        'piece = await anext(body, b"") if chunked else b"".join([each async for each in body])',
        "STR-03",
        "ERR-08",
        related="STR-* ERR-* CAN-* FRM-17-into OPS-*",
    ),
    mutant(
        "buffers-uploads",
        "async for piece in pieces(client, framing):",
        "for piece in [each async for each in pieces(client, framing)]:",
        "RQB-06",
        "RQB-08",
        "RQB-09",
        "CAN-04",
        related="RQB-* INF-02-post TRL-06-apart FRM-06-later OPS-01",
    ),
    mutant(
        "knows-no-back-pressure",
        "await self.room.wait()",
        "await asyncio.sleep(0)",
        "RQB-07",
        "STR-05",
    ),
    mutant(
        "decompresses",  # and keeps the Content-Encoding and the Content-Length
        'piece = await anext(body, b"")',
        'piece = await anext(body, b""); '
        "import gzip; "
        'piece = gzip.decompress(piece) if piece.startswith(b"\\x1f\\x8b") else piece',
        "RSP-18",
        "RSP-18-free",
    ),
    mutant(
        "re-frames-uploads",
        'in_chunks, old = framing == "chunked", version == b"HTTP/1.0"',
        'in_chunks, old = bool(framing), version == b"HTTP/1.0"',
        "RQB-01",
        related="RQB-* OPS-01",
    ),
    mutant(
        "frames-what-has-no-body",
        'in_chunks, old = framing == "chunked", version == b"HTTP/1.0"',
        'in_chunks, old = framing in ("chunked", None), version == b"HTTP/1.0"',
        "RQB-03",
        "HDR-13",
        related="RSP-* HDR-* STR-* SHR-15",
    ),
    mutant(
        "frames-empty-responses",
        'if isinstance(length, int) and answer[2] != b"204":',
        "if isinstance(length, int):",
        "RSP-16",
        related="FRM-19-bodiless FRM-49 RSP-*",
    ),
    mutant(
        "takes-head-for-get",
        'bodiless = method == b"HEAD" or answer[2] in (b"204", b"304")',
        'bodiless = answer[2] in (b"204", b"304")',
        "RSP-17",
        "RSP-26",
        related="FRM-19-head FRM-26 INF-02-bodiless",
    ),
    mutant(
        "chunks-to-old-clients",
        "chunked = not isinstance(length, int) and not bodiless and not old",
        "chunked = not isinstance(length, int) and not bodiless",
        "RSP-22",
        related="STR-15 TRL-05",
    ),
    mutant(
        "ends-cut-responses-cleanly",
        'raise Cut("the response is not whole") from None',
        'raise Cut(await client.send(b"0\\r\\n\\r\\n") if chunked else "") from None',
        "ERR-09",
        "ERR-09-size",
        "ERR-10",
        related="ERR-* FRM-46* STR-14 OPS-02 OPS-08 CAN-* SHR-*",
    ),
    mutant(
        "closes-on-unread-bytes",
        "await asyncio.wait({sending}, timeout=REST_S)",
        "pass",
        "RQB-20",
        "RQB-27",
    ),
    mutant(
        "ends-cut-uploads-cleanly",
        "upstream.transport.abort()  # what has come must not be taken for the whole",
        'await upstream.send(b"0\\r\\n\\r\\n")',
        "RQB-09",
        "CAN-04",
        related="FRM-21",
    ),
)

FRAMING = (
    mutant(
        "takes-any-host",
        "if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):",
        "if len(hosts) != 1:",
        "FRM-13-value",
        "FRM-13-bytes",
    ),
    mutant(
        "takes-space-before-colons",
        'FIELD = re.compile(TOKEN + rb":[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*")',
        'FIELD = re.compile(TOKEN + rb" *:[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*")',
        "FRM-30",
        related="FRM-44",
    ),
    mutant(
        "loses-what-was-pipelined",
        "await client.send(response_head_for(answer, came, length, chunked, keep))",
        "client.buffer.clear(); await client.send(response_head_for(answer, came, length, chunked, keep))",
        "FRM-16",
        related="FRM-16-* RQB-*",
    ),
    mutant(
        "takes-both-framings",
        'if [coding.lower() for coding in codings] != [b"chunked"] or lengths:',
        'if [coding.lower() for coding in codings] != [b"chunked"]:',
        "FRM-01",
    ),
    mutant(
        "takes-any-coding",
        'if [coding.lower() for coding in codings] != [b"chunked"] or lengths:',
        'if b"chunked" not in codings[-1].lower() or lengths:',
        "FRM-05",
        "ERR-07",
        related="FRM-05-*",
    ),
    mutant(
        "takes-the-first-length",
        'if len(set(lengths)) > 1 or not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):',
        'if not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):',
        "FRM-02",
        "ERR-07",
    ),
    mutant(
        "takes-any-number",
        'match = re.fullmatch(rb"([0-9A-Fa-f]{1,16})([ \\t]*;.*)?", await wire.line())',
        'match = re.fullmatch(rb"([^;]*)(;.*)?", await wire.line())',
        "FRM-06",
        "ERR-09-size",
        related="FRM-06-* FRM-23*",
    ),
    mutant(
        "leaves-trailers-unread",
        "while await wire.line():",
        "if await wire.line():",
        "TRL-06",
        "TRL-06-apart",
        related="TRL-* FRM-25",
    ),
    mutant(
        "takes-poisoned-connections",
        "if not wire.ended.is_set() and not wire.buffer:",
        "if not wire.ended.is_set():",
        "FRM-19",
        "FRM-19-chunked",
        "FRM-19-head",
        "FRM-19-bodiless",
        "FRM-19-empty",
        "FRM-20",
        related="SHR-14 RQB-21",
    ),
    mutant(
        "keeps-what-was-to-be-closed",
        'last = b"close" in options(came) or answer[1] == b"HTTP/1.0"',
        'last = answer[1] == b"HTTP/1.0"',
        "SHR-06",
    ),
)
