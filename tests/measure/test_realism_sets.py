"""Two sets of films against each other: made of known distributions, so that gaps, tests and distances are known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.realism_sets import DISTANCES, above_floor, distances, gap, spread


def names(count: int, start: str = "p") -> list[str]:
    return [f"{start}{number}" for number in range(count)]


def test_a_spread_is_mean_sd_and_count_of_what_is_known() -> None:
    found = spread([1.0, np.nan, 3.0], names(3))
    assert (found.mean.value, found.sd, found.count) == (2.0, 1.0, 2)
    assert found.mean.low <= 2.0 <= found.mean.high
    assert spread([np.nan], ["p"]).count == 0


def test_a_gap_is_told_in_standard_deviations_of_the_real_films(draw: np.random.Generator) -> None:
    real, made = draw.normal(0.0, 2.0, 400), draw.normal(3.0, 1.0, 300)
    found = gap((real, names(400)), (made, names(300, "v")))
    assert found.in_sd == pytest.approx(1.5, abs=0.2)
    assert found.p < 0.001
    assert found.real.mean.low < 0.0 < found.real.mean.high


def test_sets_of_one_distribution_are_seldom_told_apart(draw: np.random.Generator) -> None:
    chances = [
        gap((draw.normal(size=40), names(40)), (draw.normal(size=30), names(30)), permutations=300, seed=k).p
        for k in range(40)
    ]
    assert np.mean(np.array(chances) < 0.05) <= 0.2
    assert 0.3 < np.mean(chances) < 0.7  # p is even on [0, 1]


def test_films_of_one_patient_count_once(draw: np.random.Generator) -> None:
    real = draw.normal(size=20)
    made = np.repeat(draw.normal(size=4) + 0.6, 50)
    by_patient = gap((real, names(20)), (made, [f"v{k // 50}" for k in range(200)]))
    by_film = gap((real, names(20)), (made, names(200, "v")))
    assert by_patient.p > by_film.p


def test_patients_must_be_told_for_every_value() -> None:
    with pytest.raises(InputError, match="one patient for each value"):
        spread([1.0, 2.0], ["p"])


def test_the_floor_is_low_and_a_far_set_lies_at_the_ceiling(draw: np.random.Generator) -> None:
    real = draw.normal(size=(120, 6))
    sets = {
        "same": draw.normal(size=(60, 6)),
        "half": draw.normal(size=(60, 6)) + 1.0,
        "raw": draw.normal(size=(60, 6)) + 2,
    }
    found = distances(real, names(120), sets)
    assert {each.count for each in found.values()} == {40}
    assert set(found["raw"].values) == set(DISTANCES)
    assert above_floor(found, "raw") == 1.0
    assert abs(above_floor(found, "same")) < 0.1
    assert above_floor(found, "half") == pytest.approx(0.25, abs=0.08)  # FID grows with the square of a shift
    assert found["floor"].values["fid"].value < found["half"].values["fid"].value < found["raw"].values["fid"].value
    assert found["same"].values["precision"].value > 0.8 > 0.3 > found["raw"].values["precision"].value
    assert abs(found["floor"].values["kid"].value) < 0.3 < found["raw"].values["kid"].value


def test_distances_are_the_same_for_the_same_seed(draw: np.random.Generator) -> None:
    real, raw = draw.normal(size=(40, 3)), draw.normal(size=(20, 3))
    assert distances(real, names(40), {"raw": raw}) == distances(real, names(40), {"raw": raw})


def test_too_few_films_are_refused(draw: np.random.Generator) -> None:
    with pytest.raises(InputError, match="7 films or more"):
        distances(draw.normal(size=(40, 3)), names(40), {"raw": draw.normal(size=(5, 3))})


def test_without_reach_there_is_no_share(draw: np.random.Generator) -> None:
    real = np.zeros((40, 3))
    found = distances(real, names(40), {"raw": np.zeros((20, 3))})
    assert np.isnan(above_floor(found, "raw"))
