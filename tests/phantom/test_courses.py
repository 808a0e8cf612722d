"""Severities from visit to visit: no step inside the gap, classes balanced, and the floor of a single film."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.phantom.courses import (
    CHANGED,
    CLASSES,
    LEAST,
    LEVEL,
    STABLE,
    change_of,
    change_shares,
    first_severity,
    next_severity,
    single_film_accuracy,
    steps,
)

LEASTS = (0.2, 0.3, 0.4)
SHARES = (0.0, 0.15, 0.25)


def chain(count: int, length: int, *, nuisance_share: float = 0.15, least: float = LEAST) -> list[list[float]]:
    """So many severities one after another, with nuisance-only steps at their share."""
    made = []
    for number in range(count):
        rng = generator(3, "chain", number)
        told = [first_severity(rng, nuisance_share=nuisance_share, least=least)]
        for _ in range(length - 1):
            quiet = bool(rng.random() < nuisance_share)
            told.append(next_severity(told[-1], rng, nuisance=quiet, nuisance_share=nuisance_share, least=least))
        made.append(told)
    return made


def pairs(made: list[list[float]]) -> list[tuple[float, float]]:
    return [(a, b) for told in made for a, b in pairwise(told)]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (0.0, 0.0, None), (0.0, 0.3, "new"), (0.4, 0.0, "resolved"), (0.5, 0.55, "unchanged"), (0.5, 0.45, "unchanged"),
        (0.5, 0.6, None), (0.5, 0.35, None), (0.5, 0.7, "worsened"), (0.7, 0.5, "improved"), (1.0, 0.4, "improved"),
    ],
)  # fmt: skip
def test_a_step_has_its_class_and_the_gap_has_none(before: float, now: float, expected: str | None) -> None:
    assert change_of(before, now) == expected


@pytest.mark.parametrize("least", LEASTS)
def test_no_step_enters_the_gap_or_goes_too_far(least: float) -> None:
    found = pairs(chain(400, 6, least=least))
    for before, now in found:
        assert now == 0 or least - 1e-9 <= now <= 1.0
        size = abs(now - before)
        if before and now:
            assert size <= STABLE + 1e-9 or CHANGED[0] - 1e-9 <= size <= CHANGED[1] + 1e-9
        else:
            assert size <= CHANGED[1] + 1e-9
    assert {change_of(a, b) for a, b in found} == {*CLASSES, None}


def test_nuisance_steps_change_nothing() -> None:
    for number in range(300):
        rng = generator(9, "quiet", number)
        start = first_severity(rng)
        after = next_severity(start, rng, nuisance=True)
        assert abs(after - start) <= STABLE + 1e-9
        assert (after > 0) == (start > 0)


@pytest.mark.parametrize("least", LEASTS)
@pytest.mark.parametrize("share", SHARES)
def test_steps_are_chances_and_leave_the_levels_as_they_are(share: float, least: float) -> None:
    free, at = steps(share, least)
    assert np.allclose(free.sum(axis=1), 1.0)
    assert (free >= 0).all()
    whole = (1 - share) * free + share * np.eye(len(at))
    assert np.allclose(at @ whole, at, atol=1e-9)
    assert at.sum() == pytest.approx(1.0)
    assert at.min() > 0.02


@pytest.mark.parametrize("least", LEASTS)
def test_given_the_present_level_the_possible_classes_are_nearly_alike(least: float) -> None:
    shares = np.array(list(change_shares(0.15, least).values()))
    given = shares / shares.sum(axis=0)
    for level in given.T:
        possible = level[level > 1e-12]
        assert len(possible) >= 2
        assert possible.max() - possible.min() < 0.06


def test_the_floor_is_that_of_balanced_classes() -> None:
    assert single_film_accuracy(0.15, LEAST) < 0.4
    assert single_film_accuracy(0.15, 0.4) < 0.45
    assert single_film_accuracy(0.15, LEAST) > 1 / 3


@pytest.mark.parametrize("least", [0.2, 0.4])
def test_the_floor_agrees_with_a_reader_who_counts(least: float) -> None:
    """The best guess by level is learnt on one half of simulated steps and scored on the other."""
    found = [(a, b) for a, b in pairs(chain(6_000, 5, least=least)) if b > 0]
    half = len(found) // 2
    told: dict[int, Counter[str | None]] = {}
    for before, now in found[:half]:
        told.setdefault(int((now - least) / LEVEL + 1e-9), Counter())[change_of(before, now)] += 1
    best = {level: counts.most_common(1)[0][0] for level, counts in told.items()}
    right = [best[int((now - least) / LEVEL + 1e-9)] == change_of(before, now) for before, now in found[half:]]
    expected, error = single_film_accuracy(0.15, least), 0.5 / np.sqrt(len(right))
    assert np.mean(right) == pytest.approx(expected, abs=4 * error)


def test_within_a_level_the_severity_tells_nothing_of_the_class() -> None:
    """A reader who knows the severity more finely than its level does no better: places in a level are alike."""
    places: dict[str | None, list[float]] = {}
    for before, now in pairs(chain(6_000, 5)):
        if now:
            places.setdefault(change_of(before, now), []).append(((now - LEAST) / LEVEL) % 1.0)
    for name, values in places.items():
        assert np.mean(values) == pytest.approx(0.5, abs=4 * 0.29 / np.sqrt(len(values))), name


def test_the_levels_are_drawn_alike_at_every_visit() -> None:
    made = np.array(chain(5_000, 4))
    first, last = made[:, 0], made[:, -1]
    assert (first == 0).mean() == pytest.approx((last == 0).mean(), abs=0.03)
    assert first[first > 0].mean() == pytest.approx(last[last > 0].mean(), abs=0.03)


def test_the_prior_does_tell() -> None:
    """With the prior at hand the class is certain: the floor is one of the single film, not of the task."""
    assert all(change_of(a, b) is not None for a, b in pairs(chain(500, 4)) if a or b)


@pytest.mark.parametrize(("share", "least"), [(-0.1, 0.2), (0.3, 0.2), (0.1, 0.8)])
def test_what_cannot_be_balanced_is_refused(share: float, least: float) -> None:
    with pytest.raises(InputError, match="no balanced steps"):
        steps(share, least)
