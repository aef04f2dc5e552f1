"""Records: what is written is read again; a cut last line is no error, anything else is one line of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.histogram import encode_histogram, merge_histograms
from bench.record import Absence, CellRecord, Dropped, End, Record, RecordFile, Run, read_records
from bench.stored import PACKED, pack
from tests.unit.bench.made import closed, made_header, made_run


def write(path: Path, run: Run) -> None:
    with RecordFile(path) as records:
        whole: list[Record] = [run.header, *run.cells, *run.dropped]
        for record in whole:
            records.append(record)
        if run.end is not None:
            records.append(run.end)


def test_a_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    run = made_run(blocks=3, changes={"recipe-fastapi/S5": Absence("saturated", "1 of 2 events")})
    run = msgspec.structs.replace(run, dropped=[Dropped("recipe-litestar", 1, "too slow")])
    write(tmp_path / "records.jsonl", run)
    assert Run.read(tmp_path / "records.jsonl") == run


def test_each_record_is_on_disk_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with RecordFile(path) as records:
        records.append(made_header())
        assert list(read_records(path)) == [made_header()]
        records.append(CellRecord(0, 0, "direct", {"S3": closed(5)}))
        assert len(list(read_records(path))) == 2


def test_a_last_line_cut_by_a_crash_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write(path, made_run(blocks=3))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 20])
    run = Run.read(path)
    assert run.end is None
    assert len(run.cells) == 3 * len(run.header.cells)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin with a run record"),
        (msgspec.json.encode(End("finished", 1.0)) + b"\n", "does not begin with a run record"),
        (b"{}\n\n", "line 1: not a record"),
        (msgspec.json.encode(msgspec.structs.replace(made_header(), schema=99)) + b"\n", "has schema 99"),
    ],
)
def test_what_is_no_record_file_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as refused:
        Run.read(path)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path.name}/records.jsonl")  # which run it is
    assert str(tmp_path) not in str(refused.value)


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    """The same with the first occurrence of ``old`` replaced."""
    assert old in content
    return content.replace(old, new, 1)


def results_of(content: bytes, name: str, of: str) -> bytes:
    """The same with a result of one scenario in the place of another's, in the first process."""
    lines = content.split(b"\n")
    record = msgspec.json.decode(lines[1])
    record["results"][name] = record["results"][of]
    return b"\n".join([lines[0], msgspec.json.encode(record), *lines[2:]])


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (lambda whole: changed(whole, b'"response":"HIST', b'"response":"HISt'), "S2: a histogram that is"),
        (lambda whole: changed(whole, b'"seconds":', b'"seconds":-'), "line 2: .*>= 0.0"),
        (lambda whole: changed(whole, b'"seconds":1.0,', b'"seconds":0,'), "in no time"),
        (lambda whole: changed(whole, b'"completed":', b'"completed":-'), "line 2: .*>= 0"),
        (lambda whole: changed(whole, b'"cell":"direct"', b'"cell":"nobody"'), "nobody, block 1 is not in"),
        (lambda whole: changed(whole, b'"block":0', b'"block":3'), "direct, block 4 is not in the plan"),
        (lambda whole: changed(whole, b'"block":0', b'"block":1'), "direct, block 2 is there twice"),
        (lambda whole: changed(whole, b'"S5":{', b'"S6":{'), "direct, block 1: S6 is not in the plan"),
        (lambda whole: results_of(whole, "S3", "S0"), "direct, block 1: S3 has a result of another"),
        (lambda whole: whole + whole, "the records of more than one run"),
        (lambda whole: changed(whole, b"FastAPI handler", b"FastAPI\xe9handler"), "line 1: not a record"),
    ],
)
def test_records_that_a_run_would_not_write_are_refused_in_one_line(
    tmp_path: Path, damaged: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "records.jsonl"
    write(path, made_run(blocks=3))
    whole = path.read_bytes()
    path.write_bytes(damaged(whole))
    with pytest.raises(ValueError, match=message) as refused:
        Run.read(path)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path.name}/records.jsonl")


def test_a_packed_file_that_has_lost_a_byte_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "records.jsonl", made_run(blocks=3))
    whole = pack((tmp_path / "records.jsonl").read_bytes())
    for at in range(10, len(whole), len(whole) // 50):
        (tmp_path / PACKED).write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=rf"^{tmp_path.name}/{PACKED}: "):
            Run.read(tmp_path / PACKED)


def test_a_line_without_its_end_was_cut_short_for_who_reads_and_who_goes_on(tmp_path: Path) -> None:
    """Otherwise a run that goes on would take for done what is then cut off."""
    path = tmp_path / "records.jsonl"
    write(path, msgspec.structs.replace(made_run(blocks=3), end=None))
    whole = Run.read(path)
    path.write_bytes(path.read_bytes()[:-1])
    read = Run.read(path)
    assert read.cells == whole.cells[:-1]
    with RecordFile(path):
        pass
    assert Run.read(path) == read


def test_histograms_keep_three_digits_and_merge_into_all_samples() -> None:
    low = encode_histogram([20_000] * 50)
    high = encode_histogram([3_000_000] * 50)
    merged = merge_histograms([low, high])
    assert merged.get_total_count() == 100
    assert merged.get_value_at_percentile(50) == pytest.approx(20_000, rel=0.005)
    assert merged.get_value_at_percentile(51) == pytest.approx(3_000_000, rel=0.005)


def test_a_histogram_clamps_what_lies_outside_and_an_empty_one_is_empty() -> None:
    merged = merge_histograms([encode_histogram([-5, 0, 10**12])])
    assert merged.get_total_count() == 3
    assert merged.get_value_at_percentile(100) == pytest.approx(6e10, rel=0.005)
    assert merge_histograms([encode_histogram([])]).get_total_count() == 0
