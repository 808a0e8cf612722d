"""Free answers against the reference answer: exact match, words shared, longest common subsequence; explanations apart.

They score questions without choices. Of a set that has both kinds, `choice-accuracy` scores the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.choice.answers import Answered, answered, stated, subsequence, token_f1
from hilum.measure.choice.cascade import bare
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Floats, Scored, ratio, signature, summed

StudyPairs = Pairs[Study]
_UNIT = (0.0, 1.0)
_OPEN, _WHY = "it asks no question with a free answer", "it has no question that both explain"


def _score(
    name: str, pairs: StudyPairs, taken: Callable[[Answered], bool], value: Callable[[Answered], float], reason: str
) -> Scored:
    """Mean over questions, silence counting 0."""
    sums = np.zeros((len(pairs), 2))
    for number, pair in enumerate(zip(pairs.references, pairs.answers, strict=True)):
        held = [each for each in answered(*pair) if taken(each)]
        sums[number] = sum(value(each) for each in held), len(held)
    unscored = {number: reason for number, row in enumerate(sums) if not row[1]}
    return summed(name, ratio(sums[:, 0], sums[:, 1]), sums, _mean, signature(name, 1), unscored=unscored)


def _mean(sums: Floats) -> Floats:
    return ratio(sums[:, 0], sums[:, 1])


def _free(name: str, pairs: StudyPairs, compared: Callable[[str, str], float]) -> Scored:
    return _score(name, pairs, lambda each: not each.question.choices,
                  lambda each: compared(bare(each.question.answer or ""), bare(each.said or "")), _OPEN)  # fmt: skip


@register.metric("answer-exact", better="higher", takes="study", over="set", range=_UNIT, version=1)
def answer_exact(pairs: StudyPairs) -> Scored:
    """Share of free answers that are the reference's words: case, articles and punctuation do not count."""
    return _free("answer-exact", pairs, stated)


@register.metric("answer-token-f1", better="higher", takes="study", over="set", range=_UNIT, version=1)
def answer_token_f1(pairs: StudyPairs) -> Scored:
    """F1 of the words that a free answer shares with the reference, mean over questions."""
    return _free("answer-token-f1", pairs, token_f1)


@register.metric("answer-rouge-l", better="higher", takes="study", over="set", range=_UNIT, version=1)
def answer_rouge_l(pairs: StudyPairs) -> Scored:
    """F1 of the longest common subsequence of words of a free answer and the reference, mean over questions."""
    return _free("answer-rouge-l", pairs, subsequence)


@register.metric("explanation-token-f1", better="higher", takes="study", over="set", range=_UNIT, version=1)
def explanation_token_f1(pairs: StudyPairs) -> Scored:
    """F1 of the words of explanations, where the reference and the model both explain; apart from the answers."""
    return _score("explanation-token-f1", pairs, lambda each: bool(each.question.explanation and each.explanation),
                  lambda each: token_f1(each.question.explanation, each.explanation), _WHY)  # fmt: skip
