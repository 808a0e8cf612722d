"""How the span-relation tagger is trained: the recipe turned into calls of the engines in hilum.learn."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.tag import tag_batches, tag_loss
from hilum.learn.spans import Tagged, shuffled
from hilum.learn.words import LETTERS, Vocabulary
from hilum.nets.spans import SpanTagger, WordEncoder
from hilum.systems._radgraph_corpus import SCHEMA, Case, cases, dev_reports, is_tuning, lines_of, tag, written
from hilum.systems._radgraph_recipe import QUICK, Recipe, resolve
from hilum.systems._radgraph_tagger import net_reader, save_tagger
from hilum.text.graph import graph
from hilum.text.parse import Parsed

log = logging.getLogger(__name__)


def build(recipe: Recipe, vocabulary: Vocabulary, *, seed: int) -> SpanTagger:
    """Return the network with random weights of the seed."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(seed)
    encoder = WordEncoder(
        len(vocabulary), LETTERS, width=recipe.width, embedding=recipe.embedding, layers=recipe.layers,
        drop=recipe.drop, forget=recipe.forget,
    )  # fmt: skip
    return SpanTagger(
        encoder, labels=len(SCHEMA.labels), kinds=len(SCHEMA.kinds), hidden=recipe.hidden, drop=recipe.drop,
        width_feature=recipe.width_feature, pairs=recipe.pairs, keep=recipe.keep,
    )  # fmt: skip


def rule_sentences(reports: Sequence[Parsed], recipe: Recipe) -> list[Tagged]:
    """Return what the rules say of every distinct sentence (or section) of the reports."""
    found = {line.words: tag(line, graph(each).entities) for each in reports for line in lines_of(each, unit=recipe.unit)}
    return list(found.values())


def gold_sentences(kept: Sequence[Case], recipe: Recipe) -> list[Tagged]:
    """Return the hand-made graphs by sentence (or section)."""
    return [tag(line, case.marks) for case in kept for line in lines_of(case.parsed, unit=recipe.unit)]


def fit_tagger(
    sources: Mapping[str, Sequence[Tagged]],
    recipe: Recipe,
    vocabulary: Vocabulary,
    *,
    seed: int,
    out: Path | None = None,
    resume: bool = False,
) -> SpanTagger:
    """Run both fits; with `recipe.agree`, once more on the rule sentences that the model reads as the rules do."""
    net = _fits(sources, recipe, vocabulary, seed=seed, out=out / "all" if out else None, resume=resume)
    if not recipe.agree:
        return net
    rules = list(sources["rules"])
    read = net_reader(net, vocabulary)([each.words for each in rules])
    agreed = [each for each, said in zip(rules, read, strict=True) if said == each]
    log.info("model and rules agree on %d of %d sentences", len(agreed), len(rules))
    kept = {**sources, "rules": agreed}
    return _fits(kept, recipe, vocabulary, seed=seed, out=out / "agreed" if out else None, resume=resume)


def _fits(
    sources: Mapping[str, Sequence[Tagged]], recipe: Recipe, vocabulary: Vocabulary, *, seed: int, out: Path | None,
    resume: bool,
) -> SpanTagger:  # fmt: skip
    sentences = [each for part in sources.values() for each in part]
    if recipe.shuffle:
        sentences = [shuffled(each, seed=seed) for each in sentences]
    groups = [name for name, part in sources.items() for _ in part]
    net = build(recipe, vocabulary, seed=seed)
    fits: tuple[tuple[str, Fit, Mapping[str, float]], ...] = (
        ("first", recipe.first, recipe.shares), ("second", recipe.second, recipe.tuning),
    )  # fmt: skip
    for number, (name, spec, shares) in enumerate(fits):
        if not spec.steps:
            continue
        folder = out / name if out else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        drawn = tag_batches(
            sentences, groups, shares, vocabulary.code, SCHEMA, size=recipe.batch, seed=seed + number
        )
        fit(net, drawn, tag_loss(), spec, seed=seed + number, folder=folder, resume=resume)
    return net.eval()


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


def vocabulary_of(sources: Mapping[str, Sequence[Tagged]]) -> Vocabulary:
    """Return the words seen twice or more in what is learnt from."""
    return Vocabulary.of(each.words for part in sources.values() for each in part)


def train(root: Path, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train, export and score; return the folder with model.onnx, vocabulary.json, config.json and tuning.json.

    Args:
        root: the pack.
        out: folder for checkpoints and results.
        seed: of every draw.
        resume: go on from the last checkpoint in `out`.
        settings: dotted settings of `Recipe`; 'quick=1' starts from a recipe of seconds, for tests.
    """
    from hilum.systems._radgraph_score import cross_validate

    changes = dict(settings)
    quick = str(changes.pop("quick", "")).lower() in ("1", "true", "yes")
    recipe = resolve(QUICK if quick else Recipe(), changes)
    sources, made = sources_of(root, recipe, seed=seed)
    vocabulary = vocabulary_of(sources)
    out.mkdir(parents=True, exist_ok=True)
    public = {**asdict(replace(recipe, gold=Path(recipe.gold).name)), "seed": seed, "torch": torch.__version__}
    (out / "config.json").write_text(json.dumps(public, indent=2) + "\n", encoding="utf-8")
    net = fit_tagger(sources, recipe, vocabulary, seed=seed, out=out, resume=resume)
    save_tagger(net, vocabulary, recipe, out)
    if recipe.folds > 1:
        figures = cross_validate(sources, [case for case in made if is_tuning(case.id)], recipe, seed=seed)
        (out / "tuning.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return out
