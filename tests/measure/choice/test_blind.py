"""The blind reader learns what words give away, and nothing where they give nothing; the gate refuses the former."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import RefusedError
from hilum.core.report import Question
from hilum.measure.choice.blind import BlindReader, Gate, blind_accuracy, gate, gated, learn_blind
from hilum.measure.choice.items import Design, Item, make_items
from hilum.measure.stats import Interval
from tests.measure.choice.made import FOUR, all_states

WORDS = ("amber", "blue", "coral", "dun")


def item(at: int, answer: int, options: tuple[str, ...] = WORDS, stem: str = "Which colour?", group: int = -1) -> Item:
    return Item(f"s{at}", f"p{at}", "presence", "", stem, options, answer, options, at if group < 0 else group)


def drawn(count: int, seed: int = 0) -> list[Item]:
    """Options in random order, answers at random."""
    rng = np.random.default_rng(seed)
    return [item(at, int(rng.integers(4)), tuple(rng.permutation(WORDS))) for at in range(count)]


def always(word: str, count: int, seed: int = 0) -> list[Item]:
    rng = np.random.default_rng(seed)
    orders = [tuple(str(each) for each in rng.permutation(WORDS)) for _ in range(count)]
    return [item(at, order.index(word), order) for at, order in enumerate(orders)]


def longest(count: int, seed: int = 0) -> list[Item]:
    """The right option is the longest, whatever it says."""
    rng, made = np.random.default_rng(seed), []
    for at in range(count):
        answer = int(rng.integers(4))
        made.append(
            item(at, answer, tuple("x" * int(rng.integers(3, 9)) + "yyyyyyyy" * (k == answer) for k in range(4)))
        )
    return made


@pytest.mark.parametrize(
    ("items", "least"),
    [
        (always("coral", 60), 0.99),
        ([item(at, 2) for at in range(60)], 0.99),
        (longest(80), 0.95),
        ([item(at, at % 4, stem=f"Is it {WORDS[at % 4]}?") for at in range(80)], 0.95),
    ],
)
def test_it_learns_what_options_places_lengths_and_stems_give_away(items: list[Item], least: float) -> None:
    half = len(items) // 2
    assert blind_accuracy(learn_blind(items[:half]), items[half:]).mean() >= least


def test_it_learns_nothing_where_there_is_nothing_to_learn() -> None:
    right = blind_accuracy(learn_blind(drawn(400)), drawn(400, seed=1))
    assert abs(right.mean() - 0.25) < 0.07  # three standard errors of 400 draws


def test_on_quadruples_it_is_right_on_exactly_a_quarter() -> None:
    studies = all_states(copies=4)
    learned = learn_blind(make_items(studies, Design(200, 9, balance=False), seed=1))
    asked = make_items(studies, Design(per_task=40, per_study=2), seed=2)
    assert blind_accuracy(learned, asked).mean() == 0.25


def test_one_that_learned_nothing_shares_its_guess() -> None:
    assert (blind_accuracy(BlindReader(), drawn(8)) == 0.25).all()
    assert (blind_accuracy(learn_blind([]), drawn(8)) == 0.25).all()


def test_it_answers_questions_as_they_are_asked_letters_and_all() -> None:
    reader = learn_blind(always("coral", 60))
    choices = tuple(f"{letter}. {word}" for letter, word in zip("ABCD", WORDS, strict=True))
    assert reader.answer(Question("Which colour?", choices)) == 2


def test_its_weights_come_out_the_same_each_time() -> None:
    assert np.array_equal(learn_blind(drawn(50)).weights, learn_blind(drawn(50)).weights)


# ---- the gate


def test_the_gate_passes_quadruples() -> None:
    told = gate(make_items(all_states(copies=4), Design(per_task=40), seed=2))
    assert told.passed
    assert told.accuracy.value <= 0.25


@pytest.mark.parametrize("design", [Design(40, rotate=False), Design(40, even=False)])
def test_the_gate_refuses_careless_items_with_a_sentence(design: Design) -> None:
    items = make_items(all_states(copies=4), design, seed=2)
    with pytest.raises(RefusedError, match=r"sees no film answers .*at most 0\.30.*rotate the options"):
        gated(items)


def test_three_of_a_quadruple_do_not_teach_the_fourth() -> None:
    """By patient alone a reader learns that the one answer it has not seen is the one that is left."""
    items = make_items(all_states(copies=4), Design(per_task=40), seed=2)
    assert gate(items).held_out_by == "quadruple"


def test_what_passes_comes_back_as_it_was() -> None:
    items = make_items(all_states(copies=4), Design(per_task=40), seed=2)
    assert gated(items) is items


@pytest.mark.parametrize(("value", "passed"), [(0.25, True), (0.30, True), (0.301, False), (1.0, False), (0.1, True)])
def test_five_points_above_chance_are_allowed(value: float, passed: bool) -> None:
    assert Gate(Interval(value, 0, 1), "patient", 100).passed is passed


def test_a_gap_between_prevalences_is_seen() -> None:
    """Nine in ten are the first finding: whoever says so is right nine times in ten."""
    rng = np.random.default_rng(0)
    orders = [tuple(str(each) for each in rng.permutation(FOUR)) for _ in range(200)]
    right = [FOUR[0] if rng.random() < 0.9 else FOUR[1] for _ in orders]
    items = [item(at, order.index(word), order) for at, (order, word) in enumerate(zip(orders, right, strict=True))]
    assert gate(items).accuracy.value == pytest.approx(right.count(FOUR[0]) / 200, abs=0.03)
