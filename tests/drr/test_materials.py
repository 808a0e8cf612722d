"""A CT split into materials: nothing is lost, nothing is invented."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.beam import MATERIALS, SPECTRA, log_attenuation, mass_attenuation
from hilum.drr.field import Structures
from hilum.drr.geometry import aim
from hilum.drr.materials import Materials, decompose

AFFINE = np.diag([2.0, 3.0, 2.5, 1.0])
CM3 = 2.0 * 3.0 * 2.5 / 1000


def body(draw: np.random.Generator) -> tuple[Volume, np.ndarray]:
    """Whole Hounsfield numbers of air, tissue and a bone, and where the bone is."""
    voxels = draw.integers(-1000, 120, (20, 16, 18)).astype(np.float32)
    bone = np.zeros(voxels.shape, bool)
    bone[5:12, 4:9, 6:14] = True
    voxels[bone] = draw.integers(-50, 1700, int(bone.sum()))
    return Volume(voxels, AFFINE), bone


def test_soft_tissue_and_bone_add_up_to_the_mass_of_the_ct(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    made = decompose(volume, bone=bone)
    whole = float((1 + volume.voxels.astype(np.float64) / 1000).sum()) * CM3
    assert sum(made.mass_g().values()) == pytest.approx(whole, rel=1e-6)
    total = sum(each.float32() for each in made.fields.values())
    assert np.allclose(total, 1 + volume.voxels / 1000, atol=1e-6)


def test_bone_has_the_share_its_hounsfield_units_say(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    hard = decompose(volume, bone=bone).fields["cortical bone"].float32()
    assert (hard[~bone] == 0).all()
    share = np.clip((volume.voxels - 40) / 1460, 0, 1) * (1 + volume.voxels / 1000)
    assert np.allclose(hard[bone], share[bone], atol=6e-4)


def test_structures_name_their_bones(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    ids = np.where(bone, 92, 51).astype(np.uint8)
    named = Structures(ids, AFFINE, {51: "heart", 92: "rib_left_1", 25: "sacrum"})
    by_name, by_mask = decompose(volume, structures=named), decompose(volume, bone=bone)
    assert by_name.log["bone from"] == "structures"
    for material in ("soft tissue", "cortical bone"):
        assert np.array_equal(by_name.fields[material].values, by_mask.fields[material].values)


def test_with_no_mask_a_threshold_is_used_and_said(draw: np.random.Generator) -> None:
    volume, _ = body(draw)
    made = decompose(volume)
    assert "threshold" in made.log["bone from"]
    assert ((made.fields["cortical bone"].values > 0) == (volume.voxels >= 200)).all()
    unnamed = Structures(np.ones(volume.voxels.shape, np.uint8), AFFINE, {1: "liver"})
    assert "threshold" in decompose(volume, structures=unnamed).log["bone from"]


def test_a_device_replaces_what_the_ct_could_not_measure(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    device = np.zeros(bone.shape, bool)
    device[8:10, 8:12, 3:8] = True
    made = decompose(volume, bone=bone, device=device, device_material="iron")
    assert made.mass_g()["iron"] == pytest.approx(7.874 * device.sum() * CM3, rel=1e-3)
    for material in ("soft tissue", "cortical bone"):
        assert (made.fields[material].values[device] == 0).all()
    assert made.log["device"] == "iron"


def test_at_its_own_energy_the_ct_is_given_back(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    made = decompose(volume, bone=bone, ct_kev=72.0)
    water = float(mass_attenuation("water", 72.0))
    ratio = {"soft tissue": 1.0, "cortical bone": float(mass_attenuation("cortical bone", 72.0)) / water}
    seen = sum(each.float32() * ratio[name] for name, each in made.fields.items())
    assert np.allclose(seen, 1 + volume.voxels / 1000, atol=1.5e-3)
    dense = decompose(Volume(np.full((2, 2, 2), 1500.0, np.float32), AFFINE), ct_kev=72.0)
    assert dense.fields["cortical bone"].float32()[0, 0, 0] == pytest.approx(1.92, rel=0.04)  # ICRU cortical bone


def test_contrast_medium_can_be_taken_out_of_blood(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    made = decompose(volume, bone=bone, cap_hu=60.0)
    assert made.fields["soft tissue"].float32()[~bone].max() == pytest.approx(1.06)
    assert np.array_equal(
        made.fields["cortical bone"].values, decompose(volume, bone=bone).fields["cortical bone"].values
    )


def test_maps_are_in_grams_per_square_centimetre() -> None:
    volume = Volume(np.zeros((40, 30, 40), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
    geometry = aim(volume.affine, volume.voxels.shape, view="AP", detector=(21, 21), pitch_mm=(2, 2), parallel=True)
    maps = decompose(volume).maps(geometry)
    assert maps["soft tissue"][10, 10] == pytest.approx(6.0, rel=1e-3)
    assert maps["cortical bone"].max() == 0
    assert set(maps) <= set(MATERIALS())
    seen = log_attenuation(maps, SPECTRA["chest PA"])[10, 10] / 6.0
    assert 0.17 < seen < 0.25


def test_the_real_chest_has_the_thicknesses_measured_before() -> None:
    """At 120 kV and 3.5 mm Al: 7 to 23 g/cm2 of soft tissue, up to 4 of bone, -ln(I/I0) of 3.4 and 5.0 (50, 95 %)."""
    pytest.importorskip("nibabel")
    from hilum.core.errors import MissingError
    from hilum.data.chest_ct import chest_ct, chest_structures
    from hilum.drr.project import film_geometry
    from hilum.drr.resample import resampled, structures_resampled

    try:
        volume, structures = resampled(chest_ct(), 4.0), structures_resampled(chest_structures(), 4.0)
    except MissingError as reason:
        pytest.skip(str(reason))
    made = decompose(volume, structures=structures)
    maps = made.maps(film_geometry(volume, size=128))
    inside = maps["soft tissue"] > 5
    low, high = np.percentile(maps["soft tissue"][inside], [5, 95])
    assert low == pytest.approx(7, abs=1.5)
    assert high == pytest.approx(23, abs=1.5)
    assert maps["cortical bone"].max() == pytest.approx(4, abs=1)
    p = log_attenuation(maps, SPECTRA["dual-energy high"])[inside]
    assert np.percentile(p, [50, 95]) == pytest.approx([3.4, 5.0], abs=0.25)


def test_what_does_not_fit_is_refused(draw: np.random.Generator) -> None:
    volume, bone = body(draw)
    with pytest.raises(InputError, match="bone mask are"):
        decompose(volume, bone=bone[:3])
    with pytest.raises(InputError, match="no material 'adamantium'"):
        decompose(volume, device=bone, device_material="adamantium")
    assert isinstance(decompose(volume), Materials)
