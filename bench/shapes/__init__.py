"""The shapes that a load can have, each a record of its own: what is sent, how fast, for how long.

shape     what they all have      requests, streams, clients, pool     the loads themselves
"""

from __future__ import annotations

from bench.shapes.clients import LEAVING, Aborts, Slow
from bench.shapes.pool import Crowd, Fanout
from bench.shapes.requests import Closed, Download, Gate, Open, Upload
from bench.shapes.streams import Burst, Holding, Streams

__all__ = [
    "LEAVING",
    "Aborts",
    "Burst",
    "Closed",
    "Crowd",
    "Download",
    "Fanout",
    "Gate",
    "Holding",
    "Open",
    "Scenario",
    "Slow",
    "Streams",
    "Upload",
]

Scenario = (
    Gate | Closed | Open | Streams | Download | Upload | Holding | Burst | Aborts | Slow | Crowd | Fanout
)
