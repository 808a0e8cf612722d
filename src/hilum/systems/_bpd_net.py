"""BPD's network: an encoder of films, dropout and one linear layer to a logit; and its starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.basic import BasicResNet
from hilum.nets.encoders import image_encoder

DROPOUT, BIAS = 0.1, 0.01
SMALL = "small"
STARTS: Mapping[str, tuple[str, str | None]] = {
    "in-domain": ("resnet50-res512-all", None), "imagenet": ("resnet50", None),
    "random": ("resnet50-res512-all", "random"),
}  # fmt: skip
"""Start -> name of its encoder, and its weights (None: the user's)."""


class SiteNet(nn.Module):
    """Films (B, 1, S, S) in [0, 1] to logits (B,) of moderate or severe disease.

    Args:
        encoder: gives `Seen`; its parameters' names hold layer1 to layer4.
        width: of what it pools; 2,048 in ResNet-50.
        dropout: before the head.
    """

    def __init__(self, encoder: nn.Module, width: int, *, dropout: float = DROPOUT) -> None:
        """Build; the head starts as Xavier has it, its bias at .01."""
        super().__init__()
        self.encoder, self.dropout, self.head = encoder, nn.Dropout(dropout), nn.Linear(width, 1)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.constant_(self.head.bias, BIAS)

    def forward(self, film: Tensor) -> Tensor:
        """Return logits (B,)."""
        return self.head(self.dropout(self.encoder(film).pooled))[:, 0]  # type: ignore[no-any-return]


def network(
    start: str = "in-domain", *, weights: str | Path | None = None, size: int = 512, seed: int = 0,
    net: str = "published",
) -> SiteNet:  # fmt: skip
    """Return the network with the weights of a start.

    Args:
        start: 'in-domain' (torchxrayvision's ResNet-50), 'imagenet' or 'random'.
        weights: of the encoder: a folder or .safetensors file; None looks in the folder that HILUM_WEIGHTS names.
        size: side that films are resized to.
        seed: of what is random.
        net: 'published', or 'small', which starts from `weights` of a small one or from nothing.

    Raises:
        InputError: if there is no such start, or the weights do not fit.
        MissingError: if weights are not there; the sentence says what to get.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if net == SMALL:
            made = small()
            if weights is not None:
                from hilum.nets.encoder_weights import fill, tensors_of

                fill(made.encoder, tensors_of(Path(weights)), where=str(weights))
            return made
        if start not in STARTS:
            raise InputError(f"no start '{start}': choose from {', '.join(STARTS)}")
        name, given = STARTS[start]
        encoder = image_encoder(name, weights=given or weights, size=size)
        return SiteNet(encoder, encoder.width)


def small(*, seed: int | None = None) -> SiteNet:
    """Return the small network that the claim is judged with, about 30,000 weights from nothing."""
    if seed is None:
        encoder = BasicResNet()
        return SiteNet(encoder, encoder.width)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return small()


@torch.no_grad()
def settle_norms(net: nn.Module, film: Tensor) -> nn.Module:
    """Set the statistics of batch norms to those of some films, in place; what is frozen from the start keeps them.

    A network from nothing has statistics of nothing: kept as they are, its frozen blocks would not normalise.

    Args:
        net: any network with batch norms.
        film: (B, 1, S, S).
    """
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all that is shown
    net.train()
    net(film)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return net.eval()
