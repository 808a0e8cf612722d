"""Sides and zones of boxes: made lungs with known answers, mirror symmetry, and real masks."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.core.vocabulary import concept, laterality
from hilum.core.zones import ZONES, components, sides, zone_of, zones_of

SIZE = (180, 200)
SWAP = {"right": "left", "left": "right", "bilateral": "bilateral"}


def ellipse(cx: float, cy: float, rx: float, ry: float, shape: tuple[int, int] = SIZE) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1


RIGHT = ellipse(55, 90, 32, 75)  # rows 15..165, thirds of 50 rows; the patient's right is on image left
LEFT = ellipse(145, 90, 32, 75)
LUNGS = RIGHT | LEFT


def mirrored(box: Box, width: int) -> Box:
    return Box(width - box.x1, box.y0, width - box.x0, box.y1)


def swapped(names: tuple[str, ...]) -> set[str]:
    return {f"{SWAP[name.partition(' ')[0]]} {name.partition(' ')[2]}" for name in names}


# ---- components


def test_components_are_disjoint_and_sum_to_the_mask(draw: np.random.Generator) -> None:
    mask = draw.random((40, 50)) < 0.45
    parts = components(mask)
    assert np.array_equal(np.sum(parts, axis=0), mask.astype(int))
    areas = [int(part.sum()) for part in parts]
    assert areas == sorted(areas, reverse=True)


def test_components_agree_with_scipy(draw: np.random.Generator) -> None:
    label = pytest.importorskip("scipy.ndimage").label
    for density in (0.2, 0.5, 0.62):
        mask = draw.random((60, 45)) < density
        labels, count = label(mask)
        parts = components(mask)
        assert len(parts) == count
        assert all(len(np.unique(labels[part])) == 1 for part in parts)


def test_an_empty_mask_has_no_components_and_no_sides() -> None:
    empty = np.zeros(SIZE, bool)
    assert components(empty) == []
    assert sides(empty) == {}
    assert zone_of(Box(10, 10, 50, 50), empty) == ()


# ---- sides


def test_two_lungs_are_named_from_the_patient() -> None:
    found = sides(LUNGS)
    assert list(found) == ["right lung", "left lung"]
    assert np.array_equal(found["right lung"], RIGHT)
    assert np.array_equal(found["left lung"], LEFT)


def test_a_flipped_film_swaps_the_sides() -> None:
    found = sides(LUNGS, ("R", "F"))
    assert np.array_equal(found["left lung"], RIGHT)
    assert np.array_equal(found["right lung"], LEFT)


def test_lungs_that_touch_are_told_apart() -> None:
    bridge = np.zeros(SIZE, bool)
    bridge[60:90, 80:120] = True
    found = sides(LUNGS | bridge)
    assert len(components(LUNGS | bridge)) == 1
    for name, lung in (("right lung", RIGHT), ("left lung", LEFT)):
        assert (found[name] & lung).sum() == lung.sum()
        assert found[name].sum() < lung.sum() + bridge.sum()
    assert not (found["right lung"] & found["left lung"]).any()


def test_overlapping_lungs_of_a_wide_mask_are_told_apart() -> None:
    right, left = ellipse(65, 90, 38, 75), ellipse(135, 90, 38, 75)
    found = sides(right | left)
    assert abs(int(found["right lung"].sum()) - int(found["left lung"].sum())) < 0.02 * right.sum()


def test_a_tilted_film_keeps_components_whole() -> None:
    right = np.zeros(SIZE, bool)
    left = np.zeros(SIZE, bool)
    for row in range(20, 160):  # both lungs lean, so that their column ranges overlap
        shift = (row - 20) // 4
        right[row, 30 + shift : 75 + shift] = True
        left[row, 90 + shift : 135 + shift] = True
    found = sides(right | left)
    assert np.array_equal(found["right lung"], right)
    assert np.array_equal(found["left lung"], left)


@pytest.mark.parametrize(("lung", "name"), [(RIGHT, "right lung"), (LEFT, "left lung")])
def test_a_lone_lung_is_named_by_its_half(lung: np.ndarray, name: str) -> None:
    found = sides(lung)
    assert list(found) == [name]
    assert np.array_equal(found[name], lung)


def test_a_lone_lung_on_the_midline_has_no_side() -> None:
    assert sides(ellipse(100, 90, 32, 75)) == {}


def test_specks_do_not_stretch_a_lung() -> None:
    noisy = LUNGS.copy()
    noisy[2:4, 50:53] = True
    noisy[176:178, 150:152] = True
    assert np.array_equal(sides(noisy)["right lung"], RIGHT)


def test_a_lung_in_two_pieces_stays_one_lung() -> None:
    cut = LUNGS.copy()
    cut[100:106, :100] = False
    found = sides(cut)
    assert found["right lung"].sum() == (cut & RIGHT).sum()
    assert found["left lung"].sum() == LEFT.sum()


@pytest.mark.parametrize("orientation", [("A", "F"), ("P", "F"), ("L", "H"), ("F", "L")])
def test_films_that_are_not_upright_and_frontal_are_refused(orientation: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="upright frontal"):
        sides(LUNGS, orientation)


def test_a_volume_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(H, W\)"):
        sides(np.zeros((3, 4, 5), bool))


# ---- zones


@pytest.mark.parametrize(("third", "rows"), [("upper", (30, 60)), ("mid", (70, 110)), ("lower", (120, 150))])
@pytest.mark.parametrize(("side", "x"), [("right", 40), ("left", 130)])
def test_a_box_in_one_third_names_it(third: str, rows: tuple[int, int], side: str, x: int) -> None:
    assert zone_of(Box(x, rows[0], x + 30, rows[1]), LUNGS) == (f"{side} {third} lung zone",)


def test_a_box_over_two_thirds_names_both_and_over_all_names_the_lung() -> None:
    assert zone_of(Box(40, 75, 70, 140), LUNGS) == ("right mid lung zone", "right lower lung zone")
    assert zone_of(Box(115, 20, 175, 160), LUNGS) == ("left lung",)


def test_a_little_over_the_edge_does_not_count() -> None:
    assert zone_of(Box(40, 118, 70, 155), LUNGS) == ("right lower lung zone",)
    assert zone_of(Box(40, 112, 70, 155), LUNGS) == ("right lower lung zone",)


def test_thirds_are_of_each_lungs_own_height() -> None:
    low = ellipse(145, 120, 30, 40)  # an elevated base: rows 80..160
    box = Box(130, 85, 160, 100)
    assert zone_of(box, LUNGS) == ("left mid lung zone",)
    assert zone_of(box, RIGHT | low) == ("left upper lung zone",)


def test_boxes_off_the_lungs_name_nothing_unless_the_concept_is_the_heart() -> None:
    between = Box(92, 100, 108, 140)
    assert zone_of(between, LUNGS) == ()
    assert zone_of(Box(0, 0, 10, 10), LUNGS) == ()
    assert zone_of(between, LUNGS, concept="cardiomegaly") == ("cardiac silhouette",)
    assert zone_of(between, LUNGS, concept="pleural effusion") == ()
    assert zones_of((), LUNGS, concept="cardiomegaly") == ()


def test_boxes_of_both_sides_become_bilateral() -> None:
    right, left = Box(40, 120, 70, 150), Box(130, 120, 160, 150)
    assert zones_of((right, left), LUNGS) == ("bilateral lower lung zones",)
    assert zones_of((right, Box(130, 30, 160, 60)), LUNGS) == ("right lower lung zone", "left upper lung zone")
    assert zones_of((Box(25, 20, 85, 160), Box(115, 20, 175, 160)), LUNGS) == ("bilateral lungs",)
    assert zones_of((Box(25, 20, 85, 160), left), LUNGS) == ("right lung", "left lower lung zone")
    assert zone_of(Box(25, 120, 175, 160), LUNGS) == ("bilateral lower lung zones",)


def test_three_small_boxes_down_one_lung_name_the_lung() -> None:
    boxes = [Box(45, top, 65, top + 20) for top in (30, 80, 130)]
    assert zones_of(boxes, LUNGS) == ("right lung",)


def test_a_box_smaller_than_a_pixel_still_has_a_zone() -> None:
    assert zone_of(Box(55.6, 90.6, 55.8, 90.8), LUNGS) == ("right mid lung zone",)


def test_a_flipped_film_swaps_the_zone() -> None:
    box = Box(40, 30, 70, 60)
    assert zone_of(box, LUNGS, ("L", "F")) == zone_of(box, LUNGS) == ("right upper lung zone",)
    assert zone_of(box, LUNGS, ("R", "F")) == ("left upper lung zone",)


def test_every_name_is_a_site_of_the_vocabulary() -> None:
    boxes = [Box(x, y, x + w, y + h) for x in (25, 120) for y in (20, 70, 120) for w in (30, 60) for h in (25, 45)]
    names = {name for first in boxes for second in boxes for name in zones_of((first, second), LUNGS)}
    assert len(names) >= 9
    for name in names:
        assert concept(name).name == name
        assert concept(name).kind == "site"
        assert laterality(name)


LUNG = st.tuples(st.floats(35, 65), st.floats(70, 110), st.floats(15, 34), st.floats(40, 70))
BOX = st.tuples(st.floats(0, 190), st.floats(0, 170), st.floats(3, 90), st.floats(3, 90)).map(
    lambda value: Box(value[0], value[1], value[0] + value[2], value[1] + value[3])
)


@settings(max_examples=60, deadline=None)
@given(LUNG, LUNG, BOX, BOX)
def test_mirroring_mask_and_boxes_swaps_right_and_left(one, other, first: Box, second: Box) -> None:
    mask = ellipse(*one) | ellipse(200 - other[0], *other[1:])
    boxes = [Box(*(round(edge) + 0.25 for edge in box.corners)) for box in (first, second)]
    flipped = mask[:, ::-1]
    found, back = sides(mask), sides(flipped)
    assert set(back) == swapped(tuple(found))
    for name, lung in found.items():
        assert np.array_equal(back[next(iter(swapped((name,))))], lung[:, ::-1])
    half = [Box(round(b.x0), b.y0, round(b.x1), b.y1) for b in boxes]
    assert swapped(zones_of(half, mask)) == set(zones_of([mirrored(box, 200) for box in half], flipped))
    assert swapped(zones_of(half, mask)) == set(zones_of(half, mask, ("R", "F")))


@settings(max_examples=60, deadline=None)
@given(LUNG, LUNG, st.sampled_from(["right", "left"]), st.floats(0.02, 0.98))
def test_a_small_box_at_a_known_height_is_in_that_third(one, other, side: str, height: float) -> None:
    assume(min(abs(height - 1 / 3), abs(height - 2 / 3)) > 0.06)
    mask = ellipse(*one) | ellipse(200 - other[0], *other[1:])
    lung = sides(mask)[f"{side} lung"]
    rows = np.flatnonzero(lung.any(axis=1))
    y = rows[0] + height * (rows[-1] - rows[0])
    x = float(np.flatnonzero(lung[int(y)]).mean()) + 0.5
    assert zone_of(Box(x - 2, y - 1, x + 2, y + 1), mask) == (f"{side} {ZONES[int(height * 3)]} lung zone",)


def test_real_lung_masks_part_into_two_lungs_of_like_size(pack: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    with (pack / "manifest.csv").open(encoding="utf-8") as file:
        paths = [pack / row["mask"] for row in csv.DictReader(file) if "/masks/" in row["mask"]]
    checked = 0
    for path in paths[::4]:
        with image.open(path) as picture:
            mask = np.asarray(picture.convert("L").resize((256, 256))) > 127
        found = sides(mask)
        assert set(found) == {"right lung", "left lung"}, path.name
        areas = {name: int(lung.sum()) for name, lung in found.items()}
        assert min(areas.values()) > 0.3 * max(areas.values()), path.name
        middles = {name: np.nonzero(lung)[1].mean() for name, lung in found.items()}
        assert middles["right lung"] < middles["left lung"], path.name
        assert sum(areas.values()) > 0.95 * mask.sum(), path.name
        checked += 1
    assert checked >= 20
