"""Score the labeler on the 1,000 silver reports that the radlabels package carries: a check on another corpus.

Run: python benchmarks/silver_radlabels.py --wheel radlabels-0.2.0-py3-none-any.whl
The labels are silver: radlabels (MIT) made them with RadGraph-XL and an alias list, on synthetic reports in the style
of MIMIC-CXR. No rule of the labeler was written on them. The table below was fixed from the names of the findings,
before any score was seen.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from hilum.core.vocabulary import descendants
from hilum.text.parse import Parsed, parse

FOLDER = "radlabels/samples"
CORE = {  # the findings of the ChestX-ray14 label set, by their radlabels names
    "atelectasis": ["atelectasis"], "cardiomegaly": ["cardiomegaly"], "consolidation": ["consolidation"],
    "emphysema": ["emphysema"], "hiatus_hernia": ["hiatal hernia"], "infiltration": ["infiltration"],
    "lung_nodule_or_mass": ["lung nodule", "multiple nodules", "lung mass", "nodule or mass"],
    "pleural_effusion": ["pleural effusion"], "pleural_thickening": ["pleural thickening"],
    "pneumonia": ["pneumonia"], "pneumothorax": ["pneumothorax"], "pulmonary_edema": ["pulmonary edema"],
    "pulmonary_fibrosis": ["pulmonary fibrosis"],
}  # fmt: skip
FURTHER = {
    "air_space_opacity": ["airspace opacity"], "bronchial_wall_thickening": ["peribronchial thickening"],
    "bullous_disease": ["bullae"], "calcification_of_the_aorta": ["aortic atheromatosis"],
    "central_venous_catheter": ["central venous catheter"], "endotracheal_tube": ["endotracheal tube"],
    "enlarged_cardiomediastinum": ["enlarged cardiomediastinum", "mediastinal enlargement"],
    "enteric_tube": ["enteric tube"], "fracture_generic": ["fracture"],
    "ground_glass_opacity": ["ground glass opacity"], "hyperinflation": ["hyperinflation"],
    "intercostal_drain": ["chest tube"], "interstitial_thickening": ["interstitial pattern"],
    "lung_opacity": ["lung opacity"],
    "pacemaker_electronic_cardiac_device_or_wires": ["pacemaker", "implantable defibrillator"],
    "pneumomediastinum": ["pneumomediastinum"], "pneumoperitoneum": ["pneumoperitoneum"],
    "pulmonary_artery_enlargement": ["pulmonary artery enlargement"],
    "pulmonary_congestion_pulmonary_venous_congestion": ["pulmonary vascular congestion"],
    "subcutaneous_emphysema": ["subcutaneous emphysema"], "tortuous_aorta": ["aortic elongation"],
    "tracheal_deviation": ["tracheal shift"], "tracheostomy_tube": ["tracheostomy tube"],
}  # fmt: skip
FAULT = "emphysema"  # known beforehand: the silver counts subcutaneous emphysema as emphysema
RANK = {"absent": 1, "uncertain": 2, "present": 3}


def load(wheel: Path | None) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Texts and silver labels by report id, from a wheel or from the installed package."""
    if wheel:
        with zipfile.ZipFile(wheel) as file:
            labels = json.loads(file.read(f"{FOLDER}/synthetic_labels.json"))
            texts = {name: file.read(f"{FOLDER}/synthetic_reports/{name}.txt").decode("utf-8") for name in labels}
        return texts, labels
    found = importlib.util.find_spec("radlabels")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("radlabels is not installed: pip download --no-deps radlabels==0.2.0 and give it as --wheel")
    folder = Path(found.submodule_search_locations[0]) / "samples"
    labels = json.loads((folder / "synthetic_labels.json").read_text(encoding="utf-8"))
    texts = {name: (folder / "synthetic_reports" / f"{name}.txt").read_text(encoding="utf-8") for name in labels}
    return texts, labels


def kinds() -> dict[str, set[str]]:
    """Radlabels name -> its concepts and everything below them that has no name of its own in the table."""
    table = {**CORE, **FURTHER}
    named = {concept for concepts in table.values() for concept in concepts}
    return {
        name: {*concepts, *(below.name for each in concepts for below in descendants(each) if below.name not in named)}
        for name, concepts in table.items()
    }


def states(parsed: Parsed, table: dict[str, set[str]]) -> dict[str, str]:
    """Radlabels name -> the strongest state of our facts about it."""
    found: dict[str, str] = {}
    for fact in parsed.facts:
        if fact.history or fact.form == "explained":
            continue
        for name, concepts in table.items():
            if fact.concept in concepts and RANK[fact.state] > RANK.get(found.get(name, ""), 0):
                found[name] = fact.state
    return found


def f1(counts: np.ndarray) -> np.ndarray:
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def counts_of(silver: list[dict[str, str]], ours: list[dict[str, str]], names: list[str], yes: set[str]) -> np.ndarray:
    """(reports, findings, 3) of tp, fp, fn; `yes` holds the states that count as positive."""
    gold = np.array([[row.get(name) in yes for name in names] for row in silver])
    said = np.array([[row.get(name) in yes for name in names] for row in ours])
    return np.stack([gold & said, ~gold & said, gold & ~said], axis=-1).astype(float)


def micro(counts: np.ndarray, draws: int = 1000) -> str:
    """Micro F1 with its bootstrap interval over reports."""
    draw = np.random.default_rng(0)
    weights = draw.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    low, high = np.percentile(f1(weights @ counts.sum(axis=1)), [2.5, 97.5])
    return f"{f1(counts.sum(axis=(0, 1))):.3f} [{low:.3f}, {high:.3f}]"


def table_of(names: list[str], counts: np.ndarray) -> None:
    print("table: uncertain counts as present")
    print(f"{'finding':50s}{'n':>5s}     P     R    F1")
    for name, (tp, fp, fn) in zip(names, counts.sum(axis=0), strict=True):
        print(f"{name:50s}{tp + fn:5.0f} {tp / max(tp + fp, 1):5.3f} {tp / max(tp + fn, 1):5.3f} "
              f"{2 * tp / max(2 * tp + fp + fn, 1):5.3f}")  # fmt: skip


def agreement(silver: list[dict[str, str]], ours: list[dict[str, str]], names: list[str]) -> None:
    """Share of equal states where both speak of a finding, and where the silver does."""
    pairs = Counter((row[name], own.get(name)) for row, own in zip(silver, ours, strict=True)
                    for name in names if name in row)  # fmt: skip
    same = sum(count for (a, b), count in pairs.items() if a == b)
    both = sum(count for (_, b), count in pairs.items() if b)
    print(f"three states: {same} equal of {both} that both mention = {same / both:.3f}; "
          f"of {pairs.total()} in the silver = {same / pairs.total():.3f}")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--wheel", type=Path, help="the radlabels wheel; left out: the installed package")
    texts, labels = load(options.parse_args().wheel)
    table = kinds()
    silver = [{name: state.removeprefix("definitely ") for name, state in row.items()} for row in labels.values()]
    ours = [states(parse(texts[name]), table) for name in labels]
    stated = Counter(state for row in silver for state in row.values())
    print(f"{len(silver)} synthetic reports; states of the silver: {dict(stated)}")
    for title, names in (("findings of ChestX-ray14", list(CORE)), ("all that have a concept", list(table))):
        print(f"\n## {title}: {len(names)}")
        without = [number for number, name in enumerate(names) if name != FAULT]
        counts = counts_of(silver, ours, names, {"present", "uncertain"})
        table_of(names, counts)
        print(f"micro F1, uncertain counts as present: {micro(counts)}")
        print(f"  without {FAULT} (silver fault):    {micro(counts[:, without])}")
        print(f"micro F1, uncertain counts as absent:  {micro(counts_of(silver, ours, names, {'present'}))}")
        agreement(silver, ours, names)


if __name__ == "__main__":
    main()
