"""Films, folders and archives as entries of the shelf, read by the embedded model while they are looked at."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from hilum.app.batch import light, working
from hilum.app.view.case import Case, from_reading
from hilum.app.view.keep import magnifications
from hilum.app.view.local import Entry, LocalShelf
from hilum.app.view.sheet import study_key
from hilum.core.errors import HilumError, InputError
from hilum.core.image import Image
from hilum.core.study import Study, order_by_time
from hilum.io.intake import Intake, open_studies
from hilum.io.save import made_uid
from hilum.systems.interpret import Reading

if TYPE_CHECKING:
    from hilum.systems.embedded import Embedded

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_log = logging.getLogger(__name__)


class OpenFilms:
    """Films given on the command line; a context manager, as unpacked archives last while it is open.

    Args:
        paths: films, folders and archives.
        readings: folder in which readings are saved.
        keep_identifiers: show and save names, dates and UIDs.

    Raises:
        InputError: if there is no radiograph among them.
    """

    def __init__(self, paths: Sequence[Path], readings: Path, *, keep_identifiers: bool = False) -> None:
        self._stack, self._stop = ExitStack(), Event()
        self._thread: Thread | None = None
        self.intake: Intake = self._stack.enter_context(open_studies(paths, keep_identifiers=keep_identifiers))
        self.studies = {
            study_key(study.id): _own(study, keep_identifiers) for study in self.intake.studies if study.films
        }
        self.names = {key: _names(self.intake, study) for key, study in zip(self.studies, self._given(), strict=True)}
        self._keep, self._readings = keep_identifiers, readings
        if not self.studies:
            reasons = "; ".join(f"{each.path}: {each.reason}" for each in self.intake.failures[:3])
            self.close()
            raise InputError(f"no radiograph was found in what was given. {reasons}".strip())

    def _given(self) -> list[Study]:
        return [study for study in self.intake.studies if study.films]

    def close(self) -> None:
        """Stop reading after the present study, and remove what archives were unpacked to."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._stack.close()

    def entries(self) -> list[Entry]:
        """Return an entry for each study, and one for each file that cannot be used, with its reason."""
        made = []
        for key, study in self.studies.items():
            prior = study_key(study.prior.id) if study.prior else ""
            made.append(Entry(key, self._loader(key), self._readings / key, prior=prior, time=study.time))
        for number, failure in enumerate(self.intake.failures, 1):
            name = Path(failure.path).name
            made.append(Entry(f"failed-{number}", None, self._readings / f"failed-{number}", state="failed",
                              reason=failure.reason, name=name))  # fmt: skip
        return made

    def _loader(self, key: str, case: Case | None = None) -> Callable[[], Case]:
        return lambda: case or self._unread(key)

    def _unread(self, key: str) -> Case:
        study = replace(self.studies[key], prior=None)
        known = magnifications(study.films)
        return Case(study, names=self.names[key], magnifications=known, keep_identifiers=self._keep)

    def read(self, shelf: LocalShelf) -> None:
        """Start to read every study that has no saved reading, earliest first, in a thread of its own."""
        for key in self.studies:
            if not shelf.case(key).revision:
                shelf.tell(key, state="waiting")
        self._thread = Thread(target=self._read_all, args=(shelf,), name="hilum-reading", daemon=True)
        self._thread.start()

    def _read_all(self, shelf: LocalShelf) -> None:
        from hilum.systems.embedded import Embedded

        try:
            model = Embedded()
            _ = model.card  # tells at once where the model is not installed
        except HilumError as error:
            for key in self.studies:
                shelf.tell(key, state="", reason=f"not read: {error}")
            return
        done: dict[str, Reading] = {}
        by_id = {study.id: key for key, study in self.studies.items()}
        for study in order_by_time(self.studies.values()):
            if self._stop.is_set():
                return
            self._read_one(shelf, by_id[study.id], study, model, done)

    def _read_one(
        self,
        shelf: LocalShelf,
        key: str,
        study: Study,
        model: Embedded,
        done: dict[str, Reading],
    ) -> None:
        from hilum.systems.interpret import interpret

        if shelf.case(key).revision:
            return
        shelf.tell(key, state="reading", progress=0.0)
        try:
            before = done.get(study.prior.id) if study.prior else None
            fresh = replace(study, prior=None, images=tuple(
                each.fresh() if isinstance(each, Image) else each for each in study.images))  # fmt: skip
            reading = light_masks(interpret(fresh, model, prior=before))
            done[study.id] = light(reading)
            more: dict[str, Any] = {"magnifications": magnifications(study.films), "keep_identifiers": self._keep}
            case = from_reading(reading, self.names[key], model.card, **more)
            shelf.tell(key, load=self._loader(key, case), state="", progress=None)
        except HilumError as error:
            shelf.tell(key, state="failed", reason=str(error), progress=None)
        except Exception as error:  # one study's trouble must not cost the others
            _log.warning("a study could not be read: %s", type(error).__name__)
            shelf.tell(key, state="failed", reason=f"something unexpected went wrong ({type(error).__name__})")


def light_masks(reading: Reading) -> Reading:
    """Return the reading without decoded pixels; its masks stay."""
    return replace(light(reading), masks=reading.masks)


def _own(study: Study, keep_identifiers: bool) -> Study:
    """Films with ids that tell nothing and are fit for an address."""
    made = working(study, keep_identifiers)
    films = [
        each if not isinstance(each, Image) or _SAFE.fullmatch(each.id) else each.with_id(made_uid("film", each.id))
        for each in made.images
        if isinstance(each, Image)
    ]
    return replace(made, images=tuple(films))


def _names(intake: Intake, study: Study) -> dict[str, str]:
    own = _own(study, False), _own(study, True)
    given = [intake.name_of(film) for film in study.films]
    return {film.id: name for each in own for film, name in zip(each.films, given, strict=True)}
