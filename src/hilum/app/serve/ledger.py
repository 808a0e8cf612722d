"""The rows of the readings: which job is at a study, how far it is, and what came of it.

A study's films are known by their signature. What was ordered, read or overtaken is told by comparing signatures,
so that nothing hangs on a message that could get lost: the archive itself is the list of what is to be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.jobs import Order
from hilum.app.serve.work import Stopped
from hilum.core.errors import MissingError
from hilum.io.intake import is_nobody

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

READ = "read"
TOUCHED = ("edited", "final")
"""States in which a reader's hand is in the reading: no model writes over it."""
_NO_HOUR = ("", "00", "0000", "000000")


@dataclass(frozen=True)
class Row:
    """One study's reading as it stands."""

    study: str
    state: str
    reason: str
    revision: int
    progress: float | None
    attempts: int
    signature: str
    job: str
    summary: str


@dataclass(frozen=True)
class Films:
    """The films of a study and of its prior: SOP Instance UIDs, and the signature of them all."""

    study: str
    own: tuple[str, ...]
    prior: str = ""
    earlier: tuple[str, ...] = ()
    signature: str = ""

    @property
    def order(self) -> Order:
        """The order to read exactly these films."""
        return Order(READ, self.study, self.signature)


def row(database: db.Database, study: str) -> Row:
    """Return the row of one study.

    Raises:
        MissingError: if the archive does not have it.
    """
    found = database.read(lambda connection: _row(connection, study))
    if found is None:
        raise MissingError("this study is not in the archive")
    return found


def films_of(database: db.Database, study: str) -> Films:
    """Return the films to read of one study, its prior's included; `own` is empty where there are none."""
    return database.read(lambda connection: _films(connection, study))


def waiting(database: db.Database, *, quiet_s: float, soon: Sequence[str] = (), since: float = 0.0) -> list[str]:
    """Return studies whose films may not have been ordered yet.

    Args:
        database: the archive's index.
        quiet_s: only studies to which nothing was added for so many seconds.
        soon: studies that are whole although something was just added.
        since: studies in no waiting state are listed only if they changed after this time (seconds since 1970).

    Returns:
        Study Instance UIDs, the longest waiting first.
    """
    quiet = sa.or_(db.studies.c.changed <= time.time() - quiet_s, db.studies.c.uid.in_(list(soon)))
    unordered = sa.or_(sa.and_(db.readings.c.state == "waiting", db.readings.c.job == ""), db.studies.c.changed > since)
    chosen = (
        sa.select(db.studies.c.uid)
        .join(db.readings, db.readings.c.study == db.studies.c.uid)
        .where(db.studies.c.films > 0, quiet, unordered)
        .order_by(db.studies.c.changed)
    )
    return database.read(lambda connection: list(connection.scalars(chosen)))


def later_studies(database: db.Database, study: str) -> list[str]:
    """Return the patient's studies of the same or a later day: this one may be their prior."""

    def work(connection: Connection) -> list[str]:
        visits = _visits(connection, study)
        day = next((date for date, _, uid in visits if uid == study), "")
        return [uid for date, _, uid in visits if uid != study and date >= day]

    return database.read(work)


def visits(database: db.Database, study: str) -> list[str]:
    """Return the patient's studies with films, earliest first, this one among them."""
    return database.read(lambda connection: [uid for _, _, uid in sorted(_visits(connection, study))])


def ordered(database: db.Database, study: str, job: str) -> None:
    """Note which job will read a study; a reading that stands keeps its state until the job starts."""
    told = {"job": job, "reason": "", "progress": None}

    def work(connection: Connection) -> None:
        connection.execute(_update(study).values(**told))
        connection.execute(
            _update(study).where(db.readings.c.state.in_(("unread", "failed", "quarantined"))).values(state="waiting")
        )

    database.write(work)


def claim(database: db.Database, films: Films, job: str, *, attempt: int) -> Row:
    """Take a study for a job and return its row as it was.

    Raises:
        Stopped: if the study was deleted, or its films are not those of the order any more.
    """

    def work(connection: Connection) -> Row | None:
        found = _row(connection, films.study)
        if found is None or _films(connection, films.study).signature != films.signature:
            return None
        told: dict[str, Any] = {"job": job, "attempts": attempt, "started": time.time(), "progress": 0.0}
        if found.state not in TOUCHED:
            told |= {"state": "reading", "reason": ""}
        connection.execute(_update(films.study).values(**told))
        return found

    found = database.write(work)
    if found is None:
        raise Stopped("overtaken: the study was deleted or has other films now")
    return found


def progress(database: db.Database, study: str, job: str, part: float) -> None:
    """Tell how far a job is, from 0 to 1."""
    database.write(
        lambda connection: connection.execute(_update(study).where(db.readings.c.job == job).values(progress=part))
    )


@dataclass(frozen=True)
class Result:
    """What a job found: the study's new state, the reason where it was refused, and the worklist's line as JSON."""

    state: str
    reason: str = ""
    summary: str = ""


def finish(database: db.Database, films: Films, job: str, result: Result, *, place: Callable[[bool], None]) -> bool:
    """Record a result; False, and nothing is recorded, if the job was overtaken or the study deleted.

    Args:
        database, films, job: whose result it is.
        result: what came of it. A reading that a reader has touched keeps its own; a note says what lies beside it.
        place: puts the written reading in its place, in the same transaction; called with True where it belongs
            beside a reader's. It may be called twice.
    """

    def work(connection: Connection) -> bool:
        found = _row(connection, films.study)
        if found is None or found.job != job or _films(connection, films.study).signature != films.signature:
            return False
        told: dict[str, Any] = {"signature": films.signature, "progress": None, "finished": time.time()}
        if found.state in TOUCHED:
            told["reason"] = "other films were read since: the model's new reading lies beside the reader's"
        else:
            told |= {"state": result.state, "reason": result.reason, "summary": result.summary}
        connection.execute(_update(films.study).values(**told))
        place(found.state in TOUCHED)
        return True

    return database.write(work)


def give_up(database: db.Database, study: str, job: str, *, state: str, reason: str) -> None:
    """Record that a job ended without a result; a reading that stands, read or edited, stands."""
    told = {"progress": None, "finished": time.time()}

    def work(connection: Connection) -> None:
        mine = db.readings.c.job == job
        standing = db.readings.c.state.in_(TOUCHED)
        connection.execute(_update(study).where(mine).values(**told))
        connection.execute(_update(study).where(mine, sa.not_(standing)).values(state=state, reason=reason))

    database.write(work)


def saved(database: db.Database, study: str, result: Result, *, revision: int, place: Callable[[], None]) -> bool:
    """Record a reader's save on `revision` and put it in its place; False if another was saved on it first."""

    def work(connection: Connection) -> bool:
        told = {"revision": revision + 1, "state": result.state, "reason": "", "summary": result.summary}
        guarded = _update(study).where(db.readings.c.revision == revision, db.readings.c.state != "reading")
        if connection.execute(guarded.values(**told, finished=time.time())).rowcount != 1:
            return False
        place()
        return True

    return database.write(work)


@dataclass(frozen=True)
class Identity:
    """Whose study it is and when: Patient ID, Study Date and Study Time."""

    patient_id: str
    date: str
    time: str


def identity(database: db.Database, study: str) -> Identity | None:
    """Return whose study it is; None where the id names no one or the day is not known."""
    here, person = db.studies.c, db.patients.c
    joined = db.studies.join(db.patients, here.patient == person.key)
    chosen = sa.select(person.patient_id, here.date, here.time).select_from(joined).where(here.uid == study)
    found = database.read(lambda connection: connection.execute(chosen).first())
    if found is None or is_nobody(found[0]) or not found[1]:
        return None
    return Identity(*map(str, found))


def sources(database: db.Database, study: str) -> tuple[str, ...]:
    """Return who sent the films of a study."""
    here = db.instances.c
    chosen = sa.select(here.source).where(here.study == study, here.film).distinct().order_by(here.source)
    return database.read(lambda connection: tuple(str(source) for source in connection.scalars(chosen)))


def changes(database: db.Database, since: float) -> dict[str, dict[str, Any]]:
    """Return the readings that are in work or ended after `since` (seconds since 1970), by study."""
    columns = [db.readings.c[name] for name in ("study", "state", "progress", "reason", "revision")]
    live = sa.or_(
        db.readings.c.state.in_(("waiting", "reading")), db.readings.c.finished > since, db.readings.c.started > since
    )

    def work(connection: Connection) -> dict[str, dict[str, Any]]:
        return {str(one["study"]): dict(one) for one in connection.execute(sa.select(*columns).where(live)).mappings()}

    return database.read(work)


def _update(study: str) -> Any:
    return sa.update(db.readings).where(db.readings.c.study == study)


def _row(connection: Connection, study: str) -> Row | None:
    columns = [db.readings.c[name] for name in Row.__dataclass_fields__]
    found = connection.execute(sa.select(*columns).where(db.readings.c.study == study)).mappings().first()
    return Row(**found) if found else None


def _films(connection: Connection, study: str) -> Films:
    own = _digests(connection, study)
    if not own:
        return Films(study, ())
    prior = _prior(connection, study)
    earlier = _digests(connection, prior) if prior else {}
    text = "\n".join(
        [*(f"{uid} {digest}" for uid, digest in own.items()), "", *(f"{u} {d}" for u, d in earlier.items())]
    )
    return Films(study, tuple(own), prior, tuple(earlier), sha256(text.encode()).hexdigest())


def _digests(connection: Connection, study: str) -> dict[str, str]:
    chosen = sa.select(db.instances.c.uid, db.instances.c.digest).where(
        db.instances.c.study == study, db.instances.c.film
    )
    return {str(uid): str(digest) for uid, digest in connection.execute(chosen.order_by(db.instances.c.uid))}


def _visits(connection: Connection, study: str) -> list[tuple[str, str, str]]:
    """Day, hour and UID of the patient's dated studies with films; of this one alone where the id names no one."""
    here, person = db.studies.c, db.patients.c
    joined = db.studies.join(db.patients, here.patient == person.key)
    found = connection.execute(
        sa.select(here.patient, person.patient_id, here.date, here.time).select_from(joined).where(here.uid == study)
    ).first()
    if found is None:
        return []
    patient, patient_id, date, at = found
    if not date or is_nobody(patient_id):
        return [(str(date), str(at), study)]
    chosen = sa.select(here.date, here.time, here.uid).where(here.patient == patient, here.films > 0, here.date != "")
    return [(str(date), str(at), str(uid)) for date, at, uid in connection.execute(chosen)]


def _prior(connection: Connection, study: str) -> str:
    """The latest study of the patient that is strictly earlier; one without an hour is earlier by its day only."""
    visits = _visits(connection, study)
    day, hour, _ = next((visit for visit in visits if visit[2] == study), ("", "", ""))
    earlier = [
        visit
        for visit in visits
        if visit[0] < day or (visit[0] == day and visit[1] < hour and not {visit[1], hour} & set(_NO_HOUR))
    ]
    return max(earlier)[2] if earlier else ""
