"""How quick `hilum read` is: start, first film, steady rate, memory; beside torchxrayvision's DenseNet-121.

    python benchmarks/read.py [--peer-python peer/bin/python] [--films 24] [--rounds 3]
    python benchmarks/read.py --workers 1,2 [--ray] [--films 24] [--rounds 3]

Films are 2048 x 2048, 12 bit, made from the bundled synthetic film, in three transfer syntaxes. Each figure is the
median over rounds; hilum and the peer take turns within a round, so that a drifting machine touches both alike.
The peer decodes and classifies; hilum decodes, gates, segments, classifies, and in 'all outputs' also writes the
page, JSON, SR, SEG, GSPS, SC and FHIR. See peer_torchxrayvision.py for the peer's environment.

With --workers only the batch is measured: the whole command, start included, with all outputs, by plain runs, by so
many processes and, with --ray, by as many actors of a Ray cluster on this machine. Processor time is of the command
and its workers; a shared machine shows in the wall time first. The results must be the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROBE = """
import json, resource, sys, time
start = time.perf_counter()
from hilum.app.batch import Options, read_batch
marks = []
formats = tuple(sys.argv[2].split(",")) if sys.argv[2] else ()
tick = lambda *_: marks.append(time.perf_counter())
rows = read_batch(sys.argv[3:], sys.argv[1], options=Options(formats=formats), on_row=tick)
bad = [row.reason for row in rows if row.status != "read"]
steady = (len(marks) - 1) / (marks[-1] - marks[0]) if len(marks) > 1 else None
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"first_film_s": marks[0] - start, "films_per_s": steady, "peak_mb": peak, "bad": bad}))
"""


def make_films(folder: Path, count: int) -> list[str]:
    """Write `count` 2048 x 2048 DICOM films: uncompressed, JPEG-LS and JPEG 2000 in turn."""
    from importlib.resources import files

    import numpy as np
    import pydicom
    from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

    base = pydicom.dcmread(str(files("hilum").joinpath("app/static/example-film.dcm")))
    pixels = np.kron(base.pixel_array, np.ones((2, 2), np.uint16))
    noise = np.random.default_rng(0)
    paths = []
    for number in range(count):
        ds = pydicom.dcmread(str(files("hilum").joinpath("app/static/example-film.dcm")))
        grain = noise.integers(-12, 13, pixels.shape)
        ds.PixelData = np.clip(pixels.astype(np.int32) + grain, 0, 4095).astype(np.uint16).tobytes()
        ds["PixelData"].VR = "OW"
        ds.Rows = ds.Columns = 2048
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(ds, name, UID(f"2.25.77.{number}.{len(name)}"))
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        syntax = (None, JPEGLSLossless, JPEG2000Lossless)[number % 3]
        if syntax:
            ds.compress(syntax, generate_instance_uid=False)
        paths.append(str(folder / f"film-{number:03}.dcm"))
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths


def timed(command: list[str]) -> float:
    """Seconds of one run of a command."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def measured(command: list[str]) -> dict[str, Any]:
    """Run a probe that prints one JSON object last; add the whole process's seconds."""
    start = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "process_s": time.perf_counter() - start}


def rounds(films: list[str], folder: Path, count: int, peer: str | None) -> dict[str, list[dict[str, Any]]]:
    """Run each contender once per round, in turn."""
    python = [sys.executable, "-c", PROBE]
    found: dict[str, list[dict[str, Any]]] = {"cold": [], "model": [], "all": [], "peer": [], "start": []}
    for number in range(count):
        out = str(folder / f"out-{number}")
        bare = timed([sys.executable, "-c", "pass"])
        hilum = [str(Path(sys.executable).with_name("hilum"))]
        found["start"].append(
            {
                "import_s": timed([sys.executable, "-c", "import hilum"]) - bare,
                "help_s": timed([*hilum, "--help"]),
                "cold_s": timed([*hilum, "read", films[0], "-o", out, "--quiet"]),
                "cold_j2k_s": timed([*hilum, "read", films[2], "-o", out, "--quiet"]),
            }
        )
        found["model"].append(measured([*python, out, "", *films]))
        if peer:
            found["peer"].append(measured([peer, str(HERE / "peer_torchxrayvision.py"), *films]))
        found["all"].append(measured([*python, out, "sr,seg,gsps,sc,fhir,html", *films]))
        shutil.rmtree(out, ignore_errors=True)
    return found


def batch(films: list[str], folder: Path, count: int, workers: list[int], ray: bool) -> dict[str, list[dict[str, Any]]]:
    """Read the films by each number of workers in turn, once per round, and check that all give the same bytes."""
    ways = {f"{n} worker{'s' * (n > 1)}": ["--workers", str(n)] for n in workers}
    ways |= {f"Ray, {n} actors": ["--workers", str(n), "--ray", "local"] for n in workers if ray and n > 1}
    hilum = [str(Path(sys.executable).with_name("hilum")), "read", "--quiet"]
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    known: dict[str, bytes] = {}
    for number in range(count):
        for way, flags in ways.items():
            out = folder / f"out-{number}"
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall_s = timed([*hilum, *films, "-o", str(out), *flags])
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found[way].append(
                {"films_per_s": len(films) / wall_s, "wall_s": wall_s, "cpu_s_per_film": cpu_s / len(films)}
            )
            made = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
            made.pop("run.json")
            known = known or made
            if made != known:
                raise SystemExit(f"{way}: the results differ from those of the first run")
            shutil.rmtree(out)
    return found


def show_batch(found: dict[str, list[dict[str, Any]]], films: int) -> None:
    """Print the batch's rows."""
    print(f"{films} films of 2048 x 2048, all outputs, start included; the same bytes each time")
    for way, rows in found.items():
        print(f"hilum read, {way:14}  {median(rows, 'films_per_s'):6.2f} films/s   {median(rows, 'wall_s'):7.1f} s   "
              f"{median(rows, 'cpu_s_per_film'):6.2f} processor s/film")  # fmt: skip


def median(rows: list[dict[str, Any]], key: str) -> float:
    """Median of one figure over rounds."""
    return statistics.median(float(row[key]) for row in rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=os.environ.get("HILUM_PEER_PYTHON"))
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="", help="numbers with commas: measure only the batch")
    parser.add_argument("--ray", action="store_true", help="with --workers, also as many actors on Ray")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.workers:
            films = make_films(folder, given.films)
            workers = [int(number) for number in given.workers.split(",")]
            show_batch(batch(films, folder, given.rounds, workers, given.ray), len(films))
            return
        found = rounds(make_films(folder, max(given.films, 3)), folder, given.rounds, given.peer_python)
    bad = [reason for key in ("model", "all") for row in found[key] for reason in row["bad"]]
    start = found["start"]
    print(f"import hilum                               {median(start, 'import_s'):7.2f} s   (budget 0.3)")
    print(f"hilum --help                               {median(start, 'help_s'):7.2f} s   (budget 0.5)")
    print(f"hilum read, one 2k film, uncompressed      {median(start, 'cold_s'):7.2f} s   (budget 4, all outputs)")
    print(f"hilum read, one 2k film, JPEG 2000         {median(start, 'cold_j2k_s'):7.2f} s")
    print(f"steady, decode + model + JSON              {median(found['model'], 'films_per_s'):7.2f} films/s (budget 4)")
    print(f"steady, all outputs                        {median(found['all'], 'films_per_s'):7.2f} films/s")
    print(f"peak memory, all outputs                   {median(found['all'], 'peak_mb'):7.0f} MB  (budget 1000)")
    if found["peer"]:
        ours, peers = found["model"], found["peer"]
        rate = median(ours, "films_per_s") / median(peers, "films_per_s")
        first = median(peers, "first_film_s") / median(ours, "first_film_s")
        memory = median(peers, "peak_mb") / median(ours, "peak_mb")
        print(f"torchxrayvision DenseNet-121               {median(peers, 'films_per_s'):7.2f} films/s, first film "
              f"{median(peers, 'first_film_s'):.2f} s, {median(peers, 'peak_mb'):.0f} MB")  # fmt: skip
        print(f"hilum / torchxrayvision: rate x{rate:.2f}, first film {first:.2f} times sooner, memory 1/{memory:.2f}")
    else:
        print("torchxrayvision: not measured (give --peer-python; see peer_torchxrayvision.py)")
    if bad:
        print(f"note: {len(bad)} films were not read: {bad[0]}")


if __name__ == "__main__":
    main()
