"""Courses, facts and words of virtual patients: balance, floors, rates, cost: figures of docs/virtual-stories.md.

Run: python benchmarks/stories.py --patients 20 --drawn 3000
Draws need no body; the words are those of findings placed in made thoraces on a 4 mm grid.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from hilum.core.finding import Finding
from hilum.phantom.courses import LEAST, LEVEL, NUISANCE_SHARE, change_of, change_shares, single_film_accuracy
from hilum.phantom.derived import Derived, course, derive, graph_faults, scene_faults, timeline_faults
from hilum.phantom.facts import facts
from hilum.phantom.illness import place
from hilum.phantom.indication import indication
from hilum.phantom.narrate import given_back, narrate, read_back, told
from hilum.phantom.patient import Patient, Placed
from hilum.phantom.questions import questions
from hilum.phantom.thorax import draw_thorax
from hilum.phantom.tips import read_tips, tip_of
from hilum.phantom.visits import course_table, draw_patient, is_nuisance_pair


@dataclass
class Tally:
    """What is counted over the studies that were told."""

    studies: int = 0
    differ: int = 0
    unread: int = 0
    faults: int = 0
    sentences: int = 0
    against: int = 0
    changed: int = 0
    nuisance: Counter[str] = field(default_factory=Counter)
    indications: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)


def draws(count: int, seed: int) -> None:
    """Print the balance of change in so many patients, without a voxel."""
    start = time.process_time()
    patients = [draw_patient(seed, f"p{number}") for number in range(count)]
    cost = (time.process_time() - start) / count
    pairs = [pair for patient in patients for pair in pairwise(patient.visits)]
    quiet = sum(is_nuisance_pair(a, b) for a, b in pairs if a.plans)
    print(f"{count} patients, {sum(len(p.visits) for p in patients)} visits: {1000 * cost:.2f} ms CPU a patient")
    print(
        f"pairs in which nothing but nuisance changed: {quiet} of {sum(bool(a.plans) for a, _ in pairs)} with findings"
    )
    special = {"cardiomegaly", *course_table()["least"]}
    halves: tuple[dict[int, Counter[str]], dict[int, Counter[str]]] = ({}, {})
    gap = place = 0
    for before, now in pairs:
        first = {plan.key: plan.severity for plan in before.plans}
        for plan in now.plans:
            if plan.concept in course_table()["changing"] and plan.severity >= LEAST:
                name = change_of(first.get(plan.key, 0.0), plan.severity)
                gap += name is None
                if plan.concept not in special:
                    level = int((plan.severity - LEAST) / LEVEL + 1e-9)
                    halves[place % 2].setdefault(level, Counter())[name or "in the gap"] += 1
                    place += 1
    learnt, scored = halves
    total = sum(each.total() for each in scored.values())
    right = sum(scored[level][each.most_common(1)[0][0]] for level, each in learnt.items() if level in scored)
    print(f"steps inside the gap between stable and changed: {gap}")
    print(
        f"best accuracy of change from the present film alone: {single_film_accuracy():.3f} by the generator, "
        f"{right / total:.3f} by counts (learnt on one half of the findings, scored on {total} others)"
    )
    for name, shares in change_shares(NUISANCE_SHARE, LEAST).items():
        print(f"  {name}: {shares.sum():.3f}; by level {' '.join(f'{each:.3f}' for each in shares)}")


def study(
    patient: Patient, number: int, before: tuple[Placed, ...] | None, read: Derived | None, tally: Tally
) -> tuple[tuple[Placed, ...], Derived, tuple[Finding, ...]]:
    """Tell one study and count what does not agree."""
    visit, name, prior = patient.visits[number], f"{patient.id}-{number}", before is not None
    body = draw_thorax(
        patient.person, seed=patient.seed, patient=patient.id, spacing_mm=4.0, inspiration=visit.pose.inspiration,
        supine=visit.pose.supine,
    )  # fmt: skip
    _, placed = place(body, visit.plans, supine=visit.pose.supine)
    at = [time.process_time()]
    found = facts(visit, placed, {}, before=before, before_visit=patient.visits[number - 1] if prior else None)
    report = narrate(found, visit, seed=patient.seed, name=name, prior=prior)
    at.append(time.process_time())
    asked = questions(found, visit, seed=patient.seed, name=name)
    at.append(time.process_time())
    made = derive(report, read)
    made.radgraph()
    at.append(time.process_time())
    for stage, (begun, done) in zip(("facts and report", "questions", "scene and graphs"), pairwise(at), strict=True):
        tally.seconds[stage] += done - begun  # type: ignore[assignment]
    said = told(found)
    back, dumb = read_back(report, prior=prior)
    tips = {finding.concept: tip_of(finding) for finding in found if tip_of(finding)}
    tally.studies += 1
    tally.sentences += len(report.sentences)
    tally.differ += back != given_back(said, prior=prior) or read_tips(report) != tips
    tally.unread += dumb
    tally.faults += len(scene_faults(made.scene, said)) + len(graph_faults(made))
    tally.indications[indication(found, seed=patient.seed, name=name)[0]] += 1
    for item in asked:
        tally.answers.setdefault(item.family, Counter())[item.answer or ""] += 1
    for finding in said:
        if finding.change in ("improved", "worsened"):
            moved = [item.value for item in finding.measurements if item.name.endswith("change")]
            tally.changed += 1
            tally.against += any((value > 0) != (finding.change == "worsened") for value in moved)
    if prior and is_nuisance_pair(patient.visits[number - 1], visit):
        tally.nuisance.update(finding.change or "no word" for finding in said if finding.state == "present")
    return placed, made, said


def words(count: int, seed: int) -> None:
    """Print whether reports of so many patients, with bodies, are read back, and what words cost."""
    tally = Tally()
    derive(narrate((), draw_patient(seed, "warm").visits[0], seed=seed))  # tables are read once
    for patient in (draw_patient(seed, f"p{number}", families=("parametric",)) for number in range(count)):
        before: tuple[Placed, ...] | None = None
        read: Derived | None = None
        line, said = [], []
        for number, visit in enumerate(patient.visits):
            before, read, each = study(patient, number, before, read, tally)
            line.append((f"{patient.id}-{number}", visit.time, read))
            said.append(each)
        tally.faults += len(timeline_faults(course(line), said))
    print(
        f"{tally.studies} studies with bodies: {tally.differ} reports not read back as their facts, {tally.unread} of"
    )
    print(f"  {tally.sentences} sentences unread, {tally.faults} faults of scenes, graphs and timelines")
    print(f"improved or worsened: {tally.changed} findings, in {tally.against} of which a quantity went the other way")
    print(f"present findings of nuisance-only pairs: {dict(tally.nuisance)}")
    print("indications: " + ", ".join(f"{k} {v / tally.studies:.2f}" for k, v in sorted(tally.indications.items())))
    for family, answers in tally.answers.items():
        print(f"  {family}: {answers.total()} questions; most common answers {answers.most_common(5)}")
    cost = {stage: f"{1000 * value / tally.studies:.2f}" for stage, value in tally.seconds.items()}
    print(f"ms CPU a study: {cost}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--patients", type=int, default=20, help="with bodies")
    parser.add_argument("--drawn", type=int, default=3_000, help="without")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    draws(chosen.drawn, chosen.seed)
    words(chosen.patients, chosen.seed)


if __name__ == "__main__":
    main()
