"""The unit of work of a batch: one patient's studies, earliest first, so that priors are read before what follows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum import __version__
from hilum.app.batch_row import Row, kept, mark
from hilum.app.outputs import FORMATS, safe_name, study_record, write_study
from hilum.app.write import NOBODY, Writing, with_draft
from hilum.core.errors import HilumError, InputError
from hilum.core.image import Image, Volume
from hilum.core.study import Study
from hilum.io.dicom import file_hash

if TYPE_CHECKING:
    from hilum.systems.embedded import Embedded
    from hilum.systems.interpret import Reading

UID = re.compile(r"[0-2](\.\d+)+")


@dataclass(frozen=True)
class Options:
    """How to read a batch.

    Args:
        keep_identifiers: carry header identifiers into the outputs.
        formats: which outputs to write beside `study.json`.
        seed: chooses among equivalent phrasings.
        resume: skip studies whose folder is complete and was made from the same files by the same model.
        threads: processor threads for the model; 0 uses all, or a worker's share.
        writing: who writes a draft beside the findings.
        records: keep each study's record in its row, as `--json` prints it; costs memory on long runs.
    """

    keep_identifiers: bool = False
    formats: tuple[str, ...] = FORMATS
    seed: int = 0
    resume: bool = False
    threads: int = 0
    records: bool = False
    writing: Writing = NOBODY


@dataclass(frozen=True)
class Item:
    """One study of a unit: its files' names, what it is made from, and whether an earlier run finished it."""

    study: Study
    files: tuple[str, ...]
    fingerprint: str
    done: bool = False

    @property
    def row(self) -> Row:
        """The study's row before it is read."""
        return Row(self.study.id, "failed", tuple(dict.fromkeys(self.files)), folder=safe_name(self.study.id))


@dataclass(frozen=True)
class Unit:
    """Studies that one worker reads in order: a patient's, earliest first; those done are there as priors.

    Args:
        items: the studies; their films load on first use.
        out: the results folder.
        options: how to read.
        prior: an earlier study named by hand, for a single study.
    """

    items: tuple[Item, ...]
    out: Path
    options: Options
    prior: Study | None = None


def units_of(items: Sequence[Item], out: Path, options: Options, prior: Study | None = None) -> tuple[Unit, ...]:
    """Group studies, given earliest first, by patient; those of no known patient stand alone, done units are left out.

    Returns:
        Units in the order of their first studies.
    """
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        key = ("patient", item.study.patient) if item.study.patient else ("study", item.study.id)
        groups.setdefault(key, []).append(item)
    found = groups.values()
    return tuple(Unit(tuple(each), out, options, prior) for each in found if not all(item.done for item in each))


def read_unit(unit: Unit, threads: int) -> tuple[Row, ...]:
    """Read a unit with this process's model, which is opened once, and return a row for each study not done."""
    return tuple(rows_of(unit, _model(unit.options.threads or threads)))


@lru_cache(maxsize=1)
def _model(threads: int) -> Embedded:
    from hilum.systems.embedded import Embedded

    return Embedded(threads=threads)


def lost_unit(unit: Unit, reason: str) -> tuple[Row, ...]:
    """Return the rows of a unit whose worker was lost: what it had finished by then is read, the rest failed."""
    rows = []
    for item in unit.items:
        if not item.done:
            found = kept(item.row, unit.out / item.row.folder, item.fingerprint, records=unit.options.records)
            rows.append(found.as_first() if found else replace(item.row, folder="", reason=reason))
    return tuple(rows)


def rows_of(unit: Unit, model: Embedded) -> Iterator[Row]:
    """Read and write a unit's studies in order; whatever goes wrong with one becomes its row."""
    done: dict[str, Reading] = {}
    wanted = {item.study.prior.id for item in unit.items if item.study.prior and not item.done}
    for item in unit.items:
        if item.done:
            continue
        row, reading = _read_one(unit, item, model, done)
        if reading and item.study.id in wanted:
            done[item.study.id] = light(reading)
        yield row


def _read_one(
    unit: Unit, item: Item, model: Embedded, done: dict[str, Reading]
) -> tuple[Row, Reading | None]:  # fmt: skip
    from hilum.app.page_index import thumbnail
    from hilum.systems.interpret import interpret

    began = time.perf_counter()
    settings, row = unit.options, item.row
    target = unit.out / row.folder
    own = working(replace(item.study, prior=None), settings.keep_identifiers)
    names = dict(zip((film.id for film in own.films), item.files, strict=True))
    try:
        if not own.films:
            raise InputError("this is a CT series, not a radiograph: 'hilum project' makes radiographs of it")
        before, trouble = _before(unit, item.study, model, done)
        reading = interpret(own, model, prior=before, seed=settings.seed)
        reading = with_draft(reading, settings.writing, model.card["not_assessed"])
        write_study(
            target, reading, names, card=model.card, keep_identifiers=settings.keep_identifiers,
            formats=settings.formats,
        )  # fmt: skip
        reasons = dict.fromkeys([*(reason for _, reason in reading.refused), *([trouble] if trouble else [])])
        row = replace(
            row,
            status="read" if reading.accepted else "refused",
            reason="; ".join(reasons),
            views=tuple(film.view for film in reading.study.films),
            findings=reading.study.findings,
            record=_record(reading, names, model, settings),
            thumbnail=thumbnail(reading.study.films[0]),
            undrafted=reading.undrafted,
        )
        mark(target, row, item.fingerprint)
    except Exception as error:  # one study's trouble, foreseen or not, must not cost the others
        foreseen = isinstance(error, HilumError)
        said = str(error) if foreseen else f"something unexpected went wrong ({type(error).__name__}: {error})"
        return replace(item.row, reason=said, folder="", seconds=time.perf_counter() - began), None
    return replace(row, seconds=time.perf_counter() - began), reading


def _before(
    unit: Unit, study: Study, model: Embedded, done: dict[str, Reading], depth: int = 1
) -> tuple[Reading | None, str]:  # fmt: skip
    """The prior as read, and why it could not be.

    One that an earlier run finished is read again as it was then: compared with its own prior, which needs none.
    """
    from hilum.systems.interpret import interpret

    earlier = unit.prior or study.prior
    if earlier is None or earlier.id in done:
        return (done[earlier.id], "") if earlier else (None, "")
    known = {item.study.id: item.study for item in unit.items}.get(earlier.id, earlier)
    settings = unit.options
    try:
        first = _before(unit, known, model, done, depth - 1)[0] if depth and not unit.prior else None
        own = working(replace(known, prior=None), settings.keep_identifiers)
        return light(interpret(own, model, prior=first, seed=settings.seed)), ""
    except HilumError as error:
        if unit.prior:
            raise
        return None, f"not compared, for its prior could not be read: {error}"


def _record(reading: Reading, names: Mapping[str, str], model: Embedded, settings: Options) -> dict[str, Any]:
    if not settings.records:
        return {}
    return study_record(reading, names, card=model.card, keep_identifiers=settings.keep_identifiers)


def working(study: Study, keep_identifiers: bool) -> Study:
    """Return a copy whose films load apart from the intake's, so that memory stays flat, and whose ids tell nothing."""
    from hilum.io.deidentify import hashed_uid

    def own(image: Image) -> Image:
        fresh = image.fresh()
        hidden = not keep_identifiers and UID.fullmatch(image.id)
        return fresh.with_id(hashed_uid(image.id)) if hidden else fresh

    images = tuple(own(image) if isinstance(image, Image) else image for image in study.images)
    return replace(study, images=images)


def light(reading: Reading) -> Reading:
    """Return the reading without decoded pixels and masks, to wait as a prior."""
    images = tuple(f.fresh() if isinstance(f, Image) else f for f in reading.study.images)
    return replace(reading, study=replace(reading.study, images=images, prior=None), masks=())


def films_only(study: Study) -> Study:
    """Return the study and its prior with their films alone, which is what travels to a worker."""
    return replace(study, images=study.films, prior=films_only(study.prior) if study.prior else None)


def fingerprint(
    study: Study, prior: Study | None, model: Embedded, settings: Options, *,
    by_content: Callable[[Image | Volume], bool],
) -> str:  # fmt: skip
    """Return a hash of what a result depends on: source files as they are, the prior, the model and the options.

    Args:
        study, prior, model, settings: what is read, and how.
        by_content: tells of an image whether to know its file by its bytes, for one unpacked just now; else by size
            and time of change.
    """
    parts = [model.made_by.sha256, __version__, repr(settings.formats), repr(settings.keep_identifiers)]
    parts += settings.writing.parts
    earlier = prior or study.prior
    for image in (*study.images, *(earlier.images if earlier else ())):
        path = Path(image.source)
        if not image.source or not path.is_file():
            parts += [image.id, "", ""]
        elif by_content(image):
            parts += [image.id, file_hash(path), ""]
        else:
            parts += [image.id, str(path.stat().st_size), str(path.stat().st_mtime_ns)]
    return sha256("\n".join([*parts, str(settings.seed)]).encode()).hexdigest()
