"""Score report graphs on the MeSH codes of Open-i (protocol B): imported by graph_gold.py, dev half only.

A graph is read as instances (head, sides, zones, severity): each present observation whose words name a head, with
the places it is located at and everything that modifies it or them. Codes are instances of the same form. Findings
and impression may tell one thing twice, so instances of a head that hold no more than another are dropped.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import NamedTuple

import openi_gold

from hilum.text.graph import Entity, Graph, graph
from hilum.text.lexicon import pack
from hilum.text.parse import Parsed, parse
from hilum.text.tokens import find, tokenize

HEADS = {  # stem of the observation: (words of which one must be near it in the graph, words that must not, head)
    "atelecta": [((), (), "Pulmonary Atelectasis")], "cardiomegal": [((), (), "Cardiomegaly")],
    "enlarge": [(("heart", "cardiac"), (), "Cardiomegaly")], "effusion": [((), ("pericardial",), "Pleural Effusion")],
    "infiltrat": [((), (), "Infiltrate")], "mass": [((), ("soft",), "Mass")], "nodul": [((), (), "Nodule")],
    "pneumonia": [((), (), "Pneumonia")], "pneumothora": [((), (), "Pneumothorax")],
    "consolidat": [((), (), "Consolidation")], "edema": [((), (), "Pulmonary Edema")],
    "emphysem": [((), ("subcutaneous",), "Emphysema")], "fibrosis": [((), (), "Pulmonary Fibrosis")],
    "hernia": [((), (), "Hernia, Hiatal")], "opacit": [((), ("nodular",), "Opacity")],
    "disease": [(("airspace", "alveolar"), (), "Airspace Disease")],
    "granuloma": [(("calcified",), ("granulomatous",), "Calcified Granuloma")], "scar": [((), (), "Cicatrix")],
    "fracture": [((), (), "Fractures, Bone")], "thickening": [(("pleural",), (), "Thickening")],
    "congestion": [((), (), "Pulmonary Congestion")],
}  # fmt: skip
SLOTS = ("side", "zone", "severity")
ZONES = {"lower zone": ("lower lobe", "base"), "upper zone": ("apex", "upper lobe"), "perihilar": ("hilum",)}


class Instance(NamedTuple):
    """A head with its sides, zones and grades."""

    head: str
    side: frozenset[str]
    zone: frozenset[str]
    severity: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Everything said of it."""
        return self.side | self.zone | self.severity


def dev(rows: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in rows.values() if row["gold_status"] == "ok" and openi_gold.half_of(row) == "dev"]


def coded(row: dict[str, str]) -> list[Instance]:
    """The instances that were coded, of the heads we read."""
    known = {rule[2] for rules in HEADS.values() for rule in rules}
    found = []
    for entry in json.loads(row["qualifiers_json"]):
        head = entry["term"].split("/")[0].strip()
        head = openi_gold.SAME_HEAD.get(head, head)
        if head in known:
            zones = {"rib" if zone == "ribs" else zone for zone in entry["region"] if zone in openi_gold.REGIONS}
            sides = {s for side in entry["side"] for s in (("right", "left") if side == "bilateral" else (side,))}
            sides |= {openi_gold.IMPLIED[zone] for zone in zones if zone in openi_gold.IMPLIED}
            grades = set(entry["severity"]) & set(openi_gold.GRADES)
            found.append(Instance(head, frozenset(sides), frozenset(zones), frozenset(grades)))
    return found


def _around(made: Graph, number: int) -> tuple[list[int], list[int]]:
    """Observations that modify a node, and the places it is located at with what modifies them."""
    into: dict[int, list[int]] = defaultdict(list)
    for n, entity in enumerate(made.entities):
        for kind, to in entity.relations:
            if kind == "modify":
                into[to].append(n)

    def closure(start: list[int]) -> list[int]:
        seen: list[int] = []
        while start:
            n = start.pop()
            if n not in seen:
                seen.append(n)
                start += into[n]
        return sorted(seen)

    def where(n: int) -> list[int]:
        return [to for kind, to in made.entities[n].relations if kind == "located_at"]

    # an explanation is where the finding is that it explains
    explained = [n for n, e in enumerate(made.entities) if ("suggestive_of", number) in e.relations]
    places = closure(where(number) or [to for n in explained for to in where(n)])
    return [n for n in closure([number]) if n != number], places


def _words(made: Graph, numbers: list[int]) -> str:
    return " ".join(made.words(n).lower() for n in numbers)


def _sets(text: str) -> defaultdict[str, set[str]]:
    """Side, zone and grade of words, as the label lexicon knows them; 'bases' without a side are both."""
    found: dict[str, set[str]] = defaultdict(set)
    if text:
        for match in find(tokenize(text, pack()), pack())[2]:
            for slot, values in match.phrase.sets.items():
                found["severity" if slot == "extent" else slot] |= set(values)
    if found["plural"] and not found["side"]:
        found["side"] = {"right", "left"}
    found["severity"] &= set(openi_gold.GRADES)
    return found


def named(made: Graph, number: int) -> str:
    """The MeSH head that a node's words and the words near it name, '' for none."""
    word = made.words(number).lower()
    rules = next((rules for stem, rules in HEADS.items() if word.startswith(stem)), ())
    if not rules:
        return ""
    states, places = _around(made, number)
    near = set(_words(made, [number, *states, *places]).split())
    for needed, barred, head in rules:
        if (not needed or near.intersection(needed)) and not near.intersection(barred):
            return head
    return ""


def stated(made: Graph, number: int, head: str, gold: set[str]) -> Instance:
    """The instance of one node; a zone with two MeSH names takes the one that was coded."""
    states, places = _around(made, number)
    place, grade = _sets(_words(made, places)), _sets(_words(made, [*states, number]))
    zones = set()
    for zone in place["zone"]:
        middle = ("lingula",) if place["side"] == {"left"} else ("middle lobe",)
        options = {**ZONES, "mid zone": middle}.get(zone, (zone,))
        chosen = next((option for option in options if option in gold), options[-1])
        if (chosen in openi_gold.REGIONS or chosen == "rib") and (chosen != "rib" or head == "Fractures, Bone"):
            zones.add(chosen)
    sides = place["side"] | {openi_gold.IMPLIED[zone] for zone in zones if zone in openi_gold.IMPLIED}
    return Instance(head, frozenset(sides), frozenset(zones), frozenset(grade["severity"]))


def instances(made: Graph, gold: set[str], labels: tuple[str, ...]) -> list[tuple[int, Instance]]:
    """Number of the node and instance of every head of a graph that has one of the labels."""
    found = []
    for number, entity in enumerate(made.entities):
        head = named(made, number) if entity.label in labels else ""
        if head:
            found.append((number, stated(made, number, head, gold)))
    return found


def _least(found: list[Instance]) -> list[Instance]:
    """Each instance once, without those that hold no more than another of their head."""
    kept: list[Instance] = []
    for one in sorted(set(found), key=lambda each: (-len(each.all), str(each))):
        if not any(one.head == other.head and one.all <= other.all for other in kept):
            kept.append(one)
    return kept


class Tally:
    """Counts of right, wrong and missed."""

    def __init__(self) -> None:
        self.tp = self.fp = self.fn = 0

    def add(self, said: frozenset[str] | set[str], gold: frozenset[str] | set[str]) -> None:
        self.tp, self.fp, self.fn = self.tp + len(said & gold), self.fp + len(said - gold), self.fn + len(gold - said)

    def __str__(self) -> str:
        p, r = self.tp / max(self.tp + self.fp, 1), self.tp / max(self.tp + self.fn, 1)
        return f"P {p:.3f} R {r:.3f} F1 {2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1):.3f} (tp {self.tp})"


def align(said: list[Instance], gold: list[Instance]) -> list[tuple[Instance, Instance]]:
    """Ours joined by the coded instance of their head that they overlap most with, in pairs (ours, coded)."""
    owner: dict[int, list[Instance]] = defaultdict(list)
    for one in said:
        rivals = [n for n, other in enumerate(gold) if other.head == one.head]
        if rivals:
            owner[max(rivals, key=lambda n: (len(one.all & gold[n].all), -len(gold[n].all), -n))].append(one)
    return [
        (Instance(gold[n].head, *(frozenset().union(*(getattr(one, slot) for one in ours)) for slot in SLOTS)), gold[n])
        for n, ours in owner.items()
    ]  # fmt: skip


def print_codes(rows: dict[str, dict[str, str]]) -> None:
    """Both readings: only what is stated counts, or what is uncertain too."""
    for title, labels in (("OBS-DP", ("OBS-DP",)), ("OBS-DP or OBS-U", ("OBS-DP", "OBS-U"))):
        print_reading(dev(rows), title, labels)


def print_reading(chosen: list[dict[str, str]], title: str, labels: tuple[str, ...]) -> None:
    heads, exact = Tally(), Tally()
    slots = {slot: Tally() for slot in SLOTS}
    many, near, leaks = Tally(), Tally(), [0, 0, 0, 0]
    for row in chosen:
        parsed = parse({"findings": row["findings"], "impression": row["impression"]})
        made, gold = graph(parsed), coded(row)
        found = instances(made, {zone for each in gold for zone in each.zone}, labels)
        said = [each for _, each in found]
        heads.add({each.head for each in said}, {each.head for each in gold})
        exact.add(set(map(str, _least(said))), set(map(str, _least(gold))))
        for ours, theirs in align(said, gold):
            for slot, tally in slots.items():
                tally.add(getattr(ours, slot), getattr(theirs, slot))
        _many(parsed, made, found, gold, many, near)
        _leaks(made, gold, leaks)
    print(f"\n## Protocol B: MeSH codes of {len(chosen)} Open-i dev reports, through the graph; read: {title}")
    print(f"heads           {heads}\nexact instances {exact}\ngiven the head:")
    for slot, tally in slots.items():
        print(f"{slot:15s} {tally}")
    print(f"severity in sentences with two heads or more: {many}\n  same-sentence co-occurrence: {near}")
    print(f"OBS-DA whose head is coded: {leaks[1]} of {leaks[0]} = {leaks[1] / max(leaks[0], 1):.4f}; "
          f"opacity and airspace disease, denied here and seen there: {leaks[3]} of {leaks[2]}")  # fmt: skip


def _many(
    parsed: Parsed, made: Graph, found: list[tuple[int, Instance]], gold: list[Instance], many: Tally, near: Tally
) -> None:
    """Severity of coded heads where a sentence holds two or more: ours, and every grade of the sentence."""
    for start, end, _ in parsed.sentences:
        here = [(n, each) for n, each in found if start <= made.entities[n].start < end]
        if len({each.head for _, each in here}) < 2:
            continue
        words = [n for n, e in enumerate(made.entities) if start <= e.start < end and e.label == "OBS-DP"]
        every = _sets(_words(made, words))["severity"]
        for _, each in here:
            wanted = [other.severity for other in gold if other.head == each.head]
            if wanted:
                many.add(each.severity, frozenset().union(*wanted))
                near.add(every, frozenset().union(*wanted))


def _leaks(made: Graph, gold: list[Instance], leaks: list[int]) -> None:
    known = {each.head for each in gold}
    for number, entity in enumerate(made.entities):
        head = named(made, number) if entity.label == "OBS-DA" and _is_head(entity) else ""
        if head:
            apart = 2 * (head in openi_gold.OPACITY)
            leaks[apart] += 1
            leaks[apart + 1] += head in known


def _is_head(entity: Entity) -> bool:
    return all(kind != "modify" for kind, _ in entity.relations)
