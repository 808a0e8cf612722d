"""What the second stages of SEI and MLRG share: an arm's answers under changed inputs, scored on the same studies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hilum.core.study import Study
from hilum.learn.reader.sample import Sample, with_context
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import Judged, verdict
from hilum.measure.metrics.bleu import bleu_4
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored
from hilum.measure.verdict import Verdict
from hilum.systems._reader_scores import score

FACTS, ECHO, FALSE_COMPARISONS, BLEU = "fact-f1", "indication-echo", "false-comparison", "BLEU-4"


def of_visit(studies: Sequence[Study], *, prior: bool) -> list[Study]:
    """Return the studies that have a prior, or those that have none; with a report either way."""
    return [study for study in studies if (study.prior is not None) == prior and study.report is not None]


def all_scores(studies: Sequence[Study], answers: Sequence[str]) -> dict[str, Scored]:
    """Return the scores of the scenes, and BLEU-4 against the whole findings section."""
    references = tuple(study.report.findings if study.report else "" for study in studies)
    pairs = ReportPairs(references, tuple(answers), tuple(study.id for study in studies))
    return {**score(studies, list(answers)), BLEU: bleu_4(pairs)}


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
        """Let a reader write about samples and keep its scores under an arm's name; `cell` follows each metric.

        A study whose sample shows no prior is scored as one that has none, so that every comparison in it is false.
        """
        answers = reader.write(samples)
        self.answers.setdefault(f"{name}, {cell}" if cell else name, answers)
        seen = [study if sample.has("prior_front") else replace(study, prior=None)
                for study, sample in zip(self.studies, samples, strict=True)]  # fmt: skip
        for metric, value in all_scores(seen, answers).items():
            self.by_metric[f"{metric}, {cell}" if cell else metric][name].append(value)

    def of(self, metric: str) -> Mapping[str, list[Scored]]:
        """Return the scores of every arm for a metric."""
        return self.by_metric[metric]

    @property
    def patients(self) -> list[str]:
        """The patient of each study."""
        return [study.patient for study in self.studies]


def told(text: str, judged: tuple[list[Judged], list[Judged], list[str]], notes: Sequence[str]) -> Verdict:
    """Return the verdict on a second stage: its claims, those beside them, and what must be known to read it.

    Args:
        text: the claim as a whole.
        judged: claims, those beside them, lines for people.
        notes: what was ported, left out, and published.
    """
    parts, beside, lines = judged
    made, more = verdict(text, parts, notes=(*lines, *notes)), verdict(text, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores})
