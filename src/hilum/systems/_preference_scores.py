"""What a tuned reader is scored by: judges, length, repeats, distance from its policy, and the tasks it may forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hilum.learn.decode import Decoding
from hilum.learn.reader.answers import read_answer, written
from hilum.learn.reader.policy import Policy
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.trained import Trained
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.measure.rewards import J1, J2, J3, repeats, reward, words
from hilum.measure.scored import Floats, Scored, averaged, signature
from hilum.systems._preference_claims import DIVERGENCE, GREEN, GROUNDING, PRESENCE, REPEATS, UNPARSED, WORDS
from hilum.systems._preference_policy import ASKED, asked_of
from hilum.systems._preference_recipe import Recipe
from hilum.systems._reader_lab import Lab


@dataclass(frozen=True, eq=False)
class Asked:
    """Held-out questions.

    Args:
        findings: one to each study with a report: the items of every score.
        presence, phrases: of some of these studies.
    """

    findings: tuple[Sample, ...]
    presence: tuple[Sample, ...]
    phrases: tuple[Sample, ...]

    @classmethod
    def of(cls, held: Lab) -> Asked:
        """Return those of the test studies."""
        made = (asked_of(held.test, task, seed=held.seed, count=count)
                for task, count in (("findings", 1), ("presence", ASKED), ("phrase_to_box", 1)))  # fmt: skip
        return cls(*made)

    @property
    def patients(self) -> list[str]:
        """Whose each item is."""
        return [sample.patient for sample in self.findings]

    def by_study(self, samples: Sequence[Sample], values: Sequence[float] | Floats) -> Floats:
        """Return the mean value of each study's samples, (N,), NaN for a study without any."""
        held: dict[str, list[float]] = {sample.study: [] for sample in self.findings}
        for sample, value in zip(samples, values, strict=True):
            held[sample.study].append(float(value))
        return np.array([np.mean(each) if each else np.nan for each in held.values()])


def scores(
    tuned: Trained, policy: Trained, asked: Asked, recipe: Recipe, *, seed: int
) -> tuple[dict[str, Scored], list[str]]:  # fmt: skip
    """Return metric -> score of a tuned reader on held-out questions, and the reports that it wrote greedily.

    Args:
        tuned: to score.
        policy: that it comes from.
        asked: the questions.
        recipe: how reports are written.
        seed: of the answers that the divergence is estimated on.
    """
    texts = tuned.write(asked.findings, decoding=Decoding(longest=recipe.longest))
    references = [sample.target for sample in asked.findings]
    made = {name: _mean(name, reward(name)(references, texts)) for name in (J1, J2, J3, GREEN)}
    made[WORDS] = _mean(WORDS, [words(text) for text in texts])
    made[REPEATS] = _mean(REPEATS, [repeats(text) for text in texts])
    made[UNPARSED] = metric(UNPARSED)(ReportPairs(tuple(references), tuple(texts)))
    if tuned is policy:
        apart = np.zeros(len(texts))
    else:
        apart = Policy(policy, asked.findings, recipe.longest).divergence(tuned, seed=seed)
    made[DIVERGENCE] = _mean(DIVERGENCE, apart)
    made[PRESENCE] = _mean(PRESENCE, asked.by_study(asked.presence, presence(tuned, asked.presence)))
    made[GROUNDING] = _mean(GROUNDING, asked.by_study(asked.phrases, grounding(tuned, asked.phrases)))
    return made, texts


def _mean(name: str, values: Sequence[float] | Floats) -> Scored:
    return averaged(name, values, signature(name, 1, decoding="greedy"))


def presence(reader: Trained, samples: Sequence[Sample]) -> Floats:
    """Return 1 for each question of presence whose likelier answer is right, else 0, (N,)."""
    if not samples:
        return np.zeros(0)
    chosen = reader.likelihood(samples).argmax(1).tolist()
    right = [sample.options[at] == sample.target for sample, at in zip(samples, chosen, strict=True)]
    return np.array(right, np.float64)


def grounding(reader: Trained, samples: Sequence[Sample]) -> Floats:
    """Return the overlap of the boxes that a reader gives a phrase with the true ones, (N,); 0 where it gives none."""
    tokenizer = reader.processor.tokenizer
    found = []
    for sample, answer in zip(samples, reader.written(samples), strict=True):
        shown = sample.shown[0]
        boxes = read_answer(written(answer.tokens, tokenizer), reader.preset, shown).boxes
        found.append(np.mean([max((true.iou(box) for box in boxes), default=0.0) for true in sample.boxes]))
    return np.array(found, np.float64)
