"""What a virtual patient is made of: person, anatomy, plans of findings, visits, and what became of each plan.

Drawn first and without voxels: `Patient` with its `Visit`s, each a tuple of `Plan`s and a `Pose`. Then built: `Anatomy`
(one body), `Placed` (one plan put into it, with its mask and quantities), `Shot` (what the rays of one view crossed).
Grids are a `Body`'s: stored x left, y posterior, z head (LPS); lengths in mm, volumes in ml, angles in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.drr.geometry import Geometry
from hilum.drr.objects import Thing
from hilum.phantom.trees import Tree
from hilum.phantom.warp import Body

Sex = Literal["female", "male"]
Side = Literal["right", "left", "both", ""]
Family = Literal["parametric", "warped", "hybrid"]
FAMILIES: tuple[Family, ...] = ("parametric", "warped", "hybrid")
"""Made thoraces; warps of a real CT; made skeleton and outlines around a real CT's lung texture."""


@dataclass(frozen=True)
class Person:
    """Who is drawn before anything else.

    Args:
        sex: 'female' or 'male'.
        age_years: 18 to 100.
        height_cm: standing.
        bmi: weight over height squared in kg/m2.
    """

    sex: Sex
    age_years: float
    height_cm: float
    bmi: float

    @property
    def weight_kg(self) -> float:
        """Weight that height and BMI stand for."""
        return self.bmi * (self.height_cm / 100.0) ** 2


@dataclass(frozen=True)
class Plan:
    """A finding or device to be put into a body, before anyone knows how it turns out.

    Args:
        key: name of this finding throughout the patient's visits, e.g. 'effusion-1': the same key is the same lesion.
        concept: of the vocabulary, e.g. 'pleural effusion' or 'endotracheal tube'.
        severity: [0, 1], 0 for none; each pathology says what it is worth in ml, mm or HU.
        side: of the patient, 'both', or '' where it has none.
        site: a lobe ('upper', 'middle', 'lower'), or a place that the concept knows, or ''.
        kind: of several appearances of one concept, e.g. 'ground glass', 'healed'; '' for the usual one.
        seed: of its shape and place, kept from visit to visit.
    """

    key: str
    concept: str
    severity: float
    side: Side = ""
    site: str = ""
    kind: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.severity <= 1.0:
            raise InputError(f"the severity of '{self.key}' must lie in [0, 1], got {self.severity:g}")


@dataclass(frozen=True)
class Pose:
    """How a patient stands or lies before the detector; none of it is a finding.

    Args:
        frontal: 'PA' (erect, source behind) or 'AP' (portable, source in front).
        supine: whether the patient lies; gravity points to the back then.
        rotation_deg: about the long axis, left shoulder backwards above 0.
        tilt_deg: forward above 0 (lordotic below).
        inspiration: 1 full; 0 expiration with high domes.
        exposure_seed, processing_seed: of tube, detector and look-up table.
    """

    frontal: View = "PA"
    supine: bool = False
    rotation_deg: float = 0.0
    tilt_deg: float = 0.0
    inspiration: float = 1.0
    exposure_seed: int = 0
    processing_seed: int = 0


@dataclass(frozen=True)
class Visit:
    """One dated examination: what should be seen, and how it is taken.

    Args:
        time: of the examination; visits of a patient are strictly ordered by it.
        plans: findings and devices.
        pose: of the patient.
        views: films taken, e.g. ('PA', 'LL') or ('AP',).
    """

    time: datetime
    plans: tuple[Plan, ...]
    pose: Pose
    views: tuple[View, ...]


@dataclass(frozen=True)
class Patient:
    """All that is drawn of one patient before a voxel is made.

    Args:
        id: e.g. 'virtual-000017'.
        seed: of every draw, with the id.
        person, family: see there.
        visits: 1 to 5, earliest first.
    """

    id: str
    seed: int
    person: Person
    family: Family
    visits: tuple[Visit, ...]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One body, sound or ill.

    Args:
        body: HU and TotalSegmentator's structure names on one grid.
        person, family: whose it is.
        carina_mm: (3,) patient mm.
        airways, vessels: trees in patient mm, where the family has them.
        log: every number drawn or solved for, for JSON; 'ctr' is measured on the body's own masks.
    """

    body: Body
    person: Person
    family: Family
    carina_mm: NDArray[np.float64]
    airways: Tree | None = None
    vessels: Tree | None = None
    log: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Placed:
    """One plan as it turned out: read from the volume, never from pixels.

    Args:
        plan: that was placed.
        mask: bool (X, Y, Z) of the body's grid; None for a device, which is `things`.
        things: solids of a device, in patient mm.
        measures: quantities with their unit in the name: 'volume_ml', 'width_mm', 'diameter_mm', 'ctr',
            'excess_hu', 'tip_above_carina_mm' ...
        labelled: whether it reaches the threshold at which it is called by its name.
        sites: names of the vocabulary, e.g. ('left lower lobe',).
        attributes: of a Finding, e.g. {'severity': 'moderate'}.
        points_mm: (N, 3) named places, e.g. a tip or the course of a line; (0, 3) where there is none.
    """

    plan: Plan
    mask: NDArray[np.bool_] | None
    things: tuple[Thing, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    labelled: bool = True
    sites: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    points_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))


@dataclass(frozen=True, eq=False)
class Shot:
    """What the rays of one view crossed; exposing it anew costs no new rays.

    Args:
        view: 'PA', 'AP', 'LL' ...
        geometry: of the rays, `fine` of them along each side of a pixel of the film.
        maps: areal density in g/cm2 (fine rows, fine columns) by material name of `drr.beam`, devices included.
        paths: path length in mm (rows, columns) of each anatomical class, by structure name ('lungs' etc. as asked).
        lesions: path length in mm (rows, columns) of each `Placed`, by `plan.key`; devices by their own solids.
        visible: how well each `Placed` can be detected, by `plan.key` (`imaging_paths.contrasts`); 1 is the limit.
        least_mm: path length from which a pixel belongs to a lesion's mask, by `plan.key`.
        fine: rays per pixel of the film, along each side.
        log: how it was framed, for JSON.
    """

    view: View
    geometry: Geometry
    maps: Mapping[str, NDArray[np.float32]]
    paths: Mapping[str, NDArray[np.float32]]
    lesions: Mapping[str, NDArray[np.float32]]
    visible: Mapping[str, float]
    least_mm: Mapping[str, float] = field(default_factory=dict)
    fine: int = 1
    log: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the film, and of paths and lesions."""
        return (self.geometry.shape[0] // self.fine, self.geometry.shape[1] // self.fine)
