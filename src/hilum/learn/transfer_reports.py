"""How much of a report an encoder's patches hold: one small decoder writes it, fitted alike for every encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.transfer import Tuning, fit_until_enough
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.nets.writer import Writer, joined

SPARE = 3
"""Numbers of a `Writer` after the words."""


def report_loss(net: Writer, patches: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
    """Return the mean cross-entropy of each next word, the end counted in: patches (B, P, D), words (B, L)."""
    logits, target, asked = net.taught(patches, ids, mask)
    each = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)
    return (each * asked).sum() / asked.sum()


def learn_to_write(
    patches: tuple[Tensor, Tensor], reports: tuple[Sequence[str], Sequence[str]], wording: Wording, how: Tuning, *,
    longest: int = 60, depth: int = 1, seed: int = 0, net: Callable[[int], Writer] | None = None,
) -> tuple[Writer, float]:  # fmt: skip
    """Fit a writer on a frozen encoder's patches; stop by the validation reports' likelihood.

    Args:
        patches: of the training and of the validation films, (N, P, D) each.
        reports: of both; films without one take no part.
        wording: words.
        how: settings; `norm`, `truncated` and `slow` are of no effect.
        longest: most words of a report.
        depth: layers.
        seed: of the writer's start and of the batches.
        net: another writer of so many word numbers; a plain one if None.

    Returns:
        The writer in evaluation mode, and minus its validation cross-entropy a word.

    Raises:
        InputError: if no training or no validation film has a report.
    """
    told = []
    for part, texts in zip(patches, reports, strict=True):
        rows = [at for at, text in enumerate(texts) if text.strip()]
        if not rows:
            raise InputError("no film has a report: there is nothing to learn to write")
        told.append((part[rows], *wording.code([texts[at] for at in rows], longest=longest)))
    torch.manual_seed(seed)
    size = len(wording) + SPARE
    made = net(size) if net else Writer(size, patches[0].shape[-1], depth=depth, longest=longest)

    def draw(step: int) -> tuple[Tensor, ...]:
        count = min(how.batch, len(told[0][0]))
        rows = torch.from_numpy(generator(seed, "write", step).choice(len(told[0][0]), count, replace=False))
        return tuple(each[rows] for each in told[0])

    def minimise(model: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Writer)
        return report_loss(model, *batch), {}

    def score(model: nn.Module) -> float:
        assert isinstance(model, Writer)
        parts = [-float(report_loss(model, *(each[at : at + 64] for each in told[1])))
                 for at in range(0, len(told[1][0]), 64)]  # fmt: skip
        return float(np.mean(parts))

    with one_thread():
        best = fit_until_enough(made, draw, minimise, replace(how, frozen=True), seed=seed, score=score)
    return made, best


def write_reports(net: Writer, patches: Tensor, wording: Wording, *, beams: int = 1) -> list[str]:
    """Return the report of each film (N, P, D) as a text; greedy with one beam (BenchX takes three)."""
    words = wording.vocabulary.words
    with one_thread():
        return [joined([words[number - 2] for number in numbers if 2 <= number < len(words) + 2])
                for numbers in net.write(patches, beams=beams)]  # fmt: skip
