"""Settings of preference fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilum.core.errors import InputError
from hilum.learn.fit import Fit
from hilum.measure.rewards import reward
from hilum.systems._label_text import changed
from hilum.systems._preference_arms import LOSSES
from hilum.systems._preference_claims import OTHERS


@dataclass(frozen=True)
class Recipe:
    """Settings.

    Args:
        patients: virtual patients; a fifth of them is tested on.
        asked: test studies that are written about, at most.
        size: columns of a film as it is drawn.
        encoder_steps: optimiser steps of the frozen encoder, which findings teach.
        steps: of the policy, which stops early.
        pairs: optimiser steps of each arm; 60 of 16 are about one round of the pairs of 1,000 questions, as published.
        rate: peak learning rate of each arm.
        batch: pairs of a step.
        count: answers sampled for each question.
        questions: training studies that answers are sampled for, at most.
        longest: most tokens of an answer.
        losses: besides DPO, by name, parted by commas; '' for none.
        full: 1 judges every loss by every judge, else by the one that length can earn.
        judge: whose pairs `train` learns from, and one more arm of `reproduce`: see `measure.rewards.reward`, which
            takes 'chat:URL#MODEL' too.
        loss: for `train`.
    """

    patients: int = 900
    asked: int = 150
    size: int = 72
    encoder_steps: int = 800
    steps: int = 400
    pairs: int = 60
    rate: float = 2e-4
    batch: int = 16
    count: int = 4
    questions: int = 1_000
    longest: int = 90
    losses: str = OTHERS
    full: int = 0
    judge: str = "fact-f1"
    loss: str = "DPO"

    @property
    def others(self) -> tuple[str, ...]:
        """Losses besides DPO."""
        return tuple(filter(None, (each.strip() for each in self.losses.split(","))))

    @property
    def spec(self) -> Fit:
        """How an arm is fitted."""
        return Fit(steps=self.pairs, rate=self.rate, average=0.0, bf16=False, decay=0.0, warmup=0.1, clip=1.0)


def settings_of(changes: Mapping[str, Any]) -> Recipe:
    """Return the settings with some changed.

    Raises:
        InputError: if one is not known, cannot be read or is out of range.
    """
    recipe = changed(Recipe(), changes)
    wrong = [name for name in (*recipe.others, recipe.loss) if name not in LOSSES]
    if wrong:
        raise InputError(f"no loss '{wrong[0]}': choose from {', '.join(LOSSES)}")
    if recipe.count < 2:
        raise InputError(f"a pair needs two answers or more to a question, got count {recipe.count}")
    whole = (recipe.patients, recipe.steps, recipe.pairs, recipe.batch, recipe.questions, recipe.longest, recipe.asked)
    if min(whole) < 1 or recipe.rate <= 0 or recipe.size < 32:
        raise InputError(
            "patients, asked, steps, pairs, batch, questions and longest are 1 or more, rate above 0, size from 32"
        )
    reward(recipe.judge)
    return recipe
