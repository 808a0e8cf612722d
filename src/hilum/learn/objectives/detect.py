"""Boxes as a set: each true box is matched to one answer, the rest should say nothing (DETR, Carion et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox
from hilum.core.region import Box
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.nets.detector import Detector, Found

NOTHING = 0.1
"""Weight of 'nothing' in DETR's cross-entropy."""
ALPHA, GAMMA = 0.25, 2.0
"""Of the focal loss (Lin et al. 2017) as Deformable DETR has it."""
_TINY = 1e-8


class Truth(NamedTuple):
    """True boxes of one film: boxes (n, 4), centre and size as shares of it; labels int64 (n,); known bool (K,).

    A label that is not known was neither marked nor ruled out: answers of it are neither right nor wrong.
    """

    boxes: Tensor
    labels: Tensor
    known: Tensor


class Weights(NamedTuple):
    """Shares of label, corners and overlap, in matching and in the loss; those of DETR (Deformable DETR: label 2)."""

    label: float = 1.0
    corners: float = 5.0
    overlap: float = 2.0


def corners_of(boxes: Tensor) -> Tensor:
    """Return centre x, centre y, width, height (..., 4) as x0, y0, x1, y1."""
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def generalised_iou(one: Tensor, two: Tensor) -> Tensor:
    """Return GIoU (Rezatofighi et al. 2019) of boxes as corners: (n, 4) and (m, 4) to (n, m), each in [-1, 1]."""
    area = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(dim=1) for each in (one, two)]
    low, high = torch.maximum(one[:, None, :2], two[None, :, :2]), torch.minimum(one[:, None, 2:], two[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    both = area[0][:, None] + area[1][None] - shared
    low, high = torch.minimum(one[:, None, :2], two[None, :, :2]), torch.maximum(one[:, None, 2:], two[None, :, 2:])
    hull = (high - low).clamp(min=0).prod(dim=2)
    return shared / both.clamp(min=_TINY) - (hull - both) / hull.clamp(min=_TINY)


@torch.no_grad()
def match(logits: Tensor, boxes: Tensor, truth: Truth, *, softmax: bool, weights: Weights) -> tuple[Tensor, Tensor]:
    """Return which query answers which true box at the least cost (Hungarian method, scipy).

    Args:
        logits, boxes: (Q, K or K + 1) and (Q, 4) of one film.
        truth: of the film.
        softmax: whether labels share one probability.
        weights: of the three costs.

    Returns:
        Queries and true boxes, int64 (min(Q, n),) each, by query.
    """
    from scipy.optimize import linear_sum_assignment

    if softmax:
        label = -logits.softmax(-1)[:, truth.labels]
    else:
        sure = logits.sigmoid()
        right = ALPHA * (1 - sure) ** GAMMA * -(sure + _TINY).log()
        wrong = (1 - ALPHA) * sure**GAMMA * -(1 - sure + _TINY).log()
        label = (right - wrong)[:, truth.labels]
    cost = weights.label * label + weights.corners * torch.cdist(boxes, truth.boxes, p=1)
    cost = cost - weights.overlap * generalised_iou(corners_of(boxes), corners_of(truth.boxes))
    rows, columns = linear_sum_assignment(cost.cpu().double().numpy())
    return torch.as_tensor(rows), torch.as_tensor(columns)


def set_loss(
    found: Found, truths: Sequence[Truth], *, softmax: bool, weights: Weights | None = None
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of a batch and its three parts: label, corners (L1) and overlap (1 - GIoU).

    The label's part is DETR's weighted cross-entropy, or with `softmax` false Deformable DETR's focal loss, in which
    labels that are not known take no part. The other two are means over the batch's true boxes.

    Args:
        found: of the batch.
        truths: one for each film.
        softmax: as of `Detector`.
        weights: DETR's 1, 5, 2 by default, 2, 5, 2 without softmax.

    Raises:
        InputError: if films and truths do not belong together.
    """
    if len(truths) != len(found.logits):
        raise InputError(f"{len(found.logits)} films and {len(truths)} truths do not belong together")
    weights = weights or Weights(label=1.0 if softmax else 2.0)
    count = max(1, sum(len(each.labels) for each in truths))
    empty = found.logits.shape[-1] - 1 if softmax else 0
    target = torch.full(found.logits.shape[:2], empty, device=found.logits.device)
    wanted = torch.zeros_like(found.logits)
    near, far = [found.boxes.sum() * 0.0], [found.boxes.sum() * 0.0]
    for row, truth in enumerate(truths):
        if not len(truth.labels):
            continue
        queries, chosen = match(found.logits[row], found.boxes[row], truth, softmax=softmax, weights=weights)
        target[row, queries] = truth.labels[chosen]
        wanted[row, queries, truth.labels[chosen]] = 1.0
        answer, true = found.boxes[row, queries], truth.boxes[chosen]
        near.append((answer - true).abs().sum())
        far.append((1 - generalised_iou(corners_of(answer), corners_of(true)).diagonal()).sum())
    if softmax:
        even = torch.ones(found.logits.shape[-1], device=found.logits.device)
        even[-1] = NOTHING
        label = functional.cross_entropy(found.logits.transpose(1, 2), target, even)
    else:
        known = torch.stack([each.known for each in truths])[:, None]
        label = _focal(found.logits, wanted, known) / count
    parts = (label, torch.stack(near).sum() / count, torch.stack(far).sum() / count)
    total = sum((share * part for share, part in zip(weights, parts, strict=True)), torch.zeros(()))
    return total, dict(zip(Weights._fields, (float(part.detach()) for part in parts), strict=True))


def _focal(logits: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Focal loss, summed over what is known."""
    plain = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = (logits.sigmoid() - wanted).abs()
    side = ALPHA * wanted + (1 - ALPHA) * (1 - wanted)
    return (side * missed**GAMMA * plain * known).sum()


@dataclass(frozen=True, eq=False)
class Boxed:
    """N films and their true boxes.

    Args:
        films: float32 in [0, 1], or uint8 that stands for it, (N, S, S).
        boxes: of each film (n, 4): x0, y0, x1, y1 in pixels of the frame.
        labels: of each film (n,).
        known: bool (N, K).
    """

    films: NDArray[np.generic]
    boxes: Sequence[NDArray[np.float64]]
    labels: Sequence[NDArray[np.int64]]
    known: NDArray[np.bool_]

    def __post_init__(self) -> None:
        sizes = {len(self.films), len(self.boxes), len(self.labels), len(self.known)}
        if len(sizes) != 1 or self.films.ndim != 3:
            raise InputError(
                f"films {self.films.shape}, {len(self.boxes)} sets of boxes, {len(self.labels)} of labels and known "
                f"{self.known.shape} do not belong together: expected N of each"
            )

    def truth(self, row: int) -> Truth:
        """Return the true boxes of one film as shares of it."""
        box = torch.as_tensor(np.asarray(self.boxes[row], np.float32)).reshape(-1, 4) / self.films.shape[-1]
        made = torch.cat([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], dim=1)
        labels = torch.as_tensor(np.asarray(self.labels[row], np.int64)).reshape(-1)
        return Truth(made, labels, torch.as_tensor(self.known[row]))


def _film(films: NDArray[np.generic]) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(films))
    return (values.float() / 255.0 if values.dtype == torch.uint8 else values.float())[:, None]


def fit_boxes(
    net: Detector, data: Boxed, *, steps: int, batch: int = 8, rate: float = 1e-3, seed: int = 0,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Detector:  # fmt: skip
    """Train a detector and leave it in evaluation mode; RT-DETR by its own loss, the others by `set_loss`.

    Args:
        net: to train.
        data: films and true boxes.
        steps, batch, rate: optimiser steps, films of a step, peak learning rate.
        seed: of the draws.
        progress: called with each logged step.

    Raises:
        InputError: if there is no film, or RT-DETR is given labels that are not known, which its loss cannot leave out.
    """
    if not len(data.films):
        raise InputError("there is no film to train on")
    if net.kind == "rt-detr" and not data.known.all():
        raise InputError("RT-DETR's own loss cannot leave out what is not known: use 'deformable-detr', or known films")
    device = next(net.parameters()).device

    def draw(step: int) -> tuple[Tensor, list[Truth]]:
        rows = generator(seed, "detect", step).integers(0, len(data.films), batch)
        return _film(data.films[rows]), [data.truth(int(row)) for row in rows]

    def minimise(model: nn.Module, given: tuple[Tensor, list[Truth]]) -> tuple[Tensor, dict[str, float]]:
        film, truths = given[0].to(device), [Truth(*(part.to(device) for part in each)) for each in given[1]]
        if net.kind == "rt-detr":
            return net.own_loss(film, [{"class_labels": t.labels, "boxes": t.boxes} for t in truths]), {}
        return set_loss(model(film), truths, softmax=net.softmax)

    spec = Fit(steps=steps, rate=rate, bf16=False, average=0.98, warmup=0.1, clip=1.0, log_every=50)
    return cast(Detector, fit(net, draw, minimise, spec, seed=seed, progress=progress))


@torch.no_grad()
def read_boxes(
    net: Detector, films: NDArray[np.generic], sources: Sequence[Letterbox], *, least: float = 0.05, batch: int = 32
) -> list[list[tuple[int, Box]]]:
    """Return label and box, in pixels of the source with its score, of what is found on each film; the surest first.

    Args:
        net: a trained detector.
        films: (N, S, S), framed.
        sources: the letterbox of each film.
        least: score below which an answer is left out.
        batch: films at once.

    Raises:
        InputError: if films and letterboxes do not belong together.
    """
    if len(films) != len(sources):
        raise InputError(f"{len(films)} films and {len(sources)} letterboxes do not belong together")
    device, side = next(net.parameters()).device, films.shape[-1]
    answers: list[list[tuple[int, Box]]] = []
    for start in range(0, len(films), batch):
        found = net(_film(films[start : start + batch]).to(device))
        scores, boxes = net.scores(found).cpu(), (corners_of(found.boxes) * side).cpu().double()
        for row, frame in enumerate(sources[start : start + batch]):
            places = (scores[row] >= least).nonzero().tolist()
            order = sorted(places, key=lambda place: -float(scores[row, place[0], place[1]]))
            kept = [(label, _box(boxes[row, query], frame, float(scores[row, query, label]))) for query, label in order]
            answers.append([(label, box) for label, box in kept if box is not None])
    return answers


def _box(corners: Tensor, frame: Letterbox, score: float) -> Box | None:
    """The box in the source's pixels, cut at its edges; None where nothing of it is left."""
    x0, y0, x1, y1 = frame.to_source(cast(tuple[float, float, float, float], tuple(corners.tolist())))
    left, right = max(0.0, x0), min(float(frame.width), x1)
    top, bottom = max(0.0, y0), min(float(frame.height), y1)
    return Box(left, top, right, bottom, score=score) if right > left and bottom > top else None
