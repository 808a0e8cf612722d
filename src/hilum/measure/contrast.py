"""Two runs of one task side by side: only like with like, on the studies that both answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hilum.core.errors import InputError
from hilum.measure.boards import score
from hilum.measure.log import SCORES, read_facts
from hilum.measure.run import Run, answers_of
from hilum.measure.significance import Compared, compare
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
        compared: the difference of each metric, corrected together.
    """

    first: str
    second: str
    studies: int
    compared: tuple[Compared, ...]


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
    names = [name for name in task.metrics if name in one and name in other]
    compared = compare(
        {name: one[name] for name in names}, {name: other[name] for name in names}, boards[0].patients,
        replicates=replicates, permutations=permutations, seed=seed,
    )  # fmt: skip
    return Contrast(first.facts["model"], second.facts["model"], len(both), compared)
