"""What makes a result stale: another case, another manifest; and what does not."""

import dataclasses
import pathlib

import msgspec

from tests.contract.case import load
from tests.contract.fingerprint import fingerprint
from tests.contract.own import manifest_of

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
