"""Virtual patients as entries of the shelf: a drawn cohort, or one patient made on the spot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from hilum.app.view.case import Case
from hilum.app.view.local import Entry, LocalShelf
from hilum.app.view.sheet import study_key
from hilum.core.errors import HilumError, InputError
from hilum.core.study import Study
from hilum.data.virtual import masks_of, truth_of, virtual

SHOWN_MASKS = ("lung fields", "heart")
SIZE, SPACING_MM = 768, 2.0
"""Pixels of a film made on the spot, and mm of its body."""
_MOST = 200
_READABLE = {"pleural effusion": 0.4, "pulmonary edema": 0.6, "pneumothorax": 0.7}
"""Most severe at which the rest of the chest can still be read."""
_TRIED = 400


def from_cohort(path: Path, readings: Path, patient: str = "") -> list[Entry]:
    """Return the studies of a cohort that `hilum draw --cohort` wrote: one patient's, or its first 200 or so.

    Raises:
        MissingError: if the folder holds no cohort.
        InputError: if there is no such patient.
    """
    entries: list[Entry] = []
    for visits in virtual(path).timelines():
        if patient and visits[0].patient != patient:
            continue
        prior = ""
        for study in visits:
            key = study_key(study.id)
            entries.append(Entry(key, _loader(path, study), readings / key, prior=prior, time=study.time))
            prior = key
        if patient or len(entries) >= _MOST:
            return entries
    if not entries:
        raise InputError(f"the cohort in '{path}' has no patient '{patient}': ids look like 'virtual-0-000000'")
    return entries


def _loader(path: Path, study: Study) -> Any:
    def load() -> Case:
        films = {film.id: film for film in study.films}
        masks = tuple(mask for film in films.values() for mask in masks_of(film) if mask.label in SHOWN_MASKS)
        known = truth_of(path, study.id).get("films", {})
        return _case(study, masks, known, {})

    return load


def _case(study: Study, masks: Iterable[Any], known: Any, softs: Any) -> Case:
    told = {film.id: known.get(film.view.lower(), {}).get("frame", {}).get("magnification") for film in study.films}
    larger = {name: float(value) for name, value in told.items() if value}
    kept = replace(study, prior=None, images=study.films)
    return Case(kept, tuple(masks), softs=softs, magnifications=larger, state="read", keep_identifiers=True)


def chosen(seed: int) -> str:
    """Return the id of the patient of a seed who shows most of what the page can.

    The first one who comes twice, each time with a frontal and a lateral film, has at least two findings, not the same
    ones both times, and a chest that is not filled with fluid or air.
    """
    from hilum.phantom.recipe import Recipe

    recipe = Recipe(_TRIED, seed)
    for number in range(_TRIED):
        visits = recipe.drawn(recipe.patient(number)).visits
        if len(visits) != 2 or any(set(visit.views) != {"PA", "LL"} for visit in visits):
            continue
        if any(plan.severity > _READABLE.get(plan.concept, 1.0) for visit in visits for plan in visit.plans):
            continue
        first, second = ({plan.key for plan in visit.plans} for visit in visits)
        if len(first) >= 2 and len(second) >= 2 and first != second:
            return recipe.patient(number)
    return recipe.patient(0)


class OnTheSpot:
    """A virtual patient with two visits, drawn in a thread while the page is open already.

    Args:
        readings: folder in which readings are saved.
        seed: of the patient.
        size: pixels along a film's longer side.
        spacing_mm: of the body; larger is quicker.

    Raises:
        MissingError: if a package that drawing needs is not installed.
    """

    def __init__(self, readings: Path, *, seed: int = 1, size: int = SIZE, spacing_mm: float = SPACING_MM) -> None:
        from hilum.core.errors import need

        try:
            import numba  # noqa: F401
        except ImportError:
            raise need("numba", "drr", "making a virtual patient") from None
        from hilum.phantom.recipe import Recipe

        self.patient = chosen(seed)
        self.recipe = Recipe(_TRIED, seed, size, spacing_mm=spacing_mm, bones=True)
        self._readings, self._stop = readings, Event()
        self._thread: Thread | None = None

    def entries(self) -> list[Entry]:
        """Return the visits, waiting to be drawn."""
        visits = self.recipe.drawn(self.patient).visits
        made, prior = [], ""
        for number, visit in enumerate(visits, 1):
            key = f"{self.patient}-{number}"
            made.append(Entry(key, None, self._readings / key, prior=prior, time=visit.time, state="waiting",
                              reason="this virtual patient is being drawn"))  # fmt: skip
            prior = key
        return made

    def draw(self, shelf: LocalShelf) -> None:
        """Start to draw."""
        self._thread = Thread(target=self._draw, args=(shelf,), name="hilum-drawing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the present visit."""
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is drawn; tell whether it is."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _draw(self, shelf: LocalShelf) -> None:
        from hilum.phantom.build import draw_studies

        keys = [entry.key for entry in self.entries()]
        shelf.tell(keys[0], state="reading", progress=0.0)
        try:
            for number, drawn in enumerate(draw_studies(self.patient, self.recipe)):
                if self._stop.is_set():
                    return
                shelf.tell(keys[number], load=_drawn_loader(drawn), state="", reason="", progress=None)
                if number + 1 < len(keys):
                    shelf.tell(keys[number + 1], state="reading", progress=0.5)
        except (HilumError, ImportError, MemoryError) as error:
            for key in keys:
                if shelf.case(key).state in ("waiting", "reading"):
                    shelf.tell(key, state="failed", reason=f"the patient could not be drawn: {error}", progress=None)


def _drawn_loader(drawn: Any) -> Any:
    study = drawn.study
    masks = tuple(mask for view in drawn.anatomy.values() for mask in view if mask.label in SHOWN_MASKS)
    softs = {film.id: drawn.films[f"{film.view.lower()}.soft"] for film in study.films
             if f"{film.view.lower()}.soft" in drawn.films}  # fmt: skip
    case = _case(study, masks, drawn.truth["films"], softs)
    return lambda: case
