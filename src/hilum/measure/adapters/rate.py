"""RaTEScore's two models: entities by a token classifier, and vectors of phrases by an encoder of medical terms.

Source: Zhao et al. 2024 and its package (MIT): classes, weight tables, first-token cosine. Sentences are cut by
Hilum, where the package uses medspaCy's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hilum.core.errors import InputError
from hilum.measure.adapters.language import PACKAGES, Language, first_token_vectors, load_language
from hilum.measure.adapters.weights import Source, load
from hilum.measure.entities import CLASSES, Found
from hilum.text.sentences import sentences

Table = Literal["long", "short"]
SOURCE = Source(
    folder="ratescore",
    model="RaTE-NER-Deberta+BioLORD-2023-C",
    repository="Angelakeke/RaTE-NER-Deberta and FremyCompany/BioLORD-2023-C on Hugging Face",
    licence="see both models' pages; BioLORD's asks for UMLS and SNOMED CT licences",
    size="about 0.7 and 0.4 GB",
    layout="ner/ and encoder/, each with config.json, model.safetensors and the tokenizer's files",
)
_TABLES = Path(__file__).parents[1] / "tables" / "ratescore.json"
_LONGEST = 512
_LONGEST_PHRASE = 30
_SHORTEST_SENTENCE = 3
_BATCH = 32


@dataclass(frozen=True)
class Affinity:
    """One of RaTEScore's tables.

    Args:
        polarity: what is left of a similarity where the two entities contradict each other.
        weights: (class of an entity, class of its nearest) -> its weight.
    """

    polarity: float
    weights: dict[tuple[str, str], float]


@lru_cache
def affinity(table: Table) -> Affinity:
    """Return a published table; raises InputError if there is none of that name."""
    known = json.loads(_TABLES.read_text(encoding="utf-8"))
    if table not in ("long", "short"):
        raise InputError(f"RaTEScore's tables are long, short, not '{table}'")
    rows = known[table]["weights"]
    return Affinity(known[table]["polarity"], {(a, b): w for a, row in rows.items() for b, w in row.items()})


@dataclass(frozen=True, eq=False)
class Rate:
    """Both models.

    Args:
        ner: token classifier.
        encoder: of phrases.
        kinds: class of each label of the classifier, with 'B-' or 'I-' before it; 'O' for no entity.
    """

    ner: Language
    encoder: Language
    kinds: tuple[str, ...]

    @property
    def said(self) -> dict[str, object]:
        """What a signature says of them."""
        told = self.ner.weights.said(*PACKAGES)
        return {**told, "weights": f"{self.ner.weights.digest}+{self.encoder.weights.digest}", "sentences": "hilum"}

    def entities(self, texts: Sequence[str]) -> list[tuple[Found, ...]]:
        """Return the entities of each text in order; one that stands twice is there twice, as RaTEScore counts."""
        spans = [(n, text[a:b]) for n, text in enumerate(texts) for a, b in sentences(text)]
        kept = [(n, words) for n, words in spans if len(words) >= _SHORTEST_SENTENCE]
        distinct = sorted({words for _, words in kept})
        known: dict[str, list[Found]] = {}
        for start in range(0, len(distinct), _BATCH):
            part = distinct[start : start + _BATCH]
            known |= dict(zip(part, self._sentences(part), strict=True))
        found: list[list[Found]] = [[] for _ in texts]
        for number, words in kept:
            found[number] += known[words]
        return [tuple(each) for each in found]

    def _sentences(self, batch: Sequence[str]) -> list[list[Found]]:
        import torch

        tokenizer = self.ner.tokenizer
        given = tokenizer(list(batch), padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt")
        with torch.inference_mode():
            best = self.ner.model(**given.to(self.ner.device)).logits.argmax(dim=2).tolist()
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        found = []
        for ids, labels in zip(given["input_ids"].tolist(), best, strict=True):
            real = [(i, self.kinds[label]) for i, label in zip(ids, labels, strict=True) if i not in special]
            found.append(self._runs([i for i, _ in real], [kind for _, kind in real]))
        return found

    def _runs(self, ids: Sequence[int], kinds: Sequence[str]) -> list[Found]:
        """Entities: a 'B-' with every 'I-' after it, of whatever class; an 'I-' without a 'B-' before it is none."""
        runs: list[tuple[str, list[int]]] = []
        within = False
        for number, kind in zip(ids, kinds, strict=True):
            if kind.startswith("B-"):
                runs.append((kind[2:], [number]))
            elif kind.startswith("I-") and within:
                runs[-1][1].append(number)
            within = kind.startswith("B-") or (within and kind.startswith("I-"))
        tokenizer: Any = self.ner.tokenizer
        named = [
            (tokenizer.convert_tokens_to_string(tokenizer.convert_ids_to_tokens(run)).strip(), kind)
            for kind, run in runs
        ]
        return [Found(words, kind) for words, kind in named if words]

    def cosines(self, phrases: Sequence[str]) -> dict[tuple[str, str], float]:
        """Return the cosine of every two phrases."""
        distinct = sorted(set(phrases))
        vectors = first_token_vectors(self.encoder, distinct, _LONGEST_PHRASE)
        alike = vectors @ vectors.T if distinct else np.zeros((0, 0))
        return {(a, b): float(alike[i, j]) for i, a in enumerate(distinct) for j, b in enumerate(distinct)}


def load_rate(metric: str, weights: str | Path | None = None, device: str = "cpu") -> Rate:
    """Load both models.

    Args:
        metric: that needs them, for errors.
        weights: the folder that holds ner/ and encoder/; 'ratescore' in the folder that HILUM_WEIGHTS names by default.
        device: 'cpu', 'cuda' ...

    Raises:
        MissingError: if a folder, a file or the extra 'language' is not there.
        InputError: if a folder is not such a model, or the classifier has a label that RaTEScore has not.
    """
    ner = load_language(metric, "AutoModelForTokenClassification", load(metric, SOURCE, weights, "ner"), device)
    encoder = load_language(metric, "AutoModel", load(metric, SOURCE, weights, "encoder"), device)
    labels = ner.model.config.id2label
    kinds = tuple(_kind(str(labels[number])) for number in range(len(labels)))
    return Rate(ner, encoder, kinds)


def _kind(label: str) -> str:
    begin, _, name = label.partition("-")
    if label == "O" or (begin in ("B", "I") and name.lower() in CLASSES):
        return "O" if label == "O" else f"{begin}-{name.lower()}"
    raise InputError(f"RaTEScore's classifier says O, or B- or I- before {', '.join(CLASSES)}; this one says '{label}'")
