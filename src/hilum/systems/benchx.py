"""BenchX: one protocol of fine-tuning over nine ways to pre-train on films and reports.

Source: Zhou et al., BenchX: A Unified Benchmark Framework for Medical Vision-Language Pretraining on Chest X-Rays,
NeurIPS 2024 (arXiv 2410.21969); its configurations and converters. Methods, each with its own paper's loss: ConVIRT,
GLoRIA, REFERS, MedCLIP, MGCA, MedKLIP, M-FLAG, MRM, PTUnifier (`hilum.systems._benchx_*`).
Data: virtual patients with reports, drawn once; or a registered set with reports. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import InputError, need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._benchx_claims import CLAIMS
from hilum.systems._chestx_ray8_films import whole

if TYPE_CHECKING:
    from hilum.systems._benchx_method import Method
    from hilum.systems._benchx_reader import Reader

__all__ = ["BenchX", "build", "reader", "released", "reproduce", "train"]
TEXT = "one protocol over nine alignment methods changes the ranking the papers give"
NOTES = (
    "small encoders, hundreds of steps, virtual patients: of the published networks and data nothing is judged here",
    "a share is of patients, as BenchX's shares of films should be: 1 % of 174 is two patients",
    "pre-training has one rate and one length for all methods; only the fine-tuning is searched, as in BenchX",
    "of the methods' texts none is a pre-trained language model: a frozen text (M-FLAG, MedKLIP) is a random one",
)


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "the methods of benchx")


def build(*, method: str = "convirt", words: tuple[str, ...] = ("effusion",), width: int = 96) -> Method:
    """Return a method's network over small encoders, untrained.

    Args:
        method: one of the nine.
        words: vocabulary of the text encoder.
        width: of both encoders.

    Raises:
        InputError, MissingError: if there is no such method, or no torch.
    """
    _torch()
    from hilum.learn.wording import Wording
    from hilum.systems._benchx_pretrain import network
    from hilum.systems._benchx_reading import Scale

    return network(method, Wording(words), ("pleural effusion",), Scale(width=width))


def train(
    *, data: str | Path | None = None, out: str | Path, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Pre-train one method and fit its heads: see `hilum.systems._benchx_train.train`.

    Raises:
        MissingError: if torch, or what the data need, is missing.
    """
    _torch()
    from hilum.systems._benchx_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def reader(folder: str | Path) -> Reader:
    """Return a model that `train` wrote, ready for any task of benchx.

    Raises:
        MissingError: if torch is not installed, or the folder holds no such model.
    """
    _torch()
    from hilum.systems._benchx_files import load

    return load(Path(folder))


def released(method: str, folder: str | Path) -> Any:
    """Return a method's published image encoder, from weights that you have got and converted to safetensors.

    Args:
        method: one of the nine.
        folder: that holds model.safetensors with the tensors as released; docs/benchx.md says which file that is.

    Raises:
        InputError, MissingError: if there is no such method, or its weights are missing or laid out otherwise.
    """
    _torch()
    from hilum.systems._benchx_release import released as load

    return load(method, Path(folder))


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    methods: str = "", modes: str = "frozen,tuned", size: int | str = 112, patients: int | str = 360,
    steps: int | str = 80, seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge the ranking: nine methods, two recipes, three shares of patients, frozen and tuned, in one run.

    Args:
        data: registered set with reports, as 'mimic-cxr:/path', instead of virtual patients.
        seed: of the first pre-training, and of the bootstrap.
        say: told what is being done.
        methods: some of the nine, with commas; all by default.
        modes: 'frozen' (linear probes), 'tuned' (encoders too), or both with a comma.
        size, patients, steps, seeds: rows of a film, virtual patients, steps of pre-training, runs of each method.

    Raises:
        InputError: if a choice cannot be used.
        MissingError: if torch, numba or the CT of the virtual patients is missing.
    """
    px, count, updates, n = whole(size=size, patients=patients, steps=steps, seeds=seeds)
    _torch()
    from hilum.systems._benchx_pretrain import METHODS
    from hilum.systems._benchx_run import run

    chosen, ways = (tuple(filter(None, map(str.strip, said.split(",")))) for said in (methods, modes))
    chosen = chosen or tuple(METHODS)
    unknown = [each for each in chosen if each not in METHODS] + [w for w in ways if w not in ("frozen", "tuned")]
    if unknown or px % 16 or px < 64 or min(count, updates, n) < 1:
        raise InputError(f"methods are some of {', '.join(METHODS)}, modes 'frozen' or 'tuned', films measure a "
                         f"multiple of 16 from 64, numbers are 1 or more: got {', '.join(unknown) or px}")  # fmt: skip
    parts, beside, lines, figures = run(data, chosen, modes=ways, seed=seed, seeds=n, size=px, patients=count,
                                        steps=updates, say=say)  # fmt: skip
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


@register.system(
    "benchx", summary="Nine ways to pre-train on films and reports under one protocol of fine-tuning",
    source="BenchX (Zhou et al., NeurIPS 2024)",
)  # fmt: skip
class BenchX:
    """`reproduce` judges the ranking, `train` makes a model of one method, `reader` opens it for `hilum bench`."""

    claims, minutes = CLAIMS, 15.0
    build, train, reader = staticmethod(build), staticmethod(train), staticmethod(reader)
    released, reproduce = staticmethod(released), staticmethod(reproduce)
