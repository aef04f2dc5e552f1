"""A soak finds what leaks, on real servers, and passes what does not; what decides is tabled below."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.record import CellSpec
from bench.soak.body import LARGEST, body, size
from bench.soak.judge import growth
from bench.soak.kinds import KINDS, Answer, Outcome, outcome
from bench.soak.report import faults, undecided
from bench.soak.run import PLACES, Plan, Soaked, soak
from bench.soak.watch import Sample, grown
from shared.harness.process import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads another process's memory and descriptors")
_SAMPLES, _EXCHANGES = 60, 300  # what a verdict takes, however slow the machine


def soaked(app: str, *, sound: bool = False, quiet_s: float = 10.0) -> Soaked:
    """One subject's soak, until it has shown a fault, or enough to judge it by. sound: what fills its heap at
    the beginning may look like growth; wait until it no longer does.
    """
    cell = CellSpec(id=app, label=app, group="baseline", app=app, profile="uvicorn-httptools", engine="wire")
    stop = asyncio.Event()

    def tell(_: float, subjects: Sequence[Soaked]) -> None:
        (one,) = subjects
        judged = len(one.samples) >= _SAMPLES and one.tally.exchanges >= _EXCHANGES
        if (judged and not faults(one) and not undecided(one)) if sound else (judged or faults(one)):
            stop.set()

    (one,) = asyncio.run(soak(Plan([cell], seconds=90.0, rate=1e6, seed=3, quiet_s=quiet_s), stop, tell))
    return one


@linux
def test_a_proxy_without_a_fault_passes() -> None:
    one = soaked("bench.baselines.bare:app", sound=True)
    assert faults(one) == []
    assert undecided(one) == []
    assert one.tally.outcomes["right"] > one.tally.outcomes["refused"] > 0
    assert one.tally.outcomes["incomplete"] > 0
    assert one.tally.outcomes["left"] > 0
    assert one.ending is not None
    assert one.ending.places == PLACES


@linux
@pytest.mark.parametrize(
    ("leak", "words"),
    [
        ("descriptors", "descriptors grow: "),
        ("memory", "memory grows: "),
        ("garbled", ": WRONG: status 200"),
    ],
)
def test_a_proxy_that_leaks_or_garbles_is_found(leak: str, words: str) -> None:
    found = faults(soaked(f"tests.unit.bench.leaky:{leak}", quiet_s=1.0))
    assert any(words in fault for fault in found), found


@linux
def test_a_proxy_that_does_not_hear_its_clients_leave_loses_its_pool() -> None:
    one = soaked("tests.unit.bench.leaky:deaf", quiet_s=1.0)
    found = " ".join(faults(one))
    assert "still at the origin" in found or "refused: status 503" in found


@linux
def test_ctrl_c_tells_what_is_known_and_leaves_the_samples(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, bench.soak.__main__ as m; m.RESULTS = pathlib.Path(sys.argv[1]); "
        "sys.exit(m.main(['--app', 'bench.baselines.bare:app', '--seconds', '2000', '--seed', '1']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "exchanges," in line:
                break
        os.kill(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, printed
    assert f"{PLACES} of {PLACES} places" in printed
    (samples,) = tmp_path.glob("soak-*/samples.jsonl")
    assert samples.read_text().count('"type":"sample"') > 0


def ramp(rise: float, noise: float, seed: int, count: int = 400) -> tuple[list[float], list[float]]:
    """Samples of something that rises so much over the judged three quarters, with noise."""
    source = np.random.default_rng(seed)
    times = np.linspace(0, 100, count)
    values = 50 + rise * times / 75 + source.normal(0, noise, count)
    return times.tolist(), values.tolist()


@pytest.mark.parametrize(
    ("rise", "noise", "expected"),
    [(0, 1, "flat"), (30, 1, "grows"), (0, 60, "cannot tell"), (5, 0.1, "flat"), (-40, 1, "flat")],
)
def test_a_rise_is_told_from_noise(rise: float, noise: float, expected: str) -> None:
    found = growth(*ramp(rise, noise, seed=1), allowed=6.0)
    assert found is not None
    assert found.verdict == expected


def test_the_interval_holds_the_true_rise_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(400):
        found = growth(*ramp(8.0, 5.0, seed), allowed=6.0)
        assert found is not None
        held += found.low <= 8.0 <= found.high
    assert 0.91 < held / 400 < 0.99  # 95 %, give or take four standard deviations


def test_what_a_run_gains_in_its_first_quarter_is_no_growth() -> None:
    times = [float(t) for t in range(200)]
    found = growth(times, [min(t, 50.0) for t in times], allowed=1.0)
    assert found is not None
    assert found.verdict == "flat"


def test_what_has_to_settle_is_waited_for() -> None:
    times = [float(t) for t in range(200)]
    rising = [min(t, 120.0) for t in times]
    found = growth(times, rising, allowed=1.0)
    assert found is not None
    assert found.verdict == "grows"
    settled = growth(times, rising, allowed=1.0, settle_s=120.0)
    assert settled is not None
    assert settled.verdict == "flat"
    assert growth(times, rising, allowed=1.0, settle_s=190.0) is None


def test_descriptors_that_come_and_go_may_vary_by_their_root_and_no_more() -> None:
    source = np.random.default_rng(4)
    counts = 500 + source.normal(0, 20, 400)

    def judged(rise: float) -> str:
        samples = [
            Sample(
                "",
                at_s=float(n),
                exchanges=n,
                descriptors=int(count + rise * n / 400),
                private_kib=1,
                upstream=0,
            )
            for n, count in enumerate(counts)
        ]
        descriptors, _ = grown(samples, "uvicorn-httptools")
        assert descriptors is not None
        return descriptors.verdict

    assert judged(0) == "flat"
    assert judged(200) == "grows"


def test_too_few_samples_give_no_verdict() -> None:
    assert growth([], [], allowed=1.0) is None
    assert growth([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], allowed=1.0) is None


WANTED = b"0123456789"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, WANTED, whole=True), "right"),
        (Answer(200, WANTED[:4]), "incomplete"),
        (Answer(200, b""), "incomplete"),
        (Answer(None, b""), "incomplete"),
        (Answer(502, b"{}", whole=True), "refused"),
        (Answer(502, b"{"), "WRONG"),
        (Answer(200, WANTED[:4], whole=True), "WRONG"),
        (Answer(200, WANTED + b"x", whole=True), "WRONG"),
        (Answer(200, WANTED + b"x"), "WRONG"),
        (Answer(200, b"0x"), "WRONG"),
        (Answer(500, b"{}", whole=True), "WRONG"),
        (Answer(404, WANTED, whole=True), "WRONG"),
    ],
)
def test_what_came_of_an_exchange(answer: Answer, expected: Outcome) -> None:
    assert outcome(answer, WANTED) == expected


def test_nobody_is_asked_for_what_is_never_right() -> None:
    for kind in KINDS:
        assert kind.may
        assert "WRONG" not in kind.may
        assert ("left" in kind.may) == bool(kind.leaves)


def test_bodies_are_their_numbers_alone_and_no_two_are_alike() -> None:
    bodies = {body(number, 100) for number in range(500)}
    assert len(bodies) == 500
    assert body(7, LARGEST) == body(7, LARGEST)
    assert body(7, LARGEST).startswith(body(7, 5000))
    sizes = [size(random.Random(seed)) for seed in range(2000)]
    assert min(sizes) == 0
    assert LARGEST // 2 < max(sizes) < LARGEST
