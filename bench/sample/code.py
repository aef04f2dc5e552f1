"""Lines of the tree, as they stand there: a guide names a file and what is defined in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.harness.process import ROOT

__all__ = ["snippet"]

_GAP = "\n\n\n"  # as the formatter asks, which reads Markdown, too


def snippet(wanted: str, root: Path = ROOT) -> str:
    """Return a fenced block of "FILE NAME …": what the file defines under each name, at its top level or in
    its first function of many ("create_app.lifespan"); "A..B" is all from A to B.

    Raises ValueError for a name that the file does not define.
    """
    file, *names = wanted.split()
    source = (root / file).read_text(encoding="utf-8")
    lines = source.splitlines()
    places = dict(_defined(ast.parse(source).body))
    parts = []
    for name in names:
        first, _, last = name.partition("..")
        unknown = [one for one in filter(None, (first, last)) if one not in places]
        if unknown:
            raise ValueError(f"{file} defines no {unknown[0]}")
        start, end = places[first][0], places[last or first][1]
        parts.append(_flush(lines[start - 1 : end]))
    return "\n".join(["```python", _GAP.join(parts), "```"])


def _defined(body: list[ast.stmt], above: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each name with its first and last line, decorators included; an expression by what it calls."""
    for node in body:
        start, end = node.lineno, node.end_lineno or node.lineno
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield above + node.name, (min([start, *(one.lineno for one in node.decorator_list)]), end)
                yield from _defined(node.body, f"{above}{node.name}.")
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from ((above + ast.unparse(target), (start, end)) for target in targets)
            case ast.If():
                yield from _defined([*node.body, *node.orelse], above)
            case ast.Return() | ast.Expr() if isinstance(node.value, ast.Call):
                yield above + ast.unparse(node.value.func), (start, end)
            case _:
                pass


def _flush(lines: list[str]) -> str:
    margin = min(len(line) - len(line.lstrip()) for line in lines if line)
    return "\n".join(line[margin:] for line in lines)
