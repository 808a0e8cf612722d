"""Which films may teach findings, and how often each kind is drawn: against what labels go with by accident."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.learn.batch import FilmSet
from hilum.systems._embedded_labels import FINDINGS


def comparable(films: FilmSet, *, group: str = "nih512") -> FilmSet:
    """Return the films with findings unknown where no clear film was taken under like conditions.

    NIH numbers patients in the order they came. In the 512 px films the clear ones lie in one stretch of those
    numbers and the others far beyond it, so a network can learn the date of a film instead of its findings.
    """
    number = np.array([int(p.split("-")[1]) if p.startswith("nih-") else -1 for p in films.patient.tolist()])
    own = films.group == group
    clear = own & films.known.all(axis=1) & (films.target == 0).all(axis=1)
    if not clear.any():
        return films
    like = ~own | ((number >= number[clear].min()) & (number <= number[clear].max()))
    return replace(films, known=films.known & like[:, None])


def by_view_and_label(films: FilmSet, groups: tuple[str, ...]) -> FilmSet:
    """Return the films with `group/view/clear` or `group/view/opaque` as group where view and opacity are known."""
    opacity = FINDINGS.index("Lung Opacity")
    view = np.where(films.views[:, 0], "PA", "AP")
    label = np.where(films.target[:, opacity] > 0, "opaque", "clear")
    finer = (
        np.isin(films.group, groups)
        & films.known[:, opacity]
        & (films.views[:, 0] != films.views[:, 1])
        & ~films.views[:, 2]
    )
    names = [f"{g}/{v}/{o}" if f else g for g, v, o, f in zip(films.group, view, label, finer, strict=True)]
    return replace(films, group=np.array(names))
