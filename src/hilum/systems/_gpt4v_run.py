"""Any backend through the study: prompt families by tasks, with the true film, a blank one and another patient's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hilum.core.image import Image, Window
from hilum.core.report import Question
from hilum.core.seed import generator
from hilum.learn.outside.asking import Asking, Backend, Said
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored, averaged, signature
from hilum.systems._gpt4v_cohort import Case, examples

Condition = Literal["true", "blank", "swapped"]
CONDITIONS: tuple[Condition, ...] = ("true", "blank", "swapped")
REPORT = ("bleu-4", "rouge-l", "meteor/nltk", "cider", "finding-f1")
CLOSED, OPEN, IOU = "accuracy of yes or no", "exact one-word answers", "mean IoU"
_GREY = 0.5


@dataclass(frozen=True)
class Arm:
    """One row of the study's tables: a backend, a prompt family and which film it was shown."""

    backend: str
    family: str
    film: Condition = "true"

    def __str__(self) -> str:
        """As tables and claims call it."""
        film = {"true": "", "blank": ", blank film", "swapped": ", another patient's film"}[self.film]
        return f"{self.backend}, {self.family}{film}"


def shown(case: Case, condition: Condition, every: Sequence[Case], *, seed: int) -> Image:
    """Return the film that is shown: the case's own, a uniformly grey one, or another patient's.

    Args:
        case: whose question it is.
        condition: which of the three.
        every: cases to take another patient's film from.
        seed: of the draw.
    """
    film = case.film
    if condition == "blank":
        grey = np.full(film.pixels.shape, _GREY, dtype=np.float32)
        return Image(grey, window=Window(_GREY, 1.0, "LINEAR_EXACT"), view=film.view, id=film.id, synthetic=True)
    if condition == "swapped":
        others = [each for each in every if each.study.patient != case.study.patient]
        number = int(generator(seed, "swapped", case.study.id).integers(len(others)))
        return others[number].film.with_id(film.id)
    return film


def answers(backend: Backend, asked: Sequence[Asking]) -> list[Said]:
    """Return the answers to requests, at once where a backend can."""
    together: Any = getattr(backend, "together", None)
    return list(together(asked)) if together else [backend(each) for each in asked]


def reports(arm: Arm, backend: Backend, cases: Sequence[Case], pool: Sequence[Case], *, seed: int) -> list[str]:
    """Return the findings that a backend writes of cases."""
    return [said.text for said in answers(backend, [
        Asking("findings", (("cur_front", shown(case, arm.film, cases, seed=seed)),),
               examples=examples(arm.family, case, pool, seed=seed)) for case in cases])]  # fmt: skip


def report_scores(cases: Sequence[Case], texts: Sequence[str], names: Sequence[str] = REPORT) -> dict[str, Scored]:
    """Return registered metrics of reports by name."""
    pairs = ReportPairs(tuple(case.text for case in cases), tuple(texts), tuple(case.study.id for case in cases))
    return {name: metric(name)(pairs) for name in names}


def question_scores(
    arm: Arm, backend: Backend, cases: Sequence[Case], pool: Sequence[Case], *, seed: int
) -> dict[str, Scored]:
    """Return the share of a case's questions that are answered right, closed and open, exact but for case and stop."""
    asked = [(number, question) for number, case in enumerate(cases) for question in (*case.closed, *case.open)]
    said = answers(backend, [
        Asking("answer", (("cur_front", shown(cases[number], arm.film, cases, seed=seed)),), question=question.text,
               examples=question_examples(arm.family, question, cases[number], pool, seed=seed))
        for number, question in asked])  # fmt: skip
    found = {}
    for name, kind in ((CLOSED, "closed"), (OPEN, "open")):
        right: list[list[float]] = [[] for _ in cases]
        for (number, question), each in zip(asked, said, strict=True):
            if question.family == kind:
                right[number].append(float(_first_word(each.text) == question.answer))
        values = [float(np.mean(each)) if each else np.nan for each in right]
        found[name] = averaged(name, values, signature(name, 1))
    return found


def _first_word(text: str) -> str:
    return (text.casefold().replace(",", " ").replace(".", " ").split() or [""])[0]


def question_examples(
    family: str, question: Question, case: Case, pool: Sequence[Case], *, seed: int
) -> tuple[str, ...]:
    """Return a yes and a no of other patients (a right and a left for an open question); none for zero-shot."""
    if family == "zero-shot":
        return ()
    random = generator(seed, "question examples", case.study.id, question.text)
    wanted = ("yes", "no") if question.family == "closed" else ("right", "left")
    chosen = []
    for word in wanted:
        fit = [each for other in pool for each in (*other.closed, *other.open)
               if each.answer == word and each.family == question.family]  # fmt: skip
        if fit:
            each = fit[int(random.integers(len(fit)))]
            chosen.append(f"{each.text} {each.answer}.")
    return tuple(chosen)


def grounding(arm: Arm, backend: Backend, cases: Sequence[Case], *, seed: int) -> Scored:
    """Return the IoU of the first box that is given for each phrase, 0 where there is none, averaged over a case's."""
    asked = [(number, words, box) for number, case in enumerate(cases) for words, box in case.phrases]
    said = answers(backend, [
        Asking("phrase_to_box", (("cur_front", shown(cases[number], arm.film, cases, seed=seed)),), question=words)
        for number, words, _ in asked])  # fmt: skip
    found: list[list[float]] = [[] for _ in cases]
    for (number, _, box), each in zip(asked, said, strict=True):
        found[number].append(each.boxes[0].iou(box) if each.boxes else 0.0)
    values = [float(np.mean(each)) if each else np.nan for each in found]
    return averaged(IOU, values, signature(IOU, 1))


def table(title: str, scored: Mapping[Arm, Sequence[Mapping[str, Scored]]], names: Sequence[str]) -> list[str]:
    """Return a table, arms by metrics, averaged over seeds."""
    lines = [f"{title:64}" + "".join(f"{name.split('/')[0]:>14.13}" for name in names)]
    for arm, runs in scored.items():
        cells = (np.mean([run[name].value for run in runs]) if all(name in run for run in runs) else np.nan
                 for name in names)  # fmt: skip
        lines.append(f"    {str(arm)!s:60}" + "".join(f"{cell:14.3f}" for cell in cells))
    return lines
