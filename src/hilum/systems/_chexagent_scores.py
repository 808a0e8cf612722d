"""How each of CheXagent's tasks is scored, and the choice of four options both ways with their order turned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks.choice import WORDINGS, asked_options, chosen
from hilum.learn.reader.trained import Trained
from hilum.measure.scored import Floats, Scored, averaged, f1, summed
from hilum.systems._chexagent_claims import PARSED, TASKS
from hilum.systems._reader_marks import box_scores, boxes_in, fact_f1
from hilum.systems._reader_tasks import answers
from hilum.text.findings import to_findings
from hilum.text.parse import parse

OPTIONS = 4


def plain(text: str) -> str:
    """Return an answer in lower case, without a last stop."""
    return " ".join(text.lower().split()).rstrip(". ")


def task_score(
    name: str, reader: Trained, samples: Sequence[Sample], preset: Preset, studies: Mapping[str, Study]
) -> Scored:
    """Return what a reader's answers to a task's samples come to, by the score that `TASKS` names.

    Args:
        name: of the task; 'choice' has a score of its own, see `choice_scores`.
        reader: trained.
        samples: of the test studies.
        preset: of the layout.
        studies: by id.
    """
    texts, metric = answers(reader, samples), TASKS[name]
    if name == "phrase_to_box":
        found = [boxes_in(text, preset, sample) for text, sample in zip(texts, samples, strict=True)]
        return box_scores(samples, found)["box F1@.5"]
    if name == "findings":
        return fact_f1(samples, texts, studies)
    if name == "progression":
        right = [change_accuracy(studies[sample.study], text) for sample, text in zip(samples, texts, strict=True)]
        return averaged(metric, right, "change of each finding that has one, read back from the text")
    if name == "labels":
        return label_f1([sample.target for sample in samples], texts)
    right = [float(plain(text) == plain(sample.target)) for text, sample in zip(texts, samples, strict=True)]
    return averaged(metric, right, "the very words")


def label_f1(true: Sequence[str], said: Sequence[str]) -> Scored:
    """Return the micro F1 of lists of labels."""
    rows = []
    for one, other in zip(true, said, strict=True):
        held, found = ({plain(each) for each in text.split(",")} - {"none", ""} for text in (one, other))
        rows.append([len(held & found), len(found - held), len(held - found)])
    table = np.array(rows, dtype=np.float64)

    def combine(sums: Floats) -> Floats:
        return f1(sums[:, 0], sums[:, 1], sums[:, 2])

    return summed(TASKS["labels"], combine(table), table, combine, "micro, 'none' is no label")


def change_accuracy(study: Study, text: str) -> float:
    """Return the share of a study's changes that a text tells rightly; NaN where nothing has a change."""
    true = {finding.concept: finding.change for finding in study.findings if finding.change}
    told = {each.concept: each.change for each in to_findings(parse({"findings": text, "impression": ""}))}
    return float(np.mean([told.get(name) == change for name, change in true.items()])) if true else float("nan")


def turned(samples: Sequence[Sample]) -> list[Sample]:
    """Return each sample with its options in every cyclic order, one after the other, the question in one wording."""
    made = []
    for sample in samples:
        for shift in range(len(sample.options)):
            options = (*sample.options[shift:], *sample.options[:shift])
            turn = Turn(f"{WORDINGS[0]} {asked_options(options)}", sample.turns[-1].answer)
            made.append(replace(sample, key=f"{sample.key}/{shift}", turns=(turn,), options=options))
    return made


@dataclass(frozen=True)
class Choices:
    """Options chosen in each order (N, 4), as texts, by likelihood and by the written answer ('' for none)."""

    likely: tuple[tuple[str, ...], ...]
    written: tuple[tuple[str, ...], ...]

    def same(self, ways: Sequence[Sequence[str]]) -> float:
        """Return the share of questions that get one answer in every order."""
        return float(np.mean([len(set(each)) == 1 for each in ways]))


def choices(reader: Trained, samples: Sequence[Sample]) -> Choices:
    """Let a reader choose among the options of each sample in every order, both ways."""
    asked = turned(samples)
    best = reader.likelihood(asked).argmax(1).tolist()
    likely = [sample.options[at] for sample, at in zip(asked, best, strict=True)]
    texts = answers(reader, asked, longest=16)
    at = [chosen(text, sample.options) for text, sample in zip(texts, asked, strict=True)]
    said = [sample.options[one] if one is not None else "" for sample, one in zip(asked, at, strict=True)]
    return Choices(_grouped(likely), _grouped(said))


def _grouped(flat: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(flat[at : at + OPTIONS]) for at in range(0, len(flat), OPTIONS))


def choice_scores(samples: Sequence[Sample], made: Choices) -> dict[str, Scored]:
    """Return the accuracy of both ways, the mean over the orders of each question."""
    scores = {}
    for metric, ways in ((TASKS["choice"], made.likely), (PARSED, made.written)):
        right = [float(np.mean([plain(each) == plain(sample.target) for each in way]))
                 for sample, way in zip(samples, ways, strict=True)]  # fmt: skip
        scores[metric] = averaged(metric, right, "mean over four orders of the options")
    return scores


def text_prior(train: Sequence[Sample], asked: Sequence[Sample]) -> Scored:
    """Return the accuracy of choosing, without any film, the option that was most often right where it was offered."""
    offered, right = Counter[str](), Counter[str]()
    for sample in train:
        offered.update(sample.options)
        right[sample.target] += 1
    picked = [max(sample.options, key=lambda each: (right[each] / max(offered[each], 1), each)) for sample in asked]
    hits = [float(one == sample.target) for one, sample in zip(picked, asked, strict=True)]
    return averaged(TASKS["choice"], hits, "no film: how often each option was right in training")
