"""Spectra, filters and transmission by the laws they follow: exponentials, mixtures, averages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.drr.beam import CESIUM_IODIDE, IDEAL, SPECTRA, Response, Spectrum, log_attenuation, transmit
from hilum.drr.coefficients import columns, density_g_cm3, mass_attenuation, materials, matter
from hilum.drr.detector import quanta_per_ugy

kilovolts = st.floats(40.0, 150.0)
BEAM = SPECTRA["chest PA"]


def one(**areal: float) -> dict[str, np.ndarray]:
    return {name.replace("_", " "): np.full((1, 1), value, np.float32) for name, value in areal.items()}


# -- coefficients -----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(materials()), st.integers(0, len(matter().energies_kev) - 2), st.floats(0.0, 1.0))
def test_between_energies_a_coefficient_lies_between_its_neighbours(name: str, bin_: int, share: float) -> None:
    ends = matter().energies_kev[bin_ : bin_ + 2]  # the table's own energies: an edge lies between two of them
    low, high = sorted(mass_attenuation(name, ends).tolist())
    assert low * (1 - 1e-9) <= float(mass_attenuation(name, ends[0] + share * np.diff(ends)[0])) <= high * (1 + 1e-9)


def test_a_coefficient_has_the_shape_of_its_energies() -> None:
    assert mass_attenuation("water", 60.0).shape == ()
    assert mass_attenuation("water", np.full((2, 3), 60.0)).shape == (2, 3)
    table = matter()
    assert np.allclose(mass_attenuation("iron", table.energies_kev), table.coefficients["iron"], rtol=1e-9)


@pytest.mark.parametrize("kev", [9.99, 150.01, -1.0, np.nan])
def test_energies_off_the_table_are_refused(kev: float) -> None:
    with pytest.raises(InputError, match="tabulated from 10 to 150 keV"):
        mass_attenuation("water", np.array([60.0, kev]))


def test_an_unknown_material_lists_those_there_are() -> None:
    for ask in (lambda: density_g_cm3("kryptonite"), lambda: mass_attenuation("kryptonite", 60.0)):
        with pytest.raises(InputError, match=r"no material 'kryptonite': choose from .*soft tissue"):
            ask()


def test_tables_are_read_once_and_cannot_be_changed() -> None:
    assert matter() is matter()
    with pytest.raises(ValueError, match="read-only"):
        columns("matter.csv")["energy_kev"][0] = 1.0


# -- spectra ----------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(kilovolts, st.sampled_from(["aluminium", "copper", "soft tissue"]), st.floats(0.0, 3.0))
def test_a_filter_weakens_each_energy_by_beer_and_lambert(kv: float, material: str, thick_mm: float) -> None:
    before = Spectrum(kv)
    after = before.thickened(material, thick_mm)
    mu_per_mm = mass_attenuation(material, before.energies_kev) * density_g_cm3(material) / 10.0
    assert np.allclose(after.fluence(), before.fluence() * np.exp(-mu_per_mm * thick_mm), rtol=1e-9, atol=0)
    assert after.filters == (*before.filters, (material, thick_mm))
    assert before.filters == (("aluminium", 3.0),)


@settings(max_examples=20, deadline=None)
@given(kilovolts, st.floats(0.1, 4.0), st.floats(0.1, 4.0))
def test_filters_may_be_put_in_parts_and_in_any_order(kv: float, first_mm: float, second_mm: float) -> None:
    whole = Spectrum(kv, (("aluminium", first_mm + second_mm), ("copper", 0.1)))
    parts = Spectrum(kv, (("aluminium", second_mm), ("copper", 0.1), ("aluminium", first_mm)))
    assert np.allclose(whole.fluence(), parts.fluence(), rtol=1e-9, atol=0)


@pytest.mark.parametrize("kv", [60, 61, 149])
def test_between_two_voltages_a_spectrum_is_their_mean(kv: int) -> None:
    low, high = (Spectrum(float(v)).fluence() for v in (kv, kv + 1))
    assert np.allclose(Spectrum(kv + 0.25).fluence(), 0.75 * low + 0.25 * high, rtol=1e-9, atol=0)


@settings(max_examples=20, deadline=None)
@given(kilovolts)
def test_mean_and_effective_energy_lie_inside_the_spectrum(kv: float) -> None:
    beam = Spectrum(kv)
    fluence = beam.fluence()
    assert (fluence >= 0).all()
    lowest = float(beam.energies_kev[fluence > 1e-6 * fluence.max()].min())
    for energy in (beam.mean_kev(), beam.effective_kev()):
        assert lowest < energy < kv
    assert beam.photons_per_ugy() * beam.air_kerma_ugy() == pytest.approx(float(fluence.sum()))


@pytest.mark.parametrize("name", list(SPECTRA))
@pytest.mark.parametrize("material", ["aluminium", "copper"])
def test_a_half_value_layer_leaves_half(name: str, material: str) -> None:
    beam = SPECTRA[name]
    for share in (0.5, 0.25, 0.1):
        behind = beam.thickened(material, beam.half_value_layer_mm(material, share=share))
        assert behind.air_kerma_ugy() == pytest.approx(share * beam.air_kerma_ugy(), rel=1e-6)
    first = beam.half_value_layer_mm(material)
    second = beam.half_value_layer_mm(material, share=0.25) - first
    assert second > first  # the beam hardens


def test_the_effective_energy_has_the_same_half_value_layer() -> None:
    for beam in (SPECTRA["portable AP"], SPECTRA["chest PA"]):
        mu = float(mass_attenuation("aluminium", beam.effective_kev())) * density_g_cm3("aluminium") / 10
        assert np.log(2) / mu == pytest.approx(beam.half_value_layer_mm(), rel=2e-3)


def test_more_voltage_and_more_filter_make_a_harder_beam() -> None:
    energies = [Spectrum(float(kv)).mean_kev() for kv in range(50, 151, 20)]
    assert energies == sorted(energies)
    filtered = [Spectrum(100.0).thickened("copper", mm) for mm in (0.0, 0.1, 0.3)]
    assert [b.mean_kev() for b in filtered] == sorted(b.mean_kev() for b in filtered)
    kerma = [b.air_kerma_ugy() for b in filtered]
    assert kerma == sorted(kerma, reverse=True)


@pytest.mark.parametrize("kv", [39.9, 150.1, np.nan])
def test_voltages_off_the_table_are_refused(kv: float) -> None:
    with pytest.raises(InputError, match="tabulated from 40 to 150 kV"):
        Spectrum(kv)


def test_filters_are_known_and_not_negative() -> None:
    with pytest.raises(InputError, match="a filter of copper cannot be -1 mm thick"):
        Spectrum(80.0, (("copper", -1.0),))
    with pytest.raises(InputError, match="no material 'cheese'"):
        Spectrum(80.0).thickened("cheese", 1.0)
    assert Spectrum(80.0, ()).as_dict() == {"kv": 80.0, "filters_mm": []}


# -- detectors --------------------------------------------------------------------------------------------------------


def test_a_layer_stops_a_share_that_grows_with_its_mass() -> None:
    energies = np.array([20.0, 40.0, 60.0, 100.0])
    shares = [Response("cesium iodide", areal).stopped(energies) for areal in (0.0, 0.05, 0.2, 5.0)]
    assert not shares[0].any()
    assert (np.diff(np.stack(shares), axis=0) > 0).all()
    assert (shares[-1] > 0.99).all()
    assert (IDEAL.stopped(energies) == 1.0).all()
    assert np.array_equal(IDEAL.signal_kev(energies), energies)
    assert np.allclose(CESIUM_IODIDE.signal_kev(energies), energies * CESIUM_IODIDE.stopped(energies))


def test_two_layers_let_through_what_one_of_both_does() -> None:
    energies = np.linspace(20, 120, 11)
    passed = [1 - Response("cesium iodide", areal).stopped(energies) for areal in (0.1, 0.08, 0.18)]
    assert np.allclose(passed[0] * passed[1], passed[2])


def test_a_thinner_layer_counts_fewer_quanta() -> None:
    counts = [quanta_per_ugy(BEAM, Response("cesium iodide", areal)) for areal in (0.05, 0.18, 2.0)]
    assert counts == sorted(counts)
    assert counts[-1] < quanta_per_ugy(BEAM, IDEAL) * 1.001


# -- transmission -----------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 30.0), st.floats(0.0, 4.0))
def test_transmission_is_the_average_of_exponentials(soft: float, bone: float) -> None:
    """The sum over the table, written out, with nothing shared but the table itself."""
    energies = BEAM.energies_kev
    weights = BEAM.fluence() * CESIUM_IODIDE.signal_kev(energies)
    depth = soft * mass_attenuation("soft tissue", energies) + bone * mass_attenuation("cortical bone", energies)
    expected = float((weights * np.exp(-depth)).sum() / weights.sum())
    maps = one(soft_tissue=soft, cortical_bone=bone)
    assert float(transmit(maps, BEAM, CESIUM_IODIDE, exact=True)[0, 0]) == pytest.approx(expected, rel=2e-4)
    assert float(transmit(maps, BEAM, CESIUM_IODIDE)[0, 0]) == pytest.approx(expected, rel=3e-3)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_two_layers_of_one_matter_are_one_and_pass_more_than_each_alone_says(one_g: float, two_g: float) -> None:
    """Hardening: behind the first layer the second takes less than it would alone."""
    a, b, both = (float(transmit(one(soft_tissue=g), BEAM, exact=True)[0, 0]) for g in (one_g, two_g, one_g + two_g))
    assert both >= a * b * (1 - 1e-5)
    assert both <= min(a, b) * (1 + 1e-6)


def test_the_line_integral_bends_below_a_straight_line() -> None:
    areal = np.linspace(0, 40, 81, dtype=np.float32)[None]
    shown = log_attenuation({"soft tissue": areal}, BEAM, exact=True)[0].astype(np.float64)
    assert shown[0] == pytest.approx(0.0, abs=1e-5)
    slopes = np.diff(shown)
    assert (slopes > 0).all()
    assert (np.diff(slopes[::8]) < 0).all()
    ends = np.array([30.0, 120.0])
    steep, flat = mass_attenuation("soft tissue", ends) * 0.5
    assert flat < slopes.min() < slopes.max() < steep


def test_nothing_in_the_beam_passes_all_and_lead_nothing() -> None:
    assert float(transmit(one(soft_tissue=0.0), BEAM)[0, 0]) == pytest.approx(1.0, abs=1e-3)
    dark = log_attenuation(one(lead=1000.0), BEAM)
    assert np.isfinite(dark).all()
    assert float(dark[0, 0]) > 20


def test_maps_of_any_size_are_cut_in_pieces_that_do_not_show(draw: np.random.Generator) -> None:
    soft = draw.uniform(0, 30, (150, 140)).astype(np.float32)  # more than one piece of 16,384
    whole = transmit({"soft tissue": soft}, BEAM)
    assert whole.shape == soft.shape
    assert np.allclose(whole[100:], transmit({"soft tissue": soft[100:]}, BEAM), rtol=1e-6)
    turned = transmit({"soft tissue": np.asfortranarray(soft)}, BEAM)
    assert np.array_equal(whole, turned)


def test_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="needs at least one map"):
        transmit({}, BEAM)
    with pytest.raises(InputError, match="must have one shape"):
        transmit({"soft tissue": np.ones((2, 2), np.float32), "iron": np.ones((2, 3), np.float32)}, BEAM)
    with pytest.raises(InputError, match="no material 'cheese'"):
        transmit({"cheese": np.ones((2, 2), np.float32)}, BEAM)
