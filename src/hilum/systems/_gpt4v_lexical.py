"""Do metrics rank the same facts in other words above nearly the same words with one fact turned? No model is needed.

For each reference there is a paraphrase, proved by the report parser to say the same, and reports with one fact turned,
proved to differ in that alone. A sound metric gives the paraphrase more. Metrics that count the same parser's facts do
so by construction: their rows show that the edits are what they should be, not that those metrics are good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Floats, Scored, averaged, signature
from hilum.systems._gpt4v_turned import FLIPS, ONE, WHOLE, Turned, turned

LEXICAL = ("bleu-1", "bleu-2", "bleu-3", "bleu-4", "rouge-l", "meteor/nltk", "cider")
BY_FACTS = ("finding-f1", "label-f1/hilum/example", "graph-f1/partial", "green/hilum")
ACCURACY = "paraphrase above flip"
COIN, ITSELF = "coin", "the reference itself"


def values_of(name: str, references: Sequence[str], answers: Sequence[str]) -> Floats:
    """Return a metric's value of each answer."""
    values = np.asarray(metric(name)(ReportPairs(tuple(references), tuple(answers))).values, dtype=np.float64)
    return np.round(values, 9)  # sums in another order are the same score


def accuracy(name: str, made: Sequence[Turned], words: str, kinds: Sequence[str] = FLIPS) -> Scored:
    """Return how often a metric gives a paraphrase more than a flip, half for a tie, averaged over a report's flips.

    Args:
        name: of the metric; `COIN` always gives one half, `ITSELF` has the reference in the paraphrase's place.
        made: reports.
        words: `WHOLE` or `ONE`.
        kinds: of flips.
    """
    items = [(number, each, kind) for number, each in enumerate(made) for kind in kinds
             if words in each.others and kind in each.flips]  # fmt: skip
    told = signature(ACCURACY, 1, of=name, words=words.split(maxsplit=1)[0])
    if not items:
        return averaged(ACCURACY, np.full(len(made), np.nan), told)
    right = np.full(len(items), 0.5)
    if name != COIN:
        asked = "bleu-4" if name == ITSELF else name
        references = [each.reference for _, each, _ in items]
        same = references if name == ITSELF else [each.others[words] for _, each, _ in items]
        kept = values_of(asked, references, same)
        lost = values_of(asked, references, [each.flips[kind] for _, each, kind in items])
        right = np.where(np.isfinite(kept) & np.isfinite(lost), (kept > lost) + 0.5 * (kept == lost), np.nan)
    owner = np.array([number for number, _, _ in items])
    with np.errstate(invalid="ignore"):
        values = [np.nanmean(right[owner == n]) if np.isfinite(right[owner == n]).any() else np.nan
                  for n in range(len(made))]  # fmt: skip
    return averaged(ACCURACY, values, told)


def judged(
    reports: Sequence[tuple[str, str]], *, seed: int, seeds: int, say: Callable[[str], None]
) -> tuple[dict[str, dict[str, list[Scored]]], list[str], list[str]]:
    """Return words -> metric -> a score for each seed of wording, the patients, and lines with a table.

    Args:
        reports: (patient, text), one of each patient.
        seed: first of the wordings.
        seeds: how many.
        say: told what is being done.
    """
    runs = []
    for number in range(seed, seed + seeds):
        say(f"claim of metrics, wording {number}: {len(reports)} reports in other words and with one fact turned")
        runs.append({each.patient: each for each in turned(reports, seed=number)})
    patients = [patient for patient, _ in reports if all(patient in run for run in runs)]
    rows = [[run[patient] for patient in patients] for run in runs]
    names = (*LEXICAL, *BY_FACTS, COIN, ITSELF)
    scored = {words: {name: [accuracy(name, row, words) for row in rows] for name in names} for words in (WHOLE, ONE)}
    return scored, patients, _table(rows, scored, patients, seed)


def _table(
    rows: Sequence[Sequence[Turned]], scored: Mapping[str, Mapping[str, Sequence[Scored]]], patients: Sequence[str],
    seed: int,
) -> list[str]:  # fmt: skip
    lines = [f"{len(patients)} reports; words that differ from the reference, on average: "
             + ", ".join(f"{name} {_changed(rows, name):.1f}" for name in (WHOLE, ONE, *FLIPS)),
             f"{ACCURACY}: 1 always, 0.5 a coin, 0 never; averaged over {len(rows)} wordings; columns: {WHOLE} | {ONE} "
             "| then by kind of flip against every sentence in other words: " + ", ".join(FLIPS)]  # fmt: skip
    for name in (*LEXICAL, *BY_FACTS, ITSELF):
        both = [np.mean([each.value for each in scored[words][name]]) for words in (WHOLE, ONE)]
        kinds = [np.nanmean([accuracy(name, row, WHOLE, (kind,)).value for row in rows]) for kind in FLIPS]
        cells = " ".join(f"{value:6.3f}" for value in (*both, *kinds))
        known = scored[WHOLE][name][0].interval(patients, seed=seed)
        lines.append(f"    {name:24} {cells}   95 % of the first wording: {known.low:.3f} to {known.high:.3f}")
    return lines


def _changed(rows: Sequence[Sequence[Turned]], name: str) -> float:
    """Words that are in one of two texts and not in the other, averaged."""
    counts = []
    for row in rows:
        for each in row:
            text = each.others.get(name) or each.flips.get(name)
            if text:
                old, new = each.reference.lower().split(), text.lower().split()
                counts.append(max(len(old), len(new)) - sum(min(old.count(w), new.count(w)) for w in set(old)))
    return float(np.mean(counts)) if counts else float("nan")
