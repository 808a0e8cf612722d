"""One request and one answer for every reader from outside, whatever runs it: an endpoint, a process, a floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box

Task = Literal["findings", "impression", "answer", "choice", "phrase_to_box", "grounded"]
SECTIONS = ("indication", "history", "technique", "comparison", "prior_report")
ROLES = ("cur_front", "cur_lat", "cur_other", "prior_front")
LONGEST_SECTION = 4_000
"""Letters of a section that are passed on."""


@dataclass(frozen=True)
class Asking:
    """What a reader is asked.

    Args:
        task: 'findings' or 'impression' to write; 'answer' a question, 'choice' among options; 'phrase_to_box' to
            point at what the question names; 'grounded' to write findings with boxes.
        films: (role, film); roles are `ROLES`.
        sections: of the examination's own text; names are `SECTIONS`.
        question: or the phrase to point at.
        choices: to choose from.
        examples: reports of other patients, shown as examples of the form.

    Raises:
        InputError: if a name is unknown, a task lacks what it needs, or a section is over-long.
    """

    task: Task
    films: tuple[tuple[str, Image], ...] = ()
    sections: Mapping[str, str] = field(default_factory=dict)
    question: str = ""
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise InputError(f"no reader knows the task '{self.task}': choose from {', '.join(get_args(Task))}")
        for kind, given, known in (("role", [r for r, _ in self.films], ROLES), ("section", self.sections, SECTIONS)):
            for name in given:
                if name not in known:
                    raise InputError(f"'{name}' is no {kind} of a request: choose from {', '.join(known)}")
        if self.task in ("answer", "choice", "phrase_to_box") and not self.question.strip():
            raise InputError(f"the task '{self.task}' needs a question")
        if self.task == "choice" and len(self.choices) < 2:
            raise InputError("the task 'choice' needs two choices or more")
        for name, text in self.sections.items():
            if len(text) > LONGEST_SECTION:
                raise InputError(f"the section '{name}' has {len(text):,} letters, {LONGEST_SECTION:,} are passed on: "
                                 "shorten it, or leave it out")  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a reader answered.

    Args:
        text: as it wrote it.
        boxes: in pixels of the first film.
        made_by: who answered: model, and date or version, and hash of prompt or weights.
        problem: why a part of the answer could not be read, '' where all could.
    """

    text: str
    boxes: tuple[Box, ...] = ()
    made_by: MadeBy = field(default_factory=lambda: MadeBy("unnamed"))
    problem: str = ""


class Backend(Protocol):
    """Answers requests; `name` is how tables call it."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    def __call__(self, asking: Asking) -> Said:
        """Return the answer to one request."""
        ...
