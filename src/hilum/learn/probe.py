"""A linear layer on features of a network that stays as it is: how much few films need to be told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hilum.core.errors import InputError
from hilum.learn.segment import centred
from hilum.learn.weak import one_thread
from hilum.nets.vision import Lite0

Floats = NDArray[np.float64]


@torch.no_grad()
def features(encoder: Lite0, films: NDArray[np.generic], *, batch: int = 32) -> Floats:
    """Return the means of an encoder's maps at strides 16 and 32 and of its last layer: films (N, H, W) -> (N, F)."""
    encoder.eval()
    parts = []
    with one_thread():
        for start in range(0, len(films), batch):
            *taps, head = encoder(centred(films[start : start + batch]) * 0.25 + 0.5)
            parts.append(torch.cat([each.mean(dim=(2, 3)) for each in (*taps[3:], head)], dim=1))
    return torch.cat(parts).double().numpy()


def probe(known: Floats, target: NDArray[np.generic], *, weight: float) -> Callable[[Floats], Floats]:
    """Fit logistic regression with a penalty on features and return its reader: features (M, F) to logits (M,).

    Args:
        known: features (N, F); each is brought to mean 0 and deviation 1 over these films.
        target: 0 or 1 (N,), both present.
        weight: of the penalty, the squared length of the weights, per film.

    Raises:
        InputError: if there is only one kind of film.
    """
    truth = np.asarray(target, np.float64)
    if len(truth) != len(known) or not 0 < truth.sum() < len(truth):
        raise InputError(f"a probe learns from films of both kinds, got {int(truth.sum())} of {len(truth)} with "
                         f"{len(known)} rows of features")  # fmt: skip
    mean, scale = known.mean(axis=0), (known.std(axis=0) + 1e-3) * np.sqrt(known.shape[1])
    x, y = torch.from_numpy((known - mean) / scale), torch.from_numpy(truth)
    line = nn.Linear(x.shape[1], 1, dtype=torch.float64)
    nn.init.zeros_(line.weight)
    nn.init.zeros_(line.bias)
    optimizer = torch.optim.LBFGS(line.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = nn.functional.binary_cross_entropy_with_logits(line(x)[:, 0], y) + weight * line.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with one_thread():
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    weights, bias = line.weight.detach().numpy()[0], float(line.bias.detach())
    return lambda shown: np.asarray((shown - mean) / scale @ weights + bias)
