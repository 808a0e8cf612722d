"""The tables behind the beam: whole, in order, and what tubes of this kind are known to give."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.drr.beam import SPECTRA, Spectrum
from hilum.drr.coefficients import columns, density_g_cm3, matter


def test_the_tables_share_one_grid_of_energies() -> None:
    tube, table = columns("tungsten.csv"), matter()
    assert np.array_equal(tube["energy_kev"], table.energies_kev)
    assert np.allclose(np.diff(table.energies_kev), 1.0)
    assert (table.energies_kev[0], table.energies_kev[-1]) == (10.5, 149.5)
    assert sorted(int(kv) for kv in tube if kv.isdigit()) == list(range(40, 151))


def test_no_photon_has_more_energy_than_the_tube_gave_it() -> None:
    tube = columns("tungsten.csv")
    for kv in (40, 73, 120):
        fluence = tube[str(kv)]
        assert (fluence >= 0).all()
        assert fluence[tube["energy_kev"] > kv].max(initial=0.0) == 0
        assert fluence[(tube["energy_kev"] > 20) & (tube["energy_kev"] < kv - 1)].min() > 0


def test_the_lines_of_tungsten_appear_above_its_k_edge() -> None:
    """Ka1 at 59.3 keV needs more than 69.5 kV."""
    tube = columns("tungsten.csv")
    energies = tube["energy_kev"]

    def peak(kv: int) -> float:
        near = tube[str(kv)]
        return float(near[energies == 59.5][0] / near[(energies == 55.5) | (energies == 63.5)].mean())

    assert peak(68) < 1.1
    assert peak(120) > 2.0


@pytest.mark.parametrize("kv, low, high", [(60, 25, 60), (80, 45, 100), (100, 75, 150), (120, 105, 210)])
def test_a_tube_gives_the_kerma_that_tubes_give(kv: int, low: float, high: float) -> None:
    """Output at 1 m with about 2.5 mm Al: some 80 microgray per mAs at 80 kV, rising nearly with the square of kV."""
    assert low < Spectrum(kv, (("aluminium", 2.5),)).air_kerma_ugy() < high


def test_output_rises_with_the_square_of_the_voltage() -> None:
    kerma = [Spectrum(kv, (("aluminium", 2.5),)).air_kerma_ugy() for kv in (60, 120)]
    assert 1.6 < np.log2(kerma[1] / kerma[0]) < 2.4


def test_densities_are_those_of_the_elements() -> None:
    for material, expected in {"iron": 7.874, "titanium": 4.5, "lead": 11.35, "gold": 19.3, "water": 1.0}.items():
        assert density_g_cm3(material) == pytest.approx(expected, rel=0.01)


def test_metals_stand_in_the_order_of_their_atomic_numbers_at_fifty_kev() -> None:
    at = int(np.flatnonzero(matter().energies_kev == 50.5)[0])
    order = ("polyethylene", "water", "aluminium", "titanium", "iron", "copper", "silver")
    values = [float(matter().coefficients[name][at]) for name in order]
    assert values == sorted(values)


def test_named_beams_harden_in_the_order_of_their_voltages() -> None:
    means = [SPECTRA[f"DeepDRR {kv}"].mean_kev() for kv in (60, 90, 120)]
    assert means == sorted(means)
    assert SPECTRA["chest PA"].half_value_layer_mm() > SPECTRA["dual-energy high"].half_value_layer_mm()
    assert SPECTRA["portable AP"].kv < SPECTRA["chest PA"].kv
    assert SPECTRA["chest PA"].as_dict() == {"kv": 120.0, "filters_mm": [["aluminium", 3.0], ["copper", 0.1]]}
