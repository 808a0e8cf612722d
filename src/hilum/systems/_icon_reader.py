"""ICON's reader: films, enlarged lesions, and their attributes as words of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hilum.core.image import Image, Window
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.sample import Sample, Turn, words_of
from hilum.learn.reader.tasks import build
from hilum.learn.reader.trained import Trained
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._icon_alike import Told, told_of
from hilum.systems._icon_inspect import Inspector
from hilum.systems._icon_zoom import Zoomer

SLOTS = 2
"""Enlarged parts in a prompt; every finding's attributes are told all the same."""


def prompt_of(told: Told) -> str:
    """Return attributes as words: 'pleural effusion: right mild new; lung nodule: left'."""
    named = [f"{concept}: {' '.join(told[concept])}".rstrip() for concept in CONCEPTS if concept in told]
    return "; ".join(named) + "." if named else "no finding."


def icon_sample(
    study: Study, preset: Preset, crops: Mapping[str, Shown], told: Told, *, seed: int, key: str = ""
) -> Sample:
    """Return the request for one study's findings.

    Args:
        study: with its report, the target.
        preset: of ICON; without 'lesion_crop' among its roles, neither crops nor attributes are given.
        crops: enlarged part of each finding, in the order in which they are shown.
        told: attributes of each finding.
        seed: of the wording.
        key: added to the sample's own.
    """
    made = build("findings", study, preset, generator(seed, "wording", "icon", study.id))
    assert made is not None, "every scene has a report"
    if "lesion_crop" not in preset.roles:
        return made
    shown = (*made.shown, *list(crops.values())[:SLOTS])
    turn = made.turns[-1]
    asked = Turn(f"{words_of(turn.question)} {prompt_of(told)}", turn.answer)
    return replace(made, key=made.key + key, shown=shown, turns=(*made.turns[:-1], asked))


@dataclass(frozen=True, eq=False)
class Icon:
    """A reader with its Zoomer and inspector.

    Args:
        zoomer: says what is there and cuts it out.
        inspector: attributes of what was cut out; None for a reader of films alone.
        reader: trained.
        seed: of wordings.
    """

    zoomer: Zoomer
    inspector: Inspector | None
    reader: Trained
    seed: int

    def samples(self, studies: Sequence[Study], *, gold: bool = False) -> list[Sample]:
        """Return requests about studies, by what was found on their films, or (`gold`) by what reports say."""
        preset = self.reader.preset
        if self.inspector is None:
            return [icon_sample(study, preset, {}, {}, seed=self.seed) for study in studies]
        true = [told_of(study) for study in studies] if gold else None
        zoomed = self.zoomer.zoom(studies, wanted=[list(each) for each in true] if true else None)
        crops = [each.crops for each in zoomed]
        told = true or self.inspector.inspect(studies, crops)
        return [icon_sample(study, preset, some, words, seed=self.seed)
                for study, some, words in zip(studies, crops, told, strict=True)]  # fmt: skip

    def write(self, studies: Sequence[Study], *, gold: bool = False) -> list[str]:
        """Return the findings that are written about studies."""
        return self.reader.write(self.samples(studies, gold=gold))


def blanked(study: Study) -> Study:
    """Return a study whose films, and its prior's, are uniformly grey, so that no part of the system sees it."""
    prior = blanked(study.prior) if study.prior else None
    return replace(study, images=tuple(_grey(image) for image in study.films), prior=prior)


def _grey(image: Image) -> Image:
    grey = np.full(image.pixels.shape, 0.5, np.float32)
    return Image(grey, window=Window(0.5, 1.0, "LINEAR_EXACT"), view=image.view, id=image.id, synthetic=True)


def exchanged(studies: Sequence[Study], classes: Sequence[int]) -> list[Study]:
    """Return studies with the films of a patient of the next class, and of that one's prior where both have one."""
    made = []
    for study, own in zip(studies, classes, strict=True):
        others = [other for other, group in zip(studies, classes, strict=True)
                  if group != own and (other.prior is None) == (study.prior is None)]  # fmt: skip
        other = others[int(generator(0, "exchange", study.id).integers(len(others)))]
        prior = replace(study.prior, images=other.prior.images) if study.prior and other.prior else study.prior
        made.append(replace(study, images=other.images, prior=prior))
    return made
