"""A reader as the policy of a preference loop: its answers sampled, held as log-probabilities, and learned from.

An answer is its text: a control token that a reader wrote in it is learned from as an unknown word.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.learn.decode import Decoding, batch_of, logp_of
from hilum.learn.fit import Fit
from hilum.learn.objectives.prefer import Preference
from hilum.learn.objectives.write import token_logp
from hilum.learn.prefer import Pairs, judged, prefer, write_best
from hilum.learn.reader.sample import Sample, with_answer
from hilum.learn.reader.train import Table, seen_batch
from hilum.learn.reader.trained import Made, Trained
from hilum.learn.weak import one_thread
from hilum.measure.rewards import Reward
from hilum.measure.scored import Floats

BATCH, SCORED = 16, 64


def answer_logp(reader: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the log-probability of each word of the answers of a batch, (B, L - 1), and which places are words."""
    given = {name: value for name, value in batch.items() if name != "labels"}
    return token_logp(reader(**given).logits, batch["labels"])


@dataclass(frozen=True, eq=False)
class Policy:
    """A reader beside the samples whose answers are judged.

    Args:
        trained: the reader; `tuned` copies it and leaves it as it is.
        samples: each with one turn, whose answer is the reference.
        longest: most tokens of an answer.

    Raises:
        InputError: if there is no sample, or one has several turns.
    """

    trained: Trained
    samples: tuple[Sample, ...]
    longest: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", tuple(self.samples))
        wrong = [sample.key for sample in self.samples if len(sample.turns) != 1]
        if wrong or not self.samples:
            raise InputError(f"preferences are learned from samples of one turn each: {wrong[:1] or 'none'} is not")

    @property
    def references(self) -> tuple[str, ...]:
        """The right answers."""
        return tuple(sample.target for sample in self.samples)

    def build(self, answers: Sequence[tuple[int, str]]) -> dict[str, Tensor]:
        """Return (number of the sample, answer) as a batch of the reader, with labels on the answers alone."""
        held, made = self.trained, Made(self.trained.reader, self.trained.processor)
        rows = [with_answer(self.samples[number], text) for number, text in answers]
        table = Table(rows, held.preset, held.processor)
        return seen_batch(table.batch(range(len(table))), made, held.features)

    def sampled(self, count: int = 4, *, seed: int = 0, temperature: float = 1.0) -> tuple[tuple[str, ...], ...]:
        """Return `count` answers to each sample, drawn from the reader."""
        how = Decoding(samples=count, temperature=temperature, longest=self.longest)
        texts = self.trained.write(self.samples, seed=seed, decoding=how)
        return tuple(tuple(texts[at : at + count]) for at in range(0, len(texts), count))

    def judged(self, judge: Reward, candidates: Sequence[Sequence[str]]) -> Floats:
        """Return a judge's value of each candidate, (N, K)."""
        return judged(judge, self.references, candidates)

    def tuned(self, pairs: Pairs, preference: Preference, spec: Fit, *, batch: int = BATCH, seed: int = 0) -> Trained:
        """Return a reader that has learned from pairs; this one is its reference.

        Raises:
            InputError: if there is no pair.
        """
        reader = copy.deepcopy(self.trained.reader)
        with one_thread():
            prefer(reader, pairs, preference, spec, build=self.build, logp=answer_logp, batch=batch, seed=seed)
        return replace(self.trained, reader=reader)

    def rewritten(self, answers: Sequence[tuple[int, str]], spec: Fit, *, batch: int = BATCH, seed: int = 0) -> Trained:
        """Return a reader that has learned to write given answers, e.g. `prefer.best_of`: the control.

        Raises:
            InputError: if there is no answer.
        """
        reader = copy.deepcopy(self.trained.reader)
        with one_thread():
            write_best(reader, answers, spec, build=self.build, logp=answer_logp, batch=batch, seed=seed)
        return replace(self.trained, reader=reader)

    def divergence(self, tuned: Trained, *, seed: int = 0) -> Floats:
        """Return log pi(y) - log reference(y) of one answer y to each sample that a tuned reader draws, (N,).

        Its mean estimates KL(tuned || this reader). It is of the very words drawn, control tokens included.
        """
        drawn = tuned.written(self.samples, seed=seed, decoding=Decoding(temperature=1.0, longest=self.longest))
        tokenizer, found = self.trained.processor.tokenizer, list[float]()
        for start in range(0, len(drawn), SCORED):
            part = drawn[start : start + SCORED]
            ids = torch.full((len(part), max(len(each.tokens) for each in part) + 1), tokenizer.eos_token_id)
            for row, each in zip(ids, part, strict=True):
                row[: len(each.tokens)] = torch.tensor(each.tokens)
            given = batch_of(self.trained.rows(self.samples[start : start + SCORED]), tokenizer.pad_token_id)
            with torch.no_grad(), one_thread():
                # an answer that was cut off at the longest has no end
                before = logp_of(self.trained.reader, given, ids[:, : self.longest], tokenizer.eos_token_id)
            found += [each.logp - value for each, value in zip(part, before.tolist(), strict=True)]
        return np.array(found)
