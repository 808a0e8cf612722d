"""Marks of readers: what a report states by side, F1 under resampling, and matching against a search of all ways."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.finding import Finding  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.region import Box  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.reader.roles import Shown  # noqa: E402
from hilum.learn.reader.sample import Sample, Turn  # noqa: E402
from hilum.systems._reader_marks import IOU, box_scores, fact_f1, matched, side_of, stated  # noqa: E402

FILM = Image(np.zeros((40, 40), np.float32), view="PA", id="f")
BOX = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(0, 12)] * 2, *[st.integers(1, 10)] * 2)


def sample(number: int, *boxes: Box) -> Sample:
    shown = (Shown("cur_front", FILM),)
    return Sample(f"k{number}", f"p{number}", f"s{number}", "phrase_to_box", shown, (Turn("Where?"),), boxes=boxes)


@settings(max_examples=60)
@given(st.lists(BOX, min_size=1, max_size=3), st.lists(BOX, min_size=1, max_size=3))
def test_the_pairing_is_never_better_than_the_best_of_all_and_takes_the_best_pair(
    true: list[Box], said: list[Box]
) -> None:
    table = np.array([[one.iou(other) for other in said] for one in true])
    some = min(len(true), len(said))
    best = max(
        sum(table[row, column] for row, column in zip(rows, columns, strict=True))
        for rows in permutations(range(len(true)), some) for columns in permutations(range(len(said)), some)
    )  # fmt: skip
    gained = matched(true, said)
    assert gained.sum() <= best + 1e-9
    assert gained.sum() >= best / 2 - 1e-9  # a greedy pairing has at least half of the best
    assert gained.max() == pytest.approx(table.max())


@settings(max_examples=30)
@given(st.lists(st.tuples(st.lists(BOX, min_size=1, max_size=2), st.lists(BOX, max_size=3)), min_size=2, max_size=5))
def test_f1_of_a_resampled_set_is_that_of_the_set_written_out(told: list[tuple[list[Box], list[Box]]]) -> None:
    samples = [sample(number, *true) for number, (true, _) in enumerate(told)]
    found = [said for _, said in told]
    times = np.arange(len(told)) % 3
    written = [at for at, count in enumerate(times) for _ in range(count)]
    scores = box_scores(samples, found)
    again = box_scores([samples[at] for at in written], [found[at] for at in written]) if written else None
    for name in ("box IoU", "box F1@.5"):
        value = float(scores[name].at(times[None].astype(float))[0])
        assert value == pytest.approx(again[name].value, nan_ok=True) if again else True
    assert 0 <= scores["box F1@.5"].value <= 1


def test_a_box_counts_from_one_half() -> None:
    true = Box(0, 0, 10, 10)
    for width, hit in ((5, 1.0), (4.9, 0.0)):
        score = box_scores([sample(0, true)], [[Box(0, 0, width, 10)]])["box F1@.5"]
        assert score.value == hit
    assert IOU == 0.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("There is a right pneumothorax.", {("pneumothorax", "right"): "present"}),
        ("No right pneumothorax.", {("pneumothorax", ""): "absent"}),
        ("Cardiomegaly. No pleural effusion.", {("cardiomegaly", ""): "present", ("pleural effusion", ""): "absent"}),
        ("There is a nodule in the left upper zone.", {("lung nodule", "left"): "present"}),
        ("Nothing to say of it.", {}),
    ],
)
def test_what_is_stated_by_hand(text: str, told: dict[tuple[str, str], str]) -> None:
    assert stated(text) == told


@pytest.mark.parametrize(
    ("sites", "side"), [(("left pleural space",), "left"), (("right upper lung zone",), "right"), ((), "")]
)
def test_the_side_of_a_finding_is_a_word_of_its_sites(sites: tuple[str, ...], side: str) -> None:
    assert side_of(Finding("pleural effusion", sites=sites)) == side


def test_facts_are_counted_by_hand() -> None:
    left = Finding("pleural effusion", sites=("left pleural space",))
    studies = {"s0": Study("s0", findings=(left, Finding("cardiomegaly"))), "s1": Study("s1", findings=(left,)),
               "s2": Study("s2", findings=(Finding("pneumothorax", "absent"),))}  # fmt: skip
    texts = ["There is a left pleural effusion.", "There is a right pleural effusion.", "No pneumothorax."]
    score = fact_f1([sample(at) for at in range(3)], texts, studies)
    assert score.value == pytest.approx(2 * 1 / (2 * 1 + 1 + 2))  # the wrong side is one too many and one too few
    assert score.values[0] == pytest.approx(2 / 3)
    assert score.values[1] == 0
    assert np.isnan(score.values[2])
