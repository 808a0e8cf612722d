"""Score the report graphs on gold graphs and on the codes of Open-i: print the tables of docs/graph.md.

Run: python benchmarks/graph_gold.py --data ../shared/data --half tune
The gold (tests/text/gold/openi_graph.json) is 120 reports, halved by a hash of their id: rules were written on the
tune half, the held-out half is for figures only. Of the tune half, too, only those reports were read whose text hash
is even, because the others belong to the closed half of the label gold: their figures stand apart.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import json
import os
import time
from pathlib import Path
from typing import Any

import graph_codes
import numpy as np

from hilum.text.graph import Entity, graph, sentence_graph
from hilum.text.parse import parse, sentence_facts

ROOT = Path(__file__).resolve().parents[1]
GOLD = ROOT / "tests" / "text" / "gold" / "openi_graph.json"
NAMES = ("span", "entity", "relation", "modify", "located_at", "suggestive_of", "strict_relation")
Rows = dict[str, dict[str, str]]


def _facts_of() -> Any:
    """The facts of an annotation, as the agreement between the passes counts them."""
    spec = importlib.util.spec_from_file_location("agreement", ROOT / "scripts" / "graph_gold_agreement.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.facts


def half_of(report: str) -> str:
    digest = hashlib.blake2b(report.encode(), digest_size=8).hexdigest()
    return "held-out" if int(digest, 16) % 2 else "tune"


def load(data: Path) -> Rows:
    with (data / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as file:
        return {row["report_id"]: row for row in csv.DictReader(file)}


def predicted(report: str, row: dict[str, str], way: str = "rules") -> dict[str, Any]:
    """The graph of one report in the form of the gold; `way` is 'rules', 'every' or 'nearest' (co-occurrence)."""
    entities: list[dict[str, Any]] = []
    for section in ("findings", "impression"):
        parsed = parse(row[section].strip())
        own = graph(parsed).entities
        if way != "rules":
            own = co_occurrence(own, [(start, end) for start, end, _ in parsed.sentences], way == "nearest")
        first = len(entities)
        entities += [
            {"id": str(first + n), "section": section, "start": e.start, "end": e.end, "label": e.label,
             "relations": [[kind, str(first + to)] for kind, to in e.relations]}
            for n, e in enumerate(own)
        ]  # fmt: skip
    return {"id": report, "entities": entities}


def co_occurrence(entities: tuple[Entity, ...], spans: list[tuple[int, int]], nearest: bool) -> tuple[Entity, ...]:
    """The same entities; each modifier and place goes to every head of its sentence, or to the nearest."""
    modifier = [any(kind == "modify" for kind, _ in e.relations) for e in entities]
    sentence = [next(n for n, (a, b) in enumerate(spans) if a <= e.start < b) for e in entities]

    def heads(n: int, kind: str) -> list[int]:
        found = [
            m for m, e in enumerate(entities)
            if m != n and sentence[m] == sentence[n] and not modifier[m] and e.label.startswith(kind)
        ]  # fmt: skip
        return sorted(found, key=lambda m: abs(entities[m].start - entities[n].start))[: 1 if nearest else None]

    made = []
    for n, entity in enumerate(entities):
        if modifier[n]:
            relations = [("modify", m) for m in heads(n, entity.label.split("-")[0])]
        else:
            relations = [("located_at", m) for m in heads(n, "ANAT")] if entity.label.startswith("OBS") else []
        made.append(entity._replace(relations=tuple(relations)))
    return tuple(made)


def score(gold: list[dict[str, Any]], said: list[dict[str, Any]], draws: int = 1000) -> dict[str, np.ndarray]:
    """Name -> precision, recall, F1 and the 95 % interval of F1 (bootstrap over reports)."""
    facts = _facts_of()
    counts = {name: np.zeros((len(gold), 3)) for name in NAMES}
    for number, (one, two) in enumerate(zip(gold, said, strict=True)):
        want, have = facts([one]), facts([two])
        for name in NAMES:
            both = len(want[name] & have[name])
            counts[name][number] = both, len(have[name]) - both, len(want[name]) - both
    weights = np.random.default_rng(0).multinomial(len(gold), np.full(len(gold), 1 / len(gold)), size=draws)

    def rates(totals: np.ndarray) -> np.ndarray:
        tp, fp, fn = np.moveaxis(totals, -1, 0)
        at_least = np.maximum(np.stack([tp + fp, tp + fn, 2 * tp + fp + fn]), 1)
        return np.stack([tp, tp, 2 * tp]) / at_least

    made = {}
    for name, each in counts.items():
        spread = np.percentile(rates(weights @ each)[2], [2.5, 97.5])
        made[name] = np.concatenate([rates(each.sum(axis=0)), spread])
    return made


def print_gold(rows: Rows, halves: tuple[str, ...]) -> None:
    content = json.loads(GOLD.read_text(encoding="utf-8"))
    for half in halves:
        reports = [each for each in content["reports"] if half_of(each["id"]) == half]
        parts = {half: reports}
        if half == "tune":
            even = {each["id"] for each in reports if int(rows[each["id"]]["text_hash"], 16) % 2 == 0}
            parts = {"tune, read": [r for r in reports if r["id"] in even],
                     "tune, not read": [r for r in reports if r["id"] not in even]}  # fmt: skip
        for what, chosen in parts.items():
            print_part(what, chosen, rows, content["agreement"]["between_passes"])


def print_part(what: str, reports: list[dict[str, Any]], rows: Rows, agreement: dict[str, float]) -> None:
    made = {
        way: score(reports, [predicted(each["id"], rows[each["id"]], way) for each in reports])
        for way in ("rules", "every", "nearest")
    }
    print(f"\n## Gold graphs, {what}: {len(reports)} reports")
    print(f"{'':16s}    P     R    F1  95% interval    passes agree  co-occurrence: every  nearest")
    for name in NAMES:
        p, r, f, low, high = made["rules"][name]
        print(f"{name:16s}{p:5.3f} {r:5.3f} {f:5.3f}  [{low:.3f}, {high:.3f}]  {agreement[name]:12.3f}  "
              f"{made['every'][name][2]:20.3f}  {made['nearest'][name][2]:7.3f}")  # fmt: skip


def print_speed(rows: Rows) -> None:
    """First pass over the dev reports, nothing remembered before, processor time of one core."""
    texts = [{"findings": row["findings"], "impression": row["impression"]} for row in graph_codes.dev(rows)]
    sentence_graph.cache_clear()
    sentence_facts.cache_clear()
    began = time.process_time()
    parsed = [parse(text) for text in texts]
    middle = time.process_time()
    for each in parsed:
        graph(each)
    end = time.process_time()
    print(f"\n## Speed, first pass over {len(texts)} dev reports: graph {len(texts) / (end - middle):,.0f} reports/s, "
          f"parse and graph {len(texts) / (end - began):,.0f} reports/s")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or ROOT.parent / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="folder that holds openi/gold_findings.csv")
    options.add_argument("--half", choices=("tune", "held-out", "both"), default="both")
    chosen = options.parse_args()
    if not (Path(chosen.data) / "openi" / "gold_findings.csv").exists():
        raise SystemExit(f"{chosen.data} holds no openi/gold_findings.csv: give the folder with --data")
    rows = load(Path(chosen.data))
    print_gold(rows, ("tune", "held-out") if chosen.half == "both" else (chosen.half,))
    graph_codes.print_codes(rows)
    print_speed(rows)


if __name__ == "__main__":
    main()
