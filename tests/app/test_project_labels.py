"""What a label stands for, and its shadow: groups are the sum of their members, sides part them, classes join in."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.app.project_labels import Part, parts_on, wanted
from hilum.core.errors import InputError
from hilum.data.ct_structures import Layers
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.reference import siddon, trilinear
from tests.data.made_ct import NAMES, SHAPE, chest, upright

pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

IDS = chest()[1]
LAYERS: Layers = (Structures(IDS, upright(), NAMES),)
SPLIT: Layers = (
    Structures(np.where(IDS == 3, 0, IDS).astype(np.uint8), upright(), {1: NAMES[1], 2: NAMES[2], 4: NAMES[4]}),
    Structures(np.where(IDS == 3, 7, 0).astype(np.uint8), upright(), {7: "heart"}),
)


def geometry(view: str = "PA", size: int = 40) -> Geometry:
    return aim(upright(), SHAPE, view=view, detector=(size, size))  # type: ignore[arg-type]


def parts(layers: Layers, *labels: str, view: str = "PA", each: bool = False, **more: object) -> dict[str, Part]:
    found = parts_on(layers, wanted(layers, labels, each=each), geometry(view), image="film", **more)  # type: ignore[arg-type]
    return {part.name: part for part in found}


@pytest.mark.parametrize("model", ["trilinear", "siddon"])
@pytest.mark.parametrize("view", ["PA", "RL"])
def test_the_path_through_a_group_is_what_the_reference_integrates(view: str, model: str) -> None:
    """The lungs as one mask, integrated by the float64 reference ray by ray."""
    (lungs,) = parts(LAYERS, "lungs", view=view, model=model).values()
    field = Field(np.isin(IDS, (1, 2)).astype(np.float32), upright())
    pixels = np.random.default_rng(5).integers(0, 40, (150, 2))
    truth = {"trilinear": trilinear, "siddon": siddon}[model](field, geometry(view), pixels)
    made = lungs.shadow.path_lengths()[pixels[:, 0], pixels[:, 1]]
    # Joseph's sum is close to the trilinear integral, not equal to it, on voxels of 9 to 12 mm.
    worst = 2.5 if model == "trilinear" else 0.05
    assert np.abs(made - truth).max() < worst
    assert np.abs(made - truth).mean() < worst / 10


def test_a_group_is_the_sum_of_its_sides_and_of_its_members() -> None:
    found = parts(LAYERS, "lungs", "right lung", "left lung", each=True)
    whole = found["lungs"].shadow.path_lengths()
    halves = sum(found[f"{side} lung"].shadow.path_lengths() for side in ("right", "left"))
    members = sum(found[name].shadow.path_lengths() for name in found["lungs"].members)
    np.testing.assert_allclose(whole, halves, atol=1e-3)
    np.testing.assert_allclose(whole, members, atol=1e-3)
    assert found["right lung"].members == ("lung_upper_lobe_right",)


def test_layers_make_no_difference() -> None:
    one, two = parts(LAYERS, "heart", "lungs", "spine"), parts(SPLIT, "heart", "lungs", "spine")
    for name, part in one.items():
        np.testing.assert_allclose(part.shadow.path_lengths(), two[name].shadow.path_lengths(), atol=1e-3)
        np.testing.assert_array_equal(part.shadow.mask().pixels, two[name].shadow.mask().pixels)


def test_shadows_are_cut_to_where_they_are() -> None:
    heart = parts(LAYERS, "heart")["heart"].shadow
    assert heart.path_mm.size < 0.3 * 40 * 40
    box, found = heart.box(), np.argwhere(heart.mask().pixels)
    assert box is not None
    assert (box.y0, box.x0) == tuple(found.min(axis=0))
    assert heart.image == "film"


def test_a_structure_beside_the_film_has_an_empty_shadow() -> None:
    away = aim(upright(), SHAPE, view="PA", detector=(16, 16), pitch_mm=(2.0, 2.0), offset_mm=(0.0, 150.0))
    (part,) = parts_on(LAYERS, wanted(LAYERS, ["right lung"]), away, image="film")
    assert part.shadow.area_px == 0
    assert part.shadow.box() is None


def test_all_and_each_name_what_is_there_once() -> None:
    assert list(wanted(LAYERS, ["all"]).groups) == list(NAMES.values())
    assert list(wanted(LAYERS, ["lungs"], each=True).groups) == ["lungs", NAMES[1], NAMES[2]]
    assert list(wanted(SPLIT, ["all"]).groups) == [NAMES[1], NAMES[2], NAMES[4], "heart"]


def test_unknown_names_list_what_there_is() -> None:
    for name in ("liver", "right heart", "lungz"):
        with pytest.raises(InputError, match=f"'{name}'; this CT has heart, lung_upper_lobe_left.*all, paxray"):
            wanted(LAYERS, [name])


@pytest.mark.slow
def test_classes_of_paxray_join_the_structures() -> None:
    asked = wanted(LAYERS, ["lungs", "paxray"])
    assert list(asked.groups) == ["lungs"]
    assert asked.classes
    assert "lungs" not in asked.classes
    found = {part.name: part for part in parts_on(LAYERS, asked, geometry(), image="film")}
    assert set(found) == {"lungs", *asked.classes}
    one = next(name for name in asked.classes if name.startswith("lung_left"))
    assert wanted(LAYERS, [one]).classes == (one,)
    assert found[one].shadow.area_px > 0
