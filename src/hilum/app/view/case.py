"""One study as the reading room holds it: what was found, who changed it since, and where its films lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hilum.app.outputs import evidence_of
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.record import SCHEMA, from_json, to_json
from hilum.core.region import Mask
from hilum.core.study import Study
from hilum.systems.interpret import Reading


@dataclass(frozen=True)
class Edit:
    """One thing a reader did.

    Args:
        who: the reader.
        when: date-time, with its zone where it is known.
        what: 'accept', 'reject', 'restore', 'add', 'move', 'set', 'write' or 'sign'.
        finding: id of the finding, or the section for 'write'.
        before, after: the finding, or the section's text, before and after; None where there was or is none.
    """

    who: str
    when: datetime
    what: str
    finding: str = ""
    before: Finding | str | None = None
    after: Finding | str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form for `study.json`; `edit_from` reads it back equal."""
        told = {name: _told(getattr(self, name)) for name in ("before", "after")}
        return {"who": self.who, "when": self.when.isoformat(), "what": self.what, "finding": self.finding, **told}


def _told(value: Finding | str | None) -> Any:
    return to_json(value) if isinstance(value, Finding) else value


def edit_from(data: Mapping[str, Any]) -> Edit:
    """Return the edit that a JSON form describes.

    Raises:
        InputError: if it is damaged.
    """
    try:
        before, after = (
            from_json(each) if isinstance(each, Mapping) else each for each in (data["before"], data["after"])
        )
        when = datetime.fromisoformat(str(data["when"]))
        return Edit(str(data["who"]), when, str(data["what"]), str(data["finding"]), before, after)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"a record of an edit is damaged: {error}") from error


@dataclass(frozen=True)
class Case:
    """A study with what the page needs beside it.

    Args:
        study: films, findings (each with an id of its own), report; its prior without pixels.
        masks: lungs, heart and the like, each naming its film.
        softs: film id -> the same film without bones.
        refused: (film id, reason) of films that were not read.
        names: film id -> name of the file it came from.
        evidence: concept -> what was measured of the model on it.
        magnifications: film id -> how much larger the chest is on the detector, where it is known.
        state: one of `source.STATES`.
        reason: one sentence, where it was refused or failed.
        edits: what readers did, earliest first.
        revision: how many times it was saved.
        folder: where its files lie, or None before it was saved.
        films: film id -> its DICOM file, where there is one.
        keep_identifiers: whether names, dates and UIDs may be shown and written.
    """

    study: Study
    masks: tuple[Mask, ...] = ()
    softs: Mapping[str, Image] = field(default_factory=dict)
    refused: tuple[tuple[str, str], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    magnifications: Mapping[str, float] = field(default_factory=dict)
    state: str = "unread"
    reason: str = ""
    edits: tuple[Edit, ...] = ()
    revision: int = 0
    folder: Path | None = None
    films: Mapping[str, Path] = field(default_factory=dict)
    keep_identifiers: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "study", with_ids(self.study))

    @property
    def readers(self) -> tuple[str, ...]:
        """Names of the people who edited it, in order of their first edit."""
        return tuple(dict.fromkeys(edit.who for edit in self.edits))

    @property
    def model(self) -> MadeBy | None:
        """The model that read it, None where none did."""
        signers = [each.made_by for each in self.study.provenance if "findings" in each.added or each.not_assessed]
        return next((each for each in reversed(signers) if each.name not in self.readers), None)

    def fresh(self) -> Case:
        """Return the same case with no pixels in memory, where they can be loaded again."""
        images = tuple(image.fresh() if isinstance(image, Image) else image for image in self.study.images)
        return replace(self, study=replace(self.study, images=images))

    def film(self, film_id: str) -> Image | None:
        """Return a film by its id."""
        return next((film for film in self.study.films if film.id == film_id), None)


def from_reading(reading: Reading, names: Mapping[str, str], card: Mapping[str, Any], **more: Any) -> Case:
    """Return the case of a study that a model just read.

    Args:
        reading: as `interpret` returns it.
        names: film id -> name of its file.
        card: the model's card.
        more: further fields of the case.
    """
    reasons = "; ".join(dict.fromkeys(reason for _, reason in reading.refused))
    state = "read" if reading.accepted else "refused"
    return Case(
        reading.study, reading.masks, refused=reading.refused, names=names, evidence=evidence_of(reading.study, card),
        state=state, reason=reasons, **more,
    )  # fmt: skip


def with_ids(study: Study) -> Study:
    """Return the study with an id for every finding that has none, or shares one; known ids stay."""
    taken: set[str] = set()
    named: list[Finding] = []
    for number, finding in enumerate(study.findings, 1):
        name = finding.id if finding.id and finding.id not in taken else free_id(f"f-{number}", taken, study.findings)
        taken.add(name)
        named.append(finding if finding.id == name else replace(finding, id=name))
    return replace(study, findings=tuple(named)) if tuple(named) != study.findings else study


def free_id(wanted: str, taken: Iterable[str], findings: Iterable[Finding] = ()) -> str:
    """Return `wanted`, or it with a number that no finding and nothing in `taken` has."""
    known = {*taken, *(finding.id for finding in findings)}
    number, name = 1, wanted
    while name in known:
        number += 1
        name = f"{wanted}-{number}"
    return name


def record_of(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the JSON form of findings, each with its schema."""
    return [{"schema": SCHEMA, **to_json(finding)} for finding in findings]
