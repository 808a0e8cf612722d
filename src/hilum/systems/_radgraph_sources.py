"""What the span-relation tagger learns from: rule graphs, written sentences with exact graphs, hand-made graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hilum.learn.spans import Tagged
from hilum.learn.words import Vocabulary
from hilum.systems._radgraph_corpus import lines_of, tag, written
from hilum.systems._radgraph_recipe import Recipe
from hilum.systems._radgraph_reports import Case, cases, dev_reports, is_tuning
from hilum.text.graph import graph
from hilum.text.parse import Parsed

Sources = Mapping[str, Sequence[Tagged]]
"""Sentences to learn from: 'rules', 'written' and, in the second fit, 'gold'."""


def rule_sentences(reports: Sequence[Parsed], recipe: Recipe) -> list[Tagged]:
    """Return what the rules say of every distinct sentence (or section) of the reports."""
    found = {
        line.words: tag(line, graph(each).entities) for each in reports for line in lines_of(each, unit=recipe.unit)
    }
    return list(found.values())


def gold_sentences(kept: Sequence[Case], recipe: Recipe) -> list[Tagged]:
    """Return the hand-made graphs by sentence (or section)."""
    return [tag(line, case.marks) for case in kept for line in lines_of(case.parsed, unit=recipe.unit)]


def sources_of(root: Path, recipe: Recipe, *, seed: int) -> tuple[dict[str, list[Tagged]], list[Case]]:
    """Return the sentences to learn from by source, and all hand-made cases (only tuning ones are learnt from)."""
    made = cases(root, Path(recipe.gold))
    reports = dev_reports(root, [case.id for case in made], limit=recipe.limit)
    tuning = [case for case in made if is_tuning(case.id)]
    return {
        "rules": rule_sentences(reports, recipe),
        "written": written(recipe.written, seed=seed),
        "gold": gold_sentences(tuning, recipe),
    }, made


def vocabulary_of(sources: Sources) -> Vocabulary:
    """Return the words seen twice or more, hand-made graphs left out so that folds share one vocabulary."""
    return Vocabulary.of(each.words for name, part in sources.items() if name != "gold" for each in part)
