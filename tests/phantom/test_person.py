"""Who is drawn: plausible people, the same ones for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.phantom.patient import Person
from hilum.phantom.person import draw_person

COUNT = 1500


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [draw_person(5, f"virtual-{n:06d}") for n in range(COUNT)]


def _of(people: list[Person], sex: str) -> list[Person]:
    return [each for each in people if each.sex == sex]


def test_one_seed_and_name_is_one_person() -> None:
    assert draw_person(1, "a") == draw_person(1, "a")
    assert draw_person(1, "a") != draw_person(1, "b")
    assert draw_person(1, "a") != draw_person(2, "a")


def test_both_sexes_are_drawn_alike(people: list[Person]) -> None:
    share = len(_of(people, "female")) / COUNT
    assert share == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / COUNT))


def test_everyone_is_within_range(people: list[Person]) -> None:
    assert all(18 <= each.age_years <= 95 for each in people)
    assert all(135 <= each.height_cm <= 200 for each in people)
    assert all(16 <= each.bmi <= 45 for each in people)
    assert all(30 <= each.weight_kg <= 190 for each in people)


def test_men_are_taller_by_what_surveys_find(people: list[Person]) -> None:
    """The NCD Risk Factor Collaboration gives about 13 cm between the sexes in most rich countries."""
    men, women = (np.mean([each.height_cm for each in _of(people, sex)]) for sex in ("male", "female"))
    assert men - women == pytest.approx(13.0, abs=1.5)


def test_height_spreads_as_adults_do(people: list[Person]) -> None:
    for sex in ("male", "female"):
        young = [each.height_cm for each in _of(people, sex) if each.age_years < 50]
        assert 5.0 < np.std(young) < 9.0


def test_old_people_have_lost_height(people: list[Person]) -> None:
    for sex in ("male", "female"):
        young = np.mean([each.height_cm for each in _of(people, sex) if each.age_years < 45])
        old = np.mean([each.height_cm for each in _of(people, sex) if each.age_years > 75])
        assert 1.0 < young - old < 6.0


def test_body_mass_index_is_skewed_to_the_heavy_side(people: list[Person]) -> None:
    bmi = np.array([each.bmi for each in people])
    assert bmi.mean() > np.median(bmi)
    assert 24.5 < np.median(bmi) < 28.5
    assert 0.12 < (bmi > 30).mean() < 0.4


def test_weight_follows_height_and_index() -> None:
    assert Person("male", 40.0, 200.0, 25.0).weight_kg == pytest.approx(100.0)
