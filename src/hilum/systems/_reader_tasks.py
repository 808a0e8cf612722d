"""What recipes of mixed reader tasks share: scenes and encoder, samples by task, arms of one start, scored answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.reader.answers import written
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.layout import vocabulary
from hilum.learn.reader.material import placed, present
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import made_small, small_spec, train_reader
from hilum.learn.reader.trained import Trained
from hilum.phantom.scenes import scenes, split_of

Say = Callable[[str], None]
Item = TypeVar("Item")
Sets = Mapping[str, Sequence[Sample]]
IOU = 0.5
LOCAL = ("phrase_to_box", "box_to_phrase")
"""Tasks of which every finding with a box gives a sample, not one finding of each study."""


@dataclass(frozen=True, eq=False)
class Bench:
    """Studies of made patients, no patient in both parts, and what a frozen encoder sees of their films."""

    train: tuple[Study, ...]
    test: tuple[Study, ...]
    features: Features


def bench_of(patients: int, *, seed: int, size: int = 64, steps: int = 600, say: Say = lambda line: None) -> Bench:
    """Draw scenes and teach the encoder that every arm stands on.

    Args:
        patients: those of the split 'val' are left out.
        seed: of scenes and encoder.
        size: columns of a film.
        steps: of the encoder.
        say: told what is being done.

    Raises:
        InputError: if there are too few patients for both parts.
    """
    say(f"drawing the scenes of {patients} patients")
    drawn = scenes(patients, seed=seed, size=size)
    train, test = (tuple(each for each in drawn if split_of(each.patient) == name) for name in ("train", "test"))
    if not train or not test:
        raise InputError(f"{patients} patients are too few to learn from some and judge on others: give more")
    return Bench(train, test, Features(label_encoder(train, steps=steps, seed=seed, say=say)))


def samples_of(name: str, studies: Sequence[Study], preset: Preset, *, seed: int, rounds: int = 1) -> list[Sample]:
    """Return the samples of a task: one of each study and round, or of each finding with a box for `LOCAL` tasks."""
    made: list[Sample] = []
    for study in studies:
        for number in range(rounds):
            for about in _each(name, study):
                rng = generator(seed, "reader task", name, study.id, str(number), about.findings[-1].concept)
                sample = build(name, about, preset, rng)
                if sample is not None:
                    made.append(replace(sample, key=f"{sample.key}/{len(made)}"))
    return made


def _each(name: str, study: Study) -> list[Study]:
    if name not in LOCAL:
        return [study] if study.findings else []
    return [replace(study, findings=(finding,)) for finding, _ in placed(study, present(study))]


def some(samples: Sequence[Item], count: int, *, seed: int) -> list[Item]:
    """Return a number of samples by a drawn order, so that fewer are among more."""
    order = np.random.default_rng(seed).permutation(len(samples))[:count]
    return [samples[int(at)] for at in sorted(order)]


def taught(
    bench: Bench, preset: Preset, sets: Sets, every: Sequence[Sample], *, steps: int, seed: int,
    shares: Mapping[str, float] | None = None,
) -> Trained:  # fmt: skip
    """Train one arm; arms of one seed begin with the same words and weights, whatever they learn from.

    Args:
        bench: with the encoder.
        preset: of the layout.
        sets: samples by task.
        every: samples of all arms, for the words.
        steps: of the fit, as many in arms that are compared.
        seed: of weights and draws.
        shares: of a step's samples by task; alike if None.
    """
    made = made_small(every, preset, bench.features, seed=seed, texts=vocabulary(every, preset))
    rows = [sample for samples in sets.values() for sample in samples]
    weights = [(shares or {}).get(name, 1.0) / len(samples) for name, samples in sets.items() for _ in samples]
    return train_reader(rows, preset, features=bench.features, fit_spec=small_spec(steps), seed=seed, made=made,
                        weights=weights)  # fmt: skip


def answers(reader: Trained, samples: Sequence[Sample], *, longest: int = 90) -> list[str]:
    """Return greedy answers with what boxes are written in."""
    how = reader.decoding(longest=longest)
    return [written(each.tokens, reader.processor.tokenizer) for each in reader.written(samples, decoding=how)]
