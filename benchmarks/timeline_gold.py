"""Score the timeline on made patients whose entities and episodes are known: every figure of docs/timeline.md on it.

Run: python benchmarks/timeline_gold.py --patients 400
Each patient has hidden entities (an effusion of one side, an opacity of one zone, the pneumonia it may be, a heart, a
tube ...) that come, stay, are resolved and come back. Every visit tells of each in one sentence. Truth is the hidden
course, not the words. Wordings `seen` were used while the rules were written; `held out` were written afterwards and
scored once; `vague` leaves the place out of follow-ups and denials ('effusion is stable'), which sides cannot survive.
Made text flatters: real reports are harder, and no public longitudinal gold is free to ship.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Hashable
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np

from hilum.core.seed import generator
from hilum.text.families import Key
from hilum.text.parse import parse
from hilum.text.structure import Row, structure
from hilum.text.timeline import Timeline, Visit, timeline

WORDINGS = json.loads((Path(__file__).parent / "timeline_wordings.json").read_text(encoding="utf-8"))
FAR = 200  # days: longer than the default gap
Label = tuple[Hashable, Hashable]


class Hidden:
    """One entity of a patient: which it is, and its episode and state at each visit."""

    def __init__(self, name: str, side: str, days: list[int], draw: np.random.Generator) -> None:
        """Draw a course over the visits."""
        self.name, self.side = name, side
        kind = WORDINGS["entities"][name]["kind"]
        self.course: list[tuple[int, str]] = []  # episode, state told
        episode, before, last = 1, "", -1
        for number, day in enumerate(days):
            state = self._next(kind, before, draw)
            if state:
                if before:
                    far = day - days[last] > 121
                    episode += self._splits(kind, before, state, far)
                before, last = state, number
            self.course.append((episode, state))

    @staticmethod
    def _next(kind: str, before: str, draw: np.random.Generator) -> str:
        """State told at the next visit, '' where the visit does not tell of it."""
        if before in ("present", "again", "worse", "better", "same"):
            options = ["same", "worse", "better", "resolved", "absent"] if kind == "finding" else ["same", "resolved"]
            options = ["same", "worse", "absent"] if kind == "organ" else options
        elif kind == "organ":
            options = ["absent", "present"]
        else:
            options = ["present", ""]
        return str(draw.choice(options))

    @staticmethod
    def _splits(kind: str, before: str, state: str, far: bool) -> bool:
        """Whether the hidden course enters a new episode."""
        there, was = state not in ("absent", "resolved"), before not in ("absent", "resolved")
        if kind == "device":
            return there and not was
        if state == "resolved":
            return not was or far
        if there != was:
            return True
        return there and far


def patient(seed: int, number: int, wording: str) -> tuple[list[Visit], dict[tuple[str, int], Label]]:
    """Visits, and (study, character where a sentence starts) -> (entity, episode)."""
    draw = generator(seed, "patient", str(number))
    count = int(draw.integers(3, 7))
    days = np.cumsum(draw.choice([2, 9, 30, FAR], size=count, p=[0.3, 0.3, 0.25, 0.15])).tolist()
    pool = [(name, side) for name, each in WORDINGS["entities"].items() for side in each["sides"]]
    chosen = [pool[at] for at in draw.choice(len(pool), size=int(draw.integers(3, 8)), replace=False)]
    hidden = [Hidden(name, side, days, draw) for name, side in chosen]
    visits, truth = [], {}
    for at, day in enumerate(days):
        text = "FINDINGS:"
        for each in (hidden[n] for n in draw.permutation(len(hidden))):
            episode, state = each.course[at]
            if not state:
                continue
            sentence = str(draw.choice(wordings(each.name, wording, state))).format(side=each.side)
            truth[f"v{at}", len(text) + 1] = ((each.name, each.side), episode)
            text += f" {sentence[:1].upper()}{sentence[1:]}"
        visits.append(Visit(f"v{at}", date(2020, 1, 1) + timedelta(day), parse(text)))
    return visits, truth


def wordings(name: str, wording: str, state: str) -> list[str]:
    """Sentences for a state; `vague` ones leave the place out of all but the first mention."""
    placed = WORDINGS["entities"][name]["held out" if wording == "vague" else wording]
    vague = WORDINGS["vague"].get(name, {}) if wording == "vague" else {}
    return vague.get(state) or placed.get(state) or placed["same"]


def labels(made: Timeline, truth: dict[tuple[str, int], Label]) -> tuple[list[tuple[Label, Label]], int, int]:
    """(true, ours) of every sentence with one row; how many sentences have none; how many rows are too many."""
    rows: dict[tuple[str, int], list[Label]] = {}
    for visit in made.visits:
        for row in (each for each in made.rows if each.study_id == visit.study_id):
            start = max(s for s, e, _ in visit.parsed.sentences if s <= row.row.start)
            rows.setdefault((visit.study_id, start), []).append((row.group, row.episode))
    pairs = [(label, rows[place][0]) for place, label in truth.items() if place in rows]
    return pairs, len(truth) - len(pairs), sum(len(set(each)) - 1 for each in rows.values())


def pair_counts(pairs: list[tuple[Label, Label]], of: Callable[[Label], Hashable]) -> np.ndarray:
    """tp, fp, fn over pairs of sentences: are they one entity (or one episode of it)?"""
    counts = np.zeros(3)
    for (true_a, our_a), (true_b, our_b) in combinations(pairs, 2):
        true, ours = of(true_a) == of(true_b), of(our_a) == of(our_b)
        counts += (true and ours, ours and not true, true and not ours)
    return counts


def f1(counts: np.ndarray) -> str:
    tp, fp, fn = counts
    return f"P {tp / max(tp + fp, 1):.3f}  R {tp / max(tp + fn, 1):.3f}  F1 {2 * tp / max(2 * tp + fp + fn, 1):.3f}"


def by_words(row: Row) -> Key:
    """The rival: rows are one entity where the vocabulary name and the place are the same words."""
    return Key(row.concept, row.side, row.zone)


def score(wording: str, patients: int, seed: int) -> None:
    entity, episode, flat, words = (np.zeros(3) for _ in range(4))
    told = missed = extra = 0
    for number in range(patients):
        visits, truth = patient(seed, number, wording)
        made = timeline(visits)
        pairs, none, more = labels(made, truth)
        told, missed, extra = told + len(truth), missed + none, extra + more
        entity += pair_counts(pairs, lambda label: label[0])
        episode += pair_counts(pairs, lambda label: label)
        flat += pair_counts([(true, (ours[0], 1)) for true, ours in pairs], lambda label: label)
        named = {}
        for visit in visits:
            for row in structure(visit.parsed):
                start = max(s for s, e, _ in visit.parsed.sentences if s <= row.start)
                named.setdefault((visit.study_id, start), (by_words(row), 1))
        words += pair_counts([(truth[p], named[p]) for p in truth if p in named], lambda label: label[0])
    print(f"{wording}: {patients} patients, {told} sentences; without a row {missed}, rows too many {extra}")
    print(f"  one entity, ours                  {f1(entity)}")
    print(f"  one entity, same name and place   {f1(words)}")
    print(f"  one episode, ours                 {f1(episode)}")
    print(f"  one episode, never split          {f1(flat)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for wording in ("seen", "held out", "vague"):
        score(wording, given.patients, given.seed)


if __name__ == "__main__":
    main()
