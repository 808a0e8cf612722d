"""Patients alike: classes of test studies with identical facts, what a report says of each finding, and equivalents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Scored, averaged, signature
from hilum.phantom.scenes import scenes_of
from hilum.phantom.scenes_facts import CONCEPTS, draw_course
from hilum.systems._icon_claims import CONSISTENCY, DISAGREE, LIKE
from hilum.systems._reader_said import said

KEPT = 10
"""Equivalents kept for each training study."""
Told = Mapping[str, tuple[str, ...]]
"""Words of each finding that a report states as present: its side, grade, place, tip and change."""


def alike(classes: int, each: int, *, seed: int, size: int) -> tuple[tuple[Study, ...], list[int]]:
    """Draw classes of patients with identical facts, every second class with a prior.

    Args:
        classes: how many; each has at least one finding, and no two have the same facts.
        each: patients of a class.
        seed: of the draw.
        size: columns of a film.

    Returns:
        The current study of every patient, and the number of its class.
    """
    made: list[Study] = []
    held: list[object] = []
    draw = 0
    while len(held) < classes:
        prior, facts = draw_course(generator(seed, "alike", draw), 2)
        draw += 1
        if any(fact.grade for fact in facts[:-1]) and facts not in held:
            before = prior if len(held) % 2 else None
            made += scenes_of(facts, each, seed=1 + seed * 1000 + len(held), size=size, prior=before)
            held.append(facts)
    return tuple(made), [number for number in range(classes) for _ in range(each)]


def told_of(study: Study) -> Told:
    """Return what a study's report says of each finding that it states as present."""
    return words_of(study.report.findings if study.report else "")


def words_of(text: str) -> Told:
    """Return the words of each present finding of a text, by concept."""
    read, made = said(text), dict[str, list[str]]()
    for (concept, side), told in read.facts.items():
        change = sorted(read.changes.get(concept, frozenset()) - {"none"})
        words = [side, *(f"{value} {'mm' if name == 'tip' else ''}".strip() for name, value in told.items()), *change]
        made.setdefault(concept, []).extend(word for word in words if word)
    return {concept: tuple(dict.fromkeys(words)) for concept, words in made.items()}


def equivalents(studies: Sequence[Study]) -> NDArray[np.intp]:
    """Return the ten most like studies of other patients for each: (N, 10), best first.

    By the F1 of the findings they share, then by Jaccard's index of attributes, a study with a prior only beside others
    with one. The published system takes candidates by BM25 first; every study is a candidate here.

    Raises:
        InputError: if there are not more than ten studies of other patients.
    """
    told = [told_of(study) for study in studies]
    names = sorted({(concept, word) for each in told for concept, words in each.items() for word in words})
    column = {name: number for number, name in enumerate(names)}
    heads, words = np.zeros((len(told), len(CONCEPTS))), np.zeros((len(told), max(len(names), 1)))
    for row, each in enumerate(told):
        for concept, some in each.items():
            heads[row, CONCEPTS.index(concept)] = 1.0
            words[row, [column[concept, word] for word in some]] = 1.0
    both = heads.sum(1)[:, None] + heads.sum(1)[None]
    shared = words @ words.T
    either = words.sum(1)[:, None] + words.sum(1)[None] - shared
    likeness = 2 * heads @ heads.T / np.maximum(both, 1) + 0.1 * shared / np.maximum(either, 1)
    prior = np.array([study.prior is not None for study in studies])
    likeness[prior[:, None] != prior[None]] -= 2.0
    patients = np.array([study.patient for study in studies])
    likeness[patients[:, None] == patients[None]] = -np.inf
    if np.isfinite(likeness).sum(1).min(initial=KEPT) < KEPT:
        raise InputError(f"equivalents need more than {KEPT} studies of other patients, got {len(studies)} in all")
    return np.argsort(-likeness, axis=1, kind="stable")[:, :KEPT]


def disagreement(answers: Sequence[str], classes: Sequence[int]) -> Scored:
    """Score how many of a patient's class are told something else: facts, attributes and changes as they are read."""
    read = [said(answer) for answer in answers]
    facts = [(frozenset((key, frozenset(told.items())) for key, told in each.facts.items()),
              frozenset((name, change) for name, change in each.changes.items() if change != {"none"}))
             for each in read]  # fmt: skip
    values = []
    for number, own in enumerate(classes):
        mates = [other for other, group in enumerate(classes) if group == own and other != number]
        values.append(float(np.mean([facts[other] != facts[number] for other in mates])) if mates else np.nan)
    return averaged(DISAGREE, values, signature("disagreement", 1, reader="hilum"), better="lower")


def consistency(studies: Sequence[Study], answers: Sequence[str], classes: Sequence[int]) -> dict[str, Scored]:
    """Return CON and R-CON by the published rule of equivalence, and within classes, where equivalence is known.

    Each by the overlap coefficient and by Jaccard's index, which short reports cannot game.
    """
    references = [study.report.findings if study.report else "" for study in studies]
    made = {name: metric(name)(Pairs(tuple(references), tuple(answers))) for name in CONSISTENCY}
    groups = [[row for row, own in enumerate(classes) if own == group] for group in sorted(set(classes))]
    pairs = [Pairs(tuple(references[row] for row in rows), tuple(answers[row] for row in rows)) for rows in groups]
    for name in CONSISTENCY:
        values = np.full(len(answers), np.nan)
        for rows, pair in zip(groups, pairs, strict=True):
            values[rows] = metric(name)(pair).values
        line = signature(LIKE + name, 1, equivalents="identical facts", reader="hilum")
        made[LIKE + name] = averaged(LIKE + name, values, line)
    return made
