"""Two trainings of the embedded model side by side on the same held-out real films, and whether one may replace one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hilum.systems._embedded_tables import PLACED

Card = Mapping[str, Any]
RULE = (
    "new weights take the place of the present ones only if, on the same test films, every finding that the present "
    "card states is stated by the new one with an AUROC as high or higher, on its own source and on its control, and "
    "no lung field, view or gate row is lower"
)


def compared(present: Card, new: Card) -> str:
    """Return both cards' figures on real films row by row, what is lower in the new one, and what follows."""
    lines = [f"{'on held-out real films':58} {'present':>8} {'new':>8}"]
    pairs = list(_pairs(present, new))
    lines += [f"{name:58} {_shown(old):>8} {_shown(other):>8}{'' if other >= old else '  lower'}"
              for name, old, other in pairs]  # fmt: skip
    lost = [name for name, old, other in pairs if other < old]
    more = [name for name in new["findings"] if name not in present["findings"]]
    lines += ["", f"Rule: {RULE}.", f"Stated by the new card alone: {', '.join(more) or 'nothing'}."]
    verdict = (
        f"keep the present weights ({len(lost)} of {len(pairs)} rows are lower)" if lost else "the new ones may ship"
    )
    return "\n".join([*lines, f"Outcome: {verdict}."])


def _shown(value: float) -> str:
    return "-" if value < 0 else f"{value:.3f}"


def _pairs(present: Card, new: Card) -> Iterator[tuple[str, float, float]]:
    """Name of each row and its value in either card, higher is better; -1 where a card has none."""
    for concept, facts in present["findings"].items():
        stated = new["findings"].get(concept)
        source = facts["source"]
        yield f"{concept}, {source}", facts["auroc"], _auroc(new, concept, source) if stated else -1.0
        if facts.get("control"):
            control = facts["control"]["source"]
            yield f"{concept}, {control}", facts["control"]["auroc"], _auroc(new, concept, control)
    for source, row in present["lungs"].items():
        if source == "hannover" and PLACED in present["lungs"]:
            continue  # against masks that lie beside their films, better is worse
        yield f"lung field Dice, {source}", row["dice"], _of(new["lungs"].get(source, {}), "dice")
    for source, row in present["view"]["sources"].items():
        yield f"view accuracy, {source}", row["accuracy"], _of(new["view"]["sources"].get(source, {}), "accuracy")
    for source, row in present["gate"]["real_films"].items():
        other = new["gate"]["real_films"].get(source, {})
        yield f"real films let in, {source}", _let_in(row), _let_in(other)


def _auroc(card: Card, concept: str, source: str) -> float:
    rows = [row for row in card["finding_rows"].get(concept, ()) if row["source"] == source]
    return _of(rows[0], "auroc") if rows else -1.0


def _of(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    return -1.0 if value is None else float(value)


def _let_in(row: Mapping[str, Any]) -> float:
    return 1.0 - row["refused"] / row["n"] if row.get("n") else -1.0
