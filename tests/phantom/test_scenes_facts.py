"""Facts of the scenes: change is balanced given the current grade, and no reader of one study passes its floor."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from hilum.core.seed import generator
from hilum.phantom.scenes_facts import (
    CONCEPTS,
    GONE,
    MOST,
    Fact,
    backward,
    change_of,
    changes_given,
    draw_course,
    forward,
    steady,
)

COURSES = [draw_course(generator(0, "course", number), 2) for number in range(1500)]


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [(0, 0, None), (0, 1, "new"), (2, 0, "resolved"), (1, 1, "unchanged"), (1, 3, "worsened"), (3, 2, "improved")],
)
def test_the_change_between_two_grades(before: int, now: int, change: str | None) -> None:
    assert change_of(before, now) == change


@pytest.mark.parametrize("concept", CONCEPTS)
def test_changes_are_equally_likely_given_the_current_grade(concept: str) -> None:
    for grade in range(1, MOST[concept] + 1):
        chances = changes_given(concept, grade)
        assert np.allclose(list(chances.values()), 1 / len(chances))
        possible = {change_of(before, grade) for before in range(MOST[concept] + 1)}
        assert set(chances) == possible
    assert changes_given(concept, 0) == pytest.approx({None: 1 - GONE[concept], "resolved": GONE[concept]})


@pytest.mark.parametrize("concept", CONCEPTS)
def test_forward_and_backward_chains_tell_one_story(concept: str) -> None:
    share, chain = steady(concept), forward(concept)
    assert share.sum() == pytest.approx(1)
    assert np.allclose(chain.sum(1), 1)
    assert np.allclose(share @ chain, share)  # every visit alike
    assert np.allclose(share[:, None] * chain, (share[:, None] * backward(concept)).T)  # Bayes' rule
    assert 0.1 < 1 - share[0] < 0.6


def test_what_is_drawn_follows_the_generator() -> None:
    for column, concept in enumerate(CONCEPTS):
        counts = np.zeros((MOST[concept] + 1, MOST[concept] + 1))
        for before, now in COURSES:
            counts[now[column].grade, before[column].grade] += 1
        for grade, row in enumerate(counts):
            error = 4 * np.sqrt(0.25 / row.sum())
            assert np.abs(row / row.sum() - backward(concept)[grade]).max() < error
        assert abs(counts[0].sum() / counts.sum() - steady(concept)[0]) < 0.06


def test_sides_and_places_stay_with_the_patient() -> None:
    for before, now in COURSES[:200]:
        for old, new in zip(before, now, strict=True):
            assert (old.side, old.zone, old.depth) == (new.side, new.zone, new.depth)


def _items(part: slice) -> list[tuple[tuple[object, ...], tuple[str, int], str | None]]:
    """(all that the current study holds, concept and grade, change) of each fact with a prior."""
    made: list[tuple[tuple[object, ...], tuple[str, int], str | None]] = []
    for before, now in COURSES[part]:
        others = tuple(fact.grade > 0 for fact in now)
        for old, new in zip(before, now, strict=True):
            seen = (new.concept, new.grade, new.side, new.zone, others)
            made.append((seen, (new.concept, new.grade), change_of(old.grade, new.grade)))
    return made


def _accuracy(rule: dict[object, str | None], items: list[tuple[object, str | None]], fallback: str) -> float:
    return float(np.mean([rule.get(key, fallback) == change for key, change in items]))


def _learned(items: list[tuple[object, str | None]]) -> dict[object, str | None]:
    counts: dict[object, Counter[str | None]] = defaultdict(Counter)
    for key, change in items:
        counts[key][change] += 1
    return {key: count.most_common(1)[0][0] for key, count in counts.items()}


def test_no_rule_on_the_current_study_passes_the_floor() -> None:
    """The best rule from the generator is at the floor; one fitted to all that the current study holds is not above."""
    train, test = _items(slice(0, 1000)), _items(slice(1000, None))
    floor = float(np.mean([max(changes_given(*state).values()) for _, state, _ in test]))
    error = 4 * np.sqrt(floor * (1 - floor) / len(test))
    best = {state: max(changes_given(*state), key=changes_given(*state).__getitem__) for _, state, _ in test}
    assert abs(_accuracy(best, [(state, change) for _, state, change in test], "") - floor) < error
    fitted = _learned([(seen, change) for seen, _, change in train])
    assert _accuracy(fitted, [(seen, change) for seen, _, change in test], "") < floor + error


def test_shuffled_changes_are_as_hard_and_a_reader_of_both_studies_is_not() -> None:
    """Within one concept and grade the change is noise: shuffling it there moves no single-study reader."""
    test = _items(slice(0, None))
    rng = np.random.default_rng(0)
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, (_, state, _) in enumerate(test):
        groups[state].append(number)
    shuffled = [change for _, _, change in test]
    for members in groups.values():
        for number, other in zip(members, rng.permutation(members), strict=True):
            shuffled[number] = test[int(other)][2]
    rule = _learned([(state, change) for _, state, change in test])
    true = _accuracy(rule, [(state, change) for _, state, change in test], "")
    mixed = _accuracy(rule, [(state, change) for (_, state, _), change in zip(test, shuffled, strict=True)], "")
    assert mixed == pytest.approx(true, abs=1e-12)
    both = [((state, before.grade), change) for (_, state, change), before in
            zip(test, (fact for old, _ in COURSES for fact in old), strict=True)]  # fmt: skip
    assert _accuracy(_learned(both), both, "") == 1.0
    assert true < 0.75


@pytest.mark.parametrize(
    ("fact", "poor"),
    [
        (Fact("pleural effusion", 1, 1), True),
        (Fact("pleural effusion", 2, 1), False),
        (Fact("consolidation", 3, 1, "retrocardiac", "posterior"), True),
        (Fact("consolidation", 0, 1, "retrocardiac", "posterior"), False),
        (Fact("consolidation", 1, 1, "lower", "posterior"), False),
    ],
)
def test_two_facts_are_poor_on_the_frontal(fact: Fact, poor: bool) -> None:
    assert fact.frontal_poor is poor
