"""The specialist that prompted grounding is held against: a small network taught boxes, one for each kind of finding.

It begins at the middle box of a kind of finding (concept, side, zone) over the training films and learns how far a
film's own box lies from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.seed import generator
from hilum.learn.outside.asking import Asking, Said
from hilum.systems._gpt4v_cohort import Case
from hilum.systems._gpt4v_words import Asked, asked_of, boxes_of

if TYPE_CHECKING:
    from torch import nn

SPECIALIST = "specialist"
_SHIFT, _BATCH, _STEP_PX = 3, 32, 8.0
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Specialist:
    """Points at one kind of finding; it reads no words but the finding's name, side and zone.

    Args:
        net: films (B, 1, H, W) to (B, kinds, 4) steps from the middle boxes, in `_STEP_PX` pixels.
        middles: kind -> middle box, in the order of the network's outputs.
    """

    net: nn.Module
    middles: dict[Asked, Box]
    name: str = SPECIALIST

    def __call__(self, asking: Asking) -> Said:
        """Return the box of what the phrase names; none where no training film had such a finding."""
        import torch

        from hilum.learn.segment import centred
        from hilum.learn.weak import one_thread

        kind, film, by = asked_of(asking.question), asking.films[0][1], MadeBy(self.name)
        if kind not in self.middles:
            return Said("", (), by)
        with torch.inference_mode(), one_thread():
            steps = self.net(centred(np.array(film.display())[None]))[0][list(self.middles).index(kind)].numpy()
        x0, y0, x1, y1 = np.array(self.middles[kind].corners) + _STEP_PX * steps
        return Said("", (Box(float(min(x0, x1 - 1)), float(min(y0, y1 - 1)), float(x1), float(y1), film.id),), by)


def network(kinds: int, size: tuple[int, int]) -> nn.Module:
    """Return an untrained network for films (H, W), whose every answer is the middle box."""
    from torch import nn

    widths = (1, 16, 32, 32)
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        parts += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
    last = nn.Linear(128, kinds * 4)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    flat = widths[-1] * (size[0] // 8) * (size[1] // 8)
    return nn.Sequential(*parts, nn.Flatten(), nn.Dropout(0.2), nn.Linear(flat, 128), nn.ReLU(), last,
                         nn.Unflatten(1, (kinds, 4)))  # fmt: skip


def trained(train: Sequence[Case], *, steps: int, seed: int) -> Specialist:
    """Return a specialist that was taught the boxes of the training cases.

    Args:
        train: cases.
        steps: of 32 films, each shifted by up to 3 pixels.
        seed: of weights and draws.
    """
    import torch
    from torch import Tensor, nn

    from hilum.learn.fit import Fit, fit
    from hilum.learn.segment import centred
    from hilum.learn.weak import one_thread

    middles = boxes_of(train)
    kinds = list(middles)
    films = np.stack([case.film.display() for case in train])
    target, known = np.zeros((len(train), len(kinds), 4), np.float32), np.zeros((len(train), len(kinds), 1), np.float32)
    for row, case in enumerate(train):
        for phrase, box in case.phrases:
            at = kinds.index(asked_of(phrase))
            target[row, at] = (np.array(box.corners) - np.array(middles[kinds[at]].corners)) / _STEP_PX
            known[row, at] = 1.0

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
        random = generator(seed, "specialist", step)
        rows = random.integers(0, len(films), _BATCH)
        right, down = random.integers(-_SHIFT, _SHIFT + 1, (2, _BATCH))
        moved = np.stack([np.roll(films[row], (dy, dx), (0, 1)) for row, dx, dy in zip(rows, right, down, strict=True)])
        shifts = np.stack([right, down, right, down], axis=1)[:, None] / np.float32(_STEP_PX)
        return centred(moved), torch.from_numpy(target[rows] + shifts).float(), torch.from_numpy(known[rows])

    def minimise(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        gap = nn.functional.smooth_l1_loss(model(batch[0]), batch[1], reduction="none", beta=0.2)
        return (gap * batch[2]).sum() / (4 * batch[2].sum().clamp(min=1.0)), {}

    torch.manual_seed(seed)
    rows, columns = films.shape[1:]
    spec = Fit(steps=steps, rate=2e-3, bf16=False, average=0.98, warmup=0.1, log_every=100)
    with one_thread():
        return Specialist(fit(network(len(kinds), (rows, columns)), draw, minimise, spec, seed=seed), middles)
