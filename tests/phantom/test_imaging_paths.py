"""Path lengths of classes, findings and objects, each against another way to the same number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.attenuation import WATER_PER_MM
from hilum.drr.coefficients import mass_attenuation
from hilum.drr.detector import shrunken
from hilum.drr.geometry import Geometry
from hilum.drr.insert import insert
from hilum.drr.lines import lay
from hilum.drr.objects import Thing, line
from hilum.drr.solids import ball as solid_ball
from hilum.drr.solids import plate
from hilum.drr.structures import path_lengths
from hilum.phantom.imaging_frame import frame
from hilum.phantom.imaging_paths import (
    ABDOMEN_MM,
    CLASSES,
    FIELDS,
    LEAST_MM,
    class_paths,
    contrasts,
    device_paths,
    least_mm,
    lesion_paths,
)  # fmt: skip
from hilum.phantom.patient import Anatomy, Placed, Plan, Pose
from tests.phantom.simple_chest import ball, chest_anatomy, still, with_lesion

SIZE = (64, 64)


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return chest_anatomy()


def geometry_of(anatomy: Anatomy, view: str = "PA", pose: Pose | None = None) -> Geometry:
    return frame(anatomy, pose or still(), view, size=SIZE, seed=2)[0]  # type: ignore[arg-type]


def device(*solids: object, key: str = "device-1") -> Placed:
    return Placed(Plan(key, "device", 1.0), None, (Thing("thing", False, tuple(solids)),))  # type: ignore[arg-type]


@pytest.mark.parametrize("view", ["PA", "LL"])
def test_a_class_is_the_sum_of_its_structures(anatomy: Anatomy, view: str) -> None:
    """Merged before the rays, against each structure sent by itself."""
    structures, geometry = anatomy.body.structures, geometry_of(anatomy, view)
    names = ("lungs", "heart", "ribs", "right lung", "left lung")
    found = class_paths(structures, geometry, names)
    for name in names:
        ids = [i for i, each in structures.names.items() if each.startswith(CLASSES[name])]
        assert np.allclose(found[name], path_lengths(structures, geometry, ids).sum(axis=0), atol=0.05)
    assert np.allclose(found["right lung"] + found["left lung"], found["lungs"], atol=1e-3)
    assert tuple(found) == names


def test_a_turned_patient_is_measured_too(anatomy: Anatomy) -> None:
    geometry = geometry_of(anatomy, pose=Pose(rotation_deg=6.0, tilt_deg=4.0))
    found = class_paths(anatomy.body.structures, geometry, ("heart",))["heart"]
    straight = class_paths(anatomy.body.structures, geometry_of(anatomy), ("heart",))["heart"]
    area = geometry.pitch_mm[0] ** 2, geometry_of(anatomy).pitch_mm[0] ** 2
    assert found.sum() * area[0] == pytest.approx(straight.sum() * area[1], rel=0.05)  # the heart's volume either way


def test_a_structure_stands_for_itself_and_nothing_is_an_error(anatomy: Anatomy) -> None:
    geometry = geometry_of(anatomy)
    found = class_paths(anatomy.body.structures, geometry, ("vertebrae_T5", "spine"))
    assert np.array_equal(found["vertebrae_T5"], found["spine"])
    with pytest.raises(InputError, match="no structure of 'gallbladder'"):
        class_paths(anatomy.body.structures, geometry, ("gallbladder",))


def test_fields_leave_out_what_is_covered_and_keep_the_spine_on_laterals(anatomy: Anatomy) -> None:
    structures = anatomy.body.structures
    frontal = class_paths(structures, geometry_of(anatomy), (FIELDS, "lungs", "spine", "liver"))
    assert not (frontal[FIELDS] > 0)[frontal["liver"] > ABDOMEN_MM].any()
    assert not (frontal[FIELDS] > 0)[frontal["spine"] > 25].any()
    kept = frontal[FIELDS] > 0
    assert np.array_equal(frontal[FIELDS][kept], frontal["lungs"][kept])
    lateral = class_paths(structures, geometry_of(anatomy, "LL"), (FIELDS, "spine"))
    assert (lateral[FIELDS] > 0)[lateral["spine"] > 25].any()


def test_a_line_is_where_and_as_thick_as_inserted_alone(anatomy: Anatomy) -> None:
    """Against `drr.insert`, which works on whole films."""
    coarse = geometry_of(anatomy)
    fine = coarse.resized((128, 128))
    way = np.array([[60.0, -50.0, 120.0], [40.0, -40.0, 60.0], [-10.0, -20.0, 10.0]])
    placed = Placed(Plan("cvc-1", "central venous catheter", 1.0), None, (line("central venous catheter", way),))
    found = device_paths(anatomy, [placed], fine, fine=2)
    nothing = {"soft tissue": np.zeros(fine.shape, np.float32)}
    maps, (shown,) = insert(nothing, placed.things, fine, fine=2)
    assert set(found.maps) == set(maps) - {"soft tissue"}
    for name, areal in found.maps.items():
        assert np.allclose(areal, maps[name], atol=1e-5)
    assert np.array_equal(shrunken(shown.areal, 2) > 0, found.paths["cvc-1"] > 0)
    assert found.pushed.max() > 0


def test_objects_of_one_material_add_up_and_each_keeps_its_own_path(anatomy: Anatomy) -> None:
    fine = geometry_of(anatomy).resized((128, 128))
    beads = [solid_ball("iron", 7.9, r).moved(shift_mm=(66.0, y, 30.0)) for r, y in ((8.0, -40.0), (6.0, 40.0))]
    placed = [device(bead, key=f"bead-{n}") for n, bead in enumerate(beads)]
    both = device_paths(anatomy, placed, fine, fine=2)
    alone = [device_paths(anatomy, [each], fine, fine=2) for each in placed]
    assert np.allclose(both.maps["iron"], sum(each.maps["iron"] for each in alone), atol=1e-6)
    for each, single in zip(placed, alone, strict=True):
        assert np.array_equal(both.paths[each.plan.key], single.paths[each.plan.key])
    pixel_mm2 = (fine.pitch_mm[0] * 2) ** 2
    volume = both.paths["bead-0"].sum() * pixel_mm2 * ((fine.source_isocentre_mm + 40.0) / fine.source_detector_mm) ** 2
    assert volume == pytest.approx(4 / 3 * np.pi * 8.0**3, rel=0.02)


def test_an_object_outside_the_film_adds_nothing(anatomy: Anatomy) -> None:
    fine = geometry_of(anatomy).resized((128, 128))
    far = device(solid_ball("iron", 7.9, 5.0).moved(shift_mm=(900.0, 0.0, 0.0)))
    found = device_paths(anatomy, [far], fine, fine=2)
    assert dict(found.maps) == {}
    assert not found.paths["device-1"].any()


def test_what_metal_adds_is_its_attenuation_less_the_tissue_it_replaces(anatomy: Anatomy) -> None:
    fine = geometry_of(anatomy).resized((128, 128))
    flat = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    slab = device(plate("titanium", 4.5, (50.0, 50.0, 4.0)).moved(rotation=flat, shift_mm=(0.0, -30.0, -30.0)))
    found = device_paths(anatomy, [slab], fine, fine=2)
    row, column = np.round(fine.shadow(np.array([[0.0, -30.0, -30.0]]))[0] / 2).astype(int)
    heart = 1.045 * 0.4 * float(mass_attenuation("soft tissue", 70.0))
    expected = 4.5 * 0.4 * float(mass_attenuation("titanium", 70.0)) - heart
    assert found.change["device-1"][row, column] == pytest.approx(expected, rel=0.02)


def test_tubes_along_the_airway_have_a_shadow_over_the_airway(anatomy: Anatomy) -> None:
    """As the toolkit lays them: most of a tube's pixels lie over the trachea's, where it is in the chest."""
    coarse = geometry_of(anatomy)
    things = lay("endotracheal tube", anatomy.body.structures, np.random.default_rng(0), tip_mm=30.0)
    placed = Placed(Plan("ett-1", "endotracheal tube", 1.0), None, things)
    path = device_paths(anatomy, [placed], coarse.resized((128, 128)), fine=2).paths["ett-1"]
    trachea = class_paths(anatomy.body.structures, coarse, ("trachea",))["trachea"]
    inside = path > least_mm(placed, path)
    columns = np.flatnonzero(inside.any(axis=0))
    over = np.flatnonzero((trachea > 1).any(axis=0))
    assert over.min() - 2 <= columns.min() <= columns.max() <= over.max() + 2


def test_findings_that_overlap_one_another_keep_their_paths(anatomy: Anatomy) -> None:
    geometry = geometry_of(anatomy)
    masks = [ball((66.0, y, 20.0), (22.0, 22.0, 22.0)) for y in (-15.0, 0.0, 15.0)]
    placed = [Placed(Plan(f"f-{n}", "nodule", 0.5), mask) for n, mask in enumerate(masks)]
    paths, change = lesion_paths(anatomy, placed, geometry)
    assert set(paths) == set(change) == {"f-0", "f-1", "f-2"}
    for each in placed:
        alone, _ = lesion_paths(anatomy, [each], geometry)
        assert np.allclose(paths[each.plan.key], alone[each.plan.key], atol=1e-4)


def test_the_change_of_a_finding_is_what_it_adds_to_the_line_integral(anatomy: Anatomy) -> None:
    """900 HU over the 48 mm across a ball's middle, times water; weighted by path, of every ray."""
    geometry = geometry_of(anatomy)
    ill, placed = with_lesion(anatomy, ball((66.0, 0.0, 20.0), (24.0,) * 3), 40.0)
    paths, change = lesion_paths(ill, [placed], geometry, sound=anatomy)
    assert change["nodule-1"].max() == pytest.approx(0.9 * WATER_PER_MM * paths["nodule-1"].max(), rel=0.01)
    assert change["nodule-1"].sum() == pytest.approx(0.9 * WATER_PER_MM * paths["nodule-1"].sum(), rel=0.01)
    guessed = lesion_paths(ill, [placed], geometry)[1]["nodule-1"]
    assert guessed.sum() == pytest.approx(change["nodule-1"].sum(), rel=0.02)


def test_a_sound_body_on_another_grid_is_not_subtracted(anatomy: Anatomy) -> None:
    ill, placed = with_lesion(anatomy, ball((66.0, 0.0, 20.0), (24.0,) * 3), 40.0)
    small = Volume(anatomy.body.volume.voxels[:-1], anatomy.body.volume.affine)
    other = replace(anatomy, body=type(anatomy.body)(small, anatomy.body.structures))
    geometry = geometry_of(anatomy)
    assert np.array_equal(
        lesion_paths(ill, [placed], geometry, sound=other)[1]["nodule-1"],
        lesion_paths(ill, [placed], geometry)[1]["nodule-1"],
    )


def test_an_empty_mask_has_no_path(anatomy: Anatomy) -> None:
    empty = Placed(Plan("none-1", "nodule", 0.0), np.zeros(anatomy.body.volume.voxels.shape, np.bool_))
    assert lesion_paths(anatomy, [empty], geometry_of(anatomy)) == ({}, {})


def test_rules_are_by_concept_and_yield_to_thin_things() -> None:
    mask, path = np.ones((2, 2, 2), np.bool_), np.full((4, 4), 40.0, np.float32)
    for concept, expected in (*LEAST_MM.items(), ("mass", 1.0)):
        assert least_mm(Placed(Plan("k", concept, 0.5), mask), path) == expected
    assert least_mm(Placed(Plan("k", "pneumothorax", 0.5), mask), path / 20) == pytest.approx(0.5)
    assert least_mm(device(solid_ball("iron", 7.9, 1.0)), path) == 0.05
    assert least_mm(Placed(Plan("k", "nodule", 0.5), mask), np.zeros((4, 4), np.float32)) == 1.0


def _on_waves(half: int, height: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Maps of a square of a height on waves of a known spread, in the attenuation of soft tissue at 70 keV."""
    rows, columns = np.indices((96, 96)).astype(np.float32)
    waves = 0.1 * np.sin(2 * np.pi * columns / 6) * np.sin(2 * np.pi * rows / 6)
    tissue = np.float32(mass_attenuation("soft tissue", 70.0))
    change = np.where((np.abs(rows - 48) < half) & (np.abs(columns - 48) < half), height, 0.0).astype(np.float32)
    return {"soft tissue": ((2.0 + waves + change) / tissue).astype(np.float32)}, change


@pytest.mark.parametrize(("half", "height"), [(10, 0.05), (10, -0.02), (4, 0.05), (20, 0.01)])
def test_detectability_is_contrast_over_noise_times_the_root_of_the_area(half: int, height: float) -> None:
    maps, change = _on_waves(half, height)
    lungs = np.full((96, 96), 120.0, np.float32)
    found = contrasts(maps, {"a": np.abs(change) * 100}, {"a": change}, lungs, (2.0, 2.0), fine=1)
    patches = ((2 * half - 1) * 2.0) ** 2 / 100.0  # of 1 cm2; a product of sines has a spread of half its height
    assert found["a"] == pytest.approx(height / 0.05 * np.sqrt(patches), rel=0.05)
    nowhere = contrasts(maps, {"a": np.abs(change) * 100}, {"a": change}, lungs * 0, (2.0, 2.0), fine=1)
    assert nowhere["a"] == pytest.approx(found["a"], rel=0.01)  # the whole body stands in for lungs there are none of


def test_gas_over_fluid_does_not_cancel() -> None:
    maps, change = _on_waves(10, 0.05)
    half = change.copy()
    half[48:] *= -1
    lungs = np.full((96, 96), 120.0, np.float32)
    whole, mixed = (
        contrasts(maps, {"a": np.abs(each) * 100}, {"a": each}, lungs, (2.0, 2.0), fine=1)["a"]
        for each in (change, half)
    )
    assert abs(mixed) == pytest.approx(abs(whole), rel=0.1)


def test_nothing_asked_for_gives_nothing() -> None:
    maps, _ = _on_waves(10, 0.05)
    assert contrasts(maps, {}, {}, np.full((96, 96), 120.0, np.float32), (2.0, 2.0), fine=1) == {}


def test_blocks_are_averaged_whatever_their_size() -> None:
    image = np.random.default_rng(0).random((7, 11)).astype(np.float32)
    padded = np.pad(image, ((0, 2), (0, 1)), mode="edge")
    assert np.allclose(shrunken(image, 3), padded.reshape(3, 3, 4, 3).mean(axis=(1, 3)), atol=1e-6)
    assert np.array_equal(shrunken(image, 1), image)
