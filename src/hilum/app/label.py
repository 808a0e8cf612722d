"""Label report files: any mix of CSV, JSONL, Parquet and text in, one JSON row per report out."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

from hilum.app.report_rows import Row, rows_of
from hilum.core.errors import HilumError, InputError
from hilum.core.vocabulary import label_set as known_set
from hilum.text.labels import Aggregate, Labels, Likely, Uncertain, label
from hilum.text.language import language_of
from hilum.text.parse import Fact

CELLS = {"present": 1, "absent": 0, "uncertain": -1}
"""How the states are written in a row; a label that is not mentioned is not in the row."""
OnRow = Callable[[dict[str, Any]], None]


@dataclass
class Outcome:
    """What became of a run: rows labelled, failed, skipped because they were there, and notes for people."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """How reports are read: see `hilum.text.labels.label`; `language` 'auto' decides for each report."""

    label_set: str = "chexpert-14"
    uncertain: Uncertain = "keep"
    likely: Likely = "present"
    aggregate: Aggregate = "strongest"
    language: str = "auto"
    explain: bool = False

    def label(self, text: str | Mapping[str, str]) -> Labels:
        """Label one report; raises InputError if it is too long or of no known language."""
        language = self.language
        if language == "auto":
            language = language_of(text if isinstance(text, str) else " ".join(text.values()))
            if not language:
                raise InputError(
                    "this does not read like a report in a language there is a pack for (English, Spanish)"
                )
        return label(
            text, self.label_set, uncertain=self.uncertain, likely=self.likely, aggregate=self.aggregate,
            language=language,
        )  # fmt: skip


class _Ids:
    """Ids met so far as 64-bit hashes in one open table: 12 to 24 bytes an id, however long the ids are."""

    def __init__(self) -> None:
        self._table, self._count = array("Q", bytes(8 * 1024)), 0

    def add(self, name: str) -> bool:
        """Remember a name; return whether it is new."""
        key = self._key(name)
        at = self._place(key)
        if self._table[at] == key:
            return False
        self._table[at] = key
        self._count += 1
        if 3 * self._count >= 2 * len(self._table):
            old, self._table = self._table, array("Q", bytes(16 * len(self._table)))
            for kept in old:
                if kept:
                    self._table[self._place(kept)] = kept
        return True

    def __contains__(self, name: str) -> bool:
        key = self._key(name)
        return self._table[self._place(key)] == key

    @staticmethod
    def _key(name: str) -> int:
        return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1

    def _place(self, key: int) -> int:
        at = key % len(self._table)
        while self._table[at] not in (0, key):
            at = (at + 1) % len(self._table)
        return at


def label_files(
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    reading: Reading | None = None,
    columns: Mapping[str, str] | None = None,
    resume: bool = False,
    on_row: OnRow | None = None,
) -> Outcome:
    """Label every report of the inputs and write one JSON row per report to `out`.

    A row that cannot be labelled is written with its reason under 'error'; the rest completes. While the run goes
    on, the rows are in `out` + '.part', to which `resume` appends.

    Args:
        inputs: .csv, .tsv, .jsonl, .parquet or .txt files, or folders of them.
        out: the JSONL file to write.
        reading: label set and how to read uncertain findings.
        columns: names of the columns to read, e.g. {'report': 'Report Text', 'id': 'Study'}.
        resume: skip the ids that are in `out` already.
        on_row: called with each row after it is written.

    Returns:
        Counts, and notes such as the encoding that a file was read with.

    Raises:
        InputError: if there is no input, or a choice is unknown, or `out` was made with another label set.
    """
    paths = [Path(each) for each in inputs]
    if not paths:
        raise InputError("no input was given: name a CSV, JSONL, Parquet or text file, or a folder of them")
    reading = reading or Reading()
    known_set(reading.label_set)
    reading.label("")  # refuse wrong choices at once
    target = Path(out)
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    there = _take_up(target, part, reading) if resume else _Ids()
    met, outcome = _Ids(), Outcome()
    with part.open("a" if resume else "w", encoding="utf-8", newline="\n") as file:
        for row in chain.from_iterable(rows_of(path, columns, outcome.notes) for path in paths):
            if row.id in there:
                outcome.skipped += 1
                continue
            made = label_row(row, reading, repeated=not met.add(row.id))
            file.write(json.dumps(made, ensure_ascii=False) + "\n")
            outcome.failed += "error" in made
            outcome.done += "error" not in made
            if on_row:
                on_row(made)
    part.replace(target)
    return outcome


def _take_up(target: Path, part: Path, reading: Reading) -> _Ids:
    """Ids of the rows that an earlier run wrote; a last line that was cut off is dropped."""
    there = _Ids()
    if target.exists() and not part.exists():
        target.replace(part)
    if not part.exists():
        return there
    good = 0
    with part.open("rb") as file:
        for line in file:
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except json.JSONDecodeError:
                row = None
            if not isinstance(row, dict) or "id" not in row:
                break
            if row.get("label_set", reading.label_set) != reading.label_set:
                raise InputError(
                    f"{target} was made with label set '{row['label_set']}', this run asks for "
                    f"'{reading.label_set}': choose another file to write to"
                )
            there.add(str(row["id"]))
            good += len(line)
    with part.open("r+b") as file:
        file.truncate(good)
    return there


def label_row(row: Row, reading: Reading, *, repeated: bool = False) -> dict[str, Any]:
    """Return the JSON row of one report: id, labels and findings with spans and rules, or id and error."""
    error = row.error or ("this id was met before: give each report its own" if repeated else "")
    if not error:
        try:
            return as_row(row.id, reading.label(row.text), explain_too=reading.explain)
        except HilumError as failed:
            error = str(failed)
    return {"id": row.id, "label_set": reading.label_set, "error": error}


def as_row(name: str, labels: Labels, *, explain_too: bool = False) -> dict[str, Any]:
    """Return labels and findings as JSON values; offsets count characters of 'text' where it had to be joined."""
    parsed = labels.parsed
    made: dict[str, Any] = {
        "id": name,
        "label_set": labels.label_set,
        "language": parsed.language,
        "labels": {key: CELLS[state] for key, state in labels.states.items()},
        "evidence": {key: list(numbers) for key, numbers in labels.evidence.items()},
        "findings": [fact_row(fact, parsed.text) for fact in parsed.facts],
    }
    if explain_too:
        made["explain"] = explain(labels)
    return made


def fact_row(fact: Fact, text: str) -> dict[str, Any]:
    """Return one fact as JSON values; what it does not state is left out."""
    made: dict[str, Any] = {
        "concept": fact.concept,
        "state": fact.state,
        "certainty": fact.certainty,
        "section": fact.section,
        "span": [fact.start, fact.end],
        "text": text[fact.start : fact.end],
        "sentence": list(fact.sentence),
        "rule": fact.rule,
    }
    if fact.cues:
        made["cues"] = [[cue.start, cue.end, cue.rule] for cue in fact.cues]
    if fact.attributes:
        made["attributes"] = {slot: list(values) for slot, values in fact.attributes.items()}
    if fact.sizes:
        made["sizes"] = [list(size) for size in fact.sizes]
    if fact.because_of >= 0:
        made["because_of"] = fact.because_of
    if fact.history:
        made["history"] = True
    return made


def explain(labels: Labels) -> list[str]:
    """Return lines for people: each sentence with its spans marked, then each finding with the rules that fired."""
    lines: list[str] = []
    reasons: dict[int, list[str]] = {}
    for name, numbers in labels.evidence.items():
        for number in numbers:
            reasons.setdefault(number, []).append(f"{name} = {labels.states.get(name, 'left out')}")
    for start, end, section in labels.parsed.sentences:
        facts = [(n, fact) for n, fact in enumerate(labels.findings) if fact.sentence == (start, end)]
        if not facts:
            continue
        lines.append(f"[{section}] {_marked(labels.parsed.text, start, end, [fact for _, fact in facts])}")
        for number, fact in facts:
            said = "; ".join(f"{slot} {', '.join(values)}" for slot, values in fact.attributes.items())
            cues = "".join(f" · because of '{labels.parsed.text[c.start : c.end]}' ({c.rule})" for c in fact.cues)
            labelled = f" → {'; '.join(reasons[number])}" if number in reasons else ""
            about = f" [{said}]" if said else ""
            lines.append(f"    {fact.concept}: {fact.state}, {fact.certainty}{about}{labelled} · by {fact.rule}{cues}")
    return lines


def _marked(text: str, start: int, end: int, facts: list[Fact]) -> str:
    """The sentence with «findings» and ‹cues› marked."""
    opening: dict[int, str] = {}
    closing: dict[int, str] = {}
    spans = {(fact.start, fact.end, "«", "»") for fact in facts}
    spans |= {(cue.start, cue.end, "‹", "›") for fact in facts for cue in fact.cues}
    for first, last, left, right in sorted(spans):
        opening[first] = opening.get(first, "") + left
        closing[last] = right + closing.get(last, "")
    parts = [f"{closing.get(at, '')}{opening.get(at, '')}{text[at]}" for at in range(start, end)]
    return "".join(parts) + closing.get(end, "")
