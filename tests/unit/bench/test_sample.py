"""The committed run and the papers made from it: nothing of the machine, nothing typed by hand."""

import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from bench.cells import EXTRA, QUICK_CELLS
from bench.command import main
from bench.environment import fingerprint, packages
from bench.record import ClosedResult, Record, Run
from bench.report import write_html
from bench.report.view import view
from bench.report.words import TIMES
from bench.sample.__main__ import main as sample_main
from bench.sample.blocks import block
from bench.sample.charts import CHARTS, chart, described
from bench.sample.code import snippet
from bench.sample.keep import _own_names, keep, traces
from bench.sample.loads import carried
from bench.sample.pages import PAGES, filled, written
from bench.stored import PACKED, RECORDS
from tests.meta.papers import table_rows
from tests.unit.bench.made import closed, made_run, scaled

FOUND = view(made_run())


def _left(folder: Path, run: Run) -> Path:
    """The run as a folder of bench/results."""
    records: list[Record] = [run.header, *run.cells, *([run.end] if run.end else [])]
    folder.mkdir()
    lines = [msgspec.json.encode(record) for record in records]
    (folder / RECORDS).write_bytes(b"\n".join(lines) + b"\n")
    return folder


def _block(what: str) -> str:
    return block(FOUND, what, lambda target: f"way/to/{target}")


# Keeping a run


def test_a_kept_run_is_the_same_run_in_fewer_bytes(tmp_path: Path) -> None:
    folder, sample = _left(tmp_path / "run", made_run()), tmp_path / "sample"
    keep(folder, sample)
    kept = Run.read(sample / PACKED)
    assert msgspec.structs.replace(kept, file=RECORDS) == Run.read(folder / RECORDS)
    assert (sample / PACKED).stat().st_size < (folder / RECORDS).stat().st_size
    page = (sample / "report.html").read_text("utf-8")
    assert page == write_html(kept)
    assert f'href="{PACKED}"' in page


def test_keeping_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = _left(tmp_path / "run", made_run())
    for name in ("one", "other"):
        keep(folder, tmp_path / name)
    for name in (PACKED, "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_run_that_was_not_finished_is_no_sample(tmp_path: Path) -> None:
    folder = _left(tmp_path / "run", msgspec.structs.replace(made_run(), end=None))
    with pytest.raises(ValueError, match="not finished"):
        keep(folder, tmp_path / "sample")


def test_a_run_that_names_a_folder_of_this_machine_is_no_sample(tmp_path: Path) -> None:
    run = made_run()
    named = msgspec.structs.replace(run.header, command=f"python -m bench run --add {Path.home()}/mine.toml")
    folder = _left(tmp_path / "run", msgspec.structs.replace(run, header=named))
    with pytest.raises(ValueError, match="this machine's own"):
        keep(folder, tmp_path / "sample")
    assert not (tmp_path / "sample").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("log: /srv/ann/x.py", True),
        ("cd /srv/ann", True),
        ("/srv/anniversary", False),
        ("other/srv/ann", False),
        ("", False),
    ],
)
def test_a_trace_is_a_word_or_the_beginning_of_a_path(text: str, found: bool) -> None:
    assert traces(text, ["/srv/ann"]) == (["/srv/ann"] if found else [])


def test_a_fingerprint_names_neither_the_machine_nor_its_people() -> None:
    told = "\n".join([*fingerprint().values(), *packages(), *packages().values()])
    assert traces(told, _own_names()) == []


@pytest.mark.parametrize("command", ["check", "report"])
def test_packed_records_are_read_as_any_others(tmp_path: Path, command: str) -> None:
    keep(_left(tmp_path / "run", made_run()), tmp_path / "sample")
    assert main([command, str(tmp_path / "sample")]) == main([command, str(tmp_path / "run")]) == 0
    assert main(["compare", str(tmp_path / "sample"), str(tmp_path / "run")]) == 0


def test_packed_records_that_are_cut_short_are_refused_in_one_line(tmp_path: Path) -> None:
    keep(_left(tmp_path / "run", made_run()), tmp_path / "sample")
    packed = tmp_path / "sample" / PACKED
    packed.write_bytes(packed.read_bytes()[:-100])
    assert main(["check", str(tmp_path / "sample")]) == 2


# Places of a paper


def test_a_place_is_filled_and_all_else_is_left() -> None:
    text = "a\n<!-- sample: one 2 -->\nold\nold\n<!-- end -->\nb\n<!-- code: f.py g -->\n<!-- end -->\nc\n"
    done = filled(text, lambda kind, what: f"{kind} of {what}")
    assert done == (
        "a\n<!-- sample: one 2 -->\nsample of one 2\n<!-- end -->\n"
        "b\n<!-- code: f.py g -->\ncode of f.py g\n<!-- end -->\nc\n"
    )
    assert filled(done, lambda kind, what: f"{kind} of {what}") == done


def test_a_place_that_asks_for_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no block 'nothing'"):
        _block("nothing")


def test_a_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no metric 'rsp'"):
        _block("figures rps rsp")


def test_every_file_is_made_and_leads_to_the_others(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for path in PAGES:
        (tmp_path / path).write_text("<!-- sample: chart docs/figures/requests.svg -->\n<!-- end -->\n")
    pages = written(FOUND, tmp_path)
    assert set(pages) == {*PAGES, *CHARTS}
    assert "](docs/figures/requests.svg)" in pages[Path("README.md")]
    assert "](figures/requests.svg)" in pages[Path("docs/choosing.md")]


def test_the_papers_are_what_the_sample_and_the_tree_give(capsys: pytest.CaptureFixture[str]) -> None:
    status = sample_main(["--check"])
    assert (status, capsys.readouterr().out) == (0, "")


def test_code_is_quoted_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(
        "import os\n\n\n@wraps(os)\ndef outer():\n    # why\n    def inner():\n        return 1\n\n"
        "    return inner\n\n\na = 1\nb: int = 2\nrun(a,\n    b)\n"
    )
    assert snippet("f.py outer", tmp_path).splitlines()[1:4] == ["@wraps(os)", "def outer():", "    # why"]
    assert snippet("f.py outer.inner", tmp_path) == "```python\ndef inner():\n    return 1\n```"
    assert snippet("f.py a..run", tmp_path) == "```python\na = 1\nb: int = 2\nrun(a,\n    b)\n```"
    assert snippet("f.py b a", tmp_path) == "```python\nb: int = 2\n\n\na = 1\n```"
    with pytest.raises(ValueError, match=r"f\.py defines no c"):
        snippet("f.py a..c", tmp_path)


# What goes into them


def test_the_answers_are_the_ratios_of_the_records() -> None:
    rows = {row[0]: row[1:] for row in table_rows(_block("answers"))}
    pick, capacity, *_ = rows["Litestar over FastAPI"]
    assert pick == "Litestar"
    assert capacity.startswith(f"1.10{TIMES} (1.0")  # the made-up run has 1,650 and 1,500 requests/s
    assert rows["The FastAPI app over the recipe"][1].startswith("2.99")  # of 3.0
    assert list(rows) == ["Litestar over FastAPI", "wire over httpx2", "The FastAPI app over the recipe"]
    assert [row[0] for row in table_rows(_block("answers more"))] == ["The Litestar app over the recipe"]


def test_what_to_pick_is_the_better_one_whichever_way_its_metric_counts() -> None:
    assert f"Litestar over FastAPI 1.10{TIMES} (1.0" in _block("pick rps")
    by_event = _block("pick cpu-event")
    assert by_event.startswith("- By CPU per SSE event at 2,500 events/s:\n  - Litestar over FastAPI 0.9")
    alike = view(made_run(noise=0.5))
    assert "it does not decide Litestar or FastAPI" in " ".join(block(alike, "pick rps", str).split())


def test_a_layer_is_told_by_what_it_adds() -> None:
    assert "no two cells" in _block("layers")
    run = made_run()
    bare = next(cell for cell in QUICK_CELLS if cell.id == "bare")
    half = [
        msgspec.structs.replace(record, cell="bare", results=record.results | {"S3": closed(3000)})
        for record in run.cells
        if record.cell == "recipe-fastapi"
    ]
    header = msgspec.structs.replace(run.header, cells=[*run.header.cells, bare])
    rows = table_rows(
        block(view(msgspec.structs.replace(run, header=header, cells=[*run.cells, *half])), "layers", str)
    )
    assert [row[0] for row in rows] == ["the client wire, bare ASGI", "FastAPI, handler", "Litestar, handler"]
    assert rows[0][1].startswith("333")  # a core over 3,000 requests/s
    assert rows[1][1].startswith("+")


def test_a_choice_that_was_not_varied_is_said_to_be_so() -> None:
    assert "says nothing about the loop" in _block("choice loop")
    assert "Litestar" in _block("choice framework rps")


def test_a_cell_that_was_no_part_of_the_run_is_told_without_figures() -> None:
    rows = table_rows(_block("moving django recipe-fastapi"))
    assert rows[0][:2] == ["`django`", "no part of this run"]
    assert rows[1][0] == "recipe in FastAPI, uvicorn"
    assert {len(row) for row in rows} == {5}


def test_a_metric_that_was_not_read_is_left_out_and_one_of_another_load_is_asked_for_by_name() -> None:
    assert "No part of this run: CPU per SSE event (S5-200)" in _block("figures cpu-event@S5-200")
    assert len(table_rows(_block("figures rps cpu-event@S5-200"))[0]) == 2
    more = view(scaled(made_run(), **{"S3-16": 1.0, "S3-512": 0.8}))
    rows = table_rows(block(more, "figures rps rps@S3-512", str))
    usual, more_connections = (float(cell.partition(" ")[0].replace(",", "")) for cell in rows[0][1:])
    assert more_connections == pytest.approx(0.8 * usual, rel=0.02)  # three digits are told


def _with_django(part: float, *, noise: float = 0.01) -> Run:
    """The made-up run with the recipe in Django, which serves so much of what FastAPI's recipe serves."""
    run = made_run(noise=noise)
    django = next(cell for cell in EXTRA if cell.id == "django")
    cells = []
    for record in run.cells:
        if record.cell == "recipe-fastapi":
            usual = record.results["S3"]
            assert isinstance(usual, ClosedResult)
            slower = msgspec.structs.replace(usual, completed=round(usual.completed * part))
            results = record.results | {"S3": slower}
            cells.append(msgspec.structs.replace(record, cell="django", results=results))
    header = msgspec.structs.replace(run.header, cells=[*run.header.cells, django])
    return msgspec.structs.replace(run, header=header, cells=[*run.cells, *cells])


def test_leaving_django_is_told_apart_by_what_changes_with_it() -> None:
    assert "says nothing about leaving Django" in _block("leaving")
    told = " ".join(block(view(_with_django(0.5)), "leaving", str).split())
    same_client, apps = told.split("One of the apps")
    assert re.search(f"has 1.9..2.0.{TIMES}", same_client)
    assert re.search(f"has 5.9.6.[67]{TIMES}", apps)  # 1,500 and 1,650 requests/s over half of 500
    unsure = " ".join(block(view(_with_django(1.0, noise=0.3)), "leaving", str).split())
    assert "(1 of 2 cannot be told apart)" in unsure  # Litestar's recipe; FastAPI's is Django's own figures


def test_growth_is_what_a_larger_load_does_to_each_cell() -> None:
    assert "nothing about larger loads" in _block("growth retention")
    more = view(scaled(made_run(), **{"S3-16": 1.0, "S3-512": 0.8}))
    rows = table_rows(block(more, "growth retention churn", str))
    assert [len(row) for row in rows] == [2] * len(rows)
    assert all(re.match(f"0.80+{TIMES}", row[1]) for row in rows)


def test_streams_are_what_seven_tenths_of_a_core_pay_for() -> None:
    assert carried(14.0, 50.0) == 1000
    assert carried(28.0, 50.0) == 500


def test_what_waits_upstream_makes_the_difference_small() -> None:
    shares = [float(word.rstrip("%")) for word in _block("felt 1 100").split() if word.endswith("%")]
    assert len(shares) == 2
    assert shares[0] > shares[1]


def test_the_run_is_told_with_what_repeats_it() -> None:
    told = _block("run")
    assert FOUND.run.header.command in told
    assert "a <made-up> CPU" in told
    assert "way/to/bench/results/sample/records.jsonl.gz" in told


@pytest.mark.parametrize("path", CHARTS, ids=str)
def test_a_chart_is_a_picture_by_itself(path: Path) -> None:
    drawn = chart(FOUND, path)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - drawn a line above
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {"width", "height", "viewBox"} <= set(root.attrib)
    labels = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "recipe in FastAPI, uvicorn" in labels
    assert "prefers-color-scheme: dark" in drawn
    assert "url(" not in drawn
    assert "href" not in drawn
    assert "recipe in FastAPI, uvicorn" in described(FOUND, path)
