"""The rows of the readings, on SQLite and PostgreSQL: claimed, finished, given up and saved without losing a word."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")

from hilum.app.serve import ledger
from hilum.app.serve.archive import Archive
from hilum.app.serve.work import Stopped
from hilum.core.errors import MissingError
from tests.app.serve import films

ONE = films.study_uid(1)
READ = ledger.Result("read", "", '{"present": []}')


@pytest.fixture
def kept(tmp_path: Path, url: str) -> Iterator[Archive]:
    """One film of one study, on each kind of database."""
    made = films.archive(tmp_path, url)
    send(made, tmp_path, 1, 1)
    yield made
    made.database.close()


def send(archive: Archive, folder: Path, study: int, number: int, **changes: str) -> None:
    archive.store([films.film_bytes(folder, study, number, **changes)], source="MODALITY")


def films_now(archive: Archive, study: int = 1) -> ledger.Films:
    return ledger.films_of(archive.database, films.study_uid(study))


def row(archive: Archive) -> ledger.Row:
    return ledger.row(archive.database, ONE)


def test_a_study_goes_from_waiting_to_read(kept: Archive) -> None:
    database, now = kept.database, films_now(kept)
    assert row(kept).state == "waiting"
    assert ledger.waiting(database, quiet_s=0.0, since=time.time() + 60) == [ONE]
    ledger.ordered(database, ONE, now.order.id)
    assert ledger.waiting(database, quiet_s=0.0, since=time.time() + 60) == []
    assert ledger.claim(database, now, now.order.id, attempt=2).state == "waiting"
    ledger.progress(database, ONE, now.order.id, 0.5)
    ledger.progress(database, ONE, "another job", 0.9)
    assert (row(kept).state, row(kept).progress, row(kept).attempts) == ("reading", 0.5, 2)
    placed: list[bool] = []
    assert ledger.finish(database, now, now.order.id, READ, place=placed.append)
    assert placed == [False]
    assert (row(kept).state, row(kept).progress, row(kept).signature) == ("read", None, now.signature)


def test_a_result_of_another_job_or_of_other_films_is_not_recorded(kept: Archive, tmp_path: Path) -> None:
    database, now = kept.database, films_now(kept)
    ledger.claim(database, now, "first", attempt=1)
    ledger.claim(database, now, "second", attempt=1)
    placed: list[bool] = []
    assert not ledger.finish(database, now, "first", READ, place=placed.append)
    send(kept, tmp_path, 1, 2)
    assert not ledger.finish(database, now, "second", READ, place=placed.append)
    with pytest.raises(Stopped):
        ledger.claim(database, now, "third", attempt=1)
    assert placed == []
    assert row(kept).state == "reading"


def test_a_failure_in_placing_leaves_the_row_as_it_was(kept: Archive) -> None:
    database, now = kept.database, films_now(kept)
    ledger.claim(database, now, "job", attempt=1)

    def breaks(touched: bool) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        ledger.finish(database, now, "job", READ, place=breaks)
    assert (row(kept).state, row(kept).signature) == ("reading", "")


@pytest.mark.parametrize("state", ledger.TOUCHED)
def test_a_readers_hand_stays(kept: Archive, state: str) -> None:
    database, now = kept.database, films_now(kept)
    assert ledger.saved(database, ONE, ledger.Result(state, "", "mine"), revision=0, place=lambda: None)
    ledger.ordered(database, ONE, "job")
    ledger.claim(database, now, "job", attempt=1)
    assert row(kept).state == state
    placed: list[bool] = []
    assert ledger.finish(database, now, "job", READ, place=placed.append)
    assert placed == [True]
    assert (row(kept).state, row(kept).summary, row(kept).revision) == (state, "mine", 1)
    ledger.give_up(database, ONE, "job", state="failed", reason="no")
    assert row(kept).state == state


def test_giving_up_is_only_for_ones_own_job(kept: Archive) -> None:
    database, now = kept.database, films_now(kept)
    ledger.claim(database, now, "job", attempt=1)
    ledger.give_up(database, ONE, "another", state="failed", reason="no")
    assert row(kept).state == "reading"
    ledger.give_up(database, ONE, "job", state="quarantined", reason="set aside")
    assert (row(kept).state, row(kept).reason) == ("quarantined", "set aside")
    ledger.ordered(database, ONE, "again")
    assert (row(kept).state, row(kept).reason) == ("waiting", "")


def test_of_many_who_save_at_once_one_does(kept: Archive) -> None:
    ledger.claim(kept.database, films_now(kept), "job", attempt=1)
    assert not ledger.saved(kept.database, ONE, READ, revision=0, place=lambda: None)  # it is being read
    ledger.give_up(kept.database, ONE, "job", state="failed", reason="")
    places: list[int] = []

    def save(who: int) -> bool:
        result = ledger.Result("edited", "", str(who))
        return ledger.saved(kept.database, ONE, result, revision=0, place=lambda: places.append(who))

    with ThreadPoolExecutor(8) as readers:
        done = list(readers.map(save, range(8)))
    assert sum(done) == 1
    assert places == [done.index(True)]
    assert (row(kept).revision, row(kept).summary) == (1, str(done.index(True)))


def test_signatures_know_the_films_and_their_prior(kept: Archive, tmp_path: Path) -> None:
    alone = films_now(kept)
    assert (alone.own, alone.prior, alone.earlier) == ((films.sop_uid(1, 1),), "", ())
    send(kept, tmp_path, 1, 1)  # the same again
    assert films_now(kept) == alone
    send(kept, tmp_path, 2, 1, PatientID="P1", StudyDate="20230101")
    with_prior = films_now(kept)
    assert with_prior.prior == films.study_uid(2)
    assert with_prior.signature != alone.signature
    assert replace(with_prior, signature=alone.signature).own == alone.own
    send(kept, tmp_path, 2, 2, PatientID="P1", StudyDate="20230101")
    assert films_now(kept).signature != with_prior.signature
    assert ledger.later_studies(kept.database, films.study_uid(2)) == [ONE]
    assert ledger.later_studies(kept.database, ONE) == []
    assert ledger.visits(kept.database, ONE) == [films.study_uid(2), ONE]


@pytest.mark.parametrize(
    ("date", "hour", "prior"),
    [
        ("20240102", "101111", True),
        ("20240102", "101112", False),  # the same second
        ("20240102", "101113", False),
        ("20240102", "000000", False),  # an hour that is not known
        ("20240102", "", False),
        ("20240101", "", True),
        ("20240103", "080000", False),
        ("", "080000", False),
    ],
)
def test_a_prior_is_strictly_earlier(tmp_path: Path, date: str, hour: str, prior: bool) -> None:
    kept = films.archive(tmp_path)
    send(kept, tmp_path, 1, 1)
    send(kept, tmp_path, 2, 1, PatientID="P1", StudyDate=date, StudyTime=hour)
    assert (films_now(kept).prior == films.study_uid(2)) is prior
    kept.database.close()


def test_changes_are_what_is_in_work_or_ended_lately(kept: Archive, tmp_path: Path) -> None:
    database, now = kept.database, films_now(kept)
    assert set(ledger.changes(database, time.time())) == {ONE}  # it waits
    ledger.claim(database, now, "job", attempt=1)
    assert ledger.changes(database, time.time())[ONE]["state"] == "reading"
    before = time.time() - 1
    ledger.finish(database, now, "job", READ, place=lambda touched: None)
    assert ledger.changes(database, before)[ONE]["state"] == "read"
    assert ledger.changes(database, time.time() + 60) == {}


def test_what_is_not_here_is_missing(kept: Archive) -> None:
    with pytest.raises(MissingError):
        ledger.row(kept.database, "1.2.3.4")
    assert ledger.films_of(kept.database, "1.2.3.4").own == ()
    assert ledger.visits(kept.database, "1.2.3.4") == []
    assert ledger.identity(kept.database, "1.2.3.4") is None
    assert ledger.sources(kept.database, "1.2.3.4") == ()
    assert ledger.sources(kept.database, ONE) == ("MODALITY",)
    assert ledger.identity(kept.database, ONE) == ledger.Identity("P1", "20240102", "101112")
