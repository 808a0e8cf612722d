"""BERTScore-style similarity in a tiny encoder made here, beside a direct computation written another way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.measure.metric import metric, score_all
from hilum.measure.pairs import Pairs

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *["no", "acute", "disease", "clear", "lungs", "heart", "size", "normal", "large", ".", "effusion"],
]
REFERENCES = ["No acute disease.", "Clear lungs. Heart size normal.", "Large effusion.", "No effusion."]
ANSWERS = [
    "No disease.",
    "Clear lungs. Heart large.",
    "Large effusion.",
    "Normal heart size. Clear lungs. No effusion.",
]


def made(folder: Path, seed: int = 0) -> Path:
    """Save a BERT of two layers with random weights and a vocabulary of sixteen words."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"), model_max_length=32)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("models") / "tiny")


def directly(folder: Path, reference: str, answer: str, layer: int = 2, df: dict[int, int] | None = None) -> float:
    """F1 of one pair, one text at a time, token by token in plain loops."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    sides = []
    for text in (reference, answer):
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=32)
        with torch.no_grad():
            states = model(**given, output_hidden_states=True).hidden_states[layer][0].double()
        sides.append((given["input_ids"][0].tolist(), states.tolist()))

    def weight(token: int) -> float:
        if token in (tokenizer.cls_token_id, tokenizer.sep_token_id):
            return 0.0
        return 1.0 if df is None else math.log((len(REFERENCES) + 1) / (df.get(token, 0) + 1))

    def cosine(left: list[float], right: list[float]) -> float:
        return (
            sum(a * b for a, b in zip(left, right, strict=True))
            / math.dist(left, [0] * 24)
            / math.dist(right, [0] * 24)
        )

    def best(these: Any, those: Any) -> float:
        total = sum(map(weight, these[0]))
        found = sum(
            weight(token) * max(cosine(state, other) for other in those[1]) for token, state in zip(*these, strict=True)
        )
        return found / total

    recall, precision = best(sides[0], sides[1]), best(sides[1], sides[0])
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("layer", [0, 2])
def test_values_are_those_of_a_direct_computation(encoder: Path, layer: int) -> None:
    scored = metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=encoder, layer=layer)
    expected = [directly(encoder, r, a, layer) for r, a in zip(REFERENCES, ANSWERS, strict=True)]
    assert scored.values == pytest.approx(expected, abs=1e-5)
    assert scored.value == pytest.approx(np.mean(expected), abs=1e-5)


def test_rare_tokens_count_more_with_idf(encoder: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
    df: dict[int, int] = {}
    for text in REFERENCES:
        for token in set(tokenizer(text)["input_ids"]):
            df[token] = df.get(token, 0) + 1
    scored = metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=encoder, idf=True)
    expected = [directly(encoder, r, a, df=df) for r, a in zip(REFERENCES, ANSWERS, strict=True)]
    assert scored.values == pytest.approx(expected, abs=1e-5)
    assert "idf:references" in scored.signature


def test_rescaling_moves_the_baseline_to_0_and_keeps_1(encoder: Path) -> None:
    pairs = Pairs([*REFERENCES, "Clear lungs."], [*ANSWERS, "Clear lungs."])
    plain = metric("bertscore")(pairs, encoder=encoder)
    moved = metric("bertscore")(pairs, encoder=encoder, baseline=0.25)
    assert moved.values == pytest.approx((plain.values - 0.25) / 0.75)
    assert moved.values[-1] == pytest.approx(1.0)
    assert "rescaled:0.25" in moved.signature
    assert "rescaled:no" in plain.signature
    with pytest.raises(InputError, match="must be below 1"):
        metric("bertscore")(pairs, encoder=encoder, baseline=1.0)


def test_batches_change_nothing(encoder: Path) -> None:
    many = Pairs(REFERENCES * 9, ANSWERS * 9)
    few = metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=encoder)
    assert metric("bertscore")(many, encoder=encoder).values == pytest.approx(np.tile(few.values, 9), abs=1e-5)


def test_replicates_are_means_of_what_was_drawn(encoder: Path) -> None:
    scored = metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=encoder)
    assert scored.at(np.array([[2.0, 0, 1, 1]]))[0] == pytest.approx(scored.values[[0, 0, 2, 3]].mean())


def test_the_signature_names_the_weights(encoder: Path, tmp_path: Path) -> None:
    pairs = Pairs(REFERENCES, ANSWERS)
    first = metric("bertscore")(pairs, encoder=encoder).signature
    other = metric("bertscore")(pairs, encoder=made(tmp_path / "other", seed=1)).signature
    same = metric("bertscore")(pairs, encoder=made(tmp_path / "same")).signature
    assert first == same != other
    assert "layer:2" in first


def test_the_variable_names_the_folder(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_ENCODER", str(encoder))
    done, failed = score_all(["bertscore"], Pairs(REFERENCES, ANSWERS))
    assert failed == {}
    assert done["bertscore"].value > 0


def test_without_an_encoder_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HILUM_ENCODER", raising=False)
    done, failed = score_all(["bertscore"], Pairs(REFERENCES, ANSWERS))
    assert done == {}
    assert "HILUM_ENCODER" in failed["bertscore"]
    assert "model.safetensors" in failed["bertscore"]
    with pytest.raises(MissingError, match=r"lacks config.json or a .safetensors file"):
        metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=tmp_path)


def test_pickled_weights_are_not_read(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((encoder / "config.json").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(MissingError, match=r"\.safetensors"):
        metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=tmp_path)


def test_a_layer_that_is_not_there_is_refused(encoder: Path) -> None:
    with pytest.raises(InputError, match="layers 0 to 2, not 5"):
        metric("bertscore")(Pairs(REFERENCES, ANSWERS), encoder=encoder, layer=5)


def test_an_empty_answer_is_0_and_an_empty_reference_unscored(encoder: Path) -> None:
    pairs = Pairs(["Clear lungs.", " ", "No disease.", "Normal."], ["", "Clear lungs.", None, "Normal."])
    scored = metric("bertscore")(pairs, encoder=encoder)
    assert scored.values[0] == 0.0
    assert np.isnan(scored.values[[1, 2]]).all()
    assert scored.values[3] == pytest.approx(1.0)
    assert scored.unscored == {1: "the reference is empty", 2: "there is no answer"}
    assert scored.value == pytest.approx(0.5)


def test_a_text_longer_than_the_encoder_reads_is_cut(encoder: Path) -> None:
    long = "clear lungs . " * 40
    scored = metric("bertscore")(Pairs([long], [long + "large effusion"]), encoder=encoder)
    assert scored.value == pytest.approx(1.0)


def test_it_is_listed_with_what_it_needs() -> None:
    found = metric("bertscore")
    assert found.takes == "report"
    assert "HILUM_ENCODER" in found.needs
    assert json.dumps(found.summary)
