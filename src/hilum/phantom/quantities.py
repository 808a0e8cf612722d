"""How much of a finding there is, in words and in units: the table that binds the two."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hilum.core.finding import Measurement
from hilum.core.vocabulary import concept as known
from hilum.phantom.patient import Placed

_TABLE = Path(__file__).parent / "tables" / "quantities.json"


@cache
def quantity_table() -> Mapping[str, Any]:
    """Return measures, edges, words and units as data."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def measure_of(concept: str) -> str:
    """Return the key of the measure a concept is told by, e.g. 'volume_ml'; '' where the table has none."""
    return str(quantity_table()["concepts"].get(concept, {}).get("measure", ""))


def unit_of(measure: str) -> str:
    """Return the UCUM unit of a measure's key, e.g. 'mL' for 'volume_ml'; '1' for a ratio."""
    return str(quantity_table()["units"].get(measure.rpartition("_")[2], "1"))


def name_of(measure: str) -> str:
    """Return a measure's key as a name without its unit: 'volume right' for 'volume_right_ml'."""
    head, _, tail = measure.rpartition("_")
    return (head if head and tail in quantity_table()["units"] and tail != "share" else measure).replace("_", " ")


def word_for(placed: Placed) -> str:
    """Return the word for how much was placed, read from its measure; '' where it is not graded."""
    concept = placed.plan.concept
    table = quantity_table()
    entry = table["concepts"].get(concept, {})
    if concept in table["wordless"] or known(concept).kind == "device":
        return ""
    if "words" in entry and entry["measure"] in placed.measures:
        return str(entry["words"][bisect_right(entry["edges"], placed.measures[entry["measure"]])])
    return placed.attributes.get("severity", "")


def severity_for(concept: str, word: str, diameter_mm: float | None = None) -> float:
    """Return the severity of a plan that a person's word stands for.

    Args:
        concept: of the vocabulary.
        word: 'minimal', 'mild', 'moderate', 'severe', 'borderline' or ''.
        diameter_mm: of a nodule or mass; decides where it is given.
    """
    table = quantity_table()
    entry = table["concepts"].get(concept, {})
    if diameter_mm is not None and "range" in entry:
        low, high = entry["range"]
        return float(min(max((diameter_mm - low) / (high - low), 0.0), 1.0))
    default = table["default"]["severity"]
    return float({**default, **entry.get("severity", {})}.get(word, default[""]))


def measurements_of(placed: Placed) -> tuple[Measurement, ...]:
    """Return every measure of a placed finding with its unit; a diameter is told in whole mm, as reports tell it."""
    made = []
    for key, value in sorted(placed.measures.items()):
        exact = float(value)
        if name_of(key) == "diameter":
            made.append(Measurement("diameter", float(max(round(exact), 1)), "mm"))
        name = "exact diameter" if name_of(key) == "diameter" else name_of(key)
        made.append(Measurement(name, exact, unit_of(key)))
    return tuple(made)
