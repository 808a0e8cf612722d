"""ICON's arms: what all of them share, and how one is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.systems._icon_alike import Told, alike, equivalents, told_of
from hilum.systems._icon_claims import FEATURE, NONE, PIXEL, PLAIN, RANDOM
from hilum.systems._icon_inspect import STEPS, Inspector
from hilum.systems._icon_mix import Mix, Mixed, mixed_crops
from hilum.systems._icon_reader import Icon, icon_sample
from hilum.systems._icon_zoom import Zoomed, Zoomer
from hilum.systems._reader_lab import Lab, arm, small_preset

KINDS: Mapping[str, Mix | None] = {PLAIN: None, NONE: "none", PIXEL: "pixel", FEATURE: "feature", RANDOM: "random"}
COPIES = 3
ROLES = ("cur_front", "cur_lat", "prior_front")
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Material:
    """What all arms of a run share.

    Args:
        bench: cohort and encoder; its test studies are the patients alike.
        classes: of each test study.
        zoomer: fitted.
        told: what each training report says.
        zoomed: each training study, its reported findings cut out.
        ranked: equivalents of each training study.
        steps: that teach an inspector.
    """

    bench: Lab
    classes: list[int]
    zoomer: Zoomer
    told: list[Told]
    zoomed: list[Zoomed]
    ranked: NDArray[np.intp]
    steps: int = STEPS

    def look(self) -> None:
        """Let the frozen encoder look at every film."""
        self.bench.look()

    def apart(self) -> Material:
        """Return the same with features of its own, so that no arm meets pictures that another has mixed."""
        features, zoomer = self.bench.features.fork(), copy(self.zoomer)
        zoomer.features = features
        return replace(self, bench=replace(self.bench, features=features), zoomer=zoomer)


def material_of(bench: Lab, *, classes: int, each: int, seed: int, say: Say, steps: int = STEPS) -> Material:
    """Draw the patients alike, fit the Zoomer, cut out the findings of training studies and find their equivalents.

    Args:
        bench: cohort and encoder.
        classes, each: of patients with identical facts.
        seed: of the draw and the Zoomer.
        say: told what is being done.
        steps: that teach an inspector.
    """
    say(f"{classes} classes of {each} patients with identical facts")
    test, groups = alike(classes, each, seed=seed, size=bench.scale.columns)
    zoomer = Zoomer(bench.features, bench.train, seed=seed)
    told = [told_of(study) for study in bench.train]
    say("enlarging the findings of training studies")
    zoomed = zoomer.zoom(bench.train, wanted=[list(some) for some in told])
    return Material(replace(bench, test=test), groups, zoomer, told, zoomed, equivalents(bench.train), steps)


def preset_for(how: Mix | None) -> Preset:
    """Return ICON's preset as the bench runs it: beam search left to the published scale."""
    roles = ROLES if how is None else (*ROLES, "lesion_crop")
    return small_preset("icon", roles=roles, options={"by_role": True})


def taught(material: Material, how: Mix | None, *, seed: int) -> Icon:
    """Train the inspector and the reader of one arm.

    Args:
        material: shared.
        how: lesions are mixed; None for a reader of films alone.
        seed: of all draws.
    """
    bench, preset = material.bench, preset_for(how)
    if how is None:
        samples = [icon_sample(study, preset, {}, {}, seed=seed) for study in bench.train]
        return Icon(material.zoomer, None, arm(bench, preset, samples, seed=seed), seed)
    crops, features = mixed_crops(bench.train, material.zoomed, material.ranked, bench.features, how, copies=COPIES,
                                  seed=seed)  # fmt: skip
    inspector = Inspector(features, bench.train, material.told, crops, seed=seed, steps=material.steps)
    samples = _samples(material, preset, crops, seed=seed)
    reader = arm(replace(bench, features=features), preset, samples, seed=seed)
    inspector.features = bench.features  # blends are of training alone
    return Icon(material.zoomer, inspector, replace(reader, features=bench.features), seed)


def _samples(material: Material, preset: Preset, crops: Sequence[Sequence[Mixed]], *, seed: int) -> list[Sample]:
    """Every copy of every study, with the true attributes in the request, as published."""
    made, count = [], len(material.bench.train)
    for number, some in enumerate(crops):
        study, told = material.bench.train[number % count], material.told[number % count]
        shown = {each.concept: each.shown for each in some}
        made.append(icon_sample(study, preset, shown, told, seed=seed, key=f"+{number // count}"))
    return made
