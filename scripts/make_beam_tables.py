"""Make the tables of tube spectra and attenuation coefficients that `hilum.drr.beam` reads.

Run: pip install spekpy xraydb sqlalchemy platformdirs && python scripts/make_beam_tables.py

- tungsten.csv: fluence of a tungsten anode (12 degrees, no filter) at 40 to 150 kV, from SpekPy 2.5 (MIT licence),
  model kqp (Poludniowski, Omar, Bujila, Andreo, Med Phys 2021;48:3630).
- matter.csv: total mass attenuation with coherent scattering from XrayDB 4.5 (MIT licence; Elam, Ravel, Sieber,
  Radiat Phys Chem 2002;63:121), mixed by weight; air kerma for a fluence of 1 photon/mm2 from NIST's mass
  energy-absorption of air as SpekPy carries it. The composition of tissues is ICRU Report 44's.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import spekpy
import xraydb

TABLES = Path(__file__).resolve().parents[1] / "src" / "hilum" / "drr" / "tables"
ENERGIES_KEV = np.arange(10, 150) + 0.5
KV = range(40, 151)
WEIGHTS: dict[str, tuple[float, dict[str, float]]] = {  # density in g/cm3, shares of mass
    "water": (1.0, {"H": 0.111894, "O": 0.888106}),
    "soft tissue": (1.06, {"H": 0.102, "C": 0.143, "N": 0.034, "O": 0.708, "Na": 0.002, "P": 0.003, "S": 0.003,
                           "Cl": 0.002, "K": 0.003}),
    "lung": (1.05, {"H": 0.103, "C": 0.105, "N": 0.031, "O": 0.749, "Na": 0.002, "P": 0.002, "S": 0.003, "Cl": 0.003,
                    "K": 0.002}),
    "adipose": (0.95, {"H": 0.114, "C": 0.598, "N": 0.007, "O": 0.278, "Na": 0.001, "S": 0.001, "Cl": 0.001}),
    "cortical bone": (1.92, {"H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103,
                             "S": 0.003, "Ca": 0.225}),
    "air": (0.001205, {"C": 0.000124, "N": 0.755268, "O": 0.231781, "Ar": 0.012827}),
    "aluminium": (2.699, {"Al": 1.0}),
    "titanium": (4.54, {"Ti": 1.0}),
    "iron": (7.874, {"Fe": 1.0}),
    "steel": (8.0, {"Si": 0.007, "Cr": 0.17, "Mn": 0.01, "Fe": 0.668, "Ni": 0.12, "Mo": 0.025}),  # 316L
    "nitinol": (6.45, {"Ni": 0.56, "Ti": 0.44}),
    "copper": (8.96, {"Cu": 1.0}),
    "silver": (10.5, {"Ag": 1.0}),
    "tungsten": (19.3, {"W": 1.0}),
    "platinum": (21.45, {"Pt": 1.0}),
    "gold": (19.32, {"Au": 1.0}),
    "lead": (11.35, {"Pb": 1.0}),
    "barium sulfate": (4.5, {"O": 0.274212, "S": 0.137368, "Ba": 0.58842}),
    "iodine": (4.93, {"I": 1.0}),
    "pvc": (1.406, {"H": 0.04838, "C": 0.38436, "Cl": 0.56726}),
    "silicone": (1.1, {"H": 0.081556, "C": 0.323929, "O": 0.215752, "Si": 0.378763}),
    "polyethylene": (0.93, {"H": 0.143711, "C": 0.856289}),
    "polyurethane": (1.1, {"H": 0.081, "C": 0.6, "N": 0.08, "O": 0.239}),
    "cellulose": (1.5, {"H": 0.062165, "C": 0.444462, "O": 0.493373}),  # cotton
    "glass": (2.23, {"B": 0.040066, "O": 0.539559, "Na": 0.028191, "Al": 0.011644, "Si": 0.377220, "K": 0.003321}),
    "cesium iodide": (4.51, {"I": 0.48845, "Cs": 0.51155}),
    "gadolinium oxysulfide": (7.32, {"O": 0.084527, "S": 0.084690, "Gd": 0.830783}),
}  # fmt: skip


def coefficients(shares: dict[str, float]) -> np.ndarray:
    """Mass attenuation in cm2/g at every energy."""
    total = sum(shares.values())
    return sum(part / total * xraydb.mu_elam(symbol, ENERGIES_KEV * 1e3) for symbol, part in shares.items())


def kerma() -> np.ndarray:
    """Air kerma in microgray of one photon per mm2, at every energy."""
    spectrum = spekpy.Spek(kvp=150, dk=1.0)
    absorption = spectrum.muen_air_data.get_muen_over_rho_air(ENERGIES_KEV)  # cm2/g
    joule_per_kev, per_cm2, gram_per_kg = 1.602176634e-16, 100.0, 1000.0
    return ENERGIES_KEV * joule_per_kev * absorption * per_cm2 * gram_per_kg * 1e6


def spectra() -> np.ndarray:
    """Fluence (kV, energies) in photons per mm2, keV and mAs at 1 m."""
    rows = np.zeros((len(KV), len(ENERGIES_KEV)))
    for row, kv in zip(rows, KV, strict=True):
        energies, fluence = spekpy.Spek(kvp=kv, th=12, dk=1.0, z=100).get_spectrum(edges=False)
        inside = energies > 10
        row[: inside.sum()] = fluence[inside] / 100.0
    return rows


def written(name: str, head: list[str], rows: np.ndarray) -> None:
    """Write a table of four significant digits."""
    with (TABLES / name).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows([f"{row[0]:g}", *(f"{value:.4g}" for value in row[1:])] for row in rows)
    print(f"{name}: {len(rows)} rows, {(TABLES / name).stat().st_size:,} bytes")


def main() -> None:
    """Write both tables beside the code that reads them."""
    TABLES.mkdir(exist_ok=True)
    columns = [ENERGIES_KEV, kerma(), *(coefficients(shares) for _, shares in WEIGHTS.values())]
    names = [f"{name}|{density:g}" for name, (density, _) in WEIGHTS.items()]
    written("matter.csv", ["energy_kev", "air_kerma_ugy", *names], np.stack(columns, axis=1))
    found = np.concatenate([ENERGIES_KEV[:, None], spectra().T], axis=1)
    written("tungsten.csv", ["energy_kev", *(str(kv) for kv in KV)], found)


if __name__ == "__main__":
    main()
