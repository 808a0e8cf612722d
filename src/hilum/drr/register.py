"""Where a patient stood: rigid registration of a CT to one film, or to a frontal and lateral pair."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from hilum.core.errors import InputError
from hilum.core.image import Image, Volume
from hilum.core.seed import generator
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import FIELD_MM, SOURCE_DETECTOR_MM, DrrView, Geometry
from hilum.drr.project import film_geometry

if TYPE_CHECKING:
    import torch

    from hilum.drr.gradient import Projector

LEVELS = ((48, 40, 8), (96, 30, 3), (192, 25, 1))
"""(longer side in pixels, steps, poses kept) from coarse to fine."""

Six = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Registration:
    """A pose of the patient under which the CT's projection matches the film.

    Args:
        rotation_deg: rotation vector about the left, posterior and head axes through the isocentre; its length is
            the angle.
        shift_mm: movement after it, to the left, the back and the head.
        geometries: of each film, in the CT's own millimetres: what a projector needs to render the match.
        similarity: mean likeness of the films, 0 to 1.
        inverted: for each film, whether it matches with black and white exchanged.
        history: likeness of the best pose after each step, coarse to fine; levels are not comparable.
        milliseconds: time it took.
    """

    rotation_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]
    geometries: tuple[Geometry, ...]
    similarity: float
    inverted: tuple[bool, ...]
    history: tuple[float, ...]
    milliseconds: float

    @property
    def geometry(self) -> Geometry:
        """Geometry of the first film."""
        return self.geometries[0]


def coarser(field: Field, voxel_mm: float) -> Field:
    """Return a field averaged over blocks of voxels of about this size, float32, kept; zeros fill the last blocks."""
    factors = tuple(max(1, round(voxel_mm / spacing)) for spacing in field.spacing_mm)

    def make() -> Field:
        values: Any = np.pad(
            field.values, [(0, -size % factor) for size, factor in zip(field.shape, factors, strict=True)]
        )
        for axis, factor in enumerate(factors):
            shape = (*values.shape[:axis], values.shape[axis] // factor, factor, *values.shape[axis + 1 :])
            values = values.reshape(shape).mean(axis + 1, dtype=np.float32)
        affine = field.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ ((np.array(factors) - 1) / 2)
        affine[:3, :3] *= factors
        return Field((values * field.scale).astype(np.float32), affine)

    made: Field = field.keep(("coarser", factors), make)
    return made


def expected_geometry(film: Image, grid: Volume | Field, *, source_detector_mm: float = SOURCE_DETECTOR_MM) -> Geometry:
    """Return the exposure a film's own facts describe: its view, size and spacing, the patient in the middle.

    Args:
        film: with a view; where its spacing is unknown, its longer side is taken as 430 mm.
        grid: the CT.
        source_detector_mm: source to detector.

    Raises:
        InputError: if the film's view is not PA, AP, LL or RL.
    """
    if film.view not in get_args(DrrView):
        raise InputError(
            f"the film's view is '{film.view}'; a CT is registered to a PA, AP, LL or RL film: "
            "name it with film.with_view(...) or give its geometry"
        )
    rows, columns = film.pixels.shape
    pitch = film.spacing_mm or (FIELD_MM / max(rows, columns),) * 2
    size = (rows, columns)
    start = film_geometry(grid, view=film.view, size=size, source_detector_mm=source_detector_mm)  # type: ignore[arg-type]
    larger = start.magnification if film.spacing_plane == "patient" else 1.0
    down, along = (wanted * larger / now for wanted, now in zip(pitch, start.pitch_mm, strict=True))
    middle = start.pixel((rows - 1) / 2, (columns - 1) / 2)
    row_step, column_step = start.row_step * along, start.column_step * down
    corner = middle - column_step * (rows - 1) / 2 - row_step * (columns - 1) / 2
    return Geometry(
        start.source, corner, row_step, column_step, size, start.isocentre, view=start.view,
        orientation=start.orientation,
    )  # fmt: skip


def _upright(film: Image, geometry: Geometry) -> Image:
    """Return a film as the geometry lays it out, mirrored back where its orientation says so."""
    for across in (False, True):
        for over in (False, True):
            turned = film.flip(horizontal=across, vertical=over)
            if turned.orientation in (None, geometry.orientation):
                return turned
    raise InputError(
        f"the film's orientation is {film.orientation}, its geometry's {geometry.orientation}: "
        "rotate the film or correct its orientation"
    )


class _Search:
    """Films at several resolutions, and poses improved level by level."""

    def __init__(self, films: Sequence[Image], field: Field, geometries: Sequence[Geometry], box: Any) -> None:
        import torch

        self.field, self.geometries = field, geometries
        self.pixels = []
        for film, geometry in zip(films, geometries, strict=True):
            values = np.array(_upright(film, geometry).pixels, np.float32)
            low, high = np.percentile(values, (0.5, 99.5))
            values = np.clip((values - low) / max(float(high - low), 1e-12), 0.0, 1.0).astype(np.float32)
            self.pixels.append(torch.from_numpy(-values if film.inverted else values))
        self.box = torch.tensor(box, dtype=torch.float64)
        self.history: list[float] = []

    def level(self, longest: int) -> tuple[list[torch.Tensor], list[Projector]]:
        """Return the films with this many pixels along their longer side, and projectors to match."""
        import torch

        from hilum.drr.gradient import Projector

        films, projectors = [], []
        for pixels, geometry in zip(self.pixels, self.geometries, strict=True):
            share = min(1.0, longest / max(geometry.shape))
            shape = (max(8, round(geometry.shape[0] * share)), max(8, round(geometry.shape[1] * share)))
            small = torch.nn.functional.interpolate(
                pixels[None, None], shape, mode="bilinear", antialias=True, align_corners=False
            )
            seen = geometry.resized(shape)
            films.append(small[0, 0])
            voxel_mm = min(seen.pitch_mm) / seen.magnification
            projectors.append(Projector(coarser(self.field, voxel_mm), seen))
        return films, projectors

    def likeness(self, poses: torch.Tensor, films: list[torch.Tensor], projectors: list[Projector]) -> torch.Tensor:
        """Return (films, B) the signed likeness of each film to the projection from each pose."""
        import torch

        from hilum.drr.similarity import likeness

        return torch.stack([likeness(film, cast(poses)) for film, cast in zip(films, projectors, strict=True)])

    def start(self, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the most promising of `count` poses spread over the box, and the films' polarity (films, B)."""
        import torch
        from scipy.stats import qmc

        draw = generator(seed, "registration")
        unit = torch.from_numpy(qmc.Sobol(6, rng=draw).random(count)) * 2 - 1
        poses = torch.cat([torch.zeros(1, 6, dtype=torch.float64), unit * self.box])
        films, projectors = self.level(LEVELS[0][0])
        with torch.no_grad():
            parts = [self.likeness(part, films, projectors) for part in torch.split(poses, 32)]
        found = torch.cat(parts, 1)
        best = found.abs().sum(0).argsort(descending=True)[: LEVELS[0][2]]
        return poses[best], found[:, best].sign()

    def improve(
        self, poses: torch.Tensor, signs: torch.Tensor, longest: int, steps: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Climb from each pose inside the box; returns poses (B, 6) and their likeness (B,), best first seen."""
        import torch

        films, projectors = self.level(longest)
        # a pixel of the level at the isocentre, and the turn that moves the chest's edge by as much
        pixel_mm = min(min(p.geometry.pitch_mm) / p.geometry.magnification for p in projectors)
        size = torch.tensor([pixel_mm / 120.0] * 3 + [pixel_mm] * 3, dtype=torch.float64)
        scaled = (poses / size).requires_grad_()
        climber = torch.optim.Adam([scaled], lr=0.7, betas=(0.7, 0.95))
        best, record = poses.clone(), torch.full((len(poses),), -torch.inf, dtype=torch.float64)
        for step in range(steps):
            for group in climber.param_groups:
                group["lr"] = 0.7 * 0.1 ** (step / max(1, steps - 1))
            climber.zero_grad()
            alike = (self.likeness(scaled * size, films, projectors) * signs).mean(0)
            with torch.no_grad():
                better = alike.double() > record
                record = torch.where(better, alike.double(), record)
                best = torch.where(better[:, None], scaled * size, best)
            self.history.append(float(record.max()))
            torch.autograd.backward(-alike.sum())
            climber.step()
            with torch.no_grad():
                scaled.copy_((scaled * size).clamp(-self.box, self.box) / size)
        return best, record

    def best(self, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, float]:
        """Return the pose (6,) that wins over all levels, the films' polarity (films,), and its likeness."""
        poses, signs = self.start(count, seed)
        for longest, steps, kept in LEVELS:
            poses, signs = poses[:kept], signs[:, :kept]
            poses, record = self.improve(poses, signs, longest, steps)
            order = record.argsort(descending=True)
            poses, signs, record = poses[order], signs[:, order], record[order]
        return poses[0], signs[:, 0], float(record[0])


def register_film(
    film: Image | Sequence[Image],
    ct: Volume | Field,
    *,
    geometry: Geometry | Sequence[Geometry] | None = None,
    source_detector_mm: float = SOURCE_DETECTOR_MM,
    within_deg: float = 15.0,
    within_mm: float = 40.0,
    starts: int = 256,
    seed: int = 0,
) -> Registration:
    """Find the pose of the patient under which the CT's projection matches one film, or several taken in that pose.

    A few hundred poses spread over a box are compared coarsely, the best are improved together by gradient ascent,
    and the winner is refined at three resolutions. Likeness is local and gradient correlation, so neither the
    film's tone curve nor its polarity matters. Movement along the beam hardly changes a single film and is found
    only roughly; a frontal and lateral pair settles all six numbers.

    Args:
        film: one film, or films of different views that share the pose, e.g. PA and lateral.
        ct: HU on any grid, or its attenuation.
        geometry: of each film with the patient in the expected pose; None takes it from the film's view, size and
            spacing.
        source_detector_mm: where no geometry is given.
        within_deg: largest rotation about each axis.
        within_mm: largest shift along each axis.
        starts: poses to compare first.
        seed: of those poses.

    Returns:
        Registration.

    Raises:
        InputError: if a film is flat, its view is unknown, or geometries and films do not pair up.
        MissingError: if torch or numba is not installed.
    """
    began = time.perf_counter()
    films = [film] if isinstance(film, Image) else list(film)
    field = mu_map(ct) if isinstance(ct, Volume) else ct
    if geometry is None:
        given = [expected_geometry(one, field, source_detector_mm=source_detector_mm) for one in films]
    else:
        given = [geometry] if isinstance(geometry, Geometry) else list(geometry)
    _check(films, field, given, within_deg=within_deg, within_mm=within_mm)
    search = _Search(films, field, given, [np.radians(within_deg)] * 3 + [within_mm] * 3)
    return _result(search, *search.best(starts, seed), began)


def _check(
    films: list[Image], field: Field, geometries: list[Geometry], *, within_deg: float, within_mm: float
) -> None:
    if not films or len(films) != len(geometries):
        raise InputError(f"each film needs one geometry, got {len(films)} films and {len(geometries)} geometries")
    if not (0 < within_deg <= 90 and within_mm > 0):
        raise InputError(f"the search box needs 0 to 90 degrees and more than 0 mm, got {within_deg}, {within_mm}")
    for film, geometry in zip(films, geometries, strict=True):
        if film.pixels.shape != geometry.shape:
            raise InputError(f"the film has {film.pixels.shape} pixels, its geometry {geometry.shape}")
        if float(np.ptp(film.pixels)) == 0.0:
            raise InputError(f"the film '{film.id or film.view}' is flat: nothing in it can be matched")
    if not field.values.any():
        raise InputError("the CT holds nothing but air: nothing in it can be matched")


def _result(search: _Search, pose: torch.Tensor, signs: torch.Tensor, record: float, began: float) -> Registration:
    from hilum.drr.gradient import Projector

    numbers = pose.numpy()
    return Registration(
        rotation_deg=tuple(float(x) for x in np.degrees(numbers[:3])),  # type: ignore[arg-type]
        shift_mm=tuple(float(x) for x in numbers[3:]),  # type: ignore[arg-type]
        geometries=tuple(Projector(search.field, one).exposure(pose) for one in search.geometries),
        similarity=record,
        inverted=tuple(bool(sign < 0) for sign in signs),
        history=tuple(search.history),
        milliseconds=(time.perf_counter() - began) * 1e3,
    )
