"""Compare our CheXpert cells with those that the CheXpert labeler's own repository gives for its sample reports.

Run: python benchmarks/chexpert_sample.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

from hilum.core.vocabulary import label_set
from hilum.text.labels import cell, label

SAMPLE = Path("text") / "chexpert_labeler_labeled_reports.csv"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help=f"folder that holds {SAMPLE}")
    path = options.parse_args().data / SAMPLE
    if not path.exists():
        raise SystemExit(f"there is no {path}: give the folder with --data")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = label_set("chexpert-14").labels
    same, total = 0, 0
    for number, row in enumerate(rows, 1):
        made = label(row["Reports"], "chexpert-14", likely="uncertain", aggregate="chexpert")
        ours = {name: cell("chexpert-14", made.states.get(name)) for name in names}
        theirs = {name: str(int(float(row[name]))) if row[name] else "" for name in names}
        same += sum(ours[name] == theirs[name] for name in names)
        total += len(names)
        for name in names:
            if ours[name] != theirs[name]:
                print(f"report {number}: {name}: theirs '{theirs[name]}', ours '{ours[name]}'")
    print(f"{same} of {total} cells equal, {len(rows)} reports")


if __name__ == "__main__":
    main()
