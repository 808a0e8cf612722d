"""MedCLIP: films and texts need not be pairs; labels of both say how alike they are (Wang et al., EMNLP 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.systems._benchx_method import Batch, Method, Parts, cosines
from hilum.systems._benchx_published import Published, Tuned

PUBLISHED = Published(
    "medclip", "MedCLIP (Wang et al. 2022)", 2022, "resnet50", "MedCLIP-resnet50.bin", "vision_model.model.",
    "torchvision",
    {"tau": 0.07, "out": 512, "rate": 5e-5, "decay": 1e-4, "batch": 100, "warm_up": 0.1, "epochs": 10,
     "labels": "CheXpert's 14, of films and of sentences", "twin": "Swin-T, whose weights are not read here"},
    Tuned(norm=False, truncated=False, slow=1.0, rate=1e-5), (74.2, 79.5, 83.9),
)  # fmt: skip
MOST = 100.0
"""Bound of 1 / tau, which is learnt (CLIP)."""


def label_rows(target: Tensor) -> Tensor:
    """Return findings (N, K) with one column more, which is 1 where none of them is there: 'no finding'."""
    return torch.cat([target, (target.sum(1, keepdim=True) == 0).to(target.dtype)], dim=1)


def semantic_matching(scores: Tensor, films: Tensor, texts: Tensor) -> Tensor:
    """Cross-entropy both ways against softmax over the cosines of labels (MedCLIP, equations 2 to 5).

    Args:
        scores: (N, M), already divided by tau.
        films, texts: labels (N, K) and (M, K), no row of zeros.
    """
    alike = cosines(films, texts)
    ways = []
    for said, like in ((scores, alike), (scores.T, alike.T)):
        ways.append(-(like.softmax(1) * functional.log_softmax(said, dim=1)).sum(1).mean())
    return 0.5 * (ways[0] + ways[1])


class MedCLIP(Method):
    """Two linear maps and a learnt temperature, trained by semantic matching of films with reports of others.

    Args:
        image, text, width, vocabulary: of `Method`.
        out: size of the common space.
        tau: where the temperature starts.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, out: int = 64, tau: float = 0.07
    ) -> None:
        """Build."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.see, self.tell = nn.Linear(width, out, bias=False), nn.Linear(width, out, bias=False)
        self.sharp = nn.Parameter(torch.tensor(1.0 / tau).log())

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return the loss over films and reports of other studies; what is not known counts as absent."""
        films = label_rows(batch.target * batch.known)
        loss = semantic_matching(
            self.scores(batch.film, batch.other, batch.other_mask), films, label_rows(batch.other_target)
        )
        return loss, {"matching": float(loss.detach()), "sharp": float(self.sharp.exp().detach())}

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return cosines times the learnt sharpness."""
        alike = cosines(self.see(self.image(film).pooled), self.tell(self.text(ids, mask).pooled))
        return alike * self.sharp.exp().clamp(max=MOST)
