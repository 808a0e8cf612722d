"""Made films with what questions ask of them, and the task that asks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest

from hilum.core.errors import InputError
from hilum.core.region import Mask
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.measure.boards import score
from hilum.measure.choice.facts import facts_of
from hilum.measure.choice.films import PREVALENCE, RATIO, film_cohort, film_study
from hilum.measure.choice.items import TASKS, Design, Item, make_items
from hilum.measure.task import find_task
from hilum.systems.floors import any_order


@cache
def films(count: int = 60) -> tuple[Study, ...]:
    return tuple(film_cohort(count, seed=5))


def test_every_concept_is_stated_of_every_film() -> None:
    for study in films():
        assert [finding.concept for finding in study.findings] == list(PREVALENCE)


def test_findings_have_masks_on_the_side_that_their_sites_name() -> None:
    """Image right is the patient's left; lungs lie on either side of the middle column."""
    sides = Counter()  # type: ignore[var-annotated]
    for study in films():
        for finding in study.findings:
            masks = [each for each in finding.regions if isinstance(each, Mask)]
            if finding.state != "present" or finding.concept == "cardiomegaly":
                continue
            middle = float(masks[0].pixels.nonzero()[1].mean()) / masks[0].pixels.shape[1]
            (side,) = facts_of(study).sides[finding.concept]
            assert (middle > 0.5) == (side == "left")
            sides[side] += 1
    assert min(sides.values()) > 20


def test_zones_agree_with_the_height_of_the_mask() -> None:
    rows: dict[str, list[float]] = {}
    for study in films():
        for finding in study.findings:
            (place,) = facts_of(study).places.get(finding.concept, ()) or ("",)
            if place:
                mask = next(each for each in finding.regions if isinstance(each, Mask))
                rows.setdefault(place.split()[1], []).append(float(mask.pixels.nonzero()[0].mean()))
    mean = {zone: sum(held) / len(held) for zone, held in rows.items()}
    assert mean["upper"] < mean["mid"] < mean["lower"]


def test_the_ratio_is_measured_on_every_film_and_high_where_the_heart_is_large() -> None:
    for study in films():
        facts = facts_of(study)
        assert (facts.measures["cardiomegaly", RATIO].value > 0.5) == facts.has("cardiomegaly")


def test_films_are_the_same_each_time_and_other_seeds_are_other_patients() -> None:
    one, again, other = film_study(3, seed=5), film_study(3, seed=5), film_study(3, seed=6)
    assert one.findings == again.findings
    assert (one.films[0].pixels == again.films[0].pixels).all()
    assert one.patient != other.patient


# ---- several questions of one study answer each other


def told_by_others(item: Item, others: Sequence[Item]) -> float:
    """Chance of being right from the other questions of a study alone: what they take for granted is there."""
    granted = " ".join(each.stem for each in others)
    seen = Counter(option.removeprefix("no ") for each in others for option in each.options)
    scores = [3.0 * (option in granted) + 0.01 * seen[option] for option in item.options]
    best = [at for at, score in enumerate(scores) if score == max(scores)]
    return (item.answer in best) / len(best)


def siblings(per_study: int) -> float:
    held: dict[str, list[Item]] = {}
    for item in make_items(films(160), Design(per_task=200, per_study=per_study), seed=1):
        held.setdefault(item.study, []).append(item)
    right = [
        told_by_others(item, [each for each in of if each is not item and each.task != "presence"])
        for of in held.values()
        for item in of
        if item.task == "presence"
    ]
    return sum(right) / len(right)


@pytest.mark.slow
def test_what_else_is_asked_of_a_study_gives_answers_away_without_a_film() -> None:
    """'How long is the lung mass?' tells that there is one: eight questions a study can be answered by each other."""
    assert siblings(8) > 0.35


@pytest.mark.slow
def test_one_question_a_study_gives_nothing_away() -> None:
    assert siblings(1) == pytest.approx(0.25)


# ---- the task


@pytest.mark.slow
def test_the_task_asks_five_kinds_in_four_orders_and_hides_the_answers() -> None:
    task = find_task("rexvqa/phantom", {"items": "8"})
    studies = list(task.open())
    counts = Counter(question.family for study in studies for question in study.questions)
    assert counts == dict.fromkeys(TASKS, 32)
    hidden = studies[0].hide(*task.hide)
    assert hidden.findings == ()
    assert {question.answer for question in hidden.questions} == {None}
    assert {question.explanation for question in hidden.questions} == {""}


@pytest.mark.slow
def test_words_alone_come_to_exactly_a_quarter_of_the_task() -> None:
    """Whatever letter is always said, and whichever option a fixed order of words prefers."""
    task = find_task("rexvqa/phantom", {"items": "8"})
    studies = list(task.open())

    def scored(pick: int) -> float:
        answers = []
        for study in studies:
            ranked = [sorted(question.choices, key=lambda each: each[3:])[pick] for question in study.questions]
            told = [Question("", (), said, id=q.id) for said, q in zip(ranked, study.questions, strict=True)]
            answers.append(study.hide("questions").add(questions=told))
        board = score(task.metrics, studies, answers, [""] * len(studies))
        assert board.lines["choice-consistency"].interval.value == 1.0
        return float(board.lines["choice-accuracy"].interval.value)

    assert [scored(pick) for pick in range(4)] == [0.25] * 4


@pytest.mark.slow
def test_an_option_at_random_is_near_a_quarter_and_never_consistent() -> None:
    task = find_task("rexvqa/phantom", {"items": "8"})
    studies = list(task.open())
    board = score(task.metrics, studies, [any_order(each.hide("questions")) for each in studies], [""] * len(studies))
    assert board.lines["choice-accuracy"].interval.value == pytest.approx(0.25, abs=0.11)  # 3 errors of 160
    assert board.lines["choice-consistency"].interval.value < 0.2
    assert board.lines["choice-invalid"].interval.value == 0.0


@pytest.mark.slow
def test_asked_freely_there_are_no_choices_and_words_are_scored() -> None:
    task = find_task("rexvqa/phantom", {"items": "8", "free": "true"})
    studies = list(task.open())
    assert {len(study.questions) for study in studies} == {1}
    assert not any(study.questions[0].choices for study in studies)
    board = score(task.metrics, studies, studies, [""] * len(studies))
    assert board.lines["answer-exact"].interval.value == 1.0


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("rexvqa/phantom", {"items": "3"}, "quadruples"),
        ("rexvqa/phantom", {"items": "many"}, "is a int"),
        ("rexvqa/openi", {"half": "third"}, "dev, test, all"),
        ("rexvqa/phantom", {"letters": "5"}, "no choice 'letters'"),
    ],
)
def test_choices_that_cannot_be_are_refused(name: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_task(name, settings)
