"""The numbers of a thorax: means and spreads of the specification, and no draw that moves another."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from hilum.phantom.patient import Person
from hilum.phantom.thorax_draw import Numbers, draw_numbers

COUNT = 250


def drawn(sex: str, *, age: float = 45.0, bmi: float = 25.0) -> dict[str, np.ndarray]:
    """Return each number (COUNT,) of average people of one sex."""
    person = Person(sex, age, 175.0 if sex == "male" else 162.0, bmi)  # type: ignore[arg-type]
    found = [draw_numbers(person, seed=n, patient="p") for n in range(COUNT)]
    return {each.name: np.array([getattr(one, each.name) for one in found]) for each in fields(Numbers)}


MEN, WOMEN = drawn("male"), drawn("female")


@pytest.mark.parametrize(
    ("name", "men", "women", "within"),
    [
        ("torso_width_mm", 330, 300, 8), ("torso_depth_mm", 230, 210, 8), ("clavicle_mm", 150, 138, 8),
        ("kyphosis_deg", 35, 35, 5), ("arch_mm", 28, 26, 3), ("ascending_mm", 32, 30, 3), ("descending_mm", 24, 22, 3),
        ("pulmonary_trunk_mm", 25, 24, 2), ("trachea_mm", 18, 15, 1), ("right_main_deg", 25, 25, 4),
        ("left_main_deg", 45, 45, 4), ("ctr", 0.44, 0.44, 0.012), ("blood_hu", 42, 42, 2), ("lung_hu", -860, -860, 15),
        ("dome_gap_mm", 17, 17, 2),
    ],
)  # fmt: skip
def test_means_are_those_of_the_specification(name: str, men: float, women: float, within: float) -> None:
    assert MEN[name].mean() == pytest.approx(men, abs=within)
    assert WOMEN[name].mean() == pytest.approx(women, abs=within)


def test_ranges_of_the_specification_are_kept() -> None:
    for found in (MEN, WOMEN):
        assert ((found["cortex_mm"] >= 0.5) & (found["cortex_mm"] <= 1.2)).all()
        assert ((found["dome_rib"] >= 9.0) & (found["dome_rib"] <= 10.6)).all()
        assert (np.abs(found["scoliosis_deg"]) <= 15).all()
        assert ((found["fat_mm"] >= 4) & (found["fat_mm"] <= 40)).all()
        assert ((found["gravity_hu"] >= 20) & (found["gravity_hu"] <= 60)).all()
        assert (found["ctr"] <= 0.5).all()
        assert found["ctr"].std() == pytest.approx(0.038, abs=0.01)
    assert not MEN["breast_ml"].any()
    assert ((WOMEN["breast_ml"] > 0) & (WOMEN["breast_ml"] <= 900)).all()


def test_age_makes_bones_thinner_kyphosis_greater_and_cartilage_chalky() -> None:
    old = drawn("female", age=82.0)
    assert old["marrow_hu"].mean() < WOMEN["marrow_hu"].mean() - 25
    assert old["cortex_hu"].mean() < WOMEN["cortex_hu"].mean()
    assert old["kyphosis_deg"].mean() > WOMEN["kyphosis_deg"].mean() + 4
    assert old["calcified"].mean() > WOMEN["calcified"].mean() + 0.2
    assert old["rib_slope"].mean() < WOMEN["rib_slope"].mean()
    assert old["arch_mm"].mean() > WOMEN["arch_mm"].mean()
    assert old["unfolding_mm"].mean() > WOMEN["unfolding_mm"].mean()


def test_weight_makes_torsos_larger_and_fatter() -> None:
    heavy, light = drawn("male", bmi=36.0), drawn("male", bmi=20.0)
    assert heavy["torso_depth_mm"].mean() - MEN["torso_depth_mm"].mean() == pytest.approx(5 * 11, abs=12)
    assert heavy["fat_mm"].mean() > MEN["fat_mm"].mean() + 8
    assert light["fat_mm"].mean() < MEN["fat_mm"].mean()
    assert light["torso_width_mm"].mean() < MEN["torso_width_mm"].mean()


def test_a_given_ratio_is_kept_and_moves_no_other_number() -> None:
    person = Person("male", 60.0, 175.0, 26.0)
    free, fixed = (draw_numbers(person, seed=4, patient="q", ctr=ctr) for ctr in (None, 0.57))
    assert fixed.ctr == 0.57
    for each in fields(Numbers):
        if each.name != "ctr":
            assert getattr(free, each.name) == getattr(fixed, each.name)


def test_numbers_go_into_json() -> None:
    found = draw_numbers(Person("female", 60.0, 160.0, 26.0), seed=4, patient="q").as_dict()
    assert json.loads(json.dumps(found)) == found
    assert len(found) == len(fields(Numbers))
