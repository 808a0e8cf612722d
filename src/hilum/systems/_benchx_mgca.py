"""MGCA: alignment of wholes, of words with patches, and of what both are assigned to (Wang et al., NeurIPS 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.learn.objectives.contrast import info_nce
from hilum.systems._benchx_method import Batch, Method, Parts, cosines
from hilum.systems._benchx_published import Published, Tuned

WEIGHTS = (1.0, 0.7, 0.5)
PUBLISHED = Published(
    "mgca", "MGCA (Wang et al. 2022)", 2022, "vit", "MGCA-vit.ckpt", "img_encoder_q.model.", "timm",
    {"tau": 0.07, "local_tau": 0.1, "prototype_tau": 0.2, "prototypes": 500, "epsilon": 0.05, "rounds": 3,
     "weights": WEIGHTS, "out": 128, "rate": 2e-5, "decay": 0.05, "batch": 144, "optimizer": "adamw",
     "text": "Bio_ClinicalBERT", "twin": "ResNet-50: MGCA-resnet50.ckpt, layout torchvision"},
    Tuned(norm=True, truncated=True, slow=0.1, rate=1e-2, momentum=0.9), (78.2, 82.4, 84.4),
)  # fmt: skip
_NEVER = -1e9


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float = 0.05, rounds: int = 3) -> Tensor:
    """Assign N rows to K prototypes so that each prototype gets about N / K of them (Cuturi 2013; SwAV).

    Args:
        scores: (N, K).
        epsilon, rounds: sharpness, and how often rows and columns are evened out.

    Returns:
        (N, K), rows sum to one.
    """
    share = scores / epsilon  # logarithms: a row far from every prototype has no zero to divide by
    for _ in range(rounds):
        share = share - share.logsumexp(0, keepdim=True)
        share = share - share.logsumexp(1, keepdim=True)
    return share.softmax(1)


def prototype_swap(films: Tensor, texts: Tensor, prototypes: Tensor, *, tau: float = 0.2, epsilon: float = 0.05,
                   rounds: int = 3) -> Tensor:  # fmt: skip
    """Each of a pair predicts what the other is assigned to: unit rows (N, D) twice, prototypes (K, D)."""
    ways = []
    for assigned, predicted in ((films, texts), (texts, films)):
        code = sinkhorn(assigned @ prototypes.T, epsilon=epsilon, rounds=rounds)
        ways.append(-(code * functional.log_softmax(predicted @ prototypes.T / tau, dim=1)).sum(1).mean())
    return 0.5 * (ways[0] + ways[1])


def token_alignment(asking: Tensor, asked: Tensor, mask: Tensor, there: Tensor, *, tau: float = 0.1) -> Tensor:
    """Tokens look at those of the other kind, and find what they looked at among what all of theirs did, both ways.

    Args:
        asking: unit tokens (B, L, D), and `mask` bool (B, L) of those that count, weighing alike within a sample.
        asked: unit tokens (B, P, D), and `there` bool (B, P).
        tau: of both softmaxes.
    """
    logits = (asking @ asked.transpose(1, 2) / tau).masked_fill(~there[:, None], _NEVER)
    looked = functional.normalize(logits.softmax(-1) @ asked, dim=-1)
    scores = asking @ looked.transpose(1, 2) / tau
    scores = scores.masked_fill(~(mask[:, None] & mask[:, :, None]), _NEVER)
    ways = [torch.diagonal(functional.log_softmax(scores, dim=dim), dim1=1, dim2=2) for dim in (1, 2)]
    each = -(0.5 * (ways[0] + ways[1]) * mask).sum(1) / mask.sum(1).clamp(min=1)
    return each.mean()


class Mgca(Method):
    """Three levels, weighed.

    Args:
        image, text, width, vocabulary: of `Method`.
        out, prototypes: size of the common space, and how many prototypes lie in it.
        tau: of the wholes.
        weights: of the three levels.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, out: int = 64, prototypes: int = 32,
        tau: float = 0.07, weights: tuple[float, float, float] = WEIGHTS,
    ) -> None:  # fmt: skip
        """Build."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.see, self.see_parts = nn.Linear(width, out), nn.Linear(width, out)
        self.tell, self.tell_parts = nn.Linear(width, out), nn.Linear(width, out)
        self.prototypes = nn.Parameter(functional.normalize(torch.randn(prototypes, out), dim=1))
        self.tau, self.weights = tau, weights

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return the loss over films and their reports."""
        seen, told = self.image(batch.film), self.text(batch.report, batch.report_mask)
        film, text = (functional.normalize(one, dim=-1) for one in (self.see(seen.pooled), self.tell(told.pooled)))
        patches = functional.normalize(self.see_parts(seen.patches), dim=-1)
        words = functional.normalize(self.tell_parts(told.words), dim=-1)
        every = torch.ones(patches.shape[:2], dtype=torch.bool, device=patches.device)
        whole = 2 * info_nce(film @ text.T / self.tau)  # both ways are summed
        local = token_alignment(words, patches, told.mask, every) + token_alignment(patches, words, every, told.mask)
        swap = prototype_swap(film, text, functional.normalize(self.prototypes, dim=1))
        loss = self.weights[0] * whole + self.weights[1] * local + self.weights[2] * swap
        parts = {"whole": float(whole.detach()), "local": float(local.detach()), "prototypes": float(swap.detach())}
        return loss, parts

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return cosines of wholes / tau."""
        return cosines(self.see(self.image(film).pooled), self.tell(self.text(ids, mask).pooled)) / self.tau
