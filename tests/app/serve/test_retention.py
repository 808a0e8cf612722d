"""Deleting: all of a study or none, never one that is being read, and somebody is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.archive import Archive
from hilum.app.serve.archive_query import Query
from hilum.app.serve.retention import BusyError, Deleted, delete_old, delete_patient, delete_study
from hilum.core.errors import MissingError
from tests.app.serve import films


def fill(archive: Archive, folder: Path, studies: int = 3, **changes: object) -> None:
    for study in range(1, studies + 1):
        for number in (1, 2):
            archive.store([films.film_bytes(folder, study, number, **changes)], source="x")


def set_state(archive: Archive, study: int, state: str) -> None:
    change = sa.update(db.readings).where(db.readings.c.study == films.study_uid(study)).values(state=state)
    archive.database.write(lambda connection: connection.execute(change) and None)


def age(archive: Archive, study: int, days: float) -> None:
    then = time.time() - days * 86_400
    change = sa.update(db.studies).where(db.studies.c.uid == films.study_uid(study)).values(changed=then)
    archive.database.write(lambda connection: connection.execute(change) and None)


def kept(archive: Archive) -> list[str]:
    return sorted(row["StudyInstanceUID"] for row in archive.studies(Query()).rows)


def traces(root: Path, words: bytes) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_a_study_goes_with_its_files_rows_and_conflicts(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    fill(archive, tmp_path, 2)
    archive.store([films.film_bytes(tmp_path, PatientName="Other^Name")], source="x")
    told: list[tuple[str, Deleted]] = []
    gone: list[str] = []
    archive.after_delete.append(gone.append)
    result = delete_study(archive, films.study_uid(1), audit=lambda by, what: told.append((by, what)), by="anna")
    assert (result.instances, result.why) == (3, "study")
    assert result.size_bytes > 3 * 1_536
    assert told == [("anna", result)]
    assert gone == [films.study_uid(1)]
    assert kept(archive) == [films.study_uid(2)]
    assert len(list(archive.layout.root.rglob("*.dcm"))) == 2
    for table in (db.studies, db.readings, db.patients, db.series):
        assert archive.database.read(lambda c, t=table: c.scalar(sa.select(sa.func.count()).select_from(t))) == 1
    assert archive.database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(db.conflicts))) == 0
    with pytest.raises(MissingError):
        archive.delete(films.study_uid(1))


def test_nothing_of_the_name_stays_on_the_disk(tmp_path: Path) -> None:
    archive = films.archive(tmp_path)
    fill(archive, tmp_path, 1, PatientName="Quixote^Zebedee")
    assert len(traces(tmp_path, b"Zebedee")) >= 2
    archive.delete(films.study_uid(1))
    assert traces(tmp_path, b"Zebedee") == traces(tmp_path, b"zebedee") == []


def test_a_study_that_is_being_read_stays(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    fill(archive, tmp_path, 1)
    set_state(archive, 1, "reading")
    with pytest.raises(BusyError, match="being read"):
        archive.delete(films.study_uid(1))
    assert archive.path(films.sop_uid(1)).exists()
    assert list(archive.layout.trash.iterdir()) == []
    set_state(archive, 1, "read")
    assert archive.delete(films.study_uid(1)).instances == 2


def test_a_patient_goes_with_every_study(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path, 3)
    archive.store([films.film_bytes(tmp_path, 4, PatientID="P1")], source="x")
    assert len(delete_patient(archive, "P1")) == 2
    assert kept(archive) == [films.study_uid(2), films.study_uid(3)]
    with pytest.raises(MissingError, match="no study"):
        delete_patient(archive, "P1")


def test_no_patient_id_names_nobody(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path, 2, PatientID="")
    with pytest.raises(MissingError):
        delete_patient(archive, "")
    assert len(kept(archive)) == 2


def test_what_is_old_goes_and_what_is_being_read_waits(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path, 4)
    for study, days in ((1, 40), (2, 31), (3, 29)):
        age(archive, study, days)
    set_state(archive, 2, "reading")
    assert archive.stale(30) == [films.study_uid(1), films.study_uid(2)]
    told: list[str] = []
    done = delete_old(archive, 30, audit=lambda by, what: told.append(f"{by} {what.why}"))
    assert [one.study_uid for one in done] == [films.study_uid(1)]
    assert told == ["retention age"]
    assert films.study_uid(2) in kept(archive)


def test_a_deleted_study_can_be_sent_again(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path, 1)
    archive.delete(films.study_uid(1))
    fill(archive, tmp_path, 1)
    assert archive.path(films.sop_uid(1)).read_bytes() == films.film_bytes(tmp_path)
