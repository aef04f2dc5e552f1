"""The apps are twins: same files, same names in the same order, same sections; behaviour lives in shared."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from shared.harness.subject import apps

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ["1 translate", "2 handle", "3 answer failures", "4 wire up"]


def folder(app: str) -> Path:
    return ROOT / f"{app}_app"


def files(app: str) -> list[str]:
    return sorted(path.name for path in folder(app).iterdir() if path.name != "__pycache__")


def outline(app: str, file: str = "proxy.py") -> list[str]:
    """Section comments and the names that the file defines at its top level, methods and nested functions
    indented below them, in order."""
    text = (folder(app) / file).read_text("utf-8")
    found = [
        (number, f"# {line[2:]}")
        for number, line in enumerate(text.splitlines(), 1)
        if re.match(r"# [0-9] ", line)
    ]
    for node in ast.parse(text).body:
        found += [(node.lineno, name) for name in defined(node)]
    return [name for _, name in sorted(found, key=lambda entry: entry[0])]


def defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def sections(app: str) -> list[str]:
    return [name[2:] for name in outline(app) if name.startswith("# ")]


PAIRS = list(itertools.pairwise(apps()))


def test_there_are_twins_to_compare() -> None:
    assert {"fastapi", "litestar"} <= set(apps())


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_they_have_the_same_files(pair: tuple[str, str]) -> None:
    assert files(pair[0]) == files(pair[1])


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_they_have_the_same_names_in_the_same_order(pair: tuple[str, str]) -> None:
    for file in files(pair[0]):
        assert outline(pair[0], file) == outline(pair[1], file)


@pytest.mark.parametrize("app", apps())
def test_the_proxy_has_its_four_sections_and_stays_an_adapter(app: str) -> None:
    assert sections(app) == SECTIONS
    assert len((folder(app) / "proxy.py").read_text("utf-8").splitlines()) <= 160


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_what_servers_import_differs_in_the_name_alone(pair: tuple[str, str]) -> None:
    one, other = ((folder(app) / "app.py").read_text("utf-8").replace(app, "APP") for app in pair)
    assert one == other


@pytest.mark.parametrize("app", apps())
def test_each_names_its_twin(app: str) -> None:
    docstring = ast.get_docstring(ast.parse((folder(app) / "proxy.py").read_text("utf-8"))) or ""
    assert any(f"{twin}_app/proxy.py" in docstring for twin in apps() if twin != app)


@pytest.mark.parametrize("app", apps())
def test_an_app_reads_neither_headers_nor_bodies_itself(app: str) -> None:
    """Whoever calls receive() beside shared.upload steals its messages."""
    text = (folder(app) / "proxy.py").read_text("utf-8")
    for reader in (".stream()", ".body()", ".json()", ".form()", "await receive(", ".headers"):
        used = [line for line in text.splitlines() if reader in line and "content.headers" not in line]
        assert not used, f"{app}_app/proxy.py uses {reader}"
