"""How a reader learns: samples as rows once, films as features once, batches by step, masked next-word loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.write import IGNORED, write_loss
from hilum.learn.reader.features import Features
from hilum.learn.reader.layout import control_tokens, row_of, vocabulary
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.trained import Made, Trained
from hilum.learn.reader.words import word_tokenizer
from hilum.learn.weak import one_thread
from hilum.nets.readers import processor_for, small_reader

BATCH, BLOCK = 32, 8
Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """Of a small reader's language model: width, layers, heads."""

    width: int = 128
    depth: int = 2
    heads: int = 4


SMALL = Size()


def small_spec(steps: int, *, rate: float = 3e-3) -> Fit:
    """Return how a small reader is fitted within a minute of a processor."""
    return Fit(steps=steps, rate=rate, bf16=False, average=0.98, warmup=0.1, decay=0.02, clip=1.0, log_every=50)


def made_small(
    samples: Sequence[Sample], preset: Preset, features: Features, *, seed: int = 0, size: Size = SMALL,
    texts: Sequence[str] = (),
) -> Made:  # fmt: skip
    """Return an untrained small reader over a frozen encoder, its words those of the samples.

    Args:
        samples: to learn from.
        preset: connector and layout.
        features: with the encoder.
        seed: of the weights.
        size: of the language model.
        texts: more words that it must know, such as those of a later stage.
    """
    tokenizer = word_tokenizer([*vocabulary(samples, preset), *texts], extra=control_tokens(preset))
    reader = small_reader(preset, tokenizer, features.encoder, width=size.width, depth=size.depth, heads=size.heads,
                          seed=seed)  # fmt: skip
    return Made(reader, processor_for(reader, tokenizer, fit=features.fit))


class Table:
    """Samples as token ids and labels, ragged, with the films of each: what batches are drawn from.

    Args:
        samples: any number, at least one.
        preset: lays them out.
        processor: of the reader.

    Raises:
        InputError: if there is no sample.
    """

    def __init__(self, samples: Sequence[Sample], preset: Preset, processor: Any) -> None:
        """Lay out every sample once."""
        if not samples:
            raise InputError("a reader needs samples to learn from: no study gave one for these tasks")
        self.ids: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.films: list[tuple[Image, ...]] = []
        for sample in samples:
            ids, labels, films = row_of(sample, preset, processor)
            self.ids.append(torch.tensor(ids))
            self.labels.append(torch.tensor(labels))
            self.films.append(tuple(films))
        self.pad = int(processor.tokenizer.pad_token_id)

    def __len__(self) -> int:
        """Samples."""
        return len(self.ids)

    def drawn(self, step: int, batch: int, *, seed: int, share: NDArray[np.float64] | None = None) -> list[int]:
        """Return the rows of a step: those of `BLOCK` steps are drawn together and shared out by their lengths.

        Rows of like length leave little padding, which would cost as much as words. The steps of a block come in a
        drawn order, so that lengths do not rise with the step.

        Args:
            step: from 0.
            batch: rows of a step.
            seed: of the draw.
            share: chance of each row; alike if None.
        """
        rng = generator(seed, "reader rows", step // BLOCK)
        picked = rng.choice(len(self), batch * BLOCK, p=share)
        picked = picked[np.argsort([len(self.ids[row]) for row in picked], kind="stable")]
        at = int(rng.permutation(BLOCK)[step % BLOCK])
        return [int(row) for row in picked[at * batch : (at + 1) * batch]]

    @property
    def images(self) -> list[Image]:
        """Every film of every sample."""
        return [film for films in self.films for film in films]

    def batch(self, rows: Sequence[int]) -> dict[str, Any]:
        """Return rows padded on the right: input_ids, attention_mask, labels (B, L), and 'films' in order."""
        longest = max(len(self.ids[row]) for row in rows)
        ids = torch.full((len(rows), longest), self.pad)
        labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
        for at, row in enumerate(rows):
            length = len(self.ids[row])
            ids[at, :length], labels[at, :length], mask[at, :length] = self.ids[row], self.labels[row], 1
        films = [film for row in rows for film in self.films[row]]
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, "films": films}


def seen_batch(batch: dict[str, Any], made: Made, features: Features | None) -> dict[str, Tensor]:
    """Return a batch of a table as the reader takes it: films as what the frozen encoder saw, or as pixels.

    Args:
        batch: of `Table.batch`.
        made: the reader and its processor.
        features: of the frozen encoder; None where the encoder learns too, or runs each time.
    """
    films = batch.pop("films")
    if not films:
        return batch
    if features is not None:
        return batch | {"pixel_values": made.reader.model.chosen(features.of(films))}
    fresh = [film.fresh() for film in films]  # a film read again is slower than one kept, but a data set is large
    return batch | {"pixel_values": made.processor.image_processor(fresh)["pixel_values"]}


def word_loss(net: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the mean cross-entropy of the next word, over the words of answers and their ends alone."""
    logits = net(**{name: each for name, each in batch.items() if name != "labels"}).logits
    return write_loss(logits, batch["labels"]), {}


def train_reader(
    samples: Sequence[Sample], preset: Preset, *, features: Features | None, fit_spec: Fit, seed: int,
    made: Made | None = None, size: Size = SMALL, batch: int = BATCH, folder: Path | None = None, resume: bool = False,
    weights: Sequence[float] | None = None, say: Say = lambda line: None,
) -> Trained:  # fmt: skip
    """Train a reader on samples and return it.

    Args:
        samples: to learn from; every answer of every turn counts.
        preset: lays them out, and says the connector.
        features: of the frozen encoder; None runs the encoder on pixels at each step, and trains what of it is not
            frozen.
        fit_spec: how long and how fast.
        seed: of weights, draws and dropout.
        made: reader and processor to go on from; a small one by default, which needs `features`.
        size: of a small one.
        batch: samples of a step.
        folder: where states go that `resume` goes on from.
        resume: go on from it.
        weights: how often each sample is drawn, relative to the others; alike if None.
        say: told the loss now and then.

    Raises:
        InputError: if there is no sample, or neither a reader nor features.
    """
    if made is None:
        if features is None:
            raise InputError("a small reader stands on a frozen encoder: give features, or a reader to go on from")
        made = made_small(samples, preset, features, seed=seed, size=size)
    whole = made
    made.reader.model.vision_tower.requires_grad_(features is None and _learns(made.reader.model.vision_tower))
    table = Table(samples, preset, made.processor)
    if features is not None:
        features.see(table.images)
    share = None if weights is None else np.asarray(weights, dtype=np.float64) / float(np.sum(weights))

    def draw(step: int) -> dict[str, Tensor]:
        return seen_batch(table.batch(table.drawn(step, batch, seed=seed, share=share)), whole, features)

    def told(step: int, row: Any) -> None:
        say(f"step {step} of {fit_spec.steps}: loss {row['loss']:.3f}")

    with one_thread():
        fit(made.reader, draw, word_loss, fit_spec, seed=seed, folder=folder, resume=resume, progress=told)
    return Trained(made.reader, made.processor, preset, features)


def _learns(tower: nn.Module) -> bool:
    """Whether any weight of an encoder is to be trained."""
    return any(weight.requires_grad for weight in tower.parameters())
