"""Print what the judged, temporal and consistency metrics give on Open-i: floors, how many pairs they score, seconds.

Run: python benchmarks/judged_metrics.py [--data ../shared/data] [--count 3000]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

from hilum.core.report import Report
from hilum.data.openi import reports
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs, parsed

NAMES = (
    "radfact/hilum/precision", "radfact/hilum/recall", "radfact/hilum/f1", "lunguage-score/hilum",
    "temporal-f1/libra", "temporal-f1/findings", "hallucinated-prior-rate", "false-comparison-rate", "echo-rate",
    "consistency/con", "consistency/r-con", "consistency/con/jaccard", "consistency/r-con/jaccard",
    "unparsed-sentences", "length-ratio", "length-agreement",
)  # fmt: skip
NORMAL = "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax."


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    options.add_argument("--count", type=int, default=3_000)
    given = options.parse_args()
    told = [each.report for each in reports(given.data) if each.report.findings.strip()][: given.count]
    draw = random.Random(0)
    others = draw.sample(told, len(told))
    arms = {
        "themselves": told, "another's": others,
        "others' findings": [Report(findings=each.findings) for each in others], "always normal": [NORMAL] * len(told),
    }  # fmt: skip
    pairs = {arm: ReportPairs(tuple(told), tuple(answers)) for arm, answers in arms.items()}
    for each in pairs.values():
        parsed(each)
    print(
        f"{len(told)} Open-i reports by section; scored: pairs with a value (another's report); seconds: after parsing"
    )
    print(f"{'':28}" + "".join(f"{arm:>18}" for arm in arms) + f"{'scored':>9}{'seconds':>9}")
    for name in NAMES:
        values, began = [], time.perf_counter()
        for arm, each in pairs.items():
            scored = metric(name)(each)
            values.append(f"{scored.value:18.3f}")
            if arm == "another's":
                count = len(told) - len(scored.unscored)
        print(f"{name:28}{''.join(values)}{count:9}{(time.perf_counter() - began) / len(arms):9.2f}")


if __name__ == "__main__":
    main()
