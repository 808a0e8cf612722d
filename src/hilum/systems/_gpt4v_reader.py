"""Our own small reader as a backend of the study: one net that writes, answers and points, and is shown examples.

It is trained with every prompt family in turn, so that it knows what examples are for. They stand where the preset has
a retrieved case: another patient's text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.seed import generator
from hilum.learn.outside.asking import Asking, Said
from hilum.systems._gpt4v_cohort import FAMILIES, Case, examples
from hilum.systems._gpt4v_run import question_examples

if TYPE_CHECKING:
    from hilum.learn.reader.preset import Preset
    from hilum.learn.reader.sample import Sample
    from hilum.learn.reader.trained import Trained

READER = "small reader"
_ASKED = {"findings": "Write the findings.", "answer": "{question}", "phrase_to_box": "Where is the {question}?"}
_LONGEST = 100


def preset() -> Preset:
    """Return how the reader's prompts are laid out: a frontal film, examples, a question; boxes as pixels in text."""
    from hilum.learn.reader.presets import PROMPT_STUDY

    return PROMPT_STUDY.changed(sections=("retrieved_case",), crop="letterbox", longest=_LONGEST,
                                tasks=("findings", "presence", "phrase_to_box"))  # fmt: skip


def sample_of(asking: Asking, key: str, answer: object = "") -> Sample:
    """Return a request as a sample of the reader, with its answer where it is known."""
    from hilum.learn.reader.roles import Shown
    from hilum.learn.reader.sample import Sample, Turn

    question = _ASKED[asking.task].format(question=asking.question)
    told = {"retrieved_case": " ".join(asking.examples)} if asking.examples else {}
    task = "presence" if asking.task == "answer" else asking.task
    role, film = asking.films[0]
    return Sample(key, key, key, task, (Shown(role, film),), (Turn(question, answer),), told)  # type: ignore[arg-type]


def samples(train: Sequence[Case], *, seed: int) -> list[Sample]:
    """Return what the reader learns from: each case's report under two prompt families, its questions, its boxes."""
    from hilum.learn.reader.sample import Located

    made: list[Sample] = []
    for case in train:
        films = (("cur_front", case.film),)
        random = generator(seed, "families", case.study.id)
        for turn, number in enumerate(random.permutation(len(FAMILIES))[:2]):
            shown = examples(FAMILIES[int(number)], case, train, seed=seed + 1000 + turn)
            made.append(sample_of(Asking("findings", films, examples=shown), f"w{turn}-{case.study.id}", case.text))
        for place, question in enumerate((*case.closed, *case.open)):
            family = FAMILIES[0] if random.integers(2) else FAMILIES[-1]
            shown = question_examples(family, question, case, train, seed=seed + 1000)
            asking = Asking("answer", films, question=question.text, examples=shown)
            made.append(sample_of(asking, f"q{place}-{case.study.id}", f"{question.answer}."))
        for place, (words, box) in enumerate(case.phrases):
            asking = Asking("phrase_to_box", films, question=words)
            made.append(sample_of(asking, f"b{place}-{case.study.id}", (Located("", (box,)),)))
    return made


@dataclass(frozen=True, eq=False)
class SmallReader:
    """A trained reader that answers requests, many at once."""

    trained: Trained
    name: str = READER

    def __call__(self, asking: Asking) -> Said:
        """Return the answer to one request."""
        return self.together([asking])[0]

    def together(self, asked: Sequence[Asking]) -> list[Said]:
        """Return the answers to requests, in order."""
        from hilum.learn.reader.answers import read_answer, written

        rows = [sample_of(each, str(number)) for number, each in enumerate(asked)]
        found = self.trained.written(rows, decoding=self.trained.decoding(longest=_LONGEST))
        said = []
        for row, each, answer in zip(rows, asked, found, strict=True):
            boxes: tuple[Box, ...] = ()
            if each.task == "phrase_to_box":
                text = written(answer.tokens, self.trained.processor.tokenizer)
                boxes = read_answer(text, self.trained.preset, row.shown[0]).boxes
            said.append(Said(answer.text, boxes, MadeBy(self.name)))
        return said


def trained_reader(train: Sequence[Case], *, steps: int, seed: int, say: Callable[[str], None]) -> SmallReader:
    """Return a reader taught from the training cases over an encoder that their labels taught.

    Args:
        train: cases.
        steps: of the reader, 32 samples each.
        seed: of everything.
        say: told of progress.
    """
    from hilum.learn.reader.encoder import label_encoder
    from hilum.learn.reader.features import Features
    from hilum.learn.reader.train import small_spec, train_reader

    features = Features(label_encoder([case.study for case in train], seed=seed, say=say))
    learned = train_reader(samples(train, seed=seed), preset(), features=features, fit_spec=small_spec(steps),
                           seed=seed)  # fmt: skip
    return SmallReader(learned)
