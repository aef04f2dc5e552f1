"""Exchanges that a load asks the fast origin to watch: what each has accepted, and when it is closed.

The stamps are of CLOCK_MONOTONIC, which the load engine shares: client gone -> origin sees the close is a
difference of two of them. Accepted is what has left this host's side of the connection, unread bytes in the
send queue of the socket not among it: what a proxy has taken, whether it holds it or has handed it on.
"""

from __future__ import annotations

import array
import fcntl
import json
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.harness.origin.fast import FastOrigin

__all__ = ["Watched"]


class Watched:
    """The watched exchanges of one origin, by name: whose connection is open, and when others were closed."""

    def __init__(self) -> None:
        self._open: dict[str, FastOrigin] = {}
        self._gone: dict[str, tuple[int, int]] = {}

    def begin(self, name: str, connection: FastOrigin) -> None:
        """Watch an exchange from here on; another of that name is forgotten."""
        self._open[name] = connection

    def gone(self, connection: FastOrigin) -> None:
        """Stamp what went on over that connection: the peer has closed it."""
        for name in [name for name, known in self._open.items() if known is connection]:
            del self._open[name]
            self._gone[name] = time.monotonic_ns(), _left(connection)

    def report(self) -> bytes:
        """Return what GET /watched answers: {"open": {name: bytes still to be accepted}, "gone": {name: [when
        in ns, bytes that never were]}}."""
        left = {name: _left(connection) for name, connection in self._open.items()}
        return json.dumps({"open": left, "gone": self._gone}).encode("ascii")

    def forget(self) -> int:
        """Forget everything, close what does not end by itself, and return how many of those there were."""
        left = {connection for connection in self._open.values() if connection.answering}
        self._open, self._gone = {}, {}
        for connection in left:
            if connection.transport is not None:
                connection.transport.abort()
        return len(left)


def _left(connection: FastOrigin) -> int:
    """Return how many bytes of its answer the peer's host has not taken yet."""
    transport = connection.transport
    if transport is None:
        return connection.unsent
    queued = array.array("i", [0])
    try:  # tty(4) and socket(7) have one number for it: on Linux SIOCOUTQ, what is not acknowledged
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
    except OSError:
        pass  # closed; and elsewhere the socket's own queue counts as accepted
    return connection.unsent + transport.get_write_buffer_size() + queued[0]
