"""The parts of DeViDe's judgement: invented diseases, kinds of findings of virtual patients, reports of Open-i."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hilum.core.errors import MissingError
from hilum.learn.pairs import join
from hilum.systems._aligned import aligned
from hilum.systems._devide_arms import Part
from hilum.systems._devide_kinds import judge_kinds
from hilum.systems._devide_made import judge_made
from hilum.systems._devide_reports import judge_reports


def judge_parts(
    chosen: Sequence[str], data: Path | None, *, patients: int, films: int, tests: int, steps: int, arm_steps: int,
    seed: int, seeds: int, say: Callable[[str], None],
) -> list[Part]:  # fmt: skip
    """Judge some of 'made', 'kinds' and 'reports'.

    Args:
        chosen: parts.
        data: folder with Open-i's coded reports, or None.
        patients: virtual ones.
        films, tests: with invented lesions, to learn from and to judge.
        steps, arm_steps: of the shared encoder and of each arm; virtual patients, of which there are fewer films, take
            two and four fifths of them.
        seed, seeds: first, and how many.
        say: told what is being done.
    """
    parts = []
    if {"made", "kinds"} & set(chosen):
        drawn = aligned(patients, say=say)
        test = join([drawn.val, drawn.test, drawn.unseen])
        told = (f"{patients} virtual patients, {len(drawn.train)} frontal films to learn from, {len(test)} of other "
                "patients (val, test, and a family of anatomy never seen)")  # fmt: skip
        parts.append(Part(lines=[told]))
    if "made" in chosen:
        parts.append(judge_made(drawn.train, test, seed=seed, seeds=seeds, films=films, tests=tests,
                                steps=(steps, arm_steps), say=say))  # fmt: skip
    if "kinds" in chosen:
        fewer = max(1, 2 * steps // 3), max(1, 4 * arm_steps // 5)
        parts.append(judge_kinds(drawn.train, test, seed=seed, seeds=seeds, steps=fewer, say=say))
    if "reports" in chosen:
        parts.append(_reports(data, seed, seeds, say))
    return parts


def _reports(data: Path | None, seed: int, seeds: int, say: Callable[[str], None]) -> Part:
    reason = "give a folder with Open-i's coded reports: --data FOLDER"
    try:
        if data is not None:
            return judge_reports(data, seed=seed, seeds=seeds, say=say)
    except MissingError as error:
        reason = str(error)
    return Part(lines=[f"reports: cannot be tested here ({reason})"])
