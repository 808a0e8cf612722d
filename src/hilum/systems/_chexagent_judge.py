"""CheXagent judged on scenes: one mixture of eight tasks against a reader for each, and without the box tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hilum.learn.reader.guards import blank, swapped
from hilum.learn.reader.sample import words_of
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._chexagent_claims import (
    ALL,
    BESIDE,
    BLANK,
    CLAIMS,
    COARSE,
    FINE,
    LONG,
    ONE,
    PARSED,
    PRIOR,
    SCARCE,
    SWAPPED,
    TASKS,
)  # fmt: skip
from hilum.systems._chexagent_material import Material, material
from hilum.systems._chexagent_scores import Choices, choice_scores, choices, task_score, text_prior
from hilum.systems._reader_marks import boxes_in, fact_f1
from hilum.systems._reader_sheet import Marked, sheet
from hilum.systems._reader_tasks import Bench, Say, answers, taught

CAPTION = "Test films with the phrase asked for: the true box, and those of the mixture and of the task alone"
Trials = dict[str, dict[str, list[Scored]]]


def judge_chexagent(
    bench: Bench, *, seed: int, seeds: int, steps: int, scarce: int, say: Say = lambda line: None
) -> tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Train every arm and judge it.

    Args:
        bench: scenes and encoder.
        seed: of samples, bootstrap and the first training.
        seeds: trainings of each arm.
        steps: for each task: a mixture of eight takes eight times as many, so that every arm sees a sample as often.
        scarce: samples of a scarce task.
        say: told what is being done.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    held = material(bench, seed=seed, scarce=scarce)
    trials: Trials = {metric: defaultdict(list) for metric in (*TASKS.values(), PARSED)}
    trials[TASKS["choice"]][PRIOR].append(text_prior(held.sets["choice"], held.asked["choice"]))
    lines, cells = list[str](), dict[str, list[str]]()
    for number in range(seed, seed + seeds):
        for arm, names, times in _arms():
            say(f"{arm}{': ' + names[0] if len(names) == 1 else ''}, seed {number}")
            sets = {name: held.sets[name] for name in names}
            reader = taught(bench, held.preset, sets, held.every, steps=times * steps, seed=number)
            lines += _scored(reader, arm, _asked(arm, names), held, trials, number)
            if "phrase_to_box" in names and arm in (ALL, ONE):
                cells.setdefault(arm, answers(reader, held.asked["phrase_to_box"], longest=60))
    patients = {TASKS[name]: [each.patient for each in samples] for name, samples in held.asked.items()}
    patients[PARSED] = patients[TASKS["choice"]]
    ruled = [[judge(claim, _named(claim, trials), patients[claim.metric], seed=seed) for claim in claims]
             for claims in (CLAIMS, BESIDE)]  # fmt: skip
    counts = ", ".join(f"{name.replace('_', ' ')} {len(samples)}" for name, samples in held.sets.items())
    first = f"samples to learn from: {counts}; {steps} steps for each task, {len(bench.test)} studies to be asked about"
    said = held.asked["findings"]
    most = fact_f1(said, [each.target for each in said], held.studies).value
    first += f"; target reports, cleared of comparisons, state what is there with F1 {most:.2f}"
    return ruled[0], ruled[1], [first, *_means(trials), *lines], {CAPTION: _picture(held, cells)}


def _arms() -> list[tuple[str, tuple[str, ...], int]]:
    """Name, tasks, and times the steps of one task."""
    coarse = tuple(name for name in TASKS if name not in FINE)
    alone: list[tuple[str, tuple[str, ...], int]] = [(ONE, (name,), 1) for name in TASKS]
    return [(ALL, tuple(TASKS), len(TASKS)), (COARSE, coarse, len(coarse)), *alone, (LONG, ("phrase_to_box",), 4)]


def _asked(arm: str, names: Sequence[str]) -> tuple[str, ...]:
    """The tasks that an arm is asked: without box tasks the phrase is asked for all the same."""
    return ("phrase_to_box", "findings") if arm == COARSE else tuple(names)


def _scored(reader: Trained, arm: str, names: Sequence[str], held: Material, trials: Trials, seed: int) -> list[str]:
    lines = []
    for name in names:
        rows = {arm: held.asked[name]}
        if arm == ALL and name in (*SCARCE, "findings"):
            rows |= {BLANK: blank(held.asked[name]), SWAPPED: swapped(held.asked[name], seed=seed)}
        for who, samples in rows.items():
            if name == "choice":
                made = choices(reader, samples)
                for metric, value in choice_scores(samples, made).items():
                    trials[metric][who].append(value)
                lines.append(_steadiness(who, made, seed))
            else:
                score = task_score(name, reader, samples, held.preset, held.studies)
                trials[TASKS[name]][who].append(score)
    return lines


def _steadiness(who: str, made: Choices, seed: int) -> str:
    unread = np.mean([not one for way in made.written for one in way])
    said = f"{made.same(made.likely):.2f} of the questions by likelihood and {made.same(made.written):.2f} as written"
    return (
        f"choice, {who}, seed {seed}: one answer in all four orders on {said}; {unread:.2f} of the latter choose none"
    )


def _named(claim: Claim, trials: Trials) -> dict[str, list[Scored]]:
    return {arm: trials[claim.metric][arm] for arm in dict.fromkeys((claim.arm, claim.better_than, *claim.controls))}


def _means(trials: Trials) -> list[str]:
    return [f"{metric}: " + ", ".join(f"{arm} {np.mean([run.value for run in runs]):.2f}" for arm, runs in arms.items())
            for metric, arms in trials.items()]  # fmt: skip


def _picture(held: Material, cells: dict[str, list[str]]) -> bytes:
    asked = held.asked["phrase_to_box"]
    tiles = []
    for row in np.linspace(0, len(asked) - 1, min(8, len(asked))).astype(int):
        sample = asked[int(row)]
        film = next(shown.image for shown in sample.shown if shown.role == "cur_front")
        found = tuple(boxes_in(texts[int(row)], held.preset, sample) for texts in cells.values())
        tiles.append(Marked(film, words_of(sample.turns[-1].question), sample.boxes, found))
    return sheet(tiles, tuple(cells))
