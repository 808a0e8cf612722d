"""Libra: findings beside a prior film, through a connector that lets the current film ask the prior one.

Source: Zhang et al., Libra: Leveraging Temporal Images for Biomedical Radiology Analysis, ACL Findings 2025. Method: a
frozen encoder's hidden states of all layers are mixed into one, both films look at themselves, the current one asks the
prior one, and four linear layers lead to the language model; without a prior the current film is its own. Here each
film keeps a slot in the prompt (the prior's holds one learned vector), where the published connector gives both one.
Data: scenes drawn in milliseconds, or any data set with reports and dates. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._libra_claims import BESIDE, CLAIMS, CONTROLS

if TYPE_CHECKING:
    from hilum.learn.reader.trained import Trained
    from hilum.systems._reader_published import Published

__all__ = ["Libra", "build", "published", "reproduce", "train", "trained"]
TEXT = "temporal input through the connector beats a single image and plain concatenation"
NOTES = (
    "published (MIMIC-CXR findings, Libra-7B): temporal F1 35.3, ROUGE-L 36.7, RadGraph 37.6; of other films and a "
    "language model a thousand times as large, so not comparable with any number here",
    "small scale: one stage, all but the encoder trained; published: connector first, then low-rank adapters",
    "small scale is decoded greedily; published figures are of 10 beams with length penalty 2",
)


def build() -> Any:
    """Return the reader at its published sizes on torch's 'meta' device: to count and to check, without weights.

    Raises:
        MissingError: if torch or transformers is not installed.
    """
    _installed()
    from hilum.systems._reader_published import empty

    return empty("libra")


def train(
    *, out: str | Path, data: str | Path | None = None, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train a reader: see `hilum.systems._reader_train.train` for data, and `Recipe` there for settings.

    Raises:
        MissingError: if torch or transformers is not installed.
    """
    _installed()
    from hilum.systems._reader_train import train as run

    return run("libra", data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> Trained:
    """Return what `train` wrote.

    Raises:
        MissingError: if torch or transformers is not installed, or the folder holds no reader.
    """
    _installed()
    from hilum.learn.reader.trained import Trained

    return Trained.load(Path(folder))


def published(folder: str | Path | None = None) -> Published:
    """Return the authors' reader from weights that you have got: docs/libra.md says how. Not run against them here.

    Args:
        folder: with config.json, tokenizer and safetensors; 'libra' in the folder that HILUM_WEIGHTS names by default.

    Raises:
        MissingError: if torch, transformers or the weights are missing.
        InputError: if the tensors are not laid out as the authors' code says.
    """
    _installed()
    from hilum.systems._reader_published import load_published

    return load_published("libra", folder)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 900, steps: int | str = 300, encoder_steps: int | str = 800, width: int | str = 96,
    asked: int | str = 300, seeds: int | str = 3, workers: int | str = 2,
) -> Verdict:  # fmt: skip
    """Judge Libra's claim on scenes, every arm, control and guard in one run.

    Args:
        data: of no effect: what is true of a scene is known, of a report only what it says.
        seed: of the scenes, the bootstrap and the first training.
        say: told what is being done.
        patients, steps, encoder_steps, width, asked, seeds, workers: scenes, optimiser steps of an arm and of the
            encoder's label training, width of the language model, test studies, trainings of each arm, processes.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch or transformers is not installed.
    """
    _installed()
    from hilum.systems._libra_judge import judge_libra
    from hilum.systems._reader_lab import SMALL, lab, scaled

    scale = scaled(SMALL, {"patients": patients, "steps": steps, "encoder_steps": encoder_steps, "width": width,
                           "asked": asked, "seeds": seeds, "workers": workers})  # fmt: skip
    bench = lab(scale, seed=seed, say=say)
    parts, controls, beside, lines, figures = judge_libra(bench, scale, seed=seed, say=say)
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, [*controls, *beside])
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


def _installed() -> None:
    for package, extra in (("torch", "train"), ("transformers", "language")):
        if find_spec(package) is None:
            raise need(package, extra, "libra")


@register.system(
    "libra", summary="Findings beside a prior film, through a temporal connector",
    source="Libra (Zhang et al., ACL Findings 2025)",
)  # fmt: skip
class Libra:
    """`train` makes a reader that compares, `reproduce` judges what its connector is worth."""

    claims, minutes, fits = (*CLAIMS, *CONTROLS, *BESIDE), 20.0, 1
    build, train, trained = staticmethod(build), staticmethod(train), staticmethod(trained)
    published, reproduce = staticmethod(published), staticmethod(reproduce)
