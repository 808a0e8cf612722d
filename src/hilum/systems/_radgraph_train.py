"""How the span-relation tagger is trained: the recipe turned into calls of the engines in hilum.learn."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.tag import tag_batches, tag_loss
from hilum.learn.spans import shuffled
from hilum.learn.words import LETTERS, Vocabulary
from hilum.nets.spans import SpanTagger, WordEncoder
from hilum.systems._radgraph_corpus import SCHEMA
from hilum.systems._radgraph_export import save_tagger
from hilum.systems._radgraph_recipe import QUICK, Recipe, resolve
from hilum.systems._radgraph_reports import is_tuning
from hilum.systems._radgraph_sources import Sources, sources_of, vocabulary_of
from hilum.systems._radgraph_tagger import net_reader

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


def first_fit(
    sources: Sources, recipe: Recipe, vocabulary: Vocabulary, *, seed: int, out: Path | None = None,
    resume: bool = False,
) -> SpanTagger:  # fmt: skip
    """Return new weights fitted to rule graphs and written sentences; hand-made graphs stay unseen."""
    net = build(recipe, vocabulary, seed=seed)
    seen = {name: part for name, part in sources.items() if name != "gold"}
    return _fit(net, seen, recipe, recipe.first, vocabulary, seed=seed, out=out, resume=resume)


def second_fit(
    net: SpanTagger, sources: Sources, recipe: Recipe, vocabulary: Vocabulary, *, seed: int, out: Path | None = None,
    resume: bool = False,
) -> SpanTagger:  # fmt: skip
    """Go on with hand-made graphs among the rest."""
    return _fit(net, sources, recipe, recipe.second, vocabulary, seed=seed + 1, out=out, resume=resume)


def _fit(
    net: SpanTagger, sources: Sources, recipe: Recipe, spec: Fit, vocabulary: Vocabulary, *, seed: int,
    out: Path | None, resume: bool,
) -> SpanTagger:  # fmt: skip
    if not spec.steps:
        return net.eval()
    if out:
        out.mkdir(parents=True, exist_ok=True)
    sentences = [each for part in sources.values() for each in part]
    if recipe.shuffle:
        sentences = [shuffled(each, seed=seed) for each in sentences]
    groups = [name for name, part in sources.items() for _ in part]
    shares = recipe.tuning if "gold" in sources else recipe.shares
    drawn = tag_batches(sentences, groups, shares, vocabulary.code, SCHEMA, size=recipe.batch, seed=seed)
    fit(net, drawn, tag_loss(), spec, seed=seed, folder=out, resume=resume)
    return net.eval()


def agreeing(net: SpanTagger, sources: Sources, vocabulary: Vocabulary) -> Sources:
    """Return the sources without the rule sentences that the network reads otherwise."""
    rules = sources["rules"]
    read = net_reader(net, vocabulary)([each.words for each in rules])
    agreed = [each for each, said in zip(rules, read, strict=True) if said == each]
    log.info("model and rules agree on %d of %d sentences", len(agreed), len(rules))
    return {**sources, "rules": agreed}


def fit_tagger(
    sources: Sources, recipe: Recipe, vocabulary: Vocabulary, *, seed: int, out: Path | None = None,
    resume: bool = False,
) -> SpanTagger:  # fmt: skip
    """Run both fits; with `recipe.agree`, the second one again on the rule sentences that the model agrees with."""
    names = [out / name if out else None for name in ("first", "second", "third")]
    net = first_fit(sources, recipe, vocabulary, seed=seed, out=names[0], resume=resume)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    second_fit(net, sources, recipe, vocabulary, seed=seed, out=names[1], resume=resume)
    if recipe.agree:
        kept = agreeing(net, sources, vocabulary)
        net.load_state_dict(start)
        second_fit(net, kept, recipe, vocabulary, seed=seed, out=names[2], resume=resume)
    return net


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
