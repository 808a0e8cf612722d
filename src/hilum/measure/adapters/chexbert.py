"""CheXbert's network: BERT's first token into thirteen heads of four classes and one of two.

Source: Smit et al. 2020 and its published checkpoint, whose tensors are named 'module.bert...' and
'module.linear_heads.0.weight' ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.adapters.language import PACKAGES, libraries
from hilum.measure.adapters.weights import Source, Weights, load
from hilum.measure.scored import Floats

CONDITIONS = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia",
    "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices", "No Finding",
)  # fmt: skip
"""What the heads answer, in order. Classes: 0 not mentioned, 1 present, 2 absent, 3 uncertain; the last has 0 and 1."""
SOURCE = Source(
    folder="chexbert",
    model="CheXbert",
    repository="chexbert.pth of StanfordAIMI/RRG_scorers and vocab.txt of google-bert/bert-base-uncased (Hugging Face)",
    licence="Stanford Academic Software License S20-295: internal academic non-commercial use, not to be passed on",
    size="about 1.3 GB, 0.44 GB when converted",
    layout="model.safetensors (made by scripts/convert_weights.py), vocab.txt, and config.json if it is not BERT-base",
    files=("vocab.txt",),
)
_CLASSES = (*[4] * 13, 2)
_LONGEST = 512
_BATCH = 32
_DERIVED = "bert.embeddings.position_ids"  # a buffer that some versions of transformers wrote; it holds 0, 1, 2 ...


@dataclass(frozen=True, eq=False)
class CheXbert:
    """The labeler.

    Args:
        tokenizer: of words into pieces.
        bert, heads: torch modules, in evaluation mode.
        weights: where they came from.
    """

    tokenizer: Any
    bert: Any
    heads: Any
    weights: Weights

    @property
    def said(self) -> dict[str, object]:
        """What a signature says of it."""
        return self.weights.said(*PACKAGES)

    def label(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Return (N, 14) classes, in the order of `CONDITIONS`."""
        rows = [[head(part).argmax(dim=1) for head in self.heads] for part in self._parts(texts)]
        return np.concatenate([np.stack([c.numpy() for c in row], axis=1) for row in rows]).astype(np.int8)

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Return (N, width) of the first token's last hidden state, whose cosine RadCliQ takes."""
        return np.concatenate([part.double().numpy() for part in self._parts(texts)])

    def _parts(self, texts: Sequence[str]) -> list[Any]:
        import torch

        parts = []
        for start in range(0, len(texts), _BATCH):
            clean = [" ".join(text.split()) for text in texts[start : start + _BATCH]]
            batch = self.tokenizer(clean, padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt")
            with torch.inference_mode():
                out = self.bert(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            parts.append(out.last_hidden_state[:, 0])
        return parts


def load_chexbert(metric: str, given: str | Path | None = None) -> CheXbert:
    """Load the labeler from a folder.

    Args:
        metric: that needs it, for errors.
        given: its folder; 'chexbert' in the folder that HILUM_WEIGHTS names by default.

    Raises:
        MissingError: if the folder, a file or the extra 'language' is not there.
        InputError: if the tensors are not CheXbert's; the first that differs is named.
    """
    weights = load(metric, SOURCE, given)
    torch, transformers = libraries(metric)
    config = weights.root / "config.json"
    shape = transformers.BertConfig.from_json_file(str(config)) if config.is_file() else transformers.BertConfig()
    network = torch.nn.ModuleDict(
        {
            "bert": transformers.BertModel(shape),
            "linear_heads": torch.nn.ModuleList([torch.nn.Linear(shape.hidden_size, n) for n in _CLASSES]),
        }
    )
    _fill(network, _tensors(weights), weights.files[0])
    tokenizer = transformers.BertTokenizer(str(weights.root / "vocab.txt"), do_lower_case=True)
    network.eval().requires_grad_(False)
    return CheXbert(tokenizer, network["bert"], network["linear_heads"], weights)


def _tensors(weights: Weights) -> dict[str, Any]:
    from safetensors.torch import load_file

    if len(weights.files) > 1:
        raise InputError(f"{weights.root} holds {len(weights.files)} .safetensors files; CheXbert is one")
    named = {name.removeprefix("module."): tensor for name, tensor in load_file(weights.files[0]).items()}
    named.pop(_DERIVED, None)
    return named


def _fill(network: Any, tensors: dict[str, Any], path: Path) -> None:
    expected = network.state_dict()
    for name in expected:
        if name not in tensors:
            raise InputError(f"{path} is not CheXbert's checkpoint: it lacks the tensor '{name}'")
        shapes = tuple(expected[name].shape), tuple(tensors[name].shape)
        if shapes[0] != shapes[1]:
            raise InputError(f"{path}: the tensor '{name}' should have the shape {shapes[0]}, but has {shapes[1]}")
    beyond = sorted(set(tensors) - set(expected))
    if beyond:
        raise InputError(f"{path} is not CheXbert's checkpoint: it has a tensor '{beyond[0]}' that CheXbert has not")
    network.load_state_dict(tensors, strict=True)
