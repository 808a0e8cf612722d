"""Judge the span-relation tagger: hand-made graphs, written sentences, severity in sentences of several findings.

Run: python benchmarks/graph_model.py --data ../shared/data --runs runs/graph --seeds 3
Arms that are not in --runs yet are trained first (`hilum train radgraph` with the settings below, a few minutes each).
Every arm reads the same reports; intervals are a bootstrap over reports, differences are paired. `--half tune` scores
the hand-made graphs that were learnt from, and is for finding faults only.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from openi_labels import GRADES, coded, heads, load, read

from hilum.systems._radgraph_corpus import lines_of, tag, written
from hilum.systems._radgraph_recipe import GOLD
from hilum.systems._radgraph_reports import cases, is_tuning
from hilum.systems._radgraph_score import PARTS, count, count_lines, f1, interval
from hilum.systems._radgraph_tagger import Tagger, cooccurring, graphs
from hilum.systems.radgraph import train
from hilum.text.grammar import write
from hilum.text.graph import graph
from hilum.text.parse import parse

ARMS = {"model": {}, "no-width": {"width_feature": 0}, "no-pairs": {"pairs": 0}, "shuffled": {"shuffle": 1}}
MAIN = ("model", "shuffled")
"""Arms of every seed; the others are trained for the first seed only."""
ROWS = {
    "model": "span-relation model", "nearest": "its entities, nearest attached", "all": "its entities, all attached",
    "no-pairs": "trained without pair head, nearest", "no-width": "trained without width feature",
    "shuffled": "control: labels shuffled", "rules": "rules",
}  # fmt: skip
GRADE = {f"{grade}{end}": grade for grade in GRADES for end in ("", "ly")}


def readers(data: Path, runs: Path, seeds: int, arms: list[str]) -> dict[str, list]:
    found: dict[str, list] = defaultdict(list)
    for seed in range(seeds):
        for arm, settings in ((arm, ARMS[arm]) for arm in arms if seed == 0 or arm in MAIN):
            folder = runs / f"{arm}-{seed}"
            if not (folder / "vocabulary.json").exists():
                logging.info("training %s, seed %d", arm, seed)
                train(data=data, out=folder, seed=seed, resume=True, settings=settings)
            found[arm].append(Tagger(folder).read)
        if found["model"]:
            found["nearest"].append(cooccurring(found["model"][-1], nearest=True))
            found["all"].append(cooccurring(found["model"][-1], nearest=False))
    return found


def line(name: str, counts: np.ndarray, base: np.ndarray | None) -> str:
    """F1 with interval of entities and relations, and the model's lead over this row."""
    low, high = interval(counts)
    mean = f1(counts.sum(axis=-3)).reshape(-1, counts.shape[-2]).mean(axis=0)
    told = ""
    for part in ("entity", "relation"):
        at = PARTS.index(part)
        told += f"  {mean[at]:.3f} [{low[at]:.3f}, {high[at]:.3f}]"
    if base is not None:
        low, high = interval(base, counts)
        lead = f1(base.sum(axis=-3)).reshape(-1, counts.shape[-2]).mean(axis=0) - mean
        for part in ("entity", "relation"):
            at = PARTS.index(part)
            told += f"  {lead[at]:+.3f} [{low[at]:+.3f}, {high[at]:+.3f}]"
    return f"{name:38s}{told}"


def table(title: str, counts: dict[str, np.ndarray]) -> None:
    print(f"\n## {title}")
    print(f"{'':38s}  entity F1             relation F1           model - row: entity, relation; (seeds)")
    for arm, name in ((arm, name) for arm, name in ROWS.items() if arm in counts):
        print(
            line(
                f"{name} ({len(counts[arm]) if counts[arm].ndim == 4 else 1})",
                counts[arm],
                None if arm == "model" else counts["model"],
            )
        )


def parts(counts: dict[str, np.ndarray]) -> None:
    print("\nmodel by part: " + ", ".join(_means(counts["model"])))
    print("rules by part: " + ", ".join(_means(counts["rules"][None])))


def _means(counts: np.ndarray) -> list[str]:
    mean = f1(counts.sum(axis=1)).mean(axis=0)
    return [f"{part} {score:.3f}" for part, score in zip(PARTS, mean, strict=True)]


def on_gold(found: dict[str, list], data: Path, half: str) -> dict[str, np.ndarray]:
    kept = [case for case in cases(data, GOLD) if is_tuning(case.id) == (half == "tune")]
    reports, marks = [case.parsed for case in kept], [case.marks for case in kept]
    made = {
        arm: np.stack([
            count([g.entities for g in graphs(own, reports, unit="sentence", made_by=arm)], marks) for own in each
        ])
        for arm, each in found.items()
    }  # fmt: skip
    made["rules"] = count([graph(parsed).entities for parsed in reports], marks)
    table(f"Hand-made graphs, {half} half: {len(kept)} reports, strict F1, mean of seeds [95 % interval]", made)
    parts(made)
    return made


def on_written(found: dict[str, list], size: int = 400) -> None:
    """Templates and words seen in training, and neither seen: what generalises."""
    for held, what in ((False, "templates and words of training"), (True, "templates and words held out")):
        sentences = written(size, seed=90_001, held_templates=held, held_words=held)
        made = {
            arm: np.stack([count_lines(own([each.words for each in sentences]), sentences) for own in each])
            for arm, each in found.items()
        }
        texts = [parse(each.text) for each in write(size, seed=90_001, held_templates=held, held_words=held)]
        said = [tag(lines_of(text)[0], graph(text).entities) for text in texts]
        made["rules"] = count_lines(said, sentences)
        table(f"Written sentences, {what}: {size}", made)


def severity(rows: list, parsed: list, graphs_of: list) -> np.ndarray:
    """(reports, 2): graded heads right and stated, where a sentence holds two findings or more.

    Which findings a sentence holds is read by the labeler for every arm; only the grade's attachment is the graph's.
    """
    means, made = heads(), np.zeros((len(rows), 2))
    for number, (row, each, drawn) in enumerate(zip(rows, parsed, graphs_of, strict=True)):
        gold, present = coded(row), defaultdict(list)
        for fact in each.facts:
            if fact.state == "present":
                present[fact.sentence].append(fact)
        for facts in present.values():
            if len({fact.concept for fact in facts}) < 2:
                continue
            for fact in facts:
                head = next((h for h, names in means.items() if fact.concept in names and h in gold), "")
                if head:
                    stated = grades(fact, drawn, each)
                    made[number] += len(stated & gold[head]["severity"]), len(stated)
    return made


def grades(fact, drawn, each) -> set[str]:
    """Grades that modify a word of the finding's mention; with no graph, every grade of the sentence."""
    if drawn is None:
        start, end = fact.sentence
        return {GRADE[word] for word in each.text[start:end].lower().replace(",", " ").split() if word in GRADE}
    inside = {n for n, e in enumerate(drawn.entities) if fact.start <= e.start and e.end <= fact.end}
    linked = (
        drawn.words(n).lower()
        for n, e in enumerate(drawn.entities)
        if any(kind == "modify" and to in inside for kind, to in e.relations)
    )
    return {GRADE[word] for word in linked if word in GRADE}


def on_severity(found: dict[str, list], data: Path) -> None:
    closed = {case.id for case in cases(data, GOLD)}
    rows = [row for row in load(data, "test") if row["report_id"] not in closed]
    parsed = read(rows)
    made = {
        arm: np.stack([severity(rows, parsed, graphs(own, parsed, unit="sentence", made_by=arm)) for own in found[arm]])
        for arm in ("model", "nearest", "shuffled")
        if arm in found
    }
    made["rules"] = severity(rows, parsed, [graph(each) for each in parsed])[None]
    made["all"] = severity(rows, parsed, [None] * len(rows))[None]
    weights = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=1000)
    drawn = {arm: _precision(np.einsum("dr,srk->sdk", weights, own)).mean(axis=0) for arm, own in made.items()}
    print(f"\n## Protocol B, Open-i test half ({len(rows)} reports): severity precision, sentences of several findings")
    for arm, own in made.items():
        low, high = np.percentile(drawn["model"] - drawn[arm], [2.5, 97.5])
        name = "same-sentence co-occurrence" if arm == "all" else ROWS[arm]
        lead = "" if arm == "model" else f"  model - row [{low:+.3f}, {high:+.3f}]"
        if not own.sum():
            lead = "  states no grade of these findings: no precision to compare"
        score, stated = _precision(own.sum(axis=1)).mean(), own.sum(axis=1)[:, 1].mean()
        print(f"{name:38s} {score:.3f} of {stated:.0f}{lead}")


def _precision(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


def verdicts(made: dict[str, np.ndarray]) -> None:
    at = PARTS.index("relation")
    print()
    for arm, claim in (
        ("nearest", "a span-relation model beats attaching the nearest"),
        ("all", "a span-relation model beats co-occurrence"),
        ("shuffled", "the model beats its control, labels shuffled within the sentence"),
        ("no-width", "the width feature helps"),
        ("rules", "the model beats the rules, and is shipped"),
    ):
        if arm not in made:
            continue
        low, high = interval(made["model"], made[arm])[:, at]
        print(f"{claim} (relation F1): {verdict(low, high)}{few(made, arm)}")


def verdict(low: float, high: float) -> str:
    return "holds" if low > 0 else "fails" if high < 0 else "not shown"


def few(made: dict[str, np.ndarray], arm: str) -> str:
    """A verdict needs three seeds of every trained arm."""
    seeds = min(len(own) for own in (made["model"], made[arm]) if own.ndim == 4)
    return "" if seeds >= 3 else f" by its interval, on {seeds} seed(s): not shown, 3 are needed"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="root folder of the pack")
    options.add_argument("--runs", type=Path, default=Path("runs/graph"), help="where the trained arms are or go")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--half", choices=("tune", "held-out"), default="held-out")
    options.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS), help="which to train and score")
    options.add_argument("--train-only", action="store_true", help="train what is missing and score nothing")
    chosen = options.parse_args()
    logging.basicConfig(level=logging.WARNING)
    found = readers(chosen.data, chosen.runs, chosen.seeds, chosen.arms)
    if chosen.train_only:
        return
    made = on_gold(found, chosen.data, chosen.half)
    on_written(found)
    on_severity(found, chosen.data)
    verdicts(made)


if __name__ == "__main__":
    main()
