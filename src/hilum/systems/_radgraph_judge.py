"""Judge RadGraph's claim: a span-relation model against co-occurrence, on sentences whose wording it never met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hilum.core.errors import InputError
from hilum.learn.spans import Tagged
from hilum.measure.claim import Claim, Judged, judge, verdict
from hilum.measure.scored import Floats, Scored, ratio, signature, summed
from hilum.measure.verdict import Verdict
from hilum.systems._radgraph_corpus import lines_of, tag, written
from hilum.systems._radgraph_recipe import GOLD, QUICK, Recipe
from hilum.systems._radgraph_score import PARTS, count, count_lines
from hilum.text.grammar import write
from hilum.text.graph import graph
from hilum.text.parse import parse

TEXT = "a span-relation model beats co-occurrence on relations"
RIVALS = ("entities, all attached", "entities, nearest attached")
CONTROL = "labels shuffled within sentence"
_DRAWN = 90_001  # seed of the sentences that are read, apart from those of training


def _claim(rival: str, where: str) -> Claim:
    return Claim(f"the model's relations beat its own {rival}, {where}", "model", rival, "relation F1", (CONTROL,))


CLAIMS = tuple(_claim(rival, "templates and words held out") for rival in RIVALS)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, steps: str | int = 500, size: str | int = 600,
    say: Callable[[str], None] = lambda line: None,
) -> Verdict:  # fmt: skip
    """Judge the claim on written sentences with exact graphs, templates and words held out; three seeds.

    Args:
        data: a pack with Open-i reports: then the rules' graphs are learnt from too, and the hand-made graphs of the
            repository's held-out reports are read as well.
        seed: the first of three.
        steps: of each fit; 0 for the few of a test.
        size: sentences to read.
        say: is told what is being done.

    Raises:
        InputError: if a choice is no number.
        MissingError: if torch is not installed, or the data lack what is needed.
    """
    from hilum.systems._radgraph_sources import Sources, sources_of, vocabulary_of
    from hilum.systems._radgraph_tagger import Read, cooccurring, net_reader
    from hilum.systems._radgraph_train import fit_tagger

    try:
        steps, size = int(steps), int(size)
    except ValueError:
        raise InputError(f"steps and size are numbers, got '{steps}' and '{size}'") from None
    recipe = replace(Recipe(), first=replace(Recipe().first, steps=steps), second=replace(Recipe().second, steps=0))
    recipe = recipe if steps else replace(QUICK, second=replace(QUICK.second, steps=0))
    readers: dict[str, list[Read]] = {name: [] for name in ("model", *RIVALS, CONTROL)}
    for each in range(seed, seed + 3):
        sources: Sources = {"written": written(recipe.written, seed=each)}
        if data is not None:
            sources = {
                name: part for name, part in sources_of(Path(data), recipe, seed=each)[0].items() if name != "gold"
            }
        shares = {name: share for name, share in recipe.shares.items() if name in sources}
        for arm, shuffle in (("model", False), (CONTROL, True)):
            say(f"training {arm}, seed {each}")
            made, words = replace(recipe, shares=shares, shuffle=shuffle), vocabulary_of(sources)
            readers[arm].append(net_reader(fit_tagger(sources, made, words, seed=each), words))
        for rival, nearest in zip(RIVALS, (False, True), strict=True):
            readers[rival].append(cooccurring(readers["model"][-1], nearest=nearest))
    parts, notes = _on_written(readers, size), [f"{size} written sentences, {steps} steps, seeds {seed} to {seed + 2}"]
    if data is not None:
        parts += _on_hand_made(readers, Path(data))
    notes.append("strict F1: kind, both spans and both labels right; sentences of several findings judged apart")
    return verdict(TEXT, parts, notes=notes)


def _on_written(readers: dict[str, list[Callable[..., list[Tagged]]]], size: int) -> list[Judged]:
    sentences = written(size, seed=_DRAWN, held_templates=True, held_words=True)
    counts = {
        arm: [count_lines(read([each.words for each in sentences]), sentences) for read in own]
        for arm, own in readers.items()
    }
    counts["rules"] = [count_lines(_by_rules(size), sentences)]
    several = np.array([sum(e.label != "ANAT-DP" for e in each.entities) > 1 for each in sentences])
    parts = _judged(counts, "templates and words held out", np.ones(len(sentences), dtype=bool))
    return parts + _judged(counts, "there, several observations in a sentence", several)


def _by_rules(size: int) -> list[Tagged]:
    """What the rules say of the same sentences: no rival of the claim, but what a user would have otherwise."""
    texts = [parse(each.text) for each in write(size, seed=_DRAWN, held_templates=True, held_words=True)]
    return [tag(lines[0], graph(text).entities) for text in texts if (lines := lines_of(text))]


def _on_hand_made(readers: dict[str, list[Callable[..., list[Tagged]]]], data: Path) -> list[Judged]:
    from hilum.systems._radgraph_reports import cases, is_tuning
    from hilum.systems._radgraph_tagger import graphs

    kept = [case for case in cases(data, GOLD) if not is_tuning(case.id)]
    reports, marks = [case.parsed for case in kept], [case.marks for case in kept]
    counts = {
        arm: [count([g.entities for g in graphs(r, reports, unit="sentence", made_by=arm)], marks) for r in own]
        for arm, own in readers.items()
    }
    counts["rules"] = [count([graph(each).entities for each in reports], marks)]
    return _judged(counts, "on hand-made graphs of real reports", np.ones(len(reports), dtype=bool))


def _judged(counts: dict[str, list[Floats]], where: str, rows: np.ndarray) -> list[Judged]:
    trials = {arm: [_scored(each[rows]) for each in own] for arm, own in counts.items()}
    patients = [str(number) for number in range(int(rows.sum()))]
    return [judge(_claim(rival, where), trials, patients) for rival in RIVALS]


def _scored(counts: Floats) -> Scored:
    """Relation F1 of (N, parts, 3) counts: found and right, found, in the reference."""
    table = counts[:, PARTS.index("relation")]

    def value(sums: Floats) -> Floats:
        return ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])

    return summed("relation F1", value(table), table, value, signature("relation F1", 1, match="strict"))
