"""Object-attribute pairs of a scene from the human codes of Open-i, and what can be scored of them.

Gold: every MeSH code with a side, or of a site without sides, gives pairs (site, attribute) by its region and side,
closed under the same parents as ours; a code without a side is not scored, nor is what it implies. What we state and
no code says counts as wrong.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.text.scene import Scene
from hilum.text.scene_table import SIDES, attributes, families, sided, sites

HEADS: Mapping[str, str] = {
    "Pulmonary Atelectasis": "atelectasis", "Cardiomegaly": "enlarged cardiac silhouette",
    "Cardiac Shadow": "enlarged cardiac silhouette", "Pleural Effusion": "pleural effusion",
    "Infiltrate": "infiltration", "Mass": "mass/nodule (not otherwise specified)",
    "Nodule": "mass/nodule (not otherwise specified)", "Pneumonia": "pneumonia", "Pneumothorax": "pneumothorax",
    "Consolidation": "consolidation", "Pulmonary Edema": "pulmonary edema/hazy opacity", "Opacity": "lung opacity",
    "Airspace Disease": "airspace opacity", "Calcified Granuloma": "calcified nodule",
    "Cicatrix": "pleural/parenchymal scarring", "Scoliosis": "scoliosis", "Pulmonary Congestion": "vascular congestion",
    "Emphysema": "copd/emphysema", "Pulmonary Emphysema": "copd/emphysema", "Hydropneumothorax": "hydropneumothorax",
}  # fmt: skip
SAME = {
    "linear/patchy atelectasis": "atelectasis", "lobar/segmental collapse": "atelectasis",
    "multiple masses/nodules": "mass/nodule (not otherwise specified)",
}  # fmt: skip
"""Kinds that MeSH does not tell apart."""
REGIONS = {
    "base": "lower lung zone", "lower lobe": "lower lung zone", "upper lobe": "upper lung zone",
    "middle lobe": "mid lung zone", "lingula": "mid lung zone", "apex": "apical zone", "hilum": "hilar structures",
    "costophrenic angle": "costophrenic angle", "retrocardiac": "lower lung zone",
}  # fmt: skip
IMPLIED = {"middle lobe": "right", "lingula": "left", "retrocardiac": "left"}
SCORED = frozenset(HEADS.values()) | {up for name in HEADS.values() for up in attributes()[name].above}
Pairs = set[tuple[str, str]]
Gold = tuple[Pairs, set[str]]


def closed(name: str, at: set[str]) -> Pairs:
    """Return the pairs of one attribute at some sites with what they imply."""
    held = attributes()[name]
    allowed = {sided(family, side) for family in held.permitted for side in SIDES}
    where = at | {up for site in at for up in sites()[site].above if up in allowed}
    return {(site, attribute) for site in where for attribute in (name, *held.above)}


def coded(row: dict[str, str]) -> tuple[Pairs, set[str]]:
    """Return the gold pairs of a report, and the attributes that cannot be scored in it."""
    pairs: Pairs = set()
    open_ended: set[str] = set()
    for entry in json.loads(row["qualifiers_json"]):
        name = HEADS.get(entry["term"].split("/")[0].strip())
        if name is None:
            continue
        held = attributes()[name]
        told = [region for region in entry["region"] if REGIONS.get(region) in held.permitted]
        sides = {s for side in entry["side"] for s in (SIDES if side == "bilateral" else (side,)) if s in SIDES}
        sides |= {IMPLIED[region] for region in told if region in IMPLIED}
        needed = [REGIONS[region] for region in told] or list(held.default)
        if not sides and any(families()[family] for family in needed):
            open_ended |= {name, *held.above}
            continue
        pairs |= closed(name, {sided(family, side) for family in needed for side in sides or SIDES})
    named = {HEADS[head] for term in row["mesh_major"].split(";") if (head := term.split("/")[0].strip()) in HEADS}
    bare = named - {name for _, name in pairs} - open_ended
    for name in bare:  # coded without any qualifier
        held = attributes()[name]
        if any(families()[family] for family in held.default):
            open_ended |= {name, *held.above}
        else:
            pairs |= closed(name, set(held.default))
    return pairs, open_ended


def stated(made: Scene) -> Pairs:
    """Return the pairs that a scene states of what is scored."""
    return {(site, SAME.get(name, name)) for site, name in made.pairs("yes") if SAME.get(name, name) in SCORED}


def counts(gold: list[Gold], ours: list[Pairs], only: frozenset[str] | None = None) -> NDArray[np.float64]:
    """Return right, wrong and missed pairs of each report, (N, 3); `only` keeps some sites."""
    made = []
    for (pairs, skipped), found in zip(gold, ours, strict=True):
        left, right = ({(site, name) for site, name in each if name not in skipped and (only is None or site in only)}
                       for each in (pairs, found))  # fmt: skip
        made.append((len(left & right), len(right - left), len(left - right)))
    return np.asarray(made, dtype=float)


def load(data: str | Path, half: str = "test") -> list[dict[str, str]]:
    """Return the coded reports of a half of `openi/gold_findings.csv`.

    Raises:
        InputError: if the half is none of dev, test and all.
        MissingError: if the table is not there.
    """
    wanted = {"dev": (0,), "test": (1,), "all": (0, 1)}.get(half)
    if wanted is None:
        raise InputError(f"half must be dev, test or all, got '{half}'")
    path = Path(data) / "openi" / "gold_findings.csv"
    if not path.is_file():
        raise MissingError(f"{data} holds no openi/gold_findings.csv: give the folder that has it with --data")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gold_status"] == "ok"]
    return [row for row in rows if int(row["text_hash"], 16) % 2 in wanted and (row["findings"] or row["impression"])]
