"""Write docs/vocabulary.md from the tables; a test holds the page to them. Run: python scripts/vocabulary_page.py."""

from __future__ import annotations

from pathlib import Path

from hilum.core.vocabulary import concepts, label_set, label_sets, mapping, to_concept

PAGE = Path(__file__).resolve().parents[1] / "docs" / "vocabulary.md"
HUBS = ("chexpert-14", "nih-14")
INTRO = """# The vocabulary

Made from the tables in `src/hilum/core/tables` by `scripts/vocabulary_page.py`; do not edit by hand.

```python
from hilum.core import vocabulary

vocabulary.concept("Effusion").name  # 'pleural effusion'
vocabulary.to_concept("nih-14", "Pleural_Thickening").name  # 'pleural thickening'
vocabulary.label_set("chexpert-14").state(-1)  # 'uncertain'
[row for row in vocabulary.mapping("nih-14", "chexpert-14") if row.relation == "broader"]
```

A *concept* is what findings and sites are stored under. A *label set* is the list of names one data set uses, with
the meaning of its cells: where a cell states nothing (not mentioned), no Finding is made. A *mapping* row says how the
target label stands to the source label, as in SKOS: *broader* means that the target is the broader term. Every row
cites where it comes from; most are Hilum's own judgement and say so.

Codes are those of pydicom's concept dictionary, held to it by test; where it has none, the code stays empty (for
example for consolidation, atelectasis and pneumonia). A code may be broader than the concept where the dictionary's
chest context groups use it so (SCT 27925004 *Nodule* for a lung nodule).

A site's name begins with its side; `laterality(site)` reads it. Its parents are the whole it is part of.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _concept_tables() -> list[str]:
    out = ["## Concepts"]
    for kind in ("finding", "diagnosis", "device", "quality", "site"):
        rows = [item for item in concepts() if item.kind == kind]
        out += [
            "",
            f"### {kind} ({len(rows)})",
            "",
            "| name | kind or part of | also called | code |",
            "| --- | --- | --- | --- |",
        ]
        for item in rows:
            code = f"{item.code.scheme} {item.code.value} {item.code.meaning}" if item.code else ""
            cells = (item.name, ", ".join(item.parents), ", ".join(item.synonyms), code)
            out.append("| " + " | ".join(map(_cell, cells)) + " |")
    return out


def _label_tables() -> list[str]:
    out = ["", "## Label sets"]
    for item in label_sets():
        cells = "; ".join(
            f"{value or 'blank'} = {state or 'no statement'} ({words})" for value, state, words in item.convention
        )
        out += ["", f"### {item.name} ({len(item.labels)} labels)", ""]
        out += [f"- Cite: {item.citation}", f"- Terms: {item.terms}", f"- Cells: {cells}", f"- Note: {item.notes}", ""]
        pairs = [(label, to_concept(item.name, label).name) for label in item.labels]
        told = [label if label.casefold() == name else f"{label} → {name}" for label, name in pairs]
        out.append("; ".join(told) + ".")
    return out


def _mapping_tables() -> list[str]:
    out = [
        "",
        "## Mappings to the two commonest sets",
        "",
        "Any pair of sets can be asked for; these are the ones most used.",
    ]
    for target in HUBS:
        for source in (item.name for item in label_sets()):
            rows = mapping(source, target)
            if source == target or not rows or label_set(source).family == label_set(target).family:
                continue
            out += [
                "",
                f"### {source} to {target}",
                "",
                "| source | target is | target | says |",
                "| --- | --- | --- | --- |",
            ]
            out += [
                f"| {row.source_label} | {row.relation} | {row.target_label} | {_cell(row.source)} |" for row in rows
            ]
    return out


def page() -> str:
    """Return the text of the page."""
    return "\n".join([INTRO, *_concept_tables(), *_label_tables(), *_mapping_tables(), ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
