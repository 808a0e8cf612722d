"""Report and Question: the prose of a study, with sentences that point to characters and findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hilum.core.errors import InputError
from hilum.core.image import MadeBy

SECTIONS = ("indication", "technique", "comparison", "findings", "impression")
Status = Literal["draft", "final"]


@dataclass(frozen=True)
class Sentence:
    """Characters [start, end) of one section and the ids of the findings they state."""

    section: str
    start: int
    end: int
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.section not in SECTIONS or not 0 <= self.start <= self.end:
            raise InputError(f"sentence {self.section}[{self.start}:{self.end}] is not inside a report section")
        object.__setattr__(self, "findings", tuple(self.findings))


@dataclass(frozen=True)
class Report:
    """A radiology report by section.

    Args:
        indication, technique, comparison, findings, impression: text of each section, '' where absent.
        sentences: spans into those texts.
        status: 'draft' until a person signs it.
        language: BCP 47 tag.
        made_by: author.

    Raises:
        InputError: if a sentence reaches past its section or the status is unknown.
    """

    indication: str = ""
    technique: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""
    sentences: tuple[Sentence, ...] = ()
    status: Status = "final"
    language: str = "en"
    made_by: MadeBy | None = None

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise InputError(f"report status must be {get_args(Status)}, got '{self.status}'")
        object.__setattr__(self, "sentences", tuple(self.sentences))
        for sentence in self.sentences:
            if sentence.end > len(getattr(self, sentence.section)):
                raise InputError(f"a sentence ends at {sentence.end}, past the end of '{sentence.section}'")

    def text(self, sentence: Sentence) -> str:
        """Return the characters of one sentence."""
        section: str = getattr(self, sentence.section)
        return section[sentence.start : sentence.end]

    def __repr__(self) -> str:
        """One line: status, sections present, first words of the impression."""
        present = [name for name in SECTIONS if getattr(self, name)]
        return f"Report({self.status}, {'+'.join(present) or 'empty'}, {self.impression[:40]!r})"


@dataclass(frozen=True)
class Question:
    """A question about a study with its choices and answer; `answer` is None when hidden, the explanation with it.

    Args:
        text: as it is asked.
        choices: what may be answered, () where the answer is free.
        answer: one of the choices, or free text.
        family: the kind of reasoning it takes, e.g. 'location'.
        id: unique in its study.
        made_by: who asks.
        category: what it is about, e.g. 'pleural effusion'.
        explanation: why the answer is right and the other choices are wrong, '' where nobody says.

    Raises:
        InputError: if the answer is not one of the choices.
    """

    text: str
    choices: tuple[str, ...] = ()
    answer: str | None = None
    family: str = ""
    id: str = ""
    made_by: MadeBy | None = None
    category: str = ""
    explanation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        if self.choices and self.answer is not None and self.answer not in self.choices:
            raise InputError(f"the answer '{self.answer}' is not one of the choices of '{self.text}'")
