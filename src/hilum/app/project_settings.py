"""How a CT is to be projected: everything a worker has to know, checked before any file is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

from hilum.core.errors import InputError
from hilum.data.ct_read import parse_rescale
from hilum.drr.geometry import FIELD_MM, SOURCE_DETECTOR_MM, DrrView
from hilum.drr.render import Model

PHYSICS = ("film", "chest-pa", "chest-lateral", "portable-ap", "random", "raw")
"""'film' takes the exposure that goes with the view; 'random' draws exposure and processing."""
FORMATS = ("dicom", "masks", "seg", "coco", "html")
Angles = tuple[float, float, float]


@dataclass(frozen=True)
class Settings:
    """The options of a projection.

    Args:
        views: which exposures, of PA, AP, LL and RL.
        labels: structures to draw, by name; 'all' takes each that is there.
        each: what a name stands for ('ribs') also structure by structure.
        size: (rows, columns).
        field_mm: longer side of the detector.
        poses: patient rotations about the left, posterior and head axes; each view is taken in each.
        offset_mm: how far the detector lies (down, along) from the central ray.
        source_detector_mm, source_isocentre_mm: distances; None leaves 60 mm between patient and detector.
        parallel: side-by-side rays.
        model: projection model, 'trilinear' or 'siddon'.
        physics: 'raw' for line integrals, else one of `PHYSICS`.
        marker: lead letter on the film, '' for none.
        frame: 'field' centres the detector on the CT, 'lungs' collimates to the lungs, which needs their masks.
        no_table: leave out what lies outside the patient.
        rescale, series, memory_bytes: as `read_ct`.
        formats: what to write beside PNG and JSON.
        lengths: also write each structure's path lengths as PNG.
        show_geometry: also write a picture of the geometry.
        insert: foreign objects and devices by name, or own mesh files.
        insert_at: where they lie: nothing to draw it, one place for all, or one for each.
        seed: of every random draw.

    Raises:
        InputError: for a value that cannot be used.
    """

    views: tuple[str, ...] = ("PA",)
    labels: tuple[str, ...] = ()
    each: bool = False
    size: tuple[int, int] = (1024, 1024)
    field_mm: float = FIELD_MM
    poses: tuple[Angles, ...] = ((0.0, 0.0, 0.0),)
    offset_mm: tuple[float, float] = (0.0, 0.0)
    source_detector_mm: float = SOURCE_DETECTOR_MM
    source_isocentre_mm: float | None = None
    parallel: bool = False
    model: Model = "trilinear"
    physics: str = "film"
    marker: str = ""
    frame: str = "field"
    no_table: bool = False
    rescale: str = "auto"
    series: str = ""
    memory_bytes: int = 4 * 2**30
    formats: tuple[str, ...] = FORMATS
    lengths: bool = False
    show_geometry: bool = False
    insert: tuple[str, ...] = ()
    insert_at: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, given, known in (
            ("--view", self.views, get_args(DrrView)),
            ("--formats", self.formats, FORMATS),
            ("--model", (self.model,), get_args(Model)),
            ("--frame", (self.frame,), ("field", "lungs")),
            ("--physics", (self.physics,), PHYSICS),
        ):
            wrong = [each for each in given if each not in known]
            if wrong:
                raise InputError(f"{name} does not know '{wrong[0]}': choose from {', '.join(known)}")
        if not self.views:
            raise InputError("--view needs at least one of PA, AP, LL and RL")
        if not (min(self.size) >= 16 and max(self.size) <= 8192):
            raise InputError(f"--size must lie between 16 and 8192 pixels, got {self.size[0]} x {self.size[1]}")
        for name, value in (("--field", self.field_mm), ("--sdd", self.source_detector_mm)):
            if not 1.0 <= value <= 100_000.0:
                raise InputError(f"{name} must lie between 1 and 100000 mm, got {value:g}")
        parse_rescale(self.rescale)
        if self.insert or self.insert_at:
            from hilum.app.project_insert import check

            check(self.insert, self.insert_at)

    def films(self) -> tuple[tuple[str, str, Angles], ...]:
        """Return (name, view, angles) of every film that is made of one CT."""
        several = len(self.poses) > 1
        return tuple(
            (f"{view}-{number}" if several else view, view, angles)
            for view in dict.fromkeys(self.views)
            for number, angles in enumerate(self.poses, 1)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def listed(text: str) -> tuple[str, ...]:
    """Return what stands in a list with commas, as often as it stands there."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def words(text: str) -> tuple[str, ...]:
    """Return the names in a list with commas, each once."""
    return tuple(dict.fromkeys(listed(text)))


def parse_size(text: str) -> tuple[int, int]:
    """Return (rows, columns) of '1024' or '1024x800'; raises InputError for anything else."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdigit() for part in parts):
        raise InputError(f"--size takes 1024, or ROWSxCOLUMNS as 1024x800, got '{text}'")
    rows, columns = int(parts[0]), int(parts[-1])
    return rows, columns


def parse_numbers(text: str, count: int, option: str) -> tuple[float, ...]:
    """Return `count` numbers separated by commas; raises InputError for anything else."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count or not all(abs(value) < 1e6 for value in found):
        raise InputError(f"{option} takes {count} numbers separated by commas, got '{text}'")
    return found
