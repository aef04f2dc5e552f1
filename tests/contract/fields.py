"""The manifest's fields as a table, made from their declarations: `python -m tests.contract.fields` writes it
into docs/contract-your-proxy.md.
"""

import ast
import inspect
import pathlib
import sys

import msgspec

from tests.contract import manifest
from tests.contract.links import linked
from tests.contract.manifest import Manifest, accepted

__all__ = ["COMMAND", "GUIDE", "main", "table", "written"]

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "contract-your-proxy.md"
COMMAND = "python -m tests.contract.fields"

_BEGIN, _END = "<!-- fields: begin -->\n", "<!-- fields: end -->"


def table() -> str:
    """One row per field: name, what it takes, left out, meaning."""
    lines = ["| field | takes | left out | meaning |", "|---|---|---|---|"]
    meanings = _meanings()
    for field in msgspec.structs.fields(Manifest):
        cells = (f"`{field.name}`", accepted(field.name), _default(field), meanings[field.name])
        lines.append(f"| {' | '.join(linked(cell.replace('|', chr(92) + '|')) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def written(guide: str) -> str:
    """The guide with the table in its place."""
    before, _, rest = guide.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{table()}{_END}{after}"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "*has to be there*"
    if field.default_factory is not msgspec.NODEFAULT:
        return "none"
    if isinstance(field.default, frozenset):
        return f"`{sorted(field.default)}`" if field.default else "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "not declared" if field.default in (None, "") else f"`{field.default}`"


def _meanings() -> dict[str, str]:
    """The string under each field's declaration, which is a docstring to people alone."""
    declaration = next(
        node
        for node in ast.parse(inspect.getsource(manifest)).body
        if isinstance(node, ast.ClassDef) and node.name == Manifest.__name__
    )
    found: dict[str, str] = {}
    for node, after in zip(declaration.body, declaration.body[1:], strict=False):
        match node, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=text)):
                found[name] = " ".join(str(text).split())
    return found


def main(arguments: list[str]) -> int:
    """Write the table, or say that it is stale; the exit status."""
    guide = GUIDE.read_text("utf-8")
    if arguments == ["--check"]:
        if guide == written(guide):
            return 0
        print(f"docs/{GUIDE.name} is stale: `.venv/bin/{COMMAND}` makes its table anew")
        return 1
    if arguments:
        print(f"usage: {COMMAND} [--check]")
        return 2
    GUIDE.write_text(written(guide), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
