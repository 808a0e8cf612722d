"""One reader tuned by one judge's pairs, written to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.learn.prefer import pairs_of
from hilum.measure.rewards import reward
from hilum.systems._preference_arms import LOSSES
from hilum.systems._preference_policy import asking, bench, policy
from hilum.systems._preference_recipe import settings_of


def train(out: Path, *, seed: int, settings: Mapping[str, Any]) -> Path:
    """Teach the policy, sample, judge, learn and write; see `preference.train`."""
    recipe = settings_of(settings)
    held = bench(recipe, seed=seed, say=lambda line: None)
    one = asking(policy(held, recipe, seed=seed), held, recipe)
    candidates = one.sampled(recipe.count, seed=seed)
    pairs = pairs_of(one.judged(reward(recipe.judge), candidates), candidates)
    tuned = one.tuned(pairs, LOSSES[recipe.loss], recipe.spec, batch=recipe.batch, seed=seed)
    return tuned.save(out, name="preference", judge=recipe.judge, loss=recipe.loss, pairs=len(pairs), ties=pairs.ties,
                      caution="Trained on virtual patients. Research use only, not a medical device.")  # fmt: skip
