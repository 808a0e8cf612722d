"""M-FLAG: a frozen language model, and coordinates of the film's code kept apart (Liu et al., MICCAI 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.systems._benchx_method import Batch, Method, Parts, cosines, mlp
from hilum.systems._benchx_published import Published, Tuned

OFF = 0.0051
"""Weight of the products of different coordinates in the released code; the paper writes 1."""
PUBLISHED = Published(
    "mflag", "M-FLAG (Liu et al. 2023)", 2023, "resnet50", "M-FLAG_total.pth", "encoder.", "torchvision",
    {"off": OFF, "out": 768, "hidden": 2048, "rate": 2e-5, "decay": 0.05, "batch": 512, "epochs": 50,
     "optimizer": "adamw", "text": "CXR-BERT, frozen whole"},
    Tuned(norm=True, truncated=True, slow=1.0, rate=1e-4, batch=32), (66.5, 78.4, 84.0),
)  # fmt: skip


def orthogonality(code: Tensor, *, off: float = OFF) -> Tensor:
    """Half the squared distance of Z'Z / B from the identity, what is off the diagonal weighing `off`.

    Args:
        code: Z (B, D).
        off: 0.0051 in the released code, 1 in the paper.
    """
    gram = code.T @ code / len(code)
    on = torch.diagonal(gram)
    rest = gram.pow(2).sum() - on.pow(2).sum()
    return 0.5 * ((on - 1).pow(2).sum() + off * rest)


def alignment(one: Tensor, other: Tensor) -> Tensor:
    """Squared distance of unit vectors, 2 - 2 cos, counted both ways as the released code does: (B, D) each."""
    return (4 - 4 * functional.cosine_similarity(one, other, dim=-1)).mean()


class MFlag(Method):
    """Alignment with a text that never moves, and orthogonality of the film's code.

    Args:
        image, text, width, vocabulary: of `Method`; the text encoder is frozen.
        out: size of the common space.
        off: of `orthogonality`.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, out: int = 64, off: float = OFF
    ) -> None:
        """Build."""
        super().__init__(image, text.requires_grad_(False), width=width, vocabulary=vocabulary)
        self.see, self.tell, self.off = mlp(width, out), nn.Linear(width, out), off

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return both terms, equally weighed, over films and their reports."""
        code = self.image(batch.film).pooled
        near = alignment(self.see(code), self.tell(self.text(batch.report, batch.report_mask).pooled))
        apart = orthogonality(code, off=self.off)
        return near + apart, {"align": float(near.detach()), "orthogonal": float(apart.detach())}

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return cosines."""
        return cosines(self.see(self.image(film).pooled), self.tell(self.text(ids, mask).pooled))
