"""Whether memory stays flat while millions of reports stream from a CSV file to a JSONL file.

Run: python benchmarks/label_stream.py --reports 1000000
The reports are invented: sentences with drawn findings, sides, zones, sizes and grades, of which few come twice in the
same wording. They are written to a CSV file first, then labelled by `hilum.app.label.label_files` as the command does.
Resident memory of this process is read at 10 %, 50 % and 100 %. What grows is one hash per id, 12 to 24 bytes, so that
an id that comes twice is told; the rest is the same at the end as at the beginning.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from hilum.app.label import label_files
from hilum.app.label_rows import Reading
from hilum.core.seed import generator

FINDINGS = (
    "pleural effusion", "pneumothorax", "consolidation", "atelectasis", "nodule", "opacity", "infiltrate",
    "pleural thickening", "rib fracture", "mass",
)  # fmt: skip
LEADS = ("No", "There is a", "Possible", "Stable", "New", "Interval increase in the", "No evidence of", "Resolved")
SIZES = ("small", "moderate", "large", "tiny", "")
SIDES = ("right", "left", "bilateral", "")
ZONES = ("at the base", "in the upper lobe", "at the apex", "in the mid zone", "")
TAILS = ("Heart size is normal.", "The heart is mildly enlarged.", "A central line ends in the superior vena cava.", "")


def reports(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield id, findings and impression of invented reports."""
    draw = generator(seed, "label-stream")
    for number in range(count):
        said = []
        for _ in range(int(draw.integers(2, 6))):
            lead, size, side, finding, zone = (
                words[int(draw.integers(len(words)))] for words in (LEADS, SIZES, SIDES, FINDINGS, ZONES)
            )
            measured = f", {int(draw.integers(3, 60))} mm" if draw.random() < 0.2 else ""
            said.append(" ".join(f"{lead} {size} {side} {finding} {zone}".split()) + measured + ".")
        said.append(TAILS[int(draw.integers(len(TAILS)))])
        yield f"report-{number:08d}", " ".join(said), said[0]


def write(path: Path, count: int, seed: int) -> None:
    """Write the reports as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "findings", "impression"])
        table.writerows(reports(count, seed))


def peak() -> float:
    """Return the largest resident size that this process had, in MiB; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(count: int, folder: Path, reading: Reading, seed: int) -> tuple[dict[int, float], float]:
    """Return resident MiB of the process by percent of the reports, and reports per second."""
    source = folder / "reports.csv"
    write(source, count, seed)
    process, marks, done = psutil.Process(), {}, 0
    marks[0] = process.memory_info().rss / 2**20
    before = peak()

    def on_row(_: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        for percent in (10, 50, 100):
            if done == max(1, count * percent // 100):
                marks[percent] = process.memory_info().rss / 2**20

    began = time.process_time()
    outcome = label_files([source], folder / "labels.jsonl", reading=reading, on_row=on_row)
    seconds = time.process_time() - began
    print(f"peak {peak():.1f} MiB (before the first report {before:.1f})")
    if outcome.done != count:
        raise SystemExit(f"{outcome.done} of {count} reports were labelled: {outcome.reasons}")
    return marks, count / seconds


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--reports", type=int, default=1_000_000)
    options.add_argument("--as", dest="label_set", default="chexpert-14")
    options.add_argument("--graph", action="store_true")
    options.add_argument("--scene", action="store_true")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--folder", type=Path, help="where the files go; a temporary folder when left out")
    given = options.parse_args()
    reading = Reading(given.label_set, graph=given.graph, scene=given.scene)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        marks, rate = measure(given.reports, Path(folder), reading, given.seed)
    for percent, size in marks.items():
        print(f"{percent:3} % of {given.reports:,} reports: {size:7.1f} MiB resident")
    print(f"{rate:,.0f} reports per processor second, reading and writing included")


if __name__ == "__main__":
    main()
