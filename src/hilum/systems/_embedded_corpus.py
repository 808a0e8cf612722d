"""The film set the embedded model is trained on: real films, and pictures to refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.geometry import Letterbox
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.data import pack as packs
from hilum.data.pack import PackRow
from hilum.drr.project import project
from hilum.learn import decoys
from hilum.learn.batch import FilmSet, join
from hilum.learn.frame import frame
from hilum.systems._embedded_labels import FINDINGS, TRAINED, boxed_patients, labels, split_of, views
from hilum.systems._embedded_recipe import Recipe
from hilum.systems._embedded_simulated import coarse, film_curve, simulated, volumes
from hilum.systems._embedded_virtual import GROUP as VIRTUAL
from hilum.systems._embedded_virtual import virtual_set

CACHE = 320
"""Side of the frames held in memory for training."""


def film_set(root: Path, rows: list[PackRow], split: Callable[[PackRow], str]) -> FilmSet:
    """Decode and letterbox films of the pack."""
    count = len(rows)
    frames, lung = (np.zeros((count, CACHE, CACHE), np.uint8) for _ in range(2))
    weight = np.zeros(count, np.float32)
    for index, row in enumerate(rows):
        square, _ = frame(packs.pixels(root, row), CACHE)
        frames[index] = np.rint(square * 255)
        outline = packs.mask(root, row, placed=True)
        if outline is not None:
            lung[index] = _letterboxed_mask(outline)
            weight[index] = 1.0
    both = [labels(row) for row in rows]
    return FilmSet(
        frames=frames,
        target=np.stack([target for target, _ in both]),
        known=np.stack([known for _, known in both]),
        chest=np.ones(count, np.bool_),
        views=np.stack([views(row) for row in rows]),
        lung=lung,
        lung_weight=weight,
        group=np.array([f"{row.source}/mask" if row.mask else row.source for row in rows]),
        patient=np.array([row.patient for row in rows]),
        split=np.array([split(row) for row in rows]),
        name=np.array([row.file for row in rows]),
    )


def _letterboxed_mask(outline: NDArray[np.bool_]) -> NDArray[np.uint8]:
    from PIL import Image as Picture

    box = Letterbox(outline.shape[0], outline.shape[1], CACHE)
    (rows, columns), (top, left) = box.inner, box.pad
    small = Picture.fromarray(outline.astype(np.uint8) * 255).resize((columns, rows), Picture.Resampling.NEAREST)
    square = np.zeros((CACHE, CACHE), np.uint8)
    square[top : top + rows, left : left + columns] = np.asarray(small)
    return square


def pictures(frames: list[NDArray[np.float32]], *, group: str, chest: bool, views: list[Any], split: str) -> FilmSet:
    """Wrap display images without finding labels as a film set."""
    count = len(frames)
    shape = (count, len(FINDINGS))
    return FilmSet(
        frames=np.stack([np.rint(frame(f, CACHE)[0] * 255).astype(np.uint8) for f in frames]),
        target=np.zeros(shape, np.float32),
        known=np.zeros(shape, np.bool_),
        chest=np.full(count, chest),
        views=np.array(views, np.bool_),
        lung=np.zeros((count, CACHE, CACHE), np.uint8),
        lung_weight=np.zeros(count, np.float32),
        group=np.full(count, group),
        patient=np.array([f"{group}-{i}" for i in range(count)]),
        split=np.full(count, split),
        name=np.array([f"{group}-{i}" for i in range(count)]),
    )


def refused(
    real: FilmSet, cuts: list[Volume], photos: list[NDArray[np.float32]], *, count: int, seed: int
) -> list[NDArray[np.float32]]:
    """Make pictures that are no chest film: CT slices, photographs, drawings, tight crops of films and DRRs."""
    made = []
    for index in range(count):
        rng = generator(seed, "refused", index)
        kind = rng.choice(["ct", "photo", "drawn", "crop", "bones"], p=[0.22, 0.26, 0.24, 0.16, 0.12])
        if kind == "ct" and cuts:
            made.append(decoys.ct_slice(cuts[int(rng.integers(len(cuts)))].voxels, rng))
        elif kind == "photo" and photos:
            made.append(decoys.crop(photos[int(rng.integers(len(photos)))], rng, low=0.35, high=1.0))
        elif kind == "crop":
            film = real.frames[int(rng.integers(len(real)))].astype(np.float32) / 255
            made.append(decoys.crop(film[40:-40, 40:-40], rng, low=0.12, high=0.3))
        elif kind == "bones" and cuts:
            volume = coarse(cuts[int(rng.integers(len(cuts)))], 3.0)
            film = project(volume, view="LL", size=128, field_mm=300.0)
            made.append(decoys.crop(film_curve(film.pixels, rng), rng, low=0.2, high=0.4))
        else:
            made.append(decoys.drawn(rng, 224))
    return [picture for picture in made if min(picture.shape) >= 8]


def build_corpus(root: Path, recipe: Recipe, *, seed: int) -> FilmSet:
    """Decode the films that may be trained on and make the rest; non-commercial rows are never read."""
    rows = [row for row in packs.rows(root, TRAINED) if row.commercial]
    if recipe.limit:
        kept = [[row for row in rows if row.source == source][: recipe.limit] for source in TRAINED]
        rows = [row for part in kept for row in part] + [row for row in rows if row.mask][: recipe.limit]
    boxed = boxed_patients(packs.rows(root, TRAINED))
    real = film_set(root, rows, lambda row: split_of(row, boxed))
    cuts = list(volumes(root))
    films = [pair for cut in cuts for pair in simulated(cut, count=recipe.simulated, seed=seed)]
    allowed = [[view != "lateral"] * 2 + [view == "lateral"] for _, view in films]
    drawn = pictures([film for film, _ in films], group="simulated", chest=True, views=allowed, split="train")
    photos = decoys.photographs(Path(recipe.photos)) if recipe.photos else []
    unwanted = refused(real.take(real.split == "train"), cuts, photos, count=recipe.refused, seed=seed)
    anything = [[True] * 3] * len(unwanted)
    unread = pictures(unwanted, group="refused", chest=False, views=anything, split="train")
    cohort = [virtual_set(Path(recipe.virtual), CACHE)] if recipe.virtual else []
    return join([real, drawn, unread, *cohort])


def write_split(films: FilmSet, path: Path) -> None:
    """Write the split of every real film: file, patient, split."""
    lines = ["file,patient,split"]
    lines += [
        f"{n},{p},{s}"
        for n, p, s, g in zip(films.name, films.patient, films.split, films.group, strict=True)
        if g not in ("simulated", "refused", VIRTUAL)
    ]
    path.write_text("\n".join(lines) + "\n")
