"""Small encoders of each family, saved as their authors save theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

BLOCKS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
WORDS = ["there", "is", "a", "small", "right", "pleural", "effusion", "no", "pneumothorax", "the", "heart", "large"]
IMAGE: dict[str, dict[str, Any]] = {
    "resnet": {"embedding_size": 8, "hidden_sizes": [16, 32, 64, 128], "depths": [1, 1, 1, 1]},
    "vit": {**BLOCKS, "image_size": 32, "patch_size": 8},
    "swinv2": {"image_size": 64, "embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 4], "window_size": 4},
    "dinov2": {**BLOCKS, "image_size": 32, "patch_size": 8},
    "siglip": {**BLOCKS, "image_size": 32, "patch_size": 8},
    "clip": {**BLOCKS, "image_size": 32, "patch_size": 8, "projection_dim": 24},
}
"""Configurations of transformers' image encoders."""
TEXT: dict[str, dict[str, Any]] = {
    name: {**BLOCKS, "max_position_embeddings": 64} for name in ("bert", "mpnet", "clip-text", "siglip-text")
} | {"distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 64}}
"""Configurations of transformers' text encoders."""


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Films of uniform noise in [0, 1]."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def settled(net: torch.nn.Module, seed: int = 0) -> Any:
    """A network in reading mode whose batch norms have arbitrary statistics, so that each of them matters."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.copy_(torch.randn(module.num_features, generator=draw) * 0.1)
                module.running_var.copy_(torch.rand(module.num_features, generator=draw) + 0.5)
    return net.eval()


def waves(net: torch.nn.Module) -> Any:
    """A network in reading mode with parameters that a formula gives by the order of their names."""
    with torch.no_grad():
        for number, (_, parameter) in enumerate(sorted(net.named_parameters())):
            flat = (torch.arange(parameter.numel(), dtype=torch.float32) * 0.7 + number).sin() * 0.5
            parameter.copy_(flat.reshape(parameter.shape))
    return net.eval()


def shorn(file: Path, name: str, change: Any) -> None:
    """Rewrite a safetensors file with one tensor changed by `change`, or without it where that gives None."""
    from safetensors.torch import load_file, save_file

    held = load_file(file)
    made = change(held.pop(name))
    save_file(held if made is None else held | {name: made.contiguous()}, file, metadata={"format": "pt"})
