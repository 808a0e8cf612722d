"""Films of the scenes: closed forms from the side, two views of one scene, and facts that hide on the frontal."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.phantom.chords import Grid, Solid
from hilum.phantom.scenes_chest import Scene, draw_scene
from hilum.phantom.scenes_facts import CONCEPTS, Fact, Facts
from hilum.phantom.scenes_film import FIELD_MM, SceneView, Taken, draw_taken, film, frame, shape_of

PLACES = {
    "cardiomegaly": Fact("cardiomegaly"), "pleural effusion": Fact("pleural effusion", side=-1),
    "consolidation": Fact("consolidation", side=-1, zone="mid", depth="anterior"),
    "pneumothorax": Fact("pneumothorax", side=1),
    "lung nodule": Fact("lung nodule", side=1, zone="upper", depth="posterior"),
    "endotracheal tube": Fact("endotracheal tube", tip="good"),
}  # fmt: skip


def healthy(**changes: Fact) -> Facts:
    """Facts of a chest with nothing, but for those given by concept with '_' for ' '."""
    told = {name.replace("_", " "): fact for name, fact in changes.items()}
    return tuple(told.get(concept, PLACES[concept]) for concept in CONCEPTS)


def scene(facts: Facts, patient: str = "p") -> Scene:
    return draw_scene(facts, seed=0, patient=patient, visit="v")


def plane(step: float = 2.0, reach: float = 120.0) -> Grid:
    line = np.arange(-reach, reach, step, dtype=np.float32)
    across, down = np.meshgrid(line, line)
    return Grid(across, down)


SOLIDS = [
    Solid((10.0, -5.0, 8.0), (40.0, 30.0, 60.0)),
    Solid((10.0, -5.0, 8.0), (40.0, 30.0, 60.0), 35.0),
    Solid((-20.0, 12.0, 0.0), (30.0, 50.0, 70.0), 0.0, 2.5),
]


@pytest.mark.parametrize("solid", SOLIDS)
def test_a_chord_from_the_side_is_what_sampling_along_the_ray_finds(solid: Solid) -> None:
    """Independent of the closed form: points of the solid's own definition, counted along x."""
    grid = plane(8.0)
    x = np.arange(-130.0, 130.0, 0.5)[:, None, None] - solid.center[0]
    y, z = grid.x[None] - solid.center[1], grid.z[None] - solid.center[2]
    turn = np.deg2rad(solid.turn_deg)
    u, w = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    a, b, c = solid.axes
    inside = np.abs(u / a) ** solid.power + (y / b) ** 2 + np.abs(w / c) ** solid.power <= 1
    assert np.allclose(solid.sideways(grid).length, 0.5 * inside.sum(0), atol=1.5)


def test_an_ellipsoid_has_its_volume_in_both_views() -> None:
    for solid in SOLIDS[:2]:
        a, b, c = solid.axes
        for depths in (solid.depths, solid.sideways):
            volume = 4.0 * float(depths(plane(2.0)).length.sum())
            assert volume == pytest.approx(4 / 3 * np.pi * a * b * c, rel=0.01)


def test_a_turned_superellipsoid_has_no_side_view() -> None:
    with pytest.raises(InputError, match="turned superellipsoid"):
        SOLIDS[2]._replace(turn_deg=3.0).sideways(plane())


def test_the_canvas_is_not_square_and_too_small_a_film_is_refused() -> None:
    assert shape_of(64) == (72, 64)
    assert shape_of(72) == (80, 72)
    pixels, _ = film(scene(healthy()), "PA", Taken(), size=40, seed=0)
    assert pixels.shape == shape_of(40)
    assert pixels.dtype == np.float32
    assert 0 <= pixels.min() < 0.3
    assert 0.7 < pixels.max() <= 1
    with pytest.raises(InputError, match="32 columns or more"):
        shape_of(16)


def test_a_shift_moves_the_film_by_so_many_millimetres() -> None:
    step = FIELD_MM / 64
    still, moved = frame(64, Taken()), frame(64, Taken(right=step, down=2 * step))
    assert np.allclose(moved.x[:, 1:], still.x[:, :-1], atol=1e-3)
    assert np.allclose(moved.z[2:], still.z[:-2], atol=1e-3)


def test_both_views_see_one_scene() -> None:
    """Height of a nodule and of a tube's tip agree between views; left is on the right of a frontal film."""
    given = scene(healthy(lung_nodule=replace(PLACES["lung nodule"], grade=1),
                          endotracheal_tube=replace(PLACES["endotracheal tube"], grade=1)))  # fmt: skip
    masks = {view: film(given, view, Taken(), size=128, seed=0)[1] for view in ("PA", "LL")}
    for name in ("lung nodule", "endotracheal tube"):
        rows = [np.flatnonzero(masks[view][name].any(1))[[0, -1]] for view in ("PA", "LL")]
        assert np.abs(rows[0] - rows[1]).max() <= 1
    columns = {view: np.flatnonzero(masks[view]["lung nodule"].any(0)).mean() for view in ("PA", "LL")}
    assert columns["PA"] > 64 + 8  # the left lung
    assert columns["LL"] > 64 + 4  # posterior


def test_a_tube_ends_where_its_level_says() -> None:
    ends = []
    for tip in ("low", "good", "high"):
        given = scene(healthy(endotracheal_tube=Fact("endotracheal tube", 1, tip=tip)))
        mask = film(given, "PA", Taken(), size=128, seed=0)[1]["endotracheal tube"]
        row = float(np.flatnonzero(mask.any(1))[-1])
        ends.append(given.carina - (row + 1 - mask.shape[0] / 2) * FIELD_MM / 128)
    assert np.allclose(ends, [10, 40, 80], atol=4)


def _shown(facts: Facts, concept: str, view: SceneView) -> tuple[float, float]:
    """Mean contrast inside the mask, and the energy of all that the fact changes, over five patients."""
    contrast, energy = [], []
    for number in range(5):
        taken = draw_taken(0, str(number), view)
        without, _ = film(scene(healthy(), str(number)), view, taken, size=64, seed=number)
        with_it, masks = film(scene(facts, str(number)), view, taken, size=64, seed=number)
        change = with_it - without
        mask = masks[concept]
        contrast.append(np.abs(change[mask]).mean() if mask.any() else 0.0)
        energy.append(float(np.sqrt((change**2).sum())))
    return float(np.mean(contrast)), float(np.mean(energy))


@pytest.mark.parametrize(
    "fact",
    [
        Fact("pleural effusion", 1, -1), Fact("pleural effusion", 1, 1),
        Fact("consolidation", 1, 1, "retrocardiac", "posterior"),
        Fact("consolidation", 3, 1, "retrocardiac", "posterior"),
    ],
)  # fmt: skip
def test_what_hides_on_the_frontal_shows_on_the_lateral(fact: Fact) -> None:
    facts = healthy(**{fact.concept.replace(" ", "_"): fact})
    frontal, lateral = (_shown(facts, fact.concept, view) for view in ("PA", "LL"))
    assert fact.frontal_poor
    assert lateral[0] > 2.0 * frontal[0]
    assert lateral[1] > 1.3 * frontal[1]
    assert lateral[0] > 0.07


@pytest.mark.parametrize(
    "fact",
    [Fact("pleural effusion", 2, 1), Fact("consolidation", 2, -1, "mid", "anterior"), Fact("pneumothorax", 1, 1),
     Fact("lung nodule", 1, 1, "upper", "posterior")],
)  # fmt: skip
def test_the_other_facts_show_on_the_frontal(fact: Fact) -> None:
    facts = healthy(**{fact.concept.replace(" ", "_"): fact})
    frontal, lateral = (_shown(facts, fact.concept, view) for view in ("PA", "LL"))
    assert not fact.frontal_poor
    assert frontal[1] > lateral[1]
    assert frontal[0] > 0.035


def _area(facts: Facts, concept: str) -> float:
    return float(
        np.mean([film(scene(facts, str(n)), "PA", Taken(), size=64, seed=n)[1][concept].sum() for n in range(6)])
    )


@pytest.mark.parametrize("concept", ["pleural effusion", "consolidation", "pneumothorax", "cardiomegaly"])
def test_a_higher_grade_covers_more(concept: str) -> None:
    most = {"pleural effusion": 3, "consolidation": 3}.get(concept, 2)
    drawn = [
        healthy(**{concept.replace(" ", "_"): replace(PLACES[concept], grade=grade)}) for grade in range(1, most + 1)
    ]
    areas = [_area(facts, concept) for facts in drawn]
    assert all(low * 1.1 < high for low, high in itertools.pairwise(areas)), areas


def test_nuisance_is_as_large_as_disease_in_single_pixels() -> None:
    """The largest difference of pixels between two films of a patient hardly tells disease from position."""
    largest: dict[bool, list[float]] = {False: [], True: []}
    sick = healthy(consolidation=replace(PLACES["consolidation"], grade=1))
    score: Callable[[NDArray[np.float32], NDArray[np.float32]], float] = lambda a, b: float(np.abs(a - b).max())  # noqa: E731
    for number in range(24):
        first, _ = film(scene(healthy(), str(number)), "PA", draw_taken(1, str(number), "a"), size=64, seed=number)
        for changed, facts in ((False, healthy()), (True, sick)):
            other = draw_scene(facts, seed=0, patient=str(number), visit="w")
            taken = draw_taken(1, str(number), "b")
            second, _ = film(other, "PA", taken, size=64, seed=number + 1000)
            largest[changed].append(score(first, second))
    higher = np.mean([sick > well for sick in largest[True] for well in largest[False]])
    assert higher < 0.65
    shifts = [draw_taken(1, str(number)).right for number in range(200)]
    assert max(np.abs(shifts)) / (FIELD_MM / 64) == pytest.approx(2.5, abs=0.1)
