"""A small vision model in transformers' own form: what readers of minutes look through, every layer open to them.

Patches of a transformer that starts from single pixels learn slowly from a few thousand films; a convolutional stem
does not (Xiao et al. 2021). Its hidden states are normalised, so that a connector may take any of them or all.
Registered with transformers' automatic classes as 'hilum-small-vision'.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError, need
from hilum.nets.towers import SmallImage

try:
    from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutputWithPooling
except ImportError:
    raise need("transformers", "language", "The vision model of a reader") from None

MODEL_TYPE = "hilum-small-vision"


class SmallVisionConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Size of a small vision model.

    Args:
        hidden_size: D.
        num_hidden_layers: transformer layers over the stem's patches.
        num_attention_heads: of each.
        image_size: rows and columns of a film.
        patch_size: film pixels of a patch's side: 8 or 16.
        num_channels: 1; films are grey.
    """

    model_type = MODEL_TYPE
    hidden_size: int = 64
    num_hidden_layers: int = 3
    num_attention_heads: int = 4
    image_size: int = 80
    patch_size: int = 16
    num_channels: int = 1


class SmallVision(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Films (N, 1, S, S) in [0, 1] to patches (N, P, D) row by row, and the states of all layers; no class token."""

    config_class = SmallVisionConfig
    base_model_prefix = "small_vision"
    main_input_name = "pixel_values"

    def __init__(self, config: SmallVisionConfig) -> None:
        """Build; weights are random."""
        super().__init__(config)
        if config.image_size % config.patch_size:
            raise InputError(f"{config.image_size} px is no whole number of patches of {config.patch_size}")
        width = config.hidden_size
        self.stem = SmallImage(width, stride=config.patch_size)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, config.num_attention_heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.num_hidden_layers)
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Leave modules as torch made them."""

    def forward(
        self, pixel_values: Tensor, output_hidden_states: bool = True, return_dict: bool = True, **options: object
    ) -> BaseModelOutputWithPooling:
        """Return the last state, its mean over patches, and L + 1 normalised states (N, P, D), the stem's first.

        Raises:
            InputError: if the films are not (N, 1, H, W).
        """
        if pixel_values.ndim != 4 or pixel_values.shape[1] != 1:
            raise InputError(f"expected films (N, 1, H, W), got {tuple(pixel_values.shape)}")
        state = self.stem(pixel_values).patches
        states = [_normal(state)]
        for layer in self.layers:
            state = layer(state)
            states.append(_normal(state))
        return BaseModelOutputWithPooling(
            last_hidden_state=states[-1], pooler_output=states[-1].mean(1), hidden_states=tuple(states)
        )


def _normal(state: Tensor) -> Tensor:
    return torch.nn.functional.layer_norm(state, state.shape[-1:])


@dataclass(frozen=True)
class VisionSize:
    """What `small_vision` builds: width, layers, heads, pixels of a film's and of a patch's side."""

    width: int = 64
    layers: int = 3
    heads: int = 4
    size: int = 80
    patch: int = 16


def small_vision(size: VisionSize) -> SmallVision:
    """Return a small vision model with random weights."""
    config = SmallVisionConfig(hidden_size=size.width, num_hidden_layers=size.layers, num_attention_heads=size.heads,
                               image_size=size.size, patch_size=size.patch)  # fmt: skip
    return SmallVision(config)


AutoConfig.register(MODEL_TYPE, SmallVisionConfig, exist_ok=True)
AutoModel.register(SmallVisionConfig, SmallVision, exist_ok=True)
