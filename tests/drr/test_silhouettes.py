"""Shadows of structures and what is read from them: sums over parts, scale, mirror images, published formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from hilum.core.errors import InputError, TooLargeError
from hilum.core.image import Image
from hilum.drr.anatomy_grid import V1_HEART, Grid
from hilum.drr.anatomy_parts import lobes, rib_is_anterior, zone_limits
from hilum.drr.anatomy_regions import between_lungs, diaphragm, enclosed, sternal_plane
from hilum.drr.anatomy_rules import Rule
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.labels import Shadow, shadow_mask, shadows
from hilum.drr.labels_coco import coco, polygons, run_lengths
from hilum.drr.labels_measures import HeartSize, check_laterality, heart_size, spine_centre_distance, spine_line
from hilum.drr.structures import footprints, maxima, path_lengths, ray_steps
from hilum.drr.visibility import Visibility, anatomical_noise, mean_values, occlusion, visibility

GRID = np.diag([2.0, 2.0, 2.0, 1.0])
masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def blocks() -> Structures:
    """Two lungs, a heart between and a spine behind, all of blocks."""
    ids = np.zeros((40, 30, 36), np.uint8)
    ids[4:16, 4:24, 6:30], ids[24:36, 4:24, 6:30] = 1, 2
    ids[16:24, 4:12, 8:18], ids[18:22, 22:28, 2:34] = 3, 4
    return Structures(ids, GRID, {1: "lung_right", 2: "lung_left", 3: "heart", 4: "vertebrae_T5"})


def exposure(**more: object) -> Geometry:
    found = blocks()
    return aim(found.affine, found.ids.shape, **{"detector": (60, 60), "pitch_mm": (2.0, 2.0), **more})  # type: ignore[arg-type]


def shadow(
    mask: np.ndarray, name: str = "x", row: int = 0, column: int = 0, shape: tuple[int, int] = (80, 80)
) -> Shadow:
    return Shadow(name, mask.astype(np.float32) * 4.0, mask, row, column, shape, "film")


def disc(row: float, column: float, radius: float, size: int = 80) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(rows - row, columns - column) <= radius


# -- path lengths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (8.0, 5.0, -12.0)])
def test_lengths_add_up_to_those_of_all_together(parallel: bool, angles: tuple[float, float, float]) -> None:
    found, geometry = blocks(), exposure(parallel=parallel, angles_deg=angles)
    apart = path_lengths(found, geometry, model="siddon")
    one = Structures((found.ids > 0).astype(np.uint8), GRID, {1: "all"})
    assert np.allclose(apart.sum(axis=0), path_lengths(one, geometry, model="siddon")[0], atol=1e-3)
    assert apart.shape == (4, 60, 60)


def test_lengths_come_in_the_order_asked_for_and_miss_gives_nought() -> None:
    found, geometry = blocks(), exposure()
    every = path_lengths(found, geometry)
    some = path_lengths(found, geometry, [4, 1])
    assert np.allclose(some[0], every[3], atol=1e-4)
    assert np.allclose(some[1], every[0], atol=1e-4)
    assert not path_lengths(found, geometry, [9]).any()
    assert path_lengths(found, geometry, []).shape == (0, 60, 60)


def test_a_mirrored_patient_swaps_the_lungs() -> None:
    found, geometry = blocks(), exposure()
    mirrored = Structures(np.ascontiguousarray(found.ids[::-1]), GRID, found.names)
    one, two = (path_lengths(each, geometry, [1, 2]) for each in (found, mirrored))
    assert np.allclose(one[0][:, ::-1], two[0], atol=1e-3)
    assert np.allclose(one[0], two[1], atol=1e-3)


def test_a_constant_field_weighs_each_length() -> None:
    found, geometry = blocks(), exposure()
    density = Field(np.full(found.ids.shape, 3.0, np.float32), GRID)
    weighed = path_lengths(found, geometry, field=density, model="siddon")
    assert np.allclose(weighed, 3.0 * path_lengths(found, geometry, model="siddon"), rtol=1e-5, atol=1e-4)
    peak = maxima(found, geometry, density, [3], outside=-2.0)[0]
    inside = path_lengths(found, geometry, [3], model="siddon")[0] > 0
    assert (peak[inside] == 3.0).all()
    assert (peak[~inside] == -2.0).all()


def test_a_footprint_is_the_shadow_of_a_box_and_no_pixel_lies_outside() -> None:
    found, geometry = blocks(), exposure(angles_deg=(8.0, 5.0, -12.0))
    lengths = path_lengths(found, geometry)
    for (top, bottom, left, right), length in zip(footprints(found, geometry, [1, 2, 3, 4]), lengths, strict=True):
        rest = length.copy()
        rest[top:bottom, left:right] = 0
        assert not rest.any()
        assert length.any()
    assert footprints(found, geometry, [7, 200]).tolist() == [[0, 0, 0, 0]] * 2


def test_steps_of_rays_are_their_lengths() -> None:
    geometry = exposure()
    first, down, along = ray_steps(geometry)
    for row, column in ((0, 0), (7, 11), (59, 59)):
        assert np.linalg.norm(first + row * down + column * along) == pytest.approx(geometry.ray_mm()[row, column])


def test_what_cannot_be_measured_is_said() -> None:
    found, geometry = blocks(), exposure()
    for ids, said in (([1, 1], "can be asked for once"), ([0], "lie between 1 and 255"), ([256], "between 1 and 255")):
        with pytest.raises(InputError, match=said):
            path_lengths(found, geometry, ids)
    with pytest.raises(InputError, match="'fast' is not known"):
        path_lengths(found, geometry, model="fast")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lies on another grid"):
        path_lengths(found, geometry, field=Field(np.ones((3, 3, 3), np.float32), GRID))
    with pytest.raises(TooLargeError, match="over the limit of 8: ask for fewer"):
        path_lengths(found, geometry.resized((30_000, 30_000)))


# -- shadows ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(masks, st.integers(0, 30), st.integers(0, 30))
def test_a_shadow_cut_to_its_place_is_the_whole_film(mask: np.ndarray, row: int, column: int) -> None:
    cut = shadow(mask, row=row, column=column)
    whole = cut.mask()
    assert whole.area == cut.area_px == int(mask.sum())
    assert whole.box() == cut.box()
    assert np.array_equal(cut.path_lengths(), whole.pixels * np.float32(4.0))
    assert (whole.image, whole.label) == ("film", "x")


def test_contours_enclose_the_area_they_outline() -> None:
    ring = disc(40, 40, 20) & ~disc(40, 40, 9)
    outer, hole = shadow(ring).contours(tolerance_px=0)

    def area(xy: np.ndarray) -> float:
        x, y = xy.T
        return abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2

    assert area(outer.xy) - area(hole.xy) == pytest.approx(ring.sum(), rel=0.02)
    assert outer.closed
    assert shadow(np.zeros((5, 5), bool)).contours() == []
    simple = shadow(ring).contours(tolerance_px=1.0)[0]
    assert len(simple.xy) < len(outer.xy) / 2
    assert area(simple.xy) == pytest.approx(area(outer.xy), rel=0.05)


@settings(max_examples=40, deadline=None)
@given(masks)
def test_run_lengths_are_read_back(mask: np.ndarray) -> None:
    code = run_lengths(mask)
    assert code["size"] == list(mask.shape)
    assert sum(code["counts"]) == mask.size
    flat = np.repeat(np.arange(len(code["counts"])) % 2 == 1, code["counts"])
    assert np.array_equal(flat.reshape(mask.shape, order="F"), mask)
    assert all(count > 0 for count in code["counts"][1:])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500), st.floats(0.5, 4.0))
def test_a_mask_is_a_threshold_when_the_rule_asks_no_more(seed: int, least: float) -> None:
    path = ndimage.gaussian_filter(np.random.default_rng(seed).uniform(0, 10, (24, 24)), 1.0).astype(np.float32)
    plain = shadow_mask(path, Rule(least_mm=least, pieces=0, fill=False))
    assert (plain <= (path >= least)).all()
    largest = shadow_mask(path, Rule(least_mm=least, pieces=1, fill=False))
    named, _ = ndimage.label(path >= least, np.ones((3, 3)))
    sizes = np.bincount(named.ravel())[1:]
    assert largest.sum() == (sizes.max() if sizes.size else 0)
    filled = shadow_mask(path, Rule(least_mm=least, pieces=1, fill=True))
    assert np.array_equal(filled, ndimage.binary_fill_holes(largest))


def test_shadows_lie_where_the_structures_are() -> None:
    made = shadows(blocks(), exposure(), image="f")
    assert list(made) == ["lung_right", "lung_left", "heart", "vertebrae_T5"]
    right, left = made["lung_right"].box(), made["lung_left"].box()
    assert right is not None
    assert left is not None
    assert right.center[0] < 30 < left.center[0]  # the patient's left is on image right
    assert right.iou(left) == 0.0
    together = shadows(blocks(), exposure(), ["lung"])["lung"]
    assert together.area_px == made["lung_right"].area_px + made["lung_left"].area_px
    with pytest.raises(InputError, match="no structure is named 'spleen'"):
        shadows(blocks(), exposure(), ["spleen"])


def test_polygons_have_the_area_of_their_mask_and_a_coco_file_counts() -> None:
    square = np.zeros((80, 80), bool)
    square[20:40, 30:60] = True
    (line,) = polygons(shadow(square), tolerance_px=0)
    x, y = np.array(line).reshape(-1, 2).T
    assert float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2 == pytest.approx(20 * 30, abs=1.0)
    film = Image(np.zeros((80, 80)), view="PA", id="a")
    shown = {"heart": shadow(square, "heart"), "none": shadow(np.zeros((80, 80), bool), "none")}
    made = coco([(film, shown)])
    assert [c["name"] for c in made["categories"]] == ["heart", "none"]
    (annotation,) = made["annotations"]
    assert (annotation["area"], annotation["bbox"]) == (600, [30.0, 20.0, 30.0, 20.0])
    assert annotation["path_mm"] == {"mean": 4.0, "max": 4.0}
    assert made["images"][0]["file_name"] == "a.png"


# -- measures ---------------------------------------------------------------------------------------------------------


def chest(scale: int = 1, shift: int = 0) -> dict[str, Shadow]:
    """A chest of discs at a whole scale, moved to the right by whole pixels."""
    size = 80 * scale

    def part(row: float, column: float, radius: float, name: str) -> Shadow:
        mask = disc(row * scale, column * scale + shift, radius * scale, size + abs(shift))
        return shadow(mask, name, shape=mask.shape)

    made = {f"vertebrae_T{n}": part(5 * n, 40, 2, f"T{n}") for n in range(1, 13)}
    made["heart"] = part(44, 46, 14, "heart")
    made["lung_overall"] = shadow(part(36, 62, 14, "l").inside | part(36, 18, 14, "r").inside, "lungs",
                                  shape=made["heart"].shape)  # fmt: skip
    made["liver"], made["stomach"] = part(70, 25, 8, "liver"), part(70, 60, 6, "stomach")
    return made


def test_the_cardiothoracic_ratio_is_danzers() -> None:
    size = heart_size(chest())
    assert size == HeartSize(pytest.approx(8.5), pytest.approx(20.5), pytest.approx(73), pytest.approx(40))  # type: ignore[arg-type]
    assert size.ratio == pytest.approx((8.5 + 20.5) / 73)


def test_the_ratio_does_not_depend_on_pixels_or_place() -> None:
    usual = heart_size(chest()).ratio
    assert heart_size(chest(scale=3)).ratio == pytest.approx(usual, rel=0.03)
    assert heart_size(chest(shift=9)).ratio == pytest.approx(usual)
    assert heart_size(chest(shift=9)).midline_px == pytest.approx(49)


def test_a_line_through_the_spine_is_scipys_regression(draw: np.random.Generator) -> None:
    from scipy import stats

    columns = 40 + draw.uniform(-6, 6, 9)
    spine = {f"t{n}": shadow(disc(8 * n + 4, c, 2)) for n, c in enumerate(columns)}
    middles = np.array([np.argwhere(part.inside).mean(axis=0) for part in spine.values()])
    expected = stats.linregress(middles[:, 0], middles[:, 1])
    start, slope = spine_line(spine)
    assert (start, slope) == pytest.approx((expected.intercept, expected.slope), rel=1e-6)
    away = np.abs(middles[:, 1] - start - slope * middles[:, 0]) * np.cos(np.arctan(slope))
    assert spine_centre_distance(spine, pitch_mm=0.7) == pytest.approx(0.7 * away.mean())


def test_measures_say_what_they_lack() -> None:
    with pytest.raises(InputError, match="takes three vertebrae, got 2"):
        spine_line({name: chest()[name] for name in ("vertebrae_T1", "vertebrae_T2", "heart")})
    with pytest.raises(InputError, match="by vertebrae or hemidiaphragm, got 'nose'"):
        heart_size(chest(), midline="nose")
    with pytest.raises(InputError, match="mask of 'cor', and there is none"):
        heart_size(chest(), heart="cor")


def test_names_and_organs_must_agree_on_left_and_right() -> None:
    sound = {**chest(), "lung_left": shadow(disc(36, 62, 14)), "lung_right": shadow(disc(36, 18, 14))}
    check_laterality(sound)
    swapped = {**sound, "lung_left": sound["lung_right"], "lung_right": sound["lung_left"]}
    with pytest.raises(InputError, match="names and organs disagree on left and right"):
        check_laterality(swapped)


# -- visibility -------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 10.0), st.floats(-50, 50))
def test_contrast_to_noise_does_not_depend_on_the_unit_of_the_film(scale: float, offset: float) -> None:
    rng = np.random.default_rng(2)
    film, change = rng.normal(0, 1, (64, 64)).astype(np.float32), disc(30, 30, 6, 64).astype(np.float32)
    usual = visibility(change, film, (1.0, 1.0))
    other = visibility(change * np.float32(scale), film * np.float32(scale) + np.float32(offset), (1.0, 1.0))
    assert other.contrast_to_noise == pytest.approx(usual.contrast_to_noise, rel=1e-2)
    assert other.area_px == usual.area_px == int(change.sum())
    assert usual.contrast == pytest.approx(1.0)


def test_noise_is_what_the_gaussian_leaves() -> None:
    rng = np.random.default_rng(3)
    film = rng.normal(0, 2, (60, 60)).astype(np.float32)
    region = disc(30, 30, 20, 60)
    expected = (film - ndimage.gaussian_filter(film.astype(float), (5.0 / 0.5, 5.0 / 0.8)))[region].std()
    assert anatomical_noise(film, region, (0.5, 0.8), smooth_mm=5.0) == pytest.approx(expected)
    with pytest.raises(InputError, match="16 pixels or more, got 5"):
        anatomical_noise(film, disc(30, 30, 1, 60), (1.0, 1.0))
    assert Visibility(-3.0, 1.5, 4).contrast_to_noise == -2.0


def test_a_density_margin_leaves_out_what_is_hardly_denser() -> None:
    film = {"lung": shadow(disc(40, 40, 20), "lung"), "heart": shadow(disc(40, 55, 10), "heart")}
    density = {"lung": 0.2, "heart": 1.0}
    covered = (disc(40, 40, 20) & disc(40, 55, 10)).sum() / disc(40, 40, 20).sum()
    assert occlusion("lung", film, density).share == pytest.approx(covered)
    assert occlusion("lung", film, density, denser_by=0.9).share == 0.0
    with pytest.raises(InputError, match="'lung' casts no shadow"):
        occlusion("lung", {**film, "lung": shadow(np.zeros((80, 80), bool))}, density)


def test_means_of_structures_are_numpys(draw: np.random.Generator) -> None:
    found = blocks()
    field = Field(draw.integers(0, 900, found.ids.shape).astype(np.uint16), GRID, scale=0.01)
    means = mean_values(found, field)
    for number, name in found.names.items():
        assert means[name] == pytest.approx(field.values[found.ids == number].mean() * 0.01, rel=1e-6)
    unnamed = mean_values(Structures(found.ids, GRID, {1: "lung_right"}), field)
    assert set(unnamed) == {"lung_right", "2", "3", "4"}
    with pytest.raises(InputError, match="use one grid"):
        mean_values(found, Field(np.ones((2, 2, 2), np.float32), GRID))


# -- anatomy ----------------------------------------------------------------------------------------------------------


def test_a_grid_turned_any_way_shows_the_same_patient(draw: np.random.Generator) -> None:
    found = blocks()
    straight = Grid(found)
    affine = np.array([[0, 0, -2.0, 78], [-2.0, 0, 0, 58], [0, 2.0, 0, 0], [0, 0, 0, 1]])
    stored = np.ascontiguousarray(found.ids[::-1, ::-1].transpose(1, 2, 0))
    turned = Grid(Structures(stored, affine, found.names))
    assert np.array_equal(straight.ids, turned.ids)
    assert turned.spacing_mm == (2.0, 2.0, 2.0)
    for name in found.names.values():
        assert straight.box(name) == turned.box(name)
        assert np.array_equal(straight.voxels(name), turned.voxels(name))


def test_a_grid_finds_boxes_masks_and_heights() -> None:
    grid = Grid(blocks())
    assert grid.box("heart") == (slice(16, 24), slice(4, 12), slice(8, 18))
    assert grid.around(["heart"], 3) == (slice(13, 27), slice(1, 15), slice(5, 21))
    assert grid.around(["lung_left", "vertebrae_T5"], 50) == (slice(0, 40), slice(0, 30), slice(0, 36))
    assert grid.mask(["heart"], grid.box("heart")).all()
    assert len(grid.voxels("heart")) == 8 * 8 * 10
    assert grid.height(["heart"]) == pytest.approx(12.5)
    assert grid.height(["heart"], 1.0) == 17.0
    assert grid.height(["spleen"]) is None
    assert grid.present("spleen", "heart") == ["heart"]
    assert grid.heart() == ["heart"]
    parts = Structures(np.arange(1, 6, dtype=np.uint8).reshape(5, 1, 1), GRID, dict(enumerate(V1_HEART, 1)))
    assert Grid(parts).heart() == list(V1_HEART)


def test_the_lobes_of_the_right_lung_are_three() -> None:
    assert lobes("left") == ("lung_upper_lobe_left", "lung_lower_lobe_left")
    assert lobes("right") == ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right")


def test_ribs_of_both_sides_are_mirror_images() -> None:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 300)
    left = np.rint(np.stack([60 * np.cos(angle), 50 * np.sin(angle), 0 * angle], 1)).astype(np.int64)
    right = left * np.array([-1, 1, 1])
    one, two = rib_is_anterior(left, "left", (1.0, 1.0, 1.0)), rib_is_anterior(right, "right", (1.0, 1.0, 1.0))
    assert np.array_equal(one, two)
    coarse = rib_is_anterior(left, "left", (0.1, 0.1, 0.1))  # the front is then 5 mm long: no anterior part
    assert not coarse.any()


def test_between_two_lungs_is_symmetric() -> None:
    left, right = np.zeros((30, 8, 3), bool), np.zeros((30, 8, 3), bool)
    right[3:9, 1:6], left[20:27, 2:8] = True, True
    found = between_lungs(left, right)
    assert np.array_equal(between_lungs(right[::-1], left[::-1])[::-1], found)
    assert found.sum() == (20 - 9) * 4 * 3


@settings(max_examples=25, deadline=None)
@given(arrays(bool, (7, 6, 2)))
def test_enclosed_is_seen_from_four_sides(mask: np.ndarray) -> None:
    found = enclosed(mask)
    assert (mask <= found).all()
    for x, y, z in np.argwhere(found & ~mask):
        assert mask[:x, y, z].any()
        assert mask[x + 1 :, y, z].any()
        assert mask[x, :y, z].any()
        assert mask[x, y + 1 :, z].any()
    assert np.array_equal(enclosed(mask[::-1]), found[::-1])


def chest_of_blocks(step: float = 2.0) -> Grid:
    """Second ribs, T4 and T5, a clavicle, pulmonary vessels, a lung over a liver."""
    ids = np.zeros((60, 50, 60), np.uint8)
    ids[10:26, 5:45, 15:50], ids[10:26, 5:45, 5:15] = 1, 2
    ids[4:8, 6:40, 44:46], ids[52:56, 6:40, 44:46] = 3, 4
    ids[27:33, 38:48, 40:44], ids[27:33, 38:48, 34:38] = 5, 6
    ids[8:28, 4:6, 46:48], ids[27:30, 20:24, 25:33] = 7, 8
    names = {1: "lung_upper_lobe_right", 2: "liver", 3: "rib_right_2", 4: "rib_left_2", 5: "vertebrae_T4",
             6: "vertebrae_T5", 7: "clavicula_right", 8: "pulmonary_vein"}  # fmt: skip
    return Grid(Structures(ids, np.diag([step, step, step, 1.0]), names))


@pytest.mark.parametrize("step", [1.0, 2.0])
def test_the_sternal_plane_runs_from_the_second_ribs_to_the_disc(step: float) -> None:
    found = sternal_plane(chest_of_blocks(step))
    assert found is not None
    y_front, z_front, y_back, z_back = found
    assert 6 * step <= y_front <= 6 * step + 10
    assert z_front == pytest.approx(44.5 * step)
    assert z_back == pytest.approx(38.5 * step)
    assert y_back < 43 * step  # the body is the front of a vertebra
    assert sternal_plane(Grid(blocks())) is None


def test_zones_are_parted_at_the_clavicle_and_the_hilum() -> None:
    limits = zone_limits(chest_of_blocks(), "right")
    assert limits == pytest.approx((46.0, 32.0, 25.0), abs=0.6)
    assert zone_limits(chest_of_blocks(), "left") is None


def test_half_a_diaphragm_lies_under_its_lung_and_needs_its_organ() -> None:
    grid = chest_of_blocks()
    found = diaphragm(grid, "right")
    assert found is not None
    assert set(np.unique(found[:, 2])) == set(range(12, 17))  # the lung's lowest voxel is 15, the liver's highest 14
    assert found[:, 0].min() >= 8
    assert found[:, 0].max() <= 28
    assert diaphragm(grid, "left") is None
