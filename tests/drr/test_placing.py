"""Where things come to lie in a chest of blocks whose places are known: sites, lines, lesions, masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr import lines, objects, placing
from hilum.drr.field import Structures
from hilum.drr.lesions import LESIONS, Lesion, centre_mm, depth_mm, inserted, lesion_mask, lung_mask

SHAPE = (60, 44, 60)
AFFINE = np.array([[5.0, 0, 0, -150], [0, 5.0, 0, -110], [0, 0, 5.0, -150], [0, 0, 0, 1]])
NAMES = {
    1: "lung_upper_lobe_left", 2: "lung_lower_lobe_left", 3: "lung_upper_lobe_right", 4: "lung_lower_lobe_right",
    5: "heart", 6: "trachea", 7: "liver", 8: "stomach", 9: "esophagus", 10: "sternum", 11: "superior_vena_cava",
    12: "brachiocephalic_vein_right", 13: "brachiocephalic_vein_left", 14: "lung_middle_lobe_right",
}  # fmt: skip


def patient() -> tuple[Volume, Structures]:
    """A chest of blocks, 5 mm voxels, x to the left, y to the back, z to the head."""
    ids = np.zeros(SHAPE, np.uint8)
    ids[33:50, 8:36, 15:34], ids[33:50, 8:36, 34:52] = 2, 1
    ids[10:27, 8:36, 15:22], ids[10:27, 8:36, 22:34], ids[10:27, 8:36, 34:52] = 4, 14, 3
    ids[27:33, 8:20, 16:28] = 5
    ids[28:32, 20:24, 36:58] = 6
    ids[22:28, 20:24, 30:36] = ids[32:38, 20:24, 30:36] = 6  # the trachea parts in two
    ids[10:30, 10:34, 5:14], ids[34:48, 10:30, 4:12] = 7, 8
    ids[29:31, 26:29, 10:58] = 9
    ids[28:32, 4:6, 15:45] = 10
    ids[26:28, 16:18, 30:46] = 11
    ids[24:27, 16:18, 46:54] = 12
    ids[28:40, 16:18, 46:49] = 13
    voxels = np.full(SHAPE, -1000.0, np.float32)
    voxels[5:55, 2:40] = 20.0
    voxels[(ids == 1) | (ids == 2) | (ids == 3) | (ids == 4) | (ids == 14)] = -850.0
    return Volume(voxels, AFFINE), Structures(ids, AFFINE, NAMES)


VOLUME, FOUND = patient()


def mm(*index: float) -> np.ndarray:
    return AFFINE[:3, :3] @ np.array(index) + AFFINE[:3, 3]


def at(structures: Structures, point: np.ndarray) -> str:
    index = tuple(np.rint(np.linalg.inv(structures.affine) @ [*point, 1.0]).astype(int)[:3])
    return structures.names.get(int(structures.ids[index]), "")


# -- sites ------------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=1, max_size=5))
def test_indices_become_millimetres_and_back(index: list[tuple[float, float, float]]) -> None:
    points = placing.to_mm(AFFINE, np.array(index))
    back = np.linalg.solve(AFFINE, np.hstack([points, np.ones((len(points), 1))]).T).T[:, :3]
    assert np.allclose(back, index, atol=1e-9)


def test_the_body_holds_its_lungs_and_leaves_the_air_out() -> None:
    body = placing.body_mask(VOLUME)
    truth = np.zeros(SHAPE, bool)
    truth[5:55, 2:40] = True
    assert body[FOUND.ids > 0].all()
    assert 2 * (body & truth).sum() / (body.sum() + truth.sum()) > 0.95


@pytest.mark.parametrize("site", ["pleura", "mediastinum", "below the diaphragm", "sternum"])
def test_candidates_lie_in_what_the_site_is_made_of(site: str) -> None:
    names = {
        "pleura": ("lung",), "mediastinum": ("heart", "esophagus", "superior_vena_cava"), "sternum": ("sternum",),
        "below the diaphragm": ("liver", "stomach"),
    }[site]  # fmt: skip
    index = placing.candidates(site, FOUND)
    seen = {NAMES[number] for number in np.unique(FOUND.ids[tuple(index.T)]).tolist()}
    assert all(name.startswith(names) for name in seen)
    assert placing.candidates(site, FOUND) is index  # kept with the structures


def test_the_pleura_is_the_rim_of_the_lungs() -> None:
    """About 10 mm deep: two voxels of 5 mm, counted by erosion along the axes."""
    rim = np.zeros(SHAPE, bool)
    rim[tuple(placing.candidates("pleura", FOUND).T)] = True
    lungs = np.isin(FOUND.ids, (1, 2, 3, 4, 14))
    inner = ndimage.distance_transform_cdt(lungs, metric="chessboard") > 2
    assert np.array_equal(rim, lungs & ~inner)


def test_below_the_diaphragm_means_the_uppermost_six_centimetres() -> None:
    height = placing.to_mm(AFFINE, placing.candidates("below the diaphragm", FOUND).astype(float))[:, 2]
    assert height.max() - height.min() <= 60.0
    assert height.max() == mm(0, 0, 13)[2]


def test_sites_that_are_not_there_are_named() -> None:
    bare = Structures(np.zeros((4, 4, 4), np.uint8), np.eye(4), {1: "femur_left"})
    with pytest.raises(InputError, match="the CT shows no lung: no object can be placed in the pleura"):
        placing.candidates("pleura", bare)
    with pytest.raises(InputError, match="no site inside the body is named 'ear'; there are: pleura"):
        placing.candidates("ear", FOUND)
    thing = objects.make("needle", generator(0))
    with pytest.raises(InputError, match="needs the CT's structures"):
        placing.place(thing, "pleura", VOLUME, None, generator(0))
    assert set(placing.sites()) == {"pleura", "mediastinum", "below the diaphragm", "sternum", *placing.SKIN}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_random_turns_are_rotations(seed: int) -> None:
    turn = placing.random_rotation(generator(seed))
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1.0)
    assert np.array_equal(turn, placing.random_rotation(generator(seed)))


def test_random_turns_favour_no_direction() -> None:
    rng = generator(0, "turns")
    turned = np.stack([placing.random_rotation(rng)[:, 0] for _ in range(2000)])
    assert np.abs(turned.mean(axis=0)).max() < 0.06  # three standard errors of a uniform direction are 0.04
    assert np.allclose((turned**2).mean(axis=0), 1 / 3, atol=0.04)


@pytest.mark.parametrize("site", ["pleura", "mediastinum", "below the diaphragm", "sternum"])
def test_an_object_is_put_at_its_site_by_the_seed(site: str) -> None:
    thing = objects.Thing("dot", True, (objects.ball("iron", 7.9, 1.0),))
    one, two, other = (placing.place(thing, site, VOLUME, FOUND, generator(seed, site)) for seed in (4, 4, 5))
    assert np.array_equal(one.vertices, two.vertices)
    assert one.critical
    for placed in (one, other):
        name = at(FOUND, placed.vertices.mean(axis=0))
        if site != "sternum":
            assert name
        assert placed.solids[0].volume_mm3 == pytest.approx(thing.solids[0].volume_mm3)
    if site != "sternum":
        assert not np.array_equal(one.vertices, other.vertices)
    else:
        assert np.allclose(one.vertices.mean(axis=0), mm(29.5, 4.5, 29.5), atol=0.2)


@pytest.mark.parametrize(("site", "surface", "way"), [("skin in front", 2, -1), ("skin behind", 39, 1)])
def test_an_object_on_the_skin_lies_flat_outside_it_and_is_harmless(site: str, surface: int, way: int) -> None:
    flat = objects.Thing("plate", True, (objects.plate("iron", 7.9, (30, 20, 1)),))
    for seed in range(4):
        placed = placing.place(flat, site, VOLUME, None, generator(seed))
        middle, size = placed.vertices.mean(axis=0), np.ptp(placed.vertices, axis=0)
        assert not placed.critical
        assert size[1] == pytest.approx(1.0, abs=1e-6)  # its thin side points out of the body
        assert size[2] == pytest.approx(30.0)  # its x lies along the body
        assert abs(middle[1] - (mm(0, surface, 0)[1] + 3.0 * way)) < 6.0
        assert way * (middle[1] - mm(0, surface, 0)[1]) > 0


# -- lines ------------------------------------------------------------------------------------------------------------


def test_a_centreline_goes_down_the_middle() -> None:
    index = np.argwhere(FOUND.ids == 9)
    way = lines.centreline(placing.to_mm(AFFINE, index.astype(float)), step_mm=10.0)
    assert np.allclose(way[:, :2], mm(29.5, 27, 0)[:2])
    assert (np.diff(way[:, 2]) < 0).all()
    assert way[0, 2] > mm(0, 0, 55)[2]


def test_the_carina_is_the_fork() -> None:
    fork = lines.carina(FOUND)
    assert abs(fork[2] - mm(0, 0, 35)[2]) <= 5.0
    assert abs(fork[0] - mm(29.5, 0, 0)[0]) <= 3.0


@pytest.mark.parametrize("above", [20.0, 45.0, 80.0])
def test_a_tracheal_tube_ends_above_the_fork_as_asked(above: float) -> None:
    (tube,) = lines.lay("endotracheal tube", FOUND, generator(0), tip_mm=above)
    tip = tube.vertices[:, 2].min()
    assert tip - lines.carina(FOUND)[2] == pytest.approx(above, abs=6.0)
    assert tube.vertices[:, 2].max() > mm(0, 0, 58)[2]


def test_too_deep_a_tube_lies_in_the_right_main_bronchus() -> None:
    (tube,) = lines.lay("endotracheal tube", FOUND, generator(0), tip_mm=-20.0)
    lowest = tube.vertices[tube.vertices[:, 2].argmin()]
    fork = lines.carina(FOUND)
    assert lowest[0] < fork[0] - 3.0  # the patient's right is -x
    assert lowest[2] < fork[2]


def test_a_central_line_comes_from_the_right_and_a_picc_from_the_left() -> None:
    for kind, side in (("central venous catheter", -1), ("picc", 1)):
        (thing,) = lines.lay(kind, FOUND, generator(1), tip_mm=0.0)
        top, low = thing.vertices[:, 2].argmax(), thing.vertices[:, 2].argmin()
        cava = mm(26.5, 16.5, 30)
        assert np.linalg.norm(thing.vertices[low] - cava) < 15.0
        if side > 0:
            assert thing.vertices[:, 0].max() > mm(40, 0, 0)[0] + 80
        assert thing.vertices[top, 2] > cava[2] + 60


@pytest.mark.parametrize("tip", [-15.0, 0.0, 20.0])
def test_a_deeper_tip_lies_lower(tip: float) -> None:
    (shallow,) = lines.lay("central venous catheter", FOUND, generator(1), tip_mm=tip)
    (deep,) = lines.lay("central venous catheter", FOUND, generator(1), tip_mm=tip + 20.0)
    assert deep.vertices[:, 2].min() < shallow.vertices[:, 2].min() - 5.0


def test_a_feeding_tube_ends_in_the_stomach_and_a_chest_tube_at_the_apex() -> None:
    (feeding,) = lines.lay("nasogastric tube", FOUND, generator(2))
    ends = feeding.vertices[-20:].mean(axis=0)
    assert np.linalg.norm(feeding.vertices - mm(40.5, 19.5, 7.5), axis=1).min() < 8.0
    assert np.isfinite(ends).all()
    sides = set()
    for seed in range(6):
        (drain,) = lines.lay("chest tube", FOUND, generator(seed, "drain"))
        apex = drain.vertices[drain.vertices[:, 2].argmax()]
        sides.add(bool(apex[0] > 0))
        assert mm(0, 0, 51)[2] - apex[2] < 40.0
    assert sides == {True, False}


def test_a_pacemaker_has_a_can_and_two_leads_in_the_heart() -> None:
    can, *leads = lines.lay("pacemaker", FOUND, generator(3))
    assert can.name == "pacemaker can"
    assert [lead.name for lead in leads] == ["pacemaker lead"] * 2
    assert can.vertices[:, 0].mean() > mm(40, 0, 0)[0]  # left of the chest
    heart = mm(29.5, 13.5, 21.5)
    for lead in leads:
        assert np.linalg.norm(lead.vertices - heart, axis=1).min() < 40.0


def test_lines_are_the_seeds_and_need_their_vessels() -> None:
    for kind in lines.KINDS:
        one, two = (lines.lay(kind, FOUND, generator(7, kind)) for _ in range(2))
        assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(one, two, strict=True))
    bare = Structures(FOUND.ids, AFFINE, {5: "heart"})
    with pytest.raises(InputError, match="shows no trachea to lay a line along"):
        lines.lay("endotracheal tube", bare, generator(0))
    with pytest.raises(InputError, match="shows no superior vena cava"):
        lines.lay("central venous catheter", bare, generator(0))
    with pytest.raises(InputError, match="no device is named 'rope'; there are: endotracheal tube"):
        lines.lay("rope", FOUND, generator(0))


# -- lesions ----------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 500), st.tuples(st.floats(0.5, 4), st.floats(0.5, 4), st.floats(0.5, 4)))
def test_depth_is_the_city_block_distance(seed: int, spacing: tuple[float, float, float]) -> None:
    mask = np.random.default_rng(seed).random((6, 7, 8)) < 0.8
    mask[0, 0, 0] = False
    depth = depth_mm(mask, spacing)
    inside, outside = np.argwhere(mask), np.argwhere(~mask)
    apart = (np.abs(inside[:, None] - outside[None]) * np.array(spacing)).sum(axis=2).min(axis=1)
    assert np.allclose(depth[mask], apart, rtol=1e-5)
    assert (depth[~mask] == 0).all()


@pytest.mark.parametrize("side", ["left", "right", ""])
def test_the_lung_mask_is_the_lobes_of_a_side(side: str) -> None:
    wanted = {"left": (1, 2), "right": (3, 4, 14), "": (1, 2, 3, 4, 14)}[side]
    assert np.array_equal(lung_mask(FOUND, side=side), np.isin(FOUND.ids, wanted))


def test_a_lobes_centre_is_the_middle_of_its_block() -> None:
    assert np.allclose(centre_mm(FOUND, "lung_lower_lobe_right"), mm(18, 21.5, 18))
    empty = Structures(np.where(FOUND.ids == 2, 0, FOUND.ids).astype(np.uint8), AFFINE, NAMES)
    with pytest.raises(InputError, match="no voxel belongs to 'lung_lower_lobe_left'"):
        centre_mm(empty, "lung_lower_lobe_left")


@pytest.mark.parametrize("lesion", LESIONS, ids=lambda lesion: lesion.name)
def test_every_lesion_lies_in_lung_and_changes_only_its_mask(lesion: Lesion) -> None:
    mask = lesion_mask(FOUND, lesion)
    assert (mask <= lung_mask(FOUND)).all()
    made = inserted(VOLUME, mask, lesion.hu)
    assert np.array_equal(made.voxels[~mask], VOLUME.voxels[~mask])
    assert (made.voxels[mask] == lesion.hu).all()
    assert (made.id, made.made_by) == (VOLUME.id, VOLUME.made_by)
    if lesion.diameter_mm >= 40:
        around = np.linalg.norm(placing.to_mm(AFFINE, np.argwhere(mask).astype(float)) - mm(18, 21.5, 18), axis=1)
        assert around.max() <= lesion.diameter_mm / 2 + 1e-6


def test_a_sphere_has_its_volume_and_a_place_of_its_own() -> None:
    fine = Structures(np.full((40, 40, 40), 1, np.uint8), np.diag([1.0, 1.0, 1.0, 1.0]), {1: "lung_upper_lobe_left"})
    wide = Structures(fine.ids, fine.affine, NAMES)
    sphere = Lesion("ball", 30.0, diameter_mm=20.0, lobe="lung_upper_lobe_left")
    centre = np.array([14.3, 20.1, 22.7])
    mask = lesion_mask(wide, sphere, centre=centre)
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.02)
    assert np.allclose(np.argwhere(mask).mean(axis=0), centre, atol=0.3)
    with pytest.raises(InputError, match="'ball' touches no lung"):
        lesion_mask(wide, sphere, centre=np.array([500.0, 0, 0]))


def test_a_mask_of_another_grid_is_refused() -> None:
    with pytest.raises(InputError, match="bring both to one grid"):
        inserted(VOLUME, np.ones((3, 3, 3), bool), 30.0)
    with pytest.raises(InputError, match="hold no voxel of the left lung"):
        lung_mask(Structures(np.zeros((2, 2, 2), np.uint8), np.eye(4), NAMES), side="left")
