"""The published readers' sizes as configurations: what they are made of, without their weights.

Widths, depths and sizes of films are of the model cards and repositories; where a card names a language model only,
they are that model's. What a port changes is said beside each. A network of any of them can be built on the 'meta'
device in a second, to count and to check; filling one takes weights that this package does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from hilum.core.errors import InputError
from hilum.nets.reader import ReaderConfig, library
from hilum.nets.readers import READER_TOKENS, assembled


def published(name: str) -> ReaderConfig:
    """Return the configuration of a published reader; the reader's own tokens follow its words.

    Args:
        name: of `PUBLISHED`.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in PUBLISHED:
        raise InputError(f"there is no published reader '{name}': expected one of {', '.join(PUBLISHED)}")
    vision, text, how = PUBLISHED[name]()
    known = {token: text.vocab_size + at for at, token in enumerate(READER_TOKENS)}
    text.vocab_size += len(READER_TOKENS)
    return assembled(vision, text, known, **{"options": None, "layers": "last", **how})


def _llama_2_7b(words: int = 32000, **more: Any) -> Any:
    return library.LlamaConfig(vocab_size=words, **more)


def _rad_dino() -> Any:
    return library.Dinov2Config(image_size=518, patch_size=14)


def _cxr_llava() -> tuple[Any, Any, dict[str, Any]]:
    """One grey channel; 1,024 patches; the connector is one linear layer."""
    vision = library.ViTConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, image_size=512,
        patch_size=16, num_channels=1,
    )  # fmt: skip
    return vision, _llama_2_7b(), {"connector": "linear"}


def _chexagent_8b() -> tuple[Any, Any, dict[str, Any]]:
    """128 queries and Mistral; the querying transformer is BLIP-2's. EVA-g's sizes at 448 px, built as CLIP's is."""
    vision = library.CLIPVisionConfig(
        hidden_size=1408, num_hidden_layers=40, num_attention_heads=16, intermediate_size=6144, image_size=448,
        patch_size=14,
    )  # fmt: skip
    queries = {"queries": 128, "width": 768, "depth": 12, "heads": 12}
    return vision, library.MistralConfig(sliding_window=None), {"connector": "qformer", "options": queries}


def _chexagent_2_3b() -> tuple[Any, Any, dict[str, Any]]:
    """SigLIP-L at 512 px and Phi-2; two layers between them."""
    vision = library.SiglipVisionConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, image_size=512,
        patch_size=16,
    )  # fmt: skip
    text = library.PhiConfig(
        vocab_size=51200, hidden_size=2560, intermediate_size=10240, num_hidden_layers=32, num_attention_heads=32
    )
    return vision, text, {"connector": "mlp2"}


def _radvlm() -> tuple[Any, Any, dict[str, Any]]:
    """SigLIP so400m at 384 px and Qwen2-7B. A film is seen whole and in 3 x 3 tiles, whatever its shape."""
    vision = library.SiglipVisionConfig(
        hidden_size=1152, num_hidden_layers=27, num_attention_heads=16, intermediate_size=4304, image_size=384,
        patch_size=14,
    )  # fmt: skip
    text = library.Qwen2Config(
        vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28,
        num_key_value_heads=4,
    )  # fmt: skip
    return vision, text, {"connector": "mlp2", "options": {"tiles": 9}}


def _maira_2() -> tuple[Any, Any, dict[str, Any]]:
    """RAD-DINO at 518 px, its last layer after the norm; four layers; Vicuna-7B with positions stretched by 1.5."""
    rope = {"rope_type": "linear", "factor": 1.5, "rope_theta": 10000.0}
    text = _llama_2_7b(32207, max_position_embeddings=4096, rope_parameters=rope)
    return _rad_dino(), text, {"connector": "mlp4", "vision_normed": True}


def _libra() -> tuple[Any, Any, dict[str, Any]]:
    """All twelve layers of RAD-DINO, heads of the language model's number. Each film of a pair has its slot here."""
    return _rad_dino(), _llama_2_7b(), {"connector": "tac", "options": {"heads": 32}, "layers": "all"}


def _mlrg() -> tuple[Any, Any, dict[str, Any]]:
    """RAD-DINO, the fusion's published sizes, and DistilGPT-2 as a decoder of one text with films in it (ported)."""
    text = library.GPT2Config(n_layer=6, n_positions=8192)
    fusion = {"width": 768, "hidden": 1536, "heads": 8, "head_width": 192, "depth": 3}
    return _rad_dino(), text, {"connector": "multiview_xattn", "options": fusion}


PUBLISHED: MappingProxyType[str, Callable[[], tuple[Any, Any, dict[str, Any]]]] = MappingProxyType({
    "cxr-llava": _cxr_llava, "chexagent-8b": _chexagent_8b, "chexagent-2-3b": _chexagent_2_3b, "radvlm": _radvlm,
    "maira-2": _maira_2, "libra": _libra, "mlrg": _mlrg,
})  # fmt: skip
"""Name -> what makes its encoder, its language model and how they are joined."""
