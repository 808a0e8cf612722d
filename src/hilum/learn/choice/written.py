"""A reader that writes, asked with options: by what it writes, and by which option it finds likeliest.

Chat models are scored by reading an option out of their text, base models by the likelihood of the options (CheXbench,
Chen et al. 2024). The two can disagree, so both are given, over every order of the options that is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.learn.decode import Decoding
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import shown_of
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks.choice import asked_options
from hilum.learn.reader.trained import Trained
from hilum.measure.choice.cascade import bare, read_choice

By = Literal["writing", "likelihood"]
MADE_BY = MadeBy("reader")
LONGEST = 16
"""Words of an answer, its end counted in: the longest option has fewer."""


def choice_sample(study: Study, question: Question, preset: Preset, *, blind: bool = False) -> Sample:
    """Return a question as a reader is taught and asked it: options in the question, one of them the answer.

    Args:
        study: with its films.
        question: with choices; an answer that is hidden is left open.
        preset: whose pictures are shown.
        blind: show none.

    Raises:
        InputError: if the question has no choices.
    """
    if not question.choices:
        raise InputError(f"'{question.text}' has no choices to choose from")
    options = tuple(bare(each) for each in question.choices)
    shown = () if blind else shown_of(study, preset.roles, frontal=preset.frontal)
    turn = Turn(f"{question.text} {asked_options(options)}", bare(question.answer or ""))
    key = f"choice/{study.id}/{question.id}"
    return Sample(key, study.patient, study.id, "choice", shown, (turn,), options=options)


@dataclass(frozen=True)
class Said:
    """What a reader said to one question: its words, the option they mean, and the option it finds likeliest."""

    text: str
    parsed: int | None
    likeliest: int


def said_of(trained: Trained, samples: Sequence[Sample], *, seed: int = 0) -> list[Said]:
    """Return what a reader writes to samples with options, and which option it finds likeliest.

    Args:
        trained: the reader.
        samples: of `choice_sample`.
        seed: of draws, where its preset draws.
    """
    if not samples:
        return []
    how: Decoding = trained.decoding("choice", longest=LONGEST)
    texts = trained.write(samples, seed=seed, decoding=how)
    likely = trained.likelihood(samples).argmax(dim=1).tolist()
    return [Said(text, read_choice(text, sample.options).number, int(best))
            for text, sample, best in zip(texts, samples, likely, strict=True)]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Writing:
    """A reader that writes as a model that answers the questions of a study.

    Args:
        trained: the reader.
        by: 'writing' gives its words, for a benchmark to read; 'likelihood' the likeliest choice.
        blind: show no film: what it makes of the words alone.
    """

    trained: Trained
    by: By = "writing"
    blind: bool = False
    made_by: MadeBy = MADE_BY
    adds: tuple[str, ...] = ("questions",)

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields that it looks at."""
        return () if self.blind else ("images",)

    def __call__(self, study: Study) -> Study:
        """Add an answer to every question with choices; a refused study raises as `shown_of` does."""
        asked = [question for question in study.questions if question.choices]
        samples = [choice_sample(study, each, self.trained.preset, blind=self.blind) for each in asked]
        made = [
            self._answer(question, said) for question, said in zip(asked, said_of(self.trained, samples), strict=True)
        ]
        return study.add(questions=made, made_by=self.made_by)

    def _answer(self, question: Question, said: Said) -> Question:
        told: Any = said.text if self.by == "writing" else question.choices[said.likeliest]
        return Question(question.text, (), told, question.family, question.id, category=question.category)
