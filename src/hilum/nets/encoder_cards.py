"""What is known of each encoder, as data: family, input, source, licence. Nothing heavy is imported here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from hilum.core.errors import InputError

Three = tuple[float, float, float]
IMAGENET: tuple[Three, Three] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's photographs in [0, 1] (torchvision)."""
HALF: tuple[Three, Three] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Films in [0, 1] to [-1, 1] (SigLIP; ViT of Google)."""
OPENAI: tuple[Three, Three] = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
"""Mean and deviation of CLIP (Radford et al. 2021, preprocessor_config.json)."""
RAD_DINO: tuple[Three, Three] = ((0.5307,) * 3, (0.2583,) * 3)
"""Mean and deviation of RAD-DINO's films (preprocessor_config.json of microsoft/rad-dino)."""
PLAIN: tuple[Three, Three] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Films as they are, in [0, 1] (BioViL)."""
HOUNSFIELD_LIKE: tuple[Three, Three] = ((0.5,) * 3, (1 / 2048,) * 3)
"""[0, 1] to torchxrayvision's [-1024, 1024] (its `utils.normalize`)."""

ImageFamily = Literal["resnet", "vit", "swinv2", "dinov2", "siglip", "clip", "densenet", "resnet-plain", "biovil"]
TextFamily = Literal["bert", "mpnet", "distilbert", "clip", "siglip", "cxr-bert"]
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class ImageCard:
    """An image encoder.

    Args:
        name: as `image_encoder` takes it.
        family: the architecture.
        size: side of the film that it was trained on, in pixels.
        tone: mean and deviation of the three channels, of films in [0, 1].
        config: what differs from the family's default configuration.
        channels: that its first convolution takes.
        hub: repository of the weights on the Hugging Face hub; '' where they are elsewhere or there are none.
        weights: where the weights are, and as what they come.
        licence: of the weights.
        source: of the figures above.
    """

    name: str
    family: ImageFamily
    size: int
    tone: tuple[Three, Three]
    config: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    channels: int = 3
    hub: str = ""
    weights: str = ""
    licence: str = ""
    source: str = ""

    @property
    def published(self) -> bool:
        """Whether somebody publishes weights under this name."""
        return bool(self.weights)


@dataclass(frozen=True)
class TextCard:
    """A text encoder; fields as of `ImageCard`.

    Args:
        pooling: 'mean' of the words, the first one ('first'), or what the model's own head gives ('head').
        longest: tokens that it was trained on.
        fixed: whether texts are padded to `longest` always, and padding is attended to (SigLIP).
    """

    name: str
    family: TextFamily
    pooling: Literal["mean", "first", "head"]
    longest: int
    config: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    fixed: bool = False
    hub: str = ""
    weights: str = ""
    licence: str = ""
    source: str = ""

    @property
    def published(self) -> bool:
        """Whether somebody publishes weights under this name."""
        return bool(self.weights)


_SAFE = "hub, safetensors"
_TXV = "https://github.com/mlmed/torchxrayvision/releases/tag/v1"
_DENSE = {
    "all": "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    "nih": "nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    "pc": "pc-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    "chex": "chex-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    "rsna": "kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    "mimic_nb": "mimic_nb-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    "mimic_ch": "mimic_ch-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
}
_BIOVIL_SOURCE = "Bannur et al., CVPR 2023 (arXiv 2301.04558); microsoft/hi-ml, hi-ml-multimodal"


def _dense(name: str, file: str) -> ImageCard:
    return ImageCard(
        f"densenet121-res224-{name}", "densenet", 224, HOUNSFIELD_LIKE, {"classes": 18}, 1,
        weights=f"{_TXV}: {file}, a pickled module; convert it", licence="Apache-2.0",
        source="torchxrayvision 1.5 (Cohen et al., MIDL 2022)",
    )  # fmt: skip


IMAGES: dict[str, ImageCard] = {card.name: card for card in (
    ImageCard("resnet", "resnet", 224, IMAGENET, source="He et al. 2016"),
    ImageCard("vit", "vit", 224, HALF, source="Dosovitskiy et al. 2021"),
    ImageCard("swinv2", "swinv2", 256, IMAGENET, {"image_size": 256, "window_size": 8}, source="Liu et al. 2022"),
    ImageCard("dinov2", "dinov2", 224, IMAGENET, source="Oquab et al. 2024"),
    ImageCard("siglip", "siglip", 224, HALF, source="Zhai et al. 2023"),
    ImageCard("clip", "clip", 224, OPENAI, source="Radford et al. 2021"),
    ImageCard("densenet121", "densenet", 224, IMAGENET, {"classes": 14}, 3, source="Huang et al. 2017"),
    ImageCard("resnet50", "resnet-plain", 224, IMAGENET, source="He et al. 2016, names of torchvision"),
    ImageCard("resnet-50-imagenet", "resnet", 224, IMAGENET, hub="microsoft/resnet-50", weights=_SAFE,
              licence="Apache-2.0", source="model card of microsoft/resnet-50"),
    ImageCard("vit-base-imagenet21k", "vit", 224, HALF, hub="google/vit-base-patch16-224-in21k", weights=_SAFE,
              licence="Apache-2.0", source="model card of google/vit-base-patch16-224-in21k"),
    ImageCard("swinv2-tiny-imagenet", "swinv2", 256, IMAGENET, {"image_size": 256, "window_size": 8},
              hub="microsoft/swinv2-tiny-patch4-window8-256", weights=_SAFE, licence="Apache-2.0",
              source="model card of microsoft/swinv2-tiny-patch4-window8-256"),
    ImageCard("dinov2-base", "dinov2", 518, IMAGENET, {"patch_size": 14, "image_size": 518}, hub="facebook/dinov2-base",
              weights=_SAFE, licence="Apache-2.0", source="model card of facebook/dinov2-base"),
    ImageCard("siglip-base", "siglip", 224, HALF, hub="google/siglip-base-patch16-224", weights=_SAFE,
              licence="Apache-2.0", source="model card of google/siglip-base-patch16-224"),
    ImageCard("clip-base", "clip", 224, OPENAI, {"patch_size": 32}, hub="openai/clip-vit-base-patch32", weights=_SAFE,
              licence="MIT (code); the card gives none for the weights",
              source="model card of openai/clip-vit-base-patch32"),
    ImageCard("rad-dino", "dinov2", 518, RAD_DINO, {"patch_size": 14, "image_size": 518}, hub="microsoft/rad-dino",
              weights=_SAFE, licence="MIT (MSRLA in earlier revisions)",
              source="Perez-Garcia et al. 2024 (arXiv 2401.10815); model card of microsoft/rad-dino"),
    ImageCard("rad-dino-maira-2", "dinov2", 518, RAD_DINO, {"patch_size": 14, "image_size": 518},
              hub="microsoft/rad-dino-maira-2", weights=_SAFE, licence="MSRLA: research only",
              source="Bannur et al. 2024 (arXiv 2406.04449); model card of microsoft/rad-dino-maira-2"),
    ImageCard("xray-siglip", "siglip", 512, HALF,
              {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
               "image_size": 512},
              hub="StanfordAIMI/XraySigLIP__vit-l-16-siglip-384__webli", weights=_SAFE,
              licence="see the model's page: none is known to us",
              source="Chen et al. 2024 (CheXagent, arXiv 2401.12208): SigLIP-Large, 512 pixels"),
    ImageCard("chexnet", "densenet", 224, IMAGENET, {"classes": 14}, 3,
              weights="https://github.com/zoogzog/chexnet: models/m-25012018-123527.pth.tar, a pickle; convert it",
              licence="none stated by its authors", source="zoogzog/chexnet, DensenetModels.py and ChexnetTrainer.py"),
    *(_dense(name, file) for name, file in _DENSE.items()),
    ImageCard("resnet50-res512-all", "resnet-plain", 512, HOUNSFIELD_LIKE, {}, 1,
              weights=f"{_TXV}: pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt, a pickle; convert it",
              licence="Apache-2.0", source="torchxrayvision 1.5 (Cohen et al., MIDL 2022)"),
    ImageCard("biovil", "biovil", 448, PLAIN, {"temporal": False},
              weights="microsoft/BiomedVLP-CXR-BERT-specialized: biovil_image_resnet50_proj_size_128.pt; convert it",
              licence="MIT", source="Boecking et al., ECCV 2022 (arXiv 2204.09817); microsoft/hi-ml, hi-ml-multimodal"),
    ImageCard("biovil-t", "biovil", 448, PLAIN, {"temporal": True},
              weights="microsoft/BiomedVLP-BioViL-T: biovil_t_image_model_proj_size_128.pt; convert it",
              licence="MIT", source=_BIOVIL_SOURCE),
)}  # fmt: skip
"""Image encoders by name."""

TEXTS: dict[str, TextCard] = {card.name: card for card in (
    TextCard("bert", "bert", "first", 512, source="Devlin et al. 2019"),
    TextCard("mpnet", "mpnet", "mean", 384, source="Song et al. 2020"),
    TextCard("distilbert", "distilbert", "first", 512, source="Sanh et al. 2019"),
    TextCard("clip-text", "clip", "head", 77, source="Radford et al. 2021"),
    TextCard("siglip-text", "siglip", "head", 64, fixed=True, source="Zhai et al. 2023"),
    TextCard("all-mpnet-base-v2", "mpnet", "mean", 384, hub="sentence-transformers/all-mpnet-base-v2", weights=_SAFE,
             licence="Apache-2.0", source="model card of sentence-transformers/all-mpnet-base-v2"),
    TextCard("cxr-bert-general", "cxr-bert", "first", 512, hub="microsoft/BiomedVLP-CXR-BERT-general",
             weights="hub, pytorch_model.bin; convert it", licence="MIT",
             source="Boecking et al., ECCV 2022; modeling_cxrbert.py of the model"),
    TextCard("cxr-bert-specialized", "cxr-bert", "first", 512, hub="microsoft/BiomedVLP-CXR-BERT-specialized",
             weights="hub, pytorch_model.bin; convert it", licence="MIT",
             source="Boecking et al., ECCV 2022; modeling_cxrbert.py of the model"),
    TextCard("biovil-t-text", "cxr-bert", "first", 512, hub="microsoft/BiomedVLP-BioViL-T",
             weights="hub, pytorch_model.bin; convert it", licence="MIT", source=_BIOVIL_SOURCE),
    TextCard("med-kebert", "bert", "first", 512, hub="xmcmic/Med-KEBERT", weights="hub, pytorch_model.bin; convert it",
             licence="see the model's page: none is known to us",
             source="Zhang et al. 2023 (KAD, arXiv 2302.14042): a BERT-base taught UMLS's definitions and relations"),
    TextCard("clip-base-text", "clip", "head", 77, hub="openai/clip-vit-base-patch32", weights=_SAFE,
             licence="MIT (code); the card gives none for the weights",
             source="model card of openai/clip-vit-base-patch32"),
    TextCard("siglip-base-text", "siglip", "head", 64, fixed=True, hub="google/siglip-base-patch16-224", weights=_SAFE,
             licence="Apache-2.0", source="model card of google/siglip-base-patch16-224"),
    TextCard("xray-siglip-text", "siglip", "head", 64, fixed=True,
             config={"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
                     "num_attention_heads": 16, "projection_size": 1024},
             hub="StanfordAIMI/XraySigLIP__vit-l-16-siglip-384__webli", weights=_SAFE,
             licence="see the model's page: none is known to us", source="Chen et al. 2024 (CheXagent)"),
)}  # fmt: skip
"""Text encoders by name."""

Card = TypeVar("Card", ImageCard, TextCard)


def card_of(cards: Mapping[str, Card], name: str, kind: str) -> Card:
    """Return the card called `name`.

    Raises:
        InputError: if there is none; the sentence offers the nearest.
    """
    if name in cards:
        return cards[name]
    near = difflib.get_close_matches(name, cards, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(cards)}."
    raise InputError(f"no {kind} encoder is called '{name}'; {hint}")
