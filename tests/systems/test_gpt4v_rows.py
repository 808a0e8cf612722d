"""Rows, guards and claims of the prompt study with backends of known skill; the specialist against its own start."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hilum.core.region import Box
from hilum.learn.outside.asking import Asking, Said
from hilum.measure.claim import Claim
from hilum.systems._gpt4v_claims import BOTH, GROUNDING, MISRANK, POINTS, PROMPTS, ZERO, looks, prompted, trails
from hilum.systems._gpt4v_cohort import Case, cases, told
from hilum.systems._gpt4v_endpoint import endpoint_rows, requests
from hilum.systems._gpt4v_floors import Constant
from hilum.systems._gpt4v_judge import beyond, floors, judged_reader
from hilum.systems._gpt4v_picture import boxes_png
from hilum.systems._gpt4v_rows import Rows
from hilum.systems._gpt4v_run import CLOSED, CONDITIONS, IOU, OPEN, REPORT, Arm
from hilum.systems._gpt4v_words import asked_of, boxes_of

pytestmark = pytest.mark.slow
TRAIN = cases(36, seed=5, size=32, split="train")
TEST = cases(36, seed=5, size=32, split="test")
KNOWN = {case.film.pixels.tobytes(): case for case in TEST}


class Sees:
    """Says what is true of the film it is shown, and tells it in its hospital's words only after an example.

    Args:
        name: of its rows.
        looks: whether it looks at the film, or says what is true of a fixed case.
        half: whether its boxes are half of the true ones.
    """

    def __init__(self, name: str = "small reader", *, looks: bool = True, half: bool = False) -> None:
        self.name, self.looks, self.half, self.asked = name, looks, half, 0

    def __call__(self, asking: Asking) -> Said:
        self.asked += 1
        film = asking.films[0][1]
        case = KNOWN.get(film.pixels.tobytes()) if self.looks else TEST[0]
        if case is None:
            return Said("A blank picture.")
        if asking.task == "findings":
            return Said(told(case.facts, case.house if asking.examples else (case.house[0] - 1, case.house[1] - 1)))
        if asking.task == "answer":
            known = {each.text: str(each.answer) for each in (*case.closed, *case.open)}
            return Said(known.get(asking.question, "no"))
        boxes = [box for words, box in case.phrases if asked_of(words) == asked_of(asking.question)]
        shrink = 2 if self.half else 1
        return Said("", tuple(Box(b.x0, b.y0, b.x0 + (b.x1 - b.x0) / shrink, b.y1) for b in boxes))


def whole(backend: Sees, *, seeds: int = 3) -> Rows:
    rows = Rows(TEST, TRAIN)
    floors(rows, seed=0, seeds=1)
    for number in range(seeds):
        rows.write(backend, ("zero-shot", "two normal", "two abnormal", BOTH), CONDITIONS, seed=number)
        rows.answer(backend, (ZERO, BOTH), CONDITIONS, seed=number)
        rows.point(backend, CONDITIONS, seed=number)
        rows.point(Sees("specialist"), CONDITIONS, seed=number)
    return rows


@pytest.fixture(scope="module")
def seen() -> Rows:
    return whole(Sees(half=True))


def test_answers_join_the_reports_of_their_seed(seen: Rows) -> None:
    runs = seen.scored[Arm("small reader", ZERO)]
    assert len(runs) == 3
    assert all(set(run) == {*REPORT, CLOSED, OPEN} for run in runs)
    assert [set(run) for run in seen.scored[Arm("small reader", POINTS)]] == [{IOU}] * 3


def test_tables_show_each_arm_under_what_it_did(seen: Rows) -> None:
    lines = seen.lines()
    heads = [number for number, line in enumerate(lines) if not line.startswith("    ")]
    assert [lines[number].split()[0] for number in heads] == ["reports", "questions", "boxes"]
    assert any("copies an example, two normal" in line for line in lines[: heads[1]])
    assert not any("copies an example" in line for line in lines[heads[1] :])
    assert "nan" not in "".join(lines[: heads[1]])


def test_one_that_looks_passes_the_guard_and_its_claims_are_judged(seen: Rows) -> None:
    parts, lines = judged_reader(seen, "", seed=0)
    assert all("holds" in line for line in lines[:2])
    by_metric = {(part.claim.metric, part.claim.arm): part for part in parts}
    bleu = by_metric["bleu-4", str(Arm("small reader", BOTH))]
    assert (bleu.outcome, bleu.seeds) == ("holds", 3)
    facts = by_metric["finding-f1", str(Arm("small reader", BOTH))]
    assert (facts.outcome, facts.gain.value) == ("fails", 0.0)  # other words, no other fact
    boxes = by_metric[IOU, str(Arm("specialist", POINTS))]
    assert boxes.outcome == "holds"
    assert boxes.gain.value == pytest.approx(0.5, abs=0.02)


def test_one_that_does_not_look_is_given_no_outcome() -> None:
    parts, lines = judged_reader(whole(Sees(looks=False)), "", seed=0)
    assert {part.outcome for part in parts} == {"cannot be tested here"}
    assert all("does not show that it looks" in part.reason for part in parts)
    assert all("fails" in line for line in lines[:2])


def test_a_gain_is_split_into_what_blank_films_gain_and_the_rest(seen: Rows) -> None:
    line = beyond(seen, "small reader", "bleu-4", seed=0)
    true, blank, rest = (float(each) for each in re.findall(r"(-?\d+\.\d+) \[", line))
    assert blank == 0.0  # it says the same of every blank film, examples or not
    assert rest == pytest.approx(true - blank, abs=2e-3)
    assert true > 0.1


def test_a_prompt_that_only_changes_words_gains_as_much_blind() -> None:
    rows = Rows(TEST, TRAIN)
    for number in range(3):
        rows.write(Sees("small reader", looks=False), (ZERO, BOTH), CONDITIONS, seed=number)
    true, blank, rest = (
        float(each) for each in re.findall(r"(-?\d+\.\d+) \[", beyond(rows, "small reader", "bleu-4", seed=0))
    )
    assert true == blank
    assert rest == 0.0


def test_an_endpoint_is_asked_no_more_than_was_said_and_judged_on_its_own_cases() -> None:
    said: list[str] = []
    rows = Rows(TEST[:4], TRAIN)

    class Gated(Sees):
        """It answers the gate's films too, each in its own way."""

        def __call__(self, asking: Asking) -> Said:
            made = super().__call__(asking)
            film = asking.films[0][1]
            return made if film.pixels.tobytes() in KNOWN else Said(f"Level {film.display().mean():.4f}.")

    backend = Gated("chat:here#m")
    parts, lines = endpoint_rows(rows, backend, [Sees("specialist")], seed=0, seeds=3, say=said.append)
    questions = sum(len(case.closed) + len(case.open) for case in TEST[:4])
    phrases = sum(len(case.phrases) for case in TEST[:4])
    assert backend.asked == 4 + 3 * (4 + 3 * 4 + 2 * questions + phrases)
    assert f"about {requests(4, 3)} requests" in said[0]
    assert [part.claim.text.partition(":")[0] for part in parts] == ["chat"] * 3
    assert any("at the gate: open" in line for line in lines)
    assert any("chat:here#m, one + one, blank film" in line for line in lines)


def test_claims_name_their_controls() -> None:
    for claim in (*PROMPTS, prompted("x", "bleu-4", "BLEU-4")):
        assert any("blank film" in control for control in claim.controls)
        assert any("another patient's film" in control for control in claim.controls)
        assert any("copies an example" in control for control in claim.controls)
    assert any("blank" in control for control in GROUNDING.controls)
    assert "constant, one answer" in trails("x").controls
    assert all(claim.better == "lower" and "the reference itself" in claim.controls for claim in MISRANK)
    assert looks("x", ZERO).better_than.endswith("another patient's film")


def test_every_claim_is_about_an_arm_of_its_own(seen: Rows) -> None:
    for claim in (*PROMPTS, GROUNDING):
        trials = seen.trials(claim)
        assert claim.arm in trials
        assert all(trials[arm] for arm in (claim.arm, claim.better_than, *claim.controls)), claim.text
    assert seen.trials(Claim("nothing", "nobody", "no one", "bleu-4")) == {"nobody": [], "no one": []}


def test_a_specialist_begins_at_the_middle_boxes() -> None:
    pytest.importorskip("torch")
    from hilum.systems._gpt4v_specialist import Specialist, network

    middles = boxes_of(TRAIN)
    specialist = Specialist(network(len(middles), TRAIN[0].film.pixels.shape), middles)
    for case in TEST[:4]:
        for words, _ in case.phrases:
            asking = Asking("phrase_to_box", (("cur_front", case.film),), question=words)
            found, floor = specialist(asking).boxes, Constant(TRAIN)(asking).boxes
            assert [box.corners for box in found] == [pytest.approx(box.corners) for box in floor]


def test_a_specialist_learns_boxes_that_it_is_shown() -> None:
    pytest.importorskip("torch")
    from hilum.systems._gpt4v_run import grounding
    from hilum.systems._gpt4v_specialist import trained

    arm, few = Arm("specialist", POINTS), TRAIN[:6]
    begin, end = (grounding(arm, trained(few, steps=steps, seed=0), few, seed=0).value for steps in (1, 60))
    assert end > begin + 0.03
    again = grounding(arm, trained(few, steps=60, seed=0), few, seed=0).value
    assert again == end


def test_a_kind_that_was_never_taught_gets_no_box() -> None:
    pytest.importorskip("torch")
    from hilum.systems._gpt4v_specialist import Specialist, network

    middles = {("cardiomegaly", 0, ""): Box(1, 1, 9, 9)}
    specialist = Specialist(network(1, TEST[0].film.pixels.shape), middles)
    asking = Asking("phrase_to_box", (("cur_front", TEST[0].film),), question="large right pneumothorax")
    assert specialist(asking).boxes == ()


def test_middle_boxes_are_medians_of_their_kind() -> None:
    def case(*boxes: tuple[str, Box]) -> Case:
        return Case(TEST[0].study, TEST[0].film, (0, 0), "", (), (), boxes)

    pool = [case(("small left effusion", Box(0, 0, 2, 2))), case(("large left effusion", Box(4, 4, 8, 8))),
            case(("left pleural effusion", Box(1, 1, 3, 3))), case(("right effusion", Box(9, 9, 10, 10)))]  # fmt: skip
    found = boxes_of(pool)
    assert found["pleural effusion", 1, ""].corners == (1, 1, 3, 3)
    assert found["pleural effusion", -1, ""].corners == (9, 9, 10, 10)
    assert set(found) == {("pleural effusion", 1, ""), ("pleural effusion", -1, "")}


def test_the_picture_of_boxes_shows_films_with_colours() -> None:
    from io import BytesIO

    from PIL import Image as Picture

    picture = np.asarray(Picture.open(BytesIO(boxes_png(TEST, Sees("specialist"), Sees("small reader", half=True)))))
    assert picture.ndim == 3
    for colour in ((0x39, 0xB5, 0x4A), (0x4A, 0x90, 0xD9), (0xE0, 0x53, 0x3D)):
        assert (picture == colour).all(axis=-1).any() or colour == (0x39, 0xB5, 0x4A)


def test_our_readers_samples_carry_examples_as_another_patients_text() -> None:
    pytest.importorskip("transformers")
    from hilum.systems._gpt4v_reader import preset, sample_of, samples

    asking = Asking("findings", (("cur_front", TEST[0].film),), examples=("Normal heart size.", "Large effusion."))
    made = sample_of(asking, "k")
    assert made.context["retrieved_case"] == "Normal heart size. Large effusion."
    assert [each.role for each in made.shown] == ["cur_front"]
    assert sample_of(Asking("findings", asking.films), "k").context == {}
    learned = samples(TRAIN[:5], seed=0)
    kinds = [each.task for each in learned]
    assert kinds.count("findings") == 10  # two prompt families of each case
    assert kinds.count("phrase_to_box") == sum(len(case.phrases) for case in TRAIN[:5])
    assert len({each.key for each in learned}) == len(learned)
    assert {each.target for each in learned if each.task == "findings"} == {case.text for case in TRAIN[:5]}
    assert "retrieved_case" in preset().sections
    assert preset().codec == "pixel_text"
