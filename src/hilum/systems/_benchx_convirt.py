"""ConVIRT: films and sentences of their reports find each other among a batch (Zhang et al., MLHC 2022)."""

from __future__ import annotations

from torch import Tensor, nn

from hilum.learn.objectives.contrast import info_nce
from hilum.systems._benchx_method import Batch, Method, Parts, cosines, mlp
from hilum.systems._benchx_published import Published, Tuned

PUBLISHED = Published(
    "convirt", "ConVIRT (Zhang et al. 2020)", 2020, "resnet50", "ConVIRT.pth", "visual.model.", "torchvision",
    {"tau": 0.1, "share": 0.75, "out": 512, "rate": 1e-4, "decay": 1e-6, "batch": 32, "optimizer": "adam",
     "text": "ClinicalBERT, its first six layers frozen", "says": "one sentence, drawn uniformly"},
    Tuned(norm=True, truncated=True, slow=0.1, rate=1e-4), (77.0, 81.9, 84.2),
)  # fmt: skip


class ConVIRT(Method):
    """Bidirectional InfoNCE of two non-linear projections, films to texts weighing `share`.

    Args:
        image, text, width, vocabulary: of `Method`.
        out: size of the common space.
        tau, share: temperature, and weight of film to text; the rest is text to film.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, out: int = 64, tau: float = 0.1,
        share: float = 0.75,
    ) -> None:  # fmt: skip
        """Build."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.see, self.tell, self.tau, self.share = mlp(width, out), mlp(width, out), tau, share

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return the loss over films and one sentence of each report."""
        loss = info_nce(self.scores(batch.film, batch.phrase, batch.phrase_mask), share=self.share)
        return loss, {"nce": float(loss.detach())}

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return cosines / tau."""
        return cosines(self.see(self.image(film).pooled), self.tell(self.text(ids, mask).pooled)) / self.tau
