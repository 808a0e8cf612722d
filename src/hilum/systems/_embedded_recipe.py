"""Every choice behind the embedded model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hilum.core.errors import InputError
from hilum.learn.augment import Augment
from hilum.learn.fit import Fit
from hilum.learn.insert import Insert


@dataclass(frozen=True)
class Recipe:
    """All choices of a training run.

    Args:
        size: side of the network's input in pixels.
        small: side during the first, faster fit.
        first, second, third: the fits of the whole network; the first on small frames.
        fourth: the fit with opacities drawn into films, once there are lung masks to draw them in.
        insert: how they are drawn.
        lungs: the fit of the decoder alone, run twice: on drawn masks, then with its own on other films.
        batch: films per step.
        shares: share of a batch per group of films; groups that are not there leave theirs to the others.
        loss: weight of each loss.
        lung_shares: share of a batch per group while the decoder is fitted alone.
        shadow_shares: share of a batch in the fourth fit, where NIH films come alike by view and label.
        sure: share of a film's pixels that must be sure before a mask the model drew is used.
        pseudo: weight of lung masks the model drew itself on films that have none.
        simulated, refused: pictures made of each kind (simulated: per CT).
        limit: at most this many films per source, 0 for all (for tests).
        photos: a folder of photographs to refuse; '' leaves them out.
        virtual: a folder that 'hilum draw --cohort' wrote, whose training films are learned from too; '' for none.
        imagenet: start from ImageNet weights.
        threads: of the CPU.
    """

    size: int = 256
    small: int = 160
    first: Fit = field(default_factory=lambda: Fit(steps=500, rate=1e-3, slow=0.5))
    second: Fit = field(default_factory=lambda: Fit(steps=460, rate=6e-4, slow=0.6))
    third: Fit = field(default_factory=lambda: Fit(steps=220, rate=4e-4, slow=0.6, warmup=0.08, average=0.99))
    fourth: Fit = field(default_factory=lambda: Fit(steps=300, rate=5e-4, slow=0.7, warmup=0.08, average=0.99))
    lungs: Fit = field(default_factory=lambda: Fit(steps=250, rate=3e-3, warmup=0.1, average=0.98))
    batch: int = 32
    shares: Mapping[str, float] = field(
        default_factory=lambda: {
            "nih512": 0.32, "nih64": 0.17, "nih_single": 0.001, "kermany224": 0.14, "kermany_full": 0.01,
            "hannover": 0.05, "hannover/mask": 0.10, "simulated": 0.10, "refused": 0.11,
            "virtual": 0.12,
        }
    )  # fmt: skip
    loss: Mapping[str, float] = field(
        default_factory=lambda: {
            "findings": 1.0, "opacity": 0.7, "chest": 0.5, "inverted": 0.3, "rotation": 0.3, "view": 0.5, "lung": 1.0,
        }
    )  # fmt: skip
    augment: Augment = field(default_factory=Augment)
    insert: Insert = field(default_factory=Insert)
    lung_shares: Mapping[str, float] = field(
        default_factory=lambda: {
            "hannover/mask": 0.5, "hannover": 0.1, "nih512": 0.15, "nih64": 0.05, "kermany224": 0.15,
            "virtual": 0.2,
        }
    )  # fmt: skip
    shadow_shares: Mapping[str, float] = field(
        default_factory=lambda: {
            **{f"nih512/{view}/{label}": 0.085 for view in ("PA", "AP") for label in ("clear", "opaque")},
            **{f"nih64/{view}/{label}": 0.03 for view in ("PA", "AP") for label in ("clear", "opaque")},
            "nih512": 0.04, "nih64": 0.01, "kermany224": 0.18, "kermany_full": 0.01, "hannover": 0.04,
            "hannover/mask": 0.08, "simulated": 0.08, "refused": 0.1, "virtual": 0.12,
        }
    )  # fmt: skip
    pseudo: float = 0.3
    sure: float = 0.75
    simulated: int = 130
    refused: int = 900
    limit: int = 0
    photos: str = ""
    virtual: str = ""
    imagenet: bool = True
    threads: int = 2


QUICK = Recipe(
    size=64, small=64, first=Fit(steps=2, log_every=1), second=Fit(steps=2, log_every=1),
    third=Fit(steps=2, log_every=1), fourth=Fit(steps=2, log_every=1), lungs=Fit(steps=2, log_every=1),
    batch=8, simulated=2, refused=8, limit=12, imagenet=False,
)  # fmt: skip


def resolve(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with dotted settings changed, e.g. {'first.steps': 20}.

    Raises:
        InputError: if a name is not a setting.
    """
    for name, value in changes.items():
        head, _, tail = name.partition(".")
        if head not in Recipe.__dataclass_fields__:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(Recipe.__dataclass_fields__)}")
        current = getattr(base, head)
        if not tail:
            base = replace(base, **{head: type(current)(value)})
        elif isinstance(current, Mapping) and tail in current:
            base = replace(base, **{head: {**current, tail: float(value)}})  # type: ignore[arg-type]
        elif hasattr(current, tail):
            base = replace(base, **{head: replace(current, **{tail: type(getattr(current, tail))(value)})})
        else:
            raise InputError(f"unknown setting '{name}': '{head}' has no '{tail}'")
    return base
