"""Audit every report metric and write docs/metric-audit.md and the table that ships: `python scripts/audit_page.py`.

With `--data ROOT` the Open-i development reports are audited too; only scores leave them, never their text.
`--check` tells whether the page is what the table says and every registered metric of reports has a row.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

from hilum import __version__
from hilum.measure.audit import ALL, HARMLESS, ONE, audit
from hilum.measure.audited import MARKS, Audit, AuditRow, audit_from
from hilum.measure.invented import invented_reports
from hilum.measure.metric import metrics, score_all
from hilum.measure.pairs import Pairs
from hilum.measure.perturb import Edited, edit, kinds
from hilum.text.labels import label_parsed
from hilum.text.parse import parse

ROOT = Path(__file__).resolve().parents[1]
PAGE, TABLE = ROOT / "docs" / "metric-audit.md", ROOT / "src" / "hilum" / "measure" / "tables" / "audit.json"
COUNT = 250  # reports of each audit
EARLIER_METRICS = ("bleu-4", "rouge-l", "label-f1/hilum/micro-14", "finding-f1")
REVERSED, LABELLED = "sentences reversed", "labelled positives dropped"
EARLIER = {  # on 631 Open-i findings sections, before these metrics were written; the last is F1 of (finding, side)
    "drop-negation": (0.891, 0.972, 0.198, 0.242),
    "flip-side": (0.965, 0.988, 1.0, 0.639),
    "swap-severity": (0.976, 0.991, 1.0, 1.0),
    "flip-change": (0.988, 0.995, 1.0, 1.0),
    LABELLED: (0.905, 0.950, 0.0, 0.0),
    REVERSED: (0.898, 0.438, 1.0, 1.0),
}
HEAD = """# What report metrics cannot see

Made by `python scripts/audit_page.py --data ROOT`; the same audit runs on your own references with
`hilum score --audit`, or `hilum.measure.audit.audit(names, reports)`.

Every metric scores reports that were edited in known ways: {harmful} kinds of edits that change what a report says,
{harmless} that change only how it says it. Edits are made at the characters that the parser found, and each is proved
by parsing the result: its facts differ as meant and in nothing else. An edit of one finding is made wherever the report
states that finding. Reports that an edit cannot be proved on take no part in it.

Two cautions. The proof is our parser's: a word it does not know may be lost in a paraphrase. And metrics of ours read
reports with the same parser, so that they see an edit or ignore a rewording by construction; that is a test of their
arithmetic, not evidence that they read reports well ([RadPref](metrics-radpref.md) is nearer to that).

## How to read it
0 is the report itself, 100 another patient's report; a cell is what the edit costs, in % of that way.
- `b` **blind**: the 95 % interval (bootstrap over reports) ends below {one:.0f} % for an edit of one finding,
  {all:.0f} % for one that takes all disease away. No mark: it **sees** the edit. `?`: the interval lies across.
- `d` **drowned**: it costs enough, but less than the paraphrase does: a candidate with that error ranks above one
  that says the same in other words.
- `r` **rewards** a harmful edit: the score gets better.
- `!` **punishes** a harmless edit: it costs over {harmless_share:.0f} %, or at least {one:.0f} % and more than
  dropping every positive finding. `~`: the score moves by more than {one:.0f} %. No mark: it ignores the edit, rightly.
- *More*: with 1, 2 and 4 harmful edits of different findings the score `falls`, is `flat`, or does `not always` fall.
- A metric by which another patient's report is no worse has its scale from the harmful edit that costs most (*scale*).
"""


def openi_findings(root: Path) -> list[tuple[str, str]]:
    """(id, findings section) of the development reports that have one."""
    from hilum.data.openi import reports

    found = ((each.id, each.report.findings, each.half) for each in reports(root / "openi"))
    return [(name, text) for name, text, half in found if half == "dev" and text]


def reversed_sentences(text: str) -> str:
    """The sentences from last to first: the blunt harmless edit."""
    return " ".join(text[start:end] for start, end, _ in reversed(parse(text).sentences))


def without_labelled(text: str) -> str:
    """The sentences by which no CheXpert label is positive: the blunt way to drop all disease."""
    kept = []
    for start, end, _ in parse(text).sentences:
        states = label_parsed(parse(text[start:end]), "chexpert-14").states
        if not any(state == "present" and label != "No Finding" for label, state in states.items()):
            kept.append(text[start:end])
    return " ".join(kept)


def earlier_table(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """The table of the earlier measurement, made anew: every place edited, untouched reports included."""
    known = {metric.name for metric in metrics("report")}
    names = [name for name in EARLIER_METRICS if name in known]
    blunt = {REVERSED: reversed_sentences, LABELLED: without_labelled}
    found: dict[str, dict[str, float]] = {}
    for kind in EARLIER:
        if kind in blunt:
            answers = [blunt[kind](text) for text in texts]
        else:
            edited = [edit(text, kind, every=True) for text in texts]
            answers = [one.text if isinstance(one, Edited) else text for one, text in zip(edited, texts, strict=True)]
        scored, _ = score_all(names, Pairs(tuple(texts), tuple(answers)))
        found[kind] = {name: round(one.value, 4) for name, one in scored.items()}
    return found


def run(names: Sequence[str], data: Path | None, count: int = COUNT) -> dict[str, object]:
    """Audit, and return the table that ships."""
    stored = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {"audits": {}, "earlier": {}}
    audits = dict(stored["audits"])
    began = time.perf_counter()

    def tell(name: str) -> None:
        print(f"{time.perf_counter() - began:6.1f} s  {name}")

    audits["invented"] = audit(names, invented_reports(count), on_done=tell).record()
    earlier = stored["earlier"]
    if data:
        found = openi_findings(data)
        once = {text: name for name, text in reversed(found)}  # no text twice
        texts = list(dict.fromkeys(text for _, text in found))[:count]
        audits["openi"] = audit(names, texts, ids=[once[text] for text in texts], on_done=tell).record()
        earlier = earlier_table([text for _, text in found][:631])
    return {
        "about": "What each report metric sees, by scripts/audit_page.py: relative losses with 95 % intervals. "
        "'invented' reports are composed by hilum.measure.invented; of Open-i only scores are kept.",
        "hilum": __version__, "audits": audits, "earlier": earlier,
    }  # fmt: skip


def written(table: dict[str, object]) -> str:
    """JSON with one metric to a line."""
    text = json.dumps(table, indent=1, ensure_ascii=False)
    rows = {json.dumps(row, indent=1): json.dumps(row) for one in table["audits"].values() for row in one["rows"]}  # type: ignore[attr-defined]
    for old, new in rows.items():
        indented = old.replace("\n", "\n" + " " * 4)
        text = text.replace(indented, new)
    return text + "\n"


def cell(row: AuditRow, name: str) -> str:
    """One cell: the loss in % with its mark."""
    marks = {**MARKS, "too few": "(few)"}
    effect = row.effects.get(name)
    if effect is None or not math.isfinite(effect.loss.value):
        return "–"
    mark = marks.get(effect.verdict, "")
    return f"{round(effect.loss.value * 100)}{f' {mark}' if mark else ''}"


def tables(found: Audit) -> list[str]:
    """Markdown tables of one audit: harmful and harmless edits."""
    parts = []
    for title, scopes in (("Harmful edits", ("one", "all")), ("Harmless edits", ("none",))):
        names = found.columns(*scopes)
        extra = ["more", "scale"] if "one" in scopes else []
        parts += [f"### {title}", "", "| metric | same | other | " + " | ".join([*names, *extra]) + " |"]
        parts.append("|---" * (3 + len(names) + len(extra)) + "|")
        for row in found.rows:
            if row.reason:
                continue
            told = [f"{row.identity:.3f}", f"{row.other:.3f}", *(cell(row, name) for name in names)]
            told += [row.monotone, "" if row.basis == "other-report" else row.basis or "none"] if extra else []
            parts.append("| " + " | ".join([f"`{row.metric}`", *told]) + " |")
        parts.append("")
    failed = [f"- `{row.metric}`: {row.reason}" for row in found.rows if row.reason]
    return [*parts, *(["Not audited here:", *failed, ""] if failed else [])]


def edits_table(audits: dict[str, Audit]) -> list[str]:
    """Markdown table of the edits: what each does, and on how many reports."""
    heads = ["edit", "changes", "what it does", *(f"{name}: made, nothing to edit, not proved" for name in audits)]
    parts = ["## The edits", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, kind in kinds().items():
        counts = [
            ", ".join(str(one.edits[name].get(key, 0)) for key in ("edited", "nothing to edit", "not proved"))
            for one in audits.values()
        ]
        scope = {"one": "one finding", "all": "all disease", "none": "nothing"}[kind.scope]
        parts.append("| " + " | ".join([name, scope, kind.about, *counts]) + " |")
    return [*parts, ""]


def earlier_page(found: dict[str, dict[str, float]]) -> list[str]:
    """Markdown of the earlier measurement beside this one."""
    if not found:
        return []
    names = list(next(iter(found.values())))
    parts = [
        "## An earlier measurement, made anew", "",
        "Before these metrics were written, blunt edits (words deleted and exchanged, sentences reversed) of 631",
        "Open-i findings sections were scored by other programs; untouched reports were included. Here the same is",
        "done on 631 development reports, in the first four rows with proved edits at every place.",
        "Each cell: here (there).",
        "`label-f1` counts 'No Finding' among its labels, so that normal reports keep a match when disease is dropped;",
        "`finding-f1` counts denials too, where the earlier F1 was of positive (finding, side) pairs.", "",
        "| edit | " + " | ".join(f"`{name}`" for name in names) + " |", "|---" * (len(names) + 1) + "|",
    ]  # fmt: skip
    for kind, values in found.items():
        cells = [f"{values[name]:.3f} ({EARLIER[kind][EARLIER_METRICS.index(name)]:.3f})" for name in names]
        parts.append("| " + " | ".join([kind, *cells]) + " |")
    if "rouge-l" in names:
        drop, reorder = (1 - found[kind]["rouge-l"] for kind in (LABELLED, REVERSED))
        parts += [
            "", f"ROUGE-L loses {drop:.3f} when the disease is dropped and {reorder:.3f} when sentences are reversed:",
            f"it punishes a harmless reorder {reorder / drop:.0f} times as much (eleven times there).",
        ]  # fmt: skip
    return [*parts, ""]


def page(table: dict[str, object]) -> str:
    """Return the page's text."""
    audits = {name: audit_from(record) for name, record in table["audits"].items()}  # type: ignore[attr-defined]
    harmful = sum(kind.harmful for kind in kinds().values())
    parts = [HEAD.format(
        harmful=harmful, harmless=len(kinds()) - harmful, one=ONE * 100, all=ALL * 100, harmless_share=HARMLESS * 100
    )]  # fmt: skip
    titles = {"invented": "Invented reports (no data needed)", "openi": "Open-i development reports"}
    for name, found in audits.items():
        parts += [
            f"## {titles[name]}",
            "",
            f"{found.reports} findings sections, seed {found.seed}.",
            "",
            *tables(found),
        ]
    parts += ["## In words", "", "On the invented reports, as `hilum list metrics` tells it:", ""]
    parts += [f"- `{row.metric}`: {row.summary}" for row in audits["invented"].rows]
    parts += ["", *edits_table(audits), *earlier_page(table["earlier"])]  # type: ignore[arg-type]
    return "\n".join(parts).rstrip() + "\n"


def stale() -> list[str]:
    """What is wrong with the page and the table; empty where nothing is."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    wrong = (
        [] if PAGE.read_text(encoding="utf-8") == page(table) else ["docs/metric-audit.md is not what the table says"]
    )
    rows = {row.metric: row for row in audit_from(table["audits"]["invented"]).rows}
    for metric in metrics("report"):
        if metric.name not in rows:
            wrong.append(f"'{metric.name}' has no row")
        elif rows[metric.name].version != metric.version:
            wrong.append(f"'{metric.name}' is now of version {metric.version}")
    return [*wrong, *(f"'{name}' is no metric" for name in rows.keys() - {each.name for each in metrics("report")})]


def main() -> None:
    """Audit and write, or with --check tell whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds openi/")
    parser.add_argument("--metrics", default="", help="names, by comma; all metrics of reports where left out")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        wrong = stale()
        raise SystemExit("; ".join(wrong) + ": run python scripts/audit_page.py" if wrong else 0)
    table = run([name for name in args.metrics.split(",") if name], args.data)
    TABLE.write_text(written(table), encoding="utf-8")
    PAGE.write_text(page(json.loads(TABLE.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"wrote {PAGE} and {TABLE}")


if __name__ == "__main__":
    main()
