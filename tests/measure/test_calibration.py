"""Calibration against bins counted by hand, statsmodels' Wilson interval and Murphy's identity; the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.measure import binary
from hilum.measure.calibration import brier, drawing, expected_error, reliability, wilson
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs


def told(seed: int = 0, count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    chance = draw.random(count)
    return draw.random(count) < chance**2, chance


@given(st.integers(0, 50), st.integers(1, 50))
@settings(deadline=None)
def test_wilson_is_statsmodels(hits: int, more: int) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    found = wilson(hits, hits + more)
    expected = proportion.proportion_confint(hits, hits + more, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)
    assert found.low <= found.value <= found.high


def test_wilson_of_nothing_is_undefined() -> None:
    assert np.isnan(wilson(0, 0).low)


def test_the_error_by_hand_and_by_the_other_implementation() -> None:
    target, chance = [0, 1, 1, 1], [0.12, 0.18, 0.85, 0.95]
    # bins [.1, .2): |.5 - .15|, [.8, .9): .15, [.9, 1]: .05
    assert expected_error(target, chance) == pytest.approx(0.5 * 0.35 + 0.25 * 0.15 + 0.25 * 0.05)
    truth, probability = told()
    assert expected_error(truth, probability) == pytest.approx(binary.calibration_error(truth, probability))


def test_a_probability_on_an_edge_falls_where_the_registered_score_puts_it() -> None:
    chance = np.arange(11) / 10
    for target in (np.arange(11) % 2, np.arange(11) > 5):
        assert expected_error(target, chance) == pytest.approx(binary.calibration_error(target, chance))
        pairs = Pairs(
            tuple(
                Study(str(n), findings=[Finding("mass", "present" if t else "absent")]) for n, t in enumerate(target)
            ),
            tuple(Study(str(n), findings=[Finding("mass", probability=float(p))]) for n, p in enumerate(chance)),
        )
        assert metric("ece")(pairs).value == pytest.approx(expected_error(target, chance))


@pytest.mark.parametrize("options", [{"bins": 0}, {"by": "mas"}])
def test_malformed_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="bins must be 1 or more"):
        reliability([1, 0], [0.5, 0.2], **options)
    with pytest.raises(InputError, match="3 of 2"):
        wilson(3, 2)


def test_bins_of_equal_mass_hold_as_many_each() -> None:
    truth, chance = told()
    assert [each.cases for each in reliability(truth, chance**4, by="mass")] == [50] * 10
    assert sum(each.cases for each in reliability(truth, chance, bins=7)) == 500


def test_equal_probabilities_fall_into_one_bin_of_either_kind() -> None:
    for by in ("width", "mass"):
        assert expected_error([1, 0, 0, 0], [0.3] * 4, by=by) == pytest.approx(0.05)


def test_murphys_parts_add_up_for_binned_forecasts() -> None:
    truth, chance = told(1)
    binned = np.floor(chance * 10) / 10 + 0.05
    found = brier(truth, binned)
    assert found.score == pytest.approx(np.mean((binned - truth) ** 2))
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty)


def test_a_calibrated_probability_is_nearly_without_error() -> None:
    draw = np.random.default_rng(2)
    chance = draw.random(40_000)
    assert expected_error(draw.random(40_000) < chance, chance) < 0.01


def test_the_picture_parses_and_strange_titles_are_escaped() -> None:
    table = reliability(*told())
    root = ET.fromstring(drawing(table, title="<script>&"))
    assert len([e for e in root.iter() if e.tag.endswith("circle")]) == len(table)
    assert any(e.text == "<script>&" for e in root.iter())


@pytest.mark.parametrize(
    ("target", "chance", "said"),
    [
        ([], [], "no case"),
        ([1], [1.2], "outside"),
        ([1], [float("nan")], "NaN"),
        ([1, 0], [0.5], "one length"),
        ([2], [0.5], "0 or 1, got 2"),
        ([float("nan")], [0.5], "0 or 1, got nan"),
    ],
)
def test_what_is_no_probability_is_refused(target: list[int], chance: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        expected_error(np.array(target), np.array(chance))
