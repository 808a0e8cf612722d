"""What the embedded model minimises: augmented batches and the weighted sum of its heads' losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hilum.learn.augment import augment
from hilum.learn.batch import FilmSet, draw
from hilum.learn.insert import insert
from hilum.learn.objectives.classify import binary_cross_entropy, partial_cross_entropy, weighted_cross_entropy
from hilum.learn.objectives.segment import dice_cross_entropy
from hilum.systems._embedded_labels import FINDINGS
from hilum.systems._embedded_recipe import Recipe

OPACITY_INDEX = FINDINGS.index("Lung Opacity")


class Batch(NamedTuple):
    """One augmented batch as tensors; see `FilmSet` for the fields."""

    film: Tensor
    mask: Tensor
    target: Tensor
    known: Tensor
    chest: Tensor
    views: Tensor
    lung_weight: Tensor
    turns: Tensor
    negative: Tensor


def batches(films: FilmSet, recipe: Recipe, *, size: int, seed: int) -> Callable[[int], Batch]:
    """Return a function from step to batch; turned and negative films teach the gate and nothing else."""

    def make(step: int) -> Batch:
        rows = draw(films.group, recipe.shares, size=recipe.batch, seed=seed, step=step)
        part = films.take(rows)
        rng = torch.Generator().manual_seed(seed * 7_919 + step)
        film, mask = (torch.from_numpy(a).float().div_(255).unsqueeze(1) for a in (part.frames, part.lung))
        target, known = torch.from_numpy(part.target), torch.from_numpy(part.known)
        film, made = _with_shadows(film, mask, target, known, torch.from_numpy(part.lung_weight), recipe, rng)
        target, known = _relabelled(target, known, made)
        varied = augment(film, mask, size=size, how=recipe.augment, rng=rng)
        chest = torch.from_numpy(part.chest)
        readable = chest & (varied.turns == 0) & ~varied.negative
        return Batch(
            film=varied.film,
            mask=varied.mask,
            target=target,
            known=known & readable[:, None],
            chest=chest,
            views=torch.from_numpy(part.views) | ~readable[:, None],
            lung_weight=torch.from_numpy(part.lung_weight) * readable,
            turns=varied.turns,
            negative=varied.negative,
        )

    return make


def _with_shadows(
    film: Tensor, mask: Tensor, target: Tensor, known: Tensor, weight: Tensor, recipe: Recipe, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw opacities into films that are labelled free of one and have a lung mask; tell which were drawn into."""
    free = known[:, OPACITY_INDEX] & (target[:, OPACITY_INDEX] == 0) & (weight > 0)
    return insert(film, mask * free.view(-1, 1, 1, 1), how=recipe.insert, rng=rng)


def _relabelled(target: Tensor, known: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """A made opacity is a lung opacity; of what kind, and what else the film shows, is then not known."""
    target, known = target.clone(), known & ~made[:, None]
    target[made, OPACITY_INDEX] = 1.0
    known[made, OPACITY_INDEX] = True
    return target, known


def reader_loss(recipe: Recipe) -> Callable[[nn.Module, Batch], tuple[Tensor, Mapping[str, float]]]:
    """Return the weighted sum of the heads' losses.

    W-CEL weighs all ones of the label matrix against all zeros, and most zeros are rare findings'; so the
    opacity columns, balanced as they are drawn, get an unweighted cross-entropy of their own beside it.
    """
    common = [FINDINGS.index("Pneumonia"), FINDINGS.index("Lung Opacity")]

    def loss(net: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, float]]:
        out = net(batch.film)
        turn = nn.functional.one_hot(batch.turns, 4).bool() | ~batch.chest[:, None]
        parts = {
            "findings": weighted_cross_entropy(out.findings, batch.target, batch.known),
            "opacity": binary_cross_entropy(out.findings[:, common], batch.target[:, common], batch.known[:, common]),
            "chest": binary_cross_entropy(out.chest, batch.chest, torch.ones_like(batch.chest)),
            "inverted": binary_cross_entropy(out.inverted, batch.negative, batch.chest),
            "rotation": partial_cross_entropy(out.rotation, turn),
            "view": partial_cross_entropy(out.view, batch.views),
            "lung": dice_cross_entropy(out.lung, batch.mask, batch.lung_weight),
        }
        total = torch.stack([recipe.loss[name] * value for name, value in parts.items()]).sum()
        return total, {name: float(value.detach()) for name, value in parts.items()}

    return loss


def lung_loss(net: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, float]]:
    """Return the lung field's loss alone, for a network that answers with lung logits."""
    value = dice_cross_entropy(net(batch.film), batch.mask, batch.lung_weight)
    return value, {"lung": float(value.detach())}
