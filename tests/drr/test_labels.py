"""Masks, boxes, contours and COCO from path lengths that can be written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.drr.anatomy_rules import Rule
from hilum.drr.field import Structures
from hilum.drr.geometry import aim
from hilum.drr.labels import Shadow, rule_for, shadow_mask, shadows
from hilum.drr.labels_coco import coco, polygons, run_lengths
from hilum.drr.labels_measures import check_laterality, heart_size, spine_centre_distance
from tests.drr import chest

ROWS, COLUMNS = np.mgrid[:60, :80]


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(ROWS - row, COLUMNS - column) <= radius


def shadow(mask: np.ndarray, name: str = "thing", path_mm: float = 5.0) -> Shadow:
    return Shadow(name, (mask * path_mm).astype(np.float32), mask, 0, 0, mask.shape, "film")  # type: ignore[arg-type]


def test_grazing_rays_small_pieces_and_holes() -> None:
    path = np.where(disc(30, 30, 15), 10.0, 0.0).astype(np.float32)
    path[disc(30, 30, 16) & ~disc(30, 30, 15)] = 1.0
    path[disc(30, 30, 3)] = 0.0
    path[disc(30, 70, 4)] = 10.0
    solid = shadow_mask(path, Rule())
    assert np.array_equal(solid, disc(30, 30, 15))
    both = shadow_mask(path, Rule(pieces=0, fill=False))
    assert np.array_equal(both, (disc(30, 30, 15) & ~disc(30, 30, 3)) | disc(30, 70, 4))
    assert not shadow_mask(np.zeros((5, 5), np.float32), Rule()).any()


def test_a_thin_bar_does_not_break_where_it_is_crossed_the_short_way() -> None:
    path = np.zeros((20, 60), np.float32)
    path[8:12] = np.where(abs(np.arange(60) - 30) < 5, 0.8, 4.0)
    assert shadow_mask(path, Rule(thin=True, pieces=0, fill=False))[8:12].all()
    assert not shadow_mask(path, Rule(pieces=0))[8:12, 28:32].any()
    assert rule_for("rib_left_5").thin
    assert not rule_for("heart").thin


def test_a_shadow_knows_its_place_on_the_film() -> None:
    inside = disc(5, 5, 4)[:12, :12]
    cut = Shadow("ball", inside.astype(np.float32) * 3, inside, 20, 30, (60, 80), "film")
    box, mask = cut.box(), cut.mask()
    assert box is not None
    assert box.corners == (31, 21, 40, 30)
    assert mask.box() == box
    assert (mask.image, mask.label, mask.area) == ("film", "ball", cut.area_px)
    assert np.array_equal(cut.path_lengths() > 0, mask.pixels)
    (outline,) = cut.contours(tolerance_px=0)
    assert np.allclose(outline.xy.mean(axis=0), [35.5, 25.5], atol=0.1)  # corners count, as for a box
    x, y = outline.xy.T
    assert abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2 == pytest.approx(cut.area_px, rel=0.05)
    assert Shadow("none", inside * 0.0, inside & False, 0, 0, (60, 80)).box() is None


def test_structures_are_projected_by_name_alone_or_together() -> None:
    ids = np.zeros((40, 40, 40), np.uint8)
    ids[5:15, 10:30, 10:30], ids[25:35, 10:30, 10:30], ids[18:22, 18:22, 5:35] = 1, 2, 3
    found = Structures(ids, np.eye(4), {1: "lung_right", 2: "lung_left", 3: "trachea"})
    geometry = aim(np.eye(4), ids.shape, detector=(50, 50), pitch_mm=(1, 1), parallel=True)
    made = shadows(found, geometry, ["lungs", "trachea"], image="x")
    assert list(made) == ["lungs", "trachea"]
    assert made["lungs"].area_px == 2 * 10 * 20
    assert made["lungs"].path_mm.max() == pytest.approx(20, rel=1e-4)
    assert list(shadows(found, geometry)) == ["lung_right", "lung_left", "trachea"]
    with pytest.raises(InputError, match="no structure is named 'spleen'"):
        shadows(found, geometry, ["spleen"])


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(max_examples=60, deadline=None)
def test_run_lengths_are_what_pycocotools_reads(mask: np.ndarray) -> None:
    code = run_lengths(mask)
    assert sum(code["counts"]) == mask.size
    tool = pytest.importorskip("pycocotools.mask", reason="decoding run lengths takes pycocotools")
    assert np.array_equal(tool.decode(tool.frPyObjects(code, *mask.shape)), mask)


def test_a_coco_dictionary_is_read_by_pycocotools() -> None:
    tool = pytest.importorskip("pycocotools.coco", reason="reading COCO takes pycocotools")
    films = [(Image(np.zeros((60, 80)), id=name, view="PA"), {"heart": shadow(disc(30, 40, 12), "heart"),
              "lungs": shadow(disc(30, 20, 15) | disc(30, 60, 15), "lungs"),
              "nothing": shadow(disc(0, 0, 0) & False, "nothing")}) for name in ("a", "b")]  # fmt: skip
    made = coco(films, path_files={("a", "heart"): "a/heart.png"})
    read = tool.COCO()
    read.dataset = json.loads(json.dumps(made))
    read.createIndex()
    assert [image["file_name"] for image in read.loadImgs(read.getImgIds())] == ["a.png", "b.png"]
    first = read.loadAnns(read.getAnnIds(imgIds=[1], catIds=read.getCatIds(["heart"])))[0]
    assert np.array_equal(read.annToMask(first), disc(30, 40, 12))
    assert first["bbox"] == [28, 18, 25, 25]
    assert first["path_mm"] == {"mean": 5.0, "max": 5.0, "file": "a/heart.png"}
    assert len(made["annotations"]) == 4
    by_line = coco(films, outline="polygon")["annotations"]
    drawn = read.annToMask({**by_line[1], "image_id": 1})
    truth = films[0][1]["lungs"].mask().pixels
    assert 2 * (drawn & truth).sum() / (drawn.sum() + truth.sum()) > 0.97
    assert len(by_line[1]["segmentation"]) == 2
    ring = polygons(shadow(disc(30, 40, 20) & ~disc(30, 40, 8)))
    assert len(ring) == 1
    with pytest.raises(InputError, match="id of its own"):
        coco([films[0], films[0]])
    with pytest.raises(InputError, match="label 'heart'"):
        coco([(Image(np.zeros((5, 5)), id="c"), films[0][1])])


def silhouette(tilt: float = 0.0, curve: float = 0.0) -> dict[str, Shadow]:
    """A chest of discs: spine along column 40, heart 8 to its right and 16 to its left, lungs 60 wide."""
    made = {}
    for count in range(1, 13):
        row = 4 * count + 2
        made[f"t{count}"] = shadow(disc(row, 40 + tilt * (row - 28) + curve * (-1) ** count, 1.5))
    made["heart"] = shadow(disc(36, 44, 12), "heart")
    made["lung_left"], made["lung_right"] = shadow(disc(30, 60, 10)), shadow(disc(30, 20, 10))
    made["lung_overall"] = shadow(disc(30, 60, 10) | disc(30, 20, 10))
    made["stomach"], made["liver"] = shadow(disc(52, 55, 5)), shadow(disc(52, 25, 5))
    return made


def test_the_heart_is_measured_from_the_midline() -> None:
    size = heart_size(silhouette())
    assert (size.right_px, size.left_px, size.chest_px) == pytest.approx((8.5, 16.5, 61), abs=0.01)
    assert size.ratio == pytest.approx(25 / 61)
    tilted = heart_size(silhouette(tilt=0.2))
    assert tilted.midline_px == pytest.approx(40 + 0.2 * 8, abs=0.3)
    dome = {**silhouette(), "hemidiaphragm_right": shadow(disc(45, 20, 18))}
    by_dome = heart_size(dome, midline="hemidiaphragm")
    assert (by_dome.right_px, by_dome.left_px) == pytest.approx((6.5, 18.5), abs=0.01)
    with pytest.raises(InputError, match="there is none on the film"):
        heart_size(silhouette(), midline="hemidiaphragm")
    with pytest.raises(InputError, match="three vertebrae"):
        heart_size({name: part for name, part in silhouette().items() if name[0] != "t"})


def test_a_straight_spine_has_no_distance_from_its_line() -> None:
    assert spine_centre_distance(silhouette(tilt=0.25)) == pytest.approx(0, abs=0.3)
    assert spine_centre_distance(silhouette(curve=4), pitch_mm=0.5) == pytest.approx(2.0, rel=0.1)


def test_a_mirrored_film_is_refused() -> None:
    check_laterality(silhouette())
    mirrored = {name: shadow(part.inside[:, ::-1], part.name) for name, part in silhouette().items()}
    with pytest.raises(InputError, match=r"mirrored.*liver"):
        check_laterality(mirrored)
    spine = {name: part for name, part in silhouette().items() if name.startswith("t")}
    with pytest.raises(InputError, match="nothing here tells"):
        check_laterality(spine)


def test_the_real_heart_is_about_half_the_chest() -> None:
    """The sheet on this CT gives 130 of 250 mm, heart against widest lungs, with parallel rays."""
    found = chest.structures()
    geometry = aim(found.affine, found.ids.shape, detector=(360, 400), pitch_mm=(1, 1), parallel=True)
    spine = [name for name in found.names.values() if name.startswith("vertebrae_T")]
    made = shadows(found, geometry, ["heart", "lung", *spine, "stomach"])
    size = heart_size(made, lungs="lung")
    assert size.ratio == pytest.approx(0.52, abs=0.02)
    assert size.chest_px == pytest.approx(250, abs=5)
    assert spine_centre_distance(made) < 5
    check_laterality(made)


def test_two_objects_of_one_kind_are_two_annotations_of_one_category_with_its_own_kind() -> None:
    first, second, organ = np.zeros((3, 20, 30), bool)
    first[2:5, 3:9], second[10:12, 20:25], organ[1:18, 1:28] = True, True, True
    shadows = {
        name: Shadow(name.split()[0], inside.astype(np.float32), inside, 0, 0, (20, 30), "film")
        for name, inside in (("heart", organ), ("needle", first), ("needle 2", second))
    }
    film = Image(np.zeros((20, 30), np.float32), id="film")
    made = coco([(film, shadows)], kinds={"needle": "retained object"}, path_files={("film", "needle 2"): "n2.png"})
    assert [(each["name"], each["supercategory"]) for each in made["categories"]] == [
        ("heart", "anatomy"), ("needle", "retained object"),
    ]  # fmt: skip
    assert [each["category_id"] for each in made["annotations"]] == [1, 2, 2]
    assert [each["bbox"] for each in made["annotations"][1:]] == [[3, 2, 6, 3], [20, 10, 5, 2]]
    assert [each["path_mm"].get("file", "") for each in made["annotations"]] == ["", "", "n2.png"]
