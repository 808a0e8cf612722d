"""How the embedded model is trained: every choice is here, every loop is in hilum.learn."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.data import pack as packs
from hilum.learn.apply import collect, outputs
from hilum.learn.augment import Augment, augment
from hilum.learn.batch import FilmSet, draw, join
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.classify import binary_cross_entropy, partial_cross_entropy, weighted_cross_entropy
from hilum.learn.objectives.segment import dice_cross_entropy
from hilum.nets.heads import FilmReader
from hilum.nets.vision import load_imagenet
from hilum.systems import embedded_corpus as corpus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """All choices of a training run.

    Args:
        size: side of the network's input in pixels.
        small: side during the first, faster fit.
        first, second: the two fits.
        batch: films per step.
        shares: share of a batch per group of films.
        loss: weight of each loss.
        pseudo: weight of lung masks the first fit drew itself on films that have none.
        simulated, refused: pictures made of each kind (simulated: per CT).
        limit: at most this many films per source, 0 for all (for tests).
        photos: a folder of photographs to refuse; '' leaves them out.
        imagenet: start from ImageNet weights.
        threads: of the CPU.
    """

    size: int = 256
    small: int = 160
    first: Fit = Fit(steps=500, rate=1e-3, slow=0.5)
    second: Fit = Fit(steps=650, rate=6e-4, slow=0.6)
    batch: int = 32
    shares: Mapping[str, float] = field(
        default_factory=lambda: {
            "nih512": 0.32, "nih64": 0.17, "nih_single": 0.001, "kermany224": 0.14, "kermany_full": 0.01,
            "hannover": 0.05, "hannover/mask": 0.10, "simulated": 0.10, "refused": 0.11,
        }
    )  # fmt: skip
    loss: Mapping[str, float] = field(
        default_factory=lambda: {
            "findings": 1.0, "opacity": 0.7, "chest": 0.5, "inverted": 0.3, "rotation": 0.3, "view": 0.5, "lung": 1.0,
        }
    )  # fmt: skip
    augment: Augment = Augment()
    pseudo: float = 0.3
    simulated: int = 130
    refused: int = 900
    limit: int = 0
    photos: str = ""
    imagenet: bool = True
    threads: int = 2


QUICK = Recipe(
    size=64, small=64, first=Fit(steps=2, save_every=1, log_every=1), second=Fit(steps=2, save_every=1, log_every=1),
    batch=8, simulated=2, refused=8, limit=12, imagenet=False,
)  # fmt: skip


def resolve(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with dotted settings changed, e.g. {'first.steps': 20}.

    Raises:
        InputError: if a name is not a setting.
    """
    for name, value in changes.items():
        head, _, tail = name.partition(".")
        if head not in Recipe.__dataclass_fields__:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(Recipe.__dataclass_fields__)}")
        current = getattr(base, head)
        if not tail:
            base = replace(base, **{head: type(current)(value)})
        elif isinstance(current, Mapping) and tail in current:
            base = replace(base, **{head: {**current, tail: float(value)}})
        elif hasattr(current, tail):
            base = replace(base, **{head: replace(current, **{tail: type(getattr(current, tail))(value)})})
        else:
            raise InputError(f"unknown setting '{name}': '{head}' has no '{tail}'")
    return base


def build_corpus(root: Path, recipe: Recipe, *, seed: int) -> FilmSet:
    """Decode the films that may be trained on and make the rest; non-commercial rows are never read."""
    rows = [row for row in packs.rows(root, corpus.TRAINED) if row.commercial]
    if recipe.limit:
        kept = [[row for row in rows if row.source == source][: recipe.limit] for source in corpus.TRAINED]
        rows = [row for part in kept for row in part] + [row for row in rows if row.mask][: recipe.limit]
    boxed = corpus.boxed_patients(packs.rows(root, corpus.TRAINED))
    real = corpus.film_set(root, rows, lambda row: corpus.split_of(row, boxed))
    cuts = list(corpus.volumes(root))
    films = [pair for cut in cuts for pair in corpus.simulated(cut, count=recipe.simulated, seed=seed)]
    allowed = [[view != "lateral"] * 2 + [view == "lateral"] for _, view in films]
    drawn = corpus.pictures([film for film, _ in films], group="simulated", chest=True, views=allowed, split="train")
    photos = corpus.photographs(Path(recipe.photos)) if recipe.photos else []
    unwanted = corpus.refused(real.take(real.split == "train"), cuts, photos, count=recipe.refused, seed=seed)
    anything = [[True] * 3] * len(unwanted)
    decoys = corpus.pictures(unwanted, group="refused", chest=False, views=anything, split="train")
    return join([real, drawn, decoys])


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
        varied = augment(film, mask, size=size, how=recipe.augment, rng=rng)
        chest = torch.from_numpy(part.chest)
        readable = chest & (varied.turns == 0) & ~varied.negative
        return Batch(
            film=varied.film,
            mask=varied.mask,
            target=torch.from_numpy(part.target),
            known=torch.from_numpy(part.known) & readable[:, None],
            chest=chest,
            views=torch.from_numpy(part.views) | ~readable[:, None],
            lung_weight=torch.from_numpy(part.lung_weight) * readable,
            turns=varied.turns,
            negative=varied.negative,
        )

    return make


def reader_loss(recipe: Recipe) -> Callable[[nn.Module, Batch], tuple[Tensor, Mapping[str, float]]]:
    """Return the weighted sum of the heads' losses.

    W-CEL weighs all ones of the label matrix against all zeros, and most zeros are rare findings'; so the
    opacity columns, balanced as they are drawn, get an unweighted cross-entropy of their own beside it.
    """
    common = [corpus.FINDINGS.index("Pneumonia"), corpus.FINDINGS.index("Lung Opacity")]

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


def pseudo_lungs(net: nn.Module, films: FilmSet, recipe: Recipe) -> FilmSet:
    """Draw lung masks on real films that have none, for the second fit to learn other scanners and ages from."""
    needs = np.flatnonzero((films.lung_weight == 0) & films.chest & (films.group != "simulated"))
    lung, weight = films.lung.copy(), films.lung_weight.copy()
    place = 0
    for out in outputs(net, films.frames[needs], size=recipe.size):
        soft = nn.functional.interpolate(out.lung.sigmoid(), size=films.frames.shape[1:], mode="bilinear")
        rows = needs[place : place + len(soft)]
        lung[rows] = np.rint(soft[:, 0].numpy() * 255)
        sure = ((soft < 0.1) | (soft > 0.9)).float().mean(dim=(1, 2, 3)).numpy()
        covered = (soft > 0.5).float().mean(dim=(1, 2, 3)).numpy()
        weight[rows] = recipe.pseudo * ((sure > 0.85) & (covered > 0.1) & (covered < 0.6))
        place += len(soft)
    return films.with_lungs(lung, weight)


def set_distance(net: FilmReader, films: FilmSet, recipe: Recipe, *, directions: int = 64) -> None:
    """Fit the feature distance on real training films: principal directions, each scaled to unit variance."""
    real = films.take(np.flatnonzero(films.chest & (films.group != "simulated")))
    kept = real.take(np.arange(0, len(real), max(1, len(real) // 1500)))
    features = collect(net, kept.frames, size=recipe.size, fields=("features",))["features"].astype(np.float64)
    center = features.mean(0)
    _, scale, axes = np.linalg.svd(features - center, full_matrices=False)
    count = min(directions, len(scale) - 1)
    whiten: NDArray[np.float64] = np.zeros((directions, features.shape[1]))
    whiten[:count] = axes[:count] * (np.sqrt(len(features) - 1) / np.maximum(scale[:count], 1e-9))[:, None]
    net.set_distance(torch.from_numpy(center).float(), torch.from_numpy(whiten).float())


def fit_reader(films: FilmSet, recipe: Recipe, out: Path, *, seed: int, resume: bool = False) -> FilmReader:
    """Run both fits on the training split and return the network with its feature distance set."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(seed)
    train = films.take(films.split == "train")
    net = FilmReader(len(corpus.FINDINGS))
    if recipe.imagenet:
        load_imagenet(net.encoder)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = reader_loss(recipe)
    for name, spec, size in (("first", recipe.first, recipe.small), ("second", recipe.second, recipe.size)):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        if name == "second" and recipe.pseudo > 0:
            train = pseudo_lungs(net, train, recipe)
            log.info("lung masks in use: %d of %d films", int((train.lung_weight > 0).sum()), len(train))
        fit(net, batches(train, recipe, size=size, seed=seed), loss, spec, seed=seed, folder=folder, resume=resume)
    set_distance(net, train, recipe)
    return net


def write_split(films: FilmSet, path: Path) -> None:
    """Write the split of every real film: file, patient, split."""
    lines = ["file,patient,split"]
    lines += [
        f"{n},{p},{s}"
        for n, p, s, g in zip(films.name, films.patient, films.split, films.group, strict=True)
        if g not in ("simulated", "refused")
    ]
    path.write_text("\n".join(lines) + "\n")


def write_config(recipe: Recipe, path: Path, *, seed: int) -> None:
    """Write the resolved recipe, without the folder names of this machine."""
    public = {**asdict(recipe), "photos": bool(recipe.photos), "seed": seed, "torch": torch.__version__}
    path.write_text(json.dumps(public, indent=2) + "\n")
