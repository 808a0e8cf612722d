"""Common checks of metrics and tasks, beside those of models and data sets in `hilum.core.check`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hilum.core import check as core
from hilum.core.check import Verdict, example_studies
from hilum.core.errors import HilumError, MissingError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Box, Mask
from hilum.core.registry import Entry, register
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.measure.metric import Metric, metric
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Scored
from hilum.measure.task import Task, find_task

_FAMILIES = (
    "film-to-text", "text-to-film", "presence", "location", "negation", "differential", "geometry",
)  # fmt: skip
KINDS = ("model", "dataset", "metric", "task")
_TEXTS = (
    "There is a small right pleural effusion. The heart is enlarged.",
    "No pneumothorax. Patchy opacity in the left lower lobe.",
    "The lungs are clear. The heart size is normal.",
    "Moderate pulmonary edema with bilateral pleural effusions.",
    "The small left pleural effusion has increased since the prior study.",
)
_NEAR = 2e-3
"""How far from the best a perfect answer may score: METEOR's penalty leaves it a trace below 1."""
_HOSTILE = ("", " ", "!!!", "\x00\ufffd\u202e", "word " * 3000, "\u00c9panchement pleural droit.")


def check(thing: Any, **settings: Any) -> tuple[Verdict, ...]:
    """Run the common checks of any registered thing that has some.

    Args:
        thing: the thing itself, or its Entry.
        settings: passed on, e.g. `root=` for a data set or task.

    Returns:
        One verdict per check; a check that raises is a failed verdict with the message.

    Raises:
        InputError: if the thing is not registered or its kind has no common checks.
    """
    entry = thing if isinstance(thing, Entry) else next((e for e in register.entries() if e.thing is thing), None)
    tests = _CHECKS.get(entry.kind) if entry is not None else None
    if entry is None or tests is None:
        return core.check(thing, **settings)
    kept = settings if entry.kind == "task" else {}
    return tuple(_verdict(name, test, entry, kept) for name, test in tests.items())


def _verdict(name: str, test: Callable[..., str], entry: Entry, settings: dict[str, Any]) -> Verdict:
    try:
        problem = test(entry, **settings)
    except MissingError as error:
        return Verdict(name, True, f"not tried: {error}")
    except Exception as error:
        return Verdict(name, False, f"{type(error).__name__}: {error}")
    return Verdict(name, not problem, problem)


def _study(number: int, concept: str, there: bool) -> Study:
    """A study with one finding present or absent, with a probability that says so, a box and a report."""
    where = (Box(20, 30, 60, 90, score=1.0),) if there else ()
    finding = Finding(concept, "present" if there else "absent", 1.0 if there else 0.0, regions=where)
    study = Study(f"s{number}", f"p{number}", report=Report(findings=_TEXTS[number % len(_TEXTS)]))
    return study.add(findings=(finding,), made_by=MadeBy("example"))


def _asked(study: Study, number: int) -> Study:
    """The study with a drawn outline, and answered questions: of each family in two orders, and one without choices."""
    orders = (("a", "b", "c"), ("c", "a", "b"))
    asked = [Question(f"Which of these, by {family}?", order, "abc"[number % 3], family, f"{study.id}-{family}@{turn}")
             for family in _FAMILIES for turn, order in enumerate(orders)]  # fmt: skip
    asked.append(Question("What is seen?", (), _TEXTS[number % len(_TEXTS)], id=study.id, explanation="It is bright."))
    outline = Mask(np.tri(6, dtype=np.bool_), "film")
    return study.add(findings=(Finding("lung nodule", regions=(outline,)),), questions=asked,
                     made_by=MadeBy("example"))  # fmt: skip


def _right(found: Metric) -> Pairs[Any]:
    """Pairs whose answers are their references."""
    if found.takes == "study":
        studies = [_study(n, "pleural effusion", n % 2 == 0) for n in range(8)]
        return Pairs(tuple(studies), tuple(studies))
    if found.takes == "report":
        return Pairs(_TEXTS, _TEXTS)
    raise MissingError(f"there are no example pairs of the kind '{found.takes}'")


def _by_section() -> Pairs[Any]:
    """Right pairs of reports by section, without a prior and with a hint that none of them holds."""
    shell = {"indication": "Rule out pneumonia.", "comparison": "None."}
    told = tuple({**shell, "findings": text} for text in _TEXTS if "prior" not in text)
    return Pairs(told, told)


def _broken(found: Metric) -> Pairs[Any]:
    """Pairs that nobody should send and somebody will."""
    if found.takes == "study":
        odd: tuple[Any, ...] = (*example_studies(), _study(9, "pleural effusion", True))
        return Pairs(odd, (None, *(replace(s, findings=()) for s in odd[2:]), odd[0].hide("report")))
    if found.takes == "report":
        return Pairs(_HOSTILE, (*_HOSTILE[1:], None))
    raise MissingError(f"there are no example pairs of the kind '{found.takes}'")


def _identity(entry: Entry) -> str:
    found = metric(entry.name)
    ideal = entry.facts.get("ideal")
    best = ideal if ideal is not None else found.range[1 if found.better == "higher" else 0]
    value = found(_right(found)).value
    if not np.isfinite(value) and found.takes == "report":
        value = found(_by_section()).value  # a metric may ask of sections only
    if not np.isfinite(value) and found.takes == "study":
        asked = tuple(_asked(study, number) for number, study in enumerate(_right(found).references))
        value = found(Pairs(asked, asked)).value  # or of outlines and questions only
    if not np.isfinite(value):
        return "it is undefined where every answer is its reference"
    if np.isfinite(best) and abs(value - best) > _NEAR:
        return f"answers that are their references score {value:.6g}, a perfect score is {best:g}"
    return ""


def _survives(entry: Entry) -> str:
    found = replace(metric(entry.name), forgiving=False)
    try:
        scored = found(_broken(found))
    except MissingError:
        raise
    except HilumError as error:
        return "" if len(str(error)) > 20 else f"its error is no sentence: '{error}'"
    silent = [n for n in np.flatnonzero(np.isnan(scored.values)) if not scored.unscored.get(int(n))]
    return f"pair {silent[0]} has no value and no reason why" if silent else ""


def _repeats(entry: Entry) -> str:
    found = metric(entry.name)
    first, second = found(_right(found)), found(_right(found))
    return "" if _same(first, second) else "two runs on the same pairs differ"


def _same(first: Scored, second: Scored) -> bool:
    return first.signature == second.signature and np.array_equal(first.values, second.values, equal_nan=True)


def _in_range(entry: Entry) -> str:
    found = metric(entry.name)
    low, high = found.range
    for pairs in (_right(found), _mixed(found)):
        scored = found(pairs)
        values = [v for v in (*np.asarray(scored.values), scored.value) if np.isfinite(v)]
        out = [v for v in values if not low - 1e-9 <= v <= high + 1e-9]
        if out:
            return f"it gave {out[0]:.6g}, outside its range {low:g} to {high:g}"
    return ""


def _mixed(found: Metric) -> Pairs[Any]:
    """The right pairs with their answers moved on by one."""
    pairs = _right(found)
    return Pairs(pairs.references, (*pairs.answers[1:], pairs.answers[0]))


def _resamples(entry: Entry) -> str:
    """Whether weights count: as drawn once the set's own value, and of right answers drawn twice the same again."""
    found = metric(entry.name)
    for pairs, times in (
        (_mixed(found), 1),
        (_right(found), 2),
    ):  # smoothed counts may move with wrong ones drawn twice
        scored = found(pairs)
        drawn = np.asarray(scored.at(np.full((3, len(pairs)), float(times))))
        if drawn.shape != (3,):
            return f"its values under 3 rows of weights have the shape {drawn.shape}, expected (3,)"
        if not np.allclose(drawn, scored.value, equal_nan=True, rtol=1e-9, atol=1e-9):
            return f"pairs drawn {times} times each score {drawn[0]:.6g}, the set itself {scored.value:.6g}"
    return ""


def _declares(entry: Entry) -> str:
    return "" if entry.summary else "its docstring has no first line that says what it measures"


def _task(entry: Entry) -> Task:
    return find_task(entry.name)


def _task_builds(entry: Entry, **_: Any) -> str:
    _task(entry)
    return _declares(entry)


def _task_controls(entry: Entry, **_: Any) -> str:
    for name in _task(entry).controls:
        register.find("model", name)
    return ""


def _task_hides(entry: Entry, **settings: Any) -> str:
    """Whether the first studies hold what is hidden: hiding what is not there measures nothing."""
    from hilum.measure.run import read_studies

    task = _task(entry)
    studies = read_studies(task, settings.get("root"), limit=50)
    bare = [name for name in task.hide if not any(getattr(study, name) for study in studies)]
    told = [name for name in task.hide if name not in bare]
    return "" if told else f"none of its first {len(studies)} studies has {' or '.join(bare)}: there is nothing to hide"


def _task_repeats(entry: Entry, **settings: Any) -> str:
    from hilum.measure.asking import digest
    from hilum.measure.run import read_studies

    task = _task(entry)
    first, second = ([digest(s, task.hide) for s in read_studies(task, settings.get("root"), limit=50)] for _ in "ab")
    return "" if first == second else "its studies differ from one reading to the next"


_CHECKS: dict[str, dict[str, Callable[..., str]]] = {
    "metric": {
        "says what it measures": _declares,
        "answers that are their references score best": _identity,
        "survives bad pairs, each without a value has a reason": _survives,
        "gives the same values twice": _repeats,
        "keeps to its range": _in_range,
        "is the same when every pair is drawn twice": _resamples,
    },
    "task": {
        "builds and says what it is": _task_builds,
        "its controls are registered": _task_controls,
        "its studies hold what it hides": _task_hides,
        "its studies are the same twice": _task_repeats,
    },
}
