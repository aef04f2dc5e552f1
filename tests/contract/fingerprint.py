"""What a result was measured with, in a few characters: the case's code, what the proxy declared, and how it
was set up, where the suite does that (reference/).

    3f2a91c07e5d-0b7712de9a41-95ad0c64e1f7

A result whose fingerprint is not today's was measured with another case, and says nothing about this one.
The code is the conversation, its declaration, and what else stands in its file and is no case: an edit of
one case leaves its neighbours' results standing. The words that families share (talk, expect, moves, leak)
do not count, since all results would go with each edit of theirs. Who changes what one of them accepts has
everything measured, which is what `make contract-reference` does unless it is told `--missing`.
"""

import ast
import functools
import hashlib
import pathlib

import msgspec

from tests.contract.case import Case
from tests.contract.manifest import Manifest

__all__ = ["fingerprint"]

_CHARACTERS = 12
_FIELDS = msgspec.structs.fields(Manifest)


def fingerprint(case: Case, manifest: Manifest | None, setup: str = "") -> str:
    """manifest: what the proxy declares under the case's settings, None where it cannot be configured so.
    setup: what is started then, as text; without one there is no third part.
    """
    parts = [_code(case.file)[case.id], _declared(manifest)] + ([setup] if setup else [])
    return "-".join(map(_of, parts))


@functools.cache
def _code(file: str) -> dict[str, str]:
    """The code of each case in a file, with what it can use there."""
    text = pathlib.Path(file).read_text("utf-8")
    lines = text.splitlines()
    cases: dict[str, str] = {}
    rest: list[str] = []
    for node in ast.parse(text).body:
        first = min(each.lineno for each in [node, *getattr(node, "decorator_list", [])])
        # As it is written: what `ast` makes of it is not the same in every version of Python.
        code = "\n".join(lines[first - 1 : node.end_lineno])
        match node:
            case ast.AsyncFunctionDef(
                decorator_list=[ast.Call(func=ast.Name(id="case"), args=[ast.Constant(value=str(name))])]
            ):
                cases[name] = code
            case _:
                rest.append(code)
    return {name: "\n".join([code, *rest]) for name, code in cases.items()}


def _declared(manifest: Manifest | None) -> str:
    """Only what is not left out: a field that is new to manifests changes no fingerprint."""
    if manifest is None:
        return ""
    told = {
        field.name: value
        for field in _FIELDS
        if field.name != "version" and (value := getattr(manifest, field.name)) != field.default
    }
    return msgspec.json.encode(told, order="sorted").decode()


def _of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_CHARACTERS]
