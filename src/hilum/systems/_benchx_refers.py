"""REFERS: a study's films as one, told by its report word by word, and found by it (Zhou et al., Nature MI 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.learn.objectives.contrast import info_nce
from hilum.nets.writer import Writer
from hilum.systems._benchx_method import Batch, Method, Parts, cosines, word_loss
from hilum.systems._benchx_published import Published, Tuned

PUBLISHED = Published(
    "refers", "REFERS (Zhou et al. 2022)", 2022, "vit", "REFERS.pth", "transformer.", "jax",
    {"views": 3, "fusion": "a sigmoid weight of each view from all of them", "momentum": 0.9, "optimizer": "sgd",
     "text": "Bio_ClinicalBERT for matching, a causal transformer for telling"},
    Tuned(norm=True, truncated=True, slow=1.0, rate=3e-2, momentum=0.9, batch=32), (76.4, 81.3, 83.7),
)  # fmt: skip
TAU = 0.1
"""Ours: no temperature could be read from a public source."""


class ViewFusion(nn.Module):
    """A weight in (0, 1) of each view from the features of all, and the weighed features side by side.

    Args:
        width: D.
        views: V; a study of fewer repeats what it has.
    """

    def __init__(self, width: int, views: int) -> None:
        """Build one linear layer a view."""
        super().__init__()
        self.weigh = nn.ModuleList(nn.Linear(width * views, 1) for _ in range(views))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, V, D) to the fused (B, V * D) and the weights (B, V)."""
        flat = features.flatten(1)
        weights = torch.cat([layer(flat) for layer in self.weigh], dim=1).sigmoid()
        return (features * weights[..., None]).flatten(1), weights


class Refers(Method):
    """Fuse views, write the report from their patches, and find it among others.

    Args:
        image, text, width, vocabulary: of `Method`.
        views: films of a study that are fused; two here, three as published.
        tau: temperature of the matching.
    """

    published, views = PUBLISHED, True

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, views: int = 2, tau: float = TAU
    ) -> None:
        """Build."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.fuse, self.tell = ViewFusion(width, views), nn.Linear(width, width * views)
        self.writer = Writer(vocabulary, width, depth=1)
        self.count, self.tau = views, tau

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return matching and telling, equally weighed, over studies of up to two films."""
        both = [self.image(film) for film in (batch.film, batch.again)]
        films = [both[at % 2] for at in range(self.count)]  # a study of fewer films repeats what it has
        fused, weights = self.fuse(torch.stack([seen.pooled for seen in films], dim=1))
        match = 2 * info_nce(cosines(fused, self.tell(self.text(batch.report, batch.report_mask).pooled)) / self.tau)
        patches = torch.cat([s.patches * w[:, None, None] for s, w in zip(films, weights.unbind(1), strict=True)], 1)
        logits, target, asked = self.writer.taught(patches, batch.report, batch.report_mask)
        write = word_loss(logits, target, asked)
        return match + write, {"match": float(match.detach()), "write": float(write.detach())}

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return cosines / tau of studies of one film, which stands for every view."""
        one = self.image(film).pooled[:, None].expand(-1, self.count, -1)
        return cosines(self.fuse(one)[0], self.tell(self.text(ids, mask).pooled)) / self.tau
