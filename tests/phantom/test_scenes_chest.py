"""The chest of a scene: what visits share, where findings lie in three dimensions, and what each grade means."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom.chords import Grid, Solid
from hilum.phantom.scenes_chest import Scene, draw_scene
from hilum.phantom.scenes_facts import CONCEPTS, TIPS_CM, Fact, Facts

PATIENTS = [str(number) for number in range(25)]


def facts(*given: Fact) -> Facts:
    """A chest with these facts and no others."""
    told = {fact.concept: fact for fact in given}
    return tuple(told.get(concept, Fact(concept)) for concept in CONCEPTS)


def scene(*given: Fact, patient: str = "p", visit: str = "v") -> Scene:
    return draw_scene(facts(*given), seed=0, patient=patient, visit=visit)


def test_visits_share_the_anatomy_and_breathe() -> None:
    for patient in PATIENTS[:8]:
        one, two = (scene(patient=patient, visit=visit) for visit in ("a", "b"))
        assert (one.chest.width, one.chest.depth, one.chest.seed) == (two.chest.width, two.chest.depth, two.chest.seed)
        assert one.carina == two.carina
        assert one.chest.dome_right != two.chest.dome_right
        assert abs(one.chest.dome_right - two.chest.dome_right) < 20
        assert one.chest.dome_left - one.chest.dome_right == pytest.approx(two.chest.dome_left - two.chest.dome_right)
        assert np.array_equal(one.radii, two.radii)


def test_patients_differ() -> None:
    drawn = {(scene(patient=patient).chest.width, scene(patient=patient).carina) for patient in PATIENTS}
    assert len(drawn) == len(PATIENTS)


def test_a_scene_repeats() -> None:
    sick = Fact("consolidation", 2, -1, "mid", "anterior")
    assert scene(sick).lesions == scene(sick).lesions
    assert scene(sick).lesions != scene(sick, visit="w").lesions
    assert scene(sick).chest == scene(sick).chest


@pytest.mark.parametrize(("grade", "low", "high"), [(0, 0.38, 0.47), (1, 0.52, 0.58), (2, 0.62, 0.70)])
def test_the_heart_is_as_wide_as_its_grade_says(grade: int, low: float, high: float) -> None:
    """Above one half of the chest's width is the usual rule for a large heart."""
    for patient in PATIENTS:
        ratio = scene(Fact("cardiomegaly", grade), patient=patient).chest.ctr
        assert low < ratio < high
        assert (ratio > 0.5) == (grade > 0)


def test_the_left_dome_stands_lower() -> None:
    gaps = [scene(patient=patient).chest.dome_left - scene(patient=patient).chest.dome_right for patient in PATIENTS]
    assert min(gaps) >= 15
    assert max(gaps) <= 21


def test_a_healthy_chest_holds_nothing() -> None:
    given = scene()
    assert not given.lesions
    assert not given.levels
    assert not given.collapse
    assert given.tip is None
    assert given.fact("pneumothorax") == Fact("pneumothorax")


@pytest.mark.parametrize("side", [-1, 1])
def test_fluid_rises_with_its_grade_on_its_own_side(side: int) -> None:
    levels = []
    for grade in (1, 2, 3):
        given = scene(Fact("pleural effusion", grade, side))
        assert list(given.levels) == [side]
        levels.append(given.levels[side] - (given.chest.dome_right if side < 0 else given.chest.dome_left))
    assert levels[0] > 10  # below the top of the dome, which hides it from the front
    assert levels[0] > levels[1] > levels[2]
    assert levels[1] < 0


@pytest.mark.parametrize("side", [-1, 1])
def test_a_pneumothorax_takes_more_of_the_lung_by_its_grade(side: int) -> None:
    small, large = (scene(Fact("pneumothorax", grade, side)).collapse for grade in (1, 2))
    assert list(small) == list(large) == [side]
    assert 0.1 < small[side] < 0.2
    assert 0.3 < large[side] < 0.45


def _inside(point: tuple[float, float, float], solid: Solid) -> bool:
    x, y, z = (at - middle for at, middle in zip(point, solid.center, strict=True))
    a, b, c = solid.axes
    return bool(abs(x / a) ** solid.power + (y / b) ** 2 + abs(z / c) ** solid.power <= 1)


@pytest.mark.parametrize("concept", ["consolidation", "lung nodule"])
@pytest.mark.parametrize("zone", ["upper", "mid", "lower"])
def test_lesions_lie_in_their_lung_at_their_height(concept: str, zone: str) -> None:
    heights = []
    for patient in PATIENTS[:10]:
        for side in (-1, 1):
            for depth in ("anterior", "posterior"):
                given = scene(Fact(concept, 1, side, zone, depth), patient=patient)
                solids = given.lesions[concept]
                middle = np.mean([solid.center for solid in solids], axis=0)
                assert _inside(tuple(middle), given.lung(side))
                assert not _inside(tuple(middle), given.dome(side))
                assert np.sign(middle[0]) == side
                assert (middle[1] > -10) == (depth == "anterior")
                heights.append(float(middle[2]))
    bounds = {"upper": (-140, -60), "mid": (-80, 5), "lower": (-15, 75)}
    assert bounds[zone][0] < min(heights)
    assert max(heights) < bounds[zone][1]


def test_a_nodule_is_no_larger_than_three_centimetres() -> None:
    """Above 30 mm it would be a mass (Fleischner Society's glossary)."""
    for patient in PATIENTS:
        (solid,) = scene(Fact("lung nodule", 1, 1, "mid", "anterior"), patient=patient).lesions["lung nodule"]
        assert len(set(solid.axes)) == 1
        assert 10 <= 2 * solid.axes[0] <= 30


@pytest.mark.parametrize("grade", [1, 2, 3])
def test_what_lies_behind_the_heart_lies_there(grade: int) -> None:
    """Behind in depth, and within the outline of a normal heart from the front; thin along the frontal beam."""
    for patient in PATIENTS:
        given = scene(Fact("consolidation", grade, 1, "retrocardiac", "posterior"), patient=patient)
        (solid,) = given.lesions["consolidation"]
        x, y, z = solid.center
        heart = given.chest.heart
        assert y + solid.axes[1] < heart.center[1] - heart.axes[1] + 15
        pixel = Grid(np.array([[x]], dtype=np.float32), np.array([[z]], dtype=np.float32))
        assert heart.depths(pixel).length[0, 0] > 0 or grade == 1
        assert solid.axes[1] < 0.4 * solid.axes[0]
        assert _inside(solid.center, given.lung(1))


@pytest.mark.parametrize("tip", ["low", "good", "high"])
def test_a_tube_ends_so_many_centimetres_above_the_carina(tip: str) -> None:
    for patient in PATIENTS[:5]:
        given = scene(Fact("endotracheal tube", 1, tip=tip), patient=patient)
        assert given.tip is not None
        assert given.carina - given.tip == pytest.approx(10 * TIPS_CM[tip])


@pytest.mark.parametrize("concept", ["consolidation", "lung nodule"])
def test_the_place_of_a_lesion_stays_from_visit_to_visit(concept: str) -> None:
    fact = Fact(concept, 1, -1, "mid", "posterior")
    for patient in PATIENTS[:6]:
        middles = [
            np.mean([solid.center for solid in scene(fact, patient=patient, visit=visit).lesions[concept]], axis=0)
            for visit in ("a", "b")
        ]
        assert np.abs(middles[0] - middles[1]).max() < 25
        if concept == "consolidation":
            shapes = [scene(fact, patient=patient, visit=visit).lesions[concept] for visit in ("a", "b")]
            assert shapes[0] != shapes[1]


def test_a_consolidation_grows_with_its_grade() -> None:
    for patient in PATIENTS[:6]:
        sizes = []
        for grade in (1, 2, 3):
            fact = Fact("consolidation", grade, -1, "mid", "anterior")
            sizes.append(max(solid.axes[0] for solid in scene(fact, patient=patient).lesions["consolidation"]))
        assert sizes[0] < sizes[1] < sizes[2]


def test_outlines_have_a_closed_form_in_both_views() -> None:
    given = scene()
    grid = Grid(
        *np.meshgrid(np.linspace(-150, 150, 20, dtype=np.float32), np.linspace(-160, 180, 20, dtype=np.float32))
    )
    for side in (-1, 1):
        for solid in (given.lung(side), given.dome(side)):
            assert solid.turn_deg == 0
            assert solid.depths(grid).length.max() > 0
            assert solid.sideways(grid).length.max() > 0
    assert given.lung(-1).center[0] < 0 < given.lung(1).center[0]


def test_a_gutter_is_left_behind_the_dome_and_not_before_it() -> None:
    """The lung reaches lower behind than in front, where small effusions gather."""
    given = scene()
    for side in (-1, 1):
        lung, dome = given.lung(side), given.dome(side)
        x = side * 65.0
        lowest = {}
        for name, y in (("front", 55.0), ("back", -75.0)):
            heights = np.arange(0.0, 200.0, 1.0)
            lowest[name] = max(z for z in heights if _inside((x, y, z), lung) and not _inside((x, y, z), dome))
        assert lowest["back"] > lowest["front"] + 15


def test_facts_of_both_kinds_can_be_drawn_together() -> None:
    everything = facts(
        Fact("cardiomegaly", 2), Fact("pleural effusion", 3, 1), Fact("consolidation", 3, 1, "lower", "posterior"),
        Fact("pneumothorax", 2, 1), Fact("lung nodule", 1, 1, "lower", "posterior"),
        Fact("endotracheal tube", 1, tip="low"),
    )  # fmt: skip
    given = draw_scene(everything, seed=0, patient="p", visit="v")
    assert set(given.lesions) == {"consolidation", "lung nodule"}
    assert list(given.levels) == list(given.collapse) == [1]
    assert given.facts == everything
    assert replace(given.fact("cardiomegaly"), grade=0) == Fact("cardiomegaly")
