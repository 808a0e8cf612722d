"""Boxes against overlaps by hand and pycocotools; the pointing game; a centre prior."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.measure.boxes import centre_prior, coco, hits, points_at, voc


def films(seed: int, count: int = 20) -> tuple[dict[str, list[Box]], dict[str, list[Box]]]:
    """True boxes, and claims that jitter about them or stand anywhere."""
    draw = np.random.default_rng(seed)
    truths: dict[str, list[Box]] = {}
    claims: dict[str, list[Box]] = {}
    for number in range(count):
        name, corners = f"f{number}", draw.uniform(0, 80, (draw.integers(0, 4), 2))
        truths[name] = [Box(x, y, x + 20, y + 15) for x, y in corners]
        near = [corner + draw.normal(0, 3, 2) for corner in corners] + list(draw.uniform(0, 80, (2, 2)))
        claims[name] = [Box(x, y, x + 20, y + 15, score=float(draw.random())) for x, y in near]
    return truths, claims


def labelled(boxes: dict[str, list[Box]]) -> dict[str, list[tuple[int, Box]]]:
    return {name: [(1, box) for box in each] for name, each in boxes.items()}


def test_overlaps_by_hand() -> None:
    truth, small, far = Box(0, 0, 10, 10), Box(0, 0, 5, 2), Box(50, 50, 60, 60)
    assert hits([small, far], [truth], level=0.9) == (1, 1, 1)  # wholly inside: IoBB 1
    assert hits([small, far], [truth], level=0.1, overlap="IoU") == (1, 0, 2)  # IoU is .1, and above is asked
    assert hits([small], [truth], level=0.09, overlap="IoU") == (1, 1, 0)
    assert hits([], [truth], level=0.5) == (1, 0, 0)
    assert hits([small], [], level=0.5) == (0, 0, 1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_voc_and_coco_agree_where_they_define_nearly_the_same(seed: int) -> None:
    pytest.importorskip("pycocotools")
    truths, claims = films(seed)
    found = coco(labelled(claims), labelled(truths))
    assert voc(claims, truths) == pytest.approx(found.at_50, abs=0.02)  # area, and mean of 101 recalls
    assert found.mean <= found.at_50


def test_a_perfect_claim_is_1_a_claim_without_truth_undefined() -> None:
    pytest.importorskip("pycocotools")
    truth = {"a": [Box(0, 0, 10, 10)], "b": []}
    said = {"a": [Box(0, 0, 10, 10, score=0.5)]}
    assert coco(labelled(said), labelled(truth)).mean == pytest.approx(1)
    assert coco({}, labelled(truth)).mean == 0
    assert voc(said, truth) == voc(said, truth, points=11) == 1
    assert np.isnan(voc(said, {"a": []}))
    assert np.isnan(coco(labelled(said), {"a": []}).mean)


def test_voc_by_hand() -> None:
    truth = {"a": [Box(0, 0, 10, 10), Box(20, 20, 30, 30)]}
    claims = {"a": [
        Box(0, 0, 10, 10, score=0.9), Box(0, 0, 10, 10, score=0.8), Box(20, 20, 30, 30, score=0.7),
    ]}  # fmt: skip
    # precision 1 at recall .5; the duplicate is false; 2/3 at recall 1
    assert voc(claims, truth) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert voc(claims, truth, points=11) == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_the_pointing_game_and_its_tolerance() -> None:
    field = np.zeros((20, 30))
    field[5, 12] = 1
    assert points_at(field, [Box(10, 5, 15, 8)])
    assert not points_at(field, [Box(16, 5, 20, 8)])
    assert points_at(field, [Box(16, 5, 20, 8)], tolerance=3.5)
    assert not points_at(field, [])


def test_the_centre_prior_lies_about_the_middle() -> None:
    assert centre_prior((100, 200), [(20, 10), (40, 30)]) == pytest.approx(np.array([[85, 40, 115, 60]]))


def test_malformed_boxes_are_refused() -> None:
    good = [Box(0, 0, 1, 1)]
    with pytest.raises(InputError, match="x0 < x1"):
        hits(np.array([[3.0, 0, 1, 1]]), good, level=0.5)
    with pytest.raises(InputError, match="'IoU'"):
        hits(good, good, level=0.5, overlap="dice")
    with pytest.raises(InputError, match="no score"):
        voc({"a": good}, {"a": good})
    with pytest.raises(InputError, match="points must be"):
        voc({}, {"a": good}, points=5)
    with pytest.raises(InputError, match="NaN"):
        points_at(np.full((2, 2), np.nan), good)
    with pytest.raises(InputError, match="training box"):
        centre_prior((10, 10), [])


def test_claims_that_coco_cannot_take_are_refused() -> None:
    pytest.importorskip("pycocotools")
    with pytest.raises(InputError, match="'b'"):
        coco({"b": [(1, Box(0, 0, 1, 1, score=1))]}, {"a": []})
    with pytest.raises(InputError, match="no score"):
        coco({"a": [(1, Box(0, 0, 1, 1))]}, {"a": [(1, Box(0, 0, 1, 1))]})


@pytest.mark.parametrize("strange", [float("nan"), float("inf")])
def test_edges_and_scores_that_are_no_numbers_are_refused(strange: float) -> None:
    with pytest.raises(InputError, match="finite"):
        hits(np.array([[0.0, 0.0, strange, 1.0]]), [Box(0, 0, 1, 1)], level=0.5)
    if np.isnan(strange):
        with pytest.raises(InputError, match="no score"):
            voc({"a": [Box(0, 0, 1, 1, score=strange)]}, {"a": [Box(0, 0, 1, 1)]})


def test_the_figures_are_those_of_a_direct_run_of_pycocotools(tmp_path) -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    dataset = pytest.importorskip("pycocotools.coco")
    truths, claims = films(7)
    names = list(truths)

    def rows(boxes: dict[str, list[Box]]) -> list[dict]:
        flat = [(names.index(name) + 1, box) for name, each in boxes.items() for box in each]
        return [
            {"id": n, "image_id": image, "category_id": 1, "iscrowd": 0, "area": box.area, "score": box.score,
             "bbox": [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0]}
            for n, (image, box) in enumerate(flat, 1)
        ]  # fmt: skip

    kept = {"images": [{"id": n + 1} for n in range(len(names))], "categories": [{"id": 1}]}
    (tmp_path / "truth.json").write_text(json.dumps({**kept, "annotations": rows(truths)}))
    (tmp_path / "found.json").write_text(json.dumps(rows(claims)))
    base = dataset.COCO(str(tmp_path / "truth.json"))
    run = cocoeval.COCOeval(base, base.loadRes(str(tmp_path / "found.json")), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    assert coco(labelled(claims), labelled(truths)) == pytest.approx((*run.stats[:3], run.stats[8]))
