"""The beam: spectra of a tungsten tube, what a detector makes of a photon, and transmission through materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import read_only
from hilum.core.errors import InputError
from hilum.drr.coefficients import Floats, columns, density_g_cm3, mass_attenuation, materials, matter

__all__ = [
    "CESIUM_IODIDE", "IDEAL", "MATERIALS", "SPECTRA", "Response", "Spectrum", "density_g_cm3", "log_attenuation",
    "mass_attenuation", "transmit",
]  # fmt: skip

MATERIALS = materials
_CHUNK, _TOLERANCE = 16384, 7e-4
Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Spectrum:
    """The photons that leave a tungsten tube (12 degree anode) and its filters.

    Args:
        kv: tube voltage, 40 to 150 kV.
        filters: (material, thickness in mm), the tube's own filtration included.

    Raises:
        InputError: if the voltage is outside the table, a filter is not a known material or its thickness negative.
    """

    kv: float
    filters: tuple[tuple[str, float], ...] = (("aluminium", 3.0),)

    def __post_init__(self) -> None:
        if not 40 <= self.kv <= 150:
            raise InputError(f"tube spectra are tabulated from 40 to 150 kV, got {self.kv:g} kV")
        for material, thickness in self.filters:
            density_g_cm3(material)
            if not thickness >= 0:
                raise InputError(f"a filter of {material} cannot be {thickness:g} mm thick")

    @property
    def energies_kev(self) -> Floats:
        """(N,) middles of energy bins of 1 keV."""
        return matter().energies_kev

    def fluence(self) -> Floats:
        """Return photons (N,) per mm2, keV and mAs, 1 m from the focal spot in air."""
        return _fluence(self)

    def thickened(self, material: str, thickness_mm: float) -> Spectrum:
        """Return the spectrum behind one more filter."""
        return Spectrum(self.kv, (*self.filters, (material, thickness_mm)))

    def mean_kev(self) -> float:
        """Return the mean energy of a photon."""
        return float(np.average(self.energies_kev, weights=self.fluence()))

    def air_kerma_ugy(self) -> float:
        """Return the air kerma per mAs at 1 m."""
        return float(self.fluence() @ matter().air_kerma_ugy)

    def photons_per_ugy(self) -> float:
        """Return photons per mm2 that make an air kerma of 1 microgray."""
        return float(self.fluence().sum()) / self.air_kerma_ugy()

    def half_value_layer_mm(self, material: str = "aluminium", *, share: float = 0.5) -> float:
        """Return the thickness that leaves a share of the air kerma; 0.25 less 0.5 is the second half-value layer."""
        kerma, mu = self.fluence() * matter().air_kerma_ugy, mass_attenuation(material, self.energies_kev)
        mu = mu * density_g_cm3(material) / 10.0
        low, high = 0.0, 1e4 / density_g_cm3(material)
        for _ in range(60):
            middle = (low + high) / 2
            if float(kerma @ np.exp(-mu * middle)) > share * kerma.sum():
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def effective_kev(self) -> float:
        """Return the energy of the one-colour beam with the same first half-value layer in aluminium."""
        wanted = np.log(2.0) / (self.half_value_layer_mm() * density_g_cm3("aluminium") / 10.0)
        energies = np.linspace(10, 150, 14001)
        return float(energies[np.argmin(np.abs(mass_attenuation("aluminium", energies) - wanted))])

    def as_dict(self) -> dict[str, object]:
        """Return voltage and filters, for JSON."""
        return {"kv": self.kv, "filters_mm": [list(each) for each in self.filters]}


SPECTRA: Mapping[str, Spectrum] = {
    "chest PA": Spectrum(120.0, (("aluminium", 3.0), ("copper", 0.1))),
    "chest lateral": Spectrum(125.0, (("aluminium", 3.0), ("copper", 0.1))),
    "portable AP": Spectrum(85.0, (("aluminium", 3.0),)),
    "dual-energy low": Spectrum(60.0, (("aluminium", 3.5),)),
    "dual-energy high": Spectrum(120.0, (("aluminium", 3.5),)),
    "DeepDRR 60": Spectrum(60.0, (("aluminium", 3.5),)),
    "DeepDRR 90": Spectrum(90.0, (("aluminium", 4.0),)),
    "DeepDRR 120": Spectrum(120.0, (("aluminium", 4.3),)),
}
"""Beams by name: usual settings of chest films, the two of a dual-energy pair, and DeepDRR's three."""


@dataclass(frozen=True)
class Response:
    """What a detector makes of a photon: the energy of those that its layer stops, in keV.

    Escape of fluorescence is left out.

    Args:
        absorber: material of the layer; '' stops every photon.
        areal_g_cm2: its mass per area.
    """

    absorber: str = ""
    areal_g_cm2: float = 0.0

    def signal_kev(self, energies_kev: Floats) -> Floats:
        """Return the mean signal (N,) of a photon of each energy."""
        return energies_kev * self.stopped(energies_kev)

    def stopped(self, energies_kev: Floats) -> Floats:
        """Return the share (N,) of photons of each energy that the layer stops."""
        if not self.absorber:
            return np.ones(np.shape(energies_kev))
        return np.asarray(1.0 - np.exp(-mass_attenuation(self.absorber, energies_kev) * self.areal_g_cm2))


IDEAL = Response()
"""Stops every photon and counts its energy."""
CESIUM_IODIDE = Response("cesium iodide", 0.18)
"""A needle layer of about 0.5 mm, as in flat chest detectors."""


@lru_cache(maxsize=4)
def _tube() -> tuple[Floats, Floats]:
    table = columns("tungsten.csv")
    table.pop("energy_kev")
    return np.array([float(kv) for kv in table]), np.stack(list(table.values()))


@lru_cache(maxsize=256)
def _fluence(spectrum: Spectrum) -> Floats:
    voltages, rows = _tube()
    low = min(int(spectrum.kv - voltages[0]), len(voltages) - 2)
    share = spectrum.kv - voltages[low]
    found = (1 - share) * rows[low] + share * rows[low + 1]
    for material, thickness in spectrum.filters:
        depth = density_g_cm3(material) * thickness / 10.0
        found = found * np.exp(-depth * mass_attenuation(material, matter().energies_kev))
    return read_only(np.asarray(found, np.float64))


class _Nodes(NamedTuple):
    """A few energies whose weighted exponentials stand for a spectrum: places (K,) in the table, weights (K,)."""

    chosen: NDArray[np.intp]
    weights: Floats


def _weights(spectrum: Spectrum, response: Response) -> Floats:
    weights = spectrum.fluence() * response.signal_kev(spectrum.energies_kev)
    return np.asarray(weights / weights.sum())


@lru_cache(maxsize=64)
def _nodes(spectrum: Spectrum, response: Response) -> _Nodes:
    """Fit non-negative weights on a few of the table's energies to transmission through a cloud of thicknesses.

    Sums of exponentials are so alike that one to two dozen energies carry a whole spectrum to 0.1 %. They are found
    one by one: each time the one that the remaining error points to.
    """
    from scipy.optimize import nnls

    weights = _weights(spectrum, response)
    used = np.flatnonzero(weights > 1e-9)
    exponentials = np.exp(-_cloud(used))
    truth = exponentials @ weights[used]
    scale = 1.0 / np.maximum(truth, 3e-4)  # relative error, but of next to nothing no more than of a little
    system, target = exponentials * scale[:, None], truth * scale
    chosen = [int(np.argmax(weights[used]))]
    found = np.zeros(1)
    while len(chosen) < len(used):
        found, _ = nnls(system[:, chosen], target)
        error = target - system[:, chosen] @ found
        if np.abs(error).max() <= _TOLERANCE:
            break
        pull = error @ system
        pull[chosen] = -np.inf
        chosen.append(int(np.argmax(pull)))
    order = np.argsort(chosen)
    kept = order[found[order] > 0] if len(found) == len(chosen) else order
    return _Nodes(used[np.array(chosen)[kept]], found[kept])


def _cloud(used: NDArray[np.intp]) -> Floats:
    """Optical depths (thicknesses, energies) of body with bone, and of body with one of every other material."""
    table = matter().coefficients
    body, bone = table["soft tissue"][used], table["cortical bone"][used]
    plain = [soft * body + hard * bone for soft in (0, 1, 2, 4, 7, 10, 14, 18, 22, 26, 30, 36, 44)
             for hard in (0, 0.3, 1, 2, 4, 7)]  # fmt: skip
    others = [values[used] for name, values in table.items() if name not in ("soft tissue", "cortical bone", "water")]
    mixed = [soft * body + areal * values for soft in (0, 8, 18) for values in others
             for areal in (0.03, 0.1, 0.3, 0.7, 1.5, 3.0)]  # fmt: skip
    return np.stack(plain + mixed)


def transmit(maps: Maps, spectrum: Spectrum, response: Response = IDEAL, *, exact: bool = False) -> NDArray[np.float32]:
    """Return the share of the open beam's signal that passes materials, without scatter.

    Args:
        maps: areal density in g/cm2 (rows, columns) by material; the order does not matter.
        spectrum: the beam.
        response: of the detector.
        exact: sum over every keV of the table instead of the few energies that stand for it (about 10 times slower).

    Returns:
        float32 (rows, columns) in (0, 1]: sum w E exp(-sum mu t) / sum w E.

    Raises:
        InputError: if there are no maps, their shapes differ, or a material is not known.
    """
    if not maps:
        raise InputError("a beam needs at least one map of areal density to pass, e.g. {'soft tissue': ...}")
    shapes = {name: np.shape(each) for name, each in maps.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(f"maps of areal density must have one shape, got {shapes}")
    if exact:
        weights = _weights(spectrum, response)
        index = np.flatnonzero(weights > 0)
        nodes = _Nodes(index, weights[index])
    else:
        nodes = _nodes(spectrum, response)
    energies = spectrum.energies_kev[nodes.chosen]
    slopes = -np.stack([mass_attenuation(name, energies) for name in maps], axis=1).astype(np.float32)
    share = nodes.weights.astype(np.float32)
    flat = [np.ascontiguousarray(each, np.float32).reshape(-1) for each in maps.values()]
    out = np.empty(flat[0].size, np.float32)
    for start in range(0, out.size, _CHUNK):  # small enough to stay in the cache
        part = np.stack([each[start : start + _CHUNK] for each in flat])
        depth = slopes @ part
        np.exp(depth, out=depth)
        out[start : start + _CHUNK] = share @ depth
    return out.reshape(next(iter(shapes.values())))


def log_attenuation(
    maps: Maps, spectrum: Spectrum, response: Response = IDEAL, *, exact: bool = False
) -> NDArray[np.float32]:
    """Return -ln of what `transmit` returns: the line integral a film with no scatter and no noise would show."""
    passed = transmit(maps, spectrum, response, exact=exact)
    found: NDArray[np.float32] = -np.log(np.maximum(passed, np.float32(1e-30)))
    return found
