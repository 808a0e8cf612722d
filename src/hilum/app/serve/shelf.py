"""The reading room's shelf over the archive: every study that came, its reading as it stands, and how to save one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve import ledger, results
from hilum.app.serve.archive import Archive
from hilum.app.serve.deliver import Destination, revision_key
from hilum.app.serve.jobs import Job, Jobs
from hilum.app.serve.reading import deliveries
from hilum.app.view import pictures
from hilum.app.view.case import Case
from hilum.app.view.edit import apply_to
from hilum.app.view.keep import read_case, write_reading
from hilum.app.view.sheet import layers_of, row_of, sheet_of
from hilum.app.view.source import Moved
from hilum.core.errors import MissingError
from hilum.core.study import Study

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

_BUSY = ("waiting", "reading")


class ArchiveShelf:
    """A `view.source.Shelf` over an archive; safe with several threads and processes.

    Args:
        archive: where the films are.
        root: readings lie in `readings/` under it.
        jobs: the queue, None where nothing is read.
        destinations: who gets a report when a reader has signed it.
        own_title: our AE title.
    """

    def __init__(
        self,
        archive: Archive,
        root: Path,
        *,
        jobs: Jobs | None = None,
        destinations: Sequence[Destination] = (),
        own_title: str = "HILUM",
    ) -> None:
        """Keep what it stands on."""
        self._archive, self._root, self._jobs = archive, root, jobs
        self._destinations, self._own_title = destinations, own_title

    def features(self) -> Mapping[str, bool]:
        """Return that there is a worklist, jobs where there is a queue, and people who sign out."""
        return {"worklist": True, "jobs": self._jobs is not None, "signout": True}

    def start(self) -> str:
        """Return '': the page begins with the worklist."""
        return ""

    def worklist(self, *, text: str = "", state: str = "", limit: int = 100, offset: int = 0) -> dict[str, Any]:
        """Return {total, rows}, newest study first; `text` is looked for in names, ids, accession and findings."""
        joined = db.readings.join(db.studies, db.readings.c.study == db.studies.c.uid).join(
            db.patients, db.studies.c.patient == db.patients.c.key
        )
        matches = _matching(text, state if self._jobs is not None or state != "unread" else "waiting")
        counted = sa.select(sa.func.count()).select_from(joined).where(*matches)
        chosen = sa.select(*_COLUMNS).select_from(joined).where(*matches)
        chosen = chosen.order_by(db.studies.c.date.desc(), db.studies.c.time.desc(), db.studies.c.uid)

        def work(connection: Connection) -> tuple[int, list[dict[str, Any]]]:
            found = connection.execute(chosen.limit(limit).offset(offset)).mappings()
            return connection.scalar(counted) or 0, [_line(dict(one)) for one in found]

        total, rows = self._archive.database.read(work)
        return {"total": total, "rows": [{**row, "state": self._shown(row["state"])} for row in rows]}

    def _shown(self, state: str) -> str:
        """Where nothing is ever read, a study does not wait for it."""
        return "unread" if self._jobs is None and state in _BUSY else state

    def sheet(self, study_id: str) -> dict[str, Any]:
        """Return the Sheet of a study with the patient's course."""
        return self._sheet(self.case(study_id))

    def dicom(self, study_id: str, film_id: str) -> Path:
        """Return a film as it came."""
        return Path(pictures.film_of(self.case(study_id), film_id).source)

    def thumbnail(self, study_id: str, film_id: str) -> bytes:
        """Return a film as a small PNG."""
        return pictures.thumbnail(pictures.film_of(self.case(study_id), film_id))

    def layer(self, study_id: str, film_id: str, name: str) -> bytes:
        """Return a layer of a film as a PNG."""
        case = self.case(study_id)
        found = layers_of(pictures.film_of(case, film_id), case).get(name)
        if found is None:
            raise MissingError(f"the film has no layer '{name[:40]}'")
        return pictures.layer(found)

    def file(self, study_id: str, name: str) -> Path:
        """Return a file that was written about a study, by a name that is listed."""
        folder = self.case(study_id).folder
        listed = {path.name: path for path in folder.iterdir() if path.is_file()} if folder else {}
        if name not in listed or name.startswith("."):
            raise MissingError(f"no file '{name[:80]}' was written about this study")
        return listed[name]

    def draft(self, study_id: str, actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the Sheet as it would be after some actions."""
        return self._sheet(apply_to(self._ready(study_id), actions, editor="you", when=_now()))

    def save(
        self, study_id: str, actions: Sequence[Mapping[str, Any]], *, revision: int, final: bool, editor: str
    ) -> dict[str, Any]:
        """Write the reading after some actions, all or nothing; a final one goes to the archive and on from there."""
        case = self._ready(study_id)
        row = ledger.row(self._archive.database, study_id)
        if case.revision != revision:
            raise Moved(f"the study was saved meanwhile: you saw revision {revision}, it is at {case.revision}")
        when = _now()
        folder = results.folder_of(self._root, study_id)
        partial = results.unfinished(folder, uuid4().hex)
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            edited = apply_to(case, actions, editor=editor, when=when)
            kept = write_reading(partial, edited, final=final, editor=editor, when=when)
            results.make_durable(partial)
            result = ledger.Result(kept.state, "", results.summary_of(row_of(kept)))
            placed = ledger.saved(
                self._archive.database, study_id, result,
                revision=row.revision, place=lambda: results.put(partial, folder),
            )  # fmt: skip
        finally:
            results.clear(partial)
        if not placed:
            raise Moved("the study was saved or read again meanwhile: load it again, then save")
        if final:
            self._send_on(study_id, row.signature, row.revision + 1)
        return self.sheet(study_id)

    def cancel(self, job_id: str, *, by: str) -> Job:
        """Cancel a job for somebody, and say so in the worklist.

        Raises:
            MissingError: if there is none of that id, or no queue.
            InputError: if it has ended.
        """
        job = self._queue().cancel(job_id)
        if job.order.kind == ledger.READ:
            reason = f"reading cancelled by {by}"
            ledger.give_up(self._archive.database, job.order.subject, job_id, state="unread", reason=reason)
        return job

    def retry(self, job_id: str) -> Job:
        """Do a job again, and show its study as waiting.

        Raises:
            MissingError: if there is none of that id, or no queue.
        """
        job = self._queue().retry(job_id)
        if job.order.kind == ledger.READ and job.state == "waiting":
            ledger.ordered(self._archive.database, job.order.subject, job.id)
        return job

    def forget(self, study_id: str) -> None:
        """Delete what was written about a study and its jobs; the archive calls this when it deletes the films."""
        if self._jobs is not None:
            self._jobs.forget(subject=study_id)
        results.erase(self._root, study_id)

    def case(self, study_id: str) -> Case:
        """Return a study as it stands: its films from the archive, its reading where there is one.

        Raises:
            MissingError: if it is not in the archive.
        """
        row = ledger.row(self._archive.database, study_id)
        films = ledger.films_of(self._archive.database, study_id)
        study, failed = results.study_of(self._archive, study_id, films.own)
        paths = {film.id: Path(film.source) for film in study.films}
        folder = results.folder_of(self._root, study_id)
        if (folder / "study.json").is_file():
            case = read_case(folder, prior=self._study)
            study = replace(case.study, images=_as_read(study, case.study))
            state = shown if (shown := self._shown(row.state)) != "unread" else case.state
            return replace(case, study=study, films=paths, state=state, reason=row.reason or case.reason)
        return Case(
            study, state=self._shown(row.state), reason=row.reason, films=paths, keep_identifiers=True,
            refused=tuple((film, reason) for film, reason in failed.items()),
        )  # fmt: skip

    def _study(self, uid: str) -> Study | None:
        try:
            return replace(self.case(uid).study, prior=None)
        except MissingError:
            return None

    def _ready(self, study_id: str) -> Case:
        case = self.case(study_id)
        if case.state in _BUSY or not case.study.films:
            raise Moved("the study is still being read: what you do now would be lost")
        return case

    def _sheet(self, case: Case) -> dict[str, Any]:
        uid = case.study.id
        visits = ledger.visits(self._archive.database, uid)
        timeline = [case if visit == uid else self.case(visit) for visit in visits] or [case]
        return sheet_of(case, timeline=timeline, key=uid, name=self._label(uid))

    def _label(self, study_id: str) -> str:
        joined = db.studies.join(db.patients, db.studies.c.patient == db.patients.c.key)
        chosen = sa.select(db.patients.c.name, db.patients.c.patient_id).select_from(joined)
        chosen = chosen.where(db.studies.c.uid == study_id)
        found = self._archive.database.read(lambda connection: connection.execute(chosen).first())
        return _called(found[0], found[1], study_id) if found else study_id

    def _queue(self) -> Jobs:
        if self._jobs is None:
            raise MissingError("this server has no jobs")
        return self._jobs

    def _send_on(self, study_id: str, signature: str, revision: int) -> None:
        results.keep_own(self._archive, results.folder_of(self._root, study_id))
        if self._jobs is None:
            return
        key = revision_key(signature, revision)
        orders = deliveries(self._archive, study_id, key, self._destinations, own_title=self._own_title)
        for order in orders:
            self._jobs.submit(order)


_COLUMNS = (
    *(db.readings.c[name] for name in ("study", "state", "reason", "revision", "progress", "summary")),
    *(db.studies.c[name] for name in ("date", "time", "arrived")),
    *(db.patients.c[name] for name in ("name", "patient_id")),
)


def _matching(text: str, state: str) -> list[ColumnElement[bool]]:
    """Conditions of the worklist: every word somewhere, and the state."""
    found: list[ColumnElement[bool]] = [db.readings.c.state == state] if state else []
    searched = (
        *(db.patients.c.name_folded, db.patients.c.patient_id, db.studies.c.accession),
        *(db.studies.c.uid, db.studies.c.date, db.readings.c.summary),
    )
    words = (sa.or_(*(column.icontains(word, autoescape=True) for column in searched)) for word in text.split())
    return [*found, *words]


def _line(one: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the worklist from the index alone: no file is opened."""
    told = json.loads(one["summary"]) if one["summary"] else {"views": [], "present": [], "prior": None}
    return {
        "id": one["study"], "label": _called(one["name"], one["patient_id"], one["study"]),
        "patient": one["patient_id"], "time": _moment(one["date"], one["time"]), "state": one["state"],
        "reason": one["reason"], "edited": one["revision"] > 0, "progress": one["progress"],
        "arrived": datetime.fromtimestamp(one["arrived"], UTC).isoformat(timespec="seconds"),
        **{name: told.get(name) for name in results.SHOWN},
    }  # fmt: skip


def _called(name: str, patient_id: str, study: str) -> str:
    """What people call a study: the patient's name as it is spoken, else the id, else its UID."""
    spoken = " ".join(part for part in name.partition("=")[0].split("^") if part)
    return spoken or patient_id or study


def _moment(date: str, time: str) -> str:
    """A DICOM date and time in ISO 8601 to the minute."""
    if len(date) != 8:
        return ""
    day = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return f"{day}T{time[:2]}:{time[2:4]}" if len(time) >= 4 else day


def _as_read(here: Study, read: Study) -> tuple[Any, ...]:
    """The archive's films with the views that the reading gave them."""
    views = {film.id: film.view for film in read.films}
    return tuple(
        film.with_view(views[film.id]) if film.id in views and views[film.id] != film.view else film
        for film in here.films
    )


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
