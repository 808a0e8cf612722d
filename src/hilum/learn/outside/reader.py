"""A reader from outside as a model of Hilum: a Study in, the Study with a draft report or answers out, signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hilum.core.errors import InputError, RefusedError
from hilum.core.geometry import FRONTAL, LATERAL
from hilum.core.image import Image, MadeBy
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.learn.outside.asking import LONGEST_SECTION, Asking, Backend, Said
from hilum.learn.outside.gate import Looked, gate
from hilum.learn.outside.wording import choice_in
from hilum.text.findings import to_findings
from hilum.text.parse import parse

NEEDS, ADDS = ("images",), ("report", "findings", "questions")


@dataclass
class OutsideReader:
    """A backend behind the gate, called as every model is.

    Of a study with open questions, each gets an answer; any other without a report gets a draft, and findings as the
    report parser reads them in it. The gate is asked once, before the first study.

    Args:
        name: as tables call it.
        backend: answers requests.
        mark: hash of all that changes an answer.
        ready: called once before the first request; returns the backend that the gate is to ask.
    """

    name: str
    backend: Backend
    mark: str = ""
    ready: Callable[[], Backend] | None = None
    needs: tuple[str, ...] = NEEDS
    adds: tuple[str, ...] = ADDS
    looked: Looked | RefusedError | None = field(default=None, init=False)

    def opened(self) -> Looked:
        """Make the backend ready and ask the gate, once.

        Raises:
            RefusedError: if it does not look at the film.
        """
        if self.looked is None:
            try:
                self.looked = gate(self.ready() if self.ready else self.backend)
            except RefusedError as error:
                self.looked = error  # nobody is asked the same four questions for every study
        if isinstance(self.looked, RefusedError):
            raise self.looked
        return self.looked

    def __call__(self, study: Study) -> Study:
        """Return the study with what the reader adds.

        Raises:
            RefusedError: if the reader does not look at films, or the study has no frontal film.
            HilumError: as the backend raises.
        """
        films = films_of(study)
        note = self.opened().note
        sections = sections_of(study)
        notes = [f"outside model; {note}"] if note else ["outside model: its answers are not Hilum's"]
        open_ = [question for question in study.questions if question.answer is None]
        if open_:
            said = [self.backend(asked(question, films, sections)) for question in open_]
            answers = [answered(question, each) for question, each in zip(open_, said, strict=True)]
            return study.add(questions=answers, made_by=said[-1].made_by, notes=notes)
        if study.report is not None:
            return study.add(made_by=MadeBy(self.name), notes=notes)
        draft = self.backend(Asking("findings", films, sections))
        report = Report(findings=draft.text, status="draft", made_by=draft.made_by)
        found = to_findings(parse({"findings": draft.text}), draft.made_by) if not study.findings else ()
        return study.add(report=report, findings=found, made_by=draft.made_by, notes=notes)


def films_of(study: Study) -> tuple[tuple[str, Image], ...]:
    """Return the films of a study with their roles: the first frontal, a lateral, others, and the prior's frontal.

    Raises:
        RefusedError: if there is no film that is or may be frontal.
    """
    frontal = [film for film in study.films if film.view in FRONTAL]
    frontal += [film for film in study.films if film.view == "unknown"]
    if not frontal:
        views = ", ".join(film.view for film in study.films) or "no film"
        raise RefusedError(f"study '{study.id}' has no frontal film ({views}): an outside reader is asked for one")
    roles = [("cur_front", frontal[0])]
    roles += [("cur_lat", film) for film in study.films if film.view in LATERAL][:1]
    before = study.prior.films if study.prior else ()
    roles += [("prior_front", film) for film in before if film.view in FRONTAL][:1]
    return tuple(roles)


def sections_of(study: Study) -> dict[str, str]:
    """Return what a request may tell of the examination: never findings or impression of its own report."""
    told: dict[str, str] = {}
    if study.report is not None:
        told = {name: getattr(study.report, name) for name in ("indication", "technique", "comparison")}
    if study.prior is not None and study.prior.report is not None:
        prior = study.prior.report
        told["prior_report"] = " ".join(filter(None, (prior.findings, prior.impression)))
    return {name: text[:LONGEST_SECTION] for name, text in told.items() if text.strip()}


def asked(question: Question, films: tuple[tuple[str, Image], ...], sections: dict[str, str]) -> Asking:
    """Return a question as a request: of its choices where it has some."""
    task = "choice" if question.choices else "answer"
    return Asking(task, films, sections, question.text, question.choices)  # type: ignore[arg-type]


def answered(question: Question, said: Said) -> Question:
    """Return a question with what was answered.

    Raises:
        InputError: if it has choices and the answer names none of them.
    """
    answer = choice_in(said.text, question.choices) if question.choices else said.text
    if answer is None:
        raise InputError(f"the answer {said.text[:80]!r} names none of the choices of '{question.text[:80]}'")
    choices = () if question.choices else question.choices
    return Question(question.text, choices, answer, question.family, question.id, said.made_by)
