"""How arms of MLRG's first stage are fitted, and what they make of films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.nets.views import view_number
from hilum.systems._mlrg_net import Batch, Mlrg, stage1_loss
from hilum.systems._mlrg_sets import Sets, films_of
from hilum.systems._stage1 import Stage1
from hilum.text.parse import parse
from hilum.text.statements import entity_sequence


@dataclass(frozen=True)
class Arm:
    """What a stage learns by.

    Args:
        views, priors: whether an anchor looks at other films of its study, and at the earlier one.
        mpc: whether films of a study are drawn together.
        steps: share of the steps; 0 leaves the network untrained.
    """

    views: bool = True
    priors: bool = True
    mpc: bool = True
    steps: float = 1.0


def serialised(reports: Sequence[str]) -> tuple[str, ...]:
    """Return reports as entity sequences, each different one read once; one without entities stays as it is."""
    made = {text: entity_sequence(parse(text)) or text for text in set(reports) if text}
    return tuple(made.get(text, "") for text in reports)


def views_of(pairs: Pairs) -> Tensor:
    """Return the number of each film's view position, int64 (N,)."""
    return torch.tensor([view_number(str(view)) for view in pairs.view], dtype=torch.int64)


def fit_arm(
    net: Mlrg, pairs: Pairs, sets: Sets, tokens: Tensor, texts: tuple[Tensor, Tensor], arm: Arm, recipe: Stage1, *,
    seed: int, **kept: Any,
) -> Mlrg:  # fmt: skip
    """Fit an arm in place and return it, in evaluation mode.

    Args:
        net: untrained.
        pairs, sets, tokens: films, who belongs together, and tokens (N, T, D) of the frozen encoder.
        texts: coded reports, ids and mask (N, L).
        arm, recipe: what it learns by, and how.
        seed: of every draw.
        kept: `folder` and `resume` of `learn.fit`.
    """
    steps = round(recipe.steps * arm.steps)
    if not steps:
        return net.eval()
    view, study = views_of(pairs), torch.from_numpy(sets.study)
    able = np.flatnonzero(texts[1].any(1).numpy())

    def draw(step: int) -> Batch:
        rows = generator(seed, "mlrg", step).choice(able, recipe.batch, replace=len(able) < recipe.batch)
        films = films_of(sets, rows, views=arm.views, priors=arm.priors)
        ids, mask = (part[rows] for part in texts)
        longest = int(mask.sum(1).max())
        return Batch(films, tokens[films.rows], view[films.rows], study[films.rows], ids[:, :longest],
                     mask[:, :longest])  # fmt: skip

    def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        return stage1_loss(model, batch, tau=recipe.tau, mpc=arm.mpc)  # type: ignore[arg-type]

    spec = Fit(steps=steps, rate=recipe.rate, clip=recipe.clip, bf16=False, average=0.98, warmup=0.1,
               save_every=recipe.save_every)  # fmt: skip
    with one_thread():
        fit(net, draw, loss, spec, seed=seed, **kept)
    return net.eval()


@torch.no_grad()
def embedded(
    net: Mlrg, pairs: Pairs, sets: Sets, tokens: Tensor, rows: NDArray[np.intp], *, views: bool = True,
    priors: bool = True, swap: NDArray[np.intp] | None = None, batch: int = 64,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Return what a stage makes of anchors: fused (n, W), with other films as said, and each film alone (n, W)."""
    net.eval()
    view, fused, alone = views_of(pairs), [], []
    with one_thread():
        for start in range(0, len(rows), batch):
            films = films_of(sets, rows[start : start + batch], views=views, priors=priors, swap=swap)
            both, single = net.fused(tokens[films.rows], view[films.rows], films)
            fused.append(both[:, 0])
            alone.append(single[films.anchors])
    return torch.cat(fused).double().numpy(), torch.cat(alone).double().numpy()
