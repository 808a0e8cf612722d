"""What a cohort of virtual patients is to be: how many, of which families, what is held out, and its shards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.phantom.illness import catalogue
from hilum.phantom.imaging import is_unusual
from hilum.phantom.patient import FAMILIES, Family, Patient
from hilum.phantom.visits import draw_patient

FORMAT = 1
"""Of the shards; a number is added when what they hold changes."""
SHARES: Mapping[str, float] = {"train": 0.7, "val": 0.1, "test": 0.2}
HELD_OUT, LOOKS = "held-out", "looks"
_MOST = 10_000_000


def kinds() -> tuple[str, ...]:
    """Return the kinds of findings, devices and objects that can be held out, in order of name."""
    return tuple(sorted({kind for entry in catalogue().values() for kind in entry.kinds}))


@dataclass(frozen=True)
class Recipe:
    """One cohort before it is made.

    Args:
        patients: how many.
        seed: of every draw.
        size: pixels along the longer side of a film.
        families: of anatomy, each as likely as the others.
        hold_out: what only the split 'held-out' gets: families of anatomy, 'looks' (unusual look-up tables) and
            kinds of findings by name ('spiculated', 'cavitary' ...). A patient with any of it goes there whole.
        spacing_mm: of the bodies; 2 for training, 1 for display.
        bits: of the PNG films, 8 or 16.
        bones: also the soft-tissue and bone films of a dual-energy exposure.
        volumes: also CT and finding masks as NIfTI (ReXGroundingCT layout).
        maps: also thickness maps (float16), from which films of other physics are made without new rays.
        per_shard: patients in one shard.

    Raises:
        InputError: if a number is out of range or a family unknown.
    """

    patients: int
    seed: int = 0
    size: int = 224
    families: tuple[Family, ...] = ("parametric",)
    hold_out: tuple[str, ...] = ()
    spacing_mm: float = 2.0
    bits: int = 8
    bones: bool = False
    volumes: bool = False
    maps: bool = False
    per_shard: int = 16
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))

    def __post_init__(self) -> None:
        for name, low, high in (("patients", 1, _MOST), ("size", 32, 4096), ("per_shard", 1, 10_000)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} must lie in [{low}, {high}], got {getattr(self, name)}")
        if not 0.5 <= self.spacing_mm <= 5.0:
            raise InputError(f"the bodies' spacing must lie in [0.5, 5] mm, got {self.spacing_mm:g}")
        if self.bits not in (8, 16):
            raise InputError(f"films have 8 or 16 bits, got {self.bits}")
        for name in self.families:
            if name not in FAMILIES:
                raise InputError(f"there is no anatomy family '{name}': choose from {', '.join(FAMILIES)}")
        unknown = set(self.hold_out) - {*self.families, LOOKS, *kinds()}
        if not self.families or unknown:
            raise InputError(
                f"cannot hold out {', '.join(sorted(unknown)) or 'anything'}: give at least one family, and hold out "
                f"only families that are drawn, '{LOOKS}', or kinds of findings: {', '.join(kinds())}"
            )
        if set(self.families) <= set(self.hold_out):
            raise InputError("every family is held out: nothing would be left to train on")

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "families": list(self.families), "hold_out": list(self.hold_out)}

    def fingerprint(self, *more: str) -> str:
        """Return a hash of all that the bytes of a shard depend on; `more` are versions of what draws it."""
        parts = [f"format {FORMAT}", *(f"{key}={value}" for key, value in sorted(self.as_dict().items())
                                       if key != "patients"), *more]  # fmt: skip
        return sha256("\n".join(parts).encode()).hexdigest()

    def patient(self, number: int) -> str:
        """Return the id of a patient, the same however many there are."""
        return f"virtual-{self.seed}-{number:06d}"

    def family_of(self, patient: str) -> Family:
        """Return the anatomy family of a patient."""
        return self.families[int(generator(self.seed, "family", patient).integers(len(self.families)))]

    def drawn(self, patient: str) -> Patient:
        """Return all that is drawn of a patient before a voxel is made."""
        return draw_patient(self.seed, patient, families=(self.family_of(patient),))

    def held_out(self, patient: str) -> tuple[str, ...]:
        """Return what of `hold_out` a patient shows; () for one whom training may see."""
        if not self.hold_out:
            return ()
        visits = self.drawn(patient).visits
        shown = {self.family_of(patient), *(plan.kind for visit in visits for plan in visit.plans)}
        if any(is_unusual(visit.pose.processing_seed, view) for visit in visits for view in visit.views):
            shown.add(LOOKS)
        return tuple(name for name in self.hold_out if name in shown)

    def split_of(self, patient: str) -> str:
        """Return the split of a patient: 'held-out' for what he shows, else by a draw of his own."""
        if self.held_out(patient):
            return HELD_OUT
        draw, reached = float(generator(self.seed, "split", patient).random()), 0.0
        for name, share in self.shares.items():
            reached += share / sum(self.shares.values())
            if draw < reached:
                return name
        return list(self.shares)[-1]

    def shards(self) -> tuple[ShardPlan, ...]:
        """Return every shard with its patients, splits apart; a larger cohort only adds patients at the ends."""
        by_split: dict[str, list[str]] = defaultdict(list)
        for number in range(self.patients):
            patient = self.patient(number)
            by_split[self.split_of(patient)].append(patient)
        return tuple(
            ShardPlan(f"{split}-{start // self.per_shard:05d}", split, tuple(found[start : start + self.per_shard]))
            for split, found in sorted(by_split.items(), key=lambda item: [*self.shares, HELD_OUT].index(item[0]))
            for start in range(0, len(found), self.per_shard)
        )


@dataclass(frozen=True)
class ShardPlan:
    """One shard before it is made: its name, split and patients in order."""

    name: str
    split: str
    patients: tuple[str, ...]
