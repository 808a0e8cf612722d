"""What a RadZero in training is worth: findings by their names, on validation films."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from torch import nn

from hilum.learn.pairs import Pairs
from hilum.learn.running import current
from hilum.learn.spread import world
from hilum.learn.stopping import Validate
from hilum.measure.binary import auroc
from hilum.nets.similarity import Aligner
from hilum.systems._radzero_model import FEWEST, Model, logits_of
from hilum.systems._radzero_texts import prompt


def worth(net: Aligner, words: Any, val: Pairs, concepts: Collection[str]) -> Validate | None:
    """Return what a network is worth: mean AUROC of findings by their names on validation films.

    It looks at the network in place, so there is None where a fit works elsewhere: on a GPU, or in several processes.
    None too without such films.
    """
    asked = [(at, name) for at, name in enumerate(val.names) if name in concepts and _both(val, at)]
    if not asked or current().device not in ("", "cpu") or world()[1] > 1:
        return None
    model, sentences = Model(net, words, {}), [prompt(name) for _, name in asked]

    def value(_: nn.Module) -> float:
        logits = logits_of(model, val, sentences)[0]
        return float(np.mean([auroc(val.target[val.known[:, at], at] > 0, logits[val.known[:, at], place])
                              for place, (at, _) in enumerate(asked)]))  # fmt: skip

    return value


def _both(val: Pairs, at: int) -> bool:
    """Whether enough validation films have a finding, and enough have it not."""
    there = val.target[val.known[:, at], at] > 0
    return len(there) > 0 and min(int(there.sum()), int((~there).sum())) >= FEWEST
