"""Answers without a network: of an oracle that knows the samples, or of anything else that returns texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from hilum.learn.decode import Decoding, Written
from hilum.learn.reader.boxes import codec_of
from hilum.learn.reader.layout import control_tokens, layout, vocabulary
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.words import word_tokenizer


class Oracle:
    """Gives a text for each sample, by a rule, through a true tokenizer; and 1 to the right option.

    Args:
        preset: of the layout.
        samples: all that may be asked, with their true answers.
        says: from a sample as asked, and the true one of its key, to a text; the true last answer by default.
    """

    def __init__(
        self, preset: Preset, samples: Sequence[Sample], says: Callable[[Sample, Sample], str] | None = None
    ) -> None:
        self.preset, self.true = preset, {sample.key: sample for sample in samples}
        self.says = says or (lambda asked, true: answer_of(true, len(asked.turns) - 1, preset))
        words = [*vocabulary(samples, preset), "yes no there is not seen", *codec_of(preset.codec or "").words()]
        self.processor = SimpleNamespace(tokenizer=word_tokenizer(words, extra=control_tokens(preset)))

    def decoding(self, task: str = "", **changes: Any) -> Decoding:
        """Any decoding."""
        return Decoding(**changes)

    def written(self, samples: Sequence[Sample], *, decoding: Decoding | None = None) -> list[Written]:
        """Texts by the rule, as tokens."""
        made = []
        for sample in samples:
            text = self.says(sample, self.true[sample.key])
            ids = self.processor.tokenizer.encode(text, add_special_tokens=False)
            made.append(Written(text, tuple(ids), 0.0))
        return made

    def likelihood(self, samples: Sequence[Sample]) -> torch.Tensor:
        """One for the option that is said, 0 for others."""
        return torch.tensor(
            [[float(option == self.says(sample, sample)) for option in sample.options] for sample in samples]
        )


def answer_of(sample: Sample, turn: int, preset: Preset) -> str:
    """The true answer of a turn, boxes written in the preset's codec."""
    answered = [pieces for spoken, pieces in layout(sample, preset).runs if spoken]
    return " ".join(piece.text for piece in answered[turn])
