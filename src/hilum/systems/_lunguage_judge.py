"""Judge Lunguage's claim for its score: it sees errors of one attribute, and of time, that other metrics miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from hilum.core.errors import InputError
from hilum.measure.binary import weighted_auroc
from hilum.measure.claim import Claim, judge, verdict
from hilum.measure.lunguage_score import Parts, Sides, count
from hilum.measure.metric import metric
from hilum.measure.metrics.lunguage import rows
from hilum.measure.pairs import ReportPairs, parsed
from hilum.measure.scored import Floats, Scored, signature
from hilum.measure.verdict import Verdict
from hilum.systems._lunguage_sequences import DATES, FIELDS, FILMS, ORDER, answers, cohort
from hilum.text.timeline import Visit, timeline

TEXT = "LunguageScore tells a report with one wrong field, and studies in the wrong order, from a right one"
RIVALS = ("bleu-4", "graph-f1/partial")
SINGLE, SEQUENTIAL = "lunguage-score, single", "lunguage-score, sequential"
NO_TEMP = f"{SEQUENTIAL}, Temp=1"
NEAR, SHUFFLED = "near-duplicates (control)", "order shuffled, Temp=1 (control)"
CONTROLS = (NEAR, SHUFFLED)
SCORE = "AUROC of worse of pair"
CLAIMS = (
    *[Claim(f"one wrong field: seen better than by {rival}", SINGLE, rival, SCORE, CONTROLS) for rival in RIVALS],
    Claim("two studies exchanged: of a sequence's score, Temp sees it", SEQUENTIAL, NO_TEMP, SCORE, CONTROLS),
)
_ARMS: Mapping[str, tuple[str, Parts]] = {
    SINGLE: ("single", Parts()), f"{SINGLE}, Struct=1": ("single", Parts(struct=False)),
    SEQUENTIAL: ("sequential", Parts()), f"{SEQUENTIAL}, Struct=1": ("sequential", Parts(struct=False)),
    NO_TEMP: ("sequential", Parts(temp=False)), "Sem only": ("sequential", Parts(struct=False, temp=False)),
}  # fmt: skip
Values = dict[str, dict[str, Floats]]


def reproduce(
    *, seed: int = 0, patients: str | int = 100,
    say: Callable[[str], None] = lambda line: None,
) -> Verdict:  # fmt: skip
    """Judge the claim on invented patients of three dated films, their reports worded anew for each of three seeds.

    A right answer tells the reference's findings in other words, a wrong one in the same other words but for one
    field, or with two studies exchanged. The score is how well a metric tells all wrong answers from all right ones.

    Args:
        seed: of the patients, and the first of three of the wording.
        patients: how many.
        say: is told what is being done.

    Raises:
        InputError: if `patients` is no whole number above 1.
    """
    if not str(patients).isdigit() or int(patients) < 2:
        raise InputError(f"patients must be a whole number above 1, got '{patients}'")
    films = cohort(int(patients), seed=seed)
    runs: list[Values] = []
    for wording in range(seed, seed + 3):
        say(f"{len(films)} patients, wording {wording}: scoring right answers and {len(FIELDS) + 1} kinds of error")
        runs.append(scores(answers(films, wording=wording)))
    named = [str(number) for number in range(len(films))]
    by_field = [_trials(run, FIELDS) for run in runs], named * len(FIELDS)
    by_order = [_trials(run, (ORDER,)) for run in runs], named
    parts = []
    for claim in CLAIMS:
        trials, owners = by_order if claim.arm == SEQUENTIAL else by_field
        parts.append(judge(claim, {arm: [each[arm] for each in trials] for arm in trials[0]}, owners, seed=seed))
    return verdict(TEXT, parts, notes=(_said(len(films), seed), *_table(runs)))


def _said(count_: int, seed: int) -> str:
    return (
        f"{count_} invented patients of {FILMS} films, wordings {seed} to {seed + 2}, 95 % intervals over patients; "
        "rows by our own rules, character n-grams in place of language models; others: mean over the films in order"
    )


def scores(told: Mapping[str, list[tuple[str, ...]]]) -> Values:
    """Return arm -> kind of answer -> (patients,) scores of its three reports."""
    kinds = [kind for kind in told if kind != "reference"]
    count_ = len(told["reference"])
    references = [text for _ in kinds for texts in told["reference"] for text in texts]
    pairs = ReportPairs(tuple(references), tuple(text for kind in kinds for texts in told[kind] for text in texts))
    singles, sequences = rows(pairs), _sequences(pairs)
    made: Values = {}
    for name, (mode, parts) in _ARMS.items():
        single = mode == "single"
        each = count(singles, "single", parts) if single else count(sequences, "sequential", parts)
        made[name] = _by_kind([found.f1 for found in each], kinds, count_, FILMS if single else 1)
    for name in RIVALS:
        made[name] = _by_kind(metric(name)(pairs).values, kinds, count_, FILMS)
    return made


def _by_kind(values: Sequence[float] | Floats, kinds: list[str], count_: int, films: int) -> dict[str, Floats]:
    table = np.asarray(values, dtype=np.float64).reshape(len(kinds), count_, films).mean(axis=2)
    return dict(zip(kinds, np.round(table, 9), strict=True))  # sums in another order are the same score


def _sequences(pairs: ReportPairs) -> list[Sides]:
    sides = []
    for reports in parsed(pairs):
        groups = [reports[start : start + FILMS] for start in range(0, len(reports), FILMS)]
        visits = [[Visit(str(n), DATES[n], report) for n, report in enumerate(group)] for group in groups]
        sides.append([timeline(each).records() for each in visits])
    return list(zip(*sides, strict=True))


def _trials(run: Values, kinds: tuple[str, ...]) -> dict[str, Scored]:
    made = {arm: _auroc(run[arm], kinds) for arm in run}
    made[NEAR] = _auroc(run[SINGLE], ("near-duplicate",) * len(kinds))
    made[SHUFFLED] = _auroc(run[NO_TEMP], (ORDER,) * len(kinds))
    return made


def _auroc(by_kind: Mapping[str, Floats], kinds: tuple[str, ...]) -> Scored:
    """How well an arm tells the wrong answers of some kinds from the right ones, over (kind, patient) items."""
    right = np.concatenate([by_kind["right"]] * len(kinds))
    bad = np.concatenate([by_kind[kind] for kind in kinds])
    values = np.where(right > bad, 1.0, np.where(right == bad, 0.5, 0.0))
    return Scored(SCORE, values, partial(_at, right, bad), signature(SCORE, 1, against="right answers"))


def _at(right: Floats, bad: Floats, weights: Floats) -> Floats:
    truth = np.arange(2 * len(right)) < len(right)
    return weighted_auroc(truth, np.concatenate([right, bad]), np.concatenate([weights, weights], axis=1))


def _table(runs: list[Values]) -> list[str]:
    """AUROC (and mean loss) of every arm for each kind of error, averaged over wordings."""
    kinds = (*FIELDS, ORDER, "near-duplicate")
    lines = [f"{'AUROC / mean loss':38}" + "".join(f"{kind:>16}" for kind in kinds)]
    for arm in runs[0]:
        cells = []
        for kind in kinds:
            seen = np.mean([_auroc(run[arm], (kind,)).value for run in runs])
            lost = np.mean([np.mean(run[arm]["right"] - run[arm][kind]) for run in runs])
            cells.append(f"{seen:.3f} / {lost:+.3f}")
        lines.append(f"{arm:38}" + "".join(f"{cell:>16}" for cell in cells))
    return lines
