"""What a person has written, without what changes nothing: comments, docstrings, blank lines."""

import ast
import io
import tokenize
from pathlib import Path

from shared.harness.process import ROOT

__all__ = ["configuration", "module"]

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def configuration(text: str) -> str:
    """The lines of a configuration file that say something, without their indentation."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def module(name: str, root: Path = ROOT) -> str:
    """The code of a module and of its neighbours that it imports, as it is written: what `ast` makes of it
    is not the same in every version of Python. Raises OSError where there is no such file.
    """
    package = name.rpartition(".")[0]
    due, told = [name], dict[str, str]()
    while due:
        each = due.pop()
        if each in told:
            continue
        text = (root / each.replace(".", "/")).with_suffix(".py").read_text("utf-8")
        told[each] = _code(text)
        imports = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
        due += [node.module for node in imports if node.module and node.module.startswith(f"{package}.")]
    return "\n".join(told[each] for each in sorted(told))


def _code(text: str) -> str:
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            said = node.body[0]
            for row in range(said.lineno - 1, said.end_lineno or said.lineno):
                lines[row] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())
