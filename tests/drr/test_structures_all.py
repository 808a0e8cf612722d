"""Every structure of the real CT against brute force: one projection of its own mask by another kernel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hilum.core.errors import MissingError
from hilum.data.chest_ct import chest_structures, folder
from hilum.drr import joseph
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import aim
from hilum.drr.structures import path_lengths


def alone(structures: Structures, number: int, box: tuple[slice, ...]) -> Field:
    """One structure's mask, cut to its box with an empty border, where it lies in the patient."""
    inner = np.pad((structures.ids[box] == number).astype(np.uint16), 2)
    affine = structures.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (np.array([part.start for part in box]) - 2.0)
    return Field(inner, affine)


POSES = [("PA", (0.0, 0.0, 0.0)), ("LL", (0.0, 0.0, 0.0)), ("PA", (5.0, 7.0, 12.0))]


@pytest.mark.slow
@pytest.mark.parametrize(("view", "angles"), POSES)
def test_masks_of_all_structures_agree_with_brute_force(view: str, angles: tuple[float, float, float]) -> None:
    try:
        folder()
    except MissingError as error:
        pytest.skip(str(error))
    structures = chest_structures()
    geometry = aim(structures.affine, structures.ids.shape, view=view, angles_deg=angles, detector=(192, 192))  # type: ignore[arg-type]
    ids = structures.present()
    paths = path_lengths(structures, geometry, ids)
    boxes = ndimage.find_objects(structures.ids)
    worst: dict[str, float] = {}
    for number, path in zip(ids, paths, strict=True):
        truth, said = joseph.integrals(alone(structures, number, boxes[number - 1]), geometry) > 2.0, path > 2.0
        if truth.sum() >= 20:
            worst[structures.names[number]] = 2 * (truth & said).sum() / (truth.sum() + said.sum())
    assert len(worst) > 80
    assert {name: dice for name, dice in worst.items() if dice < 0.995} == {}
