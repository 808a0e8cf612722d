"""Films with reports of a registered data set, split by patient, for pre-training and fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import MissingError
from hilum.core.finding import Finding
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.learn.pair_store import SMALL, place_for
from hilum.learn.pairs import Pairs, gather
from hilum.systems._aligned import real_films
from hilum.text.findings import to_findings
from hilum.text.parse import parse

SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}
"""By a hash of the patient, where a data set has no split of its own."""
_SAME = {"validate": "val", "valid": "val", "dev": "val"}


def pairs_of(data: str | Path, *, size: int, say: Callable[[str], None] = lambda line: None) -> Pairs:
    """Return the films of a registered set; findings that its reports state are read where it states none.

    Args:
        data: 'name:/path', e.g. 'mimic-cxr:/films', or the folder of a cohort that `hilum draw --cohort` wrote.
        size: rows of a film.
        say: told how many films could not be read.

    Raises:
        InputError: if the name is unknown or there is no film.
        MissingError: if the folder is not there.
    """
    name, colon, place = str(data).partition(":")
    if not colon:
        name, place = "virtual", str(data)
    if not Path(place).expanduser().is_dir():
        raise MissingError(f"there is no folder '{place}': give --data NAME:/path, NAME as 'hilum list data' has it")
    found = register.find("dataset", name).thing(Path(place).expanduser())
    lost: list[str] = []
    cohort = found if isinstance(found, Cohort) else Cohort(name, found, splits=SPLITS)
    pairs = gather(cohort, size=size, group=name, split=lambda study: _split(cohort, study), told=_told,
                   complete=name == "virtual", lost=lambda film, reason: lost.append(f"{film}: {reason}"),
                   folder=place_for(name, place), small=SMALL)  # fmt: skip
    if lost:
        say(f"{len(lost)} films could not be read, the first: {lost[0]}")
    return pairs


def real_of(data: str | Path | None, *, size: int) -> Pairs | None:
    """Return the real films of a pack, None where the data are no pack."""
    if data is None or not (Path(data) / "manifest.csv").is_file():
        return None
    return real_films(Path(data), size=size)


def _split(cohort: Cohort, study: Study) -> str:
    patient = study.patient or study.id
    name = cohort.split_of(patient) if cohort.splits else Cohort("", (), splits=SPLITS).split_of(patient)
    return _SAME.get(name, name)


def _told(study: Study) -> Study:
    if study.findings or study.report is None:
        return study
    said = parse({"findings": study.report.findings, "impression": study.report.impression})
    read: tuple[Finding, ...] = tuple(to_findings(said))
    return study.add(findings=read)
