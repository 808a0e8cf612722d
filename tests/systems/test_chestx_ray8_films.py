"""The image half of ChestX-ray8: scores against brute force and scikit-learn, boxes, controls, a small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError, MissingError
from hilum.measure.binary import auroc
from hilum.systems import _chestx_ray8_image as image
from hilum.systems import _chestx_ray8_real as real
from hilum.systems._chestx_ray8_films import PREVALENCE, made_films, train_and_test
from hilum.systems._chestx_ray8_real import real_films
from hilum.systems._chestx_ray8_scores import (
    centre_boxes,
    hit_rate,
    map_boxes,
    mean_ap,
    mean_auroc,
    others_maps,
    weighted_ap,
)
from hilum.systems.chestx_ray8 import ChestXray8, reproduce


def test_the_mean_auroc_is_that_of_its_classes(draw: np.random.Generator) -> None:
    target, score = draw.random((60, 3)) < 0.3, draw.random((60, 3))
    expected = np.mean([auroc(target[:, k], score[:, k]) for k in range(3)])
    assert mean_auroc(target, score).value == pytest.approx(expected)


def test_weighted_ap_is_sklearns_and_weights_count_copies(draw: np.random.Generator) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    target, score = draw.random(80) < 0.25, draw.random(80).round(1)  # with ties
    weights = np.stack([np.ones(80), draw.integers(0, 4, 80).astype(float)])
    found = weighted_ap(target, score, weights)
    for row, value in zip(weights, found, strict=True):
        assert value == pytest.approx(metrics.average_precision_score(target, score, sample_weight=row))
    assert np.isnan(weighted_ap(np.zeros(3, bool), score[:3], np.ones((1, 3)))).all()
    assert mean_ap(np.stack([target, target], 1), np.stack([score, score], 1)).value == pytest.approx(found[0])


def test_a_box_hits_by_the_share_of_itself_that_is_true() -> None:
    truth = [{"a": (0.0, 0.0, 10.0, 10.0)}, {"b": (0.0, 0.0, 10.0, 10.0)}, {}]
    none = np.zeros((0, 4))
    boxes = [[np.array([[5.0, 5.0, 15.0, 15.0], [20.0, 20.0, 30.0, 30.0]]), none], [none, none], [none, none]]
    for above, value in ((0.1, 0.5), (0.25, 0.0)):  # the first box has a quarter inside; class b is never hit
        score, false = hit_rate(boxes, truth, ("a", "b"), above=above)
        assert score.value == pytest.approx(value)
    assert false == pytest.approx(2 / 2)
    assert np.isnan(score.values[2])


def test_a_map_becomes_the_box_of_its_bright_part() -> None:
    maps = np.zeros((1, 2, 16, 16), np.float32)
    maps[0, 0, 4:8, 8:12] = 1.0
    boxes = map_boxes(maps, np.array([[True, False]]), size=64)
    assert len(boxes[0][1]) == 0
    for box in boxes[0][0]:
        assert np.allclose(box, (32, 16, 48, 32), atol=4)


def test_the_mean_map_of_the_others_leaves_the_film_itself_out() -> None:
    maps = np.zeros((3, 1, 4, 4), np.float32)
    for row in range(3):
        maps[row, 0, row, row] = 2.0
    found = others_maps(maps, np.array([[True], [True], [False]]))
    assert found[0, 0, 0, 0] == 0
    assert found[0, 0, 1, 1] == 1
    assert found[0, 0, 2, 2] == 0  # the third film does not have the class


def test_the_centre_box_is_half_the_film() -> None:
    box = centre_boxes(np.ones((2, 1), bool), size=64)[1][0]
    assert box.tolist() == [[16, 16, 48, 48]]


def test_films_have_labels_boxes_and_other_patients_to_judge_on() -> None:
    known, judged = train_and_test(20, 10, size=32, seed=0)
    assert known.pixels.shape == (20, 32, 32)
    assert known.names == tuple(PREVALENCE)
    assert not set(known.patients) & set(judged.patients)
    assert known.size == 32
    films = made_films(6, size=32, seed=1, prevalence={"cardiomegaly": 1.0})
    assert films.target.all()
    assert all(set(boxes) == {"cardiomegaly"} for boxes in films.boxes)


def test_torch_that_is_missing_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"hilum\[train\]"):
        reproduce(parts="films")


@pytest.mark.slow
def test_every_claim_is_judged_in_a_small_run_beside_its_controls() -> None:
    pytest.importorskip("torch")
    told: list[str] = []
    found = reproduce(parts="films", size="32", films="60", tests="120", steps="2", seeds="3", say=told.append)
    assert found.outcome in ("holds", "fails")
    assert {part.text for part in ChestXray8.claims} - set(found.scores) == {ChestXray8.claims[0].text}
    judged = found.scores["weak labels localise better than the centre of the film"]
    assert {image.OURS, image.CENTRE, image.OTHERS} <= set(judged.arms)
    assert judged.seeds == 3
    assert len(told) == 1 + 3 * len(image.ARMS)
    assert ChestXray8.minutes < 10


def test_a_folder_of_nih_films_is_accepted_by_the_same_recipe(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "images").mkdir()
    rows = "Image Index,Finding Labels,Patient ID,View Position\n"
    boxes = "Image Index,Finding Label,Bbox [x,y,w,h]\n"
    for number in range(140):
        name, labels = f"{number:08d}_000.png", ("Effusion|Hernia", "No Finding")[number % 2]
        Picture.fromarray(np.full((40, 50), 60 + number, np.uint8)).save(tmp_path / "images" / name)
        rows += f"{name},{labels},{number},PA\n"
        boxes += f"{name},Effusion,5,10,20,20\n" if number % 4 == 0 else ""
    (tmp_path / "Data_Entry_2017.csv").write_text(rows)
    (tmp_path / "BBox_List_2017.csv").write_text(boxes)
    known, judged = real_films(tmp_path, size=25)
    assert known.names == ("Effusion",)
    assert not set(known.patients) & set(judged.patients)
    assert (2.5, 7.0, 12.5, 17.0) in [each.get("Effusion") for each in judged.boxes]  # halved, below a bar of 2
    found = reproduce(tmp_path, parts="films", source="real", size=32, steps=1, seeds=3)
    assert any("real films" in line for line in found.lines)


def test_real_films_need_their_folder(tmp_path: Path) -> None:
    for data in (None, tmp_path):
        with pytest.raises(MissingError, match="give"):
            reproduce(data, parts="films", source="real")
    with pytest.raises(InputError, match="made or real"):
        reproduce(parts="films", source="drawn")


def test_one_seed_is_not_enough_for_a_verdict() -> None:
    pytest.importorskip("torch")
    found = reproduce(parts="films", size=32, films=30, tests=90, steps=1, seeds=1)
    assert found.outcome == "cannot be tested here"


def test_every_claim_on_films_has_its_rival_among_the_arms_and_its_controls() -> None:
    arms = {*image.ARMS, image.CENTRE, image.OTHERS}
    for claim in image.CLAIMS:
        assert {claim.arm, claim.better_than, *claim.controls} <= arms
        assert claim.arm == image.OURS
        assert claim.arm != claim.better_than
    assert len({claim.text for claim in image.CLAIMS}) == len(image.CLAIMS)


@pytest.mark.parametrize("size", [32, 64])
def test_films_are_drawn_the_same_twice(size: int) -> None:
    first, again = (made_films(3, size=size, seed=2) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    assert first.boxes == again.boxes
    assert first.patients == again.patients
