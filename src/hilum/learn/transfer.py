"""How good an encoder is for something else: one protocol of fine-tuning for all encoders (BenchX, NeurIPS 2024).

Of the training patients, not films, a fixed share is kept; features may be normalised; one linear layer is started and
fitted, with the encoder or without it; the validation patients say when to stop. What is tried for one encoder can be
tried for every other: a `Tuning` is data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, Loss, fit
from hilum.learn.label_trunk import film_batch
from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.pairs import Pairs
from hilum.learn.schedule import Curve, Group, Optimizer, Schedule
from hilum.learn.stopping import Stop
from hilum.learn.weak import one_thread
from hilum.measure.binary import weighted_auroc

FRACTIONS = (0.01, 0.1, 1.0)
"""Shares of the training patients that BenchX fine-tunes with."""
TINY = 2e-5
"""Deviation of the truncated normal that a linear layer may start from."""


@dataclass(frozen=True)
class Tuning:
    """Settings of one fine-tuning, the same for every encoder that it is tried on.

    Args:
        norm: LayerNorm of the features before the linear layer.
        truncated: start that layer from a truncated normal of deviation 2e-5 instead of torch's own draw.
        slow: factor on the encoder's rate; of no effect on a frozen one.
        rate: peak learning rate.
        momentum: of SGD; 0 is Adam, as BenchX takes it for convolutional encoders.
        batch: films of a step.
        steps: at most.
        check_every: steps between looks at the validation films.
        patience: looks without a gain before it stops.
        warmup: share of the steps spent rising.
        frozen: fit the linear layer alone.

    Raises:
        InputError: if a number is out of range.
    """

    norm: bool = False
    truncated: bool = False
    slow: float = 1.0
    rate: float = 1e-3
    momentum: float = 0.0
    batch: int = 64
    steps: int = 200
    check_every: int = 20
    patience: int = 5
    warmup: float = 0.1
    frozen: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted."""
        if min(self.batch, self.steps, self.check_every, self.patience) < 1 or self.rate <= 0 or self.slow <= 0:
            raise InputError(f"batch, steps, checks and patience are 1 or more, rates above 0: got {self}")

    def fit(self, prefix: str) -> Fit:
        """Return it for the engine, the encoder's parameters beginning with `prefix`."""
        optimizer = Optimizer("sgd", momentum=self.momentum) if self.momentum else Optimizer("adam")
        groups = (Group(f"{prefix}*", rate=self.rate * self.slow),) if not self.frozen else ()
        how = Schedule(groups, Curve("cosine", warmup=self.warmup), optimizer)
        return Fit(steps=self.steps, rate=self.rate, decay=0.0, average=0.0, clip=1.0, bf16=False,
                   log_every=self.steps, schedule=how)  # fmt: skip


def tunings(base: Tuning, **choices: Sequence[Any]) -> tuple[Tuning, ...]:
    """Return every combination of some settings, e.g. norm=(False, True), the last one varying fastest.

    Raises:
        InputError: if there is no such setting.
    """
    for name in choices:
        if name not in Tuning.__dataclass_fields__:
            raise InputError(
                f"no setting '{name}' of a fine-tuning: there are {', '.join(Tuning.__dataclass_fields__)}"
            )
    return tuple(replace(base, **dict(zip(choices, each, strict=True))) for each in product(*choices.values()))


def kept_patients(patients: NDArray[np.str_], share: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """Return the rows of a share of the patients, one at least: a fixed list, and a smaller share lies in a larger one.

    Args:
        patients: (N,), of each film.
        share: above 0, 1 for all.
        seed: of the list.

    Raises:
        InputError: if the share is out of range or there is no patient.
    """
    names = np.unique(patients)
    if not len(names) or not 0 < share <= 1:
        raise InputError(f"a share of patients is above 0 and at most 1, and there is one at least: got {share} of "
                         f"{len(names)}")  # fmt: skip
    order = generator(seed, "patients kept").permutation(len(names))
    count = max(1, round(share * len(names)))
    rows: NDArray[np.bool_] = np.isin(patients, names[order[:count]])
    return rows


class Head(nn.Module):
    """A LayerNorm or none, and one linear layer: features (B, D) to logits (B, K).

    Args:
        width, findings: D and K.
        norm, truncated: of `Tuning`.
    """

    def __init__(self, width: int, findings: int, *, norm: bool = False, truncated: bool = False) -> None:
        """Build; biases are zero where the layer starts from the truncated normal."""
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6) if norm else nn.Identity()
        self.linear = nn.Linear(width, findings)
        if truncated:
            nn.init.trunc_normal_(self.linear.weight, std=TINY)
            nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.linear(self.norm(features))
        return logits


class Classifier(nn.Module):
    """An encoder and a head on what it pools: films (B, 1, S, S) to logits (B, K)."""

    def __init__(self, encoder: nn.Module, head: Head) -> None:
        """Keep both."""
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, film: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(self.encoder(film).pooled)
        return logits


@dataclass(frozen=True, eq=False)
class Labelled:
    """What a head learns from or is checked on: N rows of inputs, findings (N, K), and which are known.

    Args:
        inputs: features float32 (N, D), or films uint8 (N, S, S).
        target, known: of `Pairs`.
    """

    inputs: NDArray[Any]
    target: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def films(cls, pairs: Pairs) -> Labelled:
        """Return the films themselves with their findings."""
        return cls(pairs.films, pairs.target, pairs.known)

    def take(self, rows: NDArray[Any]) -> Labelled:
        """Return some rows."""
        return Labelled(self.inputs[rows], self.target[rows], self.known[rows])


def mean_auroc(data: Labelled, logits: NDArray[Any]) -> float:
    """Return the mean AUROC over findings that are both there and not there among the known; NaN if there is none."""
    found = []
    for at in range(data.target.shape[1]):
        rows = data.known[:, at]
        truth = data.target[rows, at] > 0
        if truth.any() and not truth.all():
            score = np.asarray(logits[rows, at], np.float64)
            found.append(float(weighted_auroc(truth, score, np.ones((1, len(truth))))[0]))
    return float(np.mean(found)) if found else float("nan")


def as_input(rows: NDArray[Any], *, seed: int = 0, step: int = 0, vary: bool = False) -> Tensor:
    """Return features as they are, films as (B, 1, S, S) in [0, 1], these varied by a draw where `vary` asks for it."""
    if rows.dtype != np.uint8:
        return torch.from_numpy(np.ascontiguousarray(rows))
    return film_batch(rows, seed=seed, step=step) if vary else film_batch(rows, seed=seed, step=step, vary=None)


@torch.no_grad()
def predicted(net: nn.Module, inputs: NDArray[Any], *, batch: int = 256) -> NDArray[np.float32]:
    """Return logits of all inputs (N, ...), in evaluation mode: (N, K)."""
    net.eval()
    parts = [net(as_input(inputs[at : at + batch])).numpy() for at in range(0, len(inputs), batch)]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def fit_until_enough(
    net: nn.Module, batches: Callable[[int], Any], loss: Loss, how: Tuning, *, seed: int,
    score: Callable[[nn.Module], float],
) -> float:  # fmt: skip
    """Fit with early stopping by a score that is to be high; the best weights stay in the network.

    Args:
        net, batches, loss, seed: of `fit`.
        how: settings.
        score: of a network in evaluation mode; NaN never is the best.

    Returns:
        The best score; -inf where none was a number.
    """
    found = [float("-inf")]

    def validate(model: nn.Module) -> float:
        value = score(model)
        found.append(value if np.isfinite(value) else found[0])
        return value

    stop = Stop(every=how.check_every, patience=how.patience, better="higher")
    fit(net, batches, loss, how.fit("encoder."), seed=seed, validate=validate, stop=stop)
    return max(found)


def fine_tune(
    encoder: nn.Module | None, train: Labelled, val: Labelled, how: Tuning, *, width: int, seed: int = 0
) -> tuple[nn.Module, float]:
    """Fit a classifier to findings by masked cross-entropy, and stop by the validation films' mean AUROC.

    Args:
        encoder: films to `Seen`; None where the inputs are the features of a frozen one already. It is copied.
        train, val: what to learn from, and what to stop by.
        how: settings.
        width: D of the features.
        seed: of the layer's start and of the batches.

    Returns:
        The `Classifier` (or the `Head` alone), in evaluation mode, and the best validation AUROC.

    Raises:
        InputError: if there is no row to learn from, or a frozen encoder is given with films.
    """
    if not len(train.inputs):
        raise InputError("no film to fine-tune with: keep a larger share of the patients")
    if encoder is not None and how.frozen:
        raise InputError("a frozen encoder gives the same features at every step: take them once and leave it out")
    torch.manual_seed(seed)
    head = Head(width, train.target.shape[1], norm=how.norm, truncated=how.truncated)
    net: nn.Module = head if encoder is None else Classifier(deepcopy(encoder).requires_grad_(True), head)
    target, known = torch.from_numpy(train.target), torch.from_numpy(train.known)

    def draw(step: int) -> tuple[Tensor, NDArray[np.intp]]:
        count = min(how.batch, len(train.inputs))
        rows = generator(seed, "fine-tune", step).choice(len(train.inputs), count, replace=False)
        return as_input(train.inputs[rows], seed=seed, step=step, vary=True), rows

    def minimise(model: nn.Module, given: tuple[Tensor, NDArray[np.intp]]) -> tuple[Tensor, dict[str, float]]:
        film, rows = given
        return binary_cross_entropy(model(film), target[rows], known[rows]), {}

    def score(model: nn.Module) -> float:
        return mean_auroc(val, predicted(model, val.inputs))

    with one_thread():
        best = fit_until_enough(net, draw, minimise, replace(how, frozen=encoder is None), seed=seed, score=score)
    return net, best


@dataclass(frozen=True, eq=False)
class Chosen:
    """The best of several settings by the validation films, and what each of them came to.

    Args:
        how: the best.
        net: fitted with it.
        tried: settings and their validation AUROC, in the order tried.
        nets: fitted with each of them.
    """

    how: Tuning
    net: nn.Module
    tried: tuple[tuple[Tuning, float], ...]
    nets: tuple[nn.Module, ...]

    @property
    def spread(self) -> float:
        """The best minus the worst validation AUROC: how much hangs on the settings."""
        values = [value for _, value in self.tried if np.isfinite(value)]
        return max(values) - min(values) if values else float("nan")


def choose(
    encoder: nn.Module | None, train: Labelled, val: Labelled, settings: Sequence[Tuning], *, width: int, seed: int = 0
) -> Chosen:
    """Try settings and keep the one with the best validation AUROC; the first of equals.

    Raises:
        InputError: if there is no setting.
    """
    if not settings:
        raise InputError("no setting to try")
    made = [(how, *fine_tune(encoder, train, val, how, width=width, seed=seed)) for how in settings]
    best = max(range(len(made)), key=lambda at: (made[at][2], -at))
    tried = tuple((how, value) for how, _, value in made)
    return Chosen(made[best][0], made[best][1], tried, tuple(net for _, net, _ in made))
