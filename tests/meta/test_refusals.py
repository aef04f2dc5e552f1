"""What is wrong with the set-up of `--proxy` is told in one line, and nothing is asked of anybody."""

import pathlib
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from tests.contract import deviations, external, options
from tests.contract.manifest import Manifest, parse
from tests.meta.command import held_port
from tests.meta.mutation import running
from tests.meta.mutation import write as write_program

MANIFEST = 'host = "rewrite"\nforwarded_for = "none"\n'


def _config(**given: Any) -> pytest.Config:
    chosen = {
        "proxy": "http://127.0.0.1:1", "origin_host": None, "origin_port": 9, "manifest": None,
        "deviations": None, "reference": [], "numprocesses": None, **given,
    }  # fmt: skip
    return SimpleNamespace(  # type: ignore[return-value]
        getoption=lambda name, default=None: chosen.get(name, default),
        option=SimpleNamespace(collectonly=False),
    )


def _refused(**given: Any) -> str:
    with pytest.raises(pytest.UsageError) as refusal:
        options.entrants(_config(**given))
    line = str(refusal.value)
    assert "\n" not in line
    return line


@pytest.fixture
def manifest(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "mini.toml"
    path.write_text(MANIFEST)
    return path


def test_one_proxy_is_one_process(manifest: pathlib.Path) -> None:
    assert "-n 0" in _refused(manifest=manifest, numprocesses=2)


def test_what_belongs_together(manifest: pathlib.Path) -> None:
    assert "--origin-port N and --manifest FILE" in _refused()
    assert "belongs to --proxy" in _refused(proxy=None, manifest=manifest)
    assert "--origin-host belongs to --proxy" in _refused(proxy=None, origin_port=None, origin_host="::1")
    assert "one of them" in _refused(reference=["nginx"])


@pytest.mark.parametrize(
    "url",
    [
        *("https://x", "x:80", "http://", "http://x:99999"),
        *("http://x/path", "http://me@x", "http://x/#part", "http://x/?query"),
    ],
)
def test_url_of_something_else(manifest: pathlib.Path, url: str) -> None:
    assert _refused(proxy=url, manifest=manifest) == f"--proxy {url}: accepted: http://host:port"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('hosts = "rewrite"', "unknown field 'hosts'; accepted: host, forwarded_for"),
        ('host = "rewrite"', "'forwarded_for' is missing; accepted: \"replace\" | "),
        ('host = "keep"\nforwarded_for = "none"', 'host = \'keep\'; accepted: "rewrite" | "preserve"'),
        (
            'host = "rewrite"\nforwarded_for = "none"\npool = "ten"',
            "pool = 'ten'; accepted: a number above 0",
        ),
        ('host = "rewrite"\nforwarded_for = "none"\npool = 0', "pool = 0; accepted: a number above 0"),
        ('host = "rewrite"\nforwarded_for = "none"\nleave_s = -1', "leave_s = -1; accepted: seconds above 0"),
        (
            'host = "rewrite"\nforwarded_for = "none"\nleave_s = inf',
            "leave_s = inf; accepted: seconds above 0",
        ),
        ('host = "rewrite"\nforwarded_for = "none"\nmax_body = 0', "max_body = 0; accepted: bytes above 0"),
        (
            'host = "rewrite"\nforwarded_for = "none"\nvariants = ["plan"]',
            "variants = ['plan']: 'plan' is unknown; accepted: a list of \"plain\" | \"tight\"",
        ),
        (
            'host = "rewrite"\nforwarded_for = "none"\nvariants = []',
            "variants = []: no case would be asked; accepted: a list of",
        ),
        (
            'host = "rewrite"\nforwarded_for = "none"\nvia = "1.1 (gateway"',
            "via = '1.1 (gateway': missing ), unterminated subpattern at position 4; accepted: a regular",
        ),
        (
            'host = "rewrite"\nforwarded_for = "none"\nbase = "base/"',
            "base = 'base/'; accepted: a path without",
        ),
        ('host = "rewrite"\nforwarded_for = "none"\nmetrics = "m"', "metrics = 'm'; accepted: a path"),
        (
            'host = "rewrite"\nforwarded_for = "none"\npeer = "gateway"',
            "peer = 'gateway': 'gateway' does not appear to be an IPv4 or IPv6 address; accepted: an IP",
        ),
        (
            'host = "rewrite"\nforwarded_for = "none"\nerror_status = {dns_eror = [502]}',
            "error_status = {'dns_eror': [502]}: 'dns_eror' is unknown; accepted: a table of lists",
        ),
        (
            'host = "rewrite"\nforwarded_for = "none"\nerror_status = {dns_error = [200]}',
            "error_status = {'dns_error': [200]}; accepted: a table of lists",
        ),
        ("host: rewrite", "not TOML: "),
    ],
)
def test_manifest_that_cannot_be_read(manifest: pathlib.Path, text: str, why: str) -> None:
    manifest.write_text(text)
    assert f"{manifest}: {why}" in _refused(manifest=manifest)


def test_manifest_that_is_not_there(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "none.toml"
    assert _refused(manifest=path) == f"{path}: No such file or directory"


def test_deviations_that_cannot_be_read(manifest: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text('[[deviation]]\ncase = "HDR-01"\n')
    assert "missing required field `reason`" in _refused(manifest=manifest, deviations=path)


def test_deviations_of_somebody_else_name_no_subjects(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text('[[deviation]]\ncase = "HDR-14"\nreason = "an example"\nsubjects = "*-wire"\n')
    with pytest.raises(deviations.DeviationsError, match="unknown field `subjects`"):
        deviations.read(path)


def test_empty_file_has_no_deviations(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text("# nothing by now\n")
    assert deviations.read(path) == ()


def test_port_in_use(manifest: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = _refused(manifest=manifest, origin_port=port)
    assert said == f"no origin can listen on 127.0.0.1:{port}: the port is in use"


def test_origin_on_an_address_that_is_none(manifest: pathlib.Path) -> None:
    said = _refused(manifest=manifest, origin_host="upstream.invalid")
    assert said.startswith("no origin can listen on upstream.invalid:9: ")
    assert "Unknown error" not in said


def test_proxy_that_is_not_there(manifest: pathlib.Path) -> None:
    with held_port() as nobody, held_port() as port:
        said = _refused(manifest=manifest, origin_port=port, proxy=f"http://127.0.0.1:{nobody}")
    assert said == f"the proxy at 127.0.0.1:{nobody} cannot be reached: Connection refused"


def test_proxy_that_gives_no_answer(manifest: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "_ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, held_port() as port:
        there = silent.getsockname()[1]
        said = _refused(manifest=manifest, origin_port=port, proxy=f"http://127.0.0.1:{there}")
    assert said == f"the proxy at 127.0.0.1:{there} gives no answer within 0.1 s"


def test_proxy_that_asks_another_upstream(
    manifest: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external, "_PATIENCE_S", 0.1)
    write_program(None, tmp_path / "program")
    with (
        held_port() as nobody,
        held_port() as port,
        running(tmp_path / "program", "mini", f"http://127.0.0.1:{nobody}", "plain") as mini,
    ):
        said = _refused(manifest=manifest, origin_port=port, proxy=f"http://127.0.0.1:{mini.port}")
    assert f"answers 502 by itself and asks nothing of the origin on 127.0.0.1:{port}" in said


def test_every_field_can_be_written_down() -> None:
    """What a manifest is given as TOML is what the suite then holds."""
    declared = parse(
        {
            "host": "preserve",
            "forwarded_for": "append",
            "traits": ["streams"],
            "error_status": {"dns_error": [502]},
        },
        "here",
    )
    assert declared == Manifest(
        host="preserve",
        forwarded_for="append",
        traits=frozenset({"streams"}),
        error_status={"dns_error": [502]},
    )
