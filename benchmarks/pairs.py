"""Films as rows, on disk and in memory: seconds a film, peak memory, random batches; and what MIMIC-CXR takes.

    python benchmarks/pairs.py --films 3000 --size 112

Studies are made here, two films each, with a report; no data set is needed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.image import Image
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.pairs import Pairs, gather

MIMIC_FILMS, SIZES, SIDE = 377_110, (112, 224, 512), 600
SAID = (
    "The lungs are well expanded. There is a small left pleural effusion with adjacent atelectasis, unchanged. No "
    "pneumothorax. The cardiac silhouette is mildly enlarged. The mediastinal and hilar contours are unremarkable."
)
MIB = 1 << 20


def cohort(films: int) -> Cohort:
    """Made studies of two films."""

    def studies() -> Iterator[Study]:
        for number in range(films // 2):
            images = tuple(Image(lambda at=2 * number + place: noise(at), view=view, id=f"{number}.{view}")
                           for place, view in enumerate(("PA", "LL")))  # type: ignore[misc]  # fmt: skip
            report = Report(indication="Cough.", findings=SAID, impression=f"Study {number}: small left effusion.")
            yield Study(f"s{number:08d}", f"p{number // 3:08d}", datetime(2020, 1, 1 + number % 3), images, report)

    return Cohort("made", studies)


def noise(number: int) -> np.ndarray:
    """A film of its number alone."""
    return np.random.default_rng(number).random((SIDE, SIDE), np.float32)


def on_disk(place: Path) -> dict[str, int]:
    """Bytes of the files of a gathered folder."""
    return {path.name: path.stat().st_size for path in place.rglob("*") if path.is_file()}


def peak_mib() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else MIB)


def batches(rows: Pairs, count: int) -> float:
    """Milliseconds of a random batch of 32 films."""
    rng, began = np.random.default_rng(0), time.perf_counter()
    for _ in range(count):
        rows.films[rng.integers(0, len(rows), 32)].sum()
    return (time.perf_counter() - began) / count * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=3000)
    parser.add_argument("--size", type=int, default=112)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        gather(cohort(4), size=given.size, folder=Path(name))  # tables of the text reader
        before, began = peak_mib(), time.perf_counter()
        rows = gather(cohort(given.films), size=given.size, folder=Path(name) / "all")
        spent = time.perf_counter() - began
        grown, sizes = peak_mib() - before, on_disk(Path(name) / "all")
        again = time.perf_counter()
        rows = gather(cohort(given.films), size=given.size, folder=Path(name) / "all")
        again = time.perf_counter() - again
        print(f"on disk: {len(rows)} films of {given.size} px, {spent / len(rows) * 1e3:.2f} ms a film, "
              f"memory grew by {grown:.0f} MiB; read back in {again:.1f} s")  # fmt: skip
        print(f"a batch of 32 films: {batches(rows, 200):.2f} ms from disk")
    held = gather(cohort(given.films), size=given.size)
    print(f"in memory: it grew by {peak_mib() - before:.0f} MiB; a batch {batches(held, 200):.2f} ms")
    films = sizes.pop("films.npy")
    rest = sum(sizes.values()) / len(held)
    print(f"bytes a film beside its pixels: {rest:.0f} (no regions; each region adds size x size / 8)")
    for size in SIZES:
        print(f"MIMIC-CXR, {MIMIC_FILMS} films of {size} px: {MIMIC_FILMS * size**2 / 1e9:.1f} GB of films and "
              f"{MIMIC_FILMS * rest / 1e9:.1f} GB beside them")  # fmt: skip
    assert films == 128 + len(held) * given.size**2


if __name__ == "__main__":
    main()
