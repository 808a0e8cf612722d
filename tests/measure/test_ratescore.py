"""RaTEScore: its tables and formula by hand, and tiny random models of its two classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.measure.adapters.rate import Rate, affinity, load_rate
from hilum.measure.entities import CLASSES, Found
from hilum.measure.metric import metric
from hilum.measure.metrics.entity_similarity import POLARITY, similarity
from hilum.measure.pairs import ReportPairs
from tests.measure import tiny_models
from tests.measure.tiny_models import torch, transformers

LABELS = ("O", *(f"{begin}-{kind.upper()}" for kind in CLASSES for begin in "BI"))
PAIRS = ReportPairs(
    ("Small left pleural effusion. Heart size normal.", "No pneumothorax.", "", "Edema"),
    ("Large left effusion. Normal heart.", "No pneumothorax.", "Edema.", None),
)


def cosine_table(**values: float) -> Any:
    return lambda one, other: values.get(f"{one}_{other}", values.get(f"{other}_{one}", 0.0))


def test_the_published_tables() -> None:
    for table, factor, one in (("long", 0.8717, 0.0034478), ("short", 0.3612, 0.2834253)):
        found = affinity(table)  # type: ignore[arg-type]
        assert set(found.weights) == {(a, b) for a in CLASSES for b in CLASSES}
        assert found.polarity == pytest.approx(factor, abs=5e-5)
        assert POLARITY[table] == pytest.approx(found.polarity, abs=5e-5)
        assert found.weights["abnormality", "disease"] == pytest.approx(one, abs=5e-8)
    with pytest.raises(InputError, match="long, short"):
        affinity("medium")  # type: ignore[arg-type]


def test_one_entity_flipped_costs_thirteen_per_cent() -> None:
    one, other = [Found("effusion", "abnormality")], [Found("effusion", "non-abnormality")]
    for table in ("long", "short"):
        found = affinity(table)  # type: ignore[arg-type]
        value = similarity(one, other, found.polarity, cosine_table(effusion_effusion=1.0), found.weights)
        assert value == pytest.approx(found.polarity)


def test_two_against_one_by_hand() -> None:
    found = affinity("long")
    reference = [Found("edema", "disease"), Found("lung", "anatomy")]
    answer = [Found("oedema", "non-disease")]
    alike = cosine_table(edema_oedema=0.9, lung_oedema=0.2)
    wd, wa = found.weights["disease", "non-disease"], found.weights["anatomy", "non-disease"]
    there = (wd * 0.9 * found.polarity + wa * 0.2) / (wd + wa)
    back = 0.9 * found.polarity
    assert similarity(reference, answer, found.polarity, alike, found.weights) == pytest.approx(
        2 * there * back / (there + back)
    )


def test_the_nearest_is_by_words_alone_and_negative_cosines_count() -> None:
    found = affinity("short")
    reference = [Found("a", "disease")]
    answer = [Found("b", "disease"), Found("c", "non-disease")]
    alike = cosine_table(a_b=0.5, a_c=0.6)
    there = 0.6 * found.polarity
    w = found.weights["disease", "disease"], found.weights["non-disease", "disease"]
    back = (w[0] * 0.5 + w[1] * 0.6 * found.polarity) / sum(w)
    assert similarity(reference, answer, found.polarity, alike, found.weights) == pytest.approx(
        2 * there * back / (there + back)
    )
    below = similarity(reference, answer[:1], found.polarity, cosine_table(a_b=-0.5), found.weights)
    assert below == 0.0


def by_matrices(reference: list[Found], answer: list[Found], vectors: dict[str, Any], table: str) -> float:
    """RaTEScore as its paper has it, with matrices."""
    found = affinity(table)  # type: ignore[arg-type]
    opposite = {frozenset((a, b)) for a in ("disease", "abnormality") for b in ("non-disease", "non-abnormality")}

    def direction(one: list[Found], other: list[Found]) -> float:
        near = np.array([vectors[e.words] for e in one]) @ np.array([vectors[e.words] for e in other]).T
        best = near.argmax(axis=1)
        kinds = [(e.kind, other[b].kind) for e, b in zip(one, best, strict=True)]
        weights = np.array([found.weights[k] for k in kinds])
        left = np.array([found.polarity if frozenset(k) in opposite else 1.0 for k in kinds])
        return float((near.max(axis=1) * weights * left).sum() / weights.sum())

    if not reference or not answer:
        return 0.5
    one, other = direction(reference, answer), direction(answer, reference)
    return 2 * one * other / (one + other) if one + other > 0 else 0.0


@pytest.mark.parametrize("table", ["long", "short"])
def test_equal_to_matrices_on_random_entities(draw: np.random.Generator, table: str) -> None:
    found = affinity(table)  # type: ignore[arg-type]
    for _ in range(60):
        sizes = draw.integers(1, 6, size=2)
        sides = [
            [Found(f"{side}{n}", str(draw.choice(CLASSES))) for n in range(size)]
            for side, size in zip("ab", sizes, strict=True)
        ]
        vectors = {e.words: v / np.linalg.norm(v) for e in [*sides[0], *sides[1]] for v in [draw.normal(size=5)]}
        value = similarity(*sides, found.polarity, lambda a, b, v=vectors: float(v[a] @ v[b]), found.weights)
        assert value == pytest.approx(by_matrices(*sides, vectors, table), abs=1e-12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights") / "ratescore"
    tiny_models.classifier(root / "ner", LABELS)
    tiny_models.encoder(root / "encoder")
    return root


def plain_entities(models: Rate, sentence: str) -> list[tuple[str, str]]:
    """Entities of one sentence of whole words, label by label."""
    tokenizer = models.ner.tokenizer
    ids = tokenizer(sentence)["input_ids"]
    with torch.no_grad():
        best = models.ner.model(input_ids=torch.tensor([ids])).logits[0].argmax(dim=1).tolist()
    words: list[list[str]] = []
    kinds: list[str] = []
    open_ = False
    for word, label in zip(tokenizer.convert_ids_to_tokens(ids)[1:-1], [LABELS[b] for b in best][1:-1], strict=True):
        if label[0] == "B":
            words.append([word])
            kinds.append(label[2:].lower())
        elif label[0] == "I" and open_:
            words[-1].append(word)
        open_ = label[0] == "B" or (open_ and label[0] == "I")
    return [(" ".join(each), kind) for each, kind in zip(words, kinds, strict=True)]


def test_entities_are_the_classifiers_runs(folder: Path) -> None:
    models = load_rate("ratescore", folder)
    rng = np.random.default_rng(11)
    sentences = [" ".join(rng.choice(tiny_models.WORDS[:9], size=8)) for _ in range(12)]
    found = models.entities(sentences)
    expected = [plain_entities(models, sentence) for sentence in sentences]
    assert [[(e.words, e.kind) for e in each] for each in found] == expected
    assert sum(map(len, expected)) > 5


def test_runs_by_hand(folder: Path) -> None:
    models = load_rate("ratescore", folder)
    words = ["small", "left", "effusion", "normal", "heart"]
    ids = models.ner.tokenizer.convert_tokens_to_ids(words)

    def runs(*kinds: str) -> list[tuple[str, str]]:
        return [(e.words, e.kind) for e in models._runs(ids, kinds)]

    assert runs("B-disease", "I-disease", "I-anatomy", "O", "B-anatomy") == [
        ("small left effusion", "disease"), ("heart", "anatomy")
    ]  # fmt: skip
    assert runs("I-disease", "O", "B-disease", "B-disease", "I-disease") == [
        ("effusion", "disease"), ("normal heart", "disease")
    ]  # fmt: skip
    assert runs("O", "I-anatomy", "I-anatomy", "O", "O") == []


def test_sentences_are_read_one_by_one(folder: Path) -> None:
    models = load_rate("ratescore", folder)
    first, second = "small left pleural effusion.", "normal heart size."
    both, one, other, nothing = models.entities([f"{first} {second}", first, second, ""])
    assert both == one + other
    assert nothing == ()


def test_cosines_are_of_first_tokens(folder: Path) -> None:
    models = load_rate("ratescore", folder)
    phrases = ["left effusion", "heart", "no acute disease"]
    model = transformers.BertModel.from_pretrained(folder / "encoder").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "encoder")
    with torch.no_grad():
        rows = [model(**tokenizer(p, return_tensors="pt")).last_hidden_state[0, 0].double() for p in phrases]
    cosines = models.cosines([*phrases, phrases[0]])
    for a, one in zip(phrases, rows, strict=True):
        for b, other in zip(phrases, rows, strict=True):
            assert cosines[a, b] == pytest.approx(float(torch.cosine_similarity(one, other, dim=0)), abs=1e-5)


@pytest.mark.parametrize("table", ["long", "short"])
def test_the_whole_metric(folder: Path, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_WEIGHTS", str(folder.parent))
    scored = metric("ratescore")(PAIRS, table=table)
    models = load_rate("ratescore", folder)
    for number in range(3):
        reference, answer = models.entities([PAIRS.references[number], PAIRS.answers[number]])  # type: ignore[list-item]
        phrases = [e.words for e in reference + answer]
        cosines = models.cosines(phrases)
        found = affinity(table)  # type: ignore[arg-type]
        expected = similarity(reference, answer, found.polarity, lambda a, b, c=cosines: c[a, b], found.weights)
        assert scored.values[number] == pytest.approx(expected)
        assert scored.notes[number]["reference"] == [list(e) for e in reference]
    assert scored.values[2] == 0.5
    assert dict(scored.unscored) == {3: "there is no answer"}
    assert scored.values[1] <= 1.0 + 1e-9
    for part in ("backend:official-weights", "model:RaTE-NER-Deberta+BioLORD-2023-C", f"table:{table}",
                 "sentences:hilum", f"polarity:{affinity(table).polarity:.4f}", "transformers:"):  # type: ignore[arg-type]  # fmt: skip
        assert part in scored.signature
    strict = metric("ratescore")(PAIRS, table=table, empty="undefined")
    assert "no entity" in strict.unscored[2]


def test_a_wrong_choice_or_model_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty must be one of"):
        metric("ratescore")(PAIRS, empty="half", weights=folder)
    tiny_models.classifier(tmp_path / "ratescore" / "ner", ("O", "B-PERSON", "I-PERSON"))
    with pytest.raises(MissingError, match=r"there is no folder .*encoder"):
        load_rate("ratescore", tmp_path / "ratescore")
    tiny_models.encoder(tmp_path / "ratescore" / "encoder")
    with pytest.raises(InputError, match="this one says 'B-PERSON'"):
        load_rate("ratescore", tmp_path / "ratescore")


def test_the_table_says_where_it_is_from() -> None:
    import hilum.measure

    path = Path(hilum.measure.__file__).parent / "tables" / "ratescore.json"
    assert "Zhao et al. 2024" in json.loads(path.read_text(encoding="utf-8"))["source"]
