"""The shelf of one machine: studies from a folder, from films or made on the spot, saved as folders."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any

from hilum.app.view import pictures
from hilum.app.view.case import Case
from hilum.app.view.edit import apply_to
from hilum.app.view.events import Bell
from hilum.app.view.keep import RECORD, read_case, write_reading
from hilum.app.view.sheet import layers_of, of_dicom, row_of, sheet_of
from hilum.app.view.source import Moved, ReadOnly
from hilum.core.errors import MissingError
from hilum.core.study import Study

_KEPT = 6
"""Studies whose records stay in memory."""


@dataclass
class Entry:
    """One study of the shelf.

    Args:
        key: its id on the page.
        load: gives the case as it came, before any reader; None while it is being made.
        folder: where its reading is, or will be, saved.
        prior: key of the patient's study before it, '' for none.
        time: when it was taken, for the order of the list.
        state: where a case does not say it itself: 'waiting', 'reading', 'failed', or '' .
        reason, progress, arrived: as in the worklist.
        name: what to call it.
    """

    key: str
    load: Callable[[], Case] | None
    folder: Path
    prior: str = ""
    time: datetime | None = None
    state: str = ""
    reason: str = ""
    progress: float | None = None
    arrived: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    name: str = ""


class LocalShelf:
    """A `Shelf` over entries; safe to use from several threads.

    Args:
        entries: the studies.
        start: key of the one to open first.
        readonly: refuse to save.
        bell: where news is told.
    """

    def __init__(
        self, entries: Iterable[Entry] = (), *, start: str = "", readonly: bool = False, bell: Bell | None = None
    ) -> None:
        self.bell = bell or Bell()
        self.readonly = readonly
        self._lock = RLock()
        self._entries = {entry.key: entry for entry in entries}
        self._start = start
        self._cases: OrderedDict[str, tuple[int, Case]] = OrderedDict()
        self._rows: dict[str, tuple[int, dict[str, Any]]] = {}
        self._films = tempfile.TemporaryDirectory(prefix="hilum-view-", ignore_cleanup_errors=True)

    def close(self) -> None:
        """End streams and remove what was made for showing."""
        self.bell.close()
        self._films.cleanup()

    def add(self, entry: Entry) -> None:
        """Put one more study on the shelf, or another in its place."""
        with self._lock:
            self._entries[entry.key] = entry
            self._forget(entry.key)
        self.bell.ring(entry.key, entry.state or "unread", progress=entry.progress, reason=entry.reason)

    def tell(self, key: str, **changes: Any) -> None:
        """Change what is known of a study's making (load, state, reason, progress) and tell the pages."""
        with self._lock:
            entry = self._entries[key] = replace(self._entries[key], **changes)
            self._forget(key)
        state = entry.state or (self.case(key).state if entry.load else "waiting")
        self.bell.ring(key, state, progress=entry.progress, reason=entry.reason)

    def open_first(self, key: str) -> None:
        """Name the study to open first."""
        self._start = key

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all studies in the order they came."""
        with self._lock:
            return tuple(self._entries)

    def features(self) -> Mapping[str, bool]:
        """Return that there is a list where there is more than one study, and never jobs."""
        return {"worklist": len(self._entries) > 1, "jobs": False}

    def start(self) -> str:
        """Return the study to open first: the named one, or while that is being made the first one that is there."""
        if len(self._entries) == 1:
            return next(iter(self._entries))
        known = self._entries.get(self._start)
        if known is None or _there(known):
            return self._start if known is not None else ""
        return next((key for key, entry in self._entries.items() if _there(entry)), "")

    def worklist(self, *, text: str = "", state: str = "", limit: int = 100, offset: int = 0) -> dict[str, Any]:
        """Return {total, rows}, newest first; studies without a time stay in their order, last."""
        with self._lock:
            entries = list(self._entries.values())
        entries.sort(key=lambda entry: entry.time or datetime.min, reverse=True)
        if not (text or state):
            return {"total": len(entries), "rows": [self._row(entry) for entry in entries[offset : offset + limit]]}
        wanted = text.casefold().split()
        rows = [row for row in map(self._row, entries) if _matches(row, wanted, state)]
        return {"total": len(rows), "rows": rows[offset : offset + limit]}

    def sheet(self, study_id: str) -> dict[str, Any]:
        """Return the Sheet of a study; an empty one while it is being made."""
        return self._sheet(study_id, self.case(study_id))

    def dicom(self, study_id: str, film_id: str) -> Path:
        """Return a film's DICOM file: the kept one, the given one where identity may be shown, else a copy without."""
        case = self.case(study_id)
        film = pictures.film_of(case, film_id)
        if film_id in case.films:
            return case.films[film_id]
        if case.keep_identifiers and of_dicom(film):
            return Path(film.source)
        name = sha256(f"{study_id}/{film_id}".encode()).hexdigest()
        path = Path(self._films.name) / f"{name}.dcm"
        if not path.is_file():
            pictures.write_dicom(case, film, path)
        return path

    def thumbnail(self, study_id: str, film_id: str) -> bytes:
        """Return a film as a PNG of at most 256 pixels a side."""
        return pictures.thumbnail(pictures.film_of(self.case(study_id), film_id))

    def layer(self, study_id: str, film_id: str, name: str) -> bytes:
        """Return a layer of a film as a PNG."""
        case = self.case(study_id)
        layer = layers_of(pictures.film_of(case, film_id), case).get(name)
        if layer is None:
            raise MissingError(f"the film has no layer '{name[:40]}'")
        return pictures.layer(layer)

    def file(self, study_id: str, name: str) -> Path:
        """Return a file of a study's folder, by a name that is listed there."""
        folder = self.case(study_id).folder
        listed = {path.name: path for path in folder.iterdir() if path.is_file()} if folder else {}
        if name not in listed or name.startswith(".") or listed[name].is_symlink():
            raise MissingError(f"no file '{name[:80]}' was written about this study: save it first")
        return listed[name]

    def draft(self, study_id: str, actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the Sheet as it would be after some actions."""
        case = self._ready(study_id)
        return self._sheet(study_id, apply_to(case, actions, editor="you", when=_now()))

    def save(
        self, study_id: str, actions: Sequence[Mapping[str, Any]], *, revision: int, final: bool, editor: str
    ) -> dict[str, Any]:
        """Apply actions and write the study's folder; the next one who opens it sees it as saved."""
        if self.readonly:
            raise ReadOnly("this page was started to look only: start it without --readonly to save")
        with self._lock:
            entry, case = self._entry(study_id), self._ready(study_id)
            if case.revision != revision:
                raise Moved(f"the study was saved meanwhile: you saw revision {revision}, it is at {case.revision}")
            when = _now()
            edited = apply_to(case, actions, editor=editor, when=when)
            write_reading(entry.folder, edited, final=final, editor=editor, when=when)
            self._forget(study_id)
            saved = self.case(study_id)
        self.bell.ring(study_id, saved.state)
        return self._sheet(study_id, saved)

    def case(self, study_id: str) -> Case:
        """Return a study as it is now: as saved, as it came, or empty while it is being made.

        Raises:
            MissingError: if there is none of that id.
            InputError: if its record is damaged.
        """
        with self._lock:
            entry = self._entry(study_id)
            stamp = _stamp(entry.folder)
            held = self._cases.get(study_id)
            if held is not None and held[0] == stamp:
                self._cases.move_to_end(study_id)
                return held[1].fresh()
            case = self._load(entry, stamp)
            self._cases[study_id] = (stamp, case)
            while len(self._cases) > _KEPT:
                self._cases.popitem(last=False)
            return case.fresh()

    def _load(self, entry: Entry, stamp: int) -> Case:
        made = entry.load() if entry.load is not None else None
        if stamp:
            saved = read_case(entry.folder, prior=lambda _: self._study(entry.prior))
            if made is None or {film.id for film in made.study.films} == {film.id for film in saved.study.films}:
                return _with_layers(saved, made) if saved.revision or made is None else made
        if made is None:
            return Case(Study(entry.key), state=entry.state or "waiting", reason=entry.reason)
        if made.study.prior is None and entry.prior and (earlier := self._study(entry.prior)) is not None:
            made = replace(made, study=replace(made.study, prior=earlier))
        return made

    def _study(self, key: str) -> Study | None:
        known = self._entries.get(key)
        if known is None:
            return None
        study = self.case(key).study
        return replace(study, prior=None) if study.films else None

    def _ready(self, study_id: str) -> Case:
        case = self.case(study_id)
        entry = self._entry(study_id)
        if entry.state in ("waiting", "reading") or not case.study.films:
            raise Moved("the study is still being read: what you do now would be lost")
        return case

    def _entry(self, study_id: str) -> Entry:
        try:
            return self._entries[study_id]
        except KeyError:
            raise MissingError(f"there is no study '{study_id[:80]}' here") from None

    def _forget(self, key: str) -> None:
        self._cases.pop(key, None)
        self._rows.pop(key, None)

    def _row(self, entry: Entry) -> dict[str, Any]:
        stamp = _stamp(entry.folder)
        held = self._rows.get(entry.key)
        if held is None or held[0] != stamp:
            held = (stamp, self._made_row(entry))
            self._rows[entry.key] = held
        return held[1]

    def _made_row(self, entry: Entry) -> dict[str, Any]:
        from hilum.core.errors import HilumError

        try:
            case = self.case(entry.key)
        except HilumError as error:  # one damaged record must not hide the others
            case = Case(Study(entry.key), state="failed", reason=str(error))
        case = replace(case, state=entry.state or case.state, reason=entry.reason or case.reason)
        row = row_of(case, key=entry.key, name=entry.name, arrived=entry.arrived, progress=entry.progress)
        return {**row, "prior": entry.prior or None}

    def _sheet(self, key: str, case: Case) -> dict[str, Any]:
        entry = self._entry(key)
        shown = replace(case, state=entry.state or case.state, reason=entry.reason or case.reason)
        return sheet_of(shown, timeline=self._timeline(entry, shown), key=key, name=entry.name)

    def _timeline(self, entry: Entry, case: Case) -> list[Case]:
        """The patient's studies, earliest first: those before this one by their priors, and those that follow it."""
        keys, earlier = [entry.key], entry.prior
        while earlier in self._entries and earlier not in keys:
            keys.insert(0, earlier)
            earlier = self._entries[earlier].prior
        after = entry.key
        following = {each.prior: each.key for each in self._entries.values() if each.prior}
        while (after := following.get(after, "")) and after not in keys:
            keys.append(after)
        cases = [case if key == entry.key else self.case(key) for key in keys]
        return [each for each in cases if each.study.films or each is case]


def _with_layers(saved: Case, made: Case | None) -> Case:
    """A saved reading with what is only shown and never written: films without bones, who and when, if known here."""
    if made is None:
        return saved
    study = replace(saved.study, time=made.study.time, patient=made.study.patient)
    return replace(saved, study=study, softs=made.softs, masks=saved.masks or made.masks)


def _there(entry: Entry) -> bool:
    """Whether there is something to show: it was given, or lies saved in its folder."""
    return entry.load is not None or not entry.state


def _stamp(folder: Path) -> int:
    try:
        return (folder / RECORD).stat().st_mtime_ns
    except OSError:
        return 0


def _matches(row: Mapping[str, Any], wanted: Sequence[str], state: str) -> bool:
    words = [row["id"], row["label"], row["patient"], row["time"], *row["views"]]
    told = " ".join([*words, *(each["label"] for each in row["present"])]).casefold()
    return (not state or row["state"] == state) and all(word in told for word in wanted)


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
