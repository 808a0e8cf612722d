"""The experiment of BenchX: every encoder fine-tuned under the same recipes, and what each says of the test films."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from hilum.learn.label_trunk import LabelNet, fit_labels, seen
from hilum.learn.pairs import Pairs
from hilum.learn.transfer import Labelled, choose, fine_tune, kept_patients, predicted, tunings
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.nets.towers import SmallImage
from hilum.systems._benchx_claims import RANDOM, SUPERVISED
from hilum.systems._benchx_method import Method
from hilum.systems._benchx_pretrain import pretrain, small_image
from hilum.systems._benchx_protocol import DEFAULT, FROZEN, SEARCHED, TUNED, Cell, Cells, Protocol, Split
from hilum.systems._benchx_reading import Scale


def encoders(
    split: Split, wording: Wording, scale: Scale, protocol: Protocol, *, seed: int, say: Callable[[str], None]
) -> dict[str, tuple[SmallImage, Method | None]]:
    """Return every arm's image encoder of one seed, with its method where it has one."""
    torch.manual_seed(seed)
    made: dict[str, tuple[SmallImage, Method | None]] = {RANDOM: (small_image(scale).eval(), None)}
    torch.manual_seed(seed)
    taught = LabelNet(small_image(scale), scale.width, len(split.train.names))
    frontal = split.train.take(split.train.frontal)
    fit_labels(taught, frontal, steps=scale.steps, seed=seed, rate=scale.rate)
    made[SUPERVISED] = (_small(taught.encoder), None)
    for name in protocol.methods:
        method = pretrain(name, split.train, wording, scale, seed=seed)
        made[name] = (_small(method.image), method)
        say(f"seed {seed}: {name} has learnt from {len(frontal)} films and their reports")
    return made


def _small(encoder: torch.nn.Module) -> SmallImage:
    assert isinstance(encoder, SmallImage)
    return encoder.requires_grad_(True).eval()


def run_cells(
    cells: Cells, arms: Mapping[str, tuple[SmallImage, Method | None]], split: Split, protocol: Protocol, *, seed: int,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Fine-tune every arm of one seed in every way, and keep what it says of the test films."""
    train = split.train.take(split.train.frontal)
    for arm, (encoder, _) in arms.items():
        with one_thread():
            parts = {"train": train, "val": split.val, "test": split.test, "real": split.real}
            views = {name: _features(encoder, pairs) for name, pairs in parts.items() if pairs is not None}
        for share in protocol.fractions:
            rows = kept_patients(train.patient, share, seed=seed)
            if FROZEN in protocol.modes:
                _probe(cells, arm, share, {**views, "train": views["train"].take(rows)}, protocol, seed)
            if TUNED in protocol.modes:
                _whole(cells, arm, share, encoder, train.take(rows), split, protocol, seed)
        say(f"seed {seed}: {arm} is fine-tuned at {', '.join(f'{100 * s:g} %' for s in protocol.fractions)}")


def _features(encoder: SmallImage, pairs: Pairs) -> Labelled:
    return Labelled(seen(encoder, pairs.films).pooled.numpy(), pairs.target, pairs.known)


def _probe(cells: Cells, arm: str, share: float, data: Mapping[str, Labelled], protocol: Protocol, seed: int) -> None:
    width = data["train"].inputs.shape[1]
    with one_thread():
        tried = tunings(protocol.probe, **protocol.searched)
        found = choose(None, data["train"], data["val"], tried, width=width, seed=seed)
        for recipe, net in ((DEFAULT, found.nets[tried.index(protocol.probe)]), (SEARCHED, found.net)):
            cells.add(Cell(FROZEN, share, recipe), arm, predicted(net, data["test"].inputs))
        if share == 1.0 and "real" in data:
            cells.real.setdefault(arm, []).append(predicted(found.net, data["real"].inputs).astype(np.float64))
    cells.spread.setdefault(arm, []).append(found.spread)
    how = f"norm {'on' if found.how.norm else 'off'}, start {'tiny' if found.how.truncated else 'plain'}"
    how = f"{how}, rate {found.how.rate:g}"
    counts = cells.chosen.setdefault(arm, {})
    counts[how] = counts.get(how, 0) + 1


def _whole(
    cells: Cells, arm: str, share: float, encoder: SmallImage, train: Pairs, split: Split, protocol: Protocol,
    seed: int,
) -> None:  # fmt: skip
    made = []
    for changes in ({}, *protocol.whole_searched):
        how = replace(protocol.whole, **changes)  # type: ignore[arg-type]
        net, value = fine_tune(
            encoder, Labelled.films(train), Labelled.films(split.val), how, width=encoder.width, seed=seed
        )
        with one_thread():
            made.append((value, predicted(net, split.test.films)))
    best = max(range(len(made)), key=lambda at: (made[at][0], -at))
    cells.add(Cell(TUNED, share, DEFAULT), arm, made[0][1])
    cells.add(Cell(TUNED, share, SEARCHED), arm, made[best][1])
