"""MRM: a film with most patches hidden restores itself in finer detail, and its report's words (Zhou et al. 2023).

The published encoder is a ViT that never sees the hidden patches. A convolutional one cannot leave them out: they are
grey to it, and the loss is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.systems._benchx_method import SPARE, Batch, Method, Parts, hidden_words, word_loss
from hilum.systems._benchx_published import Published, Tuned

HIDE, HIDE_WORDS = 0.75, 0.5
PUBLISHED = Published(
    "mrm", "MRM (Zhou et al. 2023)", 2023, "vit", "MRM.pth", "", "timm",
    {"hide": HIDE, "hide_words": HIDE_WORDS, "finer": 2, "rate": 1.5e-4, "decay": 0.05, "batch": 256, "epochs": 200,
     "warm_up": 40, "optimizer": "adamw", "decoder": "4 layers of 768, 6 heads", "normalised_pixels": True},
    Tuned(norm=True, truncated=True, slow=0.1, rate=3e-2, momentum=0.9), (80.1, 83.5, 85.3),
)  # fmt: skip
_GREY = 0.5


def patch_rows(film: Tensor, side: int, *, normalised: bool = True) -> Tensor:
    """Cut films (B, 1, S, S) into patches row by row: (B, (S / side)^2, side^2), each of mean 0 and deviation 1."""
    rows = functional.unfold(film, side, stride=side).transpose(1, 2)
    if not normalised:
        return rows
    return (rows - rows.mean(-1, keepdim=True)) / (rows.var(-1, keepdim=True) + 1e-6).sqrt()


def hidden_patches(count: int, films: int, *, share: float = HIDE) -> Tensor:
    """Draw bool (films, count), the same number hidden in each: count minus the whole part of what is kept."""
    keep = int(count * (1 - share))
    return torch.rand(films, count).argsort(1).argsort(1) >= keep


def restored_loss(answer: Tensor, patches: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error over the pixels of hidden patches: (B, N, P) twice, bool (B, N)."""
    each = (answer - patches).pow(2).mean(-1)
    return (each * hidden).sum() / hidden.sum().clamp(min=1)


class Mrm(Method):
    """Restore hidden patches of a film seen at half its detail, and hidden words of its report with the film's help.

    Args:
        image, text, width, vocabulary: of `Method`; films' sides are multiples of the encoder's stride.
        stride: pixels of a patch's side.
        hide, hide_words: shares of patches and words.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, stride: int = 16, hide: float = HIDE,
        hide_words: float = HIDE_WORDS,
    ) -> None:  # fmt: skip
        """Build a small decoder of patches, and one of words that takes the film's mean patch beside each word."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.restore = nn.Sequential(
            nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True, norm_first=True),
            nn.Linear(width, stride * stride),
        )
        self.told_by = nn.Linear(width, width)
        self.words = nn.Sequential(
            nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True, norm_first=True),
            nn.Linear(width, vocabulary),
        )
        self.stride, self.shares = stride, (hide, hide_words)

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return both errors, equally weighed."""
        film = batch.film
        grid = film.shape[-1] // self.stride
        hidden = hidden_patches(grid * grid, len(film), share=self.shares[0]).to(film.device)
        cover = functional.interpolate(hidden.view(-1, 1, grid, grid).to(film.dtype), scale_factor=self.stride)
        coarse = functional.interpolate(functional.avg_pool2d(film, 2), scale_factor=2.0)
        seen = self.image(coarse * (1 - cover) + _GREY * cover)
        pixels = restored_loss(self.restore(seen.patches), patch_rows(film, self.stride), hidden)
        ids, asked = hidden_words(
            batch.report, batch.report_mask, share=self.shares[1], hide_with=self.vocabulary - SPARE
        )
        told = self.text(ids, batch.report_mask).words + self.told_by(seen.pooled)[:, None]
        words = word_loss(self.words(told), batch.report, asked)
        return pixels + words, {"pixels": float(pixels.detach()), "words": float(words.detach())}
