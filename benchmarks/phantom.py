"""What virtual patients cost: seconds per study by stage, cohorts of growing size, memory; printed, never asserted.

    python benchmarks/phantom.py                    # stages of 12 patients, then cohorts of 24 and 48 patients
    python benchmarks/phantom.py --patients 500     # about 1,000 studies; half an hour on 2 cores at most

Wall seconds on an idle machine. Compiled kernels are warmed by one patient before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from hilum.app.draw_run import base_for, draw_cohort
from hilum.phantom.build import Stages, draw_studies
from hilum.phantom.recipe import Recipe
from hilum.phantom.samples import files_of


def stages(recipe: Recipe) -> None:
    """Print CPU seconds per study of each stage, in this process."""
    base = base_for(recipe)
    list(draw_studies(recipe.patient(10**6), recipe, base=base))
    clock: Stages = defaultdict(float)
    studies = size = 0
    began = time.perf_counter()
    for number in range(recipe.patients):
        for drawn in draw_studies(recipe.patient(number), recipe, base=base, clock=clock):
            start = time.process_time()
            size += sum(map(len, files_of(drawn).values()))
            clock["files"] += time.process_time() - start
            studies += 1
    wall = time.perf_counter() - began
    print(f"\nstages, {recipe.patients} patients, {studies} studies at {recipe.size} px, {'+'.join(recipe.families)}")
    for name, seconds in clock.items():
        print(f"  {name:10} {seconds / studies:7.3f} CPU s per study")
    print(
        f"  {'all':10} {wall / studies:7.3f} wall s per study in one process, all cores; {size / studies / 1e3:.0f} kB"
    )


def cohort(recipe: Recipe, workers: int) -> None:
    """Print wall seconds and memory of one whole cohort, shards and all."""
    folder = Path(tempfile.mkdtemp(prefix="hilum-phantom-"))
    try:
        began = time.perf_counter()
        rows = draw_cohort(recipe, folder, workers=workers)
        seconds = time.perf_counter() - began
        failed = [row.reason for row in rows if row.status == "failed"]
        if failed:
            raise SystemExit(f"a shard failed: {failed[0]}")
        studies, size = sum(row.studies for row in rows), sum(path.stat().st_size for path in folder.rglob("*.tar"))
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(
            f"  {recipe.patients:5} patients {studies:5} studies {seconds:7.1f} s {seconds / studies:6.3f} s per study "
            f"{1000 * seconds / studies / 60:5.1f} min per 1,000; {size / 2**20:.0f} MB; {workers} workers, "
            f"the largest {largest:.2f} GiB"
        )
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Print stages, then cohorts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="*", default=[24, 48], help="sizes of the cohorts")
    parser.add_argument("--stages", type=int, default=12, help="patients whose stages are timed; 0 for none")
    parser.add_argument("--size", type=int, default=224, help="pixels along a film")
    parser.add_argument("--families", default="parametric", help="anatomies with commas")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    families = tuple(given.families.split(","))
    if given.stages:
        stages(Recipe(given.stages, given.seed, given.size, families))  # type: ignore[arg-type]
    print(f"\ncohorts at {given.size} px, start of processes and compiled kernels included")
    for patients in given.patients:
        cohort(Recipe(patients, given.seed, given.size, families, per_shard=4), given.workers)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
