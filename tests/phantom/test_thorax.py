"""Whole made thoraces: measured on their own masks, against the numbers they were drawn by and published ones."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.anatomy_grid import Grid
from hilum.drr.anatomy_parts import carina
from hilum.phantom.patient import Anatomy
from hilum.phantom.thorax import draw_thorax
from hilum.phantom.warp import cardiothoracic_ratio
from tests.phantom.thoraces import MAN, NAMES, hu, places, thorax

LOBES = (
    "lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right", "lung_middle_lobe_right",
    "lung_lower_lobe_right",
)  # fmt: skip


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> Anatomy:
    return thorax(request.param)


def test_the_heart_is_as_wide_as_drawn(made: Anatomy) -> None:
    assert cardiothoracic_ratio(made.body) == pytest.approx(made.log["ctr_wanted"], abs=0.01)
    assert made.log["ctr"] == pytest.approx(cardiothoracic_ratio(made.body), abs=1e-4)


@pytest.mark.parametrize("wanted", [0.42, 0.62])
def test_the_heart_is_as_wide_as_asked(wanted: float) -> None:
    assert cardiothoracic_ratio(thorax("one", ctr=wanted).body) == pytest.approx(wanted, abs=0.01)


def test_a_wider_heart_takes_from_the_lungs_and_leaves_their_outline() -> None:
    usual, wide = thorax("one", ctr=0.42), thorax("one", ctr=0.62)
    assert sum(wide.log["lungs_ml"].values()) < 0.97 * sum(usual.log["lungs_ml"].values())
    for axis in (0, 2):
        a, b = places(usual, "lung")[:, axis], places(wide, "lung")[:, axis]
        assert a.max() == pytest.approx(b.max(), abs=3.1)
        assert a.min() == pytest.approx(b.min(), abs=3.1)


def test_all_named_structures_are_there(made: Anatomy) -> None:
    names = {made.body.structures.names[number] for number in made.body.structures.present()}
    wanted = {
        *LOBES, "trachea", "heart", "aorta", "superior_vena_cava", "inferior_vena_cava", "esophagus", "liver", "spleen",
        "stomach", "sternum", "costal_cartilages", "spinal_cord", "pulmonary_vein", "brachiocephalic_trunk", "colon",
        *(f"{bone}_{side}" for bone in ("scapula", "clavicula", "humerus") for side in ("left", "right")),
        *(f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 13)),
        *(f"vertebrae_T{n}" for n in range(1, 13)), "vertebrae_L1", "vertebrae_C7",
    }  # fmt: skip
    assert wanted <= names


def test_hounsfield_numbers_are_those_of_tissues(made: Anatomy) -> None:
    assert np.median(hu(made, "trachea")) < -950
    assert np.median(hu(made, "aorta")) == pytest.approx(42, abs=14)
    assert np.median(hu(made, "heart")) == pytest.approx(42, abs=14)
    assert np.median(hu(made, "liver")) == pytest.approx(58, abs=5)
    assert np.median(hu(made, "spleen")) == pytest.approx(48, abs=5)
    assert 50 < np.median(hu(made, "vertebrae_T9")) < 350
    assert 100 < np.median(hu(made, "rib_left_6")) < 700
    assert -940 < np.median(hu(made, *LOBES)) < -800
    voxels = made.body.volume.voxels
    assert voxels.min() >= -1000.0
    assert voxels.max() < 2000.0


def test_outside_the_skin_is_air(made: Anatomy) -> None:
    voxels, ids = made.body.volume.voxels, made.body.structures.ids
    edge = np.concatenate([voxels[:, 0].ravel(), voxels[:, -1].ravel()])
    assert (edge == -1000.0).mean() > 0.98
    assert not ids[:, 0].any()


def test_lungs_hold_what_lungs_hold() -> None:
    """Total capacity at rest before a film: 5.6 (SD 0.9) litres in men and 4.3 (0.7) in women, by the specification."""
    for name, mean, spread in (("man", 5600.0, 900.0), ("woman", 4300.0, 700.0)):
        total = sum(thorax(name).log["lungs_ml"].values())
        assert abs(total - mean) < 1.5 * spread


def test_the_right_lung_is_the_larger(made: Anatomy) -> None:
    volumes = made.log["lungs_ml"]
    right = sum(value for name, value in volumes.items() if name.endswith("right"))
    assert 0.495 < right / sum(volumes.values()) < 0.6


def test_lobes_make_up_the_lungs_and_lie_in_order(made: Anatomy) -> None:
    volumes = made.log["lungs_ml"]
    assert volumes["lung_middle_lobe_right"] < min(volumes["lung_upper_lobe_right"], volumes["lung_lower_lobe_right"])
    upper, middle, lower = (
        places(made, f"lung_{lobe}_lobe_right").mean(axis=0) for lobe in ("upper", "middle", "lower")
    )
    assert upper[2] > middle[2]
    assert upper[2] > lower[2]
    assert lower[1] > middle[1]  # further back
    for side, sign in (("left", 1.0), ("right", -1.0)):
        x = places(made, f"lung_upper_lobe_{side}", f"lung_lower_lobe_{side}")[:, 0]
        assert (sign * x > -12).all()


def test_lungs_are_two_whole_pieces(made: Anatomy) -> None:
    from scipy import ndimage

    for side in ("left", "right"):
        lobes = [name for name in LOBES if name.endswith(side)]
        parts, count = ndimage.label(made.body.mask(*lobes))
        sizes = np.bincount(parts.ravel())[1:]
        assert count >= 1
        assert sizes.max() / sizes.sum() > 0.995


def test_no_bone_lies_within_a_lung(made: Anatomy) -> None:
    """Where a rib is cut by a slice, lung lies on its inner side at most: never all around."""
    bones = made.body.mask("rib", "vertebrae", "scapula", "clavicula", "sternum")
    lungs = made.body.mask("lung")
    around = np.ones_like(lungs)
    for axis in (0, 1):
        for turn in (slice(None), slice(None, None, -1)):
            way = (turn, slice(None)) if axis == 0 else (slice(None), turn)
            around &= np.logical_or.accumulate(lungs[way], axis=axis)[way]
    spine = made.body.mask("vertebrae")
    assert (around & bones & ~spine).sum() < 0.02 * bones.sum()
    assert not (made.body.volume.voxels[lungs] > 250).mean() > 0.002


def test_the_trachea_forks_at_the_fourth_to_sixth_vertebra(made: Anatomy) -> None:
    found = carina(Grid(made.body.structures))
    assert found is not None
    affine = made.body.volume.affine
    z = affine[2, 3] + affine[2, 2] * found[2]
    assert places(made, "vertebrae_T7")[:, 2].mean() < z < places(made, "vertebrae_T3")[:, 2].mean()
    assert z == pytest.approx(made.carina_mm[2], abs=12.0)
    assert abs(made.carina_mm[0] - places(made, "vertebrae_T5")[:, 0].mean()) < 8.0


def test_the_right_dome_is_the_higher(made: Anatomy) -> None:
    gap = made.log["dome_right_mm"] - made.log["dome_left_mm"]
    assert gap == pytest.approx(made.log["drawn"]["dome_gap_mm"], abs=0.1)
    top_of_liver = places(made, "liver")[:, 2].max()
    assert top_of_liver == pytest.approx(made.log["dome_right_mm"], abs=9.0)
    assert 8.0 <= gap <= 25.0


def test_the_dome_lies_on_the_ninth_or_tenth_posterior_rib(made: Anatomy) -> None:
    """Each posterior rib over the middle of the right lung is counted down to the dome."""
    dome, over = made.log["dome_right_mm"], 0
    for number in range(1, 13):
        rib = places(made, f"rib_right_{number}")
        behind = rib[rib[:, 1] > places(made, f"vertebrae_T{number}")[:, 1].mean() - 20.0]
        strip = behind[(behind[:, 0] < -60) & (behind[:, 0] > -90)]
        over += bool(len(strip)) and float(strip[:, 2].mean()) > dome - 8.0
    assert 8 <= over <= 11


def test_costophrenic_angles_are_the_lowest_of_the_lungs(made: Anatomy) -> None:
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lung = places(made, *(name for name in LOBES if name.endswith(side)))
        lowest = lung[lung[:, 2] < lung[:, 2].min() + 8.0]
        deep = made.log[f"dome_{side}_mm"] - lung[:, 2].min()
        assert 35.0 < deep < 130.0
        wide = np.quantile(sign * lung[:, 0], 0.98)
        flank = lung[sign * lung[:, 0] > wide - 8.0]
        assert made.log[f"dome_{side}_mm"] - flank[:, 2].min() > 25.0
        assert lowest[:, 1].mean() > -40.0  # not in front


def test_apices_rise_above_the_clavicles(made: Anatomy) -> None:
    for side, sign in (("left", 1.0), ("right", -1.0)):
        bone = places(made, f"clavicula_{side}")
        inner = bone[sign * bone[:, 0] < np.quantile(sign * bone[:, 0], 0.3)]
        apex = places(made, f"lung_upper_lobe_{side}")[:, 2].max()
        assert 0.0 < apex - inner[:, 2].mean() < 55.0


def test_ribs_fall_towards_the_front(made: Anatomy) -> None:
    for number in range(2, 11):
        for side in ("left", "right"):
            rib = places(made, f"rib_{side}_{number}")
            front, back = (
                rib[np.abs(rib[:, 1] - end) < 12.0][:, 2].mean() for end in (rib[:, 1].min(), rib[:, 1].max())
            )
            assert back - front > 20.0


def test_every_rib_reaches_its_vertebra(made: Anatomy) -> None:
    """No rib begins in mid-air: its head lies within 12 mm of the vertebra of its number or the one above."""
    for number in range(1, 13):
        levels = [f"vertebrae_T{n}" for n in (number - 1, number) if n >= 1]
        bodies = places(made, *levels)
        for side in ("left", "right"):
            rib = places(made, f"rib_{side}_{number}")
            near = rib[np.argsort(np.abs(rib[:, 0] - bodies[:, 0].mean()))[:20]]
            gaps = np.linalg.norm(near[:, None] - bodies[None], axis=2).min()
            assert gaps < 12.0


def test_cartilages_join_the_upper_ribs_to_the_sternum(made: Anatomy) -> None:
    """Bone and cartilage of ribs two to seven, with the sternum, hang together on each side."""
    from scipy import ndimage

    for side in ("left", "right"):
        ribs = [f"rib_{side}_{n}" for n in range(2, 8)]
        joined = ndimage.binary_dilation(made.body.mask(*ribs, "costal_cartilages", "sternum"))
        parts, _ = ndimage.label(joined)
        sternum = np.bincount(parts[made.body.mask("sternum")]).argmax()
        for rib in ribs:
            assert (parts[made.body.mask(rib)] == sternum).mean() > 0.9


def test_organs_lie_on_their_sides(made: Anatomy) -> None:
    assert places(made, "liver")[:, 0].mean() < -10
    assert places(made, "stomach")[:, 0].mean() > 30
    assert places(made, "spleen")[:, 0].mean() > 50
    assert places(made, "heart")[:, 0].mean() > places(made, "vertebrae_T8")[:, 0].mean() + 5
    descending = places(made, "aorta")
    low = descending[np.abs(descending[:, 2] - places(made, "vertebrae_T8")[:, 2].mean()) < 6]
    behind = low[low[:, 1] > made.carina_mm[1] - 10]
    assert behind[:, 0].mean() > places(made, "vertebrae_T8")[:, 0].mean() + 5
    assert places(made, "superior_vena_cava")[:, 0].mean() < made.carina_mm[0] - 8


def test_the_stomach_holds_a_bubble_under_its_top(made: Anatomy) -> None:
    where, values = places(made, "stomach"), hu(made, "stomach")
    gas, fluid = values < -800, values > -50
    assert gas.any()
    assert where[gas][:, 2].min() > np.median(where[fluid][:, 2])


def test_same_seed_gives_the_same_bytes() -> None:
    first = draw_thorax(MAN, spacing_mm=5.0, seed=9, patient="x")
    again = draw_thorax(MAN, spacing_mm=5.0, seed=9, patient="x")
    assert first.body.volume.voxels.tobytes() == again.body.volume.voxels.tobytes()
    assert first.body.structures.ids.tobytes() == again.body.structures.ids.tobytes()
    assert first.log == again.log
    other = draw_thorax(MAN, spacing_mm=5.0, seed=10, patient="x")
    assert other.log["drawn"] != first.log["drawn"]


def test_finer_grids_show_the_same_body() -> None:
    coarse, fine = thorax("man", spacing_mm=3.0), thorax("man", spacing_mm=2.0)
    assert coarse.log["drawn"] == fine.log["drawn"]
    for lobe, value in fine.log["lungs_ml"].items():
        assert coarse.log["lungs_ml"][lobe] == pytest.approx(value, rel=0.05)
    for name in ("heart", "aorta", "liver"):
        assert places(coarse, name).mean(axis=0) == pytest.approx(places(fine, name).mean(axis=0), abs=2.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"spacing_mm": 0.1}, "grid"), ({"inspiration": 1.5}, "inspiration"), ({"ctr": 0.9}, "cardiothoracic")],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw_thorax(MAN, seed=1, patient="x", **wrong)
