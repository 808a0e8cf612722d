"""Cases, examples, floors and scores of the prompt study, against what the generator knows."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.region import Box
from hilum.learn.outside.asking import Asking, Said
from hilum.phantom.scenes_facts import CONCEPTS, Fact
from hilum.systems._gpt4v_cohort import WORDINGS, Case, cases, examples, phrase, told
from hilum.systems._gpt4v_floors import Constant, Copies, Nearest
from hilum.systems._gpt4v_run import (
    CLOSED,
    IOU,
    OPEN,
    Arm,
    grounding,
    question_examples,
    question_scores,
    report_scores,
    reports,
    shown,
    table,
)
from hilum.systems._gpt4v_words import asked_of, house_of
from hilum.text.parse import parse


@pytest.fixture(scope="module")
def train() -> list[Case]:
    return cases(44, seed=3, size=32, split="train")


@pytest.fixture(scope="module")
def test() -> list[Case]:
    return cases(44, seed=3, size=32, split="test")


def asking(task: str, case: Case, question: str = "", shown_: tuple[str, ...] = ()) -> Asking:
    return Asking(task, (("cur_front", case.film),), question=question, examples=shown_)  # type: ignore[arg-type]


class Knows:
    """An oracle: it answers what is true of the film it is shown, by the film's id."""

    name = "knows"

    def __init__(self, every: list[Case]) -> None:
        self.every = {case.film.pixels.tobytes(): case for case in every}

    def __call__(self, asked: Asking) -> Said:
        case = self.every.get(asked.films[0][1].pixels.tobytes())
        if case is None:
            return Said("")
        if asked.task == "findings":
            return Said(case.text)
        if asked.task == "answer":
            known = {each.text: each.answer for each in (*case.closed, *case.open)}
            return Said(f"{known.get(asked.question, 'none')}, as I see it.")
        return Said("", tuple(box for words, box in case.phrases if words == asked.question))


def test_splits_share_no_patient(train: list[Case], test: list[Case]) -> None:
    assert not {case.study.patient for case in train} & {case.study.patient for case in test}
    assert len(train) > len(test) > 5


def test_a_text_states_the_facts_and_no_others_by_the_report_parser(train: list[Case]) -> None:
    for case in train[:25]:
        stated = {fact.concept for fact in parse({"findings": case.text}).facts if fact.state == "present"}
        true = {fact.concept for fact in case.facts if fact.grade}
        assert {name for name in CONCEPTS if any(name in each or each in name for each in stated)} >= true - stated
        for fact in case.facts:
            if fact.concept in ("pleural effusion", "pneumothorax", "consolidation"):
                assert (fact.concept in stated) == bool(fact.grade)


def test_every_hospital_has_words_of_its_own_for_the_same_facts() -> None:
    facts = tuple(Fact(concept, int(concept == "pneumothorax"), -1) for concept in CONCEPTS)
    texts = {(a, b): told(facts, (a, b)) for a in range(WORDINGS) for b in range(WORDINGS)}
    assert len(set(texts.values())) == WORDINGS**2
    assert all("right pneumothorax" in text for text in texts.values())


def test_a_hospital_is_told_by_one_normal_and_one_abnormal_example(train: list[Case]) -> None:
    for case in train[:30]:
        both, normal = (house_of(examples(family, case, train, seed=0)) for family in ("one + one", "two normal"))
        assert both[1] == normal[1] == case.house[1]
        if any(fact.grade and fact.concept != "endotracheal tube" for fact in case.facts):
            assert both[0] in range(WORDINGS)
    told_apart = [house_of(examples("one + one", case, train, seed=0)) == case.house for case in train]
    assert np.mean(told_apart) > 0.9
    assert house_of(()) == (0, 0)


@pytest.mark.parametrize("family, normal, abnormal", [
    ("zero-shot", 0, 0), ("two normal", 2, 0), ("two abnormal", 0, 2), ("one + one", 1, 1),
])  # fmt: skip
def test_families_show_what_they_say(train: list[Case], family: str, normal: int, abnormal: int) -> None:
    case = train[0]
    found = examples(family, case, train, seed=1)
    nothing = told(tuple(Fact(concept) for concept in CONCEPTS), case.house)
    assert (found.count(nothing), len(found) - found.count(nothing)) == (normal, abnormal)
    assert found == examples(family, case, train, seed=1)


def test_examples_are_of_other_patients(train: list[Case]) -> None:
    own = [case for case in train if case.study.patient == train[0].study.patient]
    assert len(examples("two abnormal", train[0], [*own, train[-1]], seed=0)) <= 2
    assert all(text == told(train[-1].facts, train[0].house)
               for text in examples("two abnormal", train[0], [*own, train[-1]], seed=0))  # fmt: skip


def test_questions_are_balanced_and_true(train: list[Case]) -> None:
    asked = [(case, question) for case in train for question in case.closed]
    assert 0.35 < np.mean([question.answer == "yes" for _, question in asked]) < 0.65
    for case, question in asked:
        concept, side, _ = asked_of(question.text)
        fact = next(fact for fact in case.facts if fact.concept == concept)
        assert (question.answer == "yes") == (fact.grade > 0 and side in (0, fact.side))
    for case in train:
        for question in case.open:
            fact = next(fact for fact in case.facts if fact.concept == asked_of(question.text)[0])
            assert question.answer == ("right" if fact.side < 0 else "left")


def test_phrases_name_what_their_boxes_hold(train: list[Case]) -> None:
    for case in train:
        for words, box in case.phrases:
            concept, side, zone = asked_of(words)
            fact = next(fact for fact in case.facts if fact.concept == concept)
            assert fact.grade
            assert zone in ("", fact.zone)
            rows, columns = case.film.pixels.shape
            assert 0 <= box.x0 < box.x1 <= columns
            assert 0 <= box.y0 < box.y1 <= rows
            if side and box.area < 0.1 * rows * columns:  # the patient's right is on the film's left
                assert (box.center[0] < columns / 2 + 3) == (side < 0) or abs(box.center[0] - columns / 2) < 4


@pytest.mark.parametrize("text, expected", [
    ("Is there a right pleural effusion?", ("pleural effusion", -1, "")),
    ("On which side is the pneumothorax?", ("pneumothorax", 0, "")),
    ("large consolidation in the left mid zone", ("consolidation", 1, "mid")),
    ("small left effusion", ("pleural effusion", 1, "")), ("left lower zone nodule", ("lung nodule", 1, "lower")),
    ("severe enlargement of the heart", ("cardiomegaly", 0, "")),
    ("small retrocardiac consolidation", ("consolidation", 0, "retrocardiac")),
    ("endotracheal tube with its tip 4 cm above the carina", ("endotracheal tube", 0, "")),
])  # fmt: skip
def test_questions_and_phrases_are_read(text: str, expected: tuple[str, int, str]) -> None:
    assert asked_of(text) == expected


def test_the_constant_says_the_same_of_every_film(train: list[Case], test: list[Case]) -> None:
    floor = Constant(train)
    assert len({floor(asking("findings", case)).text for case in test}) == 1
    boxes = [box.corners for case in train for words, box in case.phrases if asked_of(words)[0] == "cardiomegaly"]
    made = floor(asking("phrase_to_box", test[0], "mild cardiomegaly")).boxes[0]
    assert made.corners == pytest.approx(np.median(np.array(boxes), axis=0))
    assert floor(asking("answer", test[0], "Is there a right pneumothorax?")).text == "no"


def test_copying_returns_the_last_example(train: list[Case]) -> None:
    floor = Copies(Constant(train))
    assert floor(asking("findings", train[0], shown_=("A.", "B."))).text == "B."
    assert floor(asking("findings", train[0])).text == Constant(train)(asking("findings", train[0])).text


def test_the_nearest_of_a_training_film_is_itself(train: list[Case]) -> None:
    floor = Nearest(train)
    for case in train[:8]:
        assert floor(asking("findings", case)).text == case.text
        for question in (*case.closed, *case.open):
            assert floor(asking("answer", case, question.text)).text == question.answer
        for words, box in case.phrases:
            assert floor(asking("phrase_to_box", case, words)).boxes[0].corners == box.corners


def test_restyling_changes_words_and_no_fact(train: list[Case], test: list[Case]) -> None:
    floor = Nearest(train, restyled=True)
    for case in test[:6]:
        plain = floor(asking("findings", case)).text
        shown_ = examples("one + one", case, train, seed=0)
        styled = floor(asking("findings", case, shown_=shown_)).text
        facts = [sorted((f.concept, f.state, f.sides) for f in parse({"findings": text}).facts)
                 for text in (plain, styled)]  # fmt: skip
        assert facts[0] == facts[1]
        if house_of(shown_) != (0, 0):
            assert plain != styled


def test_blank_films_hold_nothing_and_swapped_ones_are_another_patients(test: list[Case]) -> None:
    case = test[0]
    blank = shown(case, "blank", test, seed=0)
    assert blank.pixels.shape == case.film.pixels.shape
    assert blank.display().std() == 0
    other = shown(case, "swapped", test, seed=0)
    owner = next(each for each in test if each.film.pixels is other.pixels or (each.film.pixels == other.pixels).all())
    assert owner.study.patient != case.study.patient
    assert shown(case, "true", test, seed=0) is case.film


def test_an_oracle_scores_the_best_and_only_with_the_true_film(test: list[Case], train: list[Case]) -> None:
    oracle = Knows(test)
    arm, swapped = Arm("knows", "zero-shot"), Arm("knows", "zero-shot", "swapped")
    best = report_scores(test, reports(arm, oracle, test, train, seed=0), ("bleu-4", "finding-f1"))
    assert best["bleu-4"].value == pytest.approx(1.0)
    assert best["finding-f1"].value == pytest.approx(1.0)
    asked = question_scores(arm, oracle, test, train, seed=0)
    assert (asked[CLOSED].value, asked[OPEN].value) == (1.0, 1.0)
    assert grounding(arm, oracle, test, seed=0).value == 1.0
    worse = report_scores(test, reports(swapped, oracle, test, train, seed=0), ("finding-f1",))
    assert worse["finding-f1"].value < 0.8
    assert question_scores(swapped, oracle, test, train, seed=0)[CLOSED].value < 0.8
    assert grounding(Arm("knows", "zero-shot", "blank"), oracle, test, seed=0).value == 0.0


def test_a_box_that_is_half_right_scores_half(test: list[Case]) -> None:
    class Half:
        name = "half"

        def __call__(self, asked: Asking) -> Said:
            box = next(box for case in test for words, box in case.phrases
                       if case.film is asked.films[0][1] and words == asked.question)  # fmt: skip
            return Said("", (Box(box.x0, box.y0, (box.x0 + box.x1) / 2, box.y1), Box(0, 0, 1, 1)))

    assert grounding(Arm("half", ""), Half(), test, seed=0).value == pytest.approx(0.5)


def test_examples_of_questions_are_a_yes_and_a_no_of_the_pool(train: list[Case]) -> None:
    case = train[0]
    found = question_examples("one + one", case.closed[0], case, train, seed=0)
    assert [text.split()[-1] for text in found] == ["yes.", "no."]
    assert question_examples("zero-shot", case.closed[0], case, train, seed=0) == ()


def test_backends_that_answer_many_at_once_are_asked_so(test: list[Case], train: list[Case]) -> None:
    class Many(Knows):
        calls = 0

        def together(self, asked: list[Asking]) -> list[Said]:
            self.calls += 1
            return [self(each) for each in asked]

    oracle = Many(test)
    texts = reports(Arm("knows", "one + one"), oracle, test, train, seed=0)
    assert texts == [case.text for case in test]
    assert oracle.calls == 1


def test_a_table_has_a_line_for_each_arm(test: list[Case]) -> None:
    scored = {Arm("knows", "zero-shot", film): [{IOU: grounding(Arm("knows", "", film), Knows(test), test, seed=0)}]
              for film in ("true", "blank")}  # fmt: skip
    lines = table("boxes", scored, (IOU,))
    assert len(lines) == 3
    assert lines[1].split() == ["knows,", "zero-shot", "1.000"]
    assert lines[2].endswith("0.000")


def test_phrases_use_the_hospitals_nouns() -> None:
    fact = Fact("consolidation", 3, 1, "mid", "anterior")
    assert phrase(fact, 0) == "large consolidation in the left mid zone"
    assert phrase(fact, 1) == "large left mid zone consolidation"
