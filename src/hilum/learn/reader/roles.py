"""What a picture is to a reader: its role, the token that names it, and which pictures of a study take which role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from hilum.core.errors import RefusedError
from hilum.core.geometry import FRONTAL, LATERAL
from hilum.core.image import Image, Window
from hilum.core.region import Box
from hilum.core.study import Study

ROLES = ("cur_front", "cur_lat", "cur_other", "prior_front", "lesion_crop")
IMAGE = "<image>"
"""Where the tokens of a picture go; its role token stands just before it."""


def token_of(role: str) -> str:
    """Return the token that names a role, e.g. '<img_cur_front>'.

    Raises:
        RefusedError: if there is no such role.
    """
    if role not in ROLES:
        raise RefusedError(f"'{role}' is no role of a picture: choose from {', '.join(ROLES)}")
    return f"<img_{role}>"


ROLE_TOKENS = tuple(token_of(role) for role in ROLES)


@dataclass(frozen=True)
class Shown:
    """One picture of a sample: its role, the film, and the part of it that is shown (None: all of it).

    Args:
        role: one of ROLES.
        image: the film.
        region: pixels of the film, for lesion crops.

    Raises:
        RefusedError: if there is no such role.
    """

    role: str
    image: Image
    region: Box | None = None

    def __post_init__(self) -> None:
        token_of(self.role)

    @property
    def film(self) -> Image:
        """What is shown: the film, or the crop of it, at least one pixel large."""
        if self.region is None:
            return self.image
        height, width = self.size
        x0, y0 = max(int(self.region.x0), 0), max(int(self.region.y0), 0)
        x1, y1 = min(ceil(self.region.x1), width), min(ceil(self.region.y1), height)
        x0, y0 = min(x0, width - 1), min(y0, height - 1)
        part = self.image.display()[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        name = f"{self.image.id}@{x0},{y0},{x1},{y1}"
        return Image(part, window=Window(0.5, 1.0, "LINEAR_EXACT"), view=self.image.view, id=name)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the whole film in pixels."""
        height, width = self.image.pixels.shape
        return height, width


def frontal_of(study: Study) -> Image | None:
    """Return the study's frontal film, PA before AP, or None."""
    fronts = [film for film in study.films if film.view in FRONTAL]
    return min(fronts, key=lambda film: film.view != "PA", default=None)


def check_pair(study: Study, prior: Study) -> None:
    """Refuse a prior that a study may not be compared with.

    Raises:
        RefusedError: if the prior is of another patient, is not strictly earlier, or either cannot be told.
    """
    if not study.patient or study.patient != prior.patient:
        raise RefusedError(
            f"the prior '{prior.id}' is of patient '{prior.patient}' and the study '{study.id}' of "
            f"'{study.patient}': films of two patients are never read together; give both studies the same patient, "
            "or leave the prior out"
        )
    if study.time is None or prior.time is None:
        undated = study if study.time is None else prior
        raise RefusedError(
            f"the study '{undated.id}' has no date-time, so nothing tells whether the prior '{prior.id}' is earlier "
            f"than '{study.id}': give both a time, or leave the prior out"
        )
    if prior.time >= study.time:
        raise RefusedError(
            f"the prior '{prior.id}' is dated {prior.time:%Y-%m-%d %H:%M}, not before the study '{study.id}' of "
            f"{study.time:%Y-%m-%d %H:%M}: a prior must be strictly earlier; swap the two or leave it out"
        )


def checked_prior(study: Study) -> Study | None:
    """Return the study's prior if a reader may compare with it, None where it has none.

    Raises:
        RefusedError: as `check_pair` does.
    """
    if study.prior is not None:
        check_pair(study, study.prior)
    return study.prior


def paired(study: Study, prior: Study | None) -> Study:
    """Return the study with another one as its only prior, as a person hands two studies over.

    Raises:
        RefusedError: as `check_pair` does.
    """
    if prior is None:
        return study
    check_pair(study, prior)
    return replace(study, prior=replace(prior, prior=None))


def shown_of(study: Study, roles: Sequence[str], *, frontal: bool = True) -> tuple[Shown, ...]:
    """Return the pictures of a study that a reader with these roles sees, in the order of the roles.

    Args:
        study: with its films and, where it has one, its prior.
        roles: wanted, of ROLES; 'cur_other' takes every current film that no other role took.
        frontal: whether a current frontal film must be there; else any film may be the first.

    Raises:
        RefusedError: if there is no frontal film (no film at all where `frontal` is false), or the prior may not be
            compared with.
    """
    front = frontal_of(study)
    if (frontal and front is None) or not study.films:
        views = ", ".join(film.view for film in study.films) or "no films"
        raise RefusedError(
            f"the study '{study.id}' has no frontal film (PA or AP), which this reader needs; it has {views}: "
            "add one, or set its view if it is unknown"
        )
    prior = checked_prior(study) if "prior_front" in roles else None
    lateral = next((film for film in study.films if film.view in LATERAL), None) if "cur_lat" in roles else None
    taken = [film for film in (front, lateral) if film is not None]
    others = [film for film in study.films if not any(film is each for each in taken)]
    if front is None and not others:
        others, lateral = taken, None
    found: dict[str, Iterable[Image | None]] = {
        "cur_front": (front,), "cur_lat": (lateral,), "cur_other": others,
        "prior_front": (frontal_of(prior),) if prior else (),
    }  # fmt: skip
    return tuple(
        Shown(role, film) for role in roles for film in found.get(role, ()) if film is not None
    )  # fmt: skip
