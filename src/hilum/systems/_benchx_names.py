"""Names of released image encoders, brought to those of `hilum.nets.encoders`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from hilum.core.errors import InputError
from hilum.systems._benchx_published import Published

_WRAPPED = ("state_dict.", "model.state_dict.", "module.")
_CHILDREN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
"""Children of torchvision's ResNet by number, as a Sequential of them has them."""
_TIMM = (
    (r"^cls_token$", "embeddings.cls_token"), (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."), (r"^norm\.", "layernorm."),
    (r"^blocks\.(\d+)\.norm1\.", r"encoder.layer.\1.layernorm_before."),
    (r"^blocks\.(\d+)\.norm2\.", r"encoder.layer.\1.layernorm_after."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"encoder.layer.\1.output.dense."),
)  # fmt: skip
_JAX = (
    (r"^embeddings\.patch_embeddings\.", "embeddings.patch_embeddings.projection."),
    (r"^encoder\.encoder_norm\.", "layernorm."),
    (r"^encoder\.layer\.(\d+)\.attention_norm\.", r"encoder.layer.\1.layernorm_before."),
    (r"^encoder\.layer\.(\d+)\.ffn_norm\.", r"encoder.layer.\1.layernorm_after."),
    (r"^encoder\.layer\.(\d+)\.attn\.(query|key|value)\.", r"encoder.layer.\1.attention.attention.\2."),
    (r"^encoder\.layer\.(\d+)\.attn\.out\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^encoder\.layer\.(\d+)\.ffn\.fc1\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^encoder\.layer\.(\d+)\.ffn\.fc2\.", r"encoder.layer.\1.output.dense."),
)  # fmt: skip
_CLIP = (
    (r"^class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"^positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"^conv1\.weight$", "vision_model.embeddings.patch_embedding.weight"),
    (r"^ln_pre\.", "vision_model.pre_layrnorm."), (r"^ln_post\.", "vision_model.post_layernorm."),
    (r"^transformer\.resblocks\.(\d+)\.ln_([12])\.", r"vision_model.encoder.layers.\1.layer_norm\2."),
    (r"^transformer\.resblocks\.(\d+)\.attn\.out_proj\.", r"vision_model.encoder.layers.\1.self_attn.out_proj."),
    (r"^transformer\.resblocks\.(\d+)\.mlp\.c_fc\.", r"vision_model.encoder.layers.\1.mlp.fc1."),
    (r"^transformer\.resblocks\.(\d+)\.mlp\.c_proj\.", r"vision_model.encoder.layers.\1.mlp.fc2."),
)  # fmt: skip
_JOINED = {
    "timm": (r"^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$", "encoder.layer.{0}.attention.attention.{part}.{1}"),
    "clip": (r"^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$",
             "vision_model.encoder.layers.{0}.self_attn.{part}_proj.{1}"),
}  # fmt: skip
_PARTS = {"timm": ("query", "key", "value"), "clip": ("q", "k", "v")}


def image_tensors(tensors: Mapping[str, Tensor], said: Published) -> dict[str, Tensor]:
    """Return a release's image encoder under the names of `hilum.nets.encoders`: torchvision's or transformers'.

    Args:
        tensors: all of the release.
        said: whose it is.

    Returns:
        Names of a torchvision ResNet-50 without its classifier, or of transformers' ViTModel or CLIPVisionModel.

    Raises:
        InputError: if nothing of it lies under the release's prefix.
    """
    own = _stripped(tensors, said.prefix)
    if not own:
        some = ", ".join(list(tensors)[:3])
        raise InputError(f"no tensor of {said.title} is called '{said.prefix}...': expected those of {said.release}, "
                         f"got {some} ...")  # fmt: skip
    return _LAYOUTS[said.layout](own)


def _stripped(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    found = {}
    for key, value in tensors.items():
        wrap = next((each for each in _WRAPPED if key.startswith(each) and not prefix.startswith(each)), "")
        bare = key.removeprefix(wrap)
        if bare.startswith(prefix):
            found[bare.removeprefix(prefix)] = value
    return found


def _torchvision(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in own.items() if key.split(".")[0] in _CHILDREN}


def _numbered(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = {}
    for key, value in own.items():
        number, _, rest = key.partition(".")
        if number.isdigit() and int(number) < len(_CHILDREN):
            named[f"{_CHILDREN[int(number)]}.{rest}"] = value
    return named


def _renamed(own: Mapping[str, Tensor], rules: tuple[tuple[str, str], ...], kind: str = "") -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    for key, value in own.items():
        joined = re.match(_JOINED[kind][0], key) if kind else None
        if joined:
            for part, piece in zip(_PARTS[kind], value.chunk(3), strict=True):
                named[_JOINED[kind][1].format(*joined.groups(), part=part)] = piece.clone()
            continue
        new = next((re.sub(old, new, key) for old, new in rules if re.match(old, key)), None)
        if new is None and key.startswith("embeddings."):
            new = key
        if new is not None:
            named[new] = value
    return named


_LAYOUTS: Mapping[str, Callable[[Mapping[str, Tensor]], dict[str, Tensor]]] = {
    "torchvision": _torchvision, "numbered": _numbered,
    "timm": lambda own: _renamed(own, _TIMM, "timm"), "jax": lambda own: _renamed(own, _JAX),
    "clip": lambda own: _renamed(own, _CLIP, "clip"),
}  # fmt: skip
