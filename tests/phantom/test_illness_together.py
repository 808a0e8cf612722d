"""The table of what comes together: names, numbers, and what is drawn from it."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.phantom.illness_together import base_rates, companions, draw_together, may_join

COUNT = 1500


def drawn(first: str = "", count: int = COUNT, most: int = 6) -> list[dict[str, str]]:
    rng = np.random.default_rng(4)
    return [dict(draw_together(rng, first=first, most=most)) for _ in range(count)]


def test_every_row_names_concepts_and_gives_a_probability() -> None:
    names = {row.concept for row in base_rates()}
    assert len(names) == len(base_rates())
    for row in [*base_rates(), *(c for name in names for c in companions(name))]:
        assert concept(row.concept).name == row.concept
        assert 0.0 < row.probability < 1.0
        assert row.side in ("same", "either", "both", "")
        assert row.why
        assert row.concept in names
    assert companions("") == ()
    assert companions("no such thing") == ()


def test_base_rates_are_those_of_the_table_at_least() -> None:
    """Companions only add to them, until a chest is full."""
    found = drawn(most=40)
    for row in base_rates():
        rate = np.mean([row.concept in each for each in found])
        assert rate > row.probability - 3 * np.sqrt(row.probability / COUNT) - 0.02


def test_oedema_brings_fluid_and_a_large_heart() -> None:
    with_it, without = drawn("pulmonary edema"), drawn()
    for name in ("pleural effusion", "cardiomegaly"):
        often, seldom = (np.mean([name in each for each in found]) for found in (with_it, without))
        assert often > seldom + 0.25
    assert all(each["pulmonary edema"] == "both" for each in with_it)


def test_what_joins_on_the_same_side_does() -> None:
    sides = [
        (each["rib fracture"], each["pneumothorax"])
        for each in drawn("rib fracture", 4000, 3)
        if "pneumothorax" in each
    ]
    assert len(sides) > 100
    assert np.mean([a == b for a, b in sides]) > 0.85


def test_a_tube_seldom_comes_alone() -> None:
    found = drawn("endotracheal tube")
    assert np.mean(["enteric tube" in each for each in found]) > 0.6
    assert np.mean(["external foreign body" in each for each in found]) > 0.7


@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_more_than_asked(most: int) -> None:
    assert max(len(each) for each in drawn("cardiomegaly", 200, most)) <= most


def test_pairs_that_cannot_be() -> None:
    assert not may_join("emphysema", ["pulmonary fibrosis"])
    assert not may_join("pulmonary fibrosis", ["cardiomegaly", "emphysema"])
    assert may_join("pleural effusion", ["cardiomegaly"])
    for each in drawn("emphysema", 400):
        assert "pulmonary fibrosis" not in each


def test_draws_are_of_their_generator() -> None:
    one, two = (draw_together(np.random.default_rng(9), first="lung mass") for _ in range(2))
    assert one == two
    assert one[0][0] == "lung mass"


def test_unknown_first_is_refused() -> None:
    with pytest.raises(InputError, match="gout"):
        draw_together(np.random.default_rng(0), first="gout")
    with pytest.raises(InputError):
        draw_together(np.random.default_rng(0), most=-1)
