"""The settings of the reader inside the package, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import inf
from typing import Any

from hilum.core.errors import InputError
from hilum.learn.reader.preset import Preset


@dataclass(frozen=True)
class Recipe:
    """How the reader is made.

    Args:
        patients: made ones, where no data are given.
        px: rows of the square that films are letterboxed to.
        scene_px: size of made films.
        encoder_steps: of 32 films, in which findings teach the image encoder; then it is frozen.
        steps, batch, rate: of the reader.
        vision_width, vision_layers, width, depth, heads: of the networks.
        left_out: share of samples whose lateral, prior or indication is left out, each on its own.
        wordings: in which each made report is met; reports of a data set are met as they are.
        judged: made patients that the guard is measured on.
        pack: folder of real films to judge the guard on; '' judges made films alone.
    """

    patients: int = 5000
    px: int = 80
    scene_px: int = 72
    encoder_steps: int = 2000
    steps: int = 3000
    batch: int = 32
    rate: float = 2e-3
    vision_width: int = 64
    vision_layers: int = 3
    width: int = 160
    depth: int = 3
    heads: int = 4
    left_out: float = 0.25
    wordings: int = 4
    judged: int = 300
    pack: str = ""


PRESET = Preset(
    "small-reader", source="inputs of MAIRA-2 (arXiv 2406.04449)", roles=("cur_front", "cur_lat", "prior_front"),
    sections=("indication",), missing="learned_token", connector="mlp2", crop="letterbox", tasks=("findings",),
    longest=80, decoding={"": {"longest": 90}}, training="encoder by labels, then frozen; then projection and words",
)  # fmt: skip


def resolve(changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with some settings changed.

    Raises:
        InputError: for a name that is no setting, or a value that cannot be used.
    """
    recipe = Recipe()
    for name, value in changes.items():
        if name not in asdict(recipe):
            raise InputError(f"unknown setting '{name}': choose from {', '.join(asdict(recipe))}")
        kind = type(getattr(recipe, name))
        try:
            recipe = replace(recipe, **{name: kind(value)})
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} must be {'text' if kind is str else 'a number'}, got '{value}'") from None
    least = min(
        getattr(recipe, each.name) for each in fields(recipe) if each.type == "int" and each.name != "encoder_steps"
    )
    if least < 1 or recipe.encoder_steps < 0 or not 0 < recipe.rate < inf or not 0 <= recipe.left_out < 1:
        raise InputError("numbers must be above 0 (encoder_steps may be 0), and left_out in [0, 1)")
    return recipe
