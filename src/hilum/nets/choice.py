"""A network that weighs the options of a question: words as bags, each option looking at the film for itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.nets.towers import masked_mean, sine_places


class ChoiceNet(nn.Module):
    """Stem and options in words, and what an encoder saw of a film, to a logit for each option.

    Each option, with the stem, asks the film's patches by attention; what it finds and the words together make its
    logit. Without a film the words are all there is: the same network, the same weights, nothing to look at.

    Args:
        vocabulary: words, padding as 0.
        channels: of a patch.
        grid: rows and columns of patches.
        options: places of options; where one stands is told to the network, so that it could learn from it.
        width, heads: of the network.
    """

    def __init__(
        self, vocabulary: int, channels: int, grid: tuple[int, int], *, options: int = 4, width: int = 96,
        heads: int = 4,
    ) -> None:  # fmt: skip
        """Build; weights are random."""
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.place = nn.Parameter(torch.zeros(options, width))
        self.ask = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.patch = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))
        self.register_buffer("where", sine_places(grid, width), persistent=False)
        self.look = nn.MultiheadAttention(width, heads, batch_first=True)
        self.weigh = nn.Sequential(
            nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, 1)
        )

    def forward(self, stem: Tensor, options: Tensor, patches: Tensor | None = None) -> Tensor:
        """Return logits (B, O).

        Args:
            stem: ids (B, L).
            options: ids (B, O, M).
            patches: (B, P, channels), or None for no film.
        """
        batch, count, length = options.shape
        asked = masked_mean(self.words(stem), stem > 0)
        flat = options.reshape(batch * count, length)
        each = masked_mean(self.words(flat), flat > 0).reshape(batch, count, -1) + self.place[:count]
        asked = asked[:, None].expand_as(each)
        query = self.ask(torch.cat((asked, each, asked * each), dim=-1))
        if patches is None:
            found = torch.zeros_like(query)
        else:
            seen = self.patch(patches) + self.where
            found = self.look(query, seen, seen, need_weights=False)[0]
        return self.weigh(torch.cat((asked, query, found, query * found), dim=-1))[..., 0]  # type: ignore[no-any-return]
