"""`hilum.read`: films in, studies with findings and a draft report out, nothing written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hilum.core.errors import DecodeError, InputError
from hilum.core.study import Study, order_by_time


def read(*paths: str | Path, prior: str | Path | None = None, seed: int = 0) -> tuple[Study, ...]:
    """Read films with the embedded model. Research use only.

    Args:
        paths: films (DICOM, PNG, JPEG, TIFF), folders or zip archives.
        prior: an earlier study of the same patient; goes with a single study.
        seed: chooses among equivalent phrasings of the draft.

    Returns:
        One study per examination, earliest first, with findings, draft report and what was not assessed;
        a refused film leaves a note in the study's last signature.

    Raises:
        InputError: if nothing was given, a file cannot be used, or the prior does not fit.
        MissingError: if the shipped model is not installed.
    """
    from hilum.io.intake import open_studies
    from hilum.systems.embedded import Embedded
    from hilum.systems.interpret import Reading, interpret

    if not paths:
        raise InputError("nothing to read: give a film, a folder or a zip archive")
    model = Embedded()
    before: Reading | None = None
    if prior is not None:
        with open_studies([Path(prior)]) as earlier:
            if len(earlier.studies) != 1:
                raise InputError(f"the prior must hold exactly one study, found {len(earlier.studies)}")
            before = interpret(earlier.studies[0], model, seed=seed)
    done: dict[str, Reading] = {}
    with open_studies([Path(path) for path in paths]) as intake:
        if intake.failures:
            raise DecodeError("; ".join(f"{failure.path}: {failure.reason}" for failure in intake.failures))
        if before is not None and len(intake.studies) != 1:
            raise InputError(f"a prior goes with a single study, found {len(intake.studies)}")
        for study in order_by_time(intake.studies):
            if not study.films:
                raise InputError(f"study '{study.id}' holds no radiograph")
            earlier_reading = before or (done.get(study.prior.id) if study.prior else None)
            given = replace(study, prior=before.study) if before else study
            done[study.id] = interpret(given, model, prior=earlier_reading, seed=seed)
    return tuple(reading.study for reading in done.values())
