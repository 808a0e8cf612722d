"""Encoders by name: published ones with their weights and input, and families of any size that start from nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from hilum.core.errors import InputError, MissingError, need
from hilum.nets.densenet import DENSENET_121, DenseNet, from_published
from hilum.nets.encoder_biovil import BioViL
from hilum.nets.encoder_cards import IMAGES, TEXTS, ImageCard, TextCard, Three, card_of
from hilum.nets.encoder_image import ImageEncoder, PatchTrunk, PlainTrunk, StageTrunk, Trunk
from hilum.nets.encoder_text import (
    PADDED_BY_ONE,
    SPECIAL,
    Coder,
    ProjectionHead,
    TextEncoder,
    coder_from,
    coder_of,
    quiet,
)
from hilum.nets.encoder_weights import files_of, fill, find, tensors_of
from hilum.nets.resnet import ResNet

_CLASSES = {
    "resnet": ("ResNetConfig", "ResNetModel"), "vit": ("ViTConfig", "ViTModel"),
    "swinv2": ("Swinv2Config", "Swinv2Model"), "dinov2": ("Dinov2Config", "Dinov2Model"),
    "siglip": ("SiglipVisionConfig", "SiglipVisionModel"), "clip": ("CLIPVisionConfig", "CLIPVisionModel"),
    "clip-projected": ("CLIPVisionConfig", "CLIPVisionModelWithProjection"),
    "bert": ("BertConfig", "BertModel"), "cxr-bert": ("BertConfig", "BertModel"),
    "mpnet": ("MPNetConfig", "MPNetModel"),
    "distilbert": ("DistilBertConfig", "DistilBertModel"), "clip-text": ("CLIPTextConfig", "CLIPTextModel"),
    "siglip-text": ("SiglipTextConfig", "SiglipTextModel"),
}  # fmt: skip
"""Family -> names of transformers' configuration and model."""
_NO_POOLER = ("vit", "bert", "cxr-bert", "mpnet")
_PROJECTED = {"clip": "its CLIP head", "biovil": "its projector", "cxr-bert": "its head"}


def image_encoder(
    name: str, *, weights: str | Path | None = None, size: int | None = None, channels: int = 1,
    config: Mapping[str, Any] | None = None, project: bool = False,
) -> ImageEncoder:  # fmt: skip
    """Return an image encoder: films (B, channels, H, W) in [0, 1] to `Seen`; in evaluation mode.

    Args:
        name: of `IMAGES`; docs/encoders.md lists them.
        weights: None for the folder of that name in the one that HILUM_WEIGHTS names; a folder or .safetensors file;
            'random' (the default of families that nobody publishes); 'hub:' or 'hub:owner/name' to fetch.
        size: side in pixels that films are resized to; the published one by default. ViTs interpolate their positions.
        channels: of the films, 1 or 3; a film of one channel goes to a network of three as three equal ones.
        config: what differs from the family's configuration, for networks of other sizes; not beside weights that
            come with their own.
        project: return the space that films and texts share, where there is one (CLIP, BioViL).

    Raises:
        InputError: if the name is unknown, the size does not suit, or the weights do not fit (the first mismatch).
        MissingError: if weights or a package are not there.
    """
    card = card_of(IMAGES, name, "image")
    if project and card.family not in _PROJECTED:
        raise InputError(f"'{name}' has no space that films and texts share but its own: leave project out")
    root = find(card, weights)
    trunk, tone = _trunk(card, root, dict(config or {}), channels, project)
    side = size or (int(config["image_size"]) if config and "image_size" in config else card.size)
    if side % trunk.multiple or side < trunk.multiple:
        raise InputError(f"'{name}' cuts films into patches of {trunk.multiple} pixels: {side} is not a multiple of it")
    takes = 3 if isinstance(trunk, (PatchTrunk, StageTrunk, BioViL)) else _first(trunk).in_channels
    if channels not in (1, takes):
        raise InputError(f"'{name}' takes films of {takes} channels, or of one: got channels={channels}")
    return ImageEncoder(trunk, name=name, size=side, tone=tone, takes=takes, channels=channels).eval()


def _first(trunk: Trunk) -> nn.Conv2d:
    return next(module for module in trunk.modules() if isinstance(module, nn.Conv2d))


def _trunk(
    card: ImageCard, root: Path | None, config: dict[str, Any], channels: int, project: bool
) -> tuple[Trunk, tuple[Three, Three]]:
    """The network with its weights, and mean and deviation of its input: of the weights' own folder if it says so."""
    if card.family == "densenet":
        made = {"channels": card.channels, **card.config, **config}
        dense = DenseNet(made.pop("classes"), **made)
        blocks = tuple(made.get("blocks", DENSENET_121))
        if root is not None:
            fill(dense, tensors_of(root), where=str(root), names=lambda name: from_published(name, blocks=blocks))
        return PlainTrunk(dense), card.tone
    if card.family == "resnet-plain":
        plain = ResNet(**{"channels": card.channels, **config})
        if root is not None:
            fill(
                plain, tensors_of(root), where=str(root), names=lambda name: name.removeprefix("model."), spare=("fc.",)
            )
        return PlainTrunk(plain), card.tone
    if card.family == "biovil":
        biovil = BioViL(project=project, **{**card.config, **config})
        if root is not None:
            fill(biovil, tensors_of(root), where=str(root), spare=("encoder.encoder.fc.", "classifier."))
        return biovil, card.tone
    kind = "clip-projected" if project else card.family
    model = _of_transformers(kind, card, root, config)
    if card.family in ("resnet", "swinv2"):
        return StageTrunk(model, card.family), _tone(card, root)
    return PatchTrunk(model, card.family, project=project), _tone(card, root)


def _tone(card: ImageCard, root: Path | None) -> tuple[Three, Three]:
    """Mean and deviation of the weights' preprocessor_config.json where there is one, else the card's."""
    file = root / "preprocessor_config.json" if root is not None and root.is_dir() else None
    if file is None or not file.is_file():
        return card.tone
    said = json.loads(file.read_text(encoding="utf-8"))
    if said.get("do_normalize", True) and len(said.get("image_mean") or ()) == 3:
        return cast(tuple[Three, Three], (tuple(said["image_mean"]), tuple(said["image_std"])))
    return card.tone


def _of_transformers(kind: str, card: ImageCard | TextCard, root: Path | None, config: dict[str, Any]) -> nn.Module:
    """A model of transformers, random or with all the weights that it needs."""
    try:
        import transformers
    except ImportError:
        raise need("transformers", "language", f"The encoder '{card.name}'") from None
    config_class, model_class = (getattr(transformers, each) for each in _CLASSES[kind])
    extra: dict[str, Any] = {"add_pooling_layer": False} if card.family in _NO_POOLER else {}
    if root is None:
        model: nn.Module = model_class(config_class(**{**card.config, **config}), **extra)
        return model
    folder = root if root.is_dir() else root.parent
    files_of(folder)
    if (folder / "config.json").is_file():
        _same_family(card, folder)
        with quiet():  # the type 'cxr-bert' is a BERT that transformers has not heard of
            made = config_class.from_pretrained(folder, local_files_only=True)
    else:
        made = config_class(**{**card.config, **config})
    return _filled(model_class, made, folder, extra)


def _same_family(card: ImageCard | TextCard, folder: Path) -> None:
    told = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", "")
    asked = {"cxr-bert": ("cxr-bert", "bert")}.get(card.family, (card.family,))
    if not told.startswith(asked):  # 'siglip_vision_model' and 'clip_text_model' are parts of what they begin with
        raise InputError(f"{folder / 'config.json'} is of a '{told}', and '{card.name}' is a '{card.family}'")


def _filled(model_class: Any, config: Any, folder: Path, extra: dict[str, Any]) -> nn.Module:
    """Load by transformers, which knows how names changed over time, and refuse what it would leave random."""
    from safetensors import SafetensorError

    try:
        with quiet():
            model, told = model_class.from_pretrained(
                folder, config=config, local_files_only=True, use_safetensors=True, ignore_mismatched_sizes=True,
                output_loading_info=True, trust_remote_code=False, **extra,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder} cannot be loaded: {(str(error).splitlines() or ['?'])[0]}") from None
    odd = sorted(told["mismatched_keys"])
    if odd:
        first = odd[0]
        name, found, wanted = first if isinstance(first, (tuple, list)) else (first, "another shape", "this one")
        raise InputError(f"{folder} does not fit: '{name}' is {tuple(found)}, the network has {tuple(wanted)}")
    missing = sorted(told["missing_keys"])
    if missing:
        own = tuple(model.state_dict()[missing[0]].shape) if missing[0] in model.state_dict() else "it"
        raise InputError(f"{folder} does not fit: '{missing[0]}' is missing, the network has {own}")
    return cast(nn.Module, model)


def text_encoder(
    name: str, *, weights: str | Path | None = None, config: Mapping[str, Any] | None = None,
    vocabulary: Sequence[str] | None = None, project: bool = False,
) -> tuple[TextEncoder, Coder]:  # fmt: skip
    """Return a text encoder, in evaluation mode, and its tokenizer: `encoder(*coder.code(texts))` is a `Told`.

    Args:
        name: of `TEXTS`; docs/encoders.md lists them.
        weights: as of `image_encoder`.
        config: what differs from the family's configuration, for networks of other sizes that start from nothing.
        vocabulary: words of the tokenizer, for a network that starts from nothing.
        project: return the space that films and texts share, where there is one (CXR-BERT, CLIP).

    Raises:
        InputError: if the name is unknown, or the weights do not fit (the first mismatch).
        MissingError: if weights, tokenizer or a package are not there.
    """
    card = card_of(TEXTS, name, "text")
    if project and card.family not in _PROJECTED:
        raise InputError(f"'{name}' has no space that films and texts share but its own: leave project out")
    root = find(card, weights)
    given = dict(config or {})
    if root is not None:
        folder = root if root.is_dir() else root.parent
        coder = coder_from(folder, name=name, longest=card.longest, fixed=card.fixed)
    elif vocabulary is None:
        raise MissingError(f"'{name}' without weights has no tokenizer: give vocabulary=, the words it shall know")
    else:
        longest = int(given.get("max_position_embeddings", card.longest))
        special = PADDED_BY_ONE if card.family == "mpnet" else SPECIAL
        coder = coder_of(vocabulary, longest=longest, fixed=card.fixed, special=special)
        given = {"vocab_size": len(coder), "pad_token_id": special.index("[PAD]"), **_ends(card), **given}
    joint = int(given.pop("projection_size", 128))
    kind = f"{card.family}-text" if card.family in ("clip", "siglip") else card.family
    model = _of_transformers(kind, card, root, given)
    places = int(getattr(cast(Any, model.config), "max_position_embeddings", coder.longest))
    coder.longest = min(coder.longest, places - 2 if card.family == "mpnet" else places)  # MPNet counts from 2
    head = _head(card, root, model, joint) if project else None
    return TextEncoder(model, name=name, pooling=card.pooling, projection=head, padded=card.fixed).eval(), coder


def _ends(card: TextCard) -> dict[str, int]:
    """Numbers of the special words in `coder_of`, where a configuration asks for them."""
    return {"bos_token_id": 2, "eos_token_id": 3} if card.family in ("clip", "siglip") else {}


def _head(card: TextCard, root: Path | None, model: nn.Module, joint: int) -> nn.Module:
    """The layer into the shared space, with its weights."""
    width = int(cast(Any, model.config).hidden_size)
    prefix = "text_projection." if card.family == "clip" else "cls_projection_head."
    found: dict[str, Tensor] = {} if root is None else {
        name.removeprefix(prefix): value for name, value in tensors_of(root).items() if name.startswith(prefix)
    }  # fmt: skip
    if card.family == "clip":
        out = found["weight"].shape[0] if "weight" in found else int(cast(Any, model.config).projection_dim)
        head: nn.Module = nn.Linear(width, out, bias=False)
    else:
        out = found["dense_to_output.bias"].shape[0] if "dense_to_output.bias" in found else joint
        head = ProjectionHead(width, out)
    if root is not None:
        fill(head, found, where=f"{prefix}* of {root}")
    return head
