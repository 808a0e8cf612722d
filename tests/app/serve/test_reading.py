"""Reading studies of an archive: once per set of films, beside the prior, never over a reader's hand."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")

from hilum.app.serve import ledger, results
from hilum.app.serve.reading import Reader, ReadStudy, bodies
from hilum.app.serve.shelf import ArchiveShelf
from hilum.app.serve.work import Answer, Stopped, Ticket
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.io.intake import is_nobody
from tests.app.serve import films
from tests.app.serve.day import EXAMPLE, ODD_MODELS, Department
from tests.io import made

MORNING, NOON = {"StudyTime": "080000"}, {"StudyTime": "120000"}


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Department]:
    monkeypatch.setenv("HILUM_ODD_NOTES", str(tmp_path / "notes"))
    for name in [name for name in sys.modules if name.startswith("hilum_plugin_odd_models")]:
        del sys.modules[name]  # what a test registers goes with it: the next loads the plug-in anew
    department = Department(tmp_path, settle_s=0.0)
    yield department
    department.close()


def reader(ward: Department, model: str = f"{ODD_MODELS}:odd", **more: Any) -> ReadStudy:
    return ReadStudy(ward.archive, ward.root, Reader(model), **more)


def read(ward: Department, study: int = 1, *, cancelled: Callable[[], bool] = lambda: False, **more: Any) -> Answer:
    """Run the body once for the films that are there, without a queue."""
    order = ledger.films_of(ward.archive.database, films.study_uid(study)).order
    return reader(ward, **more).run(Ticket(order, order.id, cancelled=cancelled))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def folder(ward: Department, study: int = 1) -> Path:
    return results.folder_of(ward.root, films.study_uid(study))


def own_objects(ward: Department, study: int = 1) -> list[str]:
    path = ward.archive.layout.instances
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in path.rglob("*.dcm")]
    mine = [ds for ds in headers if ds.StudyInstanceUID == films.study_uid(study) and ds.Modality not in ("CR", "DX")]
    return sorted(str(ds.SOPInstanceUID) for ds in mine)


def test_read_twice_it_is_one_result_with_the_same_identifiers(ward: Department) -> None:
    ward.send(films.film(1, 1), films.film(1, 2))
    read(ward)
    first, stored = contents(folder(ward)), own_objects(ward)
    read(ward)
    assert contents(folder(ward)) == first
    assert own_objects(ward) == stored
    assert {ds.Modality for ds in (pydicom.dcmread(p) for p in results.objects_in(folder(ward)))} >= {"SR", "PR"}
    assert pydicom.dcmread(folder(ward) / "report-sr.dcm").StudyInstanceUID == films.study_uid(1)
    row = ledger.row(ward.archive.database, films.study_uid(1))
    assert (row.state, row.progress, row.reason) == ("read", None, "")
    assert not [path for path in folder(ward).parent.iterdir() if path.name.startswith(".")]


def test_the_shipped_model_reads_a_real_sized_film(ward: Department) -> None:
    ds = pydicom.dcmread(EXAMPLE)
    ward.archive.store(EXAMPLE, source="MODALITY")
    uid = str(ds.StudyInstanceUID)
    order = ledger.films_of(ward.archive.database, uid).order
    reader(ward, "embedded").run(Ticket(order, order.id))
    sheet = ArchiveShelf(ward.archive, ward.root).sheet(uid)
    assert sheet["state"] == "read"
    assert sheet["findings"]
    assert sheet["films"][0]["id"] == ds.SOPInstanceUID
    assert any(item["evidence"] for item in sheet["findings"])


def test_the_prior_is_the_latest_strictly_earlier_study_of_the_same_patient(ward: Department) -> None:
    same = {"PatientID": "P1"}
    ward.send(
        films.film(1, 1, **same, **NOON),
        films.film(2, 1, **same, **MORNING),
        films.film(3, 1, **same, StudyDate="20230101"),
        films.film(4, 1, **same, **NOON),  # at the same minute: no prior
        films.film(5, 1, PatientID="P2", **MORNING),
        films.film(6, 1, **same, StudyDate="20250101"),
    )
    known = {n: ledger.films_of(ward.archive.database, films.study_uid(n)).prior for n in range(1, 7)}
    named = {n: films.study_uid(p) if p else "" for n, p in {1: 2, 2: 3, 3: 0, 4: 2, 5: 0}.items()}
    assert {n: known[n] for n in named} == named
    read(ward, 1)
    assert ward.reads() == [films.study_uid(2), films.study_uid(1)]
    shelf = ArchiveShelf(ward.archive, ward.root)
    assert [visit["id"] for visit in shelf.sheet(films.study_uid(1))["timeline"]][:2] == [
        films.study_uid(3),
        films.study_uid(2),
    ]
    assert shelf.worklist(text="999.1")["rows"][0]["prior"] == films.study_uid(2)


@pytest.mark.parametrize(("known", "nobody"), [("", True), ("ANONYMOUS", True), ("0000", True), ("P1", False)])
def test_strangers_with_an_id_that_names_no_one_are_not_compared(ward: Department, known: str, nobody: bool) -> None:
    ward.send(films.film(1, 1, PatientID=known, **NOON), films.film(2, 1, PatientID=known, **MORNING))
    prior = ledger.films_of(ward.archive.database, films.study_uid(1)).prior
    assert prior == ("" if nobody else films.study_uid(2))
    assert is_nobody(known) is nobody
    assert (ledger.identity(ward.archive.database, films.study_uid(1)) is None) is nobody
    assert len(ledger.visits(ward.archive.database, films.study_uid(1))) == (1 if nobody else 2)


def test_each_set_of_films_is_ordered_once(ward: Department) -> None:
    ward.send(films.film(1, 1))
    first = ward.arrivals.look()
    assert len(first) == 1
    ward.send(films.film(1, 1))  # the same film again
    assert ward.arrivals.look() == []
    ward.send(films.film(1, 2))
    second = ward.arrivals.look()
    assert len(second) == 1
    assert second != first
    assert ward.arrivals.look() == []
    assert len(ward.jobs.rows()) == 2


def test_a_prior_that_comes_late_has_the_later_study_read_again(ward: Department) -> None:
    ward.send(films.film(1, 1, PatientID="P", **NOON))
    ward.arrivals.look()
    read(ward, 1)
    assert ward.arrivals.look() == []
    ward.send(films.film(2, 1, PatientID="P", **MORNING))
    placed = {ward.jobs.find(job).order.subject for job in ward.arrivals.look()}
    assert placed == {films.study_uid(1), films.study_uid(2)}
    read(ward, 1)
    assert ledger.row(ward.archive.database, films.study_uid(1)).signature


def test_nothing_is_ordered_before_it_is_whole(tmp_path: Path) -> None:
    ward = Department(tmp_path, settle_s=3600)
    ward.send(films.film(1, 1), films.film(2, 1))
    assert ward.arrivals.look() == []
    ward.arrivals._released_s = 0.0
    ward.arrivals.settled([films.study_uid(2)])
    assert [ward.jobs.find(job).order.subject for job in ward.arrivals.look()] == [films.study_uid(2)]
    ward.close()


def test_an_order_for_films_that_changed_or_went_comes_to_nothing(ward: Department) -> None:
    ward.send(films.film(1, 1))
    order = ledger.films_of(ward.archive.database, films.study_uid(1)).order
    ward.send(films.film(1, 2))
    with pytest.raises(Stopped, match="overtaken"):
        reader(ward).run(Ticket(order, order.id))
    assert ward.reads() == []
    now = ledger.films_of(ward.archive.database, films.study_uid(1))
    ward.archive.delete(films.study_uid(1))
    with pytest.raises(Stopped, match="deleted"):
        reader(ward).run(Ticket(now.order, now.order.id))
    with pytest.raises(MissingError):
        ledger.row(ward.archive.database, films.study_uid(1))


def test_a_film_that_comes_while_its_study_is_read_drops_the_result(ward: Department) -> None:
    ward.send(films.film(1, 1))
    came = iter([False, False])  # the second look comes when the model is done

    def cancelled() -> bool:
        if next(came, None) is None and not own_objects(ward):
            ward.send(films.film(1, 2))
        return False

    with pytest.raises(Stopped, match="while it was read"):
        read(ward, cancelled=cancelled)
    assert not folder(ward).exists()
    assert own_objects(ward) == []
    read(ward)
    assert len(results.objects_in(folder(ward), ("gsps",))) == 2


def test_a_cancelled_reading_leaves_nothing(ward: Department) -> None:
    ward.send(films.film(1, 1))
    with pytest.raises(Stopped, match="cancelled"):
        read(ward, cancelled=lambda: bool(ward.reads()))
    assert not folder(ward).exists()
    row = ledger.row(ward.archive.database, films.study_uid(1))
    reader(ward).ended(Ticket(ledger.films_of(ward.archive.database, row.study).order, row.job), "cancelled", "by A")
    assert (ward.state(1), ledger.row(ward.archive.database, row.study).reason) == ("unread", "by A")


def test_a_studys_readers_keep_their_words_when_films_are_read_again(ward: Department) -> None:
    ward.send(films.film(1, 1))
    read(ward)
    shelf = ArchiveShelf(ward.archive, ward.root)
    add = {"do": "add", "concept": "pneumothorax", "state": "present", "side": "left", "boxes": []}
    saved = shelf.save(films.study_uid(1), [add], revision=0, final=False, editor="Dr A")
    assert (saved["state"], saved["revision"]) == ("edited", 1)
    before = contents_deep(folder(ward))
    ward.send(films.film(1, 2))
    read(ward)
    assert contents_deep(folder(ward)) == before
    assert (results.beside(folder(ward)) / "study.json").is_file()
    sheet = shelf.sheet(films.study_uid(1))
    assert sheet["state"] == "edited"
    assert "beside the reader's" in sheet["reason"]
    assert {"pneumothorax", "pleural effusion"} == {item["concept"] for item in sheet["findings"]}
    assert len(sheet["films"]) == 2


def contents_deep(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_a_full_disk_passes(ward: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `write_study` cannot write is an OSError again, which the queue tries anew, not a wrong input."""
    ward.send(films.film(1, 1))
    folder(ward).parent.mkdir(parents=True)
    order = ledger.films_of(ward.archive.database, films.study_uid(1)).order
    results.unfinished(folder(ward), order.id).parent.joinpath(
        f".{results.unfinished(folder(ward), order.id).name}.partial-{os.getpid()}"
    ).write_text("in the way")
    with pytest.raises(OSError, match="exists"):
        reader(ward).run(Ticket(order, order.id))
    assert not folder(ward).exists()


def send_damaged(ward: Department, study: int, number: int) -> None:
    """A film whose header is right and whose JPEG-LS stream is not."""
    path = ward.root / "damaged.dcm"
    made.write_frame(films.film(study, number), b"\xff\xd8 no stream", path, "1.2.840.10008.1.2.4.80")
    ward.archive.store(path, source="MODALITY")


def test_one_damaged_film_does_not_cost_the_others(ward: Department) -> None:
    ward.send(films.film(1, 1), films.film(1, 3, PhotometricInterpretation="PALETTE COLOR"))
    send_damaged(ward, 1, 2)
    read(ward)
    row = ledger.row(ward.archive.database, films.study_uid(1))
    assert row.state == "read"
    assert row.reason
    assert "a film cannot be used: its pixels are PALETTE COLOR" in row.reason
    assert row.reason.count("a film") == 2
    assert ".dcm" not in row.reason
    send_damaged(ward, 2, 1)
    with pytest.raises(HilumError):
        read(ward, 2)


def test_a_study_sent_again_after_its_deletion_is_read_again(ward: Department) -> None:
    ward.send(films.film(1, 1))
    first = ward.arrivals.look()
    ward.jobs.cancel(first[0])
    ward.archive.delete(films.study_uid(1))
    assert ward.arrivals.look() == []
    ward.send(films.film(1, 1))
    again = ward.arrivals.look()
    assert len(again) == 1
    assert again != first
    assert ward.jobs.find(again[0]).order.round == 2


def test_what_we_made_ourselves_is_kept_and_never_read(ward: Department) -> None:
    ward.send(films.film(1, 1))
    read(ward)
    other = Department(ward.root / "other", settle_s=0.0)
    for path in results.objects_in(folder(ward)):
        assert other.archive.store(path, source="ELSEWHERE").film is False
    assert other.arrivals.look() == []
    assert other.state(1) == "unread"
    ward.arrivals.look()
    assert ward.arrivals.look() == []  # our own objects in the study change nothing
    other.close()


def test_what_cannot_be_read_fails_with_its_reason(ward: Department) -> None:
    send_damaged(ward, 1, 1)
    order = ledger.films_of(ward.archive.database, films.study_uid(1)).order
    both = bodies(**ward.told())
    assert set(both) == {"read", "deliver"}
    ticket = Ticket(order, order.id)
    with pytest.raises(HilumError):
        both["read"].run(ticket)
    both["read"].ended(ticket, "failed", "it cannot be decoded")
    assert ward.state(1) == "failed"
    assert ledger.row(ward.archive.database, films.study_uid(1)).reason == "it cannot be decoded"


def test_results_have_names_that_tell_nothing(tmp_path: Path) -> None:
    place = results.folder_of(tmp_path, "../../etc/passwd")
    assert place.is_relative_to(tmp_path / "readings")
    assert place.name.isalnum()
    assert results.beside(place) != place != results.unfinished(place, "job")
    with pytest.raises(MissingError):
        results.require(place)
    with pytest.raises(InputError, match="unknown kind"):
        results.objects_in(place, ("pdf",))
    results.clear(place)
    results.put(place, tmp_path / "nowhere")
    assert not os.path.lexists(tmp_path / "nowhere")


def test_what_killed_processes_left_is_swept_when_it_is_old_and_goes_with_its_study(tmp_path: Path) -> None:
    folder = results.folder_of(tmp_path, "1.2.3")
    job = results.unfinished(folder, "job")
    within = job.with_name(f".{job.name}.partial-1")  # what `write_study` itself writes to
    for path in (folder, results.beside(folder), job, within):
        path.mkdir(parents=True)
        (path / "study.json").write_text("{}", encoding="utf-8")
    os.utime(within, (0, 0))
    assert results.sweep(tmp_path, older_s=3600) == 1
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, f"{folder.name}.beside", job.name}
    assert results.sweep(tmp_path / "none", older_s=0) == 0
    assert results.erase(tmp_path, "1.2.3") == 3
    assert not any(folder.parent.iterdir())
