"""Score the scene's object-attribute pairs against the human codes of Open-i, beside its control arms.

Run: python benchmarks/scene_gold.py --data ../shared/data [--half dev]
Gold: every MeSH code with a side, or of a site without sides, gives pairs (site, attribute) by its region and side,
closed under the same parents as ours; a code without a side is not scored, nor is what it implies. What we state and
no code says counts as wrong. Arms: the whole rule graph; default locations only; no negation; no parents; no placing
by what the report says elsewhere. Intervals: bootstrap over groups of reports with the same text.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from hilum.core.seed import generator
from hilum.systems._imagenome_gold import Pairs, coded, counts, load, stated
from hilum.text.parse import parse
from hilum.text.scene import Scene, scene

LUNGS = frozenset({"right lung", "left lung", "cardiac silhouette", "spine"})
ARMS = {
    "whole": {}, "default location only": {"places": "default"}, "no negation": {"negation": False},
    "no parents": {"parents": False},
}  # fmt: skip


def elsewhere_off(made: Scene) -> Scene:
    """The scene without the statements that were placed by another sentence."""
    kept = tuple(each for each in made.observations if each.placed != "elsewhere")
    return Scene(made.text, made.phrases, kept)


def certain(made: Scene) -> Scene:
    """The scene without hedged statements."""
    kept = tuple(each for each in made.observations if "severity|yes|hedge" not in each.severity)
    return Scene(made.text, made.phrases, kept)


def scores(total: np.ndarray) -> np.ndarray:
    tp, fp, fn = np.moveaxis(total, -1, 0)
    return np.stack(
        [tp / np.maximum(tp + fp, 1), tp / np.maximum(tp + fn, 1), 2 * tp / np.maximum(2 * tp + fp + fn, 1)], -1
    )


def drawn(groups: np.ndarray, draws: int = 1000) -> np.ndarray:
    """(draws, reports) weights of a bootstrap over groups."""
    names, at = np.unique(groups, return_inverse=True)
    random = generator(0, "scene gold")
    return np.stack(
        [np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))[at] for _ in range(draws)]
    )


def report(gold: list[tuple[Pairs, set[str]]], arms: dict[str, list[Pairs]], groups: np.ndarray) -> None:
    weights = drawn(groups)
    known = [{name for _, name in pairs} for pairs, _ in gold]
    given = {name: [{(site, attribute) for site, attribute in each if attribute in held}
                    for each, held in zip(ours, known, strict=True)] for name, ours in arms.items()}  # fmt: skip
    for title, only, shown in (
        ("all sites", None, arms), ("lungs, heart and spine as wholes", LUNGS, arms),
        ("all sites, given that the attribute is coded in the report", None, given),
    ):  # fmt: skip
        print(f"\n## {title}")
        base = None
        for name, ours in shown.items():
            each = counts(gold, ours, only)
            p, r, f = scores(each.sum(axis=0))
            boot = scores(weights @ each)
            low, high = np.percentile(boot, (2.5, 97.5), axis=0)
            line = (f"{name:24s} P {p:.3f} [{low[0]:.3f}, {high[0]:.3f}]  R {r:.3f} [{low[1]:.3f}, {high[1]:.3f}]  "
                    f"F1 {f:.3f} [{low[2]:.3f}, {high[2]:.3f}]")  # fmt: skip
            if base is None:
                base = boot
            else:
                gap = np.percentile(base[:, 2] - boot[:, 2], (2.5, 97.5))
                line += f"  whole is better by {np.mean(base[:, 2] - boot[:, 2]):+.3f} [{gap[0]:+.3f}, {gap[1]:+.3f}]"
            print(line)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="folder that holds openi/gold_findings.csv")
    options.add_argument("--half", choices=("dev", "test", "all"), default="test")
    chosen = options.parse_args()
    if not (chosen.data / "openi" / "gold_findings.csv").exists():
        raise SystemExit(f"{chosen.data} holds no openi/gold_findings.csv: give the folder with --data")
    rows = load(chosen.data, chosen.half)
    parsed = [parse({"findings": row["findings"], "impression": row["impression"]}) for row in rows]
    gold = [coded(row) for row in rows]
    began = time.process_time()
    whole = [scene(each) for each in parsed]
    rate = len(parsed) / (time.process_time() - began)
    arms = {name: [stated(scene(each, **how)) for each in parsed] for name, how in ARMS.items()}
    arms["hedged left out"] = [stated(certain(each)) for each in whole]
    arms["not placed from elsewhere"] = [stated(elsewhere_off(each)) for each in whole]
    print(f"half: {chosen.half}; {len(rows)} reports; {sum(len(pairs) for pairs, _ in gold)} gold pairs; "
          f"{rate:,.0f} scenes per processor second beyond parsing, met for the first time")  # fmt: skip
    report(gold, arms, np.asarray([row["text_hash"] for row in rows]))


if __name__ == "__main__":
    main()
