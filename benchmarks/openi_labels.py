"""Score the labeler on the Open-i gold (protocol A): print every table of docs/labels.md.

Run: python benchmarks/openi_labels.py --data ../shared/data --half test
The gold is MeSH codes of the reports that openi/gold_findings.csv lists; halves are made by text hash, so that
reports with one text stay together. Rules were written on the dev half.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

import hilum.text.labels as labelling
from hilum.core.vocabulary import descendants
from hilum.core.vocabulary import label_set as known_set
from hilum.text.labels import label_parsed
from hilum.text.parse import Fact, Parsed, parse

SETS = {"chexpert-14": "chexpert__", "nih-14": "nih__"}
EIGHT = {  # label: F1 of MetaMap, F1 of the paper's labeler on 2,435 Open-i reports (Wang et al., CVPR 2017, table 2)
    "Atelectasis": (0.95, 0.91), "Cardiomegaly": (0.90, 0.88), "Effusion": (0.81, 0.87), "Infiltration": (0.39, 0.80),
    "Mass": (0.62, 0.52), "Nodule": (0.77, 0.75), "Pneumonia": (0.71, 0.77), "Pneumothorax": (0.46, 0.86),
}  # fmt: skip
NEGATOR = re.compile(r"\b(no|not|nor|without|negative|free|clear|absence|resolved)\b", re.IGNORECASE)


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


def gold_of(rows: list[dict[str, str]], prefix: str, names: list[str]) -> np.ndarray:
    return np.array([[int(row[prefix + name] or -1) for name in names] for row in rows])


def said_of(parsed: list[Parsed], name: str, names: list[str], reading: str) -> np.ndarray:
    code = {"present": 1, "absent": 0, None: 0, "uncertain": {"absent": 0, "present": 1, "exclude": -1}[reading]}
    found = [label_parsed(each, name).states for each in parsed]
    return np.array([[code[states.get(label)] for label in names] for states in found])


def protocol_a(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    groups = groups_of(rows)
    for name, prefix in SETS.items():
        names = [label for label in known_set(name).labels if label != "No Finding"]
        gold = gold_of(rows, prefix, names)
        print(f"\n## {name}, {len(rows)} reports; -1 of the gold is left out")
        for reading in ("absent", "present", "exclude"):
            counts = counts_of(gold, said_of(parsed, name, names, reading))
            spread = intervals(counts, groups)
            per, micro = f1(counts.sum(axis=0)), f1(counts.sum(axis=(0, 1)))
            print(
                f"uncertain -> {reading:8s} micro {micro:.3f} [{spread['micro'][0]:.3f}, {spread['micro'][1]:.3f}]  "
                f"macro {per.mean():.3f} [{spread['macro'][0]:.3f}, {spread['macro'][1]:.3f}]"
            )
            if reading == "absent":
                often = counts[..., [0, 2]].sum(axis=(0, 2)) >= 15
                print(f"macro over the {often.sum()} labels with 15 positives or more: {per[often].mean():.3f}")
                table(names, counts.sum(axis=0), spread["labels"])
    no_finding(rows, parsed)


def table(names: list[str], counts: np.ndarray, spread: np.ndarray) -> None:
    print(f"{'label':28s}{'n':>5s}{'tp':>5s}{'fp':>4s}{'fn':>4s}     P     R    F1  95% interval")
    for number, name in enumerate(names):
        tp, fp, fn = counts[number]
        print(
            f"{name:28s}{tp + fn:5.0f}{tp:5.0f}{fp:4.0f}{fn:4.0f} {tp / max(tp + fp, 1):5.3f} "
            f"{tp / max(tp + fn, 1):5.3f} {f1(counts[number]):5.3f}  [{spread[0][number]:.3f}, {spread[1][number]:.3f}]"
        )


def no_finding(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    gold = gold_of(rows, "chexpert__", ["No Finding"])
    said = said_of(parsed, "chexpert-14", ["No Finding"], "absent")
    print(f"No Finding (CheXpert) F1 {f1(counts_of(gold, said).sum(axis=(0, 1))):.3f}")
    normal = [number for number, row in enumerate(rows) if row["mesh_major"].strip() == "normal"]
    nih = said_of([parsed[number] for number in normal], "nih-14", list(known_set("nih-14").labels), "absent")
    print(f"false alarms (NIH-14) on {len(normal)} normal reports: {int((nih == 1).any(axis=1).sum())}")


def assertions(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """P(coded | what was said), over the NIH-14 labels."""
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    names = list(known_set("nih-14").labels)
    for row, each in zip(rows, parsed, strict=True):
        made = label_parsed(each, "nih-14", likely="uncertain")
        for name in names:
            coded = row["nih__" + name]
            if coded in ("0", "1"):
                state = made.states.get(name, "not mentioned")
                facts = [each.facts[n] for n in made.evidence.get(name, ())]
                if state == "uncertain":
                    state = "likely" if any(f.certainty == "likely" for f in facts) else "possible"
                tally[state][int(coded)] += 1
    print("\n## P(coded | assertion), NIH-14")
    for state in ("present", "likely", "possible", "absent", "not mentioned"):
        no, yes = tally[state]
        print(f"{state:14s} {yes:5d} of {yes + no:6d}   {yes / max(yes + no, 1):.3f}")


def ablation(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """The same mentions under three ways to assert: none, a negator earlier in the sentence, clause scope."""
    groups, names = groups_of(rows), list(known_set("nih-14").labels)
    gold = gold_of(rows, "nih__", names)
    print("\n## ChestX-ray8 ablation, NIH-14: the mentions stay, the assertion changes")
    ways = {
        "mention = positive": _always,
        "negator earlier in sentence": _by_sentence,
        "clause scope, three states": None,
    }
    for what, way in ways.items():
        told = parsed if way is None else [_restated(each, way) for each in parsed]
        counts = counts_of(gold, said_of(told, "nih-14", names, "absent"))
        total, (low, high) = counts.sum(axis=(0, 1)), intervals(counts, groups)["micro"]
        p, r = total[0] / (total[0] + total[1]), total[0] / (total[0] + total[2])
        print(f"{what:30s} P {p:.3f} R {r:.3f} micro {f1(total):.3f} [{low:.3f}, {high:.3f}] "
              f"macro {f1(counts.sum(axis=0)).mean():.3f}")  # fmt: skip
    counts = counts_of(gold, said_of(parsed, "nih-14", names, "absent")).sum(axis=0)
    print("\n## The eight labels of ChestX-ray8: F1 of MetaMap, of the paper (2,435 Open-i reports), ours (this half)")
    for label, (metamap, paper) in EIGHT.items():
        print(f"{label:14s} {metamap:.2f}  {paper:.2f}  {f1(counts[names.index(label)]):.3f}")


def _restated(parsed: Parsed, way: object) -> Parsed:
    from dataclasses import replace

    facts = tuple(fact._replace(state=way(parsed.text, fact), certainty="definite") for fact in parsed.facts)  # type: ignore[operator]
    return replace(parsed, facts=facts)


def _always(text: str, fact: Fact) -> str:
    return "absent" if fact.rule.startswith("pair") and fact.state == "absent" else "present"


def _by_sentence(text: str, fact: Fact) -> str:
    return "absent" if NEGATOR.search(text[fact.sentence[0] : fact.start]) else _always(text, fact)


def _kinds(*names: str) -> set[str]:
    return {kind for name in names for kind in (name, *(below.name for below in descendants(name)))}


def heads() -> dict[str, set[str]]:
    """MeSH head -> concepts that mean the same."""
    return {
        "Pulmonary Atelectasis": _kinds("atelectasis"), "Cardiomegaly": {"cardiomegaly"},
        "Pleural Effusion": _kinds("pleural effusion"), "Infiltrate": {"infiltration"}, "Mass": {"lung mass"},
        "Nodule": {"lung nodule"}, "Pneumonia": _kinds("pneumonia"), "Pneumothorax": _kinds("pneumothorax"),
        "Consolidation": {"consolidation"}, "Pulmonary Edema": {"pulmonary edema"}, "Emphysema": {"emphysema"},
        "Pulmonary Fibrosis": {"pulmonary fibrosis"}, "Hernia, Hiatal": {"hiatal hernia", "hernia"},
        "Opacity": {"lung opacity", "airspace opacity"}, "Airspace Disease": {"airspace opacity"},
        "Calcified Granuloma": {"calcified granuloma", "granuloma"}, "Cicatrix": {"pulmonary scar"},
        "Fractures, Bone": _kinds("fracture"), "Thickening": _kinds("pleural thickening"),
        "Pulmonary Congestion": {"pulmonary vascular congestion", "vascular redistribution"},
    }  # fmt: skip


OPACITY = ("Opacity", "Airspace Disease")
SAME_HEAD = {"Cardiac Shadow": "Cardiomegaly", "Pulmonary Emphysema": "Emphysema"}
REGIONS = ("base", "lower lobe", "upper lobe", "middle lobe", "lingula", "apex", "hilum", "retrocardiac", "ribs",
           "costophrenic angle")  # fmt: skip
GRADES = ("mild", "moderate", "severe", "small", "large")
SAME_REGION = {"lower zone": ("lower lobe", "base"), "upper zone": ("apex", "upper lobe"), "perihilar": ("hilum",)}
IMPLIED = {"lingula": "left", "middle lobe": "right"}


def coded(row: dict[str, str]) -> dict[str, dict[str, set[str]]]:
    """Head -> side, region and severity of its codes."""
    found: dict[str, dict[str, set[str]]] = {}
    for term in row["mesh_major"].split(";"):
        head = term.split("/")[0].strip()
        found.setdefault(SAME_HEAD.get(head, head), {"side": set(), "region": set(), "severity": set()})
    for entry in json.loads(row["qualifiers_json"]):
        head = entry["term"].split("/")[0].strip()
        own = found[SAME_HEAD.get(head, head)]
        sides = {s for side in entry["side"] for s in (("right", "left") if side == "bilateral" else (side,))}
        own["side"] |= sides or {IMPLIED[region] for region in entry["region"] if region in IMPLIED}
        own["region"] |= {"rib" if region == "ribs" else region for region in entry["region"] if region in REGIONS}
        own["severity"] |= {grade for grade in entry["severity"] if grade in GRADES}
    return found


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


def attributes(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    tally = {slot: np.zeros(3) for slot in ("side", "region", "severity")}
    means = heads()
    for row, each in zip(rows, parsed, strict=True):
        for head, gold in coded(row).items():
            facts = [f for f in each.facts if f.concept in means.get(head, ()) and f.state == "present"]
            if head == "Opacity" and "Airspace Disease" in coded(row):
                facts = [f for f in facts if "disease" not in each.text[f.start : f.end].lower()]
            if not facts:
                continue
            ours = stated(facts, gold)
            if head != "Fractures, Bone":
                ours["region"].discard("rib")
                gold["region"].discard("rib")
            for slot, counts in tally.items():
                counts += [len(ours[slot] & gold[slot]), len(ours[slot] - gold[slot]), len(gold[slot] - ours[slot])]
    print("\n## Side, region and severity, given that the finding is coded and found (sets per report and MeSH head)")
    for slot, (tp, fp, fn) in tally.items():
        print(f"{slot:9s} P {tp / (tp + fp):.3f} R {tp / (tp + fn):.3f} F1 {2 * tp / (2 * tp + fp + fn):.3f}")


def protocol_b(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """Severity precision where a sentence holds two findings or more, and coded heads among the negated ones."""
    means = heads()
    right, wrong, near_right, near_wrong = 0, 0, 0, 0
    leaks, negated = [0, 0], [0, 0]
    for row, each in zip(rows, parsed, strict=True):
        gold = coded(row)
        sentences: dict[tuple[int, int], list[Fact]] = defaultdict(list)
        for fact in each.facts:
            sentences[fact.sentence].append(fact)
            head = next((h for h, names in means.items() if fact.concept in names), "")
            if head and fact.state == "absent" and "scope" not in fact.attributes:  # 'otherwise clear' denies the rest
                which = int(head not in OPACITY)
                negated[which] += 1
                leaks[which] += head in gold
        for facts in sentences.values():
            found = [f for f in facts if f.state == "present"]
            if len({f.concept for f in found}) < 2:
                continue
            every = {g for f in found for g in (*f.severity, *f.attributes.get("extent", ()))} & set(GRADES)
            for fact in found:
                head = next((h for h, names in means.items() if fact.concept in names and h in gold), "")
                if head:
                    ours = {*fact.severity, *fact.attributes.get("extent", ())} & set(GRADES)
                    right += len(ours & gold[head]["severity"])
                    wrong += len(ours - gold[head]["severity"])
                    near_right += len(every & gold[head]["severity"])
                    near_wrong += len(every - gold[head]["severity"])
    print("\n## Protocol B: sentences with two findings or more")
    print(f"severity precision {right / max(right + wrong, 1):.3f} of {right + wrong}; "
          f"same-sentence co-occurrence {near_right / max(near_right + near_wrong, 1):.3f}")  # fmt: skip
    print(f"negated findings whose head is coded: {leaks[1]} of {negated[1]} = {leaks[1] / max(negated[1], 1):.4f}; "
          f"of opacity (one may be denied in one place and seen in another): {leaks[0]} of {negated[0]}")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="folder that holds openi/gold_findings.csv")
    options.add_argument("--half", choices=("dev", "test", "all"), default="test")
    chosen = options.parse_args()
    if not (chosen.data / "openi" / "gold_findings.csv").exists():
        raise SystemExit(f"{chosen.data} holds no openi/gold_findings.csv: give the folder with --data")
    rows = load(chosen.data, chosen.half)
    parsed = read(rows)
    print(f"half: {chosen.half}; rules: {Path(labelling.__file__).parent.name}/tables; gold: {len(rows)} reports")
    protocol_a(rows, parsed)
    assertions(rows, parsed)
    ablation(rows, parsed)
    attributes(rows, parsed)
    protocol_b(rows, parsed)


if __name__ == "__main__":
    main()
