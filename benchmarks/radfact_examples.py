"""Print how the rule judge of RadFact agrees with RadFact's own worked examples, in words and in boxes.

Run: python benchmarks/radfact_examples.py [--data ../shared/data/text] [--examples FILE] [--wrong]

The folder holds three files of github.com/microsoft/RadFact (MIT): radfact_nli_fewshot.json (phrases with the status
they were given; the rules were tuned on these), radfact_grounded_examples.json (20 made pairs of grounded reports, no
status given: figures only) and radfact_report_to_phrases.json (reports with the phrases they were cut into). FILE is
examples/test_examples.json of that repository: 34 more pairs with statuses, on which nothing was tuned.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from hilum.measure.entailment import RuleJudge
from hilum.measure.metrics.radfact import radfact_grounded
from hilum.measure.pairs import Pairs
from hilum.measure.spatial import Grounded, checked
from hilum.text.parse import parse
from hilum.text.statements import phrases

FEWSHOT, GROUNDED, PHRASES = (
    "radfact_nli_fewshot.json", "radfact_grounded_examples.json", "radfact_report_to_phrases.json"
)  # fmt: skip


def loaded(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / name).read_text(encoding="utf-8"))
    return found


def fewshot(heading: str, examples: list[dict[str, Any]], wrong: bool) -> None:
    judge, table, evidence = RuleJudge(), Counter[tuple[str, str]](), Counter[str]()
    lines = []
    for example in examples:
        sides = example["input"]["phrases_A"], example["input"]["phrases_B"]
        told = example["output"]["phrases_A_evidenced"], example["output"]["phrases_B_evidenced"]
        for own, other, gold in ((0, 1, told[0]), (1, 0, told[1])):
            found = judge(sides[own], sides[other])
            by_phrase = {each["phrase"]: each for each in gold}
            for verdict in found:
                want = by_phrase[verdict.phrase]
                table[want["status"], verdict.status] += 1
                if want["status"] == "entailment" and verdict.status == "entailed":
                    quoted = {sides[other][number] for number in verdict.evidence}
                    evidence["same" if quoted == set(want["evidence"]) else "part" if quoted & set(want["evidence"])
                             else "other"] += 1  # fmt: skip
                if (want["status"] == "entailment") != (verdict.status == "entailed"):
                    lines.append(f"  {want['status']} / {verdict.status}: {verdict.phrase} ({verdict.reason})\n"
                                 f"      given {want['evidence']}; other report: {sides[other]}")  # fmt: skip
    total = sum(table.values())
    right = sum(n for (want, got), n in table.items() if (want == "entailment") == (got == "entailed"))
    print(f"## {heading}: {right} of {total} phrases = {right / total:.3f} agree")
    print(f"{'given':16}" + "".join(f"{name:>16}" for name in ("entailed", "not entailed", "not judged")))
    for want in ("entailment", "neutral", "contradiction"):
        row = (table[want, got] for got in ("entailed", "not entailed", "not judged"))
        print(f"{want:16}" + "".join(f"{n:16}" for n in row))
    entailed = {side: sum(n for pair, n in table.items() if pair[side] == word)
                for side, word in enumerate(("entailment", "entailed"))}  # fmt: skip
    both = table["entailment", "entailed"]
    print(f"'entailed': precision {both / entailed[1]:.3f}, recall {both / entailed[0]:.3f}; "
          f"always 'not entailed' would agree on {1 - entailed[0] / total:.3f}")  # fmt: skip
    print("evidence of the phrases that both call entailed:", dict(evidence))
    if wrong:
        print("\n".join(lines))


def report_of(told: list[dict[str, Any]]) -> list[Grounded]:
    names = ("x_min", "y_min", "x_max", "y_max")
    return [Grounded(each["text"], checked([[box[n] for n in names] for box in each["boxes"] or ()])) for each in told]


def grounded(folder: Path) -> None:
    examples = loaded(folder, GROUNDED)
    pairs = Pairs(tuple(report_of(e["target"]) for e in examples), tuple(report_of(e["prediction"]) for e in examples))
    itself = Pairs(pairs.references, pairs.references)
    count = sum(len(side) for pair in zip(pairs.references, pairs.answers, strict=True) for side in pair if side)
    print(
        f"\n## Grounded examples (not tuned on; no status is given with them): {len(examples)} pairs, {count} phrases"
    )
    print(f"{'':24}{'predictions':>12}{'themselves':>12}")
    scored, same = radfact_grounded(pairs), radfact_grounded(itself)
    for name, each in scored.items():
        print(f"{name:24}{each.value:12.3f}{same[name].value:12.3f}")
    judge = RuleJudge()
    verdicts = [v for r, a in zip(pairs.references, pairs.answers, strict=True)
                for one, other in ((r, a), (a, r))
                for v in judge([g.text for g in one or ()], [g.text for g in other or ()])]  # fmt: skip
    print("verdicts:", dict(Counter(v.status for v in verdicts)))


def cut(folder: Path) -> None:
    same = ours = theirs = 0
    for example in loaded(folder, PHRASES):
        made = Counter(_bare(each) for each in phrases(parse(example["findings_text"])))
        gold = Counter(_bare(new) for s in example["parsed_report"]["sentence_list"] for new in s["new"])
        same, ours, theirs = same + (made & gold).total(), ours + made.total(), theirs + gold.total()
    print(f"\n## Reports cut into phrases: {ours} ours, {theirs} given, {same} the same words")


def _bare(text: str) -> str:
    return " ".join(text.lower().rstrip(".").split())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "text")
    options.add_argument("--examples", type=Path, help="examples/test_examples.json of github.com/microsoft/RadFact")
    options.add_argument("--wrong", action="store_true", help="print the phrases on which the judge disagrees")
    given = options.parse_args()
    fewshot("Few-shot examples (the rules were tuned on them)", loaded(given.data, FEWSHOT), given.wrong)
    if given.examples:
        others = json.loads(given.examples.read_text(encoding="utf-8"))
        print()
        fewshot("Other examples (nothing was tuned on them)", others, given.wrong)
    grounded(given.data)
    cut(given.data)


if __name__ == "__main__":
    main()
