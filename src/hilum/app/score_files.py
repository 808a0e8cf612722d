"""Reference and candidate files joined by id: what is scored with what, and what is missing on either side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from hilum.app.report_files import Source, sources_of
from hilum.app.report_row import Row
from hilum.app.report_rows import Reader
from hilum.core.errors import HilumError, InputError
from hilum.core.record import from_json
from hilum.core.report import SECTIONS, Report
from hilum.core.study import Study
from hilum.measure.pairs import Pairs, Text
from hilum.text.lexicon import pack
from hilum.text.sections import sections

Section = Literal["auto", "findings", "impression", "all"]
_READ = ("findings", "impression")
_SHOWN = 5
_NOTHING = frozenset({"nan", "none", "null", "n/a", "na", "<na>"})  # how tables write that a cell holds nothing


@dataclass
class Side:
    """One file or folder of reports, or of Studies.

    Args:
        name: as it was given.
        texts: id -> report; '' where the row was there and empty.
        patients: id -> patient, '' where the file does not tell.
        studies: id -> Study, where the file holds Studies.
        failed: (id, reason) of rows that could not be read.
        numbered: no row has an id of its own.
        notes: what people should know about how it was read.
        blanks: rows whose text was a word such as 'nan'.
    """

    name: str
    texts: dict[str, Text] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    studies: dict[str, Study] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)
    numbered: bool = True
    notes: list[str] = field(default_factory=list)
    blanks: int = 0

    def put(self, name: str, text: Text, patient: str, study: Study | None = None) -> None:
        """Add one report.

        Raises:
            InputError: if the id is there already: it is not known which of the two is meant.
        """
        if name in self.texts:
            raise InputError(
                f"{self.name} holds the id '{name}' more than once: ids must be unique, remove or rename one"
            )
        self.texts[name], self.patients[name] = self._meant(text), patient
        if study is not None:
            self.studies[name] = study

    def _meant(self, text: Text) -> Text:
        """A text with headings by section; a cell that says 'nan' as empty."""
        if isinstance(text, str):
            if text.strip().lower() in _NOTHING:
                self.blanks += 1
                return ""
            return _divided(text)
        if isinstance(text, Mapping) and any(str(said).strip().lower() in _NOTHING for said in text.values()):
            self.blanks += 1
            return {name: "" if said.strip().lower() in _NOTHING else said for name, said in text.items()}
        return text


def _divided(text: str) -> Text:
    """A whole report by section where it has headings for findings or impression, else as it is."""
    found: dict[str, str] = {}
    for part in sections(text, pack("en")) if ":" in text or "\n" in text else ():
        found[part.name] = f"{found.get(part.name, '')} {text[part.start : part.end].strip()}".strip()
    if not set(found) & set(_READ):
        return text
    found["findings"] = " ".join(filter(None, (found.pop("body", ""), found.get("findings", ""))))
    return {name: said for name, said in found.items() if said and name in SECTIONS}


@dataclass(frozen=True)
class Joined:
    """What is scored.

    Args:
        reports: pairs of reports.
        studies: pairs of Studies, where both sides hold them.
        only_reference, only_candidate: ids that the other side lacks.
        failed: (side, id, reason) of rows that could not be read or scored.
        section: what part of the reports was taken.
        notes: what people should know.
    """

    reports: Pairs[Text] | None
    studies: Pairs[Study] | None
    only_reference: tuple[str, ...]
    only_candidate: tuple[str, ...]
    failed: tuple[tuple[str, str, str], ...]
    section: str
    notes: tuple[str, ...]


def read_side(path: Path, columns: Mapping[str, str] | None = None) -> Side:
    """Read one side: any file that `hilum label` reads, or JSONL of Studies.

    Args:
        path: file or folder.
        columns: role -> column name, e.g. {'report': 'Report Text', 'id': 'Study'}.

    Raises:
        InputError: if nothing can be read, or an id is there twice.
    """
    if not path.exists():
        raise InputError(f"there is no file or folder '{path}'")
    side = Side(path.name)
    for source in sources_of([path]):
        if _holds_studies(source):
            _read_studies(source, side)
        else:
            reader = Reader(columns or {}, side.notes)
            _read_rows(reader.rows(source), side)
    if side.blanks:
        side.notes.append(f"{side.blanks} rows of {side.name} say 'nan' or the like, and were read as empty")
    if not side.texts:
        why = f": {side.failed[0][1]}" if side.failed else ""
        raise InputError(f"no report could be read from '{path}'{why}")
    return side


def _read_rows(rows: Iterable[Row], side: Side) -> None:
    for row in rows:
        if row.error and not row.empty:
            side.failed.append((row.id, row.error))
            continue
        side.numbered &= row.numbered
        side.put(row.id, row.text, row.patient)


def _holds_studies(source: Source) -> bool:
    if source.kind not in (".jsonl", ".ndjson") or source.path is None or not source.path.is_file():
        return False
    with source.open() as raw, source.unpacked(raw) as file:
        head = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \r\n")
    line = head.partition(b"\n")[0]
    return line.startswith(b"{") and b'"type"' in line and (b'"Study"' in line)


def _read_studies(source: Source, side: Side) -> None:
    side.numbered = False
    with source.open() as raw, source.unpacked(raw) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                study = from_json(json.loads(line))
                if not isinstance(study, Study):
                    raise InputError(f"expected a Study, got a {type(study).__name__}")
            except (HilumError, ValueError, RecursionError) as error:
                side.failed.append((f"{source.name}:{number}", f"line {number} of {source.name}: {error}"))
                continue
            side.put(study.id, study.report or "", study.patient, study)


def join(
    reference: Path, candidate: Path, *, section: Section = "auto", columns: Mapping[str, str] | None = None,
    candidate_columns: Mapping[str, str] | None = None,
) -> Joined:  # fmt: skip
    """Join a candidate to its reference by id.

    Without ids on either side, rows are joined by their order where both have as many. The part of the reports that is
    scored is what both sides have: findings, impression or both, or the whole where one side has no sections.

    Args:
        reference, candidate: files or folders.
        section: 'auto', or one part, or 'all'.
        columns, candidate_columns: role -> column name; the candidate's are the reference's where not given.

    Raises:
        InputError: if a side cannot be read, an id is there twice, or nothing is common to both.
    """
    if section not in get_args(Section):
        raise InputError(f"section must be one of {', '.join(get_args(Section))}, got '{section}'")
    first = read_side(reference, columns)
    second = _candidate(candidate, columns if candidate_columns is None else candidate_columns)
    notes = [*first.notes, *(note for note in second.notes if note not in first.notes)]
    second = _in_order(first, second, notes) if first.numbered and second.numbered else second
    names = [name for name in first.texts if name in second.texts]
    if not names:
        raise InputError(
            f"{first.name} and {second.name} have no id in common ({_some(first.texts)} against "
            f"{_some(second.texts)}): ids are compared letter by letter, so look for zeros, '.0' or quotes that one "
            "side adds, or name the column of ids with --column id=NAME"
        )
    part, said = _part(first, second, section)
    notes += [said] if said else []
    failed = [("reference", *each) for each in first.failed] + [("candidate", *each) for each in second.failed]
    reports, studies = _reports(first, second, names, part, failed), _studies(first, second, names)
    if reports is None and studies is None:
        raise InputError(
            f"nothing can be scored: {failed[-1][2] if failed else 'no reference has text'} ({first.name})"
        )
    return Joined(
        reports, studies, tuple(name for name in first.texts if name not in second.texts),
        tuple(name for name in second.texts if name not in first.texts), tuple(failed), part, tuple(notes),
    )  # fmt: skip


def _candidate(path: Path, columns: Mapping[str, str] | None) -> Side:
    try:
        return read_side(path, columns)
    except InputError as error:
        hint = "; name it with --candidate-column report=NAME" if "has no column" in str(error) else ""
        raise InputError(f"{error}{hint}") from None


def _some(names: Iterable[str]) -> str:
    some = list(names)[:3]
    return ", ".join(f"'{name}'" for name in some)


def _in_order(first: Side, second: Side, notes: list[str]) -> Side:
    """The second side under the ids of the first: neither has ids of its own."""
    if len(first.texts) != len(second.texts) or first.failed or second.failed:
        raise InputError(
            f"neither {first.name} nor {second.name} has a column of ids, and they hold {len(first.texts)} and "
            f"{len(second.texts)} readable rows: without ids rows can only be joined by order; add ids"
        )
    notes.append("neither file has a column of ids: rows were joined by their order")
    moved = Side(second.name, notes=second.notes)
    for name, (old, text) in zip(first.texts, second.texts.items(), strict=True):
        moved.put(name, text, second.patients[old])
    return moved


def _sections(text: Text) -> Mapping[str, str] | None:
    """The sections of a report that has them, else None."""
    if isinstance(text, str):
        return None
    return {name: getattr(text, name) for name in SECTIONS} if isinstance(text, Report) else text


def _part(first: Side, second: Side, section: Section) -> tuple[str, str]:
    """The part that is scored: 'findings', 'impression', 'findings+impression' or 'whole', and a note about it.

    Raises:
        InputError: if a part was asked for that a side with sections does not have.
    """
    held = [_held(side) for side in (first, second)]
    if section in _READ:
        for side, has in zip((first, second), held, strict=True):
            if has and section not in has:
                raise InputError(f"{side.name} has no {section} section: it has {', '.join(sorted(has))}")
        whole = [side.name for side, has in zip((first, second), held, strict=True) if not has]
        return section, f"no sections in {' and '.join(whole)}: taken whole as {section}" if whole else ""
    if section == "all" or not all(held):
        return "whole", ""
    common = [name for name in _READ if all(name in has for has in held)]
    if not common:
        return "whole", f"{first.name} and {second.name} share no section: reports were taken whole"
    left = [name for name in _READ if name not in common and any(name in has for has in held)]
    return "+".join(common), f"only one file has {left[0]}: it was left out" if left else ""


def _held(side: Side) -> set[str]:
    """Sections that a side has: a column counts though its cells are empty, a Report's section if it has text."""
    found: set[str] = set()
    for text in side.texts.values():
        if isinstance(text, Report):
            found |= {name for name in _READ if getattr(text, name).strip()}
        elif not isinstance(text, str):
            found |= {name for name in _READ if name in text}
    return found


def _cut(text: Text, part: str) -> Text:
    """The part of a report that is scored, with what is not scored but tells of a prior or a question."""
    sections = _sections(text)
    if sections is None or part == "whole":
        return text
    kept = {name: sections.get(name) or "" for name in part.split("+")}
    besides = {name: sections.get(name) or "" for name in ("indication", "technique", "comparison")}
    return {name: said for name, said in {**besides, **kept}.items() if said.strip()}


def _reports(
    first: Side, second: Side, names: Iterable[str], part: str, failed: list[tuple[str, str, str]]
) -> Pairs[Text] | None:
    references, answers, ids = [], [], []
    for name in names:
        reference = _cut(first.texts[name], part)
        said = reference if isinstance(reference, str) else " ".join(_read(reference))
        if not said.strip():
            failed.append(("reference", name, f"the reference has no text in '{part}': nothing to compare with"))
            continue
        references.append(reference)
        answers.append(_cut(second.texts[name], part))
        ids.append(name)
    patients = [first.patients[name] or second.patients[name] or name for name in ids]
    return Pairs(tuple(references), tuple(answers), tuple(ids), tuple(patients)) if ids else None


def _read(report: Text) -> list[str]:
    sections = _sections(report) or {}
    return [sections.get(name) or "" for name in (*_READ, "report")]


def _studies(first: Side, second: Side, names: Iterable[str]) -> Pairs[Study] | None:
    ids = [name for name in names if name in first.studies and name in second.studies]
    if not ids:
        return None
    patients = tuple(first.patients[name] or second.patients[name] or name for name in ids)
    return Pairs(
        tuple(first.studies[name] for name in ids), tuple(second.studies[name] for name in ids), tuple(ids), patients
    )


def told(joined: Joined) -> list[str]:
    """Return lines that say which ids are missing on either side, and which rows could not be used."""
    lines = list(joined.notes)
    for side, ids in (("reference", joined.only_reference), ("candidate", joined.only_candidate)):
        if ids:
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            what = "1 id is" if len(ids) == 1 else f"{len(ids)} ids are"
            lines.append(f"{what} only in the {side}, not scored: {', '.join(ids[:_SHOWN])}{more}")
    lines += [f"{side} '{name}' could not be used: {reason}" for side, name, reason in joined.failed[:_SHOWN]]
    if len(joined.failed) > _SHOWN:
        lines.append(f"and {len(joined.failed) - _SHOWN} more rows could not be used; scores.json lists them")
    return lines
