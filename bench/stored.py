"""Records as they lie in a folder: `records.jsonl` of a run, or packed, as the committed sample's are."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

__all__ = ["PACKED", "RECORDS", "pack", "records_in", "unpacked"]

RECORDS = "records.jsonl"
PACKED = "records.jsonl.gz"


def records_in(folder: Path) -> Path | None:
    """Return the records of a run's folder; None where it holds none."""
    return next((path for name in (RECORDS, PACKED) if (path := folder / name).is_file()), None)


def unpacked(path: Path) -> bytes:
    """Return the lines of a file of records, packed or not. Raises ValueError for one that is damaged."""
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path.parent.name}/{path.name}: {error}") from None


def pack(lines: bytes) -> bytes:
    """Return the lines packed: the same bytes whenever it is done."""
    return gzip.compress(lines, compresslevel=9, mtime=0)
