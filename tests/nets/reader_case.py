"""Small readers for tests: every connector, ragged prompts, and weights that make every word of a prompt matter."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import ViTConfig, ViTModel  # noqa: E402

from hilum.learn.decode import Row  # noqa: E402
from hilum.learn.reader.words import word_tokenizer  # noqa: E402
from hilum.nets.reader import Reader  # noqa: E402
from hilum.nets.reader_processor import ReaderProcessor  # noqa: E402
from hilum.nets.readers import processor_for, small_reader  # noqa: E402

TEXTS = (
    "There is a small right pleural effusion. The heart is large.",
    "No pneumothorax. The nodule of the left lung has grown since the prior film.",
    "Findings? Lines and tubes: none (see 12 mm, 0.5 cm).",
)
EXTRA = ("<ask>", "<answer>", "<obj>", "</obj>")
VIT = {
    "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 16,
    "patch_size": 4, "num_channels": 1,
}  # fmt: skip
PATCHES = 16
KINDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "linear": ("linear", {}, "last"),
    "mlp2": ("mlp2", {}, "last"),
    "mlp4": ("mlp4", {"merge": 2}, "all"),
    "mlp2 per role": ("mlp2", {"by_role": True}, "last"),
    "qformer": ("qformer", {"queries": 5, "heads": 2}, "last"),
    "tac": ("tac", {"heads": 2}, "all"),
    "tac merged": ("tac", {"heads": 2, "merge": 2, "prior_slot": "own", "bias": False}, "all"),
    "views": ("multiview_xattn", {"heads": 2, "depth": 2}, "last"),
    "views merged": ("multiview_xattn", {"heads": 2, "merge": 2, "other_slots": "placeholder"}, "all"),
}
"""Name -> connector, options and layers: what every lesson is tested with."""
FRONT, LATERAL, OTHER, PRIOR, LESION = (
    f"<img_{role}><image>" for role in ("cur_front", "cur_lat", "cur_other", "prior_front", "lesion_crop")
)
PROMPTS = (
    f"{FRONT}{PRIOR} findings? <answer>",
    f"{FRONT} <answer>",
    f"{LATERAL}{FRONT}{PRIOR} the heart is large. <ask> findings? <answer>",
    f"{LATERAL}{LESION} small <answer>",
)
"""Unequal lengths and numbers of films; one row without a frontal film."""


def tokens() -> Any:
    """The tokenizer of all cases."""
    return word_tokenizer(TEXTS, EXTRA)


def encoder(seed: int = 0, **changed: int) -> Any:
    """A small ViT of three layers, 16 patches and a class token."""
    torch.manual_seed(seed)
    return ViTModel(ViTConfig(**{**VIT, **changed})).eval()


def shaken(reader: Reader, seed: int = 1) -> Reader:
    """Give the language model weights so wide that what it writes depends on all it reads, and ends now and then."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, each in sorted(reader.named_parameters()):
            if each.ndim > 1 and "language_model" in name:
                each.normal_(0, 0.5 if "embed" in name else 0.25, generator=draw)
        words = reader.get_input_embeddings().weight
        words[reader.config.text_config.eos_token_id] *= 2.5
    return reader


def case(kind: str, *, wide: bool = True, seed: int = 3, **sizes: int) -> tuple[Reader, ReaderProcessor]:
    """A reader of a kind with its processor, in evaluation mode."""
    name, options, layers = KINDS[kind]
    known = tokens()
    preset = SimpleNamespace(connector=name, options=options, layers=layers)
    reader = small_reader(preset, known, encoder(), **{"width": 32, "heads": 4, "seed": seed, **sizes})
    return shaken(reader) if wide else reader, processor_for(reader, known)


def films(count: int, seed: int = 0) -> Any:
    """Films of noise (count, 1, 16, 16) in [0, 1]."""
    return torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed))


def rows(processor: ReaderProcessor, prompts: tuple[str, ...] = PROMPTS, seed: int = 0) -> list[Row]:
    """Prompts with films of their own."""
    return [
        Row(processor.prompt_ids(text), films(text.count("<image>"), seed + number))
        for number, text in enumerate(prompts)
    ]


def logits(reader: Reader, batch: Mapping[str, Any], **more: Any) -> Any:
    """What the reader says of the word after each, with positions counted from the first real one."""
    places = (batch["attention_mask"].cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        return reader(**batch, position_ids=places, **more).logits
