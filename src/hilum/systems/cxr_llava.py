"""CXR-LLaVA: labels first, then films with their labels in words, then a reader over the encoder that labels taught.

Source: Lee et al., CXR-LLaVA: a multimodal large language model for interpreting chest X-ray images, 2024 (version 2:
ViT-L/16 of one grey channel at 512 px). Stage a learns labels by cross-entropy, missing ones masked; stage b aligns
films with a text rendering of their labels by symmetric InfoNCE. Claimed of the whole: naming findings in the prompt
raises the F1 of extracted labels, a label-pretrained encoder helps, sampling settings move the F1. The reader is judged
on scenes, the encoder's stages on virtual patients. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import need
from hilum.core.registry import register
from hilum.measure.claim import Judged, verdict
from hilum.measure.verdict import Verdict
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._cxr_llava_claims import LABELLED, ON_REAL, READER, READER_BESIDE, untested
from hilum.systems._cxr_llava_labels import rendered

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CxrLlava", "build", "rendered", "reproduce", "train", "trained"]
TEXT = "a label-pretrained encoder helps, named findings raise the F1 of labels, sampling moves it"
NOTES = (
    "the reader here is small, learns both styles of prompt at once, and is judged on scenes",
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
    seeds: int | str = 3, scenes: int | str = 900, reader_steps: int | str = 300, workers: int | str = 2,
) -> Verdict:  # fmt: skip
    """Judge what labels teach the encoder, and the reader's claims, every arm and control in one run.

    Args:
        data: pack of real films; without it that half cannot be tested.
        seed: first of the seeds.
        say: told what is being done.
        patients, steps, clip_steps, few, seeds: virtual patients, steps of the stages, films of a probe, trainings.
        scenes, reader_steps, workers: patients and steps of the reader, and processes; 0 scenes leave it out.

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
    readers, beside, more = _readers(scenes, reader_steps, workers, seed=seed, seeds=n, say=say)
    made = verdict(TEXT, [*parts, *readers], notes=[*lines, *more, *NOTES])
    also = verdict(TEXT, beside) if beside else None
    return made if also is None else replace(made, lines=(*made.lines, *also.lines),
                                             scores={**made.scores, **also.scores})  # fmt: skip


def _readers(
    scenes: int | str, steps: int | str, workers: int | str, *, seed: int, seeds: int, say: Callable[[str], None]
) -> tuple[list[Judged], list[Judged], list[str]]:
    """The reader's claims as judged, those beside them, and lines; untested without scenes or transformers."""
    if str(scenes) == "0" or find_spec("transformers") is None:
        why = "no scenes were asked for" if str(scenes) == "0" else "transformers is not installed"
        return untested(why), [], []
    from hilum.systems._cxr_llava_reader import judge_reader
    from hilum.systems._reader_lab import SMALL, lab, scaled

    scale = scaled(SMALL, {"patients": scenes, "steps": steps, "seeds": seeds, "workers": workers, "asked": 150})
    return judge_reader(lab(scale, seed=seed, say=say), scale, seed=seed, say=say)


@register.system(
    "cxr-llava", summary="An encoder taught by labels and by labels in words, and a reader of two styles of prompt",
    source="CXR-LLaVA (Lee et al. 2024)",
)  # fmt: skip
class CxrLlava:
    """`build` and `train` make the encoder, `trained` reads it back, `reproduce` judges what labels and prompts do."""

    claims, minutes, fits = (*LABELLED, ON_REAL, *READER, *READER_BESIDE), 14.0, 2
    build, train, trained, reproduce = (staticmethod(each) for each in (build, train, trained, reproduce))
