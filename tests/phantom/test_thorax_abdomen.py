"""Under the diaphragm: gas that stays there and differs from person to person; and what the chest wall is made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hilum.phantom.person import draw_person
from hilum.phantom.thorax_abdomen import bowel_gas, organs
from hilum.phantom.thorax_draw import draw_numbers
from hilum.phantom.thorax_names import IDS
from hilum.phantom.thorax_shape import Shape, shape
from tests.phantom.thoraces import hu, thorax


def someone(number: int) -> Shape:
    return shape(draw_numbers(draw_person(7, f"b{number}"), seed=7, patient=f"b{number}"))


PEOPLE = [someone(number) for number in range(12)]


def test_the_colon_stays_under_the_diaphragm() -> None:
    x, y = np.arange(-160.0, 161.0, 5.0), np.arange(-130.0, 131.0, 5.0)
    for made in PEOPLE:
        rows, over = bowel_gas(made, IDS).table(), made.floor(x, y)
        i, j = (np.rint((rows[:, n] - axis[0]) / 5.0).astype(int) for n, axis in enumerate((x, y)))
        assert (rows[:, 2] + rows[:, 13] < over[i, j] + 2.0).all()


def test_no_bubble_is_like_another() -> None:
    """Level, size and place differ, and some stomachs hold no gas at all."""
    tables = [organs(made, IDS, supine=False) for made in PEOPLE]
    fundi = np.array([rows[1, :6] for _, rows in tables])
    assert (fundi.std(axis=0) > [3.0, 3.0, 3.0, 2.0, 2.0, 2.0]).all()
    gas = np.array([made.numbers.stomach_gas_ml for made in PEOPLE])
    assert (gas == 0).any()
    assert gas.max() > 40.0


def test_an_empty_stomach_has_its_level_above_its_top() -> None:
    made = next(made for made in PEOPLE if made.numbers.stomach_gas_ml == 0)
    soft, rows = organs(made, IDS, supine=False)
    assert soft[6] == pytest.approx(rows[1, 2] + rows[1, 5])


def test_the_fundus_reaches_up_to_the_left_dome() -> None:
    for made in PEOPLE:
        _, rows = organs(made, IDS, supine=False)
        assert 2.0 < made.domes.left - (rows[1, 2] + rows[1, 5]) < 13.0


def test_the_belly_is_the_same_at_every_breath_but_for_its_height() -> None:
    numbers = PEOPLE[0].numbers
    _, full = organs(shape(numbers), IDS, supine=False)
    _, shallow = organs(shape(numbers, inspiration=0.5), IDS, supine=False)
    assert full[0, 3:] == pytest.approx(shallow[0, 3:])
    assert shallow[1, 2] > full[1, 2]


@pytest.mark.parametrize("inspiration", [1.0, 0.5, 0.0])
def test_the_middle_lobe_is_there_at_every_breath(inspiration: float) -> None:
    volumes = thorax("one", inspiration=inspiration).log["lungs_ml"]
    right = sum(value for name, value in volumes.items() if name.endswith("right"))
    assert 0.04 < volumes["lung_middle_lobe_right"] / right < 0.3


@pytest.mark.parametrize("name", ["one", "two"])
def test_skin_covers_the_clavicles_and_the_breastbone(name: str) -> None:
    made = thorax(name)
    air = made.body.volume.voxels < -700
    lungs = made.body.mask("lung", "trachea")
    outside = ndimage.binary_dilation(air & ~lungs)
    for bone in ("clavicula_left", "clavicula_right", "sternum"):
        mask = made.body.mask(bone)
        assert (mask & outside).sum() < 0.05 * mask.sum()


def test_ribs_stand_out_from_what_lies_between_them() -> None:
    """The layer of the ribs holds muscle and fat between them, as CT shows, and bone that is far denser."""
    made = thorax("man", spacing_mm=2.0)
    ribs = made.body.mask("rib")
    near = ndimage.binary_dilation(ribs, iterations=3) & ~ndimage.binary_dilation(ribs, iterations=2)
    between = near & ~made.body.mask("lung") & (made.body.structures.ids == 0)
    soft = made.body.volume.voxels[between]
    assert -110.0 < np.median(soft[soft > -300]) < 55.0
    assert hu(made, "rib_left_6").mean() > np.median(soft) + 200.0
