"""The list of what can be put into a body, each entry made by the file that knows how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hilum.core.errors import InputError
from hilum.phantom.illness_bend import Bend
from hilum.phantom.illness_chest import Chest
from hilum.phantom.patient import Placed, Plan

Fill = Callable[[Chest, Plan], Placed]
Shape = Callable[[Chest, Plan], tuple[Bend, ...]]


@dataclass(frozen=True)
class Pathology:
    """One finding, device or object that can be placed.

    Args:
        concept: of the vocabulary.
        order: place in the fixed anatomical order, lowest first; gas and fluid before what lies in the lung they leave.
        means: what severity is worth, in words and units.
        fill: changes the chest's HU and says what came of it.
        shape: how organs move for it, before anything is filled; None if they do not.
        measure: the quantity its label is read from; '' for what is labelled whenever it is there.
        least: of that quantity on an erect frontal film; reached is labelled.
        by_view: another least by view, e.g. {'LL': 75.0}.
        above: the quantity must exceed the least instead of reaching it.
        sides: that a plan may name; '' is drawn from the plan's seed where there are sides.
        sites, kinds: that a plan may name beside ''.
    """

    concept: str
    order: int
    means: str
    fill: Fill
    shape: Shape | None = None
    measure: str = ""
    least: float = 0.0
    by_view: Mapping[str, float] = field(default_factory=dict)
    above: bool = False
    sides: tuple[str, ...] = ("right", "left", "both")
    sites: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def labelled(self, measures: Mapping[str, float], view: str = "PA") -> bool:
        """Return whether quantities as placed reach the threshold at which this is called by its name on a view."""
        if not self.measure:
            return True
        least, value = self.by_view.get(view, self.least), measures.get(self.measure, 0.0)
        return value > least if self.above else value >= least

    def check(self, plan: Plan) -> None:
        """Raise InputError if a plan names a side, site or kind that this does not have."""
        for what, value, known in (
            ("side", plan.side, self.sides), ("site", plan.site, self.sites), ("kind", plan.kind, self.kinds)
        ):  # fmt: skip
            if value and value not in known:
                raise InputError(
                    f"'{plan.key}': {self.concept} has no {what} '{value}'; "
                    f"it takes {', '.join(known) if known else f'no {what}'}"
                )


_KNOWN: dict[str, Pathology] = {}


def known() -> Mapping[str, Pathology]:
    """Return what is registered, by concept; `illness.catalogue` sees to it that all files are read first."""
    return _KNOWN


def register(pathology: Pathology) -> Pathology:
    """Add one; the same concept again takes its place, as when a module is read anew."""
    _KNOWN[pathology.concept] = pathology
    return pathology
