"""What the second stages of SEI and MLRG share: an arm's answers under changed inputs, scored on the same studies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.sample import Sample, with_context
from hilum.learn.reader.trained import Trained
from hilum.measure.metrics.bleu import bleu_4
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored, averaged
from hilum.systems._reader_scores import score
from hilum.text.findings import to_findings
from hilum.text.parse import parse

BLEU, ECHO = "BLEU-4", "echo of a misleading indication"


def of_visit(studies: Sequence[Study], *, prior: bool) -> list[Study]:
    """Return the studies that have a prior, or those that have none; with a report either way."""
    return [study for study in studies if (study.prior is not None) == prior and study.report is not None]


def hinted(study: Study) -> str:
    """Return the concept that the indication of a study hints at, '' where it names none."""
    facts = parse(study.report.indication).facts if study.report else ()
    return facts[0].concept if facts else ""


def echoes(studies: Sequence[Study], answers: Sequence[str]) -> Scored:
    """Score how often a report claims what its indication hints at although it is not there; NaN for other studies."""
    values = []
    for study, answer in zip(studies, answers, strict=True):
        concept = hinted(study)
        there = any(each.concept == concept and each.state == "present" for each in study.findings)
        told = any(each.concept == concept and each.state == "present" for each in to_findings(parse(answer)))
        values.append(float(told) if concept and not there else np.nan)
    return averaged(ECHO, values, "hint absent from the study, stated as present|version:1", better="lower")


def all_scores(studies: Sequence[Study], answers: Sequence[str]) -> dict[str, Scored]:
    """Return the scores of the scenes, BLEU-4 against the whole findings section, and echoes."""
    references = tuple(study.report.findings if study.report else "" for study in studies)
    pairs = ReportPairs(references, tuple(answers), tuple(study.id for study in studies))
    return {**score(studies, list(answers)), BLEU: bleu_4(pairs), ECHO: echoes(studies, answers)}


def shuffled(samples: Sequence[Sample], section: str) -> list[Sample]:
    """Return samples with a section of the next patient's sample, a missing one included."""
    made = []
    for number, sample in enumerate(samples):
        later = [*samples[number + 1 :], *samples[:number]]
        other = next((each for each in later if each.patient != sample.patient), sample)
        made.append(with_context(sample, **{section: other.context.get(section, "")}))
    return made


@dataclass
class Trials:
    """Scores of arms by metric, in the order of seeds, and one arm's answers to look at.

    Args:
        studies: asked about, in one order for all arms.
    """

    studies: Sequence[Study]
    by_metric: dict[str, dict[str, list[Scored]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    answers: dict[str, list[str]] = field(default_factory=dict)

    def read(self, name: str, reader: Trained, samples: Sequence[Sample], *, cell: str = "") -> None:
        """Let a reader write about samples and keep its scores under an arm's name; `cell` follows each metric."""
        answers = reader.write(samples)
        self.answers.setdefault(f"{name}, {cell}" if cell else name, answers)
        for metric, value in all_scores(self.studies, answers).items():
            self.by_metric[f"{metric}, {cell}" if cell else metric][name].append(value)

    def of(self, metric: str) -> Mapping[str, list[Scored]]:
        """Return the scores of every arm for a metric."""
        return self.by_metric[metric]

    @property
    def patients(self) -> list[str]:
        """The patient of each study."""
        return [study.patient for study in self.studies]
