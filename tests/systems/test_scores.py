"""Scores of the published systems against scikit-learn, counting by hand and what resampling must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.learn.spans import Entity, Tagged
from hilum.systems import _chestx_ray8_scores as chestx
from hilum.systems import _embedded_scores as embedded
from hilum.systems import _multi_model_scores as codes
from hilum.systems import _radgraph_score as graphs
from hilum.text.codes import code_bank
from hilum.text.grammar import Mark

seeds = st.integers(0, 5000)
BANK = code_bank("three")


def labelled(seed: int, rows: int = 40, classes: int = 3, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.random((rows, classes)) < 0.4
    target[0], target[1] = True, False
    score = rng.random((rows, classes))
    return target, np.round(score, 1) if ties else score


# -- means over classes -----------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(seeds, st.booleans())
def test_average_precision_is_scikit_learns_under_any_weights(seed: int, ties: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="the reference is scikit-learn")
    target, score = labelled(seed, ties=ties)
    weights = np.random.default_rng(seed + 1).integers(0, 4, (3, len(target))).astype(float)
    weights[:, :2] = 1.0
    found = chestx.weighted_ap(target[:, 0], score[:, 0], weights)
    expected = [metrics.average_precision_score(target[:, 0], score[:, 0], sample_weight=row) for row in weights]
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seeds, st.booleans())
def test_mean_auroc_is_scikit_learns(seed: int, ties: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="the reference is scikit-learn")
    target, score = labelled(seed, ties=ties)
    expected = metrics.roc_auc_score(target, score, average="macro")
    assert chestx.mean_auroc(target, score).value == pytest.approx(expected)
    assert chestx.mean_ap(target, score).value == pytest.approx(metrics.average_precision_score(target, score))


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_scores_depend_on_order_only_and_turn_with_the_labels(seed: int) -> None:
    target, score = labelled(seed)
    usual = chestx.mean_auroc(target, score).value
    assert chestx.mean_auroc(target, np.exp(3 * score)).value == pytest.approx(usual)
    assert chestx.mean_auroc(~target, score).value == pytest.approx(1 - usual)
    order = np.random.default_rng(seed).permutation(len(target))
    assert chestx.mean_auroc(target[order], score[order]).value == pytest.approx(usual)
    assert chestx.mean_ap(target, target.astype(float)).value == pytest.approx(1.0)


def test_a_class_without_a_positive_has_no_score() -> None:
    target, score = labelled(1)
    target[:, 1] = False
    assert np.isnan(chestx.mean_auroc(target, score).value)
    assert np.isnan(chestx.weighted_ap(target[:, 1], score[:, 1], np.ones((1, len(target))))[0])
    assert np.isnan(chestx.mean_auroc(target[:, :0], score[:, :0]).value)


def test_drawing_a_film_twice_is_writing_it_twice() -> None:
    target, score = labelled(2)
    weights = np.ones((1, len(target)))
    weights[0, 5], weights[0, 6] = 2.0, 0.0
    twice = np.concatenate([np.delete(np.arange(len(target)), 6), [5]])
    for scored, of in ((chestx.mean_auroc, chestx.mean_auroc), (chestx.mean_ap, chestx.mean_ap)):
        assert scored(target, score).at(weights)[0] == pytest.approx(of(target[twice], score[twice]).value)


# -- boxes ------------------------------------------------------------------------------------------------------------


def test_boxes_are_found_round_bright_spots_of_present_classes_only() -> None:
    maps = np.zeros((2, 2, 8, 8), np.float32)
    maps[:, :, 2:4, 5:7] = 1.0
    target = np.array([[True, False], [False, True]])
    found = chestx.map_boxes(maps, target, size=64)
    assert [len(found[row][k]) > 0 for row in range(2) for k in range(2)] == [True, False, False, True]
    x0, y0, x1, y1 = found[0][0][0]
    assert (x0 + x1) / 2 == pytest.approx(48, abs=3)
    assert (y0 + y1) / 2 == pytest.approx(24, abs=3)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 1.0), st.integers(16, 512))
def test_the_box_in_the_middle_is_centred_and_as_large_as_its_share(share: float, size: int) -> None:
    boxes = chestx.centre_boxes(np.ones((3, 2), bool), size=size, share=share)
    (x0, y0, x1, y1) = boxes[2][1][0]
    assert (x0 + x1, y0 + y1) == pytest.approx((size, size))
    assert x1 - x0 == pytest.approx(share * size)
    assert len(boxes) == 3


def test_the_map_of_others_leaves_its_own_film_out() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((4, 2, 3, 3)).astype(np.float32)
    target = np.array([[1, 0], [1, 1], [1, 0], [0, 1]], bool)
    found = chestx.others_maps(maps, target)
    low, high = maps.min((2, 3), keepdims=True), maps.max((2, 3), keepdims=True)
    grey = (maps - low) / (high - low)
    assert np.allclose(found[0, 0], (grey[1, 0] + grey[2, 0]) / 2, atol=1e-6)
    assert np.allclose(found[3, 1], grey[1, 1], atol=1e-6)
    changed = maps.copy()
    changed[0] = rng.random((2, 3, 3))
    assert np.allclose(chestx.others_maps(changed, target)[0], found[0], atol=1e-6)


def test_hits_are_counted_by_hand() -> None:
    """Film 0: class a hit, one box beside; film 1: class a missed; film 2: class b hit."""
    box, away = np.array([[0.0, 0, 10, 10]]), np.array([[50.0, 50, 60, 60]])
    none = np.zeros((0, 4))
    boxes = [[np.concatenate([box, away]), none], [away, none], [none, box]]
    truth = [{"a": (2.0, 2, 8, 8)}, {"a": (0.0, 0, 5, 5)}, {"b": (0.0, 0, 10, 10)}]
    scored, false = chestx.hit_rate(boxes, truth, ("a", "b"))
    assert scored.value == pytest.approx((0.5 + 1.0) / 2)
    assert scored.values.tolist() == [1.0, 0.0, 1.0]
    assert false == pytest.approx((1 + 1 + 0) / 3)
    strict, _ = chestx.hit_rate(boxes, truth, ("a", "b"), above=0.5)
    assert strict.value == pytest.approx(0.5)  # 36 of 100 square pixels of the first box are inside
    nothing, spurious = chestx.hit_rate(boxes, [{}, {}, {}], ("a", "b"))
    assert np.isnan(nothing.value)
    assert spurious == 0.0


# -- result codes -----------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=14))
def test_a_code_is_its_bits(bits: list[bool]) -> None:
    code = codes.code_of(bits)
    assert [letter == "1" for letter in code] == bits
    assert codes.code_of(np.array(bits)) == code


def test_perfect_bits_are_read_back_from_the_written_report() -> None:
    bits = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], bool)
    assert np.array_equal(codes.read_bits(BANK, bits), bits)
    assert codes.label_f1(BANK, bits, bits).value == pytest.approx(1.0)
    assert codes.exact_code(bits, bits).value == 1.0
    assert codes.hallucinated(BANK, bits) == 0.0


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_label_f1_is_scikit_learns_micro_average(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="the reference is scikit-learn")
    rng = np.random.default_rng(seed)
    bits, truth = rng.random((12, 3)) < 0.5, rng.random((12, 3)) < 0.5
    bits[0], truth[0] = True, True
    expected = metrics.f1_score(truth, bits, average="micro")
    assert codes.label_f1(BANK, bits, truth).value == pytest.approx(expected)
    assert codes.exact_code(bits, truth).value == pytest.approx((bits == truth).all(axis=1).mean())


def test_trials_keep_scores_by_metric_and_arm() -> None:
    trials = codes.new_trials()
    score = codes.exact_code(np.ones((2, 1), bool), np.ones((2, 1), bool))
    trials["exact code"]["ours"].append(score)
    assert trials["exact code"]["ours"] == [score]
    assert trials["exact code"]["theirs"] == []


# -- report graphs ----------------------------------------------------------------------------------------------------


def marks(*rows: tuple[int, int, str, tuple[tuple[str, int], ...]]) -> list[Mark]:
    return [Mark(*row) for row in rows]


TRUE = marks((0, 5, "OBS-DP", (("located_at", 1),)), (9, 13, "ANAT-DP", ()), (20, 25, "OBS-DA", ()))


def test_a_graph_states_spans_entities_and_relations() -> None:
    said = graphs.facts(TRUE)
    assert said["span"] == {(0, 5), (9, 13), (20, 25)}
    assert said["entity"] == {(0, 5, "OBS-DP"), (9, 13, "ANAT-DP"), (20, 25, "OBS-DA")}
    assert said["relation"] == said["located_at"] == {((0, 5, "OBS-DP"), "located_at", (9, 13, "ANAT-DP"))}
    assert said["modify"] == said["suggestive_of"] == set()


def test_a_wrong_label_spoils_its_relations_and_not_its_span() -> None:
    wrong = marks((0, 5, "OBS-U", (("located_at", 1),)), (9, 13, "ANAT-DP", ()), (20, 25, "OBS-DA", ()))
    (row,) = graphs.count([wrong], [TRUE])
    by_part = dict(zip(graphs.PARTS, row.tolist(), strict=True))
    assert by_part["span"] == [3, 3, 3]
    assert by_part["entity"] == [2, 3, 3]
    assert by_part["relation"] == [0, 1, 1]


def test_f1_is_symmetric_and_one_for_equal_graphs() -> None:
    fewer = TRUE[:2]
    one, two = graphs.count([fewer], [TRUE]), graphs.count([TRUE], [fewer])
    assert np.allclose(graphs.f1(one.sum(axis=0)), graphs.f1(two.sum(axis=0)))
    same = graphs.f1(graphs.count([TRUE], [TRUE]).sum(axis=0))
    assert same.tolist() == [1.0, 1.0, 1.0, 0.0, 1.0, 0.0]  # a part that nobody states scores 0
    assert graphs.count([], []).shape == (0, 6, 3)
    assert graphs.f1(one.sum(axis=0))[0] == pytest.approx(2 * 2 / (2 + 3))


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_an_interval_holds_its_value_and_a_graph_against_itself_differs_by_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    said, true = rng.integers(3, 9, (40, 6)), rng.integers(3, 9, (40, 6))
    both = np.minimum(np.minimum(said, true), rng.integers(0, 9, (40, 6)))
    counts = np.stack([both, said, true], axis=-1).astype(float)
    low, high = graphs.interval(counts, draws=300, seed=seed)
    value = graphs.f1(counts.sum(axis=0))
    assert (low <= value).all()
    assert (value <= high).all()
    assert not graphs.interval(counts, counts, draws=100).any()
    assert np.array_equal(graphs.interval(counts, draws=50, seed=1), graphs.interval(counts, draws=50, seed=1))


def test_tagged_sentences_are_counted_by_their_words() -> None:
    one = Tagged(("small", "left", "effusion"), (Entity(2, 2, "OBS-DP"), Entity(1, 1, "ANAT-DP")),
                 ((0, 1, "located_at"),))  # fmt: skip
    (row,) = graphs.count_lines([one], [one])
    assert row[graphs.PARTS.index("relation")].tolist() == [1, 1, 1]


# -- the model card ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123456, 0.1235), (float("nan"), None), (float("inf"), None), (2.0, 2.0)]
)
def test_numbers_of_the_card_are_rounded_or_absent(value: float, shown: float | None) -> None:
    assert embedded.round_(value) == shown


def test_sources_of_the_card_are_named_and_each_picks_by_split() -> None:
    found = embedded.sources()
    assert set(embedded.CONTROLS) <= set(found)
    assert all(callable(picked) for picked in found.values())
    assert f"{embedded.LOWER_BOUND:.2f}" in embedded.EVIDENCE_RULE
    assert f"{embedded.POSITIVES}" in embedded.EVIDENCE_RULE
