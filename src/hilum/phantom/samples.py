"""One drawn study as the files of a sample: record, report, films and what was asked for besides."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image
from hilum.core.record import to_json
from hilum.core.region import Mask
from hilum.core.report import SECTIONS, Report
from hilum.core.study import Study
from hilum.io.png import png_bytes

SYNTHETIC = "Synthetic radiograph of a virtual patient, never exposed; research use only"


@dataclass(frozen=True, eq=False)
class Drawn:
    """One study with everything that is known of it.

    Args:
        study: films with pixels, findings with boxes and masks, report, questions; without prior.
        anatomy: masks by view in small letters, e.g. {'pa': (lungs, heart, ...)}.
        truth: for JSON: person, family, pose, quantities, visibility, seeds.
        films: further films by file kind, e.g. {'pa.soft': ..., 'pa.bone': ...}.
        volumes: arrays (X, Y, Z) or (N, X, Y, Z) by file kind with their affine (LPS), e.g. {'ct': ...}.
        documents: further JSON by file kind, e.g. {'scene': ..., 'radgraph': ...}.
        files: bytes of further files by kind, e.g. {'pa.shot.npz': ...}.
    """

    study: Study
    anatomy: Mapping[str, tuple[Mask, ...]]
    truth: Mapping[str, Any]
    films: Mapping[str, Image] = field(default_factory=dict)
    volumes: Mapping[str, tuple[NDArray[Any], NDArray[np.float64]]] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def files_of(drawn: Drawn, *, bits: int = 8) -> dict[str, bytes]:
    """Return the files of a study's sample by kind, the same bytes for the same study.

    Args:
        drawn: the study.
        bits: of the films, 8 or 16; what is shown (0 black to 1 white) is stored, so windows are spent.
    """
    files = {
        "json": _json({
            "study": to_json(replace(drawn.study, prior=None)),
            "anatomy": {view: [to_json(mask) for mask in masks] for view, masks in drawn.anatomy.items()},
            "truth": dict(drawn.truth),
        }),
        "txt": report_text(drawn.study.report).encode() if drawn.study.report else b"",
    }  # fmt: skip
    shown = {film.view.lower(): film for film in drawn.study.films} | dict(drawn.films)
    for kind, film in shown.items():
        files[f"{kind}.png"] = png_bytes(grey(film, bits), words={"Description": f"{SYNTHETIC}: {film.id} {kind}"})
    for kind, content in drawn.documents.items():
        files[f"{kind}.json"] = _json(content)
    for kind, (values, affine) in drawn.volumes.items():
        files[f"{kind}.nii.gz"] = nifti(values, affine)
    return files | dict(drawn.files)


def grey(film: Image, bits: int) -> NDArray[Any]:
    """Return what a film shows as (H, W) uint8 or uint16, 0 black."""
    shown = np.rint(film.display() * ((1 << bits) - 1))
    return shown.astype(np.uint8 if bits == 8 else np.uint16)


def stored(film: Image) -> Image:
    """Return the film as its PNG will be read again: values in [0, 1], shown as they are, of one polarity."""
    return replace(film, pixels=film.display(), window=None, inverted=False)


def report_text(report: Report) -> str:
    """Return a report as text files hold it: a heading for each section that is there."""
    told = [(name, getattr(report, name)) for name in SECTIONS]
    return "\n\n".join(f"{name.upper()}:\n{text}" for name, text in told if text) + "\n"


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def nifti(values: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    """Return a volume as gzipped NIfTI-1, RAS as its standard asks, without a clock in it.

    Args:
        values: (X, Y, Z), or (N, X, Y, Z) of one channel per finding, which becomes the fourth axis of the file.
        affine: (4, 4) index to patient mm (LPS).

    Raises:
        MissingError: if nibabel is not installed.
    """
    from hilum.core.errors import need

    try:
        import nibabel
    except ImportError:
        raise need("nibabel", "drr", "writing volumes") from None
    placed = np.moveaxis(values, 0, -1) if values.ndim == 4 else values
    kept = placed.astype(
        np.uint8 if placed.dtype == np.bool_ else np.int16 if placed.dtype.kind == "f" else placed.dtype
    )
    make: Any = nibabel.Nifti1Image
    made = make(kept, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)
    return gzip.compress(made.to_bytes(), 6, mtime=0)
