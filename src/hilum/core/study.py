"""Study: everything known about one examination; models add to it and never overwrite."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy, Volume
from hilum.core.report import Question, Report

HIDEABLE = ("images", "report", "findings", "questions", "prior", "time")


@dataclass(frozen=True)
class Provenance:
    """One signature: who added which fields, what they left unassessed and why, and what they noticed."""

    made_by: MadeBy
    added: tuple[str, ...] = ()
    not_assessed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("added", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "not_assessed", tuple((str(a), str(b)) for a, b in self.not_assessed))


@dataclass(frozen=True)
class Study:
    """One examination of one patient.

    Args:
        id: Study Instance UID or a name unique in its cohort.
        patient: patient identifier or pseudonym, '' where unknown.
        time: acquisition date-time, or None.
        images: radiographs and volumes.
        report: its report, or None.
        findings: structured findings; what is not mentioned is not here.
        questions: question-answer items.
        prior: an earlier study of the same patient, or None.
        provenance: signatures in the order things were added.

    Raises:
        InputError: if the prior is of another patient, or not strictly earlier where both times are known.
    """

    id: str
    patient: str = ""
    time: datetime | None = None
    images: tuple[Image | Volume, ...] = ()
    report: Report | None = None
    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()
    prior: Study | None = None
    provenance: tuple[Provenance, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("a study needs an id")
        for name in ("images", "findings", "questions", "provenance"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.prior is not None:
            self._check_prior(self.prior)

    def _check_prior(self, prior: Study) -> None:
        if self.patient and prior.patient and self.patient != prior.patient:
            raise InputError(f"the prior of study '{self.id}' belongs to another patient")
        if self.time and prior.time and prior.time >= self.time:
            raise InputError(
                f"the prior of study '{self.id}' is dated {prior.time:%Y-%m-%d %H:%M}, "
                f"not before {self.time:%Y-%m-%d %H:%M}: a prior must be strictly earlier"
            )

    def add(
        self,
        *,
        images: Iterable[Image | Volume] = (),
        findings: Iterable[Finding] = (),
        questions: Iterable[Question] = (),
        report: Report | None = None,
        made_by: MadeBy | None = None,
        not_assessed: Iterable[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> Study:
        """Return the study with more in it, signed; nothing that is there already changes.

        Args:
            images, findings, questions: appended after what is there.
            report: set where the study has none.
            made_by: who signs; 'unnamed' when not given.
            not_assessed: (concept, reason) pairs that the signer could not judge.
            notes: sentences for the reader, e.g. why a film was refused.

        Raises:
            InputError: if a report is given and the study has one (hide it first).
        """
        if report is not None and self.report is not None:
            raise InputError(f"study '{self.id}' has a report already: hide it before a model writes one")
        signer = made_by or MadeBy("unnamed")
        images, questions = tuple(images), tuple(questions)
        new = tuple(finding.signed(signer) for finding in findings)
        given = {"images": images, "findings": new, "questions": questions, "report": report}
        added = tuple(name for name, value in given.items() if value)
        signature = Provenance(signer, added, tuple(not_assessed), tuple(notes))
        return replace(
            self,
            images=self.images + images,
            findings=self.findings + new,
            questions=self.questions + questions,
            report=report or self.report,
            provenance=(*self.provenance, signature),
        )

    def hide(self, *names: str) -> Study:
        """Return the study without the named fields; hiding 'questions' hides only answers and explanations.

        Raises:
            InputError: if a name is not one of `HIDEABLE`.
        """
        unknown = sorted(set(names) - set(HIDEABLE))
        if unknown:
            raise InputError(f"cannot hide {unknown}: choose from {', '.join(HIDEABLE)}")
        changes: dict[str, object] = {name: () if name in ("images", "findings") else None for name in names}
        if "questions" in names:
            changes["questions"] = tuple(replace(each, answer=None, explanation="") for each in self.questions)
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def films(self) -> tuple[Image, ...]:
        """The radiographs among the images."""
        return tuple(image for image in self.images if isinstance(image, Image))

    def _repr_html_(self) -> str:
        from hilum.core.notebook import study_html

        return study_html(self)

    def __repr__(self) -> str:
        """One line: id, images, findings, whether there is a report and a prior."""
        views = "+".join(film.view for film in self.films) or f"{len(self.images)} images"
        extra = [f"{len(self.findings)} findings"] + ["report"] * bool(self.report) + ["prior"] * bool(self.prior)
        return f"Study({self.id!r}, {views}, {', '.join(extra)})"


def order_by_time(studies: Iterable[Study]) -> tuple[Study, ...]:
    """Return studies earliest first by date-time, never by identifier; undated ones keep their order, last."""
    known = list(studies)
    dated = sorted((study for study in known if study.time), key=lambda study: study.time or datetime.min)
    return (*dated, *(study for study in known if not study.time))
