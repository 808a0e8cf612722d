"""The reader inside the package: drafts findings from films, prior and indication; a research preset.

Source: MAIRA-2 (Bannur et al., arXiv 2406.04449) for the inputs and their layout, LLaVA (Liu et al., NeurIPS 2023) for
the network. Learned from made films of simple chests, so that it knows no real film: whether it may be offered on real
ones is decided by a guard that is measured (true, blank and other patients' films) and written in its card.
Research use only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import need
from hilum.core.registry import register
from hilum.measure.verdict import Verdict
from hilum.systems._small_reader_claims import CLAIMS

if TYPE_CHECKING:
    from hilum.systems._small_reader_writer import Writer

__all__ = ["WEIGHTS", "SmallReaderSystem", "reproduce", "train", "trained"]
log = logging.getLogger(__name__)
WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "small-reader"


def train(
    *, out: str | Path, data: str | Path | None = None, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train the reader and measure its guard: see `hilum.systems._small_reader_train` for data and settings.

    Args:
        out: folder for weights, processor and card.
        data: a data set with reports as NAME:FOLDER (such as mimic-cxr:/films, or virtual:/cohort); scenes by default.
        seed: of everything drawn.
        resume: go on from the last state in the folder.
        settings: changes of `Recipe`, by name.

    Raises:
        MissingError: if torch or transformers is not installed.
        InputError: if a setting or the data cannot be used.
    """
    _needs()
    from hilum.systems._small_reader_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {}, say=log.info)


def trained(folder: str | Path | None = None) -> Writer:
    """Return a reader that drafts: the one inside the package, or one that `train` wrote.

    Raises:
        MissingError: if torch or transformers is not installed, or the folder holds no reader.
    """
    _needs()
    from hilum.systems._small_reader_writer import Writer

    return Writer.load(Path(folder) if folder else WEIGHTS)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    model: str | Path | None = None, patients: int | str = 300,
) -> Verdict:  # fmt: skip
    """Judge the guard of the shipped reader: whether what it writes depends on the films, made ones and real ones.

    Args:
        data: pack of real films; without it only made films are judged.
        seed: of the films drawn and of the bootstrap.
        say: told what is being done.
        model: folder of another reader.
        patients: made ones to judge on, none of them learned from.

    Raises:
        MissingError: if torch, transformers or the weights are missing.
    """
    _needs()
    from hilum.systems._small_reader_guard import judge_guard

    return judge_guard(trained(model), data=data, patients=int(patients), seed=seed, say=say)


def _needs() -> None:
    if find_spec("torch") is None:
        raise need("torch", "language", "the reader inside the package")
    if find_spec("transformers") is None:
        raise need("transformers", "language", "the reader inside the package")


@register.system(
    "small-reader", summary="The reader inside the package: drafts from films, prior and indication (research preset)",
    source="MAIRA-2 (arXiv 2406.04449), inputs; LLaVA (NeurIPS 2023), network",
)  # fmt: skip
class SmallReaderSystem:
    """`train` writes a reader for `hilum read --write`, `reproduce` judges whether it looks at the films."""

    claims, minutes = CLAIMS, 1.0
    train, trained, reproduce = staticmethod(train), staticmethod(trained), staticmethod(reproduce)
