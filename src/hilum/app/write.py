"""`hilum read --write`: a draft beside the structured findings and held against them, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import InputError, RefusedError
from hilum.core.study import Study
from hilum.systems.interpret import Reading

if TYPE_CHECKING:
    from hilum.learn.reader.draft import Draft
    from hilum.systems._small_reader_writer import Writer

OFFERED, RESEARCH = "offered", "research"
LONGEST = 2_000
"""Characters of an indication; a longer one is refused before anything is read."""


@dataclass(frozen=True)
class Writing:
    """Who drafts, and what it is told besides the films.

    Args:
        writer: 'offered' (the reader inside the package, where its guard lets it), 'research' (the same, wherever), or
            the folder of another reader; '' drafts nothing.
        indication: why the films were taken; data, never an instruction.

    Raises:
        InputError: if the indication is too long or comes without a writer.
    """

    writer: str = ""
    indication: str = ""

    def __post_init__(self) -> None:
        if self.indication and not self.writer:
            raise InputError("--indication is for a draft: add --write")
        if len(self.indication) > LONGEST:
            told = f"the indication has {len(self.indication)} characters; at most {LONGEST} are read"
            raise InputError(f"{told}: shorten it")

    @property
    def parts(self) -> list[str]:
        """What a result depends on, for its fingerprint; empty where nothing is drafted."""
        return [repr((self.writer, self.indication)), _open(self.writer).made_by.sha256] if self.writer else []


NOBODY = Writing()


@lru_cache(maxsize=2)
def _open(writer: str) -> Writer:
    from hilum.systems.small_reader import trained

    return trained(None if writer in (OFFERED, RESEARCH) else Path(writer))


def with_draft(reading: Reading, writing: Writing, missing: Any = ()) -> Reading:
    """Return the reading with a draft, or with the reason why there is none.

    Args:
        reading: of one study; a film that was refused is not drafted about.
        writing: who drafts.
        missing: concepts that the findings' model does not judge.

    Raises:
        MissingError: if the reader or what it needs is not installed.
    """
    if not writing.writer:
        return reading
    writer, study = _open(writing.writer), _accepted(reading)
    reason = "" if reading.accepted else "no draft: no film of this study was accepted"
    if writing.writer == OFFERED:
        reason = reason or writer.refusal(study)
    if reason:
        return replace(reading, undrafted=reason)
    try:
        return replace(reading, draft=_drafted(writer, study, writing.indication, tuple(missing)))
    except RefusedError as error:
        return replace(reading, undrafted=f"no draft: {error}")


def _drafted(writer: Writer, study: Study, indication: str, missing: tuple[str, ...]) -> Draft:
    """The draft; a prior that may not be compared with is left out, and that is said."""
    from hilum.learn.reader.roles import checked_prior

    note: tuple[str, ...] = ()
    try:
        checked_prior(study)
    except RefusedError as error:
        study, note = replace(study, prior=None), (f"written without the prior: {error}",)
    made = writer.draft(study, indication=indication, not_assessed=missing)
    return replace(made, notes=(*made.notes, *note))


def _accepted(reading: Reading) -> Study:
    refused = {film for film, _ in reading.refused}
    films = tuple(film for film in reading.study.films if film.id not in refused)
    return replace(reading.study, images=films)
