"""What makes a result stale: another case, another manifest, another set-up; and what does not."""

import dataclasses
import pathlib

import msgspec
import pytest

from shared.harness.peers import nginx
from tests.contract.case import load
from tests.contract.fingerprint import fingerprint
from tests.contract.own import manifest_of
from tests.contract.reference import REFERENCES, Reference
from tests.contract.reference.source import configuration, module

CASES = '''\
import re

@case("HDR-01", requirement="RFC 9110")
async def one(talk):
    """One."""
    assert helper(talk)  # why

def helper(talk):
    return True

@case("HDR-02", requirement="RFC 9110")
async def two(talk):
    """Two."""
'''


def _prints(folder: pathlib.Path, text: str) -> list[str]:
    file = folder / f"test_{len(list(folder.iterdir()))}.py"
    file.write_text(text)
    some = load()["HDR-01"]
    cases = [dataclasses.replace(some, id=name, file=str(file)) for name in ("HDR-01", "HDR-02")]
    return [fingerprint(each, None).partition("-")[0] for each in cases]


def test_edit_of_a_case_is_no_other_case_s(tmp_path: pathlib.Path) -> None:
    one, two = _prints(tmp_path, CASES)
    assert one != two
    edited = _prints(tmp_path, CASES.replace("assert helper(talk)", "assert not helper(talk)"))
    assert edited[0] != one
    assert edited[1] == two
    moved = _prints(tmp_path, "# a comment between cases, and lines\n\n" + CASES)
    assert moved == [one, two]


def test_edit_of_a_helper_is_every_case_s_of_its_file(tmp_path: pathlib.Path) -> None:
    before = _prints(tmp_path, CASES)
    after = _prints(tmp_path, CASES.replace("return True", "return False"))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_manifest_counts_and_what_was_tested_does_not() -> None:
    case, declared = load()["HDR-01"], manifest_of("plain", "wire")
    same = msgspec.structs.replace(declared, version="2.0")
    other = msgspec.structs.replace(declared, trailers="relay")
    assert fingerprint(case, declared) == fingerprint(case, same) != fingerprint(case, other)


def test_every_case_has_its_own() -> None:
    cases = load().values()
    assert len({fingerprint(case, None) for case in cases}) == len(cases)


MODULE = '''\
"""A baseline."""

from app.beside import helper

STRING = "# no comment"


def proxy(request):
    """Forward it."""
    return helper(request)  # whole
'''
BESIDE = "from elsewhere import nothing\n\n\ndef helper(request):\n    return request\n"


def _module(folder: pathlib.Path, text: str, beside: str = BESIDE) -> str:
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app" / "proxy.py").write_text(text)
    (folder / "app" / "beside.py").write_text(beside)
    return module("app.proxy", folder)


def test_code_of_a_module_and_of_its_neighbours_counts_and_words_about_it_do_not(
    tmp_path: pathlib.Path,
) -> None:
    first = _module(tmp_path, MODULE)
    told = (
        MODULE.replace("A baseline.", "Something\nelse.").replace("  # whole", "").replace("Forward", "Send")
    )
    assert _module(tmp_path, told.replace("\n\n\n", "\n\n# why\n")) == first
    assert _module(tmp_path, MODULE.replace("helper(request)", "helper(None)")) != first
    assert _module(tmp_path, MODULE.replace("# no comment", "# another")) != first
    assert _module(tmp_path, MODULE, BESIDE.replace("return request", "return None")) != first


def test_configuration_counts_without_what_it_says_to_people() -> None:
    assert configuration("# why\nhttp {\n\n    listen   80;\n}\n") == "http {\nlisten 80;\n}"


def test_set_up_is_the_third_part_where_the_suite_does_it() -> None:
    case, declared = load()["HDR-01"], manifest_of("plain", "wire")
    two, three = fingerprint(case, declared), fingerprint(case, declared, "listen 80;")
    assert three.rpartition("-")[0] == two
    assert fingerprint(case, declared, "listen 81;") not in (two, three)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda each: each.id)
def test_set_up_of_a_reference_is_the_same_on_every_machine(
    reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {variant: reference.setup(variant) for variant in reference.variants}
    monkeypatch.setattr(nginx, "_resolver", lambda: "192.0.2.53")
    monkeypatch.setattr("sys.executable", "/elsewhere/python")
    assert {variant: reference.setup(variant) for variant in reference.variants} == here
    assert str(pathlib.Path.cwd()) not in "".join(here.values())


def test_edit_of_a_configuration_makes_its_results_stale_and_no_other_variant_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference, cases = next(each for each in REFERENCES if each.id == "nginx"), load()
    before = {name: reference.fingerprint(cases[name]) for name in ("HDR-01", "TLS-01")}
    monkeypatch.setattr(nginx, "_TLS", nginx._TLS.replace("ssl_verify on", "ssl_verify off"))
    after = {name: reference.fingerprint(cases[name]) for name in ("HDR-01", "TLS-01")}
    assert after["HDR-01"] == before["HDR-01"]
    assert after["TLS-01"] != before["TLS-01"]
    assert after["TLS-01"].rpartition("-")[0] == before["TLS-01"].rpartition("-")[0]
