"""Two towers with a shared space for films and their labels in words."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.nets.towers import SmallText


class LabelClip(nn.Module):
    """An image tower and a text tower with a shared space.

    Args:
        encoder: image tower of some width; trained in place.
        width: of it.
        vocabulary: words of the text tower.
        space: width of the shared space.
    """

    def __init__(self, encoder: nn.Module, width: int, vocabulary: int, *, space: int = 128) -> None:
        """Build with CLIP's first temperature, 0.07."""
        super().__init__()
        self.encoder, self.text = encoder, SmallText(vocabulary, space, depth=1)
        self.film, self.words = nn.Linear(width, space, bias=False), nn.Linear(space, space, bias=False)
        self.scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def films(self, film: Tensor) -> Tensor:
        """Return films (B, 1, S, S) as unit vectors (B, E)."""
        return functional.normalize(self.film(self.encoder(film).pooled), dim=-1)

    def texts(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return texts (B, L) as unit vectors (B, E)."""
        return functional.normalize(self.words(self.text(ids, mask).pooled), dim=-1)

    def forward(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return scores (B, B) of films with texts, divided by the temperature (at least 0.01)."""
        return self.scale.exp().clamp(max=100.0) * self.films(film) @ self.texts(ids, mask).T
