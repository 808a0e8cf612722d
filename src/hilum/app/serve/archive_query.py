"""Searching the index by DICOM's matching rules (PS3.4 C.2.2.2): values, wildcards, ranges, lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.core.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

Level = Literal["study", "series", "instance"]
Kind = Literal["uid", "text", "name", "date", "time", "number", "modalities", "count"]
_P, _S, _E, _I = db.patients.c, db.studies.c, db.series.c, db.instances.c

_STUDY: dict[str, tuple[Kind, ColumnElement[Any]]] = {
    "StudyDate": ("date", _S.date),
    "StudyTime": ("time", _S.time),
    "AccessionNumber": ("text", _S.accession),
    "ModalitiesInStudy": ("modalities", _S.modalities),
    "ReferringPhysicianName": ("name", _S.referring),
    "StudyDescription": ("text", _S.description),
    "PatientName": ("name", _P.name),
    "PatientID": ("text", _P.patient_id),
    "IssuerOfPatientID": ("text", _P.issuer),
    "PatientBirthDate": ("date", _P.birth_date),
    "PatientSex": ("text", _P.sex),
    "StudyInstanceUID": ("uid", _S.uid),
    "StudyID": ("text", _S.study_id),
    "NumberOfStudyRelatedSeries": ("count", _S.series),
    "NumberOfStudyRelatedInstances": ("count", _S.instances),
}
_SERIES: dict[str, tuple[Kind, ColumnElement[Any]]] = {
    "SeriesDate": ("date", _E.date),
    "SeriesTime": ("time", _E.time),
    "Modality": ("text", _E.modality),
    "SeriesDescription": ("text", _E.description),
    "BodyPartExamined": ("text", _E.body_part),
    "SeriesInstanceUID": ("uid", _E.uid),
    "SeriesNumber": ("number", _E.number),
    "Laterality": ("text", _E.laterality),
    "NumberOfSeriesRelatedInstances": ("count", _E.instances),
}
_INSTANCE: dict[str, tuple[Kind, ColumnElement[Any]]] = {
    "SOPClassUID": ("uid", _I.sop_class),
    "SOPInstanceUID": ("uid", _I.uid),
    "AvailableTransferSyntaxUID": ("uid", _I.syntax),
    "ViewPosition": ("text", _I.view),
    "InstanceNumber": ("number", _I.number),
    "NumberOfFrames": ("number", _I.frames),
    "Rows": ("number", _I.rows),
    "Columns": ("number", _I.columns),
    "BitsAllocated": ("number", _I.bits),
}
FIELDS: dict[Level, dict[str, tuple[Kind, ColumnElement[Any]]]] = {
    "study": _STUDY,
    "series": {**_STUDY, **_SERIES},
    "instance": {**_STUDY, **_SERIES, **_INSTANCE},
}
OWN: dict[Level, tuple[str, ...]] = {"study": tuple(_STUDY), "series": tuple(_SERIES), "instance": tuple(_INSTANCE)}
LIMIT = 1_000


@dataclass(frozen=True)
class Query:
    """What is searched.

    Args:
        match: attribute keyword to the value it must match; '' and '*' match everything.
        limit: the most rows wanted, at most 1,000.
        offset: rows to skip.
        include: keywords of the levels above to return as well.
    """

    match: Mapping[str, str] = field(default_factory=dict)
    limit: int = LIMIT
    offset: int = 0
    include: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Rows by keyword, in a fixed order, and whether there are more behind them."""

    rows: list[dict[str, Any]]
    more: bool


@dataclass(frozen=True)
class Located:
    """One instance that is here: its UIDs, transfer syntax, the name of its file, and whether it has pixels."""

    study: str
    series: str
    uid: str
    sop_class: str
    syntax: str
    file: str
    pixels: bool
    film: bool


def locate(database: db.Database, study: str, series: str = "", instance: str = "") -> list[Located]:
    """Return the instances of a study, a series or one instance, in the order of their numbers; empty if none."""
    columns = (_I.study, _I.series, _I.uid, _I.sop_class, _I.syntax, _I.file, _I.rows, _I.film)
    chosen = sa.select(*columns).join(db.series, _I.series == _E.uid).where(_I.study == study)
    for column, value in ((_I.series, series), (_I.uid, instance)):
        chosen = chosen.where(column == value) if value else chosen
    chosen = chosen.order_by(_E.number.nulls_first(), _E.uid, _I.number.nulls_first(), _I.uid)
    return [
        Located(*row[:6], pixels=row[6] is not None, film=bool(row[7]))
        for row in database.read(lambda connection: connection.execute(chosen).all())
    ]


def search(database: db.Database, level: Level, query: Query) -> Found:
    """Return the rows of one level that match, newest study first, then by number.

    Raises:
        InputError: if a keyword cannot be matched at this level, or a value cannot be read.
    """
    fields = FIELDS[level]
    wanted = [*OWN[level], *(name for name in query.include if name in fields and name not in OWN[level])]
    for name, column in (("StudyInstanceUID", "series"), ("SeriesInstanceUID", "instance")):
        if name not in wanted and level in (column, "instance"):
            wanted.append(name)
    limit = max(0, min(query.limit, LIMIT))
    chosen = sa.select(*(fields[name][1].label(name) for name in wanted)).select_from(_joined(level))
    for name, value in query.match.items():
        chosen = chosen.where(condition(level, name, value))
    chosen = chosen.order_by(*_ORDER[level]).limit(limit + 1).offset(max(0, query.offset))
    rows = database.read(lambda connection: [dict(row) for row in connection.execute(chosen).mappings()])
    return Found(rows[:limit], len(rows) > limit)


_ORDER: dict[Level, tuple[ColumnElement[Any], ...]] = {
    "study": (_S.date.desc(), _S.time.desc(), _S.uid.asc()),
    "series": (_S.date.desc(), _S.time.desc(), _S.uid.asc(), _E.number.asc().nulls_first(), _E.uid.asc()),
    "instance": (
        _S.date.desc(),
        _S.time.desc(),
        _S.uid.asc(),
        _E.number.asc().nulls_first(),
        _E.uid.asc(),
        _I.number.asc().nulls_first(),
        _I.uid,
    ),
}


def _joined(level: Level) -> Any:
    tables: Any = sa.join(db.studies, db.patients, _S.patient == _P.key)
    if level != "study":
        tables = sa.join(tables, db.series, _E.study == _S.uid)
    if level == "instance":
        tables = sa.join(tables, db.instances, _I.series == _E.uid)
    return tables


def condition(level: Level, name: str, value: str) -> ColumnElement[bool]:
    """Return the SQL condition of one attribute.

    Raises:
        InputError: if it cannot be matched at this level, or the value cannot be read.
    """
    if name not in FIELDS[level]:
        raise InputError(
            f"'{name[:64]}' cannot be searched at the level of the {level}. "
            f"What can: {', '.join(sorted(FIELDS[level]))}."
        )
    kind, column = FIELDS[level][name]
    value = value.strip()
    if value in ("", "*"):
        return sa.true()
    if "\x00" in value or len(value) > 4_096:
        raise InputError(f"The value for '{name}' cannot be searched: it is too long, or no text.")
    if kind == "uid":
        return column.in_([part.strip() for part in re.split(r"[,\\]", value) if part.strip()])
    if kind in ("date", "time"):
        return _range(column, name, value, 8 if kind == "date" else 2)
    if kind in ("number", "count"):
        return column == _number(name, value)
    if kind == "modalities":
        anyone = [part.strip() for part in re.split(r"[,\\]", value) if part.strip()]
        return sa.or_(*(column.like(f"%\\{_pattern(part)}\\%", escape="~") for part in anyone))
    if kind == "name":
        return _name(_P.name_folded if name == "PatientName" else sa.func.lower(column), value)
    return _text(column, value)


def _number(name: str, value: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,10}", value):
        raise InputError(f"'{name}' is searched by a whole number, got {value[:40]!a}.")
    return int(value)


def _pattern(value: str) -> str:
    escaped = re.sub(r"([~%_])", r"~\1", value)
    return escaped.replace("*", "%").replace("?", "_")


def _text(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    if "*" in value or "?" in value:
        return column.like(_pattern(value), escape="~")
    return column == value


def _name(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Match any of a name's groups (alphabetic, ideographic, phonetic), whatever its case."""
    folded = _pattern(value.casefold().rstrip("^"))
    forms = (folded, f"{folded}=%", f"%={folded}", f"%={folded}=%")
    return sa.or_(*(column.like(form, escape="~") for form in forms))


def _range(column: ColumnElement[Any], name: str, value: str, digits: int) -> ColumnElement[bool]:
    """Match 'A', 'A-B', 'A-' or '-B', both ends included; a time of fewer digits stands for all it begins."""
    ends = [end.strip().replace(":", "") for end in value.split("-")]
    shape = r"\d{8}" if digits == 8 else r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?"
    if len(ends) > 2 or not any(ends) or any(end and not re.fullmatch(shape, end) for end in ends):
        form = "YYYYMMDD" if digits == 8 else "HHMMSS"
        raise InputError(f"'{name}' is searched by {form} or {form}-{form}, got {value[:40]!a}.")
    first, last = ends[0], ends[-1]
    conditions = [column != ""]
    if first:
        conditions.append(column >= first)
    if last:
        conditions.append(column <= last + ("" if digits == 8 else "~"))  # '~' sorts behind every digit and dot
    return sa.and_(*conditions)
