"""A site's network fitted by the stages of a plan, and what it makes of patients it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.augment_mix import Mixed, cutmix, mixed_cross_entropy
from hilum.learn.fit import Fit, fit
from hilum.systems._bpd_augment import Vary, varied
from hilum.systems._bpd_folds import FOLDS, Kind, folds
from hilum.systems._bpd_plan import BATCH, Stage

Floats = NDArray[np.float64]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Site:
    """A site's patients and films.

    Args:
        films: uint8 (F, S, S), letterboxed.
        owner: int (F,), the patient of each film; a patient's first film is the one that is tested.
        bpd: bool (N,), moderate or severe disease.
        patients: N names.
    """

    films: NDArray[np.uint8]
    owner: NDArray[np.int64]
    bpd: NDArray[np.bool_]
    patients: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.films) != len(self.owner) or len(self.bpd) != len(self.patients):
            raise InputError(f"{len(self.films)} films of {len(self.owner)} owners, {len(self.bpd)} labels of "
                             f"{len(self.patients)} patients: a site needs one of each")  # fmt: skip
        if set(self.owner.tolist()) != set(range(len(self.patients))):
            raise InputError("each patient of a site needs a film")

    def films_of(self, patients: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of all films of some patients."""
        return np.flatnonzero(np.isin(self.owner, patients))

    def first(self, patients: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the row of the first film of each of some patients, in their order."""
        return np.array([int(np.argmax(self.owner == each)) for each in patients], np.intp)

    @classmethod
    def of(cls, films: NDArray[np.uint8], bpd: NDArray[np.bool_]) -> Site:
        """Return a site with one film for each patient."""
        count = len(films)
        return cls(films, np.arange(count), bpd, tuple(f"{n:05d}" for n in range(count)))


@dataclass(frozen=True)
class How:
    """What a fit has beside its stages.

    Args:
        batch: films of a step.
        vary: how films are varied.
        device: where it runs.
    """

    batch: int = BATCH
    vary: Vary = field(default_factory=Vary)
    device: str = "cpu"


PLAIN = How()


def learn(
    net: nn.Module, films: NDArray[np.uint8], bpd: NDArray[np.bool_], stages: Sequence[Stage], *, seed: int,
    how: How = PLAIN, folder: Path | None = None, resume: bool = False,
) -> nn.Module:  # fmt: skip
    """Fit a network to films by the stages of a plan, in place; the weights of the last step stand.

    Rows are drawn by a sampler of inverse frequency, so that both labels come equally often.

    Args:
        net: (B, 1, S, S) to logits (B,).
        films: uint8 (F, S, S).
        bpd: bool (F,).
        stages: of `plan`.
        seed: of every draw.
        how: batch, variation, device.
        folder: of logs and states, one for each stage; None writes nothing.
        resume: go on from the states in the folder.

    Raises:
        InputError: if a label is missing among the films.
    """
    if bpd.all() or not bpd.any():
        raise InputError(f"{len(bpd)} films of one label only: it takes films of both")
    net.to(how.device)
    for number, stage in enumerate(stages):
        draw = _sampler(films, bpd, stage, seed=seed + 101 * number, how=how)
        steps = stage.epochs * _steps(len(films), how.batch)
        spec = Fit(steps=steps, schedule=stage.schedule, average=0.0, clip=float("inf"), bf16=False, save_every=200,
                   log_every=max(10, steps // 10))  # fmt: skip
        where = folder / f"{number}-{stage.name}" if folder else None
        fit(net, draw, _loss, spec, seed=seed + number, folder=where, resume=resume)
    return net.to("cpu").eval()


def _steps(films: int, batch: int) -> int:
    return max(1, -(-films // batch))


def _sampler(
    films: NDArray[np.uint8], bpd: NDArray[np.bool_], stage: Stage, *, seed: int, how: How
) -> Callable[[int], Batch]:
    chance = np.where(bpd, 0.5 / bpd.sum(), 0.5 / (~bpd).sum())
    target = torch.from_numpy(bpd.astype(np.float32))

    def batch(step: int) -> Batch:
        rng = generator(seed, "bpd", step)
        rows = rng.choice(len(films), how.batch, p=chance)
        mixed = cutmix(varied(as_film(films[rows]), rng, how.vary), rng, probability=stage.cutmix)
        return mixed.film, target[rows], mixed.other, torch.tensor(mixed.share)

    return batch


def _loss(net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    film, target, other, share = batch
    return mixed_cross_entropy(net(film), target, Mixed(film, other, float(share))), {}


def as_film(films: NDArray[np.uint8]) -> Tensor:
    """Return films uint8 (B, S, S) as float32 (B, 1, S, S) in [0, 1]."""
    return torch.from_numpy(films).float()[:, None] / 255.0


@torch.no_grad()
def read(net: nn.Module, films: NDArray[np.uint8], *, batch: int = 64) -> Floats:
    """Return the logit of each film: (F,)."""
    net.eval()
    device = next(net.parameters()).device
    parts = [net(as_film(films[at : at + batch]).to(device)).double().cpu().numpy()
             for at in range(0, len(films), batch)]  # fmt: skip
    return np.concatenate(parts) if parts else np.empty(0)


def out_of_fold(
    site: Site, start: Callable[[int], nn.Module], stages: Sequence[Stage], *, seed: int, runs: int, count: int = FOLDS,
    kind: Kind = "balanced", how: How = PLAIN, say: Callable[[str], None] = lambda line: None,
) -> Floats:  # fmt: skip
    """Train one network for each fold of each run, and return logits (runs, N); NaN where a run did not test.

    Args:
        site: the patients.
        start: seed -> a network to begin with.
        stages: of a plan.
        seed: of folds and trainings.
        runs, count, kind: of the folds.
        how: batch, variation, device.
        say: told what is being done.

    Raises:
        InputError: if a class has fewer patients than folds.
    """
    found = np.full((runs, len(site.patients)), np.nan)
    for run in range(runs):
        fold = folds(site.bpd, run=run, seed=seed, count=count, kind=kind)
        for number in range(count):
            inside, out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            rows = site.films_of(inside)
            one = seed + 1009 * run + 31 * number
            net = learn(start(one), site.films[rows], site.bpd[site.owner[rows]], stages, seed=one, how=how)
            found[run, out] = read(net, site.films[site.first(out)])
        say(f"run {run + 1} of {runs}")
    return found
