"""Which films the image half of ChestX-ray8 is judged on: made ones, or real ones with text-mined labels and boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError, need
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.core.vocabulary import label_set, to_concept
from hilum.data.nih import nih
from hilum.data.pack import pack
from hilum.learn.frame import frame
from hilum.systems._chestx_ray8_films import Films, train_and_test

_LEAST = 10
"""Positive films that a finding needs on either side of the split to be trained and judged."""


def _names() -> Mapping[str, str]:
    """What data sets call a finding -> its label; the NIH list of boxes says 'Infiltrate'."""
    labels = [name for name in label_set("chestx-ray8").labels if name != "No Finding"]
    return {**{name: name for name in labels}, **{to_concept("chestx-ray8", name).name: name for name in labels},
            "Infiltrate": "Infiltration"}  # fmt: skip


def real_films(root: Path, *, size: int) -> tuple[Films, Films]:
    """Return training and test films of a folder: the NIH layout, or the NIH films of a pack (manifest.csv).

    What is not listed counts as absent, as in the paper; both halves are split by patient.

    Raises:
        MissingError: if the folder holds neither.
        InputError: if no finding has 10 positive films on either side.
    """
    if sorted(root.glob("Data_Entry_2017*.csv")):
        cohort = nih(root)
    elif (root / "manifest.csv").is_file():
        cohort = pack(root, sources=("nih512",))
    else:
        raise MissingError(f"{root} holds no Data_Entry_2017*.csv and no manifest.csv: give a folder of NIH films")
    parts: dict[str, list[Study]] = {"train": [], "test": []}
    for study in cohort:
        part = cohort.split_of(study.patient)
        if part in parts:
            parts[part].append(study)
    known, judged = (_films(studies, size) for studies in parts.values())
    enough = (known.target.sum(axis=0) >= _LEAST) & (judged.target.sum(axis=0) >= _LEAST)
    if not enough.any():
        raise InputError(f"no finding has {_LEAST} films to train on and {_LEAST} to judge on in {root}")
    return _keep(known, enough), _keep(judged, enough)


def chosen_films(
    source: str, data: Path | None, *, size: int, films: int, tests: int, seed: int, say: Callable[[str], None]
) -> tuple[str, Films, Films]:
    """Return what the films are in words, those to train on and those to judge on.

    Args:
        source: 'made', or 'real' for the NIH films of a folder.
        data: that folder.
        size: rows and columns of a film.
        films, tests: how many made ones to train on and to judge on.
        seed: of made films.
        say: told what is being done.

    Raises:
        InputError: if the source is neither, or the real films are too few.
        MissingError: if torch is not installed, or the folder of real films is not there.
    """
    if find_spec("torch") is None:
        raise need("torch", "train", "training the film networks of chestx-ray8")
    if source == "made":
        say(f"drawing {films + tests} made films of {size} px")
        return "made films (hilum.phantom.shadows, no patients)", *train_and_test(films, tests, size=size, seed=seed)
    if source != "real":
        raise InputError(f"source must be made or real, got '{source}'")
    if data is None:
        raise MissingError("real films need their folder: give it with --data")
    say(f"reading the films of {data}")
    return "real films with text-mined labels", *real_films(data, size=size)


def _films(studies: list[Study], size: int) -> Films:
    labels = tuple(name for name in label_set("chestx-ray8").labels if name != "No Finding")
    names, pixels, target, boxes = _names(), [], [], []
    for study in studies:
        film = study.films[0]
        square, box = frame(film.display(), size)
        found = [(names[f.concept], f.regions) for f in study.findings if f.concept in names]
        pixels.append(np.rint(square * 255).astype(np.uint8))
        target.append([any(name == label for name, _ in found) for label in labels])
        boxes.append({name: box.to_frame(each.corners) for name, regions in found for each in _boxes(regions)})
    shape = (len(studies), size, size)
    return Films(np.array(pixels, np.uint8).reshape(shape), np.array(target, bool).reshape(-1, len(labels)),
                 tuple(boxes), tuple(study.patient for study in studies), labels)  # fmt: skip


def _boxes(regions: tuple[object, ...]) -> Iterator[Box]:
    return (region for region in regions if isinstance(region, Box))


def _keep(films: Films, columns: NDArray[np.bool_]) -> Films:
    names = tuple(name for name, kept in zip(films.names, columns, strict=True) if kept)
    boxes = tuple({name: box for name, box in each.items() if name in names} for each in films.boxes)
    return Films(films.pixels, films.target[:, columns], boxes, films.patients, names)
