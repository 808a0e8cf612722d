"""What `hilum draw` does with what it is given, and what a person or a program is told."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hilum import RESEARCH_USE
from hilum.app.draw_run import Row, draw_cohort
from hilum.app.score_command import writable
from hilum.app.steps import Steps
from hilum.core.errors import InputError
from hilum.phantom.recipe import Recipe

VIEWS = ("PA", "AP", "LL", "RL")


@dataclass(frozen=True)
class Asked:
    """The options of the command, as given."""

    text: str
    cohort: bool
    views: tuple[str, ...]
    out: Path
    workers: int = 1
    ray: str = ""
    export: Path | None = None
    layout: str = ""
    resume: bool = False
    as_json: bool = False
    quiet: bool = False


def run(asked: Asked, recipe: Recipe) -> bool:
    """Draw what was asked for; return whether all of it could be drawn.

    Raises:
        HilumError: if nothing could be done.
    """
    _check(asked)
    writable(asked.out)
    if asked.export is not None:
        return _export(asked, asked.export)
    return _cohort(asked, recipe) if asked.cohort else _patients(asked, recipe)


def _check(asked: Asked) -> None:
    wrong = [name for name in asked.views if name not in VIEWS]
    if wrong or not asked.views:
        raise InputError(f"there is no view '{', '.join(wrong)}': choose from {', '.join(VIEWS)}")
    if asked.cohort and asked.text:
        raise InputError("give either a text or --cohort: a cohort draws its own findings")
    if bool(asked.layout) != (asked.export is not None):
        raise InputError("--export COHORT and --as LAYOUT belong together: give both")


def _cohort(asked: Asked, recipe: Recipe) -> bool:
    from hilum.app.draw_card import write_card

    began = time.perf_counter()
    workers = asked.workers or os.cpu_count() or 1
    with Steps("drawing shards", hidden=asked.quiet or asked.as_json) as steps:
        rows = draw_cohort(
            recipe, asked.out, workers=workers, ray=asked.ray, resume=asked.resume,
            on_row=lambda row, number, total: steps.step(row.status, number, total),
        )  # fmt: skip
    failed = [row for row in rows if row.status == "failed"]
    for row in failed:
        print(f"failed: {row.name}: {row.reason}", file=sys.stderr)
    page = None if failed else write_card(asked.out)
    if asked.as_json:
        print(json.dumps({"out": str(asked.out), "caution": RESEARCH_USE, "shards": [asdict(row) for row in rows]}))
    elif not asked.quiet:
        print(_told(rows, asked.out, time.perf_counter() - began, page))
    return not failed


def _told(rows: Sequence[Row], out: Path, seconds: float, page: Path | None) -> str:
    studies, patients = sum(row.studies for row in rows), sum(row.patients for row in rows)
    kept = sum(row.status == "kept" for row in rows)
    made = f"{patients} patients, {studies} studies in {len(rows)} shards, {seconds:.0f} s"
    lines = [made + (f"; {kept} shards kept from an earlier run" if kept else ""), f"Synthetic. {RESEARCH_USE}"]
    if page is None:
        return "\n".join(
            [*lines, f"Not finished: the same command with --resume goes on; shards that are whole stay in {out}"]
        )
    return "\n".join([
        *lines, f"Wrote {page} (the data card; open it in a browser), cohort.json and the shards beside it.",
        f'Try next: hilum view {out} -o {out}-view, or hilum.get("dataset", "virtual")("{out}") in Python.',
    ])  # fmt: skip


def _patients(asked: Asked, recipe: Recipe) -> bool:
    from hilum.app.draw_single import draw_patients

    with Steps("drawing", hidden=asked.quiet or asked.as_json) as steps:
        drawn = draw_patients(
            asked.text, recipe, asked.views, asked.out,
            on_study=steps.step,
        )  # fmt: skip
    if asked.as_json:
        print(json.dumps({"out": str(asked.out), "caution": RESEARCH_USE, "studies": [each.line() for each in drawn]}))
    elif not asked.quiet:
        print("\n".join([
            *(f"{each.id:24} {each.said}" for each in drawn), "", f"Synthetic. {RESEARCH_USE}",
            f"Wrote {asked.out / 'index.html'} (open it in a browser) and a folder per patient.",
            f"Try next: hilum read {asked.out} -o read, to see what a model makes of them.",
        ]))  # fmt: skip
    return True


def _export(asked: Asked, source: Path) -> bool:
    from hilum.app.draw_export import export

    written = export(source, asked.layout, asked.out)
    told = {"out": str(asked.out), "layout": asked.layout, "studies": written.studies, "films": written.films}
    if asked.as_json:
        print(json.dumps({**told, "left_out": len(written.left_out), "caution": RESEARCH_USE}))
    elif not asked.quiet:
        left = f"; {len(written.left_out)} things it has no place for are in left_out.csv" if written.left_out else ""
        print(f"Wrote {written.studies} studies, {written.films} films as {asked.layout} to {asked.out}{left}.")
        print(f"Synthetic. {RESEARCH_USE} Try next: open {asked.out / 'README.txt'}.")
    return True
