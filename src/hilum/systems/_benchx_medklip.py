"""MedKLIP: reports become triplets, and texts of entities ask the film whether and where (Wu et al., ICCV 2023)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.nets.facets import MEDKLIP, MEDKLIP_ENTITIES, MEDKLIP_PLACES, Asking, DiseaseDecoder, LocationHead
from hilum.systems._benchx_method import Batch, Method, Parts, name_texts
from hilum.systems._benchx_published import Published, Tuned

PUBLISHED = Published(
    "medklip", "MedKLIP (Wu et al. 2023)", 2023, "resnet50", "MedKLIP.pth", "module.res_features.", "numbered",
    {"entities": MEDKLIP_ENTITIES, "places": MEDKLIP_PLACES, "width": MEDKLIP.width, "layers": MEDKLIP.layers,
     "heads": MEDKLIP.heads, "rate": 1e-4, "warm_up_rate": 1e-5, "decay": 0.02, "batch": 48, "epochs": 100,
     "optimizer": "adamw", "text": "Bio_ClinicalBERT, frozen", "patches": "third stage, 14 x 14"},
    Tuned(norm=False, truncated=False, slow=0.1, rate=1e-4, batch=128), (75.2, 80.3, 83.9),
)  # fmt: skip
PLACES = ("right", "left", "bilateral")
"""What the places are at the small scale: the side that a row tells of."""


def place_loss(scores: Tensor, sides: Tensor, asked: Tensor) -> Tensor:
    """Return the cross-entropy of the true place among all, over findings that are there and whose side is told.

    Args:
        scores: (B, K, P).
        sides: int (B, K), 1 to P, 0 where there is none.
        asked: bool (B, K).
    """
    asked = asked & (sides > 0)
    each = functional.cross_entropy(scores.flatten(0, 1), (sides.long() - 1).clamp(min=0).flatten(), reduction="none")
    return (each.view(sides.shape) * asked).sum() / asked.sum().clamp(min=1)


class MedKLIP(Method):
    """Entities ask the patches: existence for each, and the place of those that are there.

    Args:
        image, text, width, vocabulary: of `Method`.
        names, places: ids and masks of the entities' texts and of the places' texts.
        layers: of the decoder.
    """

    published = PUBLISHED
    names: Tensor
    name_mask: Tensor
    places: Tensor
    place_mask: Tensor

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, names: tuple[Tensor, Tensor],
        places: tuple[Tensor, Tensor], layers: int = 1,
    ) -> None:  # fmt: skip
        """Build the decoder on the encoders' widths; the text encoder is frozen, as published."""
        super().__init__(image, text.requires_grad_(False), width=width, vocabulary=vocabulary)
        how: Asking = replace(MEDKLIP, image=width, text=width, width=width, layers=layers, feedforward=2 * width)
        self.decoder, self.where = DiseaseDecoder(how), LocationHead(width, width)
        for name, value in zip(("names", "name_mask", "places", "place_mask"), (*names, *places), strict=True):
            self.register_buffer(name, value)

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return existence and place of the batch's findings, which are the entities in order."""
        asked = self.decoder(self.image(batch.film).patches, name_texts(self.text, (self.names, self.name_mask)))
        exists = binary_cross_entropy(asked.logits, batch.target, batch.known)
        there = (batch.target > 0) & batch.known
        texts = name_texts(self.text, (self.places, self.place_mask))
        scores = self.where(asked.seen, texts.expand(*asked.seen.shape[:2], -1, -1))
        place = place_loss(scores, batch.sides, there)
        return exists + place, {"exists": float(exists.detach()), "place": float(place.detach())}

    @torch.no_grad()
    def chances(self, film: Tensor) -> Tensor:
        """Return the probability of each entity: (B, K)."""
        asked = self.decoder(self.image(film).patches, name_texts(self.text, (self.names, self.name_mask)))
        chances: Tensor = asked.logits.sigmoid()
        return chances
