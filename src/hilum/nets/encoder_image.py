"""Image encoders of several libraries behind one call: films in [0, 1] to `Seen`, and to maps for a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.densenet import DenseNet
from hilum.nets.encoder_cards import Three
from hilum.nets.resnet import ResNet
from hilum.nets.towers import Seen


class Trunk(nn.Module):
    """A published network, reached in one way.

    Attributes:
        width: D of what `forward` returns.
        multiple: the film's side must be a multiple of it.
        tap_widths: channels of the maps that `taps` can return, in the order of their numbers.
        tap_strides: film pixels for each pixel of those maps.
    """

    width: int
    multiple: int = 1
    tap_widths: tuple[int, ...] = ()
    tap_strides: tuple[int, ...] = ()

    def forward(self, film: Tensor) -> Seen:
        """Map prepared films (B, C, S, S) to what is seen."""
        raise NotImplementedError

    def taps(self, film: Tensor, at: Sequence[int]) -> list[Tensor]:
        """Map prepared films to the maps with the numbers `at`, each (B, C_n, h_n, w_n)."""
        raise NotImplementedError


def seen_map(deep: Tensor) -> Seen:
    """Return a map (B, D, h, w) as patches, and their mean as the pooled vector."""
    return Seen(deep.mean(dim=(2, 3)), deep.flatten(2).transpose(1, 2), (deep.shape[2], deep.shape[3]))


def as_map(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return patches (B, N, D), row by row, as a map (B, D, h, w)."""
    return patches.transpose(1, 2).reshape(len(patches), -1, *grid)


class PatchTrunk(Trunk):
    """ViT, DINOv2, SigLIP and CLIP of transformers: equal patches, all blocks of one width.

    Positions are interpolated (bicubic) where the film's size is not the one that the weights were made for. `pooled`
    is the class token after the last layer norm; of SigLIP, which has none, its attention pooling. Patches are those
    after the last layer norm. `project` maps both of CLIP's into the space that it shares with texts.

    Args:
        model: of transformers.
        family: 'vit', 'dinov2', 'siglip' or 'clip'.
        project: into CLIP's shared space.
    """

    def __init__(self, model: Any, family: str, *, project: bool = False) -> None:
        """Wrap a model."""
        super().__init__()
        self.model, self.family = model, family
        self.projection: nn.Module = model.visual_projection if project else nn.Identity()
        self.body: Any = model.vision_model if project else model
        config: Any = self.body.config
        self.width = int(model.config.projection_dim if project else config.hidden_size)
        self.multiple = int(config.patch_size)
        self.tap_widths = (int(config.hidden_size),) * int(config.num_hidden_layers)
        self.tap_strides = (self.multiple,) * len(self.tap_widths)
        self.lead = 0 if family == "siglip" else 1

    def _run(self, film: Tensor, **asked: bool) -> tuple[Any, tuple[int, int]]:
        more = {} if self.family == "dinov2" else {"interpolate_pos_encoding": True}
        found = self.body(film, **more, **asked)
        return found, (film.shape[2] // self.multiple, film.shape[3] // self.multiple)

    def forward(self, film: Tensor) -> Seen:
        """Map prepared films (B, 3, S, S) to what is seen."""
        found, grid = self._run(film)
        last = found.last_hidden_state
        if self.family == "clip":  # its output is before the last norm, its pooled token after
            last = self.body.post_layernorm(last)
        pooled = found.pooler_output if self.family == "siglip" else last[:, 0]
        return Seen(self.projection(pooled), self.projection(last[:, self.lead :]), grid)

    def taps(self, film: Tensor, at: Sequence[int]) -> list[Tensor]:
        """Map prepared films to the outputs of blocks `at`, counted from 0, each (B, D, h, w)."""
        found, grid = self._run(film, output_hidden_states=True)
        return [as_map(found.hidden_states[1 + block][:, self.lead :], grid) for block in at]


class StageTrunk(Trunk):
    """ResNet and Swin v2 of transformers: four stages, each half the size of the one before.

    Args:
        model: of transformers.
        family: 'resnet' or 'swinv2'.
    """

    def __init__(self, model: nn.Module, family: str) -> None:
        """Wrap a model."""
        super().__init__()
        self.model, self.family = model, family
        config: Any = model.config
        widths = config.hidden_sizes if family == "resnet" else [
            config.embed_dim * 2**n for n in range(len(config.depths))
        ]  # fmt: skip
        self.tap_widths = tuple(int(each) for each in widths)
        self.tap_strides = tuple(4 * 2**n for n in range(len(self.tap_widths)))
        self.width, self.multiple = self.tap_widths[-1], 1 if family == "resnet" else int(config.patch_size)

    def forward(self, film: Tensor) -> Seen:
        """Map prepared films (B, 3, S, S) to what is seen; Swin's patches are those after its last norm."""
        if self.family == "resnet":
            return seen_map(self.model(film).last_hidden_state)
        found = self.model(film, output_hidden_states=True)
        last, deep = found.last_hidden_state, found.reshaped_hidden_states[-1]
        return Seen(last.mean(dim=1), last, (deep.shape[2], deep.shape[3]))

    def taps(self, film: Tensor, at: Sequence[int]) -> list[Tensor]:
        """Map prepared films to the outputs of stages `at`, counted from 0, before they are halved."""
        if self.family == "resnet":
            maps = self.model(film, output_hidden_states=True).hidden_states[1:]
        else:
            body: Any = self.model
            patches, shape = body.embeddings(film)
            asked = {"output_hidden_states": True, "output_hidden_states_before_downsampling": True}
            maps = body.encoder(patches, shape, **asked).reshaped_hidden_states[1:]
        return [maps[stage] for stage in at]


class PlainTrunk(Trunk):
    """Our own DenseNet and ResNet.

    Args:
        model: either; the heads of both stay unused.
    """

    def __init__(self, model: DenseNet | ResNet) -> None:
        """Wrap a model."""
        super().__init__()
        self.model = model
        self.multiple = 1
        if isinstance(model, DenseNet):
            self.tap_widths = model.tap_widths
        else:
            self.tap_widths = tuple(model.width // 2 ** (model.stages - 1 - n) for n in range(model.stages))
        self.tap_strides = tuple(4 * 2**n for n in range(len(self.tap_widths)))
        self.width = self.tap_widths[-1]

    def _maps(self, film: Tensor) -> list[Tensor]:
        return self.model.maps(film) if isinstance(self.model, DenseNet) else self.model(film)

    def forward(self, film: Tensor) -> Seen:
        """Map prepared films (B, C, S, S) to what is seen."""
        return seen_map(self._maps(film)[-1])

    def taps(self, film: Tensor, at: Sequence[int]) -> list[Tensor]:
        """Map prepared films to the outputs of stages `at`, counted from 0."""
        maps = self._maps(film)
        return [maps[stage] for stage in at]


class ImageEncoder(nn.Module):
    """A trunk with the input that it was trained on: size, grey levels and channels.

    Args:
        trunk: the network.
        name: of the card.
        size: side in pixels that films are resized to (bilinear, antialiased).
        tone: mean and deviation of the three channels.
        takes: channels of the trunk's first convolution.
        channels: of the films given, 1 or 3; one channel is given thrice to a trunk of three.
    """

    def __init__(
        self, trunk: Trunk, *, name: str, size: int, tone: tuple[Three, Three], takes: int, channels: int = 1
    ) -> None:
        """Wrap a trunk."""
        super().__init__()
        self.trunk, self.name, self.size, self.takes, self.channels = trunk, name, size, takes, channels
        self.register_buffer("mean", torch.tensor(tone[0][:takes]).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(tone[1][:takes]).reshape(1, -1, 1, 1), persistent=False)

    @property
    def width(self) -> int:
        """D of what is seen."""
        return self.trunk.width

    @property
    def tap_widths(self) -> tuple[int, ...]:
        """Channels of the maps that `taps` can return."""
        return self.trunk.tap_widths

    @property
    def tap_strides(self) -> tuple[int, ...]:
        """Film pixels for each pixel of those maps."""
        return self.trunk.tap_strides

    def prepare(self, film: Tensor) -> Tensor:
        """Return films (B, channels, H, W) in [0, 1] as the trunk takes them: (B, takes, size, size), normalised.

        Raises:
            InputError: if the films have another number of channels.
        """
        if film.ndim != 4 or film.shape[1] != self.channels:
            raise InputError(f"'{self.name}' takes films (B, {self.channels}, H, W), got {tuple(film.shape)}")
        if film.shape[2:] != (self.size, self.size):
            size = (self.size, self.size)
            film = nn.functional.interpolate(film, size, mode="bilinear", antialias=True, align_corners=False)
        if film.shape[1] < self.takes:
            film = film.expand(-1, self.takes, -1, -1)
        return (film - cast(Tensor, self.mean)) / cast(Tensor, self.deviation)

    def forward(self, film: Tensor) -> Seen:
        """Map films (B, channels, H, W) in [0, 1], 0 black, to pooled (B, D), patches (B, N, D) and their grid."""
        found: Seen = self.trunk(self.prepare(film))
        return found

    def taps(self, film: Tensor, at: Sequence[int] | None = None) -> list[Tensor]:
        """Map films to the maps with numbers `at` (blocks of a ViT, stages of others, from 0); all if None."""
        return self.trunk.taps(self.prepare(film), range(len(self.tap_widths)) if at is None else at)
