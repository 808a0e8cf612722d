"""What recipes of mixed reader tasks share, against hand-made answers and an oracle."""

from __future__ import annotations

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("transformers", reason="transformers (extra 'language') is not installed")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from PIL import Image as Picture  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.region import Box  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.reader.guards import swapped  # noqa: E402
from hilum.learn.reader.material import placed, present  # noqa: E402
from hilum.phantom.scenes import scenes, split_of  # noqa: E402
from hilum.systems import _reader_marks as marks  # noqa: E402
from hilum.systems import _reader_tasks as tasks  # noqa: E402
from hilum.systems._radvlm_material import preset_for_scenes  # noqa: E402
from hilum.systems._reader_sheet import TRUE, Marked, sheet  # noqa: E402
from tests.systems.reader_oracle import Oracle, answer_of  # noqa: E402

PRESET = preset_for_scenes()


@pytest.fixture(scope="module")
def studies() -> tuple[Study, ...]:
    return scenes(14, seed=3, size=32)


@pytest.fixture(scope="module")
def bench() -> tasks.Bench:
    return tasks.bench_of(24, seed=0, size=32, steps=0)


def test_no_patient_is_in_both_parts(bench: tasks.Bench) -> None:
    parts = [{study.patient for study in part} for part in (bench.train, bench.test)]
    assert not parts[0] & parts[1]
    assert {split_of(patient) for patient in parts[1]} == {"test"}
    with pytest.raises(InputError, match="too few"):
        tasks.bench_of(1, seed=0, size=32, steps=0)


def test_local_tasks_ask_for_every_finding_with_a_box(studies: tuple[Study, ...]) -> None:
    made = tasks.samples_of("phrase_to_box", studies, PRESET, seed=0)
    expected = [
        (study.id, box.corners) for study in studies for _, boxes in placed(study, present(study)) for box in boxes
    ]
    assert [(each.study, box.corners) for each in made for box in each.boxes] == expected
    assert len({each.key for each in made}) == len(made)
    again = tasks.samples_of("phrase_to_box", studies, PRESET, seed=0)
    assert [each.turns for each in again] == [each.turns for each in made]
    other = tasks.samples_of("phrase_to_box", studies, PRESET, seed=1)
    assert [each.turns for each in other] != [each.turns for each in made]


def test_other_tasks_ask_once_a_study_and_round(studies: tuple[Study, ...]) -> None:
    once, twice = (tasks.samples_of("presence", studies, PRESET, seed=0, rounds=rounds) for rounds in (1, 2))
    assert len(once) == len(studies)
    assert len(twice) == 2 * len(studies)
    assert len({each.key for each in twice}) == len(twice)


def test_fewer_samples_are_among_more(studies: tuple[Study, ...]) -> None:
    every = tasks.samples_of("phrase_to_box", studies, PRESET, seed=0)
    few, more = (tasks.some(every, count, seed=5) for count in (4, 9))
    assert len(few) == 4
    assert {each.key for each in few} < {each.key for each in more}
    assert len(tasks.some(every, 10_000, seed=5)) == len(every)


BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 20),
    st.integers(1, 20),
)


@given(st.lists(BOXES, min_size=1, max_size=4), st.randoms())
def test_a_true_box_is_found_whatever_the_order(true: list[Box], draw: object) -> None:
    said = list(true)
    draw.shuffle(said)  # type: ignore[attr-defined]
    assert np.allclose(marks.matched(true, said), 1.0)
    assert np.allclose(marks.matched(true, []), 0.0)


@given(st.lists(BOXES, min_size=1, max_size=4), st.lists(BOXES, max_size=4))
def test_no_box_is_matched_twice(true: list[Box], said: list[Box]) -> None:
    gained = marks.matched(true, said)
    assert (gained > 0).sum() <= min(len(true), len(said))
    assert ((gained >= 0) & (gained <= 1)).all()
    best = max((one.iou(other) for one in true for other in said), default=0.0)
    assert gained.max() == pytest.approx(best)


def test_boxes_are_counted_by_hand(studies: tuple[Study, ...]) -> None:
    samples = tasks.samples_of("phrase_to_box", studies, PRESET, seed=0)[:3]
    found = [list(samples[0].boxes), [Box(0, 0, 1, 1), *samples[1].boxes], []]
    scores = marks.box_scores(samples, found)
    there = sum(len(each.boxes) for each in samples)
    hits = len(samples[0].boxes) + len(samples[1].boxes)
    assert scores["box F1@.5"].value == pytest.approx(2 * hits / (hits + 1 + there))
    assert scores["box IoU"].value == pytest.approx(2 / 3)
    half = [[Box(box.x0, box.y0, box.x1, box.y0 + 0.4 * (box.y1 - box.y0)) for box in each.boxes] for each in samples]
    assert marks.box_scores(samples, half)["box F1@.5"].value == 0.0  # overlap of .4
    assert marks.box_scores(samples, half)["box IoU"].value == pytest.approx(0.4)


def test_an_oracle_finds_every_box_through_the_codec(studies: tuple[Study, ...]) -> None:
    samples = tasks.samples_of("phrase_to_box", studies, PRESET, seed=0)
    oracle = Oracle(PRESET, samples)
    texts = tasks.answers(oracle, samples)  # type: ignore[arg-type]
    found = [marks.boxes_in(text, PRESET, each) for text, each in zip(texts, samples, strict=True)]
    assert all(found)
    scores = marks.box_scores(samples, found)
    assert scores["box IoU"].value > 0.85  # two decimals of a share
    moved = swapped(samples, seed=1)
    assert [marks.boxes_in(text, PRESET, each) for text, each in zip(texts, moved, strict=True)] == found


@pytest.mark.parametrize("text", ["", "no box", "[0.1, 0.2, 0.3]", "[0.9, 0.9, 0.1, 0.1]", "[9, 9, 9, 9]", "[" * 50])
def test_an_answer_without_a_box_finds_none(studies: tuple[Study, ...], text: str) -> None:
    sample = tasks.samples_of("phrase_to_box", studies, PRESET, seed=0)[0]
    assert marks.box_scores([sample], [marks.boxes_in(text, PRESET, sample)])["box F1@.5"].value in (0.0,)


def test_true_reports_state_every_fact_and_no_other(studies: tuple[Study, ...]) -> None:
    samples = tasks.samples_of("findings", studies, PRESET.changed(clean=False), seed=0)
    by_id = {study.id: study for study in studies}
    assert marks.fact_f1(samples, [each.target for each in samples], by_id).value > 0.95
    assert marks.fact_f1(samples, ["The lungs are clear."] * len(samples), by_id).value == 0.0
    turned = [study.report.findings.replace("left", "?").replace("right", "left").replace("?", "right")
              for study in (by_id[each.study] for each in samples)]  # fmt: skip
    assert marks.fact_f1(samples, turned, by_id).value < 0.8  # sides count


def test_what_a_text_states() -> None:
    told = marks.stated("There is a small left pleural effusion. No pneumothorax.")
    assert told == {("pleural effusion", "left"): "present", ("pneumothorax", ""): "absent"}
    assert marks.stated("") == {}


def test_arms_of_one_seed_begin_with_the_same_weights(bench: tasks.Bench) -> None:
    sets = {name: tasks.samples_of(name, bench.train, PRESET, seed=0) for name in ("presence", "phrase_to_box")}
    every = [each for samples in sets.values() for each in samples]
    arms = [tasks.taught(bench, PRESET, part, every, steps=1, seed=0)
            for part in (sets, {"phrase_to_box": sets["phrase_to_box"]})]  # fmt: skip
    assert arms[0].processor.tokenizer.get_vocab() == arms[1].processor.tokenizer.get_vocab()
    one, two = (arm.reader.state_dict() for arm in arms)
    moved = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert moved < 0.02  # one step of warm-up apart
    assert len(tasks.answers(arms[0], sets["presence"][:3], longest=4)) == 3


def test_a_sheet_shows_the_true_box_in_its_colour() -> None:
    film = Image(np.full((40, 30), 0.2, np.float32), view="PA", id="f")
    cell = Marked(film, "Where is it?", (Box(5, 6, 15, 26),), ((Box(1, 1, 4, 4),), ()), ("one", "two"))
    page = np.asarray(Picture.open(io.BytesIO(sheet([cell] * 5, ("one", "two")))))
    assert page.ndim == 3
    assert (page == np.array(TRUE)).all(-1).sum() > 5 * 2 * 4 * (10 + 20)
    assert sheet([cell], ("one",)) == sheet([cell], ("one",))


def test_the_true_answer_of_each_turn_is_had(studies: tuple[Study, ...]) -> None:
    sample = next(each for each in tasks.samples_of("chat", studies, PRESET, seed=0) if each.boxes)
    assert answer_of(sample, 0, PRESET) == sample.turns[0].answer
    assert answer_of(sample, 2, PRESET).startswith("[0.")
