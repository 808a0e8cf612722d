"""The archive: what it keeps, what it refuses, and what is left after a crash."""

from __future__ import annotations

from pathlib import Path

from tests.app.serve import films

from hilum.app.serve.archive_query import Query  # isort: skip


def test_a_film_is_kept_byte_for_byte(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    data = films.film_bytes(tmp_path)
    stored = archive.store([data[:100], data[100:]], source="CT1")
    assert stored.outcome == "new"
    assert stored.film
    assert archive.path(films.sop_uid(1)).read_bytes() == data
    (row,) = archive.studies(Query()).rows
    assert (row["StudyInstanceUID"], row["PatientID"]) == (films.study_uid(1), "P1")
    assert (row["NumberOfStudyRelatedSeries"], row["NumberOfStudyRelatedInstances"]) == (1, 1)
