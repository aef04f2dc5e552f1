"""The contract as a page: `python -m tests.contract.table` writes docs/contract.md, and its short summary
into README.md; `--check` compares both.

Made from the cases, the deviations and the results of other proxies; nothing on it is written by hand.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.contract.case import Case, load
from tests.contract.columns import RESULTS, Column, measured, ours, references
from tests.contract.deviations import DEVIATIONS, Deviation
from tests.contract.links import linked
from tests.contract.moves import SLACK_S
from tests.contract.named import named
from tests.contract.results import Verdict
from tests.contract.subjects import SUBJECTS
from tests.contract.summary import cell as _cell
from tests.contract.summary import short, summary

__all__ = ["PAGE", "README", "main", "page", "readme"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contract.md"
README = ROOT / "README.md"
COMMAND = "python -m tests.contract.table"

_BEGIN, _END = "<!-- contract: begin -->\n", "<!-- contract: end -->"

FAMILIES = {
    "HDR": "request fields",
    "FWD": "forwarding fields",
    "TGT": "request target",
    "MET": "methods",
    "RQB": "request bodies",
    "RSP": "responses",
    "STR": "streaming",
    "CAN": "clients that leave",
    "ERR": "faults of the upstream",
    "INF": "interim responses",
    "TRL": "trailers",
    "FRM": "framing and smuggling",
    "SHR": "what clients share",
    "TLS": "TLS to the upstream",
    "OPS": "operations",
    "UPG": "upgrades",
}

_MARKS: dict[Verdict | None, str] = {
    "passed": "✓",
    "failed": "✗",
    "warning": "⚠",
    "deviated": "△",
    "observed": "○",
    "unsupported": "-",
    "reconfiguration": "↻",
    "not run": "?",
    None: "?",
}

_INTRODUCTION = """\
# The contract

What any HTTP reverse proxy must do, and what this one promises on top, with what it and others make of it.
Made by `{command}` from the cases in `tests/contract`, the known deviations and the results of other
proxies; `make check` fails when it is stale.
"""

_LEGEND = """\
## How to read it

Every case runs over sockets at both ends, with no HTTP library in either. **M**: every reverse proxy has to
pass. **S**: should; a warning on others' proxies. **P**: a policy, as the proxy's manifest declares it.
**O**: observed; nothing that is seen there fails, only a connection that is left behind. A requirement that
is a *promise* is this project's own, where no RFC speaks; small words under it say who asks the same, or
what went wrong elsewhere. What an RFC asks of proxies is asked of this gateway by analogy: RFC 9110 §3.7
makes a gateway an origin server to its clients and a user agent to its upstream, and few sections name it
beside the proxy.

✓ passed · ✗ failed · ⚠ an S case failed · △ deviates: a known limit of a server or an engine, listed with
its reason [below](#known-deviations), that has to fail as long as it is listed (a *race* there may pass) ·
○ observed · - not asked: the manifest declares no such thing, it cannot be measured there, or it belongs to
the long tier, which is for ours alone · ↻ needs a configuration that this proxy does not have · ? not
measured: the results lack the case, or it, the manifest or what was started has been changed since.

**Ours** is one column per server profile and engine: FastAPI and Litestar must produce the same normalised
bytes at both ends and the same ledger of connections, or the same outcome where who comes first is a race,
so there is nothing to tell them apart by. The default engine is tested as handler and as mount, httpx2 too,
the others as handler and without the long tier. A ✓ of ours is held by `make test`; one of httpx2 as mount,
under uvicorn-h11 or under hypercorn-h1, and a *long* one, by `make test-long`.

Small words under a case's id: the settings that it runs under, where they are not the defaults. *tight* has
a pool of ten, deadlines of two seconds and a body limit of 1 MiB; *based* a base path in the upstream's
URL; *nowhere* an upstream name that does not resolve; *tls* an upstream over TLS, under a CA of its own;
the others are named after what they set (`tests/contract/variants.py`).

What has to come within a time, one that the manifest declares (`leave_s`, `response_timeout_s`, …) or one
that the sentence names, is waited for {slack_s:g} s longer: a busy machine is no fault of the proxy's.

Numbers have gaps. Of the table that the suite was designed by, these are not here: CAN-09, ERR-12, FRM-18 and
TRL-04, which speak of HTTP/2; UPG, but for UPG-09, which speaks of WebSocket; SHR-10, that both apps do the
same over the shared core, which is asked of every case, as an item of its own; and SHR-11, that a request is
not changed for others who hold it, which can be seen only inside the process.
"""

_OTHERS = """\
**Others** were measured by `make contract-reference`, on the day in their row of the summary, each with the
configuration in `shared/harness/peers`, the app in `bench/baselines` or by its own command line, and the
manifest in `tests/contract/manifests`: a ✗ is about that version and that configuration, and was seen at
least twice. What was seen stands below, proxy by proxy.
"""


_OBSERVED = """\
*Ours* are those of this page's first columns; *the recipes* are the apps that people write around a client
of `httpx` or `requests`: {recipes}.
"""

_LIMITS = """\
Limits of a server or an engine under this proxy. Each is expected to fail, and fails the suite when it no
longer does; a *race* sometimes passes, and is only reported. *Subjects* are route, server profile and engine,
never a framework. [Faults found upstream](upstream-bugs/README.md) has scripts that show them by themselves.
"""


def page(folder: Path = RESULTS) -> str:
    """The whole page, Markdown. folder: where the results of other proxies are."""
    cases = load()
    found = references(folder)
    columns = [*ours(cases), *(measured(each, cases) for each in found)]
    families: dict[str, list[Case]] = {family: [] for family in FAMILIES}
    for case in cases.values():
        families[case.family].append(case)
    parts = [
        _INTRODUCTION.format(command=COMMAND),
        "\n".join(["## Summary", "", *summary(cases, columns)]),
        _LEGEND.format(slack_s=SLACK_S),
        *[_OTHERS][: len(found)],
        *("\n".join(_family(name, members, columns)) for name, members in families.items() if members),
        "\n".join(_deviations([case.id for members in families.values() for case in members])),
        *("\n".join(_failures(each, cases)) for each in columns if each.version),
        "\n".join(_observed(columns, cases)),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def readme(text: str, folder: Path = RESULTS) -> str:
    """README.md with the short summary in its place."""
    cases = load()
    columns = [*ours(cases), *(measured(each, cases) for each in references(folder))]
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "\n".join([before + _BEGIN.rstrip("\n"), *short(cases, columns), _END + after])


def _family(name: str, cases: list[Case], columns: list[Column]) -> Iterator[str]:
    heads = " | ".join(f"<sub>{column.head}</sub>" for column in columns)
    yield f"## {name}: {FAMILIES[name]}"
    yield ""
    yield f"| case | | the proxy's promise | requirement | {heads} |"
    yield "|---|---|---|---|" + ":-:|" * len(columns)
    for case in cases:
        under = [case.settings] * (case.settings != "plain") + ["long"] * (case.tier == "long")
        shown = f"{case.id}<br><sub>{', '.join(under)}</sub>" if under else case.id
        marks = " | ".join(_MARKS[column.cells[case.id].verdict] for column in columns)
        told = f"{_cell(case.sentence)} | {_required(case)}"
        yield f"| {shown} | {case.level} | {told} | {marks} |"


def _required(case: Case) -> str:
    """The requirement; under a promise, who else asks it."""
    told = linked(_cell(case.requirement))
    if case.requirement.startswith("promise") and case.anchor:
        told += f"<br><sub>{linked(_cell(case.anchor))}</sub>"
    return told


def _deviations(order: Sequence[str]) -> Iterator[str]:
    """order: the cases, as they stand in the families' tables."""
    yield "## Known deviations"
    yield ""
    yield _LIMITS.rstrip("\n")
    yield ""
    yield "| case | subjects | reason | link | script |"
    yield "|---|---|---|---|---|"
    told: dict[tuple[str, str, str], list[Deviation]] = {}
    for known in sorted(DEVIATIONS, key=lambda known: order.index(known.case)):
        if any(known.speaks_of(subject) for subject in SUBJECTS):  # others' engine or profile has no column
            told.setdefault((known.case, known.reason, known.link), []).append(known)
    for (case, reason, link), alike in told.items():
        subjects = ", ".join(f"`{known.subjects}`" for known in alike)
        race = "*race*: " if alike[0].race else ""
        yield f"| {case} | {subjects} | {race}{_cell(reason)} | <{link}> | {_script(alike[0])} |"


def _script(known: Deviation) -> str:
    return f"[{known.script}](upstream-bugs/{known.script}.py)" if known.script else _cell(known.no_script)


def _failures(column: Column, cases: Mapping[str, Case]) -> Iterator[str]:
    failed = {name: cell for name, cell in column.cells.items() if cell.verdict in ("failed", "warning")}
    yield f"## What {column.name} fails"
    yield ""
    if not failed:
        yield "Nothing."
        return
    yield "| case | | seen |"
    yield "|---|---|---|"
    for name, cell in failed.items():
        yield f"| {name} | {cases[name].level} | {_seen(cell.why)} |"


def _observed(columns: list[Column], cases: Mapping[str, Case]) -> Iterator[str]:
    """What O cases noted, and how those ended that did not come to their end."""
    yield "## What was observed"
    yield ""
    yield _OBSERVED.format(recipes=", ".join(each.name for each in columns if each.group == "the recipes"))
    yield "| case | seen | on |"
    yield "|---|---|---|"
    for name in (case.id for case in cases.values() if case.level == "O"):
        alike: dict[str, list[str]] = {}
        for column in columns:
            cell = column.cells[name]
            told = [f"{note}: {value}" for note, value in cell.notes.items()]
            if cell.verdict == "observed" and cell.why:
                told.append(f"not played to its end: {cell.why}")
            if told:
                alike.setdefault(_seen("; ".join(told)), []).append(column.name)
        for seen, names in alike.items():
            yield f"| {name} | {seen} | {named(names, {each.name: each.group for each in columns})} |"


def _seen(text: str) -> str:
    """Bytes and words from the wire: shown as they are, in one line that is not too long."""
    text = " ".join(text.split()).replace("`", "'")
    short = text if len(text) <= 200 else text[:199] + "…"
    return "`" + short.replace("|", "\\|") + "`" if short else ""


def main(arguments: list[str]) -> int:
    """Write what is stale, or say so; the exit status."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {COMMAND} [--check]")
        return 2
    status = 0
    for path, text in (PAGE, page()), (README, readme(README.read_text("utf-8"))):
        if path.exists() and path.read_text("utf-8") == text:
            continue
        if arguments:
            print(f"{path.name} is stale: `.venv/bin/{COMMAND}` makes it anew")
            status = 1
        else:
            path.write_text(text, "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
