"""A contact sheet of the scenes' films with the boxes of their facts, and the figures of docs/scenes.md.

Run: python scripts/scenes_sheet.py [-o out/scenes.png] [--size 64] [--seed 0] [--figures PATIENTS]

Frontals are above laterals; of patients with a prior, the prior stands left of the current study. A box has the colour
of its concept. With --figures the rates, the floor of change and the contrast of each fact in both views are printed,
measured on so many patients; nothing is drawn then.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from hilum.core.region import Box
from hilum.core.study import Study
from hilum.phantom.scenes import scenes, single_image_floor, split_of
from hilum.phantom.scenes_chest import draw_scene
from hilum.phantom.scenes_facts import CONCEPTS, MOST, Fact, Facts, steady
from hilum.phantom.scenes_film import SceneView, draw_taken, film

TIMES, EACH_ROW, GAP = 4, 6, 8
COLOURS = {
    "cardiomegaly": "#e6a23c", "pleural effusion": "#4aa3ff", "consolidation": "#ff5d5d", "pneumothorax": "#b78bff",
    "lung nodule": "#4fd18b", "endotracheal tube": "#f7f06b",
}  # fmt: skip


def column(study: Study) -> Picture.Image:
    """The two films of a study, enlarged, with boxes."""
    rows, columns = study.films[0].pixels.shape
    sheet = Picture.new("RGB", (columns * TIMES, 2 * rows * TIMES))
    pen = ImageDraw.Draw(sheet)
    for place, image in enumerate(study.films):
        grey = Picture.fromarray((image.pixels * 255).astype(np.uint8)).resize((columns * TIMES, rows * TIMES), 0)
        sheet.paste(grey, (0, place * rows * TIMES))
        for finding in study.findings:
            for box in (each for each in finding.regions if isinstance(each, Box) and each.image == image.id):
                x0, y0, x1, y1 = (int(edge * TIMES) for edge in box.corners)
                drop = place * rows * TIMES
                pen.rectangle((x0, y0 + drop, x1 - 1, y1 - 1 + drop), outline=COLOURS[finding.concept])
    return sheet


def sheet(studies: Sequence[Study]) -> Picture.Image:
    """Columns of studies, six in a row."""
    columns = [column(study) for study in studies]
    wide, high = columns[0].size
    rows = -(-len(columns) // EACH_ROW)
    made = Picture.new("RGB", (EACH_ROW * (wide + GAP) - GAP, rows * (high + GAP) - GAP), "#20262d")
    for number, each in enumerate(columns):
        made.paste(each, ((number % EACH_ROW) * (wide + GAP), (number // EACH_ROW) * (high + GAP)))
    return made


def healthy(with_it: Fact) -> Facts:
    """A chest with one fact."""
    quiet = {concept: Fact(concept, tip="good" if concept == "endotracheal tube" else "") for concept in CONCEPTS}
    return tuple({**quiet, with_it.concept: with_it}.values())


def contrast(fact: Fact, view: SceneView, patients: int) -> tuple[float, float]:
    """Mean change of grey inside a fact's mask, and the root of the summed squares of all that it changes."""
    inside, energy = [], []
    for number in range(patients):
        taken = draw_taken(0, str(number), view)
        drawn = [film(draw_scene(facts, seed=0, patient=str(number), visit="v"), view, taken, size=64, seed=number)
                 for facts in (healthy(replace(fact, grade=0)), healthy(fact))]  # fmt: skip
        change, mask = drawn[1][0] - drawn[0][0], drawn[1][1].get(fact.concept)
        inside.append(float(np.abs(change[mask]).mean()) if mask is not None and mask.any() else 0.0)
        energy.append(float(np.sqrt((change**2).sum())))
    return float(np.mean(inside)), float(np.mean(energy))


def figures(patients: int, seed: int) -> None:
    """Print what docs/scenes.md tells."""
    start = time.process_time()
    studies = scenes(patients, seed=seed)
    took = time.process_time() - start
    print(f"{patients} patients, {len(studies)} studies, {len(studies) / took:.0f} studies a CPU second at 64 px")
    print("splits of patients:", dict(Counter(split_of(each) for each in {study.patient for study in studies})))
    words = [len(study.report.findings.split()) for study in studies if study.report]
    print(f"words of findings: {np.mean(words):.1f} on average, {max(words)} at most")
    for concept in CONCEPTS:
        share = ", ".join(f"{each:.3f}" for each in steady(concept))
        print(f"{concept:18} visits by grade 0..{MOST[concept]}: {share}")
    told = Counter(finding.change or "none" for study in studies if study.prior for finding in study.findings)
    print("changes:", {name: round(count / told.total(), 3) for name, count in told.most_common()})
    floor = single_image_floor(studies)
    print(f"single-image floor: accuracy {floor.accuracy:.3f}, balanced {floor.balanced:.3f} over {floor.items} facts, "
          f"{len(floor.changes)} kinds of change")  # fmt: skip
    behind = [Fact("consolidation", grade, 1, "retrocardiac", "posterior") for grade in (1, 2, 3)]
    effusions = [Fact("pleural effusion", grade, side) for grade in (1, 2, 3) for side in (-1, 1)]
    others = [Fact("consolidation", grade, -1, "mid", "anterior") for grade in (1, 2, 3)]
    rest = [
        Fact("pneumothorax", 1, 1),
        Fact("lung nodule", 1, 1, "upper", "posterior"),
        Fact("endotracheal tube", 1, tip="good"),
    ]
    for fact in (*effusions, *behind, *others, Fact("cardiomegaly", 1), *rest):
        frontal, lateral = (contrast(fact, view, 20) for view in ("PA", "LL"))
        name = f"{fact.concept} {fact.grade} {({-1: 'right', 1: 'left'}).get(fact.side, '')} {fact.zone}"
        print(f"{name:36} frontal {frontal[0]:.3f} ({frontal[1]:.2f})  lateral {lateral[0]:.3f} ({lateral[1]:.2f})"
              f"{'  hides on the frontal' if fact.frontal_poor else ''}")  # fmt: skip


def main() -> None:
    """Draw the sheet, or print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-o", type=Path, default=Path("out/scenes.png"))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", type=int, default=0, metavar="PATIENTS")
    asked = parser.parse_args()
    if asked.figures:
        figures(asked.figures, asked.seed)
        return
    studies = [study for study in scenes(24, seed=asked.seed, size=asked.size) if study.prior]
    shown = [each for study in studies[:EACH_ROW] for each in (study.prior, study) if each]
    asked.o.parent.mkdir(parents=True, exist_ok=True)
    sheet(shown).save(asked.o)
    for number, study in enumerate(shown):
        print(number + 1, study.report.findings if study.report else "")
    print(f"written: {asked.o}")


if __name__ == "__main__":
    main()
