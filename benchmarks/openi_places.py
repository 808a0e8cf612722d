"""Protocol B on the Open-i gold: sides, regions and grades of findings, and the findings that are denied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from openi_gold import OPACITY, coded, coded_instances, heads, stated

from hilum.text.parse import Fact, Parsed

SLOTS = ("side", "region", "severity")
Instance = dict[str, frozenset[str]]


def protocol_b(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """Print attributes given the finding, whole instances, the stratum of crowded sentences, and denials."""
    attributes(rows, parsed)
    instances(rows, parsed)
    crowded(rows, parsed)
    denials(rows, parsed)


def present(row: dict[str, str], each: Parsed) -> Iterator[tuple[str, dict[str, set[str]], list[Fact]]]:
    """Coded heads of a report, their codes and our present facts about them, if any."""
    means, codes = heads(), coded(row)
    for head, gold in codes.items():
        facts = [f for f in each.facts if f.concept in means.get(head, ()) and f.state == "present"]
        if head == "Opacity" and "Airspace Disease" in codes:
            facts = [f for f in facts if "disease" not in each.text[f.start : f.end].lower()]
        if facts:
            yield head, gold, facts


def attributes(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """Sets of values per report and head."""
    tally = {slot: np.zeros(3) for slot in SLOTS}
    for row, each in zip(rows, parsed, strict=True):
        for head, gold, facts in present(row, each):
            ours = stated(facts, gold)
            if head != "Fractures, Bone":
                ours["region"].discard("rib")
                gold["region"].discard("rib")
            for slot in SLOTS:
                tally[slot] += _compare(ours[slot], gold[slot])
    print("\n## Side, region and severity, given that the finding is coded and found (sets per report and MeSH head)")
    for slot, counts in tally.items():
        print(f"{slot:9s} {_prf(counts)}")


def _compare(ours: set[str] | frozenset[str], gold: set[str] | frozenset[str]) -> tuple[int, int, int]:
    return len(ours & gold), len(ours - gold), len(gold - ours)


def _prf(counts: Sequence[float] | np.ndarray) -> str:
    tp, fp, fn = counts
    return f"P {tp / max(tp + fp, 1):.3f} R {tp / max(tp + fn, 1):.3f} F1 {2 * tp / max(2 * tp + fp + fn, 1):.3f}"


def instances(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """Heads, and whole instances (head, sides, regions, grades) aligned to the codes by their overlap."""
    means, found, exact = heads(), np.zeros(3), np.zeros(3)
    for row, each in zip(rows, parsed, strict=True):
        gold = {head: own for head, own in coded_instances(row).items() if head in means}
        said: dict[str, list[Fact]] = defaultdict(list)
        for fact in each.facts:
            head = next((h for h, names in means.items() if fact.concept in names), "")
            if head and fact.state == "present":
                said["Airspace Disease" if head == "Opacity" and "Opacity" not in gold else head].append(fact)
        found += _compare(set(said), set(gold))
        for head in {*said, *gold}:
            exact += _aligned(_merged(said.get(head, []), gold.get(head, [])), list(gold.get(head, [])))
    print(f"\n## Instances: heads {_prf(found)}; exact (head, sides, regions, grades) {_prf(exact)}")


def _merged(facts: list[Fact], gold: list[Instance]) -> list[Instance]:
    """Our instances of one head; a mention that says less than another is the same one told twice."""
    union = {slot: set().union(*(own[slot] for own in gold)) for slot in SLOTS}
    told = [{slot: frozenset(values) for slot, values in stated([fact], union).items()} for fact in facts]
    kept: list[Instance] = []
    for own in sorted(told, key=lambda own: -sum(map(len, own.values()))):
        if not any(all(own[slot] <= other[slot] for slot in SLOTS) for other in kept):
            kept.append(own)
    return kept


def _aligned(ours: list[Instance], gold: list[Instance]) -> tuple[int, int, int]:
    """Greedy one-to-one alignment by overlap; tp are pairs that agree in every slot."""
    scores = sorted(
        ((sum(len(a[s] & b[s]) - len(a[s] ^ b[s]) for s in SLOTS), x, y) for x, a in enumerate(ours)
         for y, b in enumerate(gold)),
        key=lambda score: -score[0],
    )  # fmt: skip
    used: tuple[set[int], set[int]] = set(), set()
    same = 0
    for _, x, y in scores:
        if x not in used[0] and y not in used[1]:
            used[0].add(x)
            used[1].add(y)
            same += ours[x] == gold[y]
    return same, len(ours) - same, len(gold) - same


def crowded(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """Sentences with two findings or more: our attributes beside those of mere co-occurrence."""
    means = heads()
    tally = {slot: np.zeros((2, 3)) for slot in SLOTS}
    for row, each in zip(rows, parsed, strict=True):
        codes = coded(row)
        sentences: dict[tuple[int, int], list[Fact]] = defaultdict(list)
        for fact in each.facts:
            if fact.state == "present":
                sentences[fact.sentence].append(fact)
        for facts in sentences.values():
            if len({fact.concept for fact in facts}) < 2:
                continue
            for fact in facts:
                gold = next((codes[h] for h, names in means.items() if fact.concept in names and h in codes), None)
                if gold:
                    ours, every = stated([fact], gold), stated(facts, gold)
                    for slot in SLOTS:
                        tally[slot] += _compare(ours[slot], gold[slot]), _compare(every[slot], gold[slot])
    print("\n## Sentences with two findings or more")
    for slot, (ours, near) in tally.items():
        print(f"{slot:9s} ours {_prf(ours)} of {ours[0] + ours[1]:.0f}   same-sentence co-occurrence {_prf(near)}")


def denials(rows: list[dict[str, str]], parsed: list[Parsed]) -> None:
    """Findings that are denied though their head is coded; a denial of the rest ('otherwise clear') is none."""
    means = heads()
    leaks, negated = [0, 0], [0, 0]
    for row, each in zip(rows, parsed, strict=True):
        codes = coded(row)
        for fact in each.facts:
            head = next((h for h, names in means.items() if fact.concept in names), "")
            if head and fact.state == "absent" and "scope" not in fact.attributes:
                which = int(head not in OPACITY)
                negated[which] += 1
                leaks[which] += head in codes
    print("\n## Negated findings whose head is coded")
    for what, number, of in (
        ("all", sum(leaks), sum(negated)), ("without opacity", leaks[1], negated[1]),
        ("opacity (one may be denied in one place and seen in another)", leaks[0], negated[0]),
    ):  # fmt: skip
        print(f"{what}: {number} of {of} = {number / max(of, 1):.4f}")
