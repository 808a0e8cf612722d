"""Print how far the two annotation passes agree with each other and with the gold graphs made of them.

Run: python scripts/graph_gold_agreement.py (or with --json). It reads the three files in tests/text/gold, which hold
offsets and labels and no report text.

Spans match on section, start and end; entities on span and label; relations on their kind and on where both ends start;
strict relations on their kind and on both entities whole, labels included.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "text" / "gold"
FILES = {"a": "openi_graph_pass_a.json", "b": "openi_graph_pass_b.json", "gold": "openi_graph.json"}
PAIRS = {"between_passes": ("a", "b"), "pass_a_with_gold": ("a", "gold"), "pass_b_with_gold": ("b", "gold")}
KINDS = ("modify", "located_at", "suggestive_of")


def facts(reports: list[dict[str, Any]]) -> dict[str, set[tuple[Any, ...]]]:
    """What one annotation states, as sets that two annotations can be compared by."""
    out: dict[str, set[tuple[Any, ...]]] = {
        name: set() for name in ("span", "entity", "relation", *KINDS, "strict_relation")
    }
    for report in reports:
        where = {item["id"]: (report["id"], item["section"], item["start"]) for item in report["entities"]}
        whole = {item["id"]: (*where[item["id"]], item["end"], item["label"]) for item in report["entities"]}
        for item in report["entities"]:
            out["span"].add(whole[item["id"]][:-1])
            out["entity"].add(whole[item["id"]])
            for kind, target in item["relations"]:
                relation = (where[item["id"]], kind, where[target])
                out["relation"].add(relation)
                out[kind].add(relation)
                out["strict_relation"].add((whole[item["id"]], kind, whole[target]))
    return out


def f1(one: set[tuple[Any, ...]], two: set[tuple[Any, ...]]) -> float:
    """Twice what both state, over what each states."""
    return round(2 * len(one & two) / (len(one) + len(two)), 4)


def agreement(folder: Path = FOLDER) -> dict[str, dict[str, float]]:
    """The F1 of every kind of fact, for each pair of annotations."""
    read = {
        name: facts(json.loads((folder / file).read_text(encoding="utf-8"))["reports"]) for name, file in FILES.items()
    }
    return {pair: {name: f1(read[x][name], read[y][name]) for name in read[x]} for pair, (x, y) in PAIRS.items()}


def main() -> None:
    """Print the figures."""
    table = agreement()
    if "--json" in sys.argv[1:]:
        print(json.dumps(table, indent=2))
        return
    names = list(next(iter(table.values())))
    print(" " * 18 + "".join(f"{name:>16}" for name in names))
    for pair, row in table.items():
        print(f"{pair:<18}" + "".join(f"{row[name]:>16.4f}" for name in names))


if __name__ == "__main__":
    main()
