"""Score the Spanish labels on PadChest's physician rows: labels, top levels, sides, with intervals over patients.

Run: python benchmarks/padchest_labels.py --half test
The table is PadChest's own CSV (or .csv.gz); without --data the one in an installed torchxrayvision is read. Patients
are halved by a hash of their id: the pack was written on the even half (dev), the odd half (test) is for figures only.
Report text is read at run time and never printed.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import hashlib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hilum.core.vocabulary import ancestors, to_concept
from hilum.text.labels import Labels, label, label_parsed

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
STUDY = ("normal", "unchanged", "suboptimal study", "exclude")
SIDES = {
    "right": ("right",),
    "left": ("left",),
    "bilateral": ("right", "left"),
    "middle": ("right",),
    "lingula": ("left",),
}
SUFFIXES = (" both sides", " left side", " right side")


class Row(NamedTuple):
    """One report: patient, its labels, and the sides of each label as the physicians marked them."""

    patient: str
    text: str
    labels: frozenset[str]
    sides: dict[str, frozenset[str]]


def installed() -> Path | None:
    """The table of an installed torchxrayvision, found without importing it."""
    found = importlib.util.find_spec("torchxrayvision")
    path = Path(found.origin).parent / "data" / TABLE if found and found.origin else None
    return path if path and path.exists() else None


def half_of(patient: str) -> str:
    return ("dev", "test")[int(hashlib.blake2b(patient.encode(), digest_size=8).hexdigest(), 16) % 2]


def rows(path: Path, half: str) -> Iterator[Row]:
    """The physician-labelled reports of one half, each once."""
    seen: set[str] = set()
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            wanted = row["MethodLabel"] == "Physician" and half_of(row["PatientID"]) == half
            if wanted and row["ReportID"] not in seen and row["Labels"]:
                seen.add(row["ReportID"])
                labels = frozenset(name.strip() for name in ast.literal_eval(row["Labels"]) if name.strip())
                groups = ast.literal_eval(re.sub(r"\bnan\b", "[]", row["LabelsLocalizationsBySentence"]) or "[]")
                yield Row(row["PatientID"], row["Report"], labels, sides_of(groups))


def sides_of(groups: list[list[str]]) -> dict[str, frozenset[str]]:
    """Label -> sides, from sentences with a side and one label only, so that the side is surely its own."""
    found: dict[str, frozenset[str]] = {}
    for written in groups:
        group = [name for name in written if isinstance(name, str)]
        names = [name.strip() for name in group if not name.strip().startswith("loc ")]
        told = frozenset(
            side for place in group if place not in names for word in place.split() for side in SIDES.get(word, ())
        )
        if told and len(names) == 1 and names[0] not in STUDY:
            plain = next((names[0].removesuffix(end) for end in SUFFIXES if names[0].endswith(end)), names[0])
            found[plain] = found.get(plain, frozenset()) | told
    return found


def present(made: Labels) -> frozenset[str]:
    return frozenset(name for name, state in made.states.items() if state == "present")


def top_levels(labels: frozenset[str]) -> frozenset[str]:
    """The broadest finding or device above each label."""
    found = set()
    for name in labels:
        concept = to_concept("padchest", name)
        line = (concept, *ancestors(concept.name))
        found.update(each.name for each in line if not each.parents)
    return frozenset(found)


def mentioned(made: Labels) -> frozenset[str]:
    """The labels that any mention would give, denied or not."""
    facts = tuple(fact._replace(state="present") for fact in made.parsed.facts)
    return present(label_parsed(type(made.parsed)(**{**made.parsed.__dict__, "facts": facts}), "padchest"))


class Tally:
    """True positives, false positives and false negatives by report and label."""

    def __init__(self, gold: list[frozenset[str]], told: list[frozenset[str]], names: list[str]) -> None:
        place = {name: at for at, name in enumerate(names)}
        self.counts = np.zeros((3, len(gold), len(names)), np.float32)
        for at, (true, said) in enumerate(zip(gold, told, strict=True)):
            for which, found in enumerate((true & said, said - true, true - said)):
                self.counts[which, at, [place[name] for name in found if name in place]] = 1

    def f1(self, weights: np.ndarray | None = None) -> tuple[float, float, np.ndarray]:
        """Micro F1, macro F1 and F1 by label; weights (reports,) for a resample."""
        weights = np.ones(self.counts.shape[1]) if weights is None else weights
        hit, false, missed = weights.astype(np.float32) @ self.counts
        each = 2 * hit / np.maximum(2 * hit + false + missed, 1)
        micro = 2 * hit.sum() / max(2 * hit.sum() + false.sum() + missed.sum(), 1)
        return float(micro), float(each[hit + missed > 0].mean()), each


def interval(tally: Tally, patients: list[str], draws: int) -> str:
    """95 % interval of micro and macro F1 over patients drawn with replacement."""
    _, groups = np.unique(patients, return_inverse=True)
    random = np.random.default_rng(7)
    many = []
    for _ in range(draws):
        picked = np.bincount(random.integers(0, groups.max() + 1, groups.max() + 1), minlength=groups.max() + 1)
        many.append(tally.f1(picked[groups].astype(float))[:2])
    low, high = np.percentile(many, [2.5, 97.5], axis=0)
    return f"micro {low[0]:.3f} to {high[0]:.3f}, macro {low[1]:.3f} to {high[1]:.3f}"


def sides(found: list[Row], made: list[Labels]) -> str:
    """Precision, recall and F1 of sides for labels that both say are there."""
    hit = false = missed = 0
    for row, labels in zip(found, made, strict=True):
        for name, true in row.sides.items():
            if name in row.labels and labels.states.get(name) == "present":
                facts = [labels.parsed.facts[number] for number in labels.evidence[name]]
                said = {side for fact in facts for side in fact.sides}
                hit, false, missed = hit + len(true & said), false + len(said - true), missed + len(true - said)
    precision, recall = hit / max(hit + false, 1), hit / max(hit + missed, 1)
    f1 = 2 * hit / max(2 * hit + false + missed, 1)
    return f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f} ({hit + missed} sides)"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=installed(), help="PadChest's CSV, or the same as .gz")
    options.add_argument("--half", choices=("dev", "test"), default="test")
    options.add_argument("--draws", type=int, default=300, help="resamples for the intervals")
    chosen = options.parse_args()
    if chosen.data is None or not chosen.data.exists():
        raise SystemExit(f"there is no PadChest table at {chosen.data}: give PadChest's CSV with --data")
    found = list(rows(chosen.data, chosen.half))
    made = [label(row.text, "padchest", language="es", uncertain="present") for row in found]
    report(chosen.half, found, made, chosen.draws)


def report(half: str, found: list[Row], made: list[Labels], draws: int) -> None:
    gold, told, patients = (
        [row.labels for row in found],
        [present(each) for each in made],
        [row.patient for row in found],
    )
    counts = Counter(name for labels in gold for name in labels)
    people = len(set(patients))
    print(f"PadChest, physician rows, {half} half: {len(found)} reports, {people} patients, {len(counts)} labels")
    sets = {
        "the 40 most frequent labels": [name for name, _ in counts.most_common(40)],
        "the same without the four labels of the study": [n for n, _ in counts.most_common(40) if n not in STUDY],
        "labels with 15 positives or more": [name for name, count in counts.items() if count >= 15],
        "all labels": sorted({*counts, *(name for labels in told for name in labels)}),
    }  # fmt: skip
    for title, names in sets.items():
        tally = Tally(gold, told, names)
        micro, macro, _ = tally.f1()
        print(f"{title} ({len(names)}): micro {micro:.3f}, macro {macro:.3f}  [{interval(tally, patients, draws)}]")
    top = next(iter(sets.values()))
    print(f"  of the 40, mention = positive: micro {Tally(gold, [mentioned(each) for each in made], top).f1()[0]:.3f}")
    true, said = [top_levels(each) for each in gold], [top_levels(each) for each in told]
    levels = Counter(name for each in true for name in each)
    tally = Tally(true, said, [name for name, count in levels.items() if count >= 15])
    micro, macro, _ = tally.f1()
    print(f"top levels with 15 positives or more ({tally.counts.shape[2]}): micro {micro:.3f}, macro {macro:.3f}")
    print(f"sides, given the label: {sides(found, made)}")
    for name in (*top, *(each for each in STUDY if each not in top)):
        hit, false, missed = Tally(gold, told, [name]).counts.sum(axis=(1, 2))
        precision, recall = hit / max(hit + false, 1), hit / max(hit + missed, 1)
        f1 = 2 * hit / max(2 * hit + false + missed, 1)
        print(f"  {name:34s} n {counts[name]:5d}  P {precision:.3f}  R {recall:.3f}  F1 {f1:.3f}")


if __name__ == "__main__":
    main()
