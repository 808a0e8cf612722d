"""Scores of arms over seeds, the guards that every reader is shown under, and the lines that tell of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hilum.core.finding import Change, Finding
from hilum.core.study import Study
from hilum.learn.decode import Decoding
from hilum.learn.reader.guards import guard_rows
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Floats, Scored
from hilum.measure.stats import Interval, bounds, patient_weights
from hilum.systems._reader_jobs import Answered
from hilum.systems._reader_scores import score
from hilum.systems._stage1 import named

FLIPPED: Mapping[str, Change] = {
    "new": "resolved", "resolved": "new", "improved": "worsened", "worsened": "improved", "unchanged": "unchanged",
}  # fmt: skip
REVERSED, BY_REVERSED = "reversed prior", ", by reversed truth"


@dataclass
class Trials:
    """What arms came to, metric by metric, a seed after the other.

    Args:
        patients: of each test study.
        scores: metric -> arm -> one Scored a seed.
    """

    patients: list[str]
    scores: dict[str, dict[str, list[Scored]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def take(self, arm: str, scored: Mapping[str, Scored]) -> None:
        """Add an arm's scores of one seed."""
        for metric, value in scored.items():
            self.scores[metric][arm].append(value)

    def read(self, studies: Sequence[Study], made: Answered) -> None:
        """Score all that an arm wrote; reversed pairs by true and by reversed change."""
        for name, texts in made.texts.items():
            self.take(name, score(studies, texts, boxes=made.boxes.get(name)))
            if name.endswith(REVERSED):
                self.take(name + BY_REVERSED, score([reversed_truth(study) for study in studies], texts))

    def judged(self, claims: Sequence[Claim], *, seed: int) -> list[Judged]:
        """Judge claims on the arms that they name."""
        return [judge(claim, named(claim, self.scores[claim.metric]), self.patients, seed=seed) for claim in claims]

    def table(self, arms: Sequence[str], metrics: Sequence[str], *, seed: int) -> list[str]:
        """Return a line for each arm that has run: mean over seeds of each metric with its interval over patients."""
        lines = []
        for arm in arms:
            there = [metric for metric in metrics if self.scores[metric].get(arm)]
            told = [f"{metric} {self.interval(metric, arm, seed=seed)}" for metric in there]
            lines += [f"{arm:34} {'; '.join(told)}"] if told else []
        return lines

    def interval(self, metric: str, arm: str, *, seed: int) -> Interval:
        """Return an arm's mean over seeds with its interval over patients."""
        runs = self.scores[metric][arm]
        weights = np.concatenate(
            [np.ones((1, len(self.patients))), patient_weights(self.patients, replicates=1000, seed=seed)]
        )
        drawn = np.stack([run.at(weights) for run in runs]).mean(axis=0)
        return bounds(float(drawn[0]), drawn[1:])


def among(scored: Scored, chosen: Sequence[bool]) -> Scored:
    """Return a score over some of its items only; the others count for nothing, so that the patients stay the same."""
    keep = np.asarray(chosen, dtype=np.float64)

    def at(weights: Floats) -> Floats:
        return scored.at(weights * keep)

    values = np.where(keep > 0, scored.values, np.nan)
    return replace(scored, values=values, at=at)


def lowered(scored: Scored, margin: float) -> Scored:
    """Return a score less a margin: to be better than that is to be no worse by more than the margin."""

    def at(weights: Floats) -> Floats:
        return scored.at(weights) - margin

    return replace(scored, values=scored.values - margin, at=at)


def reversed_truth(study: Study) -> Study:
    """Return what is true of a study whose frontal film and prior film have changed places: the prior's findings.

    Change is turned round with them: what is new has resolved, what has improved has worsened. A study without a prior
    is returned as it is.
    """
    prior = study.prior
    if prior is None:
        return study
    later = {finding.id: finding for finding in study.findings}
    turned = tuple(_turned(finding, later[finding.id]) for finding in prior.findings if finding.id in later)
    return replace(study, time=None, findings=turned, prior=replace(prior, prior=None, time=None))


def _turned(finding: Finding, later: Finding) -> Finding:
    return replace(finding, change=FLIPPED[later.change] if later.change else None)


def guard_answers(
    reader: Trained, samples: Sequence[Sample], arm: str, *, seed: int, decoding: Decoding | None = None
) -> dict[str, list[str]]:
    """Return what a reader writes of samples as they are (under the arm's name) and under every guard ('ARM: blank').

    Args:
        reader: trained.
        samples: one for each test study, in order.
        arm: name.
        seed: of exchanges.
        decoding: the preset's if None.
    """
    rows = guard_rows(samples, seed=seed)
    names = {guard: arm if guard == "true" else f"{arm}: {guard}" for guard in rows}
    return {names[guard]: reader.write(changed, decoding=decoding) for guard, changed in rows.items()}


def settings_line(reader: Trained, task: str = "findings") -> str:
    """Return one line on how words were chosen and how much a reader sees."""
    how = reader.decoding(task)
    way = f"{how.beams} beams" if how.beams > 1 else f"temperature {how.temperature:g}" if how.temperature else "greedy"
    return (
        f"decoding: {way}, at most {how.longest} tokens; a film takes {reader.processor.image_seq_length} tokens; "
        f"{sum(weight.numel() for weight in reader.reader.parameters()):,} weights, the frozen encoder's included"
    )
