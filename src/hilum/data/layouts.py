"""Write any cohort in the layout of a published data set, so that code made for that set runs on it unchanged."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.data.layout_output import Extras, Written

LAYOUTS: Mapping[str, str] = {
    "mimic-cxr": "hilum.data.layout_mimic",
    "chexpert": "hilum.data.layout_chexpert",
    "imagenome": "hilum.data.layout_imagenome",
    "radgraph": "hilum.data.layout_radgraph",
    "coco": "hilum.data.layout_coco",
}
"""Layout -> the module whose `write(cohort, out, extras)` writes it; `hilum.get('dataset', layout)` reads it back."""


def write_layout(cohort: Cohort, layout: str, out: str | Path, *, extras: Extras | None = None) -> Written:
    """Write a cohort in the layout of a published data set.

    Studies are read once, in order, and not kept. Every file appears whole under its name; tables last. The same
    cohort gives the same bytes. README.txt says what it is, ids.csv how names were numbered, left_out.csv what the
    layout has no place for.

    Args:
        cohort: films, findings, reports and splits are written where the layout holds them.
        layout: 'mimic-cxr' (as MIMIC-CXR-JPG), 'chexpert', 'imagenome', 'radgraph' or 'coco'.
        out: folder to write to.
        extras: what a Study has no field for, e.g. sex and age.

    Returns:
        What was written, and what was left out with the reason.

    Raises:
        InputError: if there is no such layout, the place cannot be written, or a table of the layout is full.
    """
    if layout not in LAYOUTS:
        raise InputError(f"there is no layout '{layout}': choose from {', '.join(LAYOUTS)}")
    module: Any = importlib.import_module(LAYOUTS[layout])
    done: Written = module.write(cohort, Path(out), extras or Extras())
    return done
