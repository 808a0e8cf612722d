"""The index: one schema whatever opens it, and transactions that wait for a lock or a restart."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.core.errors import InputError
from tests.app.serve import films
from tests.app.serve.cluster import Cluster

PATIENT = {"key": "k", "patient_id": "P", "issuer": "", "name": "A", "name_folded": "a", "birth_date": "", "sex": ""}


def patients(database: db.Database) -> list[str]:
    return database.read(lambda connection: list(connection.scalars(sa.select(db.patients.c.key))))


def add(key: str) -> Any:
    return lambda connection: db.insert_once(connection, db.patients, {**PATIENT, "key": key})


def test_a_new_database_gets_the_tables_and_an_old_one_keeps_its_rows(tmp_path: Path, url: str) -> None:
    with_rows = films.database(tmp_path, url)
    assert with_rows.write(add("k"))
    with_rows.close()
    again = films.database(tmp_path, url)
    assert patients(again) == ["k"]
    assert set(sa.inspect(again.engine).get_table_names()) == set(db.METADATA.tables)
    assert not again.write(add("k"))


def test_a_later_step_runs_once(tmp_path: Path, url: str) -> None:
    database = films.database(tmp_path, url)
    database.write(add("k"))

    def second(connection: sa.Connection) -> None:
        connection.execute(sa.text("ALTER TABLE patients ADD COLUMN weight_kg INTEGER"))

    for _ in range(2):
        assert database.write(lambda c: db.migrate(database, c, steps=(*db.STEPS, second))) == 2
    columns = [column["name"] for column in sa.inspect(database.engine).get_columns("patients")]
    assert columns.count("weight_kg") == 1
    assert patients(database) == ["k"]
    with pytest.raises(InputError, match="schema version 2"):
        films.database(tmp_path, url)


def test_a_step_that_fails_leaves_the_schema_as_it_was(tmp_path: Path, url: str) -> None:
    database = films.database(tmp_path, url)

    def wrong(connection: sa.Connection) -> None:
        connection.execute(sa.text("ALTER TABLE patients ADD COLUMN height_cm INTEGER"))
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        database.write(lambda c: db.migrate(database, c, steps=(*db.STEPS, wrong)))
    columns = [column["name"] for column in sa.inspect(database.engine).get_columns("patients")]
    assert "height_cm" not in columns


@pytest.mark.parametrize("url", ["mysql://root@host/x", "sqlite://", "sqlite:///:memory:", "index.db", "oracle://x"])
def test_other_databases_are_refused_with_what_was_expected(url: str) -> None:
    with pytest.raises(InputError, match="sqlite:///PATH"):
        db.open_database(url)


def test_the_file_is_for_its_owner_only_and_a_folder_is_made(tmp_path: Path) -> None:
    films.database(tmp_path, f"sqlite:///{tmp_path / 'a' / 'b' / 'index.db'}")
    assert (tmp_path / "a" / "b" / "index.db").stat().st_mode & 0o077 == 0


def test_sqlite_is_set_to_keep_what_it_acknowledged(tmp_path: Path) -> None:
    database = films.database(tmp_path)
    told = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 30_000}
    with database.engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in told}
    assert found == told


def test_writers_wait_for_each_other(tmp_path: Path, url: str) -> None:
    database, other = films.database(tmp_path, url), films.database(tmp_path, url)
    counted = sa.update(db.patients).values(issuer=db.patients.c.issuer + "x")
    database.write(add("k"))

    def count(of: db.Database) -> None:
        for _ in range(20):
            of.write(lambda connection: connection.execute(counted) and None)

    threads = [threading.Thread(target=count, args=(one,)) for one in (database, other, database)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.read(lambda c: c.scalar(sa.select(db.patients.c.issuer))) == "x" * 60


def test_a_failed_transaction_leaves_nothing(tmp_path: Path, url: str) -> None:
    database = films.database(tmp_path, url)

    def work(connection: sa.Connection) -> None:
        add("k")(connection)
        raise KeyError("no")

    with pytest.raises(KeyError):
        database.write(work)
    assert patients(database) == []


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(db.UnavailableError, match="did not answer") as told:
        db.open_database("postgresql://hilum:secret@127.0.0.1:9/none", patience_s=0.1)
    assert "secret" not in str(told.value)


@pytest.mark.slow
def test_a_restart_of_the_database_is_waited_for(cluster: Cluster, tmp_path: Path) -> None:
    archive = films.archive(tmp_path, cluster.fresh())
    archive.store([films.film_bytes(tmp_path)], source="x")
    cluster.stop("fast")
    outcomes: list[str] = []

    def store() -> None:
        sent = ([films.film_bytes(tmp_path, number=number)] for number in (1, 2, 3))
        outcomes.extend(archive.store(one, source="x").outcome for one in sent)

    storing = threading.Thread(target=store)
    storing.start()
    time.sleep(0.5)
    assert outcomes == []
    cluster.start()
    storing.join(timeout=30)
    assert outcomes == ["same", "new", "new"]
    cluster.stop("immediate")
    cluster.start()  # connections in the pool are dead now
    assert archive.store([films.film_bytes(tmp_path, number=4)], source="x").outcome == "new"
    assert archive.sweep().missing == ()
