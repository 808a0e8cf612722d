"""Bodies on a real CT: the ratio solved for, size after the person, what is cleaned away, and texture mapped over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr import lines
from hilum.drr.field import Structures
from hilum.phantom.families import hybrid_anatomy, warp_anatomy
from hilum.phantom.families_base import BLOOD_HU, base_of, named
from hilum.phantom.patient import Anatomy, Person
from hilum.phantom.warp import Body, cardiothoracic_ratio, draw_warp
from tests.phantom.simple_chest import NAMES, PERSON, STEP, ball, chest_anatomy, chest_body, places


@pytest.fixture(scope="module")
def base() -> Body:
    return chest_body()


def made(base: Body, patient: str = "one", person: Person = PERSON, **more: object) -> Anatomy:
    return warp_anatomy(base, person, seed=5, patient=patient, spacing_mm=STEP, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [0.38, 0.46, 0.55])
def test_the_heart_is_as_wide_as_asked(base: Body, wanted: float) -> None:
    """Measured on the new masks, whose voxels of 4 mm make one of about 60 in the chest's width."""
    anatomy = made(base, ctr=wanted)
    assert cardiothoracic_ratio(anatomy.body) == pytest.approx(wanted, abs=0.03)
    assert anatomy.log["ctr"] == pytest.approx(cardiothoracic_ratio(anatomy.body), abs=1e-4)
    assert anatomy.log["ctr_wanted"] == wanted


def test_one_patient_is_one_body_and_another_is_another(base: Body) -> None:
    first, again, other = made(base), made(base), made(base, "two")
    assert np.array_equal(first.body.volume.voxels, again.body.volume.voxels)
    assert np.array_equal(first.body.structures.ids, again.body.structures.ids)
    assert first.log == again.log
    assert first.body.volume.voxels.shape != other.body.volume.voxels.shape or not np.array_equal(
        first.body.volume.voxels, other.body.volume.voxels
    )


def test_a_tall_person_has_long_lungs_and_a_heavy_one_a_deep_chest(base: Body) -> None:
    def lung_mm(person: Person) -> float:
        return float(np.ptp(np.flatnonzero(named(made(base, person=person).body, "lung").any(axis=(0, 1)))) * STEP)

    def depth_mm(person: Person) -> float:
        body = made(base, person=person).body
        return float(np.ptp(np.flatnonzero((body.volume.voxels > -300).any(axis=(0, 2)))) * STEP)

    small, tall, heavy = (replace(PERSON, height_cm=158.0), replace(PERSON, height_cm=188.0), replace(PERSON, bmi=36.0))
    assert lung_mm(tall) > 1.1 * lung_mm(small)
    assert depth_mm(heavy) > depth_mm(replace(PERSON, bmi=19.0)) + 40


def test_expiration_lifts_the_domes_and_thickens_the_lungs(base: Body) -> None:
    full, half = made(base, inspiration=1.0), made(base, inspiration=0.5)
    volumes = [float(named(each.body, "lung").sum()) for each in (full, half)]
    densities = [float(np.median(each.body.volume.voxels[named(each.body, "lung")])) for each in (full, half)]
    assert volumes[1] < 0.95 * volumes[0]
    assert densities[1] - densities[0] == pytest.approx(75.0, abs=3.0)
    assert densities[0] == pytest.approx(full.log["lung_hu"], abs=8.0)
    assert full.log["torso_scale"] == half.log["torso_scale"]


def test_lungs_have_grain_and_blood_has_none(base: Body) -> None:
    """The made CT's lungs are even: what varies is the grain, as large as the log says but for what air cuts off."""
    anatomy = made(base)
    lung, heart = (named(anatomy.body, name) for name in ("lung", "heart"))
    inner = binary_erosion(lung, iterations=2)
    spread = np.percentile(anatomy.body.volume.voxels[inner], [16, 84])
    assert np.ptp(spread) / 2 == pytest.approx(anatomy.log["grain_hu"], rel=0.1)
    assert np.std(anatomy.body.volume.voxels[binary_erosion(heart, iterations=2)]) < 1.0


def test_lying_makes_the_chest_flatter(base: Body) -> None:
    erect, supine = made(base), made(base, supine=True)
    assert supine.log["torso_scale"][1] < erect.log["torso_scale"][1]
    assert supine.log["dome_lift_mm"] > erect.log["dome_lift_mm"]


def test_the_carina_is_where_the_new_trachea_forks(base: Body) -> None:
    """Against the other finder of carinas in the toolkit, on the warped masks."""
    anatomy = made(base)
    assert np.linalg.norm(anatomy.carina_mm - lines.carina(anatomy.body.structures)) < 4 * STEP


def test_air_and_flesh_keep_their_density(base: Body) -> None:
    body = made(base).body
    heart = body.volume.voxels[named(body, "heart")]
    assert np.median(heart) == pytest.approx(45.0, abs=2.0)
    assert np.median(body.volume.voxels[named(body, "vertebrae")]) > 250
    assert body.volume.voxels.min() >= -1000
    assert body.volume.voxels[0, 0, -1] == -1000


def test_beyond_the_ct_the_body_narrows_to_a_neck(base: Body) -> None:
    body = made(base).body
    wide = (body.volume.voxels > -300).any(axis=1).sum(axis=0) * STEP
    assert wide[-1] < 0.6 * wide[len(wide) // 2]
    assert wide[-1] > 80
    assert not named(body, "rib_")[:, :, -5:].any()


def test_masses_contrast_medium_and_table_are_gone_and_vessels_are_not() -> None:
    chest = chest_body()
    voxels = chest.volume.voxels.copy()
    mass, vessel = ball((70.0, 10.0, 20.0), (13.0, 13.0, 13.0)), ball((-66.0, 0.0, 30.0), (3.0, 60.0, 3.0))
    voxels[mass], voxels[vessel], voxels[named(chest, "heart")] = 30.0, 30.0, 400.0
    at = places()
    voxels[(at[..., 1] > 122) & (at[..., 1] < 127)] = 200.0
    ready = base_of(chest.with_hu(voxels))
    found = ready.body.volume.voxels
    assert ready.filled == 1
    assert (found[mass] < -600).mean() > 0.95
    assert np.array_equal(found[vessel], voxels[vessel])
    assert np.unique(found[named(chest, "heart")]).tolist() == [BLOOD_HU]
    assert (found[at[..., 1] > 122] == -1000).all()
    assert np.array_equal(found[named(chest, "rib_")], voxels[named(chest, "rib_")])


def test_a_ct_without_masses_keeps_its_lungs(base: Body) -> None:
    ready = base_of(base)
    lung = named(base, "lung")
    assert ready.filled == 0
    assert np.array_equal(ready.body.volume.voxels[lung], base.volume.voxels[lung])
    assert ready.lung_hu == pytest.approx(-860.0)
    assert ready.cage_mm == pytest.approx((130.0, 96.0), abs=5.0)
    assert base_of(base) is ready


def test_walls_and_necks_do_not_fold_and_places_are_found_again(base: Body) -> None:
    ready = base_of(base)
    warp = replace(
        draw_warp(base, 2, "x", heart_scale=0.8), centre=ready.centre_mm, cage=ready.cage_mm, wall_scale=2.2,
        top_mm=float(ready.box_mm[1, 2]) - 10,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    points = rng.uniform([-170, -130, -170], [170, 130, 190], (4000, 3)) + warp.centre
    slopes = [(warp.source(points + 0.5 * e) - warp.source(points - 0.5 * e)) for e in np.eye(3)]
    assert np.linalg.det(np.stack(slopes, axis=-1)).min() > 0.03
    inner = rng.uniform([-120, -90, -100], [120, 90, 100], (500, 3)) + ready.centre_mm
    assert np.abs(warp.source(warp.goes_to(inner, rounds=40)) - inner).max() < 0.5


def test_a_hybrid_has_the_outlines_of_one_and_the_texture_of_the_other(base: Body) -> None:
    """The CT's lungs are striped along the head, right and left differently; the made ones are even and denser."""
    chest = chest_body()
    at, voxels = places(), chest.volume.voxels.copy()
    for side, period in ((1, 40.0), (-1, 20.0)):
        lung = named(chest, "lung") & (side * at[..., 0] > 0)
        voxels[lung] = -860.0 + 60.0 * np.sin(2 * np.pi * at[..., 2] / period)[lung]
    thorax = chest_anatomy()
    thorax = replace(thorax, body=thorax.body.with_hu(np.where(named(thorax.body, "lung"), -800.0, 30.0).astype("f4")))
    hybrid = hybrid_anatomy(chest.with_hu(voxels), thorax, seed=1, patient="a")
    lung = named(hybrid.body, "lung")
    assert hybrid.body.structures is thorax.body.structures
    assert (hybrid.body.volume.voxels[~lung] == 30.0).all()
    assert hybrid.family == "hybrid"
    slopes = np.sqrt(sum(each**2 for each in np.gradient(hybrid.body.volume.voxels, STEP)))
    for side in (1, -1):
        own = lung & (side * at[..., 0] > 0)
        values = hybrid.body.volume.voxels[own]
        assert np.median(values) == pytest.approx(-800.0, abs=8)
        assert values.std() > 30
        inner = binary_erosion(own, iterations=2)
        period = 2 * np.pi * hybrid.body.volume.voxels[inner].std() / np.sqrt((slopes[inner] ** 2).mean())
        assert 14.0 < period < 56.0  # one of both, turned, and stretched by up to a third
    again = hybrid_anatomy(chest.with_hu(voxels), thorax, seed=1, patient="a")
    assert np.array_equal(hybrid.body.volume.voxels, again.body.volume.voxels)
    others = [hybrid_anatomy(chest.with_hu(voxels), thorax, seed=1, patient=name) for name in "bcd"]
    alike = [np.corrcoef(hybrid.body.volume.voxels[lung], other.body.volume.voxels[lung])[0, 1] for other in others]
    assert max(alike) < 0.7  # no two patients have one pattern


def test_what_cannot_be_warped_is_refused(base: Body) -> None:
    with pytest.raises(InputError, match="inspiration"):
        made(base, inspiration=2.0)
    with pytest.raises(InputError, match="cardiothoracic"):
        made(base, ctr=0.9)
    ids = np.where(base.structures.ids == 51, 0, base.structures.ids)
    heartless = Body(base.volume, Structures(ids, base.volume.affine, NAMES))
    with pytest.raises(InputError, match="no heart"):
        made(heartless)
    lungless = Body(
        Volume(base.volume.voxels, base.volume.affine),
        Structures(np.where(base.structures.ids == 14, 0, base.structures.ids), base.volume.affine, {14: NAMES[14]}),
    )
    with pytest.raises(InputError, match="no right lung"):
        hybrid_anatomy(base, replace(chest_anatomy(), body=lungless), seed=0, patient="x")
