"""Uploads that a load asks the fast origin to compare: what came of each, and when the last byte was here.

The stamps are of CLOCK_MONOTONIC, which the load engine shares: whether a proxy answered before it had handed
everything on is a comparison of two of them. A proxy's own answer says nothing of what the origin got.
"""

from __future__ import annotations

import json
import time

from shared.harness.origin.payload import is_pattern

__all__ = ["Upload", "Uploads"]


class Upload:
    """One body on its way in: its bytes so far, and whether all of them are the pattern's."""

    def __init__(self) -> None:
        self.size = 0
        self.right = True

    def take(self, piece: bytes) -> None:
        """Compare and count what has come."""
        self.right = self.right and is_pattern(piece, self.size)
        self.size += len(piece)


class Uploads:
    """The compared uploads of one origin that are whole, by name."""

    def __init__(self) -> None:
        self._whole: dict[str, tuple[int, bool, int]] = {}

    def end(self, name: str, upload: Upload) -> None:
        """Stamp one: its last byte has come."""
        self._whole[name] = upload.size, upload.right, time.monotonic_ns()

    def report(self) -> bytes:
        """Return {"uploads": {name: [bytes, whether they are the pattern's, ns]}}."""
        return json.dumps({"uploads": self._whole}, separators=(",", ":")).encode()

    def forget(self) -> int:
        """Forget all; return how many there were."""
        count = len(self._whole)
        self._whole.clear()
        return count
