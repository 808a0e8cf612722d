"""The prompt study run over floors, our small reader and, where one is named, an endpoint; and its claims judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from hilum.core.errors import MissingError
from hilum.learn.outside.asking import Backend
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.measure.stats import Interval, bounds, patient_weights
from hilum.systems._gpt4v_claims import BOTH, GROUNDING, POINTS, PROMPTS, ZERO, looks, prompted, trails
from hilum.systems._gpt4v_cohort import FAMILIES, Case
from hilum.systems._gpt4v_floors import RESTYLED, Constant, Copies, Nearest
from hilum.systems._gpt4v_run import (
    CLOSED,
    CONDITIONS,
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

Say = Callable[[str], None]
_UNDEFINED = Interval(float("nan"), float("nan"), float("nan"))


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


def floors(rows: Rows, *, seed: int, seeds: int) -> None:
    """Run what cannot be talked to: each where it can differ."""
    constant, nearest, restyled = Constant(rows.pool), Nearest(rows.pool), Nearest(rows.pool, restyled=True)
    rows.write(constant, (ZERO,), ("true",), seed=seed)
    rows.write(nearest, (ZERO,), CONDITIONS, seed=seed)
    for number in range(seed, seed + seeds):
        rows.write(Copies(constant), FAMILIES[1:], ("true",), seed=number)
        rows.write(restyled, FAMILIES, CONDITIONS, seed=number)
    rows.answer(constant, (ZERO,), ("true",), seed=seed)
    rows.answer(nearest, (ZERO,), CONDITIONS, seed=seed)
    rows.point(constant, ("true",), seed=seed)
    rows.point(nearest, CONDITIONS, seed=seed)


def learned(
    rows: Rows, *, seed: int, seeds: int, steps: tuple[int, int], say: Say
) -> tuple[str, list[Backend], Backend | None]:  # fmt: skip
    """Train and run the specialist and our small reader.

    Args:
        rows: to add to.
        seed, seeds: first, and how many trainings of each.
        steps: of the specialist and of the reader; 0 leaves the reader out.
        say: told what is being done.

    Returns:
        Why the reader did not run, '' where it did; the specialists, one for each seed; and the last reader.
    """
    specialists: list[Backend] = []
    reader: Backend | None = None
    try:
        from hilum.systems._gpt4v_reader import trained_reader
        from hilum.systems._gpt4v_specialist import trained

        for number in range(seed, seed + seeds):
            say(f"seed {number}: a specialist learns masks of {len(rows.pool)} films")
            specialists.append(trained(rows.pool, steps=steps[0], seed=number))
            rows.point(specialists[-1], CONDITIONS, seed=number)
            if steps[1] < 1:
                continue
            say(f"seed {number}: the small reader learns to write, to answer and to point")
            reader = trained_reader(rows.pool, steps=steps[1], seed=number, say=say)
            rows.write(reader, FAMILIES, CONDITIONS, seed=number)
            rows.answer(reader, (ZERO, BOTH), CONDITIONS, seed=number)
            rows.point(reader, CONDITIONS, seed=number)
    except (ImportError, MissingError) as error:
        return f"needs torch and transformers, pip install 'hilum[train,language]' ({error})", specialists, None
    return ("" if steps[1] > 0 else "the reader was left out (reader=0)"), specialists, reader


def judged_reader(rows: Rows, why: str, *, seed: int) -> tuple[list[Judged], list[str]]:
    """Judge the claims of prompts and boxes for our small reader, behind the guard that it looks."""
    claims = (*PROMPTS, GROUNDING)
    if why:
        return [Judged(claim, "cannot be tested here", _UNDEFINED, reason=why) for claim in claims], []
    backend = PROMPTS[0].arm.split(",")[0]
    guards = [rows.judged(looks(backend, family), seed=seed) for family in (ZERO, BOTH)]
    lines = [_guard_line(each) for each in guards]
    blind = [each for each in guards if each.outcome != "holds"]
    parts = [rows.judged(claim, seed=seed) for claim in claims]
    if blind:
        reason = "the reader does not show that it looks at the film (its score does not fall with another patient's)"
        parts = [replace(part, outcome="cannot be tested here", reason=reason) for part in parts]
    return parts, [*lines, *(beyond(rows, backend, name, seed=seed) for name in ("bleu-4", "finding-f1"))]


def _guard_line(part: Judged) -> str:
    return f"{part.claim.text}: true minus another patient's film {part.claim.metric} {part.gain}: {part.outcome}"


def beyond(rows: Rows, backend: str, metric: str, *, seed: int) -> str:
    """Return how much of a prompt's gain is there on blank films too, as a line: that part is style and not sight."""
    weights = patient_weights(rows.patients, replicates=1000, seed=seed)
    weights = np.concatenate([np.ones((1, weights.shape[1])), weights])
    gains = {}
    for film in ("true", "blank"):
        ends = [np.mean([run[metric].at(weights) for run in rows.scored[Arm(backend, family, film)]], axis=0)
                for family in (ZERO, BOTH)]  # fmt: skip
        gains[film] = ends[1] - ends[0]
    rest = gains["true"] - gains["blank"]
    told = {name: bounds(float(values[0]), values[1:]) for name, values in (*gains.items(), ("rest", rest))}
    return (f"{backend}: gain in {metric} by one + one on true films {told['true']}, on blank films {told['blank']}, "
            f"beyond what blank films gain {told['rest']}")  # fmt: skip


def endpoint_rows(
    rows: Rows, backend: Backend, specialists: Sequence[Backend], *, seed: int, seeds: int, say: Say
) -> tuple[list[Judged], list[str]]:  # fmt: skip
    """Run an endpoint on a few cases, beside the floors and specialists on the same ones, and judge the same claims.

    Args:
        rows: of the few cases; added to.
        backend: the endpoint.
        specialists: that its boxes are held against.
        seed, seeds: first, and how many draws of examples.
        say: told how many requests are to come before the first is sent.

    Raises:
        RefusedError: if it does not look at films.
        HilumError: if it does not answer.
    """
    from hilum.learn.outside.gate import gate

    say(f"{backend.name}: the gate, four requests; then about {requests(len(rows.cases), seeds):,} requests")
    looked = gate(getattr(backend, "uncached", lambda: backend)())
    floors(rows, seed=seed, seeds=seeds)
    rows.write(backend, (ZERO,), CONDITIONS, seed=seed)
    for number in range(seed, seed + seeds):
        rows.write(backend, (BOTH,), CONDITIONS, seed=number)
    rows.answer(backend, (ZERO, BOTH), CONDITIONS, seed=seed)
    rows.point(backend, CONDITIONS, seed=seed)
    for number, specialist in enumerate(specialists):
        rows.point(specialist, CONDITIONS, seed=seed + number)
    names = ("bleu-4", "finding-f1")
    parts = [rows.judged(prompted(backend.name, name, what), seed=seed)
             for name, what in zip(names, ("BLEU-4", "F1 of findings"), strict=True)]  # fmt: skip
    parts += [rows.judged(trails(backend.name), seed=seed)] if specialists else []
    guard = rows.judged(looks(backend.name, BOTH), seed=seed)
    if guard.outcome == "fails":
        reason = "it does not show that it looks at the film (its score does not fall with another patient's)"
        parts = [replace(part, outcome="cannot be tested here", reason=reason) for part in parts]
    told = [f"{backend.name} on {len(rows.cases)} cases, at the gate: {looked.note or 'open'}", _guard_line(guard)]
    return parts, [*told, *(beyond(rows, backend.name, name, seed=seed) for name in names), *rows.lines()]


def requests(cases: int, seeds: int) -> int:
    """Return about how many requests an endpoint is sent for a number of cases: reports, two questions, two boxes."""
    films = len(CONDITIONS)
    return cases * films * (1 + seeds + 2 * 2 + 2)


def styled(rows: Rows, *, seed: int) -> list[str]:
    """Return what examples are worth to a writer that takes only their words, and sees as much with them as without."""
    return [beyond(rows, RESTYLED, name, seed=seed) for name in ("bleu-4", "finding-f1")]
