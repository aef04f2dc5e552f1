"""The manifests of our own apps as files: they are what the suite holds the apps to."""

from pathlib import Path

import pytest

from shared.harness.subject import Subject
from tests.contract import own
from tests.contract.manifest import read
from tests.contract.own import FOLDER, manifest_of
from tests.contract.subjects import SUBJECTS, default_engine


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.id)
def test_file_is_what_the_suite_holds_the_app_to(subject: Subject) -> None:
    name = f"tandem-{subject.profile}"
    if subject != default_engine(subject):
        name += f"-{subject.engine}"
    assert read(FOLDER / f"{name}.toml") == manifest_of("plain", subject.engine)


def test_stale_files_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own, "FOLDER", tmp_path)
    assert own.main([]) == own.main(["--check"]) == 0
    (tmp_path / "tandem-of-old.toml").touch()
    (tmp_path / "tandem-hypercorn-h1.toml").write_text("# nothing\n")
    capsys.readouterr()
    assert own.main(["--check"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("tandem-hypercorn-h1.toml, tandem-of-old.toml: stale; ")
    assert told.count("\n") == 1
    assert own.main([]) == own.main(["--check"]) == 0
    assert not (tmp_path / "tandem-of-old.toml").exists()
    assert own.main(["--chekc"]) == 2
