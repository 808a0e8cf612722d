"""CXR-LLaVA, its encoder: labels first, then films with their labels in words. The reader comes with stages c and d.

Source: Lee et al., CXR-LLaVA: a multimodal large language model for interpreting chest X-ray images, 2024 (version 2:
ViT-L/16 of one grey channel at 512 px). Stage a learns labels by cross-entropy, missing ones masked; stage b aligns
films with a text rendering of their labels by symmetric InfoNCE. Claimed of the whole: naming findings in the prompt
raises the F1 of extracted labels, a label-pretrained encoder helps, sampling settings move the F1. What needs no reader
is judged here; the rest cannot be. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._cxr_llava_claims import LABELLED, ON_REAL, READER, untested
from hilum.systems._cxr_llava_labels import rendered

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CxrLlava", "build", "rendered", "reproduce", "train", "trained"]
TEXT = "a label-pretrained encoder helps, as far as that shows without a reader"
NOTES = (
    "only what needs no reader is judged: CXR-LLaVA's claims about prompts and sampling are not",
    "published: v2 on MIMIC-CXR, six findings, F1 0.81; on Indiana's films 0.62; no comparison with these films",
)  # fmt: skip


def build(*, published: bool = True) -> nn.Module:
    """Return the encoder, untrained: ViT-L/16 of one channel at 512 px, or the small one.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._cxr_llava_train import encoder_of, settings_of

    return encoder_of(settings_of({"preset": "published" if published else "small"}))[0]


def train(
    *, data: str | Path | None = None, out: str | Path, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train the encoder by stages a and b: see `hilum.systems._cxr_llava_train.train`.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._cxr_llava_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the encoder that `train` wrote, which gives `nets.towers.Seen` of films, and its card.

    Raises:
        MissingError: if torch is not installed, or the folder holds none.
    """
    _torch()
    from hilum.systems._cxr_llava_train import trained as read

    return read(Path(folder))


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "cxr-llava")


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 360, steps: int | str = 300, clip_steps: int | str = 150, few: int | str = 200,
    seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge what labels teach the encoder, every arm and control in one run; the reader's claims are listed untested.

    Args:
        data: pack of real films; without it that half cannot be tested.
        seed: first of the seeds.
        say: told what is being done.
        patients, steps, clip_steps, few, seeds: virtual patients, steps of the stages, films of a probe, trainings.

    Raises:
        InputError: if a size is not a whole number.
        MissingError: if torch, numba or the wheel's CT is missing, or the folder holds no real films.
    """
    count, labels, clip, probes, n = whole(patients=patients, steps=steps, clip_steps=clip_steps, few=few, seeds=seeds)
    _torch()
    from hilum.learn.pairs import join
    from hilum.systems._aligned import aligned
    from hilum.systems._cxr_llava_judge import judge_encoder

    drawn = aligned(count, say=say)
    test = join([drawn.val, drawn.test, drawn.unseen])
    parts, lines = judge_encoder(drawn.train, test, Path(data) if data else None, seed=seed, seeds=n,
                                 steps=(labels, clip), few=probes, say=say)  # fmt: skip
    return verdict(TEXT, [*parts, *untested()], notes=[*lines, *NOTES])


@register.system(
    "cxr-llava", summary="CXR-LLaVA's encoder: labels, then films with their labels in words; its reader comes later",
    source="CXR-LLaVA (Lee et al. 2024)",
)  # fmt: skip
class CxrLlava:
    """`build` and `train` make the encoder, `trained` reads it back, `reproduce` judges what labels teach it."""

    claims, minutes, fits = (*LABELLED, ON_REAL, *READER), 7.0, 2
    build, train, trained, reproduce = (staticmethod(each) for each in (build, train, trained, reproduce))
