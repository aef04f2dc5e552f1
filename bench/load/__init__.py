"""The load engine: raw protocols, precomputed bytes, no HTTP library; every response is checked.

    timer       wakes to the microsecond      response    reads and checks HTTP/1.1 responses
    expect      what is sent, and what has to come back
    gate        S0, before anything is timed  closed      capacity: next request when the answer is in
    open        latency: a fixed schedule     streams     SSE: events against their origin's stamps
    churn       the same, a connection for each request
    body        large downloads               upload      large uploads, by what the origin got
    holding     memory of streams held open
    at_will     a client that reads when it is told to
    abort       clients that leave                slow        streams beside slow readers
    burst       tiny events, as fast as they come
    crowd       more streams than places      fanout      several answers for one request
    idle        fills a subject's pool        control     what is asked of the origin itself

Every function here takes the address of whatever answers: a subject, or the origin itself for the direct leg.
"""

from __future__ import annotations

from bench.load.abort import run_aborts
from bench.load.body import run_download
from bench.load.burst import run_burst
from bench.load.churn import run_churn
from bench.load.closed import run_closed
from bench.load.control import streams_closed
from bench.load.crowd import run_crowd
from bench.load.expect import Address, Expected, request_bytes
from bench.load.fanout import run_fanout
from bench.load.gate import first_answer, run_gate
from bench.load.holding import run_holding
from bench.load.idle import fill_pool, quiet
from bench.load.open import run_open, schedule_ns
from bench.load.response import Mismatch
from bench.load.slow import run_slow
from bench.load.streams import run_streams
from bench.load.upload import run_upload

__all__ = [
    "Address",
    "Expected",
    "Mismatch",
    "fill_pool",
    "first_answer",
    "quiet",
    "request_bytes",
    "run_aborts",
    "run_burst",
    "run_churn",
    "run_closed",
    "run_crowd",
    "run_download",
    "run_fanout",
    "run_gate",
    "run_holding",
    "run_open",
    "run_slow",
    "run_streams",
    "run_upload",
    "schedule_ns",
    "streams_closed",
]
