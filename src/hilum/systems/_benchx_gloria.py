"""GLoRIA: reports and films as wholes, and words with the patches they look at (Huang et al., ICCV 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from hilum.learn.objectives.contrast import info_nce
from hilum.learn.objectives.tokens import FOCUS, POOL, SCALE, word_patch_scores
from hilum.systems._benchx_method import Batch, Method, Parts, cosines
from hilum.systems._benchx_published import Published, Tuned

PUBLISHED = Published(
    "gloria", "GLoRIA (Huang et al. 2021)", 2021, "resnet50", "GLoRIA.ckpt", "gloria.img_encoder.model.",
    "torchvision",
    {"focus": FOCUS, "pool": POOL, "scale": SCALE, "local": 1.0, "whole": 1.0, "out": 768, "rate": 5e-5,
     "decay": 1e-6, "batch": 48, "optimizer": "adam", "clip": 0.25, "words": 97, "patches": "third stage"},
    Tuned(norm=True, truncated=False, slow=0.1, rate=1e-4), (74.2, 81.0, 83.8),
)  # fmt: skip


class GLoRIA(Method):
    """Contrast of wholes and of words with what they look at, each both ways, summed with their weights.

    Args:
        image, text, width, vocabulary: of `Method`.
        out: size of the common space.
        local, whole: weights of both terms.
        scale: what cosines, and the scores of words, are multiplied by.
    """

    published = PUBLISHED

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int, out: int = 64, local: float = 1.0,
        whole: float = 1.0, scale: float = SCALE,
    ) -> None:  # fmt: skip
        """Build: one linear map of wholes and one of parts for films; texts stay as the encoder has them."""
        super().__init__(image, text, width=width, vocabulary=vocabulary)
        self.see, self.see_parts = nn.Linear(width, out), nn.Linear(width, out, bias=False)
        self.tell = nn.Linear(width, out)
        self.weights, self.scale = (local, whole), scale

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return the loss over films and their reports."""
        seen, told = self.image(batch.film), self.text(batch.report, batch.report_mask)
        whole = self.scale * cosines(self.see(seen.pooled), self.tell(told.pooled))
        local = self.scale * word_patch_scores(self.see_parts(seen.patches), self.tell(told.words), told.mask)
        parts = 2 * info_nce(local), 2 * info_nce(whole)  # both ways are summed, not averaged
        loss = self.weights[0] * parts[0] + self.weights[1] * parts[1]
        return loss, {"local": float(parts[0].detach()), "whole": float(parts[1].detach())}

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the mean of the cosine of wholes and the soft mean of the words' cosines.

        GLoRIA standardises each over all that is compared; here one film's scores depend on that film alone.
        """
        seen, told = self.image(film), self.text(ids, mask)
        whole = cosines(self.see(seen.pooled), self.tell(told.pooled))
        local = word_patch_scores(self.see_parts(seen.patches), self.tell(told.words), told.mask, mean=True)
        return 0.5 * (whole + local / POOL)
