"""Before the exposure: the patient without the table, centred on the lungs; and the blur of voxels undone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.field import Field, Structures
from hilum.drr.fourier import filtered
from hilum.drr.framing import LUNG_SHARE, body_mask, chest_geometry
from hilum.drr.geometry import aim
from hilum.drr.lesions import LOBES
from hilum.drr.materials import decompose
from hilum.drr.render import line_integrals
from hilum.drr.restore import restored


def patient() -> tuple[Volume, Structures, np.ndarray]:
    """An elliptic body with two lungs on a table, 3 mm voxels; lobes; and where the body truly is."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in (110, 90, 80)), indexing="ij")
    torso = ((x - 55) / 48) ** 2 + ((y - 38) / 30) ** 2 < 1
    voxels = np.where(torso, 30.0, -1000.0).astype(np.float32)
    ids = np.zeros(voxels.shape, np.uint8)
    for lobe, middle in ((12, 33), (10, 77)):
        lung = ((x - middle) / 15) ** 2 + ((y - 38) / 20) ** 2 + ((z - 42) / 30) ** 2 < 1
        voxels[lung], ids[lung] = -860.0, lobe
    voxels[5:105, 74:78] = 100.0
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    names = dict(zip((10, 11, 12, 13, 14), LOBES, strict=True))
    return Volume(voxels, affine), Structures(ids, affine, names), torso


def test_the_table_is_left_out_and_the_lungs_are_not() -> None:
    volume, structures, torso = patient()
    body = body_mask(volume)
    assert not body[:, 76].any()
    assert body[structures.ids > 0].all()
    overlap = 2 * (body & torso).sum() / (body.sum() + torso.sum())
    assert overlap > 0.9
    cleared = decompose(volume, body=body)
    assert cleared.fields["soft tissue"].values[:, 76].max() == 0
    assert cleared.log["outside the body"] == "air"


def test_air_has_no_body() -> None:
    with pytest.raises(InputError, match="holds no body"):
        body_mask(Volume(np.full((20, 20, 20), -1000.0, np.float32), np.eye(4)))


@pytest.mark.parametrize("view", ["PA", "AP", "LL"])
@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (5.0, -4.0, 8.0)])
def test_the_lungs_fill_their_share_of_the_film(view: str, angles: tuple[float, float, float]) -> None:
    volume, structures, _ = patient()
    geometry = chest_geometry(volume, structures, view=view, size=200, angles_deg=angles)  # type: ignore[arg-type]
    lungs = Field((structures.ids > 0).astype(np.float32), volume.affine)
    shadow = line_integrals(lungs, geometry) > 0
    rows, columns = np.flatnonzero(shadow.any(axis=1)), np.flatnonzero(shadow.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) / 200 == pytest.approx(LUNG_SHARE, abs=0.06)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(99.5, abs=6)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(99.5, abs=6)
    assert geometry.pitch_mm[0] == pytest.approx(geometry.pitch_mm[1])


def test_framing_says_what_it_needs() -> None:
    volume, structures, _ = patient()
    with pytest.raises(InputError, match="no voxel of a lung"):
        chest_geometry(volume, Structures(np.zeros_like(structures.ids), volume.affine, structures.names))
    with pytest.raises(InputError, match="share above 0"):
        chest_geometry(volume, structures, lung_share=0.0)


def test_a_ct_goes_on_beyond_its_ends() -> None:
    volume, structures, _ = patient()
    plain = decompose(volume)
    longer = plain.extended(30.0)
    soft, wide = plain.fields["soft tissue"], longer.fields["soft tissue"]
    assert wide.shape == (110, 90, 100)
    assert np.array_equal(wide.values[..., 10:-10], soft.values)
    assert np.array_equal(wide.values[..., 0], soft.values[..., 0])
    assert wide.affine @ [0, 0, 10, 1] == pytest.approx(soft.affine @ [0, 0, 0, 1])
    geometry = chest_geometry(longer, structures, size=60)
    assert longer.maps(geometry)["soft tissue"][1, 30] > 5


def test_an_even_gain_changes_nothing(draw: np.random.Generator) -> None:
    image = draw.normal(size=(50, 73)).astype(np.float32)
    same = filtered(image, (0.3, 0.4), lambda down, across: np.ones(np.broadcast_shapes(down.shape, across.shape)))
    assert np.allclose(same, image, atol=1e-5)


def seen_through(values: np.ndarray, step: float) -> tuple[Field, np.ndarray]:
    """A projection of 1 mm voxels averaged into slices of a thickness."""
    thick = int(step)
    coarse = values.reshape(*values.shape[:2], -1, thick).mean(axis=3).astype(np.float32)
    affine = np.diag([1.0, 1.0, step, 1.0])
    affine[2, 3] = (step - 1.0) / 2
    geometry = aim(np.eye(4), values.shape, view="AP", detector=(120, 30), pitch_mm=(1, 1), parallel=True)
    field = Field(coarse, affine)
    return field, line_integrals(field, geometry)


def test_restoring_brings_thick_slices_nearer_to_thin_ones(draw: np.random.Generator) -> None:
    along = 5 + gaussian_filter1d(draw.normal(size=160), 3.0)
    fine = np.broadcast_to(along, (40, 40, 160)).astype(np.float32)
    (_, truth), (field, blurred) = seen_through(fine, 1.0), seen_through(fine, 4.0)
    geometry = aim(np.eye(4), fine.shape, view="AP", detector=(120, 30), pitch_mm=(1, 1), parallel=True)
    back = restored({"soft tissue": blurred}, field, geometry)["soft tissue"]
    before, after = (np.sqrt(((image - truth) ** 2).mean()) for image in (blurred, back))
    assert after < 0.75 * before
    assert back.mean() == pytest.approx(blurred.mean(), rel=1e-4)


def test_restoring_by_one_changes_nothing() -> None:
    maps = {"soft tissue": np.ones((20, 20), np.float32)}
    geometry = aim(np.eye(4), (20, 20, 20), detector=(20, 20), parallel=True)
    field = Field(np.ones((20, 20, 20), np.float32), np.eye(4))
    assert restored(maps, field, geometry, most=1.0)["soft tissue"] is maps["soft tissue"]
    assert np.allclose(restored(maps, field, geometry)["soft tissue"], 1.0, atol=1e-5)
