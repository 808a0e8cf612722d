"""Scores of every arm as backends are asked, ready to be judged and shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from hilum.learn.outside.asking import Backend
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._gpt4v_claims import POINTS
from hilum.systems._gpt4v_cohort import Case
from hilum.systems._gpt4v_run import (
    CLOSED,
    IOU,
    OPEN,
    REPORT,
    Arm,
    Condition,
    grounding,
    question_scores,
    report_scores,
    reports,
    table,
)


@dataclass(eq=False)
class Rows:
    """Scores of every arm as they come in: arm -> metric -> a score for each seed; and reports of one seed to show."""

    cases: Sequence[Case]
    pool: Sequence[Case]
    scored: dict[Arm, list[dict[str, Scored]]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[Arm, list[str]] = field(default_factory=dict)

    @property
    def patients(self) -> list[str]:
        """Of each case."""
        return [case.study.patient for case in self.cases]

    def write(self, backend: Backend, families: Sequence[str], films: Sequence[Condition], *, seed: int) -> None:
        """Ask for reports and score them."""
        for family, film in product(families, films):
            arm = Arm(backend.name, family, film)
            texts = reports(arm, backend, self.cases, self.pool, seed=seed)
            self.texts.setdefault(arm, texts)
            self.scored[arm].append(report_scores(self.cases, texts))

    def answer(self, backend: Backend, families: Sequence[str], films: Sequence[Condition], *, seed: int) -> None:
        """Ask questions and add their scores to the arms' last ones."""
        for family, film in product(families, films):
            arm = Arm(backend.name, family, film)
            found = question_scores(arm, backend, self.cases, self.pool, seed=seed)
            runs = self.scored[arm]
            if runs and CLOSED not in runs[-1]:
                runs[-1] |= found
            else:
                runs.append(found)

    def point(self, backend: Backend, films: Sequence[Condition], *, seed: int) -> None:
        """Ask for boxes and score them."""
        for film in films:
            arm = Arm(backend.name, POINTS, film)
            self.scored[arm].append({IOU: grounding(arm, backend, self.cases, seed=seed)})

    def trials(self, claim: Claim) -> dict[str, list[Scored]]:
        """Return the scores that a claim speaks of."""
        wanted = dict.fromkeys((claim.arm, claim.better_than, *claim.controls))
        named = {str(arm): runs for arm, runs in self.scored.items()}
        return {arm: [run[claim.metric] for run in named.get(arm, []) if claim.metric in run] for arm in wanted}

    def judged(self, claim: Claim, *, seed: int) -> Judged:
        """Judge a claim on these cases."""
        return judge(claim, self.trials(claim), self.patients, seed=seed)

    def lines(self) -> list[str]:
        """Return tables of reports, questions and boxes."""
        written = {arm: runs for arm, runs in self.scored.items() if REPORT[0] in runs[0]}
        asked = {arm: runs for arm, runs in self.scored.items() if CLOSED in runs[0]}
        pointed = {arm: runs for arm, runs in self.scored.items() if IOU in runs[0]}
        return [*table("reports", written, REPORT), *table("questions", asked, (CLOSED, OPEN)),
                *table("boxes", pointed, (IOU,))]  # fmt: skip
