"""Score the labeler on the Open-i gold: protocol A (labels) and protocol B (places and grades), each a table.

Run: python benchmarks/openi_labels.py --data ../shared/data --half test --protocol a
     python benchmarks/openi_labels.py --data ../shared/data --half test --protocol b
Rules were written on the dev half.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
from openi_gold import counts_of, f1, groups_of, intervals, load, read
from openi_places import protocol_b

import hilum.text.labels as labelling
from hilum.core.vocabulary import label_set as known_set
from hilum.systems.chestx_ray8 import Assertion, restated
from hilum.text.labels import label_parsed
from hilum.text.parse import Parsed

SETS = {"chexpert-14": "chexpert__", "nih-14": "nih__"}
EIGHT = {  # label: F1 of MetaMap, F1 of the paper's labeler on 2,435 Open-i reports (Wang et al., CVPR 2017, table 2)
    "Atelectasis": (0.95, 0.91), "Cardiomegaly": (0.90, 0.88), "Effusion": (0.81, 0.87), "Infiltration": (0.39, 0.80),
    "Mass": (0.62, 0.52), "Nodule": (0.77, 0.75), "Pneumonia": (0.71, 0.77), "Pneumothorax": (0.46, 0.86),
}  # fmt: skip


def gold_of(rows: list[dict[str, str]], prefix: str, names: list[str]) -> np.ndarray:
    return np.array([[int(row[prefix + name] or -1) for name in names] for row in rows])


def said_of(parsed: list[Parsed], name: str, names: list[str], reading: str) -> np.ndarray:
    code = {"present": 1, "absent": 0, None: 0, "uncertain": {"absent": 0, "present": 1, "exclude": -1}[reading]}
    found = [label_parsed(each, name).states for each in parsed]
    return np.array([[code[states.get(label)] for label in names] for states in found])


def protocol_a(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    groups = groups_of(rows)
    for name, prefix in SETS.items():
        names = [label for label in known_set(name).labels if label != "No Finding"]
        gold = gold_of(rows, prefix, names)
        print(f"\n## {name}, {len(rows)} reports; -1 of the gold is left out")
        for reading in ("absent", "present", "exclude"):
            counts = counts_of(gold, said_of(parsed, name, names, reading))
            spread = intervals(counts, groups)
            per, micro = f1(counts.sum(axis=0)), f1(counts.sum(axis=(0, 1)))
            print(
                f"uncertain -> {reading:8s} micro {micro:.3f} [{spread['micro'][0]:.3f}, {spread['micro'][1]:.3f}]  "
                f"macro {per.mean():.3f} [{spread['macro'][0]:.3f}, {spread['macro'][1]:.3f}]"
            )
            if reading == "absent":
                often = counts[..., [0, 2]].sum(axis=(0, 2)) >= 15
                print(f"macro over the {often.sum()} labels with 15 positives or more: {per[often].mean():.3f}")
                table(names, counts.sum(axis=0), spread["labels"])
    no_finding(rows, parsed)


def table(names: list[str], counts: np.ndarray, spread: np.ndarray) -> None:
    print(f"{'label':28s}{'n':>5s}{'tp':>5s}{'fp':>4s}{'fn':>4s}     P     R    F1  95% interval")
    for number, name in enumerate(names):
        tp, fp, fn = counts[number]
        print(
            f"{name:28s}{tp + fn:5.0f}{tp:5.0f}{fp:4.0f}{fn:4.0f} {tp / max(tp + fp, 1):5.3f} "
            f"{tp / max(tp + fn, 1):5.3f} {f1(counts[number]):5.3f}  [{spread[0][number]:.3f}, {spread[1][number]:.3f}]"
        )


def no_finding(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    gold = gold_of(rows, "chexpert__", ["No Finding"])
    said = said_of(parsed, "chexpert-14", ["No Finding"], "absent")
    print(f"No Finding (CheXpert) F1 {f1(counts_of(gold, said).sum(axis=(0, 1))):.3f}")
    normal = [number for number, row in enumerate(rows) if row["mesh_major"].strip() == "normal"]
    nih = said_of([parsed[number] for number in normal], "nih-14", list(known_set("nih-14").labels), "absent")
    print(f"false alarms (NIH-14) on {len(normal)} normal reports: {int((nih == 1).any(axis=1).sum())}")


def assertions(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """P(coded | what was said), over the NIH-14 labels."""
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    names = list(known_set("nih-14").labels)
    for row, each in zip(rows, parsed, strict=True):
        made = label_parsed(each, "nih-14", likely="uncertain")
        for name in names:
            coded = row["nih__" + name]
            if coded in ("0", "1"):
                state = made.states.get(name, "not mentioned")
                facts = [each.facts[n] for n in made.evidence.get(name, ())]
                if state == "uncertain":
                    state = "likely" if any(f.certainty == "likely" for f in facts) else "possible"
                tally[state][int(coded)] += 1
    print("\n## P(coded | assertion), NIH-14")
    for state in ("present", "likely", "possible", "absent", "not mentioned"):
        no, yes = tally[state]
        print(f"{state:14s} {yes:5d} of {yes + no:6d}   {yes / max(yes + no, 1):.3f}")


def ablation(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """The same mentions under three ways to assert: none, a negator earlier in the sentence, clause scope."""
    groups, names = groups_of(rows), list(known_set("nih-14").labels)
    gold = gold_of(rows, "nih__", names)
    print("\n## ChestX-ray8 ablation, NIH-14: the mentions stay, the assertion changes")
    ways: dict[str, Assertion] = {
        "mention = positive": "mention",
        "negator earlier in sentence": "sentence",
        "clause scope, three states": "clause",
    }
    for what, way in ways.items():
        counts = counts_of(gold, said_of([restated(each, way) for each in parsed], "nih-14", names, "absent"))
        total, (low, high) = counts.sum(axis=(0, 1)), intervals(counts, groups)["micro"]
        p, r = total[0] / (total[0] + total[1]), total[0] / (total[0] + total[2])
        print(f"{what:30s} P {p:.3f} R {r:.3f} micro {f1(total):.3f} [{low:.3f}, {high:.3f}] "
              f"macro {f1(counts.sum(axis=0)).mean():.3f}")  # fmt: skip
    counts = counts_of(gold, said_of(parsed, "nih-14", names, "absent")).sum(axis=0)
    print("\n## The eight labels of ChestX-ray8: F1 of MetaMap, of the paper (2,435 Open-i reports), ours (this half)")
    for label, (metamap, paper) in EIGHT.items():
        print(f"{label:14s} {metamap:.2f}  {paper:.2f}  {f1(counts[names.index(label)]):.3f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="folder that holds openi/gold_findings.csv")
    options.add_argument("--half", choices=("dev", "test", "all"), default="test")
    options.add_argument("--protocol", choices=("a", "b", "all"), default="all", help="a: labels; b: places and grades")
    chosen = options.parse_args()
    if not (chosen.data / "openi" / "gold_findings.csv").exists():
        raise SystemExit(f"{chosen.data} holds no openi/gold_findings.csv: give the folder with --data")
    rows = load(chosen.data, chosen.half)
    parsed = read(rows)
    print(f"half: {chosen.half}; rules: {Path(labelling.__file__).parent.name}/tables; gold: {len(rows)} reports")
    if chosen.protocol in ("a", "all"):
        protocol_a(rows, parsed)
        assertions(rows, parsed)
        ablation(rows, parsed)
    if chosen.protocol in ("b", "all"):
        protocol_b(rows, parsed)


if __name__ == "__main__":
    main()
