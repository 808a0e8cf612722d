"""Heads over a shared encoder: the ChestX-ray8 transition and LSE pooling, and the film reader that joins them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hilum.nets.unet import Decoder, separable
from hilum.nets.vision import TAP_CHANNELS, Lite0


def lse_pool(maps: Tensor, *, r: float = 10.0) -> Tensor:
    """Pool (B, C, H, W) to (B, C) by log-sum-exp: r -> 0 is the mean, r -> infinity the maximum.

    ChestX-ray8 (Wang et al. 2017) subtracts max |x|, which underflows to log 0 where a whole map is
    negative; the plain maximum gives the same value and cannot.
    """
    flat = maps.flatten(2)
    return (torch.logsumexp(flat * r, dim=-1) - math.log(flat.shape[-1])) / r


class FindingHead(nn.Module):
    """Transition layer on the stride-16 grid, a linear map per class, LSE pooling (ChestX-ray8).

    Args:
        fine: channels at stride 16.
        coarse: channels at stride 32, upsampled to the fine grid.
        width: channels of the transition layer.
        classes: findings.
        r: sharpness of the pooling; the paper's best is 10.
        drop: dropout on the transition layer's channels.
    """

    def __init__(self, fine: int, coarse: int, *, width: int, classes: int, r: float = 10.0, drop: float = 0.2) -> None:
        """Build with the prediction bias at the logit of 5 %."""
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(coarse, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6())
        self.transition = separable(fine + width, width)
        self.drop = nn.Dropout2d(drop)
        self.predict = nn.Conv2d(width, classes, 1)
        nn.init.constant_(self.predict.bias, -3.0)  # type: ignore[arg-type]
        nn.init.normal_(self.predict.weight, std=0.01)
        self.r = r

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, S, S) and (B, D, S/2, S/2) to class maps (B, K, S, S) and logits (B, K)."""
        up = nn.functional.interpolate(self.squeeze(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        maps = self.predict(self.drop(self.transition(torch.cat((fine, up), dim=1)))).float()
        return maps, lse_pool(maps, r=self.r)


class FilmOutput(NamedTuple):
    """What one forward pass says about films; logits unless noted.

    chest (B,), inverted (B,), rotation (B, 4) quarter turns counter-clockwise, view (B, 3) PA/AP/lateral,
    findings (B, K), maps (B, K, S, S), lung (B, 1, H, W), features (B, F) pooled, distance (B,) squared
    Mahalanobis distance of the features from the training films.
    """

    chest: Tensor
    inverted: Tensor
    rotation: Tensor
    view: Tensor
    findings: Tensor
    maps: Tensor
    lung: Tensor
    features: Tensor
    distance: Tensor


class FilmReader(nn.Module):
    """Gate, view, lung field and findings from one encoder pass.

    Args:
        classes: number of findings.
        directions: principal directions kept for the feature distance.
    """

    center: Tensor
    whiten: Tensor

    def __init__(self, classes: int, *, directions: int = 64) -> None:
        """Build with random weights and a feature distance that is zero until `set_distance`."""
        super().__init__()
        self.encoder = Lite0()
        self.decoder = Decoder(TAP_CHANNELS, (96, 48, 24, 16))
        self.findings = FindingHead(TAP_CHANNELS[3], 1280, width=192, classes=classes)
        self.drop = nn.Dropout(0.2)
        self.gate = nn.Linear(1280, 6)
        self.view = nn.Linear(1280, 3)
        self.register_buffer("center", torch.zeros(1280))
        self.register_buffer("whiten", torch.zeros(directions, 1280))

    def set_distance(self, center: Tensor, whiten: Tensor) -> None:
        """Store the training films' feature mean (F,) and whitening (D, F)."""
        self.center.copy_(center)
        self.whiten.copy_(whiten)

    def forward(self, film: Tensor) -> FilmOutput:
        """Read films (B, 1, H, W) in [0, 1] with sides divisible by 32."""
        *taps, head = self.encoder(film)
        features = head.mean(dim=(2, 3)).float()
        gate = self.gate(self.drop(features)).float()
        maps, logits = self.findings(taps[3], head)
        white = torch.nn.functional.linear(features - self.center, self.whiten)
        return FilmOutput(
            chest=gate[:, 0],
            inverted=gate[:, 1],
            rotation=gate[:, 2:],
            view=self.view(self.drop(features)).float(),
            findings=logits,
            maps=maps,
            lung=self.decoder(taps).float(),
            features=features,
            distance=(white * white).sum(dim=1),
        )


class LungField(nn.Module):
    """A reader's decoder alone, over its encoder as it stands: only the decoder has parameters here.

    Args:
        reader: whose decoder is trained in place; its encoder is neither changed nor put in training mode.
    """

    def __init__(self, reader: FilmReader) -> None:
        """Share the decoder and borrow the encoder."""
        super().__init__()
        self.decoder = reader.decoder
        self._borrowed = (reader.encoder,)

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, 1, H, W) to lung logits (B, 1, H, W)."""
        encoder = self._borrowed[0].eval()
        with torch.no_grad():
            *taps, _ = encoder(film)
        logits: Tensor = self.decoder(taps)
        return logits.float()
