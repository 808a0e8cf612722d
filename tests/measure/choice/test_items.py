"""Items in quadruples: nothing that reads words alone can beat a quarter; careless ones give themselves away."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.choice.ask import ask
from hilum.measure.choice.facts import facts_of
from hilum.measure.choice.items import CHANCE, TASKS, Design, Item, make_items
from tests.measure.choice.made import FOUR, all_states, measured, study

STUDIES = [*all_states(copies=3), *measured([0.40, 0.47, 0.53, 0.62] * 8)]
ITEMS = make_items(STUDIES, Design(per_task=16), seed=3)


def test_each_kind_that_the_studies_can_answer_is_asked() -> None:
    assert set(Counter(item.task for item in ITEMS)) == {"presence", "location", "negation", "geometry"}
    assert all(count % 4 == 0 for count in Counter(item.task for item in ITEMS).values())


def test_the_same_words_are_asked_of_four_studies_with_four_answers() -> None:
    groups: dict[int, list[Item]] = {}
    for item in ITEMS:
        groups.setdefault(item.group, []).append(item)
    for held in groups.values():
        assert len({(item.stem, item.options) for item in held}) == 1
        assert sorted(item.answer for item in held) == [0, 1, 2, 3]
        assert len({item.study for item in held}) == 4


@given(st.integers(0, 2**32))
def test_any_reader_of_words_alone_is_right_on_exactly_a_quarter(salt: int) -> None:
    def reads(item: Item) -> int:
        return hash((salt, item.stem, item.options)) % 4

    assert sum(reads(item) == item.answer for item in ITEMS) == CHANCE * len(ITEMS)


@pytest.mark.parametrize("at", range(4))
def test_every_letter_is_right_as_often(at: int) -> None:
    assert sum(item.answer == at for item in ITEMS) * 4 == len(ITEMS)


def test_a_study_is_asked_once_so_that_nothing_else_asked_of_it_tells() -> None:
    assert max(Counter(item.study for item in ITEMS).values()) == 1
    more = make_items(STUDIES, Design(per_task=16, per_study=3), seed=3)
    assert 1 < max(Counter(item.study for item in more).values()) <= 3


@pytest.mark.parametrize("design", [Design(16, 2), Design(16, 2, balance=False)])
def test_answers_are_right_by_the_facts(design: Design) -> None:
    held = {each.id: facts_of(each) for each in STUDIES}
    for item in make_items(STUDIES, design, tasks=("presence", "negation"), seed=1):
        facts = held[item.study]
        states = [facts.has(option.removeprefix("no ")) for option in item.options]
        wanted = item.category != "absent finding"
        assert [at for at, state in enumerate(states) if state is wanted] == [item.answer]
        assert None not in states


def test_the_same_seed_gives_the_same_items_and_another_others() -> None:
    assert make_items(STUDIES, Design(per_task=16), seed=3) == ITEMS
    assert make_items(STUDIES, Design(per_task=16), seed=4) != ITEMS


def test_no_more_are_asked_than_wanted() -> None:
    counts = Counter(item.task for item in make_items(STUDIES, Design(per_task=10, per_study=9), seed=1))
    assert set(counts.values()) == {8}


def test_carelessly_the_right_option_comes_first_or_says_more() -> None:
    assert {item.answer for item in make_items(STUDIES, Design(rotate=False), seed=1)} == {0}
    for item in make_items(STUDIES, Design(even=False), tasks=("presence",), seed=1):
        lengths = [option.count(",") for option in item.options]
        assert lengths.index(max(lengths)) == item.answer
        assert sum(lengths) == 1


def test_without_balance_frequent_findings_are_frequent_answers() -> None:
    common = [study(f"c{at}", [FOUR[0]], list(FOUR[1:])) for at in range(40)]
    rare = [study(f"r{at}", [FOUR[1]], [FOUR[0], *FOUR[2:]]) for at in range(4)]
    others = [study(f"o{at}", [FOUR[2 + at % 2]], [FOUR[0], FOUR[1], FOUR[3 - at % 2]]) for at in range(8)]
    cohort = [*common, *rare, *others]

    def right(design: Design) -> Counter[str]:
        made = make_items(cohort, design, tasks=("presence",), seed=0)
        return Counter(item.options[item.answer] for item in made)

    assert right(Design(60, balance=False))[FOUR[0]] == 40
    assert set(right(Design(60)).values()) == {4}


# ---- rotations, letters, explanations


@settings(max_examples=30)
@given(st.integers(0, len(ITEMS) - 1), st.integers(0, 9))
def test_turning_moves_options_and_answer_together(number: int, places: int) -> None:
    item = ITEMS[number]
    turned = item.turned(places)
    assert turned.options[turned.answer] == item.options[item.answer]
    assert dict(zip(turned.options, turned.reasons, strict=True)) == dict(zip(item.options, item.reasons, strict=True))
    assert turned.turned(-places) == item
    assert turned.answer == (item.answer + places) % 4


def test_in_four_turns_the_answer_stands_at_every_letter() -> None:
    assert {ITEMS[0].turned(places).answer for places in range(4)} == {0, 1, 2, 3}


def test_a_question_has_lettered_choices_and_its_answer_among_them() -> None:
    question = ITEMS[0].question("q")
    assert [each[:3] for each in question.choices] == ["A. ", "B. ", "C. ", "D. "]
    assert question.answer == question.choices[ITEMS[0].answer]
    assert (question.family, question.category) == (ITEMS[0].task, ITEMS[0].category)


def test_the_explanation_supports_the_answer_and_speaks_of_every_distractor() -> None:
    item = next(item for item in ITEMS if item.task == "presence")
    said = item.question("q").explanation
    first, *others = said.rstrip(".").split(". ")
    assert item.options[item.answer] in first
    assert len(others) == 3
    letters = [f"{letter} ({option})" for letter, option in zip("ABCD", item.options, strict=True)]
    letters.pop(item.answer)
    assert [other.split(" is not it")[0] for other in others] == letters


def test_turned_questions_name_the_letters_of_their_own_order() -> None:
    item = ITEMS[0]
    assert item.turned(1).question("q").explanation != item.question("q").explanation
    assert item.turned(1).why("") != ""


def test_a_free_question_has_no_choices_and_the_bare_text_for_an_answer() -> None:
    question = ITEMS[0].question("q", free=True)
    assert question.choices == ()
    assert question.answer == ITEMS[0].options[ITEMS[0].answer]
    assert "A (" not in question.explanation


# ---- asked of their studies


def test_studies_get_their_items_in_every_rotation_and_no_other_question() -> None:
    made = ask(STUDIES, ITEMS, rotations=4)
    assert {each.id for each in made} == {item.study for item in ITEMS}
    assert [question.id for question in made[0].questions] == ["q0@0", "q0@1", "q0@2", "q0@3"]
    assert len({question.choices for question in made[0].questions}) == 4


def test_free_questions_are_asked_once() -> None:
    assert {len(each.questions) for each in ask(STUDIES, ITEMS, free=True)} == {1}


@pytest.mark.parametrize("rotations", [0, 5, -1])
def test_rotations_out_of_range_are_refused(rotations: int) -> None:
    with pytest.raises(InputError, match="1 to 4 rotations"):
        ask(STUDIES, ITEMS, rotations=rotations)


def test_items_of_other_studies_are_refused() -> None:
    with pytest.raises(InputError, match="not among those given"):
        ask(STUDIES[:1], ITEMS)


# ---- what cannot be asked


@pytest.mark.parametrize("change", [{"per_task": 0}, {"per_study": 0}])
def test_a_design_of_nothing_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(InputError, match="1 or more"):
        Design(**change)


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"'counting'.*presence, location"):
        make_items(STUDIES, tasks=("counting",))


@pytest.mark.parametrize("studies", [[], [study("a", ["pneumothorax"])], all_states()[:1]])
def test_studies_without_anything_to_ask_are_refused(studies: list[object]) -> None:
    with pytest.raises(InputError, match="nothing to ask about"):
        make_items(studies)  # type: ignore[arg-type]


def test_the_five_kinds_are_those_of_the_benchmark() -> None:
    assert TASKS == ("presence", "location", "negation", "differential", "geometry")
