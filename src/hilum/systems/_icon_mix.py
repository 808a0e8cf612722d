"""Lesion mix-up: a crop blended with the same finding's crop of another patient, by pixels or by what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image, Window
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.reader.features import Features, image_key
from hilum.learn.reader.roles import Shown
from hilum.systems._icon_zoom import Zoomed

SHARE = 0.75
"""Of the own crop; fixed, as the published code has it."""
PARTNERS = 4
Mix = Literal["none", "pixel", "feature", "random"]


@dataclass(frozen=True)
class Mixed:
    """One crop of one training study.

    Args:
        row: number of the study.
        concept: its finding.
        partner: number of the study whose crop was mixed in, -1 for none.
        shown: what a reader and the inspector see.
    """

    row: int
    concept: str
    partner: int
    shown: Shown


class Blended(Features):
    """Features that also hold blends which no film shows.

    Args:
        base: whose films are taken over as they were seen.
    """

    def __init__(self, base: Features) -> None:
        """Share the encoder and what it has seen."""
        super().__init__(base.encoder, fit=base.fit)
        self._rows, self._states = dict(base._rows), list(base._states)

    def blend(self, image: Image, first: Image, second: Image, share: float) -> None:
        """Let an image stand for a blend of what is seen of two others."""
        if image_key(image) in self._rows:
            return
        one, other = self.of([first, second])
        self._rows[image_key(image)] = len(self._states)
        self._states.append(share * one + (1.0 - share) * other)


def partner_of(
    row: int, concept: str, zoomed: Sequence[Zoomed], ranked: NDArray[np.intp], studies: Sequence[Study], how: Mix,
    rng: np.random.Generator,
) -> int:  # fmt: skip
    """Return the study whose crop is mixed in: one of the four best equivalents, or one at random, with that finding.

    Args:
        row: number of the study.
        concept: of the crop.
        zoomed: of all studies, with crops.
        ranked: equivalents of each study, see `_icon_alike.equivalents`.
        studies: all.
        how: 'random' draws among studies of other patients that are no equivalents.
        rng: of the draw.

    Returns:
        Its number, -1 where there is none or nothing is to be mixed.
    """
    if how == "none":
        return -1
    near = [int(other) for other in ranked[row] if concept in zoomed[other].crops]
    if how == "random":
        barred = {int(other) for other in ranked[row]}
        options = [other for other, each in enumerate(zoomed) if concept in each.crops and other not in barred
                   and studies[other].patient != studies[row].patient]  # fmt: skip
    else:
        options = near[:PARTNERS]
    return options[int(rng.integers(len(options)))] if options else -1


def mixed_crops(
    studies: Sequence[Study], zoomed: Sequence[Zoomed], ranked: NDArray[np.intp], features: Features, how: Mix, *,
    copies: int, seed: int,
) -> tuple[list[list[Mixed]], Features]:  # fmt: skip
    """Return the crops of every copy of every study, mixed, and features that know the blends.

    Args:
        studies: to learn from.
        zoomed: with the crops of their findings.
        ranked: equivalents of each.
        features: of the frozen encoder.
        how: 'pixel' blends grey values, 'feature' what is seen of both, 'random' is pixels of no equivalent.
        copies: of each study, each with its own partners.
        seed: of partners.
    """
    blended = Blended(features) if how == "feature" else features
    made: list[list[Mixed]] = []
    pairs: list[tuple[Image, Image, Image]] = []
    for copy in range(copies):
        for row in range(len(studies)):
            rng = generator(seed, "mix", how, copy, row)
            crops = []
            for concept, own in zoomed[row].crops.items():
                partner = partner_of(row, concept, zoomed, ranked, studies, how, rng)
                if partner < 0:
                    crops.append(Mixed(row, concept, -1, own))
                    continue
                other = zoomed[partner].crops[concept]
                image = blend(own.film, other.film, SHARE)
                pairs.append((image, own.film, other.film))
                crops.append(Mixed(row, concept, partner, Shown("lesion_crop", image)))
            made.append(crops)
    if isinstance(blended, Blended):
        blended.see(film for _, first, second in pairs for film in (first, second))
        for image, first, second in pairs:
            blended.blend(image, first, second, SHARE)
    return made, blended


def blend(first: Image, second: Image, share: float) -> Image:
    """Return share of one picture and the rest of another of the same size, as grey values."""
    grey = share * first.display() + (1.0 - share) * second.display()
    window = Window(0.5, 1.0, "LINEAR_EXACT")
    return Image(grey, window=window, view=first.view, id=f"{first.id}+{second.id}", synthetic=True)


def swap_targets(
    mixed: Mixed, told: Sequence[Mapping[str, tuple[str, ...]]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the attributes of a crop's own finding and of the one that was mixed in (its own where none was)."""
    own = told[mixed.row].get(mixed.concept, ())
    return own, told[mixed.partner].get(mixed.concept, ()) if mixed.partner >= 0 else own
