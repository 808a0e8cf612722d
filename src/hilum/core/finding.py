"""Finding: one observation, its state and where it is; not mentioned is the absence of a Finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from hilum.core.equality import FrozenDict
from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.region import Box, Mask, Points

State = Literal["present", "absent", "uncertain"]
Change = Literal["new", "improved", "worsened", "unchanged", "resolved"]
UNCALIBRATED = "uncalibrated"


@dataclass(frozen=True)
class Span:
    """Characters [start, end) of one report section; the evidence for a fact."""

    section: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InputError(f"a span needs 0 <= start <= end, got {self.start}:{self.end}")


@dataclass(frozen=True)
class Measurement:
    """A measured quantity: name, value and UCUM unit, with the points it was taken from."""

    name: str
    value: float
    unit: str
    points: Points | None = None


@dataclass(frozen=True)
class Finding:
    """One observation about a study.

    Args:
        concept: name from the vocabulary, e.g. 'pleural effusion'.
        state: 'present', 'absent' or 'uncertain'; what is not stated has no Finding.
        probability: [0, 1] that it is present, or None; never stored without `calibration`.
        calibration: id of the calibration behind `probability`; 'uncalibrated' when there is none.
        sites: where, e.g. ('right lower lung zone',); a location, not coordinates.
        attributes: e.g. {'severity': 'mild'}.
        change: against the prior study, or None where no prior was compared.
        regions: boxes, masks or points on the study's images.
        measurements: quantities with units.
        evidence: report characters that state it.
        because_of: ids of findings it follows from.
        made_by: who said so.
        id: stable within a study; used as tracking identifier.

    Raises:
        InputError: if a state, change or probability is out of its range.
    """

    concept: str
    state: State = "present"
    probability: float | None = None
    calibration: str = ""
    sites: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    change: Change | None = None
    regions: tuple[Box | Mask | Points, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    evidence: Span | None = None
    because_of: tuple[str, ...] = ()
    made_by: MadeBy | None = None
    id: str = ""

    def __post_init__(self) -> None:
        if not self.concept:
            raise InputError("a finding needs a concept name")
        if self.state not in get_args(State):
            raise InputError(f"finding '{self.concept}': state must be {get_args(State)}, got '{self.state}'")
        if self.change is not None and self.change not in get_args(Change):
            raise InputError(f"finding '{self.concept}': change must be {get_args(Change)}, got '{self.change}'")
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise InputError(f"finding '{self.concept}': probability must lie in [0, 1], got {self.probability}")
        if self.probability is not None and not self.calibration:
            object.__setattr__(self, "calibration", UNCALIBRATED)
        for name in ("sites", "regions", "measurements", "because_of"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "attributes", FrozenDict(self.attributes))

    def signed(self, made_by: MadeBy) -> Finding:
        """Return the finding with `made_by` filled in where it was empty."""
        return self if self.made_by else replace(self, made_by=made_by)

    def __repr__(self) -> str:
        """One line: state, concept, probability, sites, change."""
        parts = [self.concept, self.state]
        if self.probability is not None:
            parts.append(f"{self.probability:.2f} ({self.calibration})")
        parts += [*self.sites, *([self.change] if self.change else [])]
        return f"Finding({', '.join(parts)})"
