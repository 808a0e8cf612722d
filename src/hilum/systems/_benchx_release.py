"""Published image encoders of the nine methods, from weights that a user has got and converted to safetensors.

BenchX collected them under huggingface.co/youngzhou12 (one repository a method). Each file has its own names for the
same few architectures: they are brought to those of `hilum.nets.encoders`, and the first that does not fit is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from hilum.core.errors import InputError, MissingError
from hilum.nets.encoder_image import ImageEncoder
from hilum.nets.encoder_weights import tensors_of
from hilum.nets.encoders import image_encoder
from hilum.systems._benchx_names import image_tensors
from hilum.systems._benchx_pretrain import METHODS

REPOSITORY = "youngzhou12"
FILE = "model.safetensors"
_ENCODERS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "resnet50": ("resnet50", {}), "vit": ("vit", {"model_type": "vit", "layer_norm_eps": 1e-6}),
    "clip": ("clip", {"model_type": "clip_vision_model"}),
}  # fmt: skip
"""Architecture of a release -> family of `hilum.nets.encoders`, and what its configuration says."""
_VIT_B16 = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
            "image_size": 224, "patch_size": 16}  # fmt: skip
_THREE_STAGES = {"blocks": (3, 4, 6)}
"""MedKLIP keeps torchvision's ResNet-50 up to its third stage."""
TONE = (0.4978, 0.2449)
"""Mean and deviation that BenchX normalises films by, for all methods alike."""


def released(method: str, folder: Path, *, config: Mapping[str, object] | None = None) -> ImageEncoder:
    """Return a method's published image encoder, films (B, 1, H, W) in [0, 1] to `Seen`, in evaluation mode.

    Args:
        method: one of the nine.
        folder: that holds model.safetensors, the release's tensors as they are.
        config: what differs from the published sizes: of other networks than the released ones.

    Raises:
        InputError: if there is no such method, or the tensors are not laid out as released; the first mismatch is told.
        MissingError: if the file is not there.
    """
    if method not in METHODS:
        raise InputError(f"no method '{method}': choose from {', '.join(METHODS)}")
    said, path = METHODS[method].published, folder / FILE
    if not path.is_file():
        raise MissingError(f"no {FILE} in '{folder}': get {said.release} from huggingface.co/{REPOSITORY} yourself and "
                           "convert it with hilum.nets.encoder_weights.convert; docs/benchx.md says how")  # fmt: skip
    family, facts = _ENCODERS[said.encoder]
    with TemporaryDirectory(prefix="hilum-release-") as place:
        encoder = _filled(Path(place), family, facts, image_tensors(tensors_of(path), said), dict(config or {}))
    for name, value in zip(("mean", "deviation"), TONE, strict=True):
        encoder.get_buffer(name).fill_(value)
    return encoder


def _filled(
    place: Path, family: str, facts: Mapping[str, object], tensors: Mapping[str, Tensor], config: dict[str, object]
) -> ImageEncoder:
    """Write the tensors as the family's own files, and let it read them: it knows how its names changed over time."""
    from safetensors.torch import save_file

    if family == "resnet50":
        shape: dict[str, object] = {**({} if "layer4.0.conv1.weight" in tensors else _THREE_STAGES), **config}
        save_file({name: value.contiguous() for name, value in tensors.items()}, place / FILE)
        return image_encoder(family, weights=place / FILE, config=shape)
    made = {**_VIT_B16, **facts, **config}
    (place / "config.json").write_text(json.dumps(made), encoding="utf-8")
    save_file({name: value.contiguous() for name, value in tensors.items()}, place / FILE)
    return image_encoder(family, weights=place, size=int(str(made["image_size"])))
