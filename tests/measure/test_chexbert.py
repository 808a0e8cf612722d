"""CheXbert's network on tiny random weights under the official names, beside the network written out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set
from hilum.measure.adapters.chexbert import CONDITIONS, load_chexbert
from hilum.measure.label_cells import FIVE
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from tests.measure import tiny_models
from tests.measure.tiny_models import save_file, torch, transformers

REFERENCES = (
    "No acute disease.",
    "Large left pleural effusion.\nHeart size normal.",
    "Small right effusion.",
    "Edema.",
)
ANSWERS = ("Clear lungs.", "Left effusion.  Heart large.", "Small right effusion.", None)
KINDS = ("micro-14", "macro-14", "micro-5", "macro-5", "example")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.chexbert(tmp_path_factory.mktemp("weights") / "chexbert")


def by_hand(folder: Path, text: str) -> tuple[list[int], Any]:
    """Classes and vector of one text: word pieces found one by one, one text at a time, heads as plain products."""
    words = (folder / "vocab.txt").read_text(encoding="utf-8").split()
    pieces = text.lower().replace(".", " . ").split()
    ids = [words.index(w) if w in words else words.index("[UNK]") for w in ["[CLS]", *pieces, "[SEP]"]]
    tensors = tiny_models.chexbert_tensors()
    bert = transformers.BertModel(tiny_models.bert_config())
    bert.load_state_dict({n.split("bert.", 1)[1]: t for n, t in tensors.items() if ".bert." in n})
    with torch.no_grad():
        first = bert.eval()(input_ids=torch.tensor([ids])).last_hidden_state[0, 0]
    heads = [
        tensors[f"module.linear_heads.{n}.weight"] @ first + tensors[f"module.linear_heads.{n}.bias"] for n in range(14)
    ]
    return [int(head.argmax()) for head in heads], first.double().numpy()


def test_labels_and_vectors_are_the_networks(folder: Path) -> None:
    texts = [text for text in (*REFERENCES, *ANSWERS) if text]
    labeler = load_chexbert("f1-chexbert/micro-14", folder)
    labels, vectors = labeler.label(texts), labeler.vectors(texts)
    for number, text in enumerate(texts):
        classes, vector = by_hand(folder, text)
        assert labels[number].tolist() == classes
        np.testing.assert_allclose(vectors[number], vector, atol=1e-5)
    assert labels[:, 13].max() <= 1


def test_the_fourteen_are_the_vocabularys_in_chexberts_order() -> None:
    assert sorted(CONDITIONS) == sorted(label_set("chexpert-14").labels)
    assert (CONDITIONS[0], CONDITIONS[-1]) == ("Enlarged Cardiomediastinum", "No Finding")


def test_a_text_longer_than_bert_is_cut_and_an_empty_one_is_read(folder: Path) -> None:
    labeler = load_chexbert("f1-chexbert/micro-14", folder)
    long = "heart " * 700
    labels = labeler.label([long, "heart " * 510, ""])
    assert labels.shape == (3, 14)
    np.testing.assert_array_equal(labels[0], labels[1])
    assert labels[2].tolist() == by_hand(folder, "")[0]


def test_a_batch_is_what_single_texts_are(folder: Path) -> None:
    labeler = load_chexbert("f1-chexbert/micro-14", folder)
    texts = [
        f"{a} {b} {c}." for a in ("small", "large", "no") for b in ("left", "right") for c in tiny_models.WORDS[:9]
    ]
    together = labeler.vectors(texts)
    np.testing.assert_allclose(together, np.concatenate([labeler.vectors([text]) for text in texts]), atol=1e-5)


@pytest.mark.parametrize("uncertain", ["present", "absent"])
def test_f1_is_scikit_learns_on_the_same_labels(folder: Path, uncertain: str) -> None:
    scores = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    made = [" ".join(rng.choice(tiny_models.WORDS[:-1], size=6)) for _ in range(40)]
    pairs = ReportPairs(tuple(made[:20]), tuple(made[20:]))
    table = np.array([by_hand(folder, text)[0] for text in made])
    positive = (table == 1) | ((table == 3) & (uncertain == "present"))
    truth, said = positive[:20], positive[20:]
    five = [CONDITIONS.index(name) for name in FIVE]
    for kind in KINDS:
        columns = five if kind.endswith("-5") else list(range(14))
        average = {"micro": "micro", "macro": "macro", "examp": "samples"}[kind[:5]]
        expected = scores.f1_score(truth[:, columns], said[:, columns], average=average, zero_division=0)
        scored = metric(f"f1-chexbert/{kind}")(pairs, weights=folder, uncertain=uncertain)
        assert scored.value == pytest.approx(expected, abs=1e-12)


def test_signature_evidence_and_a_missing_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_WEIGHTS", str(folder.parent))
    pairs = ReportPairs(REFERENCES, ANSWERS)
    scored = metric("f1-chexbert/macro-14")(pairs)
    labeler = load_chexbert("f1-chexbert/macro-14", folder)
    for part in ("backend:official-weights", "model:CheXbert", f"weights:{labeler.weights.digest}", "undefined:zero",
                 f"torch:{torch.__version__.split('+')[0]}", f"transformers:{transformers.__version__}"):  # fmt: skip
        assert part in scored.signature
    assert scored.unscored[3] == "there is no answer"
    assert np.isnan(scored.values[3])
    assert scored.notes[2] == {}
    one, other = labeler.label([REFERENCES[0], ANSWERS[0] or ""])
    assert set(scored.notes[0]) == {name for n, name in enumerate(CONDITIONS) if one[n] != other[n]}


def test_cosine_is_one_for_the_same_text(folder: Path) -> None:
    scored = metric("chexbert/cosine")(ReportPairs(REFERENCES, ANSWERS), weights=folder)
    a, b = by_hand(folder, REFERENCES[0])[1], by_hand(folder, ANSWERS[0] or "")[1]
    assert scored.values[0] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)), abs=1e-5)
    assert scored.values[2] == pytest.approx(1.0)
    assert list(scored.unscored) == [3]


def changed(tmp_path: Path, tensors: dict[str, Any]) -> Path:
    root = tiny_models.chexbert(tmp_path / "chexbert")
    (root / "model.safetensors").unlink()
    save_file(tensors, root / "model.safetensors")
    return root


def test_a_buffer_of_other_versions_is_no_fault(tmp_path: Path) -> None:
    extra = {"module.bert.embeddings.position_ids": torch.arange(512)[None]}
    root = changed(tmp_path, tiny_models.chexbert_tensors() | extra)
    assert load_chexbert("f1-chexbert/micro-14", root).label(["Edema."]).shape == (1, 14)


def test_names_without_the_prefix_load_too(tmp_path: Path) -> None:
    bare = {name.removeprefix("module."): tensor for name, tensor in tiny_models.chexbert_tensors().items()}
    labels = load_chexbert("f1-chexbert/micro-14", changed(tmp_path, bare)).label(["Edema."])
    assert labels[0].tolist() == by_hand(tmp_path / "chexbert", "Edema.")[0]


@pytest.mark.parametrize("fault", ["lacking", "beyond", "shape", "two files"])
def test_the_first_tensor_that_differs_is_named(tmp_path: Path, fault: str) -> None:
    tensors = tiny_models.chexbert_tensors()
    if fault == "lacking":
        del tensors["module.linear_heads.13.bias"]
    elif fault == "beyond":
        tensors["module.linear_heads.14.bias"] = torch.zeros(2)
    elif fault == "shape":
        tensors["module.linear_heads.13.weight"] = torch.zeros(4, 16)
    root = changed(tmp_path, tensors)
    if fault == "two files":
        save_file({"x": torch.zeros(1)}, root / "other.safetensors")
    match = {
        "lacking": r"lacks the tensor 'linear_heads\.13\.bias'",
        "beyond": r"has a tensor 'linear_heads\.14\.bias'",
        "shape": r"'linear_heads\.13\.weight' should have the shape \(2, 16\), but has \(4, 16\)",
        "two files": "holds 2 .safetensors files",
    }[fault]
    with pytest.raises(InputError, match=match):
        load_chexbert("f1-chexbert/micro-14", root)


def test_without_a_config_it_is_bert_base(tmp_path: Path) -> None:
    root = tiny_models.chexbert(tmp_path / "chexbert")
    (root / "config.json").unlink()
    with pytest.raises(InputError, match=r"should have the shape \(30522, 768\)"):
        load_chexbert("f1-chexbert/micro-14", root)


def test_oracle_probes_are_kept_for_whoever_has_the_weights() -> None:
    """With the real weights in HILUM_OFFICIAL_WEIGHTS, the published probe sentences must come out positive."""
    import os

    root = os.environ.get("HILUM_OFFICIAL_WEIGHTS")
    if not root:
        pytest.skip("the real weights (HILUM_OFFICIAL_WEIGHTS) are not on this machine")
    probes = {
        "Mild cardiomegaly is present.": "Cardiomegaly",
        "Patchy right lower lobe consolidation.": "Consolidation",
        "Small left pleural effusion is seen.": "Pleural Effusion",
        "Left apical pneumothorax is present.": "Pneumothorax",
        "Pulmonary edema is present.": "Edema",
        "Acute displaced left rib fracture is present.": "Fracture",
        "Endotracheal tube and enteric tube are in place.": "Support Devices",
    }
    labels = load_chexbert("f1-chexbert/micro-14", Path(root) / "chexbert").label(list(probes))
    for row, condition in zip(labels, probes.values(), strict=True):
        assert row[CONDITIONS.index(condition)] == 1
