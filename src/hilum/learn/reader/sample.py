"""A sample: pictures with roles, context by section, and turns of question and answer about one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hilum.core.equality import FrozenDict
from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.learn.reader.roles import Shown

CONTEXT = ("indication", "history", "technique", "comparison", "prior_report", "retrieved_case")
"""Texts that may stand beside the pictures. They are data: nothing in them is ever a control token."""


@dataclass(frozen=True)
class Located:
    """Words with the boxes they speak of, in pixels of the films whose ids the boxes name.

    Args:
        text: a phrase or sentence, '' for boxes alone.
        boxes: none where the words have no place on the film.
    """

    text: str
    boxes: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", tuple(self.boxes))


Said = str | tuple[str | Located, ...]
"""What a turn says: words, or words and located phrases in order."""


def pieces_of(said: Said) -> tuple[str | Located, ...]:
    """Return what is said as pieces."""
    return (said,) if isinstance(said, str) else said


def words_of(said: Said) -> str:
    """Return the words alone, boxes left out."""
    texts = (piece if isinstance(piece, str) else piece.text for piece in pieces_of(said))
    return " ".join(filter(None, (text.strip() for text in texts)))


def boxes_of(said: Said) -> tuple[Box, ...]:
    """Return every box that is said, in order."""
    return tuple(box for piece in pieces_of(said) if isinstance(piece, Located) for box in piece.boxes)


@dataclass(frozen=True)
class Turn:
    """One question and its answer; the answer is '' where it is asked for."""

    question: Said
    answer: Said = ""


@dataclass(frozen=True)
class Sample:
    """What a reader is shown and asked about one study, and what it should say.

    Args:
        key: unique in its set, e.g. 'findings/p3-s1'.
        patient, study: whose it is; guards and splits go by the patient.
        task: name of the builder.
        shown: pictures in the order of the prompt.
        context: text by section, of CONTEXT; a section that is missing is not there.
        turns: in order; the last answer is the target, and earlier answers count in training too.
        options: answers to choose from, as texts, for tasks that are scored by likelihood.
        boxes: true boxes of the last answer, in pixels of the films they name.
        notes: what was done to fit the sample, one sentence each ('the indication was cut ...').

    Raises:
        InputError: if a section is unknown, or there is no turn.
    """

    key: str
    patient: str
    study: str
    task: str
    shown: tuple[Shown, ...]
    turns: tuple[Turn, ...]
    context: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("shown", "turns", "options", "boxes", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        unknown = sorted(set(self.context) - set(CONTEXT))
        if unknown:
            raise InputError(f"sample '{self.key}': no section is called {unknown}; there are {', '.join(CONTEXT)}")
        if not self.turns:
            raise InputError(f"sample '{self.key}' asks nothing: it needs at least one turn")
        object.__setattr__(self, "context", FrozenDict({k: v for k, v in self.context.items() if v.strip()}))

    @property
    def target(self) -> str:
        """The words of the last answer."""
        return words_of(self.turns[-1].answer)

    def image(self, name: str) -> Shown | None:
        """Return the picture of the film with that id, or None."""
        return next((shown for shown in self.shown if shown.image.id == name), None)

    def has(self, role: str) -> bool:
        """Whether a picture has that role."""
        return any(shown.role == role for shown in self.shown)


def with_answer(sample: Sample, answer: Said) -> Sample:
    """Return the sample with another last answer."""
    return replace(sample, turns=(*sample.turns[:-1], replace(sample.turns[-1], answer=answer)))


def with_context(sample: Sample, **sections: str) -> Sample:
    """Return the sample with sections set; '' takes one away.

    Raises:
        InputError: if a section is unknown.
    """
    return replace(sample, context={**sample.context, **sections})


def unrolled(sample: Sample) -> tuple[Sample, ...]:
    """Return one sample for each turn, the turns before it kept as they were said."""
    count = len(sample.turns)
    return tuple(
        replace(
            sample, key=f"{sample.key}#{number}", turns=sample.turns[:number],
            boxes=boxes_of(sample.turns[number - 1].answer),
        )
        for number in range(1, count + 1)
    )  # fmt: skip


def texts_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return every text of the samples, for the words of a tokenizer."""
    found: list[str] = []
    for sample in samples:
        found += sample.context.values()
        found += sample.options
        found += [words_of(said) for turn in sample.turns for said in (turn.question, turn.answer)]
    return tuple(dict.fromkeys(found))
