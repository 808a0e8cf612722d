"""The specialist that prompted grounding is held against: a small network taught the masks of made findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask
from hilum.learn.outside.asking import Asking, Said
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._gpt4v_cohort import Case
from hilum.systems._gpt4v_floors import asked_of

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float32]
SPECIALIST = "specialist"


@dataclass(frozen=True, eq=False)
class Specialist:
    """Finds one kind of finding on a film by its mask; it reads no words but the finding's name.

    Args:
        net: films (B, 1, H, W) to logits of `CONCEPTS`.
    """

    net: nn.Module
    name: str = SPECIALIST

    def __call__(self, asking: Asking) -> Said:
        """Return the box of what the phrase names: of its mask, or its strongest pixel where that is empty."""
        concept, _ = asked_of(asking.question)
        film = asking.films[0][1]
        chance = _chances(self.net, film)[CONCEPTS.index(concept)]
        mask = chance >= min(0.5, float(chance.max()))
        box = Mask(mask, image=film.id).box()
        return Said("", (Box(*box.corners, image=film.id),) if box else (), MadeBy(self.name))


def _chances(net: nn.Module, film: Image) -> Floats:
    import torch

    from hilum.learn.segment import centred
    from hilum.learn.weak import one_thread

    with torch.inference_mode(), one_thread():
        logits = net(centred(np.array(film.display())[None]))[0]
        found: Floats = torch.sigmoid(logits).numpy()
    return found


def trained(train: Sequence[Case], *, steps: int, seed: int) -> Specialist:
    """Return a specialist that was taught the training cases' masks.

    Args:
        train: cases.
        steps: of 12 films.
        seed: of weights and draws.
    """
    import torch

    from hilum.learn.segment import fit_masks
    from hilum.nets.resunet import SMALL, ResUNet

    films = np.stack([case.film.display() for case in train])
    masks = np.zeros((len(train), len(CONCEPTS), *films.shape[1:]), dtype=np.bool_)
    for row, case in enumerate(train):
        for finding in case.study.findings:
            for region in finding.regions:
                if isinstance(region, Mask) and region.image == case.film.id:
                    masks[row, CONCEPTS.index(finding.concept)] = region.pixels
    torch.manual_seed(seed)
    net = fit_masks(ResUNet(classes=len(CONCEPTS), shape=SMALL), films, masks, steps=steps, seed=seed)
    return Specialist(net)
