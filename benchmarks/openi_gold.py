"""The Open-i gold: coded reports, their halves, heads, sides, regions and grades, and how scores are counted.

The gold is MeSH codes of the reports that openi/gold_findings.csv lists; halves are made by text hash, so that
reports with one text stay together.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from hilum.core.vocabulary import descendants
from hilum.text.parse import Fact, Parsed, parse


def half_of(row: dict[str, str]) -> str:
    return "test" if int(row["text_hash"], 16) % 2 else "dev"


def load(data: Path, half: str) -> list[dict[str, str]]:
    with (data / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gold_status"] == "ok"]
    return [row for row in rows if half in ("all", half_of(row))]


def read(rows: list[dict[str, str]]) -> list[Parsed]:
    return [parse({"findings": row["findings"], "impression": row["impression"]}) for row in rows]


def f1(counts: np.ndarray) -> np.ndarray:
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def counts_of(gold: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(reports, labels) of gold 1/0/-1 and said True/False/-1 -> (reports, labels, 3) of tp, fp, fn."""
    scored = (gold >= 0) & (said >= 0)
    pos, yes = gold == 1, said == 1
    return np.stack([scored & pos & yes, scored & ~pos & yes, scored & pos & ~yes], axis=-1).astype(float)


def groups_of(rows: list[dict[str, str]]) -> np.ndarray:
    names = {name: number for number, name in enumerate(dict.fromkeys(row["text_hash"] for row in rows))}
    return np.array([names[row["text_hash"]] for row in rows])


def intervals(counts: np.ndarray, groups: np.ndarray, draws: int = 1000) -> dict[str, np.ndarray]:
    """Bootstrap over texts: 2.5 and 97.5 percentiles of each label, of micro and of macro F1."""
    totals = np.zeros((groups.max() + 1, *counts.shape[1:]))
    np.add.at(totals, groups, counts)
    draw = np.random.default_rng(0)
    weights = draw.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=draws)
    drawn = np.einsum("dg,glc->dlc", weights, totals)
    each = f1(drawn)
    spread = {"labels": each, "micro": f1(drawn.sum(axis=1)), "macro": each.mean(axis=1)}
    return {key: np.percentile(values, [2.5, 97.5], axis=0) for key, values in spread.items()}


def kinds_of(*names: str) -> set[str]:
    return {kind for name in names for kind in (name, *(below.name for below in descendants(name)))}


def heads() -> dict[str, set[str]]:
    """MeSH head -> concepts that mean the same."""
    return {
        "Pulmonary Atelectasis": kinds_of("atelectasis"), "Cardiomegaly": {"cardiomegaly"},
        "Pleural Effusion": kinds_of("pleural effusion"), "Infiltrate": {"infiltration"}, "Mass": {"lung mass"},
        "Nodule": {"lung nodule"}, "Pneumonia": kinds_of("pneumonia"), "Pneumothorax": kinds_of("pneumothorax"),
        "Consolidation": {"consolidation"}, "Pulmonary Edema": {"pulmonary edema"}, "Emphysema": {"emphysema"},
        "Pulmonary Fibrosis": {"pulmonary fibrosis"}, "Hernia, Hiatal": {"hiatal hernia", "hernia"},
        "Opacity": {"lung opacity", "airspace opacity"}, "Airspace Disease": {"airspace opacity"},
        "Calcified Granuloma": {"calcified granuloma", "granuloma"}, "Cicatrix": {"pulmonary scar"},
        "Fractures, Bone": kinds_of("fracture"), "Thickening": kinds_of("pleural thickening"),
        "Pulmonary Congestion": {"pulmonary vascular congestion", "vascular redistribution"},
    }  # fmt: skip


OPACITY = ("Opacity", "Airspace Disease")
SAME_HEAD = {"Cardiac Shadow": "Cardiomegaly", "Pulmonary Emphysema": "Emphysema"}
REGIONS = ("base", "lower lobe", "upper lobe", "middle lobe", "lingula", "apex", "hilum", "retrocardiac", "ribs",
           "costophrenic angle")  # fmt: skip
GRADES = ("mild", "moderate", "severe", "small", "large")
SAME_REGION = {"lower zone": ("lower lobe", "base"), "upper zone": ("apex", "upper lobe"), "perihilar": ("hilum",)}
IMPLIED = {"lingula": "left", "middle lobe": "right"}


def coded_instances(row: dict[str, str]) -> dict[str, list[dict[str, frozenset[str]]]]:
    """Head -> side, region and severity of each of its codes."""
    found: dict[str, list[dict[str, frozenset[str]]]] = {}
    for term in row["mesh_major"].split(";"):
        head = term.split("/")[0].strip()
        found.setdefault(SAME_HEAD.get(head, head), [])
    for entry in json.loads(row["qualifiers_json"]):
        head = entry["term"].split("/")[0].strip()
        sides = {s for side in entry["side"] for s in (("right", "left") if side == "bilateral" else (side,))}
        sides = sides or {IMPLIED[region] for region in entry["region"] if region in IMPLIED}
        regions = {"rib" if region == "ribs" else region for region in entry["region"] if region in REGIONS}
        grades = {grade for grade in entry["severity"] if grade in GRADES}
        own = {"side": sides, "region": regions, "severity": grades}
        found[SAME_HEAD.get(head, head)].append({slot: frozenset(values) for slot, values in own.items()})
    return {
        head: own or [{slot: frozenset() for slot in ("side", "region", "severity")}] for head, own in found.items()
    }


def coded(row: dict[str, str]) -> dict[str, dict[str, set[str]]]:
    """Head -> side, region and severity of all its codes together."""
    return {
        head: {slot: set().union(*(each[slot] for each in own)) for slot in ("side", "region", "severity")}
        for head, own in coded_instances(row).items()
    }


def stated(facts: list[Fact], gold: dict[str, set[str]]) -> dict[str, set[str]]:
    """Side, region and severity of our facts; a zone with two MeSH names takes the one that was coded."""
    own: dict[str, set[str]] = {"side": set(), "region": set(), "severity": set()}
    for fact in facts:
        for zone in () if "frame" in fact.attributes else fact.zones:  # 'mid chest': coded thorax, without a region
            middle = ("lingula",) if fact.sides == ("left",) else ("middle lobe",)
            options = {**SAME_REGION, "mid zone": middle}.get(zone, (zone,))
            named = next((option for option in options if option in gold["region"]), options[-1])
            if named in REGIONS or named == "rib":
                own["region"].add(named)
        own["side"] |= {*fact.sides, *(IMPLIED[zone] for zone in fact.zones if zone in IMPLIED)}
        own["severity"] |= {*fact.severity, *fact.attributes.get("extent", ())} & set(GRADES)
    return own
