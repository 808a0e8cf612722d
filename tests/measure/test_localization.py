"""Hit rates, false positives and the pointing game against counts by plain loops; points, masks, what takes no part."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.region import Box, Mask, Points
from hilum.core.study import Study
from hilum.measure.metric import metric, metrics
from hilum.measure.metrics.localization import NAMED, hit_rate
from hilum.measure.pairs import Pairs

HIT_NAMES = tuple(f"{overlap.lower()}-hit@{level:g}" for overlap, level in NAMED)
CONCEPTS = ("mass", "nodule")


def place(draw: np.random.Generator, near: tuple[Box, ...] = ()) -> Box:
    if near and draw.random() < 0.7:
        base = near[int(draw.integers(len(near)))]
        x, y = base.x0 + draw.normal(0, 6), base.y0 + draw.normal(0, 6)
    else:
        x, y = draw.uniform(0, 80, 2)
    wide, high = draw.uniform(4, 25, 2)
    return Box(x, y, x + wide, y + high, score=float(draw.random()))


def drawn(seed: int, count: int = 12) -> Pairs:
    draw = np.random.default_rng(seed)
    true, said = [], []
    for number in range(count):
        one, two = [], []
        for concept in CONCEPTS:
            boxes = tuple(place(draw) for _ in range(draw.integers(0, 3)))
            one.append(Finding(concept, "present" if boxes else "absent", regions=boxes))
            claims = tuple(place(draw, boxes) for _ in range(draw.integers(0, 4)))
            two.append(Finding(concept, probability=0.6, regions=claims))
        true.append(Study(str(number), findings=one))
        said.append(Study(str(number), findings=two))
    return Pairs(tuple(true), tuple(said))


def each_image(pairs: Pairs, concept: str) -> list[tuple[tuple[Box, ...], tuple[Box, ...]]]:
    """True boxes and claims of the images that hold the concept."""
    rows = []
    for true, said in zip(pairs.references, pairs.answers, strict=True):
        boxes, claims = (
            next(f.regions for f in s.findings if f.concept == concept) for s in (true, said)
        )  # fmt: skip
        if boxes:
            rows.append((boxes, claims))
    return rows


@pytest.mark.parametrize(("overlap", "level"), NAMED)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hit_rates_are_counts_by_plain_loops(seed: int, overlap: str, level: float) -> None:
    pairs, expected = drawn(seed), []
    for concept in CONCEPTS:
        hit = total = 0
        for boxes, claims in each_image(pairs, concept):
            for box in boxes:
                total += 1
                hit += any((c.iobb(box) if overlap == "IoBB" else c.iou(box)) > level for c in claims)
        expected.append(hit / total)
    assert metric(f"{overlap.lower()}-hit@{level:g}")(pairs).value == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_false_positives_are_counts_by_plain_loops(level: float) -> None:
    pairs, expected = drawn(4), []
    for concept in CONCEPTS:
        images = each_image(pairs, concept)
        false = sum(all(c.iobb(box) <= level for box in boxes) for boxes, claims in images for c in claims)
        expected.append(false / len(images))
    assert metric("afp")(pairs, level=level).value == pytest.approx(np.mean(expected))


def test_the_pointing_game_looks_at_the_surest_claim_alone() -> None:
    pairs, expected = drawn(5, 30), []
    for concept in CONCEPTS:
        images = each_image(pairs, concept)
        right = 0
        for boxes, claims in images:
            if claims:
                x, y = max(claims, key=lambda c: c.score).center
                right += any(b.x0 <= x < b.x1 and b.y0 <= y < b.y1 for b in boxes)
        expected.append(right / len(images))
    scored = metric("pointing-game")(pairs)
    assert scored.value == pytest.approx(np.mean(expected))
    assert "rule:surest-point-in-region|unpointed:miss" in scored.signature


@pytest.mark.parametrize("name", ["iobb-hit@0.1", "iou-hit@0.5", "afp", "pointing-game"])
def test_a_resampled_set_is_scored_as_that_set(name: str) -> None:
    pairs, rows = drawn(6), np.random.default_rng(1).integers(0, 12, 12)
    weights = np.bincount(rows, minlength=12).astype(float)[None, :]
    again = Pairs(tuple(pairs.references[r] for r in rows), tuple(pairs.answers[r] for r in rows))
    assert metric(name)(pairs).at(weights)[0] == pytest.approx(metric(name)(again).value)


def test_a_higher_level_never_hits_more() -> None:
    pairs = drawn(7)
    rates = [metric(f"iobb-hit@{level:g}")(pairs).value for level in (0.1, 0.25, 0.5, 0.75, 0.9)]
    assert rates == sorted(rates, reverse=True)
    assert metric("iou-hit@0.5")(pairs).value <= metric("iobb-hit@0.5")(pairs).value


def disc() -> Mask:
    y, x = np.mgrid[:40, :40]
    return Mask(np.hypot(x - 20, y - 20) < 8)


def test_points_and_true_masks_count_for_pointing_and_froc_and_not_for_boxes() -> None:
    true = Study("s", findings=[Finding("mass", regions=(disc(),))])
    for xy, right in (((20.5, 20.5), 1.0), ((5.0, 5.0), 0.0)):
        said = Study("s", findings=[Finding("mass", probability=0.7, regions=(Points(np.array([xy])),))])
        pairs = Pairs((true,), (said,))
        assert metric("pointing-game")(pairs).value == right
        assert metric("froc")(pairs).value == right
        assert np.isnan(metric("iobb-hit@0.1")(pairs).value)
        assert metric("iobb-hit@0.1")(pairs).unscored == {0: "the reference has no region"}


def test_a_point_that_cannot_be_ranked_is_refused_and_an_outline_is_no_point() -> None:
    true = Study("s", findings=[Finding("mass", regions=(disc(),))])
    bare = Study("s", findings=[Finding("mass", regions=(Points(np.array([[20.0, 20.0]])),))])
    with pytest.raises(InputError, match="'mass' rank by its probability"):
        metric("froc")(Pairs((true,), (bare,)))
    assert np.isnan(metric("iobb-hit@0.1")(Pairs((true,), (bare,))).value)  # boxes do not ask for points
    outline = Points(np.array([[18.0, 18], [22, 18], [20, 22]]), closed=True)
    round_it = Study("s", findings=[Finding("mass", probability=0.9, regions=(outline,))])
    assert metric("pointing-game")(Pairs((true,), (round_it,))).value == 0


def test_an_uncertain_reference_takes_no_part_and_an_unmentioned_one_is_empty() -> None:
    truth = Study("a", findings=[Finding("mass", regions=(Box(0, 0, 10, 10),))])
    unsure, silent = Study("u", findings=[Finding("mass", "uncertain")]), Study("x")
    right = Study("r", findings=[Finding("mass", probability=0.5, regions=(Box(0, 0, 10, 10),))])
    surer = Study("q", findings=[Finding("mass", probability=0.9, regions=(Box(50, 50, 60, 60),))])
    assert metric("froc")(Pairs((truth, unsure), (right, surer))).value == 1
    assert metric("froc")(Pairs((truth, silent), (right, surer))).value == pytest.approx(5 / 7)


def test_the_bench_of_chest_x_ray8_has_its_names_and_other_levels_a_function() -> None:
    assert {*HIT_NAMES, "afp", "pointing-game"} <= {each.name for each in metrics("study")}
    assert hit_rate(drawn(8), level=0.3).signature.startswith("iobb-hit@0.3|average:macro")
    assert len({metric(name).summary for name in HIT_NAMES}) == len(HIT_NAMES)


@pytest.mark.parametrize(("level", "overlap"), [(1.5, "IoBB"), (-0.1, "IoU"), (0.5, "dice"), (float("nan"), "IoU")])
def test_malformed_options_are_refused_even_where_nothing_is_there(level: float, overlap: str) -> None:
    empty = Pairs((Study("a"),), (Study("a"),))
    for score in (hit_rate, metric("afp")):
        with pytest.raises(InputError, match="level must lie in"):
            score(empty, level=level, overlap=overlap)


def test_no_true_region_at_all_is_undefined() -> None:
    empty = Pairs((Study("a"),), (Study("a", findings=[Finding("mass", probability=0.9)]),))
    for name in (*HIT_NAMES, "afp", "pointing-game", "froc"):
        scored = metric(name)(empty)
        assert np.isnan(scored.value)
        assert np.isnan(scored.interval(empty.patients, replicates=20).low)
