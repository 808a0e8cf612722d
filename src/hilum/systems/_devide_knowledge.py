"""The knowledge store: what each finding is and how it looks on a film, in own words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept

STORE = Path(__file__).parent / "tables" / "devide_knowledge.json"
FACETS = ("density", "shape", "location", "margin", "signs")


@dataclass(frozen=True)
class Entry:
    """One disease or finding.

    Args:
        name: of the vocabulary, where it is a finding of patients.
        definition: what it is, not how it looks.
        facets: how it looks, one short text a facet.
    """

    name: str
    definition: str
    facets: tuple[str, ...]


@cache
def knowledge() -> dict[str, Entry]:
    """Return the store that ships with the package, by name."""
    return read_knowledge(STORE)


def read_knowledge(path: str | Path) -> dict[str, Entry]:
    """Return a store in the layout of the package's own: {'provenance': ..., 'findings': [{name, definition, facets}]}.

    Raises:
        InputError: if the file is no such store, does not say where its texts come from, or names an unknown finding.
    """
    try:
        said: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = [Entry(row["name"], row["definition"], tuple(row[facet] for facet in FACETS if row.get(facet)))
                for row in said["findings"]]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"'{path}' is no knowledge store ({error}): expected JSON with 'findings', each with a name, a definition "
            f"and any of {', '.join(FACETS)}"
        ) from None
    if not said.get("provenance"):
        raise InputError(f"'{path}' does not say where its texts come from: add 'provenance'")
    return {concept(row.name).name: row for row in rows}


def entries(names: Sequence[str], store: dict[str, Entry] | None = None) -> list[Entry]:
    """Return the entries of some findings, in order.

    Raises:
        InputError: if the store has none of a name.
    """
    held = knowledge() if store is None else store
    missing = [name for name in names if name not in held]
    if missing:
        raise InputError(f"nothing is written of '{missing[0]}': the store has {', '.join(held)}")
    return [held[name] for name in names]


def permuted(told: Sequence[Entry], rng: np.random.Generator) -> list[Entry]:
    """Return the entries with their facets moved so that no disease keeps its own: a control.

    Raises:
        InputError: if there are fewer than two.
    """
    if len(told) < 2:
        raise InputError("descriptions of one disease cannot be exchanged: name two or more")
    order = rng.permutation(len(told))
    moved = [0] * len(told)  # a single cycle through all of them leaves none in its place
    for here, there in zip(order, np.roll(order, 1), strict=True):
        moved[int(here)] = int(there)
    return [replace(each, facets=told[moved[at]].facets) for at, each in enumerate(told)]
