"""What the product is compared with: each does the job before it is timed; a missing one is an absence."""

from __future__ import annotations

import http.client
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from bench import begin, command, folders, start
from bench.cells import EXTRA, PACKAGES, choose
from bench.contrasts import contrasts
from bench.record import ClosedResult, Dropped, GateResult
from bench.start import lacks
from shared.harness.origin.payload import JSON_BODY
from shared.harness.process import ROOT, Process
from shared.harness.servers import start_server
from tests.unit.bench.test_run import run

PROXIES = [
    cell.id
    for cell in EXTRA
    if cell.app and cell.group != "product" and cell.takes_part("S5") and not cell.id.startswith("sketch-")
]


@pytest.mark.parametrize("name", PROXIES)
def test_a_baseline_passes_the_gate_and_every_byte_that_is_timed_is_right(tmp_path: Path, name: str) -> None:
    (cell,) = choose([name])
    if why := lacks(cell):
        pytest.skip(f"{name}: {why}")
    _, found = run(tmp_path, cell)
    (record,) = (record for record in found.cells if record.cell == name)
    gate, timed = record.results["S0"], record.results["S3"]
    assert record.failure == ""
    assert isinstance(gate, GateResult)
    assert gate.passed == ["json", "64 KiB body", "64 KiB upload", "events one by one"]
    assert isinstance(timed, ClosedResult)
    assert timed.completed > 0
    assert timed.integrity.failures == {}


def test_the_shells_own_settings_reach_no_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core under bare ASGI reads the same variables as the apps, which have them put back."""
    monkeypatch.setenv("TANDEM_HOST", "preserve")
    (bare,) = (cell for cell in choose(["bare"]) if cell.id == "bare")
    with (
        start_server("tests.unit.harness.apps:says_scope", profile="uvicorn-httptools") as upstream,
        start.start(bare, upstream.url, settings={}) as proxy,
    ):
        client = http.client.HTTPConnection(proxy.host, proxy.port, timeout=30)
        client.request("GET", "/", headers={"Host": "loft.example"})
        told = json.loads(client.getresponse().read())
        client.close()
    assert ["host", upstream.url.removeprefix("http://")] in told["headers"]


def test_each_baseline_is_one_file_that_is_a_cell_and_each_package_belongs_to_a_cell() -> None:
    by_id = {cell.id: cell for cell in EXTRA}
    for cell in EXTRA:
        if cell.group != "product" and cell.app:
            module = cell.app.partition(":")[0]
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()
    assert by_id.keys() >= PACKAGES
    constraints = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    for package in PACKAGES:
        assert any(line.startswith(f"{package}==") for line in constraints)


def _without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    def missing(name: str) -> str:
        if name == package:
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(start, "version", missing)


def test_a_package_that_is_not_installed_is_an_absence_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Dropped] = []

    def plan(*_: object, dropped: list[Dropped], **__: object) -> str:
        kept.extend(dropped)
        return "finished"

    _without(monkeypatch, "django")
    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    monkeypatch.setattr(begin, "run_plan", plan)
    monkeypatch.setattr(begin, "write_report", lambda folder, console: None)
    assert command.main(["run", "--subject", "django", "--subject", "static"]) == 0
    why = "it is not installed (pip install --constraint constraints.txt django)"
    assert [(one.cell, one.why) for one in kept] == [("django", why)]


def test_a_run_of_nothing_but_what_is_missing_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _without(monkeypatch, "django")
    assert command.main(["run", "--subject", "django"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench: django: it is not installed")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["middleware-fastapi", "middleware-litestar", "base-http-fastapi"])
def test_the_middleware_that_is_timed_does_what_people_add_it_for(name: str) -> None:
    (cell,) = choose([name])
    with Process.start([sys.executable, "-m", "shared.harness.origin.fast"], name="origin") as origin:
        url = origin.wait_for(lambda log: log.split()[-1] if "\n" in log else None, what="address")
        with start.start(cell, url, settings={"TANDEM_DRAIN_TIMEOUT": "1"}) as running:
            client = http.client.HTTPConnection(running.host, running.port, timeout=60)
            client.request("GET", "/json", headers={"Origin": "http://a.test", "X-Request-ID": "mine"})
            with client.getresponse() as answer:
                assert (answer.status, answer.read()) == (200, JSON_BODY)
                assert answer.getheader("X-Request-ID") == "mine"
                assert answer.getheader("Access-Control-Allow-Origin") == "*"
            client.request("GET", "/json")
            with client.getresponse() as answer:
                assert answer.read() == JSON_BODY
                assert len(answer.getheader("X-Request-ID", "")) == 32
            client.close()
            running.process.wait_for(
                lambda log: log.count("GET /json 200") >= 2 or None, what="a line for each request"
            )


def test_only_the_recipes_stand_against_what_people_write_in_their_place() -> None:
    cells = choose(["recipe-fastapi", "middleware-fastapi", "base-http-fastapi", "client-per-request"])
    habits = [one.pairs for one in contrasts(cells) if one.question == "habit"]
    assert habits == [(("recipe-fastapi", "client-per-request"),)]
