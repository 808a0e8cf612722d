"""The report graph: entities, relations and the words of RadGraph's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LABELS = ("ANAT-DP", "OBS-DP", "OBS-DA", "OBS-U")
"""Anatomy; observation present, absent, uncertain (RadGraph, Jain et al. 2021)."""
KINDS = ("modify", "located_at", "suggestive_of")
"""Observation or anatomy to its own kind; observation to anatomy; observation to observation."""
MADE_BY = "hilum rules 1"
"""Name and version of the rule extractor; the number rises when its graphs change."""


class Entity(NamedTuple):
    """One node of a graph: the smallest span that names it.

    Args:
        start, end: characters [start, end) of the graph's text.
        label: 'ANAT-DP', 'OBS-DP', 'OBS-DA' or 'OBS-U'.
        relations: (kind, number of the target entity) with kind 'modify', 'located_at' or 'suggestive_of'.
    """

    start: int
    end: int
    label: str
    relations: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Graph:
    """A report's text and its entities in order of place; `made_by` says by which extractor and version."""

    text: str
    entities: tuple[Entity, ...]
    made_by: str = MADE_BY

    def words(self, number: int) -> str:
        """Return the characters of one entity."""
        return self.text[self.entities[number].start : self.entities[number].end]
