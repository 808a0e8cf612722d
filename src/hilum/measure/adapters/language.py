"""Language models from a folder of this machine through transformers; nothing is fetched, nothing is unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hilum.core.errors import InputError, need
from hilum.measure.adapters.weights import Weights
from hilum.measure.scored import Floats

Kind = Literal["AutoModel", "AutoModelForTokenClassification", "AutoModelForCausalLM"]
PACKAGES = ("torch", "transformers")
"""Packages whose versions stand in every signature of a model that runs through them."""
_BATCH = 32


def libraries(metric: str) -> tuple[Any, Any]:
    """Return (torch, transformers).

    Raises:
        MissingError: if the extra 'language' is not installed.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise need(error.name or "transformers", "language", f"'{metric}'") from error
    return torch, transformers


@dataclass(frozen=True, eq=False)
class Language:
    """A model and its tokenizer, ready to run.

    Args:
        tokenizer, model: as transformers loads them.
        weights: where they came from.
        device: on which it runs.
    """

    tokenizer: Any
    model: Any
    weights: Weights
    device: str = "cpu"


def load_language(metric: str, kind: Kind, weights: Weights, device: str = "cpu", dtype: str = "float32") -> Language:
    """Load a model of one kind from a folder.

    Args:
        metric: that needs it, for errors.
        kind: transformers' class.
        weights: of the model.
        device: 'cpu', 'cuda' ...
        dtype: of torch, or 'auto' for the one of the file.

    Raises:
        MissingError: if the extra 'language' is not installed.
        InputError: if the folder is not such a model, or the device is not there.
    """
    torch, transformers = libraries(metric)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"'{metric}' was asked to run on '{device}', but torch sees no such device: take device='cpu'")
    folder = Path(weights.root)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = getattr(transformers, kind).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=dtype
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"'{metric}' cannot load {folder} as {kind}: {error}") from error
    return Language(tokenizer, model.eval().to(device), weights, device)


def first_token_vectors(language: Language, phrases: Sequence[str], longest: int) -> Floats:
    """Return (N, width) unit vectors of phrases: the last hidden state of each one's first token.

    Args:
        language: an encoder.
        phrases: to embed.
        longest: in tokens; what is longer is cut.
    """
    import torch

    found: list[Floats] = []
    for start in range(0, len(phrases), _BATCH):
        batch = language.tokenizer(
            list(phrases[start : start + _BATCH]), padding=True, truncation=True, max_length=longest,
            return_tensors="pt",
        ).to(language.device)  # fmt: skip
        with torch.inference_mode():
            states = language.model(**batch).last_hidden_state[:, 0, :]
        found.append(torch.nn.functional.normalize(states.double(), dim=1).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0))
