"""The batch: rows, resume, priors read once, flat memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.app.batch import Options, Row, read_batch
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from tests.app.conftest import EXAMPLE

Film = Callable[..., Path]
PLAIN = Options(formats=())


def patient(film: Film, folder: Path, days: int) -> None:
    for day in range(1, days + 1):
        uids = {"StudyInstanceUID": f"2.25.5{day}", "SOPInstanceUID": f"2.25.6{day}"}
        film(f"{9 - day}.dcm", folder, StudyDate=f"202001{day:02}", PatientID="P-1", **uids)


def test_rows_come_as_studies_finish_and_the_log_agrees(film: Film, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    patient(film, tmp_path / "in", 3)
    (tmp_path / "in" / "bad.dcm").write_bytes(b"")
    rows = read_batch(
        [tmp_path / "in"], tmp_path / "out", options=PLAIN, on_row=lambda r, n, t: seen.append((r.name, n, t))
    )
    assert [number for _, number, _ in seen] == [1, 2, 3, 4]
    assert {total for _, _, total in seen} == {4}
    lines = [json.loads(line) for line in (tmp_path / "out" / "studies.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == [row.name for row in rows]
    assert [row.status for row in rows] == ["failed", "read", "read", "read"]
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["counts"] == {"read": 3, "kept": 0, "refused": 0, "failed": 1}


def test_each_film_of_a_patient_is_read_once(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hilum.systems.embedded import Embedded

    calls = []
    assess = Embedded.assess

    def counted(self: Embedded, *args: object, **kwargs: object) -> object:
        calls.append(1)
        return assess(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Embedded, "assess", counted)
    patient(film, tmp_path / "in", 4)
    read_batch([tmp_path / "in"], tmp_path / "out", options=PLAIN)
    assert len(calls) == 4
    priors = [json.loads(path.read_text())["prior"] for path in (tmp_path / "out").glob("*/study.json")]
    assert sum(prior is not None for prior in priors) == 3


def test_pixels_of_finished_studies_are_let_go(film: Film, tmp_path: Path) -> None:
    import tracemalloc

    patient(film, tmp_path / "in", 6)
    held: list[int] = []
    tracemalloc.start()
    read_batch(
        [tmp_path / "in"],
        tmp_path / "out",
        options=PLAIN,
        on_row=lambda *_: held.append(tracemalloc.get_traced_memory()[0]),
    )
    tracemalloc.stop()
    film_bytes = 1024 * 1024 * 4
    assert held[-1] - held[1] < film_bytes


def test_resume_needs_the_same_files_options_and_model(film: Film, tmp_path: Path) -> None:
    one = film("1.dcm")

    def status(**options: object) -> list[str]:
        chosen = Options(formats=(), resume=True, **options)  # type: ignore[arg-type]
        return [row.status for row in read_batch([one], tmp_path / "out", options=chosen)]

    assert status() == ["read"]
    assert status() == ["kept"]
    assert status(seed=1) == ["read"]
    assert status(seed=1) == ["kept"]
    (folder,) = (path.parent for path in (tmp_path / "out").glob("*/study.json"))
    (folder / "study.json").unlink()
    assert status(seed=1) == ["read"]


def test_a_kept_row_still_tells_its_findings(film: Film, tmp_path: Path) -> None:
    one = film("1.dcm")
    (first,) = read_batch([one], tmp_path / "out", options=PLAIN)
    (second,) = read_batch([one], tmp_path / "out", options=Options(formats=(), resume=True))
    assert second.status == "kept"
    assert [(f.concept, f.state) for f in second.findings] == [(f.concept, f.state) for f in first.findings]


def test_other_files_in_the_results_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    read_batch([EXAMPLE], tmp_path / "out", options=PLAIN)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_prior_folder_with_two_studies_is_refused(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", 2)
    with pytest.raises(InputError, match="exactly one study, found 2"):
        read_batch([EXAMPLE], tmp_path / "out", prior=tmp_path / "in", options=PLAIN)


def test_a_prior_of_another_patient_is_refused(film: Film, tmp_path: Path) -> None:
    uids = {"StudyInstanceUID": "2.25.71", "SOPInstanceUID": "2.25.72"}
    other = film("other.dcm", PatientID="SOMEONE-ELSE", StudyDate="19900101", **uids)
    with pytest.raises(InputError, match="another patient"):
        read_batch([EXAMPLE], tmp_path / "out", prior=other, options=PLAIN)


def test_missing_weights_stop_the_batch_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hilum.systems import embedded

    shutil.copytree(embedded.WEIGHTS, tmp_path / "weights")
    (tmp_path / "weights" / "card.json").unlink()
    monkeypatch.setattr(embedded, "WEIGHTS", tmp_path / "weights")
    with pytest.raises(MissingError, match="reinstall"):
        read_batch([EXAMPLE], tmp_path / "out", options=PLAIN)


def test_a_rows_line_is_plain_json() -> None:
    row = Row("a", "read", ("f.dcm",), findings=(Finding("nodule", "absent", 0.1),), seconds=1.23456)
    line = json.loads(json.dumps(row.line()))
    assert line["findings"] == [{"concept": "nodule", "state": "absent", "probability": 0.1}]
    assert line["seconds"] == 1.235


def test_an_unforeseen_fault_in_one_study_costs_that_study_only(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.app import batch_unit as batch

    write = batch.write_study
    seen = []

    def faulty(folder: Path, *args: object, **kwargs: object) -> object:
        seen.append(folder)
        if len(seen) == 1:
            raise ZeroDivisionError("a bug")
        return write(folder, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "write_study", faulty)
    patient(film, tmp_path / "in", 2)
    rows = read_batch([tmp_path / "in"], tmp_path / "out", options=PLAIN)
    assert [row.status for row in rows] == ["failed", "read"]
    assert "ZeroDivisionError: a bug" in rows[0].reason


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"findings": [{"type": "Box"}], "files": []}'])
def test_a_damaged_record_is_read_again_on_resume(film: Film, tmp_path: Path, damage: str) -> None:
    one = film("1.dcm")
    read_batch([one], tmp_path / "out", options=PLAIN)
    (record,) = (tmp_path / "out").glob("*/study.json")
    record.write_text(damage)
    (row,) = read_batch([one], tmp_path / "out", options=Options(formats=(), resume=True))
    assert row.status == "read"
    assert json.loads(record.read_text())["status"] == "read"


def test_the_run_names_the_model_that_read(tmp_path: Path) -> None:
    from hilum.systems.embedded import Embedded

    read_batch([EXAMPLE], tmp_path / "out", options=PLAIN)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["model"]["sha256"] == Embedded().made_by.sha256
