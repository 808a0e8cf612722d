"""Spectra, coefficients and transmission against published values and against sums over every energy."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.beam import (
    CESIUM_IODIDE,
    IDEAL,
    MATERIALS,
    SPECTRA,
    Response,
    Spectrum,
    density_g_cm3,
    log_attenuation,
    mass_attenuation,
    transmit,
)

# NIST XCOM, cm2/g, total with coherent scattering
NIST = {
    "water": {40: 0.268, 60: 0.206, 80: 0.184, 100: 0.171},
    "cortical bone": {40: 0.666, 60: 0.315, 80: 0.223, 100: 0.186},
    "aluminium": {40: 0.569, 60: 0.278, 80: 0.202, 100: 0.170},
    "iron": {60: 1.21, 100: 0.37},
    "titanium": {60: 0.77},
    "polyethylene": {60: 0.197, 100: 0.172},
    "lead": {100: 5.55},
    "tungsten": {60: 3.71, 100: 4.44},
    "copper": {60: 1.59, 100: 0.458},
    "gold": {60: 4.53, 100: 5.16},
}
# IEC 61267:2005, RQR series: kV, first half-value layer in mm Al, homogeneity coefficient
RQR = ((40, 1.42, 0.81), (50, 1.78, 0.76), (60, 2.19, 0.74), (70, 2.58, 0.71), (80, 3.01, 0.69), (90, 3.48, 0.68),
       (100, 3.97, 0.68), (120, 5.00, 0.68), (150, 6.57, 0.72))  # fmt: skip


def flat(**areal: float) -> dict[str, np.ndarray]:
    return {name.replace("_", " "): np.full((1, 1), value, np.float32) for name, value in areal.items()}


def through(spectrum: Spectrum, response: Response = IDEAL, **areal: float) -> float:
    return float(log_attenuation(flat(**areal), spectrum, response, exact=True)[0, 0])


@pytest.mark.parametrize("material", NIST)
def test_coefficients_are_those_of_nist(material: str) -> None:
    for energy, expected in NIST[material].items():
        assert mass_attenuation(material, float(energy)) == pytest.approx(expected, rel=0.015)


def test_barium_has_the_share_of_its_sulfate() -> None:
    """0.588 of barium at 8.5 and 2.2 cm2/g, the rest sulfur and oxygen under 0.4."""
    assert mass_attenuation("barium sulfate", 60.0) == pytest.approx(0.588 * 8.51 + 0.12, rel=0.02)
    assert mass_attenuation("barium sulfate", 100.0) == pytest.approx(0.588 * 2.196 + 0.07, rel=0.02)


def test_absorption_edges_stand_where_they_should() -> None:
    for material, edge in {"barium sulfate": 37.44, "gold": 80.72, "lead": 88.0, "tungsten": 69.5}.items():
        below, above = mass_attenuation(material, np.array([edge - 1.2, edge + 1.2]))
        assert above > 2.5 * below


def test_every_material_has_a_density_and_falls_with_energy_beyond_its_edges() -> None:
    for material in MATERIALS():
        assert 0.001 < density_g_cm3(material) < 25
        values = mass_attenuation(material, np.arange(92.0, 149.0))
        assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("kv, first_mm, homogeneity", RQR)
def test_half_value_layers_are_those_of_the_standard_beams(kv: int, first_mm: float, homogeneity: float) -> None:
    """With the filter that gives a standard beam its first half-value layer, the second follows."""
    filters = np.linspace(2.0, 5.0, 61)
    found = [Spectrum(kv, (("aluminium", float(t)),)).half_value_layer_mm() for t in filters]
    thickness = float(np.interp(first_mm, found, filters))
    assert 2.4 < thickness < 4.2
    spectrum = Spectrum(kv, (("aluminium", thickness),))
    first = spectrum.half_value_layer_mm()
    second = spectrum.half_value_layer_mm(share=0.25) - first
    assert first == pytest.approx(first_mm, rel=0.01)
    assert first / second == pytest.approx(homogeneity, abs=0.02)


def test_the_radiation_qualities_behind_a_patient() -> None:
    """IEC 62220-1: RQA5 is 70 kV with 21 mm Al added, HVL 6.8 mm, 30174 photons per mm2 and microgray."""
    hard = Spectrum(70, (("aluminium", 2.84 + 21.0),))
    assert hard.half_value_layer_mm() == pytest.approx(6.8, rel=0.03)
    assert hard.photons_per_ugy() == pytest.approx(30174, rel=0.03)
    harder = Spectrum(120, (("aluminium", 3.5 + 40.0),))
    assert harder.half_value_layer_mm() == pytest.approx(11.5, rel=0.03)
    assert harder.photons_per_ugy() == pytest.approx(31077, rel=0.03)


def test_a_beam_hardens() -> None:
    soft = SPECTRA["portable AP"]
    assert soft.effective_kev() < soft.mean_kev() < soft.kv
    assert soft.thickened("aluminium", 5.0).mean_kev() > soft.mean_kev() + 3
    assert Spectrum(120.5).mean_kev() == pytest.approx(
        (Spectrum(120).mean_kev() + Spectrum(121).mean_kev()) / 2, abs=0.01
    )
    thick, thin = (through(soft, soft_tissue=t) / t for t in (30.0, 1.0))
    assert thick < 0.95 * thin


def test_the_two_weights_of_a_dual_energy_pair() -> None:
    """0.53 cancels bone and 0.79 soft tissue at 15 g/cm2, at 60 and 120 kV with 3.5 mm Al, energies counted."""
    low, high = SPECTRA["dual-energy low"], SPECTRA["dual-energy high"]

    def slope(spectrum: Spectrum, **step: float) -> float:
        start = through(spectrum, water=15.0, cortical_bone=0.0)
        return through(spectrum, water=15.0 + step.get("water", 0), cortical_bone=step.get("bone", 0)) - start

    assert slope(high, bone=0.05) / slope(low, bone=0.05) == pytest.approx(0.53, abs=0.01)
    assert slope(high, water=0.05) / slope(low, water=0.05) == pytest.approx(0.79, abs=0.01)


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("response", [IDEAL, CESIUM_IODIDE], ids=["ideal", "cesium iodide"])
def test_a_few_energies_stand_for_all(name: str, response: Response, draw: np.random.Generator) -> None:
    for metal, most in {"iron": 3.0, "barium sulfate": 1.0, "gold": 0.5, "pvc": 1.0}.items():
        maps = {
            "soft tissue": draw.uniform(0, 40, (40, 50)).astype(np.float32),
            "cortical bone": draw.uniform(0, 7, (40, 50)).astype(np.float32),
            metal: draw.uniform(0, most, (40, 50)).astype(np.float32),
        }
        some, every = (transmit(maps, SPECTRA[name], response, exact=exact) for exact in (False, True))
        assert (np.abs(some - every) <= 1e-3 * np.maximum(every, 1e-3)).all()


def test_one_energy_is_beer_and_lamberts_law() -> None:
    """Behind 3 cm of copper at 60 kV hardly anything but the last few keV is left."""
    narrow = Spectrum(60, (("copper", 30.0),))
    energy = narrow.mean_kev()
    expected = float(mass_attenuation("water", energy)) * 10.0
    assert through(narrow, water=10.0) == pytest.approx(expected, rel=0.01)


def test_maps_may_come_in_any_order_and_nothing_passes_all() -> None:
    maps = {"soft tissue": np.full((3, 4), 9.0, np.float32), "iron": np.full((3, 4), 0.4, np.float32)}
    there = transmit(maps, SPECTRA["chest PA"])
    back = transmit(dict(reversed(maps.items())), SPECTRA["chest PA"])
    assert there.shape == (3, 4)
    assert np.allclose(there, back, rtol=1e-5)
    assert transmit(flat(soft_tissue=0.0), SPECTRA["chest PA"])[0, 0] == pytest.approx(1.0, abs=1e-3)


def test_detectors_see_soft_photons_better() -> None:
    stopped = CESIUM_IODIDE.stopped(np.array([40.0, 60.0, 100.0]))
    assert (np.diff(stopped) < 0).all()
    assert 0.5 < stopped[1] < 0.9
    spectrum = SPECTRA["chest PA"]
    assert through(spectrum, CESIUM_IODIDE, soft_tissue=15.0) > through(spectrum, IDEAL, soft_tissue=15.0)


def test_wrong_beams_are_refused() -> None:
    with pytest.raises(InputError, match="40 to 150 kV"):
        Spectrum(200.0)
    with pytest.raises(InputError, match="no material 'kryptonite'"):
        Spectrum(80.0, (("kryptonite", 1.0),))
    with pytest.raises(InputError, match="cannot be -1 mm"):
        Spectrum(80.0, (("copper", -1.0),))
    with pytest.raises(InputError, match="10 to 150 keV"):
        mass_attenuation("iron", 200.0)
    with pytest.raises(InputError, match="at least one map"):
        transmit({}, SPECTRA["chest PA"])
    with pytest.raises(InputError, match="one shape"):
        transmit({"iron": np.zeros((2, 2), np.float32), "lead": np.zeros((3, 2), np.float32)}, SPECTRA["chest PA"])
