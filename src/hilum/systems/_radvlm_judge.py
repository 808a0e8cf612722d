"""RadVLM judged on scenes: all tasks against boxes alone at equal steps, and conversations against none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from hilum.learn.reader.guards import blank, swapped
from hilum.learn.reader.sample import Sample, words_of
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, averaged
from hilum.systems import _radvlm_claims as named
from hilum.systems._radvlm_claims import (
    AGREE,
    BLANK,
    CONTRADICT,
    COUNTS,
    FIRST,
    HIT,
    IOU,
    NARROW,
    SWAPPED,
    WITH,
    WITHOUT,
    alone,
    joint,
    under,
)
from hilum.systems._radvlm_material import BOXES, CHAT, OTHERS, TALKING, Material, material
from hilum.systems._radvlm_talk import Script, Talk, talk_scores, talks
from hilum.systems._reader_marks import box_scores, boxes_in, fact_f1
from hilum.systems._reader_sheet import Marked, sheet
from hilum.systems._reader_tasks import Bench, Say, answers, some, taught

CAPTION = "Test films with the phrase asked for: the true box, and those of the two arms that learned from few phrases"
Trials = dict[str, dict[str, list[Scored]]]


def judge_radvlm(
    bench: Bench, *, seed: int, seeds: int, steps: int, counts: Sequence[int] = COUNTS, say: Say = lambda line: None
) -> tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Train every arm and judge it.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    held = material(bench, seed=seed)
    trials: Trials = {name: defaultdict(list) for name in (FIRST, IOU, NARROW, AGREE, CONTRADICT, HIT, "fact F1")}
    cells: dict[str, list[str]] = {}
    for number in range(seed, seed + seeds):
        _boxes(bench, held, trials, cells, number, steps, counts, say)
        _talking(bench, held, trials, number, steps, say)
    asked, scripts = ([each.patient for each in some] for some in (held.asked, [each.sample for each in held.scripts]))
    patients = {FIRST: asked, NARROW: asked, AGREE: scripts, CONTRADICT: scripts, HIT: scripts}
    ruled = [[judge(claim, _named(claim, trials), patients[claim.metric], seed=seed) for claim in claims]
             for claims in named.claims_for(counts)]  # fmt: skip
    lines = [f"{len(bench.train)} studies to learn from, {len(held.sets[BOXES])} phrases with boxes in all; asked of "
             f"{len(bench.test)} studies: {len(held.asked)} phrases, {len(held.scripts)} conversations; {steps} steps "
             "in every arm", *_told(trials, held)]  # fmt: skip
    return ruled[0], ruled[1], lines, {CAPTION: _picture(held, cells, counts[0])}


def _boxes(
    bench: Bench, held: Material, trials: Trials, cells: dict[str, list[str]], seed: int, steps: int,
    counts: Sequence[int], say: Say,
) -> None:  # fmt: skip
    for count in counts:
        phrases = {BOXES: some(held.sets[BOXES], count, seed=seed)}
        arms = {joint(count): {name: held.sets[name] for name in OTHERS} | phrases, alone(count): phrases}
        for arm, sets in arms.items():
            say(f"{arm}, seed {seed}")
            reader = taught(bench, held.preset, sets, held.every, steps=steps, seed=seed,
                            shares={BOXES: float(max(1, len(sets) - 1))})  # fmt: skip
            guarded = _guarded(held.asked, arm, seed) if arm == joint(count) else {arm: held.asked}
            for name, samples in guarded.items():
                texts = answers(reader, samples, longest=60)
                cells.setdefault(name, texts)
                found = [boxes_in(text, held.preset, each) for text, each in zip(texts, samples, strict=True)]
                for metric, value in box_scores(samples, found).items():
                    trials[metric][name].append(value)
            if count == counts[-1] and arm == joint(count):
                _reports(bench, held, trials, reader, arm, seed)
        gain = trials[IOU][joint(count)][-1].values - trials[IOU][alone(count)][-1].values
        trials[NARROW][named.gained(count)].append(averaged(NARROW, gain, "difference of IoU, phrase by phrase"))


def _guarded(samples: Sequence[Sample], arm: str, seed: int) -> dict[str, list[Sample]]:
    return {arm: list(samples), under(arm, BLANK): blank(samples), under(arm, SWAPPED): swapped(samples, seed=seed)}


def _reports(bench: Bench, held: Material, trials: Trials, reader: Trained, arm: str, seed: int) -> None:
    studies = {study.id: study for study in bench.test}
    for name, samples in _guarded(held.reports, arm, seed).items():
        trials["fact F1"][name].append(fact_f1(samples, answers(reader, samples), studies))


def _talking(bench: Bench, held: Material, trials: Trials, seed: int, steps: int, say: Say) -> None:
    single = {name: held.sets[name] for name in OTHERS} | {BOXES: some(held.sets[BOXES], TALKING, seed=seed)}
    for arm, sets in ((WITH, single | {CHAT: held.sets[CHAT]}), (WITHOUT, single)):
        say(f"{arm}, seed {seed}")
        reader = taught(bench, held.preset, sets, held.every, steps=steps, seed=seed, shares={CHAT: 2.0})
        rows = _guarded([each.sample for each in held.scripts], arm, seed)
        for name, samples in rows.items() if arm == WITH else [(arm, rows[arm])]:
            scripts = [Script(sample, each.finding) for sample, each in zip(samples, held.scripts, strict=True)]
            said: list[Talk] = talks(reader, scripts)
            for metric, value in talk_scores(scripts, said, held.preset).items():
                trials[metric][name].append(value)


def _named(claim: Claim, trials: Trials) -> dict[str, list[Scored]]:
    arms = dict.fromkeys((claim.arm, claim.better_than, *claim.controls))
    return {arm: trials[claim.metric][arm] for arm in arms}


def _told(trials: Trials, held: Material) -> list[str]:
    """The image gap of reports, every arm's boxes, and the parts of conversations that a mean hides."""
    lines = [f"reports of {arm}: fact F1 {_mean(runs):.2f}" for arm, runs in trials["fact F1"].items()]
    lines.append(f"target reports, cleared of comparisons, state what is there with F1 {held.most:.2f}")
    lines += [f"{arm}: box F1@.5 {_mean(runs):.2f}, IoU {_mean(trials[IOU][arm]):.2f}"
              for arm, runs in trials[FIRST].items()]  # fmt: skip
    lines += [f"{arm}: {remark}" for arm, runs in trials[CONTRADICT].items() for remark in runs[0].remarks]
    there = np.array([each.finding.state == "present" for each in held.scripts])
    for arm, runs in trials[AGREE].items():
        yes, no = (np.mean([run.values[rows].mean() for run in runs]) for rows in (there, ~there))
        lines.append(f"{arm}: turn 2 agrees on {yes:.2f} of findings that are there and {no:.2f} of those that are not")
    return lines


def _mean(runs: Sequence[Scored]) -> float:
    return float(np.mean([run.value for run in runs]))


def _picture(held: Material, cells: Mapping[str, Sequence[str]], count: int) -> bytes:
    arms = (joint(count), alone(count))
    rows = np.linspace(0, len(held.asked) - 1, min(8, len(held.asked))).astype(int)
    tiles = []
    for row in rows:
        sample = held.asked[int(row)]
        found = tuple(boxes_in(cells[arm][int(row)], held.preset, sample) for arm in arms)
        tiles.append(Marked(sample.shown[0].image, words_of(sample.turns[-1].question), sample.boxes, found))
    return sheet(tiles, arms)
