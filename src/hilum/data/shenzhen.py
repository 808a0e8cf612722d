"""Shenzhen: 662 films of Shenzhen No. 3 Hospital, 336 with manifestations of tuberculosis, with readings as text.

Get it from https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/ (no form); outlines of both lungs
for 566 films from https://www.kaggle.com/datasets/yoctoman/shcxr-lung-mask (CC BY-NC-SA 4.0, Stirenko et al. 2018).
Source: Jaeger et al., Quant Imaging Med Surg 2014.

Traps. Some PNG files are palette pictures, not grey ones. Some films are of children. An outline holds both lungs in
one picture: it has no sides. The name's last digit is the label: 0 normal, 1 abnormal.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.montgomery import CITATION, LICENCE, SHARES, named_films, screening_study
from hilum.data.published import picture_mask
from hilum.data.release import Official

OFFICIAL = (
    Official("**/CXR_png/CHNCXR*_0.png", 326, "files", "Jaeger et al. 2014"),
    Official("**/CXR_png/CHNCXR*_1.png", 336, "files", "Jaeger et al. 2014"),
)
READER = MadeBy("Shenzhen No. 3 Hospital radiologists", "2014")


def masks_of(film: Image, root: str | Path | None = None) -> tuple[Mask, ...]:
    """Return the outline of a film's lungs, labelled 'lungs'; none where it has none.

    Args:
        film: one of this cohort.
        root: folder of the masks; the folder mask/ beside CXR_png/ where none is given.
    """
    place = Path(root) if root else Path(film.source).parents[1] / "mask"
    found = sorted(place.glob(f"**/{film.id}_mask.png"))[:1]
    return tuple(picture_mask(path, image=film.id, label="lungs") for path in found)


def _studies(root: Path) -> Iterator[Study]:
    for name, path in named_films(root, "CHNCXR", "the Shenzhen set").items():
        yield screening_study(name, path, READER)


@register.dataset("shenzhen", licence=LICENCE, citation=CITATION)
def shenzhen(root: str | Path) -> Cohort:
    """Return the Shenzhen films with their reading and tuberculosis present or absent; no official split.

    Args:
        root: ChinaSet_AllFiles/, or the folder that holds it.

    Raises:
        MissingError: if it holds no films.
        InputError: if a film is not named as the set names them.
    """
    place = Path(root)
    named_films(place, "CHNCXR", "the Shenzhen set")
    return Cohort("shenzhen", partial(_studies, place), SHARES, LICENCE, CITATION)
