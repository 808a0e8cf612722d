"""Parts of the anatomy: on made shapes whose parts are known, and on the real CT by facts that hold in every chest."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.anatomy import Anatomy, anatomy
from hilum.drr.anatomy_grid import V1_HEART, Grid
from hilum.drr.anatomy_parts import SIDES, ZONES, aorta, carina, rib_is_anterior
from hilum.drr.anatomy_regions import between_lungs, enclosed
from hilum.drr.anatomy_rules import NOT_GIVEN, RULES, available, missing
from hilum.drr.field import Structures
from hilum.drr.labels import Shadow, class_shadows, shadows
from hilum.drr.labels_measures import check_laterality
from hilum.drr.project import film_geometry
from tests.drr import chest

LPS = np.eye(4)


def made(names: dict[str, np.ndarray], affine: np.ndarray = LPS) -> Structures:
    ids = np.zeros(next(iter(names.values())).shape, np.uint8)
    for number, voxels in enumerate(names.values(), 1):
        ids[voxels] = number
    return Structures(ids, affine, dict(enumerate(names, 1)))


@pytest.mark.parametrize("side", SIDES)
def test_a_rib_is_split_at_its_most_lateral_point(side: str) -> None:
    """Half an ellipse from the spine round the flank to the front: both quarters are as long as each other."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 400)
    x, y = 60 * np.cos(angle), 50 * np.sin(angle)
    voxels = np.rint(np.stack([x if side == "left" else -x, y, 0 * x], axis=1)).astype(int)
    front = rib_is_anterior(voxels, side, (1.0, 1.0, 1.0))  # type: ignore[arg-type]
    assert front.mean() == pytest.approx(0.5, abs=0.06)
    assert voxels[front, 1].max() <= voxels[~front, 1].min()
    assert not rib_is_anterior(voxels[voxels[:, 1] > -2], side, (1.0, 1.0, 1.0)).any()  # type: ignore[arg-type]


@pytest.mark.parametrize("flip", [False, True])
def test_the_carina_is_where_the_airway_becomes_two(flip: bool) -> None:
    airway = np.zeros((41, 21, 60), bool)
    airway[17:24, 7:14, 30:] = True
    for z in range(30):
        shift = (30 - z) // 2
        airway[17 - shift : 22 - shift, 7:12, z] = airway[19 + shift : 24 + shift, 7:12, z] = True
    affine = np.diag([1.0, 1.0, -1.0 if flip else 1.0, 1.0])
    found = carina(Grid(made({"trachea": airway[..., ::-1] if flip else airway}, affine)))
    assert found is not None
    assert found[2] == pytest.approx(26, abs=5)
    assert found[:2] == pytest.approx([20, 10], abs=2)
    assert carina(Grid(made({"heart": airway}))) is None


def test_the_aorta_is_divided_at_its_arch() -> None:
    vessel = np.zeros((15, 60, 80), bool)
    vessel[5:10, 10:16, 40:60] = vessel[5:10, 40:46, 0:60] = vessel[5:10, 10:46, 60:66] = True
    parts = aorta(Grid(made({"aorta": vessel})))
    assert parts is not None
    assert [len(part) for part in parts] == [5 * 6 * 20, 5 * 36 * 6, 5 * 6 * 60]
    assert parts.ascending[:, 1].max() < parts.descending[:, 1].min()
    lower = vessel.copy()
    lower[..., 40:] = False
    only = aorta(Grid(made({"aorta": lower})))
    assert only is not None
    assert not len(only.arch) + len(only.ascending)


def test_between_and_enclosed() -> None:
    left, right = np.zeros((20, 5, 2), bool), np.zeros((20, 5, 2), bool)
    right[2:6, 1:4], left[14:18, 1:3] = True, True
    found = between_lungs(left, right)
    assert found[6:14, 1:3].all()
    assert found.sum() == 8 * 2 * 2
    ring = np.zeros((9, 9, 1), bool)
    ring[2:7, 2:7] = True
    ring[3:6, 3:6] = False
    assert enclosed(ring).sum() == 25


@cache
def parts() -> Anatomy:
    return anatomy(chest.structures())


@cache
def film(view: str) -> dict[str, Shadow]:
    return class_shadows(parts(), film_geometry(chest.ct(), view=view, size=256), image=view)  # type: ignore[arg-type]


def middle(shadow: Shadow) -> np.ndarray:
    """(row, column) of the centroid of the mask."""
    found: np.ndarray = np.argwhere(shadow.inside).mean(axis=0) + np.array([shadow.row, shadow.column])
    return found


def test_what_cannot_exist_is_not_made_and_the_reason_is_given() -> None:
    reasons = missing(parts())
    assert "twelfth rib has no anterior part" in reasons["rib_left_anterior_12"]
    assert set(NOT_GIVEN) <= set(reasons)
    assert "vertebrae_C1" in reasons["c1"]
    assert not set(reasons) & set(available(parts()))
    assert set(reasons) | set(available(parts())) == set(RULES) | set(NOT_GIVEN)
    with pytest.raises(InputError, match="this CT cannot make it"):
        class_shadows(parts(), film_geometry(chest.ct(), size=32), ["rib_anterior_12"])
    with pytest.raises(InputError, match="not known"):
        class_shadows(parts(), film_geometry(chest.ct(), size=32), ["rib_13"])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("view", ["PA", "LL"])
def test_zones_stack_from_head_to_feet_and_make_up_the_lung(view: str, side: str) -> None:
    labels = film(view)
    rows = [middle(labels[f"lung_{side}_{zone}"])[0] for zone in ZONES]
    assert rows == sorted(rows)
    whole = labels[f"lung_{side}"]
    total = sum(labels[f"lung_{side}_{zone}"].path_lengths() for zone in ZONES)
    assert np.allclose(total, whole.path_lengths(), atol=0.01)
    lobes = sum(labels[name].path_lengths() for name in labels if name.startswith(f"lung_{side}_lobe"))
    assert np.allclose(lobes, whole.path_lengths(), atol=0.01)


@pytest.mark.parametrize("side", SIDES)
def test_ribs_slope_down_to_the_front(side: str) -> None:
    for count in range(2, 9):
        front, back = film("LL")[f"rib_{side}_anterior_{count}"], film("LL")[f"rib_{side}_posterior_{count}"]
        assert middle(front)[0] > middle(back)[0]
        assert middle(front)[1] < middle(back)[1]
    order = [middle(film("PA")[f"rib_{side}_posterior_{count}"])[0] for count in range(2, 13)]
    assert order == sorted(order)


def test_heart_aorta_and_carina_lie_as_in_every_chest() -> None:
    frontal, lateral = film("PA"), film("LL")
    arch, heart = frontal["aorta_arch"].box(), frontal["heart"].box()
    assert arch is not None
    assert heart is not None
    assert arch.y1 < (heart.y0 + heart.y1) / 2
    assert middle(lateral["aorta_ascending"])[1] < middle(lateral["aorta_descending"])[1]
    assert middle(frontal["t4"])[0] < middle(frontal["carina"])[0] < middle(frontal["t7"])[0]
    assert middle(frontal["airways"])[0] < middle(frontal["carina"])[0] < middle(frontal["heart"])[0]
    levels = [middle(frontal[f"t{count}"])[0] for count in range(1, 13)]
    assert levels == sorted(levels)


def test_the_mediastinum_is_divided_from_top_to_bottom_and_front_to_back() -> None:
    lateral = film("LL")
    assert middle(lateral["mediastinum_upper"])[0] < middle(lateral["mediastinum_lower"])[0]
    columns = [middle(lateral[f"mediastinum_{part}"])[1] for part in ("anterior", "middle", "posterior")]
    assert columns == sorted(columns)
    for view in ("PA", "LL"):
        heart, whole = film(view)["heart"].mask().pixels, film(view)["mediastinum_overall"].mask().pixels
        assert (heart & whole).sum() > 0.95 * heart.sum()
    frontal = film("PA")
    box, lungs = frontal["mediastinum_overall"].box(), frontal["lung_overall"].box()
    assert box is not None
    assert lungs is not None
    assert box.x1 - box.x0 < 0.6 * (lungs.x1 - lungs.x0)


def test_the_diaphragm_is_the_floor_of_the_lungs() -> None:
    frontal = film("PA")
    for side in SIDES:
        dome, lung = frontal[f"hemidiaphragm_{side}"], frontal[f"lung_{side}"]
        assert middle(dome)[0] > middle(frontal[f"lung_{side}_mid"])[0]
        inside = dome.mask().pixels
        assert (inside & lung.mask().pixels).sum() > 0.85 * inside.sum()
    right, left = frontal["hemidiaphragm_right"].box(), frontal["hemidiaphragm_left"].box()
    assert right is not None
    assert left is not None
    assert right.y0 < left.y0


def test_every_left_lies_on_image_right_and_a_mirrored_ct_fails_the_check() -> None:
    frontal = film("PA")
    check_laterality(frontal)
    for name, shadow in frontal.items():
        if "_left" in name:
            assert middle(shadow)[1] > middle(frontal[name.replace("_left", "_right")])[1], name
    names = ["heart", "stomach", "liver", *(f"vertebrae_T{count}" for count in range(4, 12))]
    names += ["lung_upper_lobe_left", "lung_upper_lobe_right"]
    geometry, found = film_geometry(chest.ct(), size=128), chest.structures()
    check_laterality(shadows(found, geometry, names))
    mirrored = Structures(found.ids[::-1], found.affine, found.names)
    with pytest.raises(InputError, match="the film is mirrored"):
        check_laterality(shadows(mirrored, geometry, names))
    swapped = {number: name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
               for number, name in found.names.items()}  # fmt: skip
    with pytest.raises(InputError, match="disagree"):
        check_laterality(shadows(Structures(found.ids, found.affine, swapped), geometry, names))


def test_unions_are_the_sum_of_their_sides() -> None:
    for view in ("PA", "LL"):
        labels = film(view)
        for whole, sides in (("clavicles", "clavicle"), ("rib_5", "rib"), ("lung_overall", "lung")):
            pair = [f"{sides}_{side}" + ("_5" if whole == "rib_5" else "") for side in SIDES]
            joined = labels[pair[0]].mask().pixels | labels[pair[1]].mask().pixels
            assert np.array_equal(joined, labels[whole].mask().pixels)


def test_names_of_the_first_version_are_taken_too() -> None:
    found = chest.structures()
    cut = (slice(None, None, 4), slice(None, None, 4), slice(None, None, 2))
    ids = found.ids[cut].copy()
    names = dict(found.names)
    number = chest.number_of(found, "heart")
    voxels = np.argwhere(ids == number)
    for index, name in enumerate(V1_HEART):
        names[200 + index] = name
        ids[tuple(voxels[index::5].T)] = 200 + index
    names[number] = "nothing"
    affine = found.affine @ np.diag([4, 4, 2, 1])
    old = anatomy(Structures(ids, affine, names))
    geometry = film_geometry(chest.ct(), size=128)
    a = class_shadows(old, geometry, ["heart"])["heart"]
    b = class_shadows(parts(), geometry, ["heart"])["heart"]
    ours, whole = a.mask().pixels, b.mask().pixels
    assert 2 * (ours & whole).sum() / (ours.sum() + whole.sum()) > 0.9
    assert "mediastinum_middle" in old.parts
