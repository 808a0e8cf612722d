"""Scores of report graphs against hand-made ones: strict F1, intervals over reports, paired differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.learn.spans import Tagged
from hilum.systems._radgraph_corpus import Marked, marks_of
from hilum.systems._radgraph_recipe import Recipe
from hilum.systems._radgraph_reports import Case

if TYPE_CHECKING:
    from hilum.systems._radgraph_sources import Sources

PARTS = ("span", "entity", "relation", "modify", "located_at", "suggestive_of")
"""What is counted: spans; spans with their label; relations whose kind, both spans and both labels are right."""
Counts = NDArray[np.float64]
"""(reports, parts, 3): found and right, found, in the reference."""


def facts(marks: Sequence[Marked]) -> dict[str, set[tuple[Any, ...]]]:
    """Return what a graph states, as one set per part."""
    whole = [(mark.start, mark.end, mark.label) for mark in marks]
    links = {(whole[n], kind, whole[to]) for n, mark in enumerate(marks) for kind, to in mark.relations}
    kinds = {kind: {link for link in links if link[1] == kind} for kind in PARTS[3:]}
    return {"span": {each[:2] for each in whole}, "entity": set(whole), "relation": links, **kinds}


def count(found: Iterable[Sequence[Marked]], reference: Iterable[Sequence[Marked]]) -> Counts:
    """Return the counts of every report."""
    rows = []
    for said, true in zip(found, reference, strict=True):
        one, two = facts(said), facts(true)
        rows.append([(len(one[part] & two[part]), len(one[part]), len(two[part])) for part in PARTS])
    return np.array(rows, np.float64).reshape(-1, len(PARTS), 3)


def count_lines(found: Iterable[Tagged], reference: Iterable[Tagged]) -> Counts:
    """Return the counts of tagged sentences, each as a report of its own."""
    return count([marks_of(each) for each in found], [marks_of(each) for each in reference])


def f1(counts: Counts) -> Counts:
    """Return micro F1 of summed counts (..., 3): twice what both state, over what each states."""
    return 2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1)


def interval(counts: Counts, other: Counts | None = None, *, draws: int = 2_000, seed: int = 0) -> Counts:
    """Return the 95 % interval of F1, or of F1 minus another's on the same reports, by bootstrap over reports.

    Args:
        counts, other: (..., reports, parts, 3); leading axes, e.g. seeds, are averaged after scoring.
        draws: of the bootstrap.
        seed: of the draws.

    Returns:
        (2, parts): low and high.
    """
    reports = counts.shape[-3]
    weights = generator(seed, "bootstrap").multinomial(reports, np.full(reports, 1 / reports), size=draws)

    def drawn(own: Counts) -> Counts:
        scores = f1(np.einsum("dr,...rpk->...dpk", weights.astype(np.float64), own))
        mean: Counts = scores.reshape(-1, draws, scores.shape[-1]).mean(axis=0)
        return mean

    values = drawn(counts) - (drawn(other) if other is not None else 0.0)
    return np.percentile(values, [2.5, 97.5], axis=0)


def cross_validate(sources: Sources, tuning: Sequence[Case], recipe: Recipe, *, seed: int) -> dict[str, float]:
    """Return F1 on the tuning reports, each read by a tagger that has not learnt from it.

    The first fit sees no hand-made graph, so the folds share it; agreement is left out.
    """
    from hilum.systems._radgraph_sources import gold_sentences, vocabulary_of
    from hilum.systems._radgraph_tagger import graphs, net_reader
    from hilum.systems._radgraph_train import first_fit, second_fit

    vocabulary = vocabulary_of(sources)
    net = first_fit(sources, recipe, vocabulary, seed=seed)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    parts = []
    for fold in range(recipe.folds):
        left_out = list(tuning[fold :: recipe.folds])
        kept = [case for number, case in enumerate(tuning) if number % recipe.folds != fold]
        net.load_state_dict(start)
        second_fit(net, {**sources, "gold": gold_sentences(kept, recipe)}, recipe, vocabulary, seed=seed)
        found = graphs(
            net_reader(net, vocabulary), [case.parsed for case in left_out], unit=recipe.unit, made_by="fold"
        )
        parts.append(count([each.entities for each in found], [case.marks for case in left_out]))
    scores = f1(np.concatenate(parts).sum(axis=0))
    return {part: round(float(score), 4) for part, score in zip(PARTS, scores, strict=True)}
