"""RadZero: sentences find their place in a film by likeness alone; one map classifies, points and outlines.

Source: Park et al., RadZero: Similarity-Based Cross-Attention for Explainable Vision-Language Alignment in Chest X-ray
with Zero-Shot Multi-Task Capability (arXiv 2504.07416).
Method: `hilum.nets.similarity` (VL-CABS) over a frozen encoder, minimal sentences by rules (`hilum.text.minimal`, where
the paper asks a language model), MP-NCE. Data: virtual patients, a drawn cohort, or any registered data set with
reports. Published at 518 px over DINOv2-base; the claim is judged small, over an encoder that labels taught. Research
use only.
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
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._radzero_claims import CLAIMS

if TYPE_CHECKING:
    from torch import nn

    from hilum.systems._radzero_model import Model

__all__ = ["RadZero", "aligned", "authors", "build", "reproduce", "train"]
TEXT = "similarity-based cross-attention gives better zero-shot classification, grounding and segmentation"
NOTES = (
    "the encoder is taught by labels of virtual films, where the paper's is self-taught on real ones: no figure of the "
    "paper can be compared",
    "Dice at a level chosen on validation films; the paper's threshold is swept on the test set",
)


def build(*, width: int = 64, words: int = 200, how: str = "similarity") -> nn.Module:
    """Return the small network that the claim is judged with, untrained.

    Args:
        width: of texts and tokens.
        words: of its vocabulary.
        how: a text reads a film: similarity (VL-CABS), learned, cls or mean.

    Raises:
        InputError: if there is no such way.
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.nets.similarity import Aligner
    from hilum.nets.towers import SmallImage, SmallText

    return Aligner(SmallImage(width), SmallText(words, width), width=width, how=how)  # type: ignore[arg-type]


def train(
    *, data: str | Path | None = None, out: str | Path, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train on virtual patients, a drawn cohort or 'name:/path': see `hilum.systems._radzero_train`.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._radzero_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def aligned(folder: str | Path) -> Model:
    """Return the model that `train` wrote, to be asked in words.

    Raises:
        MissingError: if torch is not installed, or the folder holds no such model.
    """
    _torch()
    from hilum.systems._radzero_folder import read

    return read(Path(folder))


def authors(folder: str | Path | None = None) -> Model:
    """Return the authors' model (Deepnoid/RadZero, non-commercial) from a folder that you have got yourself.

    Args:
        folder: with config.json, model.safetensors and tokenizer; 'radzero' in the one that HILUM_WEIGHTS names.

    Raises:
        MissingError: if torch, transformers or the weights are missing.
        InputError: if the tensors are not laid out as the authors' code says (the first mismatch).
    """
    _torch()
    from hilum.systems._radzero_published import authors as load

    return load(folder)


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "radzero")


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 360, size: int | str = 112, steps: int | str = 200, width: int | str = 64,
    seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge classification, pointing, outlining and sides on a family of anatomy that nothing learned from.

    Args:
        data: pack of real films; without it the real half cannot be tested.
        seed: of the patients, the bootstrap and the first training.
        say: told what is being done.
        patients, size, steps, width, seeds: virtual patients, rows of a film, steps of each arm, width, trainings.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch, numba or the CT of two families is missing.
    """
    count, px, updates, wide, n = whole(patients=patients, size=size, steps=steps, width=width, seeds=seeds)
    if px % 16 or wide % 8:
        raise InputError(f"films measure a multiple of 16 pixels and width is one of 8, got {px} and {wide}")
    _torch()
    from hilum.systems._aligned import aligned as films
    from hilum.systems._radzero_fit import Size
    from hilum.systems._radzero_judge import judge_radzero

    root = Path(data) if data and (Path(data) / "manifest.csv").is_file() else None
    made = films(count, size=px, seed=seed, say=say)
    parts, beside, lines, figures = judge_radzero(
        made, root, size=Size(width=wide, steps=updates), seed=seed, seeds=n, say=say
    )
    told, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(told, lines=(*told.lines, *more.lines), scores={**told.scores, **more.scores}, figures=figures)


@register.system(
    "radzero", summary="Sentences find findings in films by likeness: zero-shot classes, boxes and outlines",
    source="RadZero (arXiv 2504.07416)",
)  # fmt: skip
class RadZero:
    """`train` aligns films and sentences, `aligned` opens what it wrote, `reproduce` judges the claim."""

    claims, minutes, next_step = CLAIMS, 6.0, "hilum read --ask 'pleural effusion' --model {out} --example"
    build, train, aligned = staticmethod(build), staticmethod(train), staticmethod(aligned)
    authors, reproduce = staticmethod(authors), staticmethod(reproduce)
