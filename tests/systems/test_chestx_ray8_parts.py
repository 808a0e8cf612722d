"""Scores and films of ChestX-ray8 against sklearn, by property and by hand; what is refused, in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box, Mask
from hilum.core.vocabulary import label_set
from hilum.systems import _chestx_ray8_mining as mining
from hilum.systems import _chestx_ray8_real as real
from hilum.systems import _chestx_ray8_scores as scores
from hilum.systems._chestx_ray8_films import Films, made_films, train_and_test, whole
from hilum.systems._chestx_ray8_image import _each
from hilum.systems._chestx_ray8_mine import labels_of, mine, restated
from hilum.text.parse import parse

SEEDS = st.integers(0, 10**6)


def classes(seed: int, count: int = 40, columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Labels with both classes in every column, and scores with ties."""
    draw = np.random.default_rng(seed)
    target = draw.random((count, columns)) < 0.4
    target[0], target[1] = True, False
    return target, np.round(draw.random((count, columns)), 1)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_means_over_classes_are_sklearns_macro_averages(seed: int) -> None:
    target, score = classes(seed)
    assert scores.mean_auroc(target, score).value == pytest.approx(roc_auc_score(target, score, average="macro"))
    assert scores.mean_ap(target, score).value == pytest.approx(average_precision_score(target, score, average="macro"))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_ap_under_weights_is_sklearns(seed: int) -> None:
    target, score = classes(seed, columns=1)
    weights = np.random.default_rng(seed + 1).integers(0, 4, (3, 40)).astype(float)
    weights[:, 0] = 1.0  # a positive is in every draw
    found = scores.weighted_ap(target[:, 0], score[:, 0], weights)
    for row, value in zip(weights, found, strict=True):
        assert value == pytest.approx(average_precision_score(target[:, 0], score[:, 0], sample_weight=row))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_only_the_order_of_scores_counts(seed: int) -> None:
    target, score = classes(seed)
    for of in (scores.mean_auroc, scores.mean_ap):
        assert of(target, score).value == pytest.approx(of(target, np.exp(3 * score) - 7).value)
    assert scores.mean_auroc(target, -score).value == pytest.approx(1 - scores.mean_auroc(target, score).value)


def test_a_perfect_answer_scores_one_and_shuffled_labels_score_chance(draw: np.random.Generator) -> None:
    target, _ = classes(0, count=3000)
    perfect = target.astype(float)
    assert scores.mean_auroc(target, perfect).value == scores.mean_ap(target, perfect).value == 1.0
    shuffled = target[draw.permutation(len(target))]
    assert scores.mean_auroc(shuffled, draw.random(target.shape)).value == pytest.approx(0.5, abs=0.03)
    assert scores.mean_ap(shuffled, draw.random(target.shape)).value == pytest.approx(0.4, abs=0.04)  # the prevalence


def test_no_class_and_a_class_without_positives_have_no_value() -> None:
    target, score = classes(1)
    assert np.isnan(scores.mean_auroc(target[:, :0], score[:, :0]).value)
    none = target & [True, True, False]
    assert np.isnan(scores.mean_ap(none, score).value)
    assert np.isnan(scores.mean_auroc(none, score).value)


def test_scores_of_each_class_stand_in_two_rows() -> None:
    target, score = classes(2)
    found = _each(target, score)
    assert found.shape == (2, 3)
    assert found[0] == pytest.approx([roc_auc_score(target[:, k], score[:, k]) for k in range(3)])
    assert found[1] == pytest.approx([average_precision_score(target[:, k], score[:, k]) for k in range(3)])


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 300), st.floats(0.05, 1.0))
def test_the_centre_box_covers_its_share_and_nothing_off_the_film(size: int, share: float) -> None:
    (row,) = scores.centre_boxes(np.zeros((1, 2), bool), size=size, share=share)
    for boxes in row:
        x0, y0, x1, y1 = boxes[0]
        assert (x1 - x0) * (y1 - y0) == pytest.approx((share * size) ** 2)
        assert (x0 + x1) / 2 == (y0 + y1) / 2 == pytest.approx(size / 2)
        assert 0 <= x0 < x1 <= size + 1e-9


def test_boxes_that_are_the_truth_hit_all_and_boxes_elsewhere_none() -> None:
    truth = [{"a": (10.0, 10.0, 20.0, 30.0)}, {"a": (1.0, 2.0, 8.0, 9.0), "b": (30.0, 30.0, 50.0, 60.0)}, {}]
    none = np.zeros((0, 4))
    right = [[np.array([each[name]]) if name in each else none for name in ("a", "b")] for each in truth]
    for above in (0.1, 0.5, 0.9):
        found, false = scores.hit_rate(right, truth, ("a", "b"), above=above)
        assert (found.value, false) == (1.0, 0.0)
    away = [[np.array([[80.0, 80.0, 90.0, 90.0]])] * 2 for _ in truth]
    found, false = scores.hit_rate(away, truth, ("a", "b"))
    assert (found.value, false) == (0.0, 1.0)
    silent, false = scores.hit_rate([[none, none]] * 3, truth, ("a", "b"))
    assert (silent.value, false) == (0.0, 0.0)
    nothing, _ = scores.hit_rate([[none, none]], [{}], ("a", "b"))
    assert np.isnan(nothing.value)


def test_accuracy_is_the_mean_over_classes_not_over_boxes() -> None:
    truth = [{"a": (0.0, 0.0, 10.0, 10.0)}] * 3 + [{"b": (0.0, 0.0, 10.0, 10.0)}]
    hit, miss = np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([[50.0, 50.0, 60.0, 60.0]])
    boxes = [[hit, hit]] * 3 + [[miss, miss]]
    assert scores.hit_rate(boxes, truth, ("a", "b"))[0].value == 0.5  # a: 3 of 3; b: 0 of 1


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_film_never_meets_its_own_map(seed: int) -> None:
    draw = np.random.default_rng(seed)
    maps, target = draw.random((4, 2, 5, 5)).astype(np.float32), np.ones((4, 2), bool)
    before = scores.others_maps(maps, target)
    changed = maps.copy()
    changed[0] = draw.random((2, 5, 5))
    after = scores.others_maps(changed, target)
    assert np.allclose(before[0], after[0], atol=1e-6)
    assert before.min() >= -1e-6
    assert before.max() <= 1 + 1e-6


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_counts_of_mined_labels_come_to_sklearns_precision_recall_and_f1(seed: int) -> None:
    draw = np.random.default_rng(seed)
    gold, said = draw.random((2, 50, 4)) < 0.4
    gold[0] = said[0] = True
    counts = np.stack([gold & said, ~gold & said, gold & ~said], axis=-1).astype(float).sum(axis=0)[None]
    found = {name: float(value[0]) for name, value in mining._scores(counts).items()}
    micro = precision_recall_fscore_support(gold, said, average="micro")
    assert (found["precision"], found["recall"], found["micro F1"]) == pytest.approx(micro[:3])
    assert found["macro F1"] == pytest.approx(precision_recall_fscore_support(gold, said, average="macro")[2])


def test_silence_mines_nothing_and_precision_of_nothing_is_nought() -> None:
    found = mining._scores(np.zeros((1, 4, 3)))
    assert {name: value.tolist() for name, value in found.items()} == {
        "precision": [0.0], "recall": [0.0], "micro F1": [0.0], "macro F1": [0.0],
    }  # fmt: skip
    assert mine("") == frozenset()


def test_mining_a_composed_report_by_clause_is_never_less_precise_than_by_mention() -> None:
    mined = mining.composed(80, "chestx-ray8", 3)
    part, lines, more = mining.judge_mining(mined, "chestx-ray8", 3)
    assert part.arms["clause"].value > part.arms["mention"].value
    assert set(more) == {"arms", "gain"}
    assert more["gain"]["clause"].value == pytest.approx(part.gain.value)  # type: ignore[index]
    assert len(lines) == 2 + 3


def test_restating_changes_states_alone() -> None:
    parsed = parse({"findings": "No effusion. Possible pneumonia. Cardiomegaly. The heart size is normal."})
    assert restated(parsed, "clause") is parsed
    for arm in ("mention", "sentence"):
        other = restated(parsed, arm)
        assert other.text == parsed.text
        assert [f.concept for f in other.facts] == [f.concept for f in parsed.facts]
        assert {f.certainty for f in other.facts} <= {"definite"}
    assert labels_of(parsed, "mention", "chestx-ray8") >= labels_of(parsed, "sentence", "chestx-ray8")
    with pytest.raises(InputError, match="assertion must be one of mention, sentence, clause, got 'word'"):
        labels_of(parsed, "word", "chestx-ray8")  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_whole_numbers_are_read_from_text_and_numbers(one: int, two: int) -> None:
    assert whole(films=one, size=str(two)) == (one, two)


@pytest.mark.parametrize("value", ["0", 0, "-3", -3, "2.5", "", "ten", " 7"])
def test_what_is_no_whole_number_is_refused_by_name(value: int | str) -> None:
    with pytest.raises(InputError, match="films must be a whole number of 1 or more, got"):
        whole(size=1, films=value)


def test_a_prevalence_of_one_and_of_nought_are_kept_and_boxes_lie_about_their_shadows() -> None:
    made = made_films(4, size=64, seed=5, prevalence={"cardiomegaly": 1.0, "lung nodule": 0.0, "lung mass": 1.0})
    assert made.names == ("cardiomegaly", "lung nodule", "lung mass")
    assert made.target.tolist() == [[True, False, True]] * 4
    assert made.size == 64
    for boxes in made.boxes:
        assert "lung nodule" not in boxes
        for x0, y0, x1, y1 in boxes.values():
            assert 0 <= x0 < x1 <= 64
            assert 0 <= y0 < y1 <= 64


def test_a_chest_that_is_moved_down_has_its_boxes_moved_down() -> None:
    high, low = (made_films(4, size=96, seed=8, prevalence={"cardiomegaly": 1.0}, shift=s) for s in (-0.1, 0.1))
    for one, other in zip(high.boxes, low.boxes, strict=True):
        middles = [(box["cardiomegaly"][1] + box["cardiomegaly"][3]) / 2 for box in (one, other)]
        assert middles[1] > middles[0]


def test_films_to_train_on_and_to_judge_on_share_no_picture() -> None:
    known, judged = train_and_test(4, 3, size=48, seed=1)
    assert (len(known.pixels), len(judged.pixels)) == (4, 3)
    assert not any(np.array_equal(a, b) for a in known.pixels for b in judged.pixels)


def test_names_of_data_sets_become_labels_of_the_paper() -> None:
    names = real._names()
    labels = set(label_set("chestx-ray8").labels) - {"No Finding"}
    assert set(names.values()) == labels
    assert names["Infiltrate"] == names["infiltration"] == "Infiltration"
    assert names["pleural effusion"] == "Effusion"
    assert names["lung nodule"] == "Nodule"


def test_columns_that_are_dropped_lose_their_boxes_too() -> None:
    films = Films(np.zeros((2, 4, 4), np.uint8), np.array([[True, False, True], [False, True, True]]),
                  ({"a": (0.0, 0.0, 1.0, 1.0), "c": (1.0, 1.0, 2.0, 2.0)}, {"b": (0.0, 0.0, 2.0, 2.0)}),
                  ("p", "q"), ("a", "b", "c"))  # fmt: skip
    kept = real._keep(films, np.array([True, False, True]))
    assert kept.names == ("a", "c")
    assert kept.target.tolist() == [[True, True], [False, True]]
    assert [set(each) for each in kept.boxes] == [{"a", "c"}, set()]
    assert list(real._boxes((Box(0, 0, 1, 1), Mask(np.ones((2, 2), bool))))) == [Box(0, 0, 1, 1)]


def test_a_source_that_is_neither_and_a_folder_that_is_missing_are_said(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    choices = {"size": 32, "films": 2, "tests": 2, "seed": 0, "say": lambda line: None}
    with pytest.raises(InputError, match="source must be made or real, got 'drawn'"):
        real.chosen_films("drawn", None, **choices)  # type: ignore[arg-type]
    with pytest.raises(MissingError, match="give it with --data"):
        real.chosen_films("real", None, **choices)  # type: ignore[arg-type]
    with pytest.raises(MissingError, match=r"holds no Data_Entry_2017\*\.csv and no manifest\.csv"):
        real.chosen_films("real", tmp_path, **choices)  # type: ignore[arg-type]
    words, known, judged = real.chosen_films("made", None, **choices)  # type: ignore[arg-type]
    assert "no patients" in words
    assert (len(known.pixels), len(judged.pixels)) == (2, 2)
