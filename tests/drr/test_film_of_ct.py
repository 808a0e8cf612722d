"""Films of the one real CT a package carries: left and right, heart, lungs, texture, devices; a pair of energies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import MissingError
from hilum.core.image import Volume
from hilum.drr.beam import CESIUM_IODIDE, SPECTRA, log_attenuation, transmit
from hilum.drr.detector import scatter, scatter_fraction
from hilum.drr.dual_energy import dual_energy
from hilum.drr.field import Field, Structures
from hilum.drr.film import EXPOSURES, PROCESSING, Film, film
from hilum.drr.framing import body_mask, chest_geometry
from hilum.drr.geometry import Geometry
from hilum.drr.lesions import lung_mask
from hilum.drr.materials import Materials, decompose
from hilum.drr.render import line_integrals
from hilum.drr.resample import resampled, structures_resampled
from hilum.measure.spectrum import radial_spectrum_slope

SIZE = 288


class Chest:
    """The CT at 3 mm, what it is made of, and its films."""

    def __init__(self, volume: Volume, structures: Structures) -> None:
        self.volume, self.structures = volume, structures
        self.body = body_mask(volume)
        self.matter: Materials = decompose(
            volume, structures=structures, body=self.body, ct_kev=72.0, cap_hu=60.0
        ).extended(60.0)
        self.geometry: dict[str, Geometry] = {
            view: chest_geometry(volume, structures, view=view, size=SIZE) for view in ("PA", "LL")
        }
        self.maps = {view: self.matter.maps(geometry) for view, geometry in self.geometry.items()}

    def film(self, view: str = "PA", **more: object) -> Film:
        return film(self.maps[view], self.geometry[view], **more)  # type: ignore[arg-type]

    def path(self, *names: str, view: str = "PA") -> np.ndarray:
        inside = np.isin(self.structures.ids, self.structures.wanted(names))
        return line_integrals(Field(inside.astype(np.float32), self.structures.affine), self.geometry[view])


@pytest.fixture(scope="module")
def chest() -> Chest:
    pytest.importorskip("nibabel")
    from hilum.data.chest_ct import chest_ct, chest_structures

    try:
        volume, structures = chest_ct(), chest_structures()
    except MissingError as reason:
        pytest.skip(str(reason))
    return Chest(resampled(volume, 3.0), structures_resampled(structures, 3.0))


def test_the_body_weighs_what_a_trunk_weighs(chest: Chest) -> None:
    """From neck to L3, without most of the arms: 12 to 25 kg, of which bone mineral is a small part."""
    whole = decompose(chest.volume, structures=chest.structures, body=chest.body, ct_kev=72.0, cap_hu=60.0).mass_g()
    assert 12_000 < whole["soft tissue"] < 25_000
    assert 0.01 < whole["cortical bone"] / whole["soft tissue"] < 0.05


def test_the_table_is_gone_and_the_lungs_are_there(chest: Chest) -> None:
    assert chest.body[lung_mask(chest.structures)].mean() > 0.995
    back = chest.body.any(axis=(0, 2))
    assert back.sum() * 3.0 < 300  # a patient is not so deep; with the table it would be 360
    named = np.isin(chest.structures.ids, chest.structures.wanted(["heart", "vertebrae", "liver"]))
    assert chest.body[named].all()


def test_heart_and_stomach_lie_on_image_right(chest: Chest) -> None:
    heart = chest.path("heart")
    middle = np.average(np.arange(SIZE), weights=chest.path("vertebrae").sum(axis=0))
    assert np.average(np.arange(SIZE), weights=heart.sum(axis=0)) > middle + 5
    assert np.average(np.arange(SIZE), weights=chest.path("stomach").sum(axis=0)) > middle + 15
    assert np.average(np.arange(SIZE), weights=chest.path("liver").sum(axis=0)) < middle - 15


def test_lungs_are_dark_mediastinum_and_abdomen_are_bright(chest: Chest) -> None:
    shown = chest.film().image.display()
    lung, spine, liver = chest.path("lung") > 120, chest.path("vertebrae") > 25, chest.path("liver") > 100
    lower = np.arange(SIZE)[:, None] > np.flatnonzero(lung.any(axis=1))[-1]
    assert shown[lung].mean() < 0.45
    assert shown[spine & ~lung].mean() > 0.7
    assert shown[liver & lower].mean() > shown[lung].mean() + 0.2
    assert np.percentile(shown, 98) - np.percentile(shown, 2) > 0.6


def test_the_two_frontal_halves_of_a_film_agree_with_the_lateral_on_heights(chest: Chest) -> None:
    """Both views look at one body: the domes stand at the same height once magnification is taken out."""
    tops = []
    for view in ("PA", "LL"):
        geometry = chest.geometry[view]
        lung = chest.path("lung", view=view) > 5
        rows = np.flatnonzero(lung.any(axis=1))[[0, -1]]
        tops.append(np.ptp(rows) * geometry.pitch_mm[0] / geometry.magnification)
    assert tops[0] == pytest.approx(tops[1], rel=0.05)


def test_scatter_behind_a_real_chest_is_as_measured(chest: Chest) -> None:
    primary = transmit(chest.maps["PA"], SPECTRA["chest PA"], CESIUM_IODIDE)
    pitch = chest.geometry["PA"].pitch_mm[0]
    lung, spine = chest.path("lung") > 120, (chest.path("vertebrae") > 25) & (chest.path("lung") < 60)
    for grid, expected in ((False, (0.5, 0.8)), (True, (0.3, 0.62))):
        share = scatter_fraction(primary, scatter(primary, pitch, grid=grid))
        assert np.median(share[lung]) == pytest.approx(expected[0], abs=0.08)
        assert np.median(share[spine]) == pytest.approx(expected[1], abs=0.1)


def test_processing_brings_the_spectrum_nearer_to_real_films(chest: Chest) -> None:
    """Real films lie near -3.2; a raw line integral is far steeper."""
    p = log_attenuation(chest.maps["PA"], SPECTRA["chest PA"], CESIUM_IODIDE)
    low, high = np.percentile(p, [1, 99])
    raw = radial_spectrum_slope(np.clip((p - low) / (high - low), 0, 1))
    made = radial_spectrum_slope(film(chest.matter, chest.geometry["PA"]).image)
    assert raw < -3.9
    assert raw + 0.5 < made < -2.7


def test_a_portable_film_scatters_more_and_shows_less_contrast(chest: Chest) -> None:
    department, portable = (chest.film(exposure=EXPOSURES[name]) for name in ("PA", "portable AP"))
    assert portable.log["measured"]["scatter_fraction"] > department.log["measured"]["scatter_fraction"] + 0.15
    lung, spine = chest.path("lung") > 120, chest.path("vertebrae") > 25
    contrast = []
    for exposure in (EXPOSURES["PA"], replace(EXPOSURES["PA"], grid=False)):
        low, high = chest.film(exposure=exposure, processing=replace(PROCESSING, detail_power=1.0, edge_gain=1.0)).log[
            "drawn"
        ]["window"]
        contrast.append(high - low)
    assert contrast[1] < contrast[0]
    assert lung.any()
    assert spine.any()


def test_a_wire_of_steel_is_white_over_lung_and_over_the_spine(chest: Chest) -> None:
    wire = np.zeros((SIZE, SIZE), np.float32)
    wire[SIZE // 2 - 1 : SIZE // 2 + 1] = 1.5
    plain, wired = chest.film(), chest.film(extra={"steel": wire})
    row = wired.image.pixels[SIZE // 2]
    lung = chest.path("lung")[SIZE // 2] > 100
    assert (row - plain.image.pixels[SIZE // 2])[lung].min() > 0.1
    assert set(wired.log["in the beam"]) == {"soft tissue", "cortical bone", "steel"}


def test_dense_metal_is_bounded_by_the_scatter_behind_it(chest: Chest) -> None:
    """A grey-level paste of 3000 HU is not what happens: a plate of any thickness shows what scatter is left."""
    shown = []
    for areal in (2.0, 20.0, 80.0):
        plate = np.zeros((SIZE, SIZE), np.float32)
        plate[100:130, 90:120] = areal
        shown.append(chest.film(extra={"iron": plate}).image.pixels[105:125, 95:115].mean())
    assert shown[0] < shown[1] < 1.0
    assert abs(shown[2] - shown[1]) < 0.1 * (shown[1] - shown[0]) + 0.005


def test_ribs_leave_a_subtracted_film(chest: Chest) -> None:
    pair = dual_energy(chest.maps["PA"], chest.geometry["PA"])
    bone = chest.maps["PA"]["cortical bone"]
    lung = (chest.path("lung") > 100) & (chest.path("heart") < 1)
    rib, none = lung & (bone > 0.35), lung & (bone < 0.05)

    def contrast(image: np.ndarray) -> float:
        smooth = np.polynomial.polynomial.polyfit(np.log(chest.maps["PA"]["soft tissue"][none]), image[none], 2)
        expected = np.polynomial.polynomial.polyval(np.log(chest.maps["PA"]["soft tissue"][rib]), smooth)
        return float((image[rib] - expected).mean())

    assert contrast(pair.high) > 0.02
    assert abs(contrast(pair.soft)) < 0.5 * contrast(pair.high)
    assert contrast(pair.bone) > 0
