"""What matter does to photons: mass attenuation, density and air kerma at 10 to 150 keV, from one table.

`tables/matter.csv` is made by `scripts/make_beam_tables.py`, which names the sources.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import read_only
from hilum.core.errors import InputError

Floats = NDArray[np.float64]
_TABLES = Path(__file__).parent / "tables"


class Matter(NamedTuple):
    """The table: energies (N,) in keV, coefficients (N,) in cm2/g and density in g/cm3 by material, air kerma (N,)."""

    energies_kev: Floats
    coefficients: dict[str, Floats]
    densities: dict[str, float]
    air_kerma_ugy: Floats


def columns(name: str) -> dict[str, Floats]:
    """Return a table of `tables/` by column."""
    with (_TABLES / name).open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    values = np.array(rows, np.float64)
    return {title: read_only(values[:, index]) for index, title in enumerate(head)}


@lru_cache(maxsize=1)
def matter() -> Matter:
    """Return the table of materials, read once."""
    found = columns("matter.csv")
    energies, kerma = found.pop("energy_kev"), found.pop("air_kerma_ugy")
    named = {title.split("|")[0]: (values, float(title.split("|")[1])) for title, values in found.items()}
    return Matter(energies, {n: v for n, (v, _) in named.items()}, {n: d for n, (_, d) in named.items()}, kerma)


def materials() -> tuple[str, ...]:
    """Return the names a map of areal density may have, e.g. 'soft tissue', 'cortical bone', 'titanium'."""
    return tuple(matter().coefficients)


def _known(material: str) -> None:
    if material not in matter().coefficients:
        raise InputError(f"there is no material '{material}': choose from {', '.join(materials())}")


def density_g_cm3(material: str) -> float:
    """Return the density of a material as it is usually met.

    Raises:
        InputError: if the material is not in the table.
    """
    _known(material)
    return matter().densities[material]


def mass_attenuation(material: str, energies_kev: Floats | float) -> Floats:
    """Return the total mass attenuation in cm2/g, coherent scattering included, of the shape of `energies_kev`.

    Between the energies of the table, 1 keV apart, by log-log interpolation: an absorption edge is 1 keV wide.

    Raises:
        InputError: if the material is not in the table, or an energy lies outside 10 to 150 keV.
    """
    _known(material)
    asked = np.asarray(energies_kev, np.float64)
    if not ((asked >= 10) & (asked <= 150)).all():
        raise InputError(f"attenuation is tabulated from 10 to 150 keV, got {asked.min():g} to {asked.max():g} keV")
    table = matter()
    found = np.exp(np.interp(np.log(asked), np.log(table.energies_kev), np.log(table.coefficients[material])))
    return np.asarray(found, np.float64)
