"""PTUnifier: prompts from a pool stand in for the film or the text that is not there (Chen et al., ICCV 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.learn.objectives.contrast import info_nce
from hilum.nets.towers import Seen, Told, masked_mean
from hilum.systems._benchx_method import SPARE, Batch, Method, Parts, cosines, hidden_words, word_loss
from hilum.systems._benchx_published import Published

WEIGHTS = (1.0, 0.5, 0.1)
PUBLISHED = Published(
    "ptunifier", "PTUnifier (Chen et al. 2023)", 2023, "clip", "PTUnifier.ckpt", "vision_encoder.visual.", "clip",
    {"weights": WEIGHTS, "tau": 0.1, "pool": 2048, "film_prompts": 49, "text_prompts": 32, "hide_words": 0.15,
     "rate": 1e-5, "head_rate": 5e-5, "decay": 0.01, "batch": 256, "steps": 100_000, "warm_up": 0.1,
     "optimizer": "adamw", "text": "RoBERTa or BERT", "layers": 6},
)  # fmt: skip


class PromptPool(nn.Module):
    """Learnt vectors, the nearest of which by cosine stand in for what is missing.

    Args:
        size: vectors in the pool.
        width: D.
        count: how many are taken.
    """

    def __init__(self, size: int, width: int, count: int) -> None:
        """Build."""
        super().__init__()
        self.vectors = nn.Parameter(0.02 * torch.randn(size, width))
        self.count = count

    def forward(self, asked: Tensor) -> Tensor:
        """Return the nearest vectors to each row (B, D), the nearest first: (B, count, D)."""
        return self.vectors[cosines(asked, self.vectors).topk(self.count, dim=1).indices]


class PTUnifier(Method):
    """Masked words, matching and contrast through one fusion that takes films, texts or both.

    Args:
        image, text, width, vocabulary: of `Method`.
        pool: vectors of each pool.
        prompts: how many stand in for a film, and for a text.
        tau: of the contrast.
        weights: of masked words, matching and contrast.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, pool: int = 64,
        prompts: tuple[int, int] = (8, 8), tau: float = 0.1, weights: tuple[float, float, float] = WEIGHTS,
    ) -> None:  # fmt: skip
        """Build."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.film_pool, self.text_pool = PromptPool(pool, width, prompts[0]), PromptPool(pool, width, prompts[1])
        self.kind = nn.Parameter(0.02 * torch.randn(2, width))
        self.fusion = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True, norm_first=True)
        self.words, self.matches = nn.Linear(width, vocabulary), nn.Linear(2 * width, 2)
        self.tau, self.weights = tau, weights

    def fused(self, film: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse tokens of a film (B, P, D) with those of a text (B, L, D), mask bool (B, L); the same shapes back."""
        tokens = torch.cat([film + self.kind[0], text + self.kind[1]], dim=1)
        gone = torch.cat([torch.zeros(film.shape[:2], dtype=torch.bool, device=mask.device), ~mask], dim=1)
        out = self.fusion(tokens, src_key_padding_mask=gone)
        return out[:, : film.shape[1]], out[:, film.shape[1] :]

    def film_alone(self, seen: Seen) -> Tensor:
        """Return one vector of each film (B, D), prompts standing in for its text."""
        stand_in = self.text_pool(seen.pooled)
        every = torch.ones(stand_in.shape[:2], dtype=torch.bool, device=stand_in.device)
        return self.fused(seen.patches, stand_in, every)[0].mean(1)

    def text_alone(self, told: Told) -> Tensor:
        """Return one vector of each text (M, D), prompts standing in for its film."""
        words = self.fused(self.film_pool(told.pooled), told.words, told.mask)[1]
        return masked_mean(words, told.mask)

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return the three losses, weighed."""
        seen, told = self.image(batch.film), self.text(batch.report, batch.report_mask)
        contrast = info_nce(cosines(self.film_alone(seen), self.text_alone(told)) / self.tau)
        ids, asked = hidden_words(batch.report, batch.report_mask, share=0.15, hide_with=self.vocabulary - SPARE)
        masked = self.fused(seen.patches, self.text(ids, batch.report_mask).words, batch.report_mask)[1]
        words = word_loss(self.words(masked), batch.report, asked)
        right = torch.rand(len(batch.film), device=told.words.device) < 0.5
        at = torch.arange(len(right), device=right.device)
        own = torch.where(right, at, at.roll(1))  # a wrong film is the next one of the batch
        film, text = self.fused(seen.patches[own], told.words, told.mask)
        both = torch.cat([film.mean(1), masked_mean(text, told.mask)], dim=1)
        match = functional.cross_entropy(self.matches(both), right.long())
        loss = self.weights[0] * words + self.weights[1] * match + self.weights[2] * contrast
        parts = {"words": words, "match": match, "contrast": contrast}
        return loss, {name: float(value.detach()) for name, value in parts.items()}

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return cosines / tau of each alone."""
        return cosines(self.film_alone(self.image(film)), self.text_alone(self.text(ids, mask))) / self.tau
