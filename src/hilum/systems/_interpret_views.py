"""The view of a film: what its header says, held against what the model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilum.core.geometry import FRONTAL, LATERAL
from hilum.core.image import Image

if TYPE_CHECKING:
    from hilum.systems.embedded import Assessment

VIEW_SURE = 0.9
"""A model's view replaces an unknown one, and is held against the header's, from this probability on."""


def with_view(film: Image, result: Assessment) -> Image:
    """Return the film with the view the model sees where none is known and it is sure."""
    if film.view != "unknown" or not result.chest or result.view_probability < VIEW_SURE:
        return film
    # The model tells a lateral from a frontal, not left from right: which side faced the detector stays unknown.
    return film.with_view(result.view) if result.view in FRONTAL else film


def view_notes(film: Image, result: Assessment) -> list[str]:
    """Return a sentence where header and picture disagree and the model is sure."""
    if not result.chest or film.view == "unknown" or result.view_probability < VIEW_SURE:
        return []
    stated, found = film.view in LATERAL, result.view not in FRONTAL
    if stated == found:
        return []
    return [
        f"the header says {film.view}, the picture looks {result.view} ({result.view_probability:.2f}): check the view"
    ]
