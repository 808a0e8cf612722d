"""Print what the clinical report metrics give: divergence gallery, floors on Open-i, RadGraph's pairs, and speed.

Run: python benchmarks/clinical_metrics.py [--data ../shared/data] [--radgraph FOLDER]

--data holds the Open-i reports (openi/gold_findings.csv or their archive); --radgraph a folder with the two annotation
files of github.com/Stanford-AIMI/radgraph (tests/chexbert_test_set_radgraph_xl.json and ..._modern_radgraph_xl.json).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from pathlib import Path

import numpy as np

from hilum.data.openi import reports
from hilum.measure.graph_reward import CASES, radgraph_rewards
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs, graphs, parsed

NAMES = (
    "label-f1/hilum/micro-14", "label-f1/hilum/macro-14", "label-f1/hilum/micro-5", "label-f1/hilum/macro-5",
    "label-f1/hilum/example", "graph-f1/simple", "graph-f1/partial", "graph-f1/complete", "graph-f1/entity-relation",
    "finding-f1", "finding-f1/strict", "finding-f1/presence", "finding-f1/side", "finding-f1/severity",
    "finding-f1/change", "green/hilum", "entity-similarity",
)  # fmt: skip
GALLERY = {  # RadEval's divergence gallery (MIT)
    "paraphrase": ("Mild cardiomegaly.", "The cardiac silhouette is mildly enlarged."),
    "negation flip": ("No pleural effusion.", "Pleural effusion."),
    "omission": ("Mild cardiomegaly. Small bilateral pleural effusions.", "Mild cardiomegaly."),
    "hallucination": ("No acute findings.", "No acute findings. Small right pneumothorax."),
    "exact": ("No acute cardiopulmonary process.",) * 2,
    "mismatch": ("Left lower lobe consolidation consistent with pneumonia.", "Right upper lobe mass."),
    "severity flip": ("Mild pulmonary edema.", "Severe pulmonary edema."),
    "opposite": ("Stable bibasilar atelectasis without consolidation.", "New right lower lobe consolidation."),
}
NORMAL = "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax."


def gallery() -> None:
    print("## Divergence gallery\n" + " " * 28 + "".join(f"{name:>15}" for name in GALLERY))
    pairs = ReportPairs(tuple(r for r, _ in GALLERY.values()), tuple(a for _, a in GALLERY.values()))
    for name in NAMES:
        print(f"{name:28}" + "".join(f"{value:15.3f}" for value in metric(name)(pairs).values))


def turned(text: str, draw: random.Random) -> str:
    sentences = re.split(r"(?<=\.)\s+", text.strip())
    draw.shuffle(sentences)
    return " ".join(sentences)


def floors(texts: list[str]) -> None:
    draw = random.Random(0)
    others = draw.sample(texts, len(texts))
    answers = {
        "itself": texts, "sentences in another order": [turned(text, draw) for text in texts],
        "another report": others, "constant normal text": [NORMAL] * len(texts),
        "'No acute findings.'": ["No acute findings."] * len(texts),
    }  # fmt: skip
    print(f"\n## {len(texts)} distinct Open-i findings sections, answered by")
    columns = {name: ReportPairs(tuple(texts), tuple(given)) for name, given in answers.items()}
    print(" " * 28 + "".join(f"{name:>28}" for name in columns))
    for name in NAMES:
        print(f"{name:28}" + "".join(f"{metric(name)(pairs).value:28.3f}" for pairs in columns.values()))
    ignored = [metric("green/hilum")(pairs, denials="ignored").value for pairs in columns.values()]
    print(f"{'green, denials ignored':28}" + "".join(f"{value:28.3f}" for value in ignored))
    zero = [metric("label-f1/hilum/macro-14")(pairs, undefined="zero").value for pairs in columns.values()]
    print(f"{'macro-14, undefined as 0':28}" + "".join(f"{value:28.3f}" for value in zero))


def speed(texts: list[str], count: int = 3_000) -> None:
    draw = random.Random(1)
    pairs = ReportPairs(tuple(draw.choices(texts, k=count)), tuple(draw.choices(texts, k=count)))
    print(f"\n## CPU seconds for {count} pairs, in this order; what one has made the next one uses")
    total = 0.0
    for name, run in [("parse", parsed), ("graphs", graphs), *[(name, metric(name)) for name in NAMES]]:
        start = time.process_time()
        run(pairs)
        total += time.process_time() - start
        print(f"{name:28}{time.process_time() - start:6.2f}")
    print(f"{'all':28}{total:6.2f}")


def published(folder: Path) -> None:
    names = ("chexbert_test_set_modern_radgraph_xl.json", "chexbert_test_set_radgraph_xl.json")
    answers, references = (json.loads((folder / name).read_text(encoding="utf-8")) for name in names)
    found = {
        case: np.array([radgraph_rewards(a["0"], r["0"], case=case) for a, r in zip(answers, references, strict=True)])
        for case in CASES
    }
    print(f"\n## RadGraph's rewards on {len(answers)} published annotation pairs: simple, partial, complete")
    for case, rewards in found.items():
        print(f"{case:28}" + "".join(f"{value:11.7f}" for value in rewards.mean(axis=0)))
    first, second = found.values()
    print(f"pairs that the case changes: {int((first != second).any(axis=1).sum())}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--radgraph", type=Path)
    given = options.parse_args()
    gallery()
    if given.data:
        found = (each.report.findings for each in reports(given.data))
        texts = list(dict.fromkeys(text for text in found if text.strip()))
        speed(texts)
        floors(texts)
    if given.radgraph:
        published(given.radgraph)


if __name__ == "__main__":
    main()
