"""Subjects have readable ids, are found by folder, and start with the settings they stand for."""

from __future__ import annotations

import http.client
import json

import pytest

from shared.harness.process import ProcessFailed
from shared.harness.servers import start_server
from shared.harness.subject import Subject, apps, start, subjects


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (Subject("fastapi", "handler", "uvicorn-httptools"), "fastapi-handler-uvicorn-httptools"),
        (Subject("litestar", "mount", "hypercorn-h1"), "litestar-mount-hypercorn-h1"),
        (Subject("fastapi", "mount", "uvicorn-h11", loop="asyncio"), "fastapi-mount-uvicorn-h11-asyncio"),
        (Subject("fastapi", "mount", "uvicorn-h11", engine="httpx"), "fastapi-mount-uvicorn-h11-httpx"),
        (Subject("x", "mount", "p", loop="asyncio", engine="httpx"), "x-mount-p-asyncio-httpx"),
    ],
)
def test_an_id_names_what_differs_from_the_default(subject: Subject, expected: str) -> None:
    assert subject.id == expected


def test_apps_are_found_by_their_folders() -> None:
    assert apps() == ("fastapi", "litestar")


def test_subjects_are_every_app_on_every_route_and_profile() -> None:
    found = subjects()
    assert len(found) == len(set(found)) == 2 * 2 * 3
    assert len({subject.id for subject in found}) == len(found)


def test_each_part_can_be_narrowed() -> None:
    found = subjects(
        apps=["litestar"], routes=["mount"], profiles=["uvicorn-h11"], loop="asyncio", engine="httpx"
    )
    assert found == (Subject("litestar", "mount", "uvicorn-h11", "asyncio", "httpx"),)


@pytest.mark.parametrize("app", apps())
def test_a_subject_proxies_to_the_upstream_it_is_given(app: str) -> None:
    subject = Subject(app, "mount", "uvicorn-httptools")
    settings = {"TANDEM_HOST": "preserve"}
    with (
        start_server("tests.unit.harness.apps:says_scope", profile="uvicorn-httptools") as upstream,
        start(subject, upstream.url, settings=settings) as proxy,
    ):
        client = http.client.HTTPConnection(proxy.host, proxy.port, timeout=30)
        client.request("GET", "/dovecote", headers={"Host": "loft.example"})
        told = json.loads(client.getresponse().read())
        client.close()
    assert told["path"] == "/dovecote"
    assert ["host", "loft.example"] in told["headers"], "further settings are handed on"


def test_the_callers_own_settings_do_not_reach_a_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_HOST", "preserve")
    monkeypatch.setenv("TANDEM_MAX_KEEPALIVE", "nonsense, and read by nobody")
    with (
        start_server("tests.unit.harness.apps:says_scope", profile="uvicorn-httptools") as upstream,
        start(Subject("fastapi", "handler", "uvicorn-httptools"), upstream.url) as proxy,
    ):
        client = http.client.HTTPConnection(proxy.host, proxy.port, timeout=30)
        client.request("GET", "/", headers={"Host": "loft.example"})
        told = json.loads(client.getresponse().read())
        client.close()
    assert ["host", upstream.url.removeprefix("http://")] in told["headers"]


def test_a_wrong_setting_shows_the_apps_own_line() -> None:
    subject = Subject("fastapi", "handler", "uvicorn-httptools")
    with pytest.raises(ProcessFailed) as failed:
        start(subject, "http://127.0.0.1:9", settings={"TANDEM_MAX_BODY": "lots"})
    assert str(failed.value).startswith("fastapi-handler-uvicorn-httptools ended with status ")
    assert "TANDEM_MAX_BODY='lots'" in str(failed.value)
