"""MLRG, first stage: an encoder taught by contrast over views of a study and the film before it.

Source: Liu et al., Enhanced Contrastive Learning with Multi-view Longitudinal Data for Chest X-ray Report Generation,
CVPR 2025. Method: a frozen image encoder's tokens know their view and time; the anchor film looks at every other film
of its study and at the latest earlier one; what comes out is contrasted with the report as entity sequence (L_G), and
films of a study with each other (L_MPC). Stage 2, a reader with absence tokens, is `stage=reader`.
Data: virtual patients, or any data set with reports, views and dates. Research use only.
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
from hilum.systems._mlrg_claims import BESIDE, CLAIMS

if TYPE_CHECKING:
    from hilum.nets.views import ViewFusion
    from hilum.systems._mlrg_published import Published
    from hilum.systems._mlrg_train import Stage

__all__ = ["MlrgSystem", "build", "published", "reproduce", "train", "trained"]
TEXT = "contrast over views and time teaches an encoder more than one view does"
NOTES = (
    "multi-view longitudinal contrast improves reports: cannot be tested here, since the reader stands on other films",
    "absence tokens for a missing indication or prior: `--set stage=reader` judges them",
    "published ablation (MIMIC-CXR, CheXbert F1): full .505, no stage 1 .373, single view without L_MPC .498, no "
    "prior image .503; of the reader, so not the numbers here",
    "the image encoder is frozen, as published; here it is small and knows the findings' labels of the training films",
)


def build(**sizes: int) -> ViewFusion:
    """Return the fusion at its published sizes over RAD-DINO, untrained; sizes of `nets.views.FusionSize` by name.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.nets.views import FusionSize, ViewFusion

    return ViewFusion(FusionSize(**sizes))


def train(
    *, out: str | Path, data: str | Path | None = None, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train the first stage: see `hilum.systems._mlrg_train.train` for data, and `Recipe` there for settings.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._mlrg_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> Stage:
    """Return what `train` wrote: image encoder, network, words and card.

    Raises:
        MissingError: if torch is not installed, or the folder holds none.
    """
    _torch()
    from hilum.systems._mlrg_train import trained as read

    return read(Path(folder))


def published(folder: str | Path | None = None, **heads: int) -> Published:
    """Return the authors' first stage from a checkpoint that you have got and converted: docs/mlrg.md says how.

    Args:
        folder: that holds model.safetensors; 'mlrg' in the folder that HILUM_WEIGHTS names by default.
        heads: where they are not the published ones: `heads`, of both encoders (12), and `fusion_heads` (8).

    Raises:
        MissingError: if torch or the weights are missing.
        InputError: if the tensors are not laid out as the authors' code says.
    """
    _torch()
    from hilum.systems._mlrg_published import load_published

    return load_published(folder, **heads)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = "", size: int | str = 112, steps: int | str = "", trunk_steps: int | str = "",
    seeds: int | str = 3, stage: str = "encoder",
) -> Verdict:  # fmt: skip
    """Judge one stage on patients that no arm learns from, every control in one run.

    Args:
        data: of no effect yet: the pack's films have no reports, second views or dates.
        seed: of the patients, the bootstrap and the first training.
        say: told what is being done.
        patients, size, steps, trunk_steps, seeds: virtual patients, rows of a film, optimiser steps of an arm and of
            the frozen encoder, trainings of each arm; the stage's own where empty.
        stage: 'encoder', the first, or 'reader', the second (ported): on scenes.

    Raises:
        InputError, MissingError: if a choice cannot be used; if a package or the wheel's CT is missing.
    """
    _torch()
    sizes = {"patients": patients, "steps": steps, "trunk_steps": trunk_steps}
    given = {name: value for name, value in sizes.items() if value != ""}
    if stage != "encoder":
        from hilum.systems._reader_cells import second_stage

        return second_stage("mlrg", stage, seed=seed, seeds=seeds, settings=given, say=say)
    if find_spec("numba") is None:
        raise need("numba", "drr", "judging mlrg")
    from hilum.systems._mlrg_judge import judge_mlrg
    from hilum.systems._mlrg_parts import parts_of
    from hilum.systems._stage1 import Stage1, resolve

    recipe = resolve(Stage1(), {"patients": 360, "steps": 240, "trunk_steps": 200, **given, "size": size})
    learned, asked, words = parts_of(recipe, seed=seed, say=say)
    parts, beside, lines, figures = judge_mlrg(
        learned, asked, len(words), recipe, seed=seed, seeds=max(1, int(seeds)), say=say
    )
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "the first stage of mlrg")


@register.system(
    "mlrg", summary="An encoder taught by contrast over views of a study and the film before it (stage 1)",
    source="MLRG (Liu et al., CVPR 2025)",
)  # fmt: skip
class MlrgSystem:
    """`train` writes an encoder for a reader to go on from, `reproduce` judges what stage 1 can show."""

    claims, minutes = (*CLAIMS, *BESIDE), 8.0
    build, train, trained = staticmethod(build), staticmethod(train), staticmethod(trained)
    published, reproduce = staticmethod(published), staticmethod(reproduce)
