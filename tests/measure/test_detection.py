"""Registered metrics of boxes over studies against pycocotools, the plain functions, and rows repeated by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.measure.boxes import coco
from hilum.measure.froc import Image, Point
from hilum.measure.froc import froc as froc_of
from hilum.measure.metric import metric, metrics
from hilum.measure.metrics.detection import rfo
from hilum.measure.pairs import Pairs

NAMES = ("froc", "iobb-hit@0.25", "iou-hit@0.1", "afp", "pointing-game", "map@0.5", "map@0.5:0.95")
COCO = ("map@0.5", "map@0.5:0.95")


def study(name: str, boxes: list[Box], concept: str = "mass") -> Study:
    state = "present" if boxes else "absent"
    return Study(name, findings=[Finding(concept, state, probability=0.9 if boxes else 0.1, regions=tuple(boxes))])


def drawn(seed: int, count: int = 15) -> Pairs:
    draw = np.random.default_rng(seed)
    true, said = [], []
    for number in range(count):
        corners = draw.uniform(0, 80, (draw.integers(0, 3), 2))
        near = [*(corner + draw.normal(0, 3, 2) for corner in corners), *draw.uniform(0, 80, (2, 2))]
        true.append(study(str(number), [Box(x, y, x + 20, y + 15) for x, y in corners]))
        said.append(study(str(number), [Box(x, y, x + 20, y + 15, score=float(draw.random())) for x, y in near]))
    return Pairs(tuple(true), tuple(said))


def boxes(study: Study) -> tuple[Box, ...]:
    return study.findings[0].regions


@pytest.mark.parametrize("seed", [0, 1])
def test_average_precision_is_pycocotools(seed: int) -> None:
    pytest.importorskip("pycocotools")
    pairs = drawn(seed)
    expected = coco(
        {s.id: [(1, box) for box in boxes(s)] for s in pairs.answers},
        {s.id: [(1, box) for box in boxes(s)] for s in pairs.references},
    )
    assert metric("map@0.5")(pairs).value == pytest.approx(expected.at_50)
    assert metric("map@0.5:0.95")(pairs).value == pytest.approx(expected.mean)


def test_froc_is_the_plain_function_at_the_middle_of_boxes() -> None:
    pairs = drawn(2)
    images = [
        Image([Point(*box.center, box.score) for box in boxes(said)], boxes(true))
        for true, said in zip(pairs.references, pairs.answers, strict=True)
    ]
    assert metric("froc")(pairs).value == pytest.approx(froc_of(images).value)
    both = rfo(pairs)
    assert set(both) == {"auroc", "froc"}
    assert both["froc"].value == metric("froc")(pairs).value


@pytest.mark.parametrize("name", NAMES)
def test_a_resampled_set_is_scored_as_that_set(name: str) -> None:
    if name in COCO:
        pytest.importorskip("pycocotools")
    pairs, rows = drawn(3), np.random.default_rng(0).integers(0, 15, 15)
    weights = np.bincount(rows, minlength=15).astype(float)[None, :]
    again = Pairs(tuple(pairs.references[r] for r in rows), tuple(pairs.answers[r] for r in rows))
    assert metric(name)(pairs).at(weights)[0] == pytest.approx(metric(name)(again).value)


def test_hits_by_hand() -> None:
    truth, inside, far = Box(0, 0, 10, 10), Box(0, 0, 5, 2, score=0.9), Box(50, 50, 60, 60, score=0.4)
    pairs = Pairs(
        (study("a", [truth]), study("b", [truth, Box(48, 48, 62, 62)]), study("c", [])),
        (study("a", [inside, far]), study("b", [inside]), study("c", [far])),
    )
    assert metric("iobb-hit@0.25")(pairs).value == pytest.approx(2 / 3)
    assert metric("afp")(pairs).value == 0.5  # of two images with a true box
    assert metric("iou-hit@0.1")(pairs).value == 0
    assert metric("iobb-hit@0.25")(pairs).unscored == {2: "the reference has no region"}
    with pytest.raises(InputError, match="level"):
        metric("afp")(pairs, level=1.5)


def test_boxes_meet_only_on_their_own_image() -> None:
    true = study("a", [Box(0, 0, 10, 10, image="pa")])
    said = study("a", [Box(0, 0, 10, 10, image="lateral", score=0.9)])
    assert metric("iobb-hit@0.25")(Pairs((true,), (said,))).value == 0
    assert metric("froc")(Pairs((true,), (said,))).value == 0


def test_a_box_that_names_no_image_lies_on_the_only_one() -> None:
    true = study("a", [Box(0, 0, 10, 10, image="pa")])
    said = study("a", [Box(0, 0, 10, 10, score=0.9), Box(40, 40, 50, 50, score=0.8)])
    assert metric("iobb-hit@0.25")(Pairs((true,), (said,))).value == 1
    assert metric("afp")(Pairs((true,), (said,))).value == 1


def test_a_finding_that_is_placed_nowhere_takes_no_part_and_no_answer_is_said_so() -> None:
    truth = Box(0, 0, 10, 10)
    nowhere = Study("n", findings=[Finding("mass")])
    claim = study("x", [Box(0, 0, 10, 10, score=0.5)])
    pairs = Pairs((study("a", [truth]), nowhere, study("c", [truth])), (claim, claim, None))
    scored = metric("froc")(pairs)
    assert scored.value == 1
    assert scored.unscored == {1: "the reference has no region", 2: "there is no answer"}


def test_no_box_at_all_is_undefined() -> None:
    empty = Pairs((study("a", []),), (study("a", []),))
    for name in NAMES:
        if name not in COCO:
            assert np.isnan(metric(name)(empty).value)


def test_a_claim_ranks_by_its_findings_probability_or_is_refused() -> None:
    truth = study("a", [Box(0, 0, 10, 10)])
    bare = Study("a", findings=[Finding("mass", regions=(Box(0, 0, 10, 10),))])
    assert metric("froc")(Pairs((truth,), (study("a", [Box(0, 0, 10, 10)]),))).value == 1
    with pytest.raises(InputError, match="no score"):
        metric("froc")(Pairs((truth,), (bare,)))


def test_all_are_registered() -> None:
    assert set(NAMES) <= {each.name for each in metrics("study")}
