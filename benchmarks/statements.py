"""Score structure, minimal sentences and phrases on real reports, and time them: figures of docs/timeline.md.

Run: python benchmarks/statements.py --data ../shared/data
Reports: the dev half of Open-i (text hash even), where the lexicon was written; RadFact's worked examples (MIT).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from hilum.text.graph import graph
from hilum.text.lunguage import Record, dumps, loads
from hilum.text.minimal import minimal_sentence
from hilum.text.parse import Fact, Parsed, parse, sentence_facts
from hilum.text.places import places
from hilum.text.statements import entity_sequence, minimal_sentences, phrases
from hilum.text.structure import structure
from hilum.text.timeline import Visit, timeline

Told = frozenset[tuple[str, str]]


def told(text: str) -> Told:
    return frozenset((fact.concept, fact.state) for fact in parse(text).facts)


def dev_reports(data: Path) -> list[dict[str, str]]:
    with (data / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gold_status"] == "ok"]
    return [row for row in rows if int(row["text_hash"], 16) % 2 == 0]


def radfact(data: Path) -> None:
    examples = json.loads((data / "text" / "radfact_report_to_phrases.json").read_text(encoding="utf-8"))
    theirs_all = ours_all = found = matched = bare = kept = whole = 0
    for example in examples:
        made = phrases(parse({"findings": example["findings_text"]}))
        ours = [told(each) for each in made]
        pairs = [(s["orig"], each) for s in example["parsed_report"]["sentence_list"] for each in s["new"] if each]
        theirs = [told(each) for _, each in pairs]
        theirs_all += sum(bool(each) for each in theirs)
        found += sum(bool(each) and each in ours for each in theirs)
        whole += sum(
            bool(b) and b in {told(s["orig"]) for s in example["parsed_report"]["sentence_list"]} for b in theirs
        )
        ours_all += sum(bool(each) for each in ours)
        matched += sum(bool(each) and each in theirs for each in ours)
        bare += sum(not each for each in theirs)
        kept += sum(not concepts and text in made for (_, text), concepts in zip(pairs, theirs, strict=True))
    print(
        f"RadFact report to phrases, {len(examples)} reports: {found} of {theirs_all} reference phrases have one of "
        f"ours with the same concepts and states ({found / theirs_all:.3f}); sentences uncut {whole / theirs_all:.3f}"
    )
    print(f"  of ours {matched} of {ours_all} ({matched / ours_all:.3f}); phrases without a concept kept word for word "
          f"{kept} of {bare}")  # fmt: skip
    lists = json.loads((data / "text" / "radfact_grounded_examples.json").read_text(encoding="utf-8"))
    given = [[each["text"] for each in one[key]] for one in lists for key in ("target", "prediction")]
    same = total = 0
    for phrases_given in given:
        ours = [told(each) for each in phrases(parse({"findings": " ".join(phrases_given)}))]
        wanted = [concepts for concepts in map(told, phrases_given) if concepts]
        same, total = same + sum(each in ours for each in wanted), total + len(wanted)
    print(f"RadFact grounded lists, joined to a paragraph and cut again: {same} of {total} ({same / total:.3f})")


def siblings(parsed: Parsed, fact: Fact) -> list[Fact]:
    same = [other for other in parsed.facts if other.sentence == fact.sentence and other is not fact]
    return same + ([parsed.facts[fact.because_of]] if fact.because_of >= 0 else [])


def minimal(parsed: list[Parsed]) -> None:
    total = proved = told_without_place = 0
    for report in parsed:
        for fact in report.facts:
            if fact.history or fact.form == "explained":
                continue
            for place in places(fact, report.text, siblings(report, fact)):
                sentence = minimal_sentence(fact.concept, fact.state, place.side, place.zone)
                total += 1
                back = sentence_facts(sentence) if sentence else ()
                where = len(back) == 1 and (place.side in ("", *back[0].sides)) and (place.zone in ("", *back[0].zones))
                proved += where
                told_without_place += bool(back) and not where
    print(f"minimal sentences, Open-i dev: {proved} of {total} facts at a place come back ({proved / total:.4f}), "
          f"{told_without_place} without their place, {total - proved - told_without_place} not at all")  # fmt: skip


def kept(parsed: list[Parsed]) -> None:
    total = said = sided = sides = several = made_all = 0
    for report in parsed:
        made = phrases(report)
        back = [[(f.concept, f.state, frozenset(f.sides)) for f in parse(each).facts] for each in made]
        every = {each for one in back for each in one}
        made_all, several = made_all + len(made), several + sum(len({name for name, _, _ in one}) > 1 for one in back)
        for fact in report.facts:
            guess = fact.because_of >= 0 and fact.state == "uncertain"
            if fact.history or guess or fact.concept == "suboptimal study":
                continue
            total += 1
            said += any((name, state) == (fact.concept, fact.state) for name, state, _ in every)
            sides += bool(fact.sides)
            sided += bool(fact.sides) and (fact.concept, fact.state, frozenset(fact.sides)) in every
    print(
        f"phrases, Open-i dev: {said} of {total} facts are in a phrase with their state ({said / total:.4f}), "
        f"{sided} of {sides} with their side ({sided / sides:.4f}); {several} of {made_all} phrases name two findings"
    )


def consistency(parsed: list[Parsed]) -> None:
    rows = missing = split = 0
    for number, report in enumerate(parsed):
        made = structure(report)
        rows += len(made)
        spans = [(row.start, row.end) for row in made]
        tips = [f for f in report.facts if (f.start, f.end) not in spans]
        missing += sum(not report.text[fact.start :].lower().startswith("tip") for fact in tips)
        records = tuple(Record("p", str(number), row) for row in made)
        assert loads(dumps(records)) == records
        groups = {row.group for row in timeline([Visit("a", DAY, report)]).rows}
        split += len(groups)
    print(f"structure, Open-i dev: {len(parsed)} reports, {rows} rows, {missing} facts without a row; CSV reads back "
          f"as it was for all; {split} entity groups ({split / len(parsed):.2f} a report)")  # fmt: skip


def speed(name: str, work: Callable[[Parsed], object], reports: list[Parsed]) -> None:
    start = time.process_time()
    for each in reports:
        work(each)
    first = time.process_time() - start
    start = time.process_time()
    for each in reports:
        work(each)
    again = time.process_time() - start
    print(f"  {name:34s} {len(reports) / first:9,.0f}  {len(reports) / again:9,.0f}")


def resident() -> float:
    """MB of memory in use now, NaN where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError):
        return float("nan")


def everything(parsed: Parsed) -> None:
    structure(parsed), minimal_sentences(parsed), phrases(parsed)


DAY = date(2020, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--repeat", type=int, default=20, help="passes over the reports for the memory figure")
    given = parser.parse_args()
    rows = dev_reports(given.data)
    texts = [{"findings": row["findings"], "impression": row["impression"]} for row in rows]
    parsed = [parse(each) for each in texts]
    print("reports per processor second beyond parsing        first     again")
    speed("structure + minimal + phrases", everything, parsed)
    speed("structure", structure, parsed)
    speed("minimal sentences", minimal_sentences, parsed)
    speed("phrases", phrases, parsed)
    graphs = [graph(each) for each in parsed]
    speed("entity sequence, graph given", lambda at: entity_sequence(graphs[at]), list(range(len(graphs))))  # type: ignore[arg-type]
    before = resident()
    for _ in range(given.repeat):
        for each in parsed:
            everything(each)
    print(f"  memory: {before:.0f} MB, after {given.repeat * len(parsed):,} more reports {resident():.0f} MB")
    radfact(given.data)
    minimal(parsed)
    kept(parsed)
    consistency(parsed)


if __name__ == "__main__":
    sys.exit(main())
