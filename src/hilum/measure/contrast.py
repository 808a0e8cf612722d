"""Two runs of one task side by side: only like with like, on the studies that both answered."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

from hilum.core.errors import HilumError, InputError
from hilum.measure.boards import score, too_few
from hilum.measure.log import SCORES, read_facts
from hilum.measure.run import Run, answers_of
from hilum.measure.significance import Compared, compare
from hilum.measure.stats import Interval
from hilum.measure.task import Task

_SAME = {
    "task": "they are of different tasks",
    "task_version": "they are of different versions of the task",
    "hide": "they hid different fields",
    "fingerprint": "their studies or hidden fields differ",
}


@dataclass(frozen=True)
class Contrast:
    """What two models differ in.

    Args:
        first, second: names of the models; differences are first minus second.
        studies: how many both answered.
        compared: the difference of each metric, corrected together; fewer than three patients have no interval, no p.
        reason: why they cannot be compared, '' where they are; every difference is undefined then.
    """

    first: str
    second: str
    studies: int
    compared: tuple[Compared, ...]
    reason: str = ""


def check_alike(first: Run, second: Run) -> None:
    """Refuse two runs whose numbers cannot be compared.

    Raises:
        InputError: if task, version, hidden fields, data or the definition of a metric differ.
    """
    for name, said in _SAME.items():
        one, other = first.facts.get(name), second.facts.get(name)
        if one != other:
            raise InputError(f"cannot compare {first.folder} with {second.folder}: {said} ('{one}' and '{other}')")
    ours, theirs = _protocols(first), _protocols(second)
    for name in ours.keys() & theirs.keys():
        if ours[name] != theirs[name]:
            raise InputError(
                f"cannot compare {first.folder} with {second.folder}: '{name}' was scored by '{ours[name]}' and by "
                f"'{theirs[name]}'; score both anew with --resume"
            )


def _protocols(run: Run) -> dict[str, Any]:
    """Signature of each metric as the folder has it, of the run itself where it has none."""
    written = read_facts(run.folder, SCORES)
    if written is None:
        return {name: line.scored.signature for name, line in run.board.lines.items()}
    return {name: line["signature"] for name, line in written["metrics"].items()}


def contrast(
    task: Task, first: Run, second: Run, *, replicates: int = 1000, permutations: int = 10_000, seed: int = 0
) -> Contrast:
    """Compare two runs, first minus second, paired over the patients of the studies that both answered.

    Raises:
        InputError: if they cannot be compared, or no study was answered by both.
    """
    check_alike(first, second)
    ours, theirs = (answers_of(task, run.references, run.rows) for run in (first, second))
    both = [n for n, pair in enumerate(zip(ours, theirs, strict=True)) if None not in pair]
    if not both:
        raise InputError(f"no study was answered by both {first.facts['model']} and {second.facts['model']}")
    shared = [first.references[n] for n in both]
    reasons = [""] * len(both)
    boards = [score(task.metrics, shared, [a[n] for n in both], reasons, replicates=1) for a in (ours, theirs)]
    one, other = (board.scored for board in boards)
    patients = boards[0].patients
    few = {name for name in one.keys() & other.keys() if any(too_few(s[name], patients) for s in (one, other))}
    names = [name for name in task.metrics if name in one and name in other and name not in few]
    compared = compare(
        {name: one[name] for name in names}, {name: other[name] for name in names}, patients,
        replicates=replicates, permutations=permutations, seed=seed,
    ) if names or not few else ()  # fmt: skip
    rows = {each.metric: each for each in compared}
    rows |= {name: _without_interval(name, one[name].value, other[name].value) for name in few}
    inorder = tuple(rows[name] for name in task.metrics if name in rows)
    return Contrast(first.facts["model"], second.facts["model"], len(both), inorder)


def attempt(task: Task, first: Run, second: Run, *, seed: int = 0) -> Contrast:
    """Compare two runs as `contrast` does; where that cannot be done, return the reason instead of raising it."""
    try:
        return contrast(task, first, second, seed=seed)
    except HilumError as error:
        reason = str(error)
    except Exception as error:  # a mistake in a stranger's metric costs this contrast, not the others
        reason = f"something unexpected went wrong ({type(error).__name__}: {error})"
    undefined = tuple(_without_interval(name, nan, nan) for name in task.metrics)
    return Contrast(first.facts["model"], second.facts["model"], 0, undefined, reason)


def _without_interval(name: str, first: float, second: float) -> Compared:
    return Compared(name, first, second, Interval(first - second, nan, nan), nan, nan, "neither")
