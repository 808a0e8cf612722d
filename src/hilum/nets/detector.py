"""Detectors of transformers' DETR family over one grey channel, built of local configurations; nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError, need

Kind = Literal["detr", "deformable-detr", "rt-detr"]
_CLASSES = {
    "detr": ("DetrConfig", "DetrForObjectDetection", "ResNetConfig"),
    "deformable-detr": ("DeformableDetrConfig", "DeformableDetrForObjectDetection", "ResNetConfig"),
    "rt-detr": ("RTDetrConfig", "RTDetrForObjectDetection", "RTDetrResNetConfig"),
}


class Found(NamedTuple):
    """What Q queries answer: logits (B, Q, K), or K + 1 with 'nothing' last (detr); boxes (B, Q, 4), each centre x,
    centre y, width and height as shares of the film.
    """

    logits: Tensor
    boxes: Tensor


class Detector(nn.Module):
    """DETR (Carion et al. 2020), Deformable DETR (Zhu et al. 2021) or RT-DETR (Zhao et al. 2024) with random weights.

    Args:
        kind: which of them.
        classes: K labels.
        width: channels of the transformer; a multiple of 32, the groups that Deformable DETR normalises by.
        queries: boxes that can be answered.
        layers: of its decoder, 2 or more; half as many of the encoder (RT-DETR has a hybrid encoder of its own).
        stages: channels of the backbone's four stages, one residual block each.
        config: what else differs from transformers' configuration.

    Raises:
        InputError: if the kind is unknown, or the width does not suit.
        MissingError: if transformers is not installed.
    """

    def __init__(
        self, kind: Kind, *, classes: int, width: int = 64, queries: int = 12, layers: int = 2,
        stages: Sequence[int] = (16, 24, 32, 48), config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Build with random weights."""
        super().__init__()
        try:
            import transformers
        except ImportError:
            raise need("transformers", "language", "A detector of the DETR family") from None
        if kind not in _CLASSES:
            raise InputError(f"no detector is called '{kind}': there are {', '.join(_CLASSES)}")
        if width < 32 or width % 32 or layers < 2:
            raise InputError(f"a detector needs a width that 32 divides and 2 layers or more, got {width} and {layers}")
        made, model, backbone = (getattr(transformers, each) for each in _CLASSES[kind])
        last = ["stage3"] if kind == "detr" else ["stage2", "stage3", "stage4"]
        body = backbone(
            embedding_size=stages[0], hidden_sizes=list(stages), depths=[1, 1, 1, 1], layer_type="basic",
            num_channels=3, out_features=last,
        )  # fmt: skip
        given: dict[str, Any] = {
            "backbone_config": body, "backbone": None, "use_timm_backbone": False, "use_pretrained_backbone": False,
            "d_model": width, "num_queries": queries, "num_labels": classes, "decoder_layers": layers,
            "encoder_layers": max(1, layers // 2), "encoder_attention_heads": 4, "decoder_attention_heads": 4,
            "encoder_ffn_dim": 2 * width, "decoder_ffn_dim": 2 * width, "dropout": 0.0,
        }  # fmt: skip
        if kind == "deformable-detr":
            given |= {"num_feature_levels": 3}
        if kind == "rt-detr":
            given |= {"encoder_hidden_dim": width, "encoder_in_channels": list(stages[1:]),
                      "decoder_in_channels": [width] * 3, "encoder_layers": 1}  # fmt: skip
        self.kind, self.classes = kind, classes
        self.model: Any = model(made(**{**given, **(config or {})}))
        _thaw_norms(self.model)

    @property
    def softmax(self) -> bool:
        """Whether a query chooses one label or nothing; the others give each label its own probability."""
        return self.kind == "detr"

    def forward(self, film: Tensor) -> Found:
        """Map films (B, 1, S, S) in [0, 1], S a multiple of 32, to what every query answers."""
        told = self.model(pixel_values=(film * 2.0 - 1.0).expand(-1, 3, -1, -1))
        return Found(told.logits, told.pred_boxes)

    def own_loss(self, film: Tensor, labels: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """Return transformers' own loss, with denoising and every layer for RT-DETR; labels as it wants them."""
        shown = (film * 2.0 - 1.0).expand(-1, 3, -1, -1)
        told = self.model(pixel_values=shown, labels=[dict(each) for each in labels])
        loss: Tensor = told.loss
        return loss

    @torch.no_grad()
    def scores(self, found: Found) -> Tensor:
        """Return the probability of every label for every query: (B, Q, K)."""
        return found.logits.softmax(-1)[..., :-1] if self.softmax else found.logits.sigmoid()


def _thaw_norms(net: nn.Module) -> None:
    """Give frozen batch norms, which suit weights learnt elsewhere, statistics of their own: nothing is learnt yet."""
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__.endswith("FrozenBatchNorm2d"):
                setattr(module, name, nn.BatchNorm2d(len(child.weight)))  # type: ignore[arg-type]
