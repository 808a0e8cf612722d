"""Which findings are truly taken for one another: a small table of facets, with sources, in measure/tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parents[1] / "tables" / "confusions.csv"


@dataclass(frozen=True)
class Facet:
    """What look-alikes share on a film: its name as a question can say it, the concepts, and where that is from."""

    name: str
    concepts: tuple[str, ...]
    source: str


@cache
def facets() -> tuple[Facet, ...]:
    """Return every facet of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(Facet(row["facet"], tuple(row["concepts"].split("|")), row["source"])
                     for row in csv.DictReader(file))  # fmt: skip


@cache
def confused(name: str) -> tuple[str, ...]:
    """Return the look-alikes of a concept, those that share most facets with it first; () where the table has none."""
    shared: dict[str, int] = {}
    for facet in facets():
        for other in facet.concepts if name in facet.concepts else ():
            shared[other] = shared.get(other, 0) + (other != name)
    return tuple(sorted((other for other, count in shared.items() if count), key=lambda other: -shared[other]))
