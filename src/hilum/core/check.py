"""Common checks that every plug-in of a kind must pass; `hilum.check(thing)` runs those that apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import View
from hilum.core.image import Image
from hilum.core.record import from_json, to_json
from hilum.core.registry import Entry, register
from hilum.core.report import Report
from hilum.core.seed import generator
from hilum.core.study import Study


@dataclass(frozen=True)
class Verdict:
    """The result of one common check: its name, whether it passed and what was seen."""

    name: str
    passed: bool
    detail: str = ""


def example_studies(seed: int = 0) -> tuple[Study, ...]:
    """Return small studies that a stranger's code must survive: no prior, lateral only, empty report, no image."""
    draw = generator(seed, "check")

    def film(view: View, name: str) -> Image:
        pixels = draw.random((96, 80), dtype=np.float32)
        return Image(
            pixels, view=view, spacing_mm=(2.0, 2.0), spacing_plane="detector", orientation=("L", "F"), id=name
        )

    day = datetime(2020, 1, 1)
    first = Study("with-report", "p1", day, (film("PA", "a"),), Report(findings="Clear lungs.", impression="Normal."))
    later = Study("with-prior", "p1", day + timedelta(days=9), (film("AP", "b"), film("LL", "c")), prior=first)
    return (
        first,
        later,
        Study("lateral-only", "p2", day, (film("LL", "d"),)),
        Study("empty-report", "p3", None, (film("PA", "e"),), Report()),
        Study("no-image", "p4", day, findings=(Finding("pneumothorax", "absent"),)),
    )


def check(thing: Any, **settings: Any) -> tuple[Verdict, ...]:
    """Run the common checks of a registered thing, found by the object itself or by its Entry.

    Args:
        thing: a registered model, dataset or metric, or its Entry.
        settings: passed on, e.g. `root=` for a dataset.

    Returns:
        One verdict per check; a check that raises is a failed verdict with the message.

    Raises:
        InputError: if the thing is not registered or its kind has no common checks.
    """
    entry = thing if isinstance(thing, Entry) else _entry_of(thing)
    checks = _CHECKS.get(entry.kind)
    if checks is None:
        raise InputError(f"there are no common checks for a {entry.kind}; kinds with checks: {', '.join(_CHECKS)}")
    return tuple(_run(name, test, entry, settings) for name, test in checks.items())


def _entry_of(thing: Any) -> Entry:
    for entry in register.entries():
        if entry.thing is thing:
            return entry
    raise InputError(f"{thing!r} is not registered: use one of the @hilum.register decorators first")


def _run(name: str, test: Callable[..., str], entry: Entry, settings: dict[str, Any]) -> Verdict:
    try:
        problem = test(entry, **settings)
    except Exception as error:
        return Verdict(name, False, f"{type(error).__name__}: {error}")
    return Verdict(name, not problem, problem)


def _model(entry: Entry) -> Callable[[Study], Study]:
    made = entry.thing() if isinstance(entry.thing, type) else entry.thing
    if not callable(made):
        raise InputError(f"model '{entry.name}' cannot be called with a study")
    return made  # type: ignore[no-any-return]


def _model_survives(entry: Entry) -> str:
    model = _model(entry)
    for study in example_studies():
        if not isinstance(model(study), Study):
            return f"it returned no Study for '{study.id}'"
    return ""


def _model_only_adds(entry: Entry) -> str:
    model = _model(entry)
    for study in example_studies():
        answer = model(study)
        for name in ("images", "findings", "questions", "provenance"):
            before, after = getattr(study, name), getattr(answer, name)
            if after[: len(before)] != before:
                return f"study '{study.id}': it changed or removed {name}"
            if (
                len(after) > len(before)
                and name in ("images", "findings", "questions")
                and name not in entry.facts["adds"]
            ):
                return f"study '{study.id}': it added {name}, which it does not declare in adds={entry.facts['adds']}"
        if (study.report and answer.report != study.report) or answer.id != study.id or answer.prior != study.prior:
            return f"study '{study.id}': it overwrote the report, the prior or the id"
    return ""


def _model_signs(entry: Entry) -> str:
    model = _model(entry)
    for study in example_studies():
        answer = model(study)
        unsigned = [finding.concept for finding in answer.findings[len(study.findings) :] if finding.made_by is None]
        if unsigned:
            return f"study '{study.id}': findings without made_by: {', '.join(unsigned)}; add them with study.add(...)"
    return ""


def _model_repeats(entry: Entry) -> str:
    first, second = _model(entry), _model(entry)
    differ = [study.id for study in example_studies() if first(study) != second(study)]
    return f"two runs differ on {', '.join(differ)}" if differ else ""


def _model_round_trips(entry: Entry) -> str:
    model = _model(entry)
    differ = [s.id for s in map(model, example_studies()) if from_json(to_json(s, pixels=True)) != s]
    return f"the JSON form of its answer is not read back equal for {', '.join(differ)}" if differ else ""


def _studies(entry: Entry, settings: dict[str, Any]) -> Iterator[Study]:
    made: Iterable[Study] | Cohort = entry.thing(**settings)
    return islice(iter(made), 50)


def _dataset_yields(entry: Entry, **settings: Any) -> str:
    seen = list(_studies(entry, settings))
    if not all(isinstance(study, Study) for study in seen):
        return "it yields something that is not a Study"
    ids = [study.id for study in seen]
    return "it yields no study" if not seen else "" if len(set(ids)) == len(ids) else "study ids repeat"


def _dataset_repeats(entry: Entry, **settings: Any) -> str:
    return (
        ""
        if [s.id for s in _studies(entry, settings)] == [s.id for s in _studies(entry, settings)]
        else "order changes"
    )


def _dataset_round_trips(entry: Entry, **settings: Any) -> str:
    differ = [s.id for s in islice(_studies(entry, settings), 5) if from_json(to_json(s, pixels=True)) != s]
    return f"JSON form not read back equal for {', '.join(differ)}" if differ else ""


def _dataset_is_licensed(entry: Entry, **_: Any) -> str:
    return "" if entry.facts.get("licence") else "it states no licence"


_CHECKS: dict[str, dict[str, Callable[..., str]]] = {
    "model": {
        "survives every shape of study": _model_survives,
        "only adds": _model_only_adds,
        "signs what it adds": _model_signs,
        "gives the same answer twice": _model_repeats,
        "its answer survives JSON": _model_round_trips,
    },
    "dataset": {
        "yields studies with unique ids": _dataset_yields,
        "yields the same order twice": _dataset_repeats,
        "its studies survive JSON": _dataset_round_trips,
        "states a licence": _dataset_is_licensed,
    },
}
