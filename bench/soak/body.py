"""Bodies made from a number: no two are alike, and whoever has the number knows every byte."""

from __future__ import annotations

import asyncio
import random
import zlib

__all__ = ["LARGEST", "body", "checksum", "send", "size"]

LARGEST = 1 << 20
_BLOCK = 4096


def body(number: int, length: int) -> bytes:
    """Return the ``length`` bytes that belong to ``number``."""
    block = random.Random(number).randbytes(min(length, _BLOCK))
    return (block * (length // _BLOCK + 1))[:length]


def size(source: random.Random) -> int:
    """Draw a length from 0 to LARGEST - 1, small ones as likely as large ones by order of magnitude."""
    return int(2 ** source.uniform(0, LARGEST.bit_length() - 1)) - 1


def checksum(data: bytes) -> bytes:
    """Return what the origin answers to an upload."""
    return b"%d bytes, %08x" % (len(data), zlib.crc32(data))


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write as fast as the other side reads. Raises ConnectionError where it has closed."""
    if writer.is_closing():  # uvloop's transport would raise RuntimeError
        raise ConnectionResetError("the other side has closed")
    writer.write(data)
    await writer.drain()
