"""What must hold of any boxes, masks and groups: symmetry, direction, monotony, and an extra that lacks."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.measure import groups, masks
from hilum.measure.boxes import coco, hits
from hilum.measure.froc import Image, Point, froc
from hilum.measure.groups import Table
from hilum.measure.instances import components, match
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs
from hilum.measure.significance import compare

seeds = st.integers(0, 10_000)
quick = settings(max_examples=20, deadline=None)


def two(seed: int, shape: tuple[int, ...] = (9, 10)) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    one, other = draw.random(shape) < 0.3, draw.random(shape) < 0.3
    one.flat[0] = other.flat[-1] = True
    return one, other


def some_boxes(draw: np.random.Generator, count: int) -> list[Box]:
    return [Box(x, y, x + w, y + h) for x, y, w, h in draw.uniform(1, 40, (count, 4))]


@given(seeds)
@quick
def test_distance_is_symmetric_and_does_not_care_where_the_masks_lie(seed: int) -> None:
    one, other = two(seed)
    far = masks.hausdorff(one, other)
    assert far == masks.hausdorff(other, one)
    assert far == pytest.approx(masks.hausdorff(np.pad(one, 4), np.pad(other, 4)))
    assert far <= masks.hausdorff(one, other, percentile=100)


@given(seeds)
@quick
def test_more_tolerance_never_agrees_less(seed: int) -> None:
    one, other = two(seed)
    shares = [masks.surface_dice(one, other, tolerance=t) for t in (0, 1, 2, 4, 50)]
    assert shares == sorted(shares)
    assert shares[-1] == 1


@given(seeds)
@quick
def test_iou_and_dice_say_the_same(seed: int) -> None:
    one, other = two(seed)
    overlap = masks.iou(one, other)
    assert masks.dice(one, other) == pytest.approx(2 * overlap / (1 + overlap))


@given(seeds, st.sampled_from([(8, 9), (5, 5, 6)]))
@quick
def test_components_are_scikit_images(seed: int, shape: tuple[int, ...]) -> None:
    measure = pytest.importorskip("skimage.measure")
    one, _ = two(seed, shape)
    assert components(one)[1] == measure.label(one, connectivity=len(shape)).max()


@given(seeds)
@quick
def test_matching_is_symmetric_and_a_higher_level_never_matches_more(seed: int) -> None:
    one, other = two(seed)
    there, back = match(one, other), match(other, one)
    assert (there.right, there.invented, there.missed) == (back.right, back.missed, back.invented)
    found = [match(one, other, level=level).right for level in (0.05, 0.2, 0.5, 0.9)]
    assert found == sorted(found, reverse=True)
    assert match(one, one, level=1.0)[1:3] == (0, 0)


@given(seeds, st.sampled_from(["IoU", "IoBB"]))
@quick
def test_hits_are_those_of_each_box_by_itself(seed: int, overlap: str) -> None:
    draw = np.random.default_rng(seed)
    found, truths = some_boxes(draw, 5), some_boxes(draw, 4)
    meets = [[(f.iou(t) if overlap == "IoU" else f.iobb(t)) > 0.25 for t in truths] for f in found]
    counted = hits(found, truths, level=0.25, overlap=overlap)
    assert counted == (4, int(np.any(meets, axis=0).sum()), int((~np.any(meets, axis=1)).sum()))


@given(seeds)
@quick
def test_froc_depends_on_the_order_of_scores_alone_and_false_points_never_help(seed: int) -> None:
    draw = np.random.default_rng(seed)
    truths = some_boxes(draw, 3)
    points = [Point(x, y, s) for x, y, s in draw.uniform(0, 60, (8, 3))]
    value = froc([Image(points, truths)]).value
    assert value == froc([Image([p._replace(score=np.exp(p.score / 9)) for p in points], truths)]).value
    assert froc([Image([*points, Point(-5, -5, 99.0)], truths)]).value <= value


@given(*[st.integers(1, 60)] * 4)
@quick
def test_an_odds_ratio_turns_over_with_its_table(a: int, b: int, c: int, d: int) -> None:
    found, turned = groups.odds_ratio(Table(a, b, c, d)).ratio, groups.odds_ratio(Table(c, d, a, b)).ratio
    assert found.value * turned.value == pytest.approx(1)
    assert found.low * turned.high == pytest.approx(1)
    assert groups.chi_squared(Table(a, b, c, d)).p == pytest.approx(groups.chi_squared(Table(c, d, a, b)).p)


def test_a_unit_ten_times_smaller_is_the_same_effect() -> None:
    pytest.importorskip("statsmodels")
    draw = np.random.default_rng(0)
    size = draw.normal(10, 3, 200)
    outcome = draw.random(200) < 1 / (1 + np.exp(10 - size))
    patients = [str(n // 2) for n in range(200)]
    cm = groups.logistic({"size": size}, outcome, patients)[0]
    mm = groups.logistic({"size": 10 * size}, outcome, patients)[0]
    assert mm.odds.value**10 == pytest.approx(cm.odds.value)
    assert mm.p == pytest.approx(cm.p)


def test_masks_of_two_answers_are_compared_and_of_two_protocols_are_not() -> None:
    drawn = [two(seed, (12, 12)) for seed in range(30)]
    true = tuple(one for one, _ in drawn)
    good = tuple(one ^ (other & (np.arange(12) == 3)) for one, other in drawn)
    bad = tuple(other for _, other in drawn)
    patients = [str(n) for n in range(30)]
    first, second = metric("dice")(Pairs(true, good)), metric("dice")(Pairs(true, bad))
    (row,) = compare({"dice": first}, {"dice": second}, patients, replicates=200, permutations=500)
    assert row.better == "first"
    pixels, mm = metric("hd95")(Pairs(true, good)), metric("hd95")(Pairs(true, bad), spacing_mm=(1.0, 1.0))
    with pytest.raises(InputError, match="two protocols"):
        compare({"hd95": pixels}, {"hd95": mm}, patients)


def test_an_extra_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(MissingError, match=r"hilum\[boxes\]"):
        coco({}, {"a": []})
    monkeypatch.setitem(sys.modules, "statsmodels.discrete.discrete_model", None)
    size = np.random.default_rng(1).normal(size=60)
    with pytest.raises(MissingError, match=r"hilum\[groups\]"):
        groups.logistic({"size": size}, np.arange(60) % 2, [str(n) for n in range(60)])
