"""The ways to render side by side, as one picture: what each leaves of ground glass and of a pneumothorax."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from hilum.drr.project import film_geometry
from hilum.phantom.lesions import blob, lung, pneumothorax
from hilum.phantom.warp import Body
from hilum.systems._drr_rate_exposure import exposure, materials
from hilum.systems._drr_rate_film import drawn_film, held_out_film, linear_film, threshold_film
from hilum.systems._drr_rate_render import DrrRateRendering

CAPTION = (
    "One chest, by row: as it is, with ground glass of 70 mm in the left lung, with a pneumothorax of 30 mm on the "
    "right. By column: DRR-RATE (threshold -100 HU), linear mu, linear mu with two draws of film physics, a film of "
    "unseen physics."
)
_GAP = 4


def side_by_side(base: Body, *, size: int = 192, seed: int = 1) -> NDArray[np.uint8]:
    """Return the picture (rows, columns) uint8 of a body on a grid."""
    rows = []
    for body in (base, _with_glass(base), pneumothorax(base, "right", rim_mm=30.0, low_share=0.4).body):
        fields = materials(body)
        published = exposure(fields, DrrRateRendering().sized(size).geometry(body.volume))
        upright = exposure(fields, film_geometry(body.volume, size=size, field_mm=370.0))
        films = (
            threshold_film(published), linear_film(published), drawn_film(published, seed, "first"),
            drawn_film(published, seed, "second"), held_out_film(upright, seed),
        )  # fmt: skip
        rows.append(np.concatenate([np.pad(film, ((0, _GAP), (0, _GAP))) for film in films], axis=1))
    return np.concatenate(rows)[:-_GAP, :-_GAP]


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a grey picture as the bytes of a PNG file."""
    from PIL import Image as Picture

    stream = BytesIO()
    Picture.fromarray(picture).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _with_glass(base: Body) -> Body:
    """Ground glass in the middle of the left lung."""
    inside = lung(base, "left")
    middle = np.median(np.argwhere(inside), axis=0)
    return blob(base, (int(middle[0]), int(middle[1]), int(middle[2])), diameter_mm=70.0, hu=-550.0, within=inside,
                seed=1, ripple=0.2, veil=True).body  # fmt: skip
