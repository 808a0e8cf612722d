"""BERTScore-style similarity: each token beside its most similar one, in the vectors of an encoder on disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.errors import InputError, MissingError, need
from hilum.core.registry import register
from hilum.measure.lexical import answered
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Floats, Scored, averaged, signature

_BATCH = 32
_FOLDER = "HILUM_ENCODER"


@dataclass(frozen=True, eq=False)
class Encoder:
    """A language model from a folder of this machine.

    Args:
        tokenizer, model: as transformers loads them.
        layer: whose hidden states are compared; 0 is the embedding layer.
        digest: eight hexadecimal digits of its weights.
    """

    tokenizer: Any
    model: Any
    layer: int
    digest: str

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of texts with the model's own first and last token, cut at its longest input."""
        longest = min(self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", 512))
        return list(self.tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"])

    def vectors(self, ids: Sequence[Sequence[int]]) -> list[Floats]:
        """Return each text's (tokens, width) unit vectors."""
        import torch

        width = max(map(len, ids))
        padded = torch.tensor([[*each, *[0] * (width - len(each))] for each in ids])
        mask = torch.tensor([[1] * len(each) + [0] * (width - len(each)) for each in ids])
        with torch.inference_mode():
            out = self.model(input_ids=padded, attention_mask=mask, output_hidden_states=True)
        states = torch.nn.functional.normalize(out.hidden_states[self.layer].double(), dim=-1).numpy()
        return [state[: len(each)] for state, each in zip(states, ids, strict=True)]


def load_encoder(folder: str | Path | None = None, layer: int | None = None) -> Encoder:
    """Load an encoder from a folder; nothing is fetched.

    Args:
        folder: with config.json, model.safetensors and the tokenizer's files; HILUM_ENCODER names one by default.
        layer: of hidden states, the last by default.

    Raises:
        MissingError: if the folder, its weights or the extra 'language' is not there.
        InputError: if the model has no such layer.
    """
    given = folder or os.environ.get(_FOLDER)
    if not given:
        raise MissingError(
            f"bertscore needs an encoder on this machine: set {_FOLDER} to a folder with config.json, "
            "model.safetensors and the tokenizer's files (as transformers' save_pretrained writes them), "
            "or pass encoder=FOLDER"
        )
    root = Path(given)
    weights = sorted(root.glob("*.safetensors"))
    if not (root / "config.json").is_file() or not weights:
        raise MissingError(f"the encoder folder {root} lacks config.json or a .safetensors file of weights")
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise need("transformers", "language", "bertscore") from error
    model = AutoModel.from_pretrained(root, local_files_only=True, use_safetensors=True).eval()
    layers = int(model.config.num_hidden_layers)
    chosen = layers if layer is None else layer
    if not 0 <= chosen <= layers:
        raise InputError(f"the encoder has layers 0 to {layers}, not {chosen}")
    return Encoder(AutoTokenizer.from_pretrained(root, local_files_only=True), model, chosen, _digest(weights))


def _digest(files: Sequence[Path]) -> str:
    digest = blake2b(digest_size=4)
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _rarity(references: Sequence[Sequence[int]], idf: bool, special: set[int]) -> Mapping[int, float]:
    """Weight of each token: 1, or its inverse document frequency in the references; special tokens have none."""
    times = Counter(token for each in references for token in set(each))
    if not idf:
        return dict.fromkeys(special, 0.0)
    count = len(references)
    return {
        **{token: float(np.log((count + 1) / (n + 1))) for token, n in times.items()},
        **dict.fromkeys(special, 0.0),
    }


def _greedy(similar: Floats, reference: Floats, answer: Floats) -> tuple[float, float]:
    """Precision and recall of one pair from cosines (reference tokens, answer tokens) and the tokens' weights."""
    sides = ((similar.max(axis=0), answer), (similar.max(axis=1), reference))
    precision, recall = (float(best @ weight / weight.sum()) if weight.sum() > 0 else 0.0 for best, weight in sides)
    return precision, recall


def _score(encoder: Encoder, references: Sequence[str], answers: Sequence[str], idf: bool) -> Floats:
    """(N, 2) precision and recall; an empty text has 0."""
    ids_r, ids_a = encoder.ids(references), encoder.ids(answers)
    special = {n for n in (encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id) if n is not None}
    rarity, other = _rarity(ids_r, idf, special), float(np.log(len(references) + 1)) if idf else 1.0
    found = np.zeros((len(references), 2))
    order = [
        n for n in np.argsort(list(map(len, ids_r)), kind="stable") if references[n].strip() and answers[n].strip()
    ]
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        vectors = encoder.vectors([ids_r[n] for n in part]), encoder.vectors([ids_a[n] for n in part])
        for n, right, left in zip(part, *vectors, strict=True):
            weights = [np.array([rarity.get(token, other) for token in ids[n]]) for ids in (ids_r, ids_a)]
            found[n] = _greedy(right @ left.T, *weights)
    return found


@register.metric(
    "bertscore", better="higher", takes="report", over="set", range=(-1, 1), version=1,
    needs="the extra 'language' and an encoder folder (HILUM_ENCODER)",
)  # fmt: skip
def bertscore(
    pairs: ReportPairs, encoder: str | Path | None = None, layer: int | None = None, idf: bool = False,
    baseline: float | None = None,
) -> Scored:  # fmt: skip
    """F1 of each token's cosine to its most similar token, in the vectors of an encoder you give (BERTScore).

    Args:
        pairs: reports.
        encoder: folder of the encoder; HILUM_ENCODER by default.
        layer: of hidden states, the last by default.
        idf: whether tokens count by their inverse document frequency in the references.
        baseline: value of unrelated texts, which rescaling moves to 0; none by default.

    Raises:
        MissingError: if the encoder or the extra is not there.
        InputError: if there is no such layer, or the baseline is not below 1.
    """
    if baseline is not None and not baseline < 1:
        raise InputError(f"the baseline of bertscore must be below 1, got {baseline}")
    model, found = load_encoder(encoder, layer), answered(pairs)
    precision, recall = _score(model, found.references, found.answers, idf).T
    total = precision + recall
    values = np.where(total != 0, 2 * precision * recall / np.where(total != 0, total, 1.0), 0.0)
    if baseline is not None:
        values = (values - baseline) / (1 - baseline)
    empty = np.array([not text.strip() for text in found.references], dtype=bool)
    values[np.array([not text.strip() for text in found.answers], dtype=bool)] = 0.0
    values[empty] = np.nan
    unscored = {**found.unscored, **{int(n): "the reference is empty" for n in found.places[empty]}}
    said = signature(
        "bertscore", 1, encoder=model.digest, layer=model.layer, idf="references" if idf else "no",
        rescaled="no" if baseline is None else baseline,
    )  # fmt: skip
    return averaged("bertscore", found.spread(values), said, unscored=unscored)
