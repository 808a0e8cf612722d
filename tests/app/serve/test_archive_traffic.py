"""Everything at once: films come, studies go, others search; what is left must always make sense."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.app.serve import database as db
from hilum.app.serve.archive import Archive, Swept
from hilum.app.serve.archive_query import Query
from hilum.app.serve.retention import delete_study
from hilum.core.errors import MissingError
from tests.app.serve import films


def consistent(archive: Archive) -> None:
    """Rows and files belong together, and every count is the count."""

    def work(connection: sa.Connection) -> tuple[list[sa.RowMapping], ...]:
        tables = (db.instances, db.series, db.studies, db.patients, db.readings)
        return tuple(list(connection.execute(sa.select(table)).mappings()) for table in tables)

    instances, series, studies, patients, readings = archive.database.read(work)
    on_disk = {path.stem: path.stat().st_size for path in archive.layout.instances.rglob("*.dcm")}
    assert on_disk == {row["file"]: row["size_bytes"] for row in instances}
    assert Counter(row["series"] for row in instances) == {row["uid"]: row["instances"] for row in series}
    assert Counter(row["study"] for row in instances) == {row["uid"]: row["instances"] for row in studies}
    films_of = Counter(row["study"] for row in instances if row["film"])
    assert films_of == Counter({row["uid"]: row["films"] for row in studies if row["films"]})
    assert Counter(row["study"] for row in series) == {row["uid"]: row["series"] for row in studies}
    assert {row["key"] for row in patients} == {row["patient"] for row in studies}
    assert {row["study"] for row in readings} == {row["uid"] for row in studies}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["CR", "DX"])),
        st.tuples(st.just("again"), st.integers(1, 3), st.integers(1, 3), st.just("CR")),
        st.tuples(st.just("delete"), st.integers(1, 3), st.just(0), st.just("")),
        st.tuples(st.just("crash"), st.integers(1, 3), st.integers(1, 3), st.just("CR")),
        st.tuples(st.just("sweep"), st.just(0), st.just(0), st.just("")),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=12)
@given(steps=steps)
def test_any_order_of_events_leaves_a_consistent_archive(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, str]]
) -> None:
    """A plain dictionary is the model: the first content under a UID stands until its study is deleted."""
    folder = tmp_path_factory.mktemp("steps")
    archive, model = films.archive(folder), dict[str, bytes]()
    for what, study, number, modality in steps:
        uid = films.sop_uid(study, number, series=1 if modality == "CR" else 2)
        data = b""
        if what in ("store", "again", "crash"):
            series = 1 if modality == "CR" else 2
            name = "Doe^Again" if what == "again" else "Doe^Jane"
            data = films.film_bytes(folder, study, number, series=series, Modality=modality, PatientName=name)
        if what in ("store", "again"):
            expected = "new" if uid not in model else "same" if model[uid] == data else "conflict"
            assert archive.store([data], source="x").outcome == expected
            model.setdefault(uid, data)
        elif what == "crash" and uid not in model:
            path = archive.layout.path(uid)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            archive.sweep()
            model[uid] = data
        elif what == "delete":
            inside = [uid for uid in model if uid.startswith(films.study_uid(study) + ".")]
            if inside:
                archive.delete(films.study_uid(study))
            else:
                with pytest.raises(MissingError):
                    archive.delete(films.study_uid(study))
            model = {uid: data for uid, data in model.items() if uid not in inside}
        elif what == "sweep":
            assert archive.sweep() == Swept()
    consistent(archive)
    assert {row["SOPInstanceUID"] for row in archive.instances(Query()).rows} == set(model)
    assert all(archive.path(uid).read_bytes() == data for uid, data in model.items())


@pytest.mark.slow
def test_storing_deleting_and_searching_at_once(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    data = {(s, n): films.film_bytes(tmp_path, s, n) for s in (1, 2, 3) for n in (1, 2, 3, 4)}
    wrong: list[BaseException] = []

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            wrong.append(error)

    def store() -> None:
        for film in data.values():
            archive.store([film], source="x")

    def delete() -> None:
        for _ in range(4):
            for study in (1, 2, 3):
                try:
                    delete_study(archive, films.study_uid(study), shred=False)
                except MissingError:
                    continue

    def look() -> None:
        for _ in range(20):
            rows = archive.studies(Query()).rows
            assert all(row["NumberOfStudyRelatedInstances"] >= 1 for row in rows)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (store, store, delete, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    consistent(archive)
    store()
    consistent(archive)
    assert len(archive.instances(Query()).rows) == 12
    assert archive.sweep() == Swept()


def test_an_order_of_arrival_does_not_change_the_index(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    sent = [
        films.film_bytes(tmp_path, 1, n, series=s, Modality=m) for n in (1, 2, 3) for s, m in ((1, "CR"), (2, "DX"))
    ]
    found = []
    for attempt in range(3):
        archive = films.archive(tmp_path / str(attempt))
        for index in draw.permutation(len(sent)):
            archive.store([sent[index]], source="x")
        consistent(archive)
        found.append((archive.studies(Query()).rows, archive.series(Query()).rows, archive.instances(Query()).rows))
    assert found[0] == found[1] == found[2]
    assert found[0][0][0]["ModalitiesInStudy"] == "\\CR\\DX\\"
