"""How far each report metric agrees with radiologists, on RadPref: `python benchmarks/radpref.py --data ROOT`.

RadPref (Baharoon et al. 2026, in github.com/rajpurkarlab/CRIMSON, MIT): 60 reports, each with two candidates (one by a
GPT model, one by MedGemma), rated 1 to 5 and marked for errors by three radiologists. Text never leaves: only figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hilum.core.errors import HilumError
from hilum.core.seed import generator
from hilum.measure.metric import Metric, metrics
from hilum.measure.pairs import Pairs
from hilum.measure.stats import Interval, bounds, patient_weights

Floats = NDArray[np.float64]
READERS = 3
SIGNIFICANT = {"urgent", "actionable_not_urgent"}
COLUMNS = ("kendall", "spearman", "paired", "preference", "within", "errors", "significant")


@dataclass(frozen=True, eq=False)
class RadPref:
    """The data as arrays: 2 candidates of each case, in the order C1 of all cases, then C2 of all.

    Args:
        ids: of the cases.
        references, answers: texts, 2N of each.
        ratings: (readers, 2N), 1 to 5.
        errors, significant: (readers, 2N), counted errors and those that matter clinically.
        by_gpt: (2N,) whether a GPT model wrote it.
    """

    ids: tuple[str, ...]
    references: tuple[str, ...]
    answers: tuple[str, ...]
    ratings: Floats
    errors: Floats
    significant: Floats
    by_gpt: NDArray[np.bool_]


def load(folder: Path) -> RadPref:
    """Read radpref.json and the three readers' files."""
    cases = json.loads((folder / "radpref.json").read_text(encoding="utf-8"))
    files = [folder / f"radpref_user_{reader}.json" for reader in range(1, READERS + 1)]
    readers = [json.loads(path.read_text(encoding="utf-8"))["annotations"] for path in files]
    told = [(case, which) for which in ("C1", "C2") for case in cases]

    def table(of: Callable[[Mapping[str, Any]], float]) -> Floats:
        return np.array([[of(reader[case["id"]][which]) for case, which in told] for reader in readers])

    return RadPref(
        tuple(case["id"] for case in cases),
        tuple(case["ground_truth_report"] for case, _ in told),
        tuple(case[f"{which}_report"] for case, which in told),
        table(lambda mark: float(mark["rating"])),
        table(lambda mark: float(len(mark["finding_errors"]) + len(mark["missing_findings"]))),
        table(_significant),
        np.array([case[f"{which}_source"] == "gpt" for case, which in told]),
    )


def _significant(mark: Mapping[str, Any]) -> float:
    """Errors that call for action: findings by their grade, attribute errors where one is graded significant."""
    every = [*mark["finding_errors"].values(), *mark["missing_findings"].values()]
    return float(sum(
        error.get("clinical_significance") in SIGNIFICANT or "significant" in (error.get("attributes") or {}).values()
        for error in every
    ))  # fmt: skip


def kendall(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Kendall's tau-b for each row of weights (R, N): how often each item was drawn; NaN items take no part."""
    there = np.isfinite(one) & np.isfinite(other)
    drawn = np.where(there, weights, 0.0)
    first, second = (np.sign(np.nan_to_num(v)[:, None] - np.nan_to_num(v)[None, :]) for v in (one, other))

    def total(matrix: Floats) -> Floats:
        return ((drawn @ matrix) * drawn).sum(axis=1)

    under = np.sqrt(total(np.abs(first)) * total(np.abs(second)))
    return np.where(under > 0, total(first * second) / np.where(under > 0, under, 1.0), np.nan)


def spearman(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Spearman's rho for each row of weights, by ranks among what was drawn."""
    there = np.isfinite(one) & np.isfinite(other)
    found = np.full(len(weights), np.nan)
    for number, drawn in enumerate(np.where(there, weights, 0.0).astype(int)):
        rows = np.repeat(np.arange(len(one)), drawn)
        a, b = rankdata(one[rows]), rankdata(other[rows])
        if len(rows) > 2 and a.std() > 0 and b.std() > 0:
            found[number] = float(np.corrcoef(a, b)[0, 1])
    return found


def paired(value: Floats, rating: Floats, weights: Floats) -> Floats:
    """Kendall's tau-b of the differences between the two candidates of each case, as RadPref's authors measure it."""
    half = len(value) // 2
    return kendall(value[:half] - value[half:], rating[:half] - rating[half:], weights[:, :half])


def preference(value: Floats, rating: Floats, weights: Floats) -> Floats:
    """Share of cases whose better-rated candidate has the better value; a tie of values counts half.

    Cases that the readers rate equal take no part.
    """
    half = len(value) // 2
    gap, told = value[:half] - value[half:], rating[:half] - rating[half:]
    there = np.isfinite(gap) & (told != 0)
    right = np.where(there, 0.5 + 0.5 * np.sign(np.nan_to_num(gap)) * np.sign(told), 0.0)
    drawn = weights[:, :half] * there
    return (drawn @ right) / np.maximum(drawn.sum(axis=1), 1.0)


def agreement(value: Floats, rating: Floats, errors: Floats, significant: Floats, data: RadPref, weights: Floats
              ) -> dict[str, Floats]:  # fmt: skip
    """All columns of one row, each for every draw; values that rise with quality."""
    of_gpt = [np.where(data.by_gpt == source, weights, 0.0) for source in (True, False)]
    return {
        "kendall": kendall(value, rating, weights),
        "spearman": spearman(value, rating, weights),
        "paired": paired(value, rating, weights),
        "preference": preference(value, rating, weights),
        "within": np.mean([kendall(value, rating, drawn) for drawn in of_gpt], axis=0),
        "errors": kendall(value, -errors, weights),
        "significant": kendall(value, -significant, weights),
    }


def readers(data: RadPref, weights: Floats) -> dict[str, Floats]:
    """Each reader's ratings against the mean of the two others, averaged: what a metric can hope for."""
    rows = []
    for one in range(READERS):
        rest = [other for other in range(READERS) if other != one]
        means = [table[rest].mean(axis=0) for table in (data.ratings, data.errors, data.significant)]
        rows.append(agreement(data.ratings[one], *means, data, weights))
    return {name: np.mean([row[name] for row in rows], axis=0) for name in COLUMNS}


def floors(data: RadPref) -> dict[str, Floats]:
    """Values that know nothing of the film: length, and who wrote it."""
    words = np.array([[len(text.split()) for text in texts] for texts in (data.references, data.answers)], float)
    return {
        "floor: nearness of length": -np.abs(np.log(np.maximum(words[1], 1) / np.maximum(words[0], 1))),
        "floor: brevity": -words[1],
        "floor: written by the GPT model": data.by_gpt.astype(float),
    }


def chance(means: Sequence[Floats], data: RadPref, replicates: int, seed: int) -> dict[str, Floats]:
    """What random scores reach: the mean, then each draw."""
    random, every = generator(seed, "radpref", "chance"), np.ones((1, len(data.answers)))
    drawn = [agreement(random.random(len(data.answers)), *means, data, every) for _ in range(replicates)]
    found = {name: np.array([float(one[name][0]) for one in drawn]) for name in COLUMNS}
    return {name: np.concatenate([[each.mean()], each]) for name, each in found.items()}


def scored(chosen: Sequence[Metric], data: RadPref) -> tuple[dict[str, Floats], dict[str, str]]:
    """Value of each candidate by each metric, turned so that higher is better; and why others have none."""
    pairs = Pairs(data.references, data.answers)
    values, failed = {}, {}
    for metric in chosen:
        try:
            found = metric(pairs)
        except HilumError as error:
            failed[metric.name] = str(error)
            continue
        if np.isfinite(found.values).sum() < len(found.values) // 2:
            failed[metric.name] = "undefined for more than half of the candidates"
            continue
        values[metric.name] = found.values if found.better == "higher" else -found.values
    return values, failed


def measure(data: RadPref, chosen: Sequence[Metric], replicates: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Return the whole outcome, JSON-ready: rows of (value, low, high), and what could not be scored."""
    cases = patient_weights(data.ids, replicates=replicates, seed=seed)
    weights = np.tile(np.concatenate([np.ones((1, len(data.ids))), cases]), (1, 2))  # both candidates of a case
    means = [table.mean(axis=0) for table in (data.ratings, data.errors, data.significant)]
    values, failed = scored(chosen, data)
    found = {"ceiling: a reader against the two others": readers(data, weights)}
    found["floor: chance"] = chance(means, data, replicates, seed)
    counts = dict.fromkeys(found, len(data.answers))
    for name, value in {**floors(data), **values}.items():
        found[name] = agreement(value, *means, data, weights)
        counts[name] = int(np.isfinite(value).sum())
    base = found["floor: written by the GPT model"]["kendall"]
    rows = []
    for name, columns in found.items():
        told = {column: _three(drawn) for column, drawn in columns.items()}
        gain = _three(columns["kendall"] - base)
        rows.append({"name": name, "candidates": counts[name], **told, "over_source": gain})
    equal = int((means[0][: len(data.ids)] == means[0][len(data.ids) :]).sum())
    return {"cases": len(data.ids), "rated_equal": equal, "rows": rows, "unscored": failed}


def _three(drawn: Floats) -> list[float]:
    found: Interval = bounds(float(drawn[0]), drawn[1:])
    return [round(value, 3) if np.isfinite(value) else float("nan") for value in (found.value, found.low, found.high)]


def sorted_rows(outcome: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ceiling and floors, then metrics by Kendall's tau."""
    head = [row for row in outcome["rows"] if ":" in row["name"] and row["name"].split(":")[0] in ("ceiling", "floor")]
    rest = [row for row in outcome["rows"] if row not in head]
    return head + sorted(rest, key=lambda row: -np.nan_to_num(row["kendall"][0], nan=-2.0))


def figure(three: Sequence[float]) -> str:
    """Render (value, low, high) as '0.41 [0.30, 0.52]'."""
    if not np.isfinite(three[0]):
        return "-"
    value, low, high = (f"{part + 0.0:.2f}" for part in three)
    return f"{value} [{low}, {high}]"


def lines(outcome: Mapping[str, Any]) -> list[str]:
    """A table for the terminal."""
    wide = max(len(row["name"]) for row in outcome["rows"]) + 1
    heads = "".join(f"{name:>20}" for name in (*COLUMNS, "over source"))
    said = [f"{'':{wide}}{'n':>4}{heads}"]
    for row in sorted_rows(outcome):
        cells = "".join(f"{figure(row[name]):>20}" for name in (*COLUMNS, "over_source"))
        said.append(f"{row['name']:{wide}}{row['candidates']:>4}{cells}")
    return [*said, *(f"{name}: not scored: {reason}" for name, reason in outcome["unscored"].items())]


def page(outcome: Mapping[str, Any]) -> str:
    """Return docs/metrics-radpref.md."""
    parts = [PAGE.format(cases=outcome["cases"], both=2 * outcome["cases"], equal=outcome["rated_equal"]).strip(), ""]
    heads = ["", "n", "Kendall tau-b", "Spearman", "paired tau", "preference", "tau within a source", "tau, errors",
             "tau, significant errors", "tau over the source floor"]  # fmt: skip
    parts += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in sorted_rows(outcome):
        name = row["name"] if row["name"].startswith(("ceiling:", "floor:")) else f"`{row['name']}`"
        cells = [name, str(row["candidates"]), *(figure(row[column]) for column in (*COLUMNS, "over_source"))]
        parts.append("| " + " | ".join(cells) + " |")
    if outcome["unscored"]:
        parts += ["", "Not scored here:", *(f"- `{name}`: {why}" for name, why in outcome["unscored"].items())]
    return "\n".join(parts) + "\n"


PAGE = """
# Metrics beside radiologists (RadPref)

Made by `python benchmarks/radpref.py --data ROOT --page docs/metrics-radpref.md`.

RadPref: {cases} chest reports, two candidates each ({both} in all; one by a GPT model, one by MedGemma), rated 1 to 5
and marked for errors by three radiologists. Source: Baharoon et al. 2026, github.com/rajpurkarlab/CRIMSON (MIT). Only
figures are shown here; no text is shipped.

- Every column is turned so that higher is better agreement, with 95 % intervals by 1,000 bootstraps over cases.
- **Kendall, Spearman**: with the mean rating of the readers, over all candidates.
- **Paired tau**: Kendall between the differences of the two candidates of a case, in value and in rating, which is how
  the authors of the set correlate.
- **Preference**: share of cases in which the metric prefers the candidate that readers prefer; a tie of the metric
  counts half, and the {equal} cases that readers rate equal take no part.
- **Within a source**: Kendall among the candidates of one model, averaged over both. GPT's are the better reports here,
  and so a value that only tells *who wrote it* reaches the tau of that floor. What a metric knows beyond that is here.
- **Errors**: Kendall with the number of errors that readers counted (false, missing and attribute errors), and with
  those that call for action.
- **Ceiling**: one reader's ratings against the mean of the two others, averaged over readers. A metric is held against
  the mean of three, which is less noisy, so it could pass the ceiling.
- **Floors** know nothing of the film: who wrote the report, its length, and chance (the mean and the middle 95 % of
  1,000 random scores).
- **Over the source floor**: tau minus that of the floor, drawn together. Where the interval holds 0 this set cannot
  tell the metric from one that knows who wrote the report.

With {cases} cases an interval is about 0.2 wide: ranks of neighbours in this table mean nothing.
"""


def main() -> None:
    """Print the table; write JSON or the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds text/radpref*.json")
    parser.add_argument("--metrics", default="", help="names, by comma; all metrics of reports where left out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    args = parser.parse_args()
    names = [name for name in args.metrics.split(",") if name]
    chosen = [metric for metric in metrics("report") if not names or metric.name in names]
    outcome = measure(load(args.data / "text"), chosen)
    print("\n".join(lines(outcome)))
    if args.json:
        args.json.write_text(json.dumps(outcome, indent=1).replace("NaN", "null") + "\n", encoding="utf-8")
    if args.page:
        args.page.write_text(page(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
