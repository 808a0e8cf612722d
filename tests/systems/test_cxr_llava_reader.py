"""CXR-LLaVA's reader: two styles of prompt, what is said and what is seen, every way of decoding in one run."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hilum.phantom.scenes import scenes  # noqa: E402
from hilum.systems._cxr_llava_claims import GAP, NAMED, OPEN, READER, READER_BESIDE, UNTAUGHT, WARM  # noqa: E402
from hilum.systems._cxr_llava_reader import (  # noqa: E402  # noqa: E402
    SAMPLES,
    WAYS,
    arm_of,
    asked_by_name,
    asked_openly,
    judge_reader,
    mentioned,
    told,
    way_of,
)
from hilum.systems._reader_lab import SMALL, lab, scaled, small_preset  # noqa: E402
from hilum.systems._reader_scores import score  # noqa: E402

TINY = {"patients": 14, "steps": 2, "encoder_steps": 0, "width": 32, "depth": 1, "side": 32, "asked": 4, "seeds": 1,
        "workers": 1}  # fmt: skip


@pytest.fixture(scope="module")
def drawn():
    return scenes(10, seed=2, size=64)


def test_both_styles_tell_the_same_facts_and_read_back(drawn):
    """A perfect answer of either style scores 1, so that a difference between styles is the reader's."""
    preset = small_preset("cxr-llava", sections=())
    for make in (asked_openly, asked_by_name):
        answers = [make(study, preset).target for study in drawn]
        scores = score(drawn, answers)
        assert scores["fact-f1"].value == 1.0
        assert scores["unparsed"].value == 0.0
        assert mentioned(drawn, answers).value == 1.0


def test_the_named_style_speaks_of_every_finding_and_the_open_one_of_what_is_there(drawn):
    preset = small_preset("cxr-llava", sections=())
    for study in drawn:
        named, free = asked_by_name(study, preset), asked_openly(study, preset)
        assert named.target.count(".") == len(study.findings)
        assert "No " not in free.target.replace("No acute disease", "")
        assert "cardiomegaly" in named.turns[0].question
        assert "cardiomegaly" not in free.turns[0].question
        assert named.key != free.key
    assert told(drawn[0].findings[0]).endswith(".")


def test_what_is_mentioned_is_scored_apart_from_what_is_left_out(drawn):
    """Silence costs nothing, a false word does: each study gets one right and one wrong sentence."""
    answers = []
    for study in drawn:
        there = study.findings[0].state == "present"
        other = study.findings[3].state == "present"
        answers.append(("There is cardiomegaly." if there else "No cardiomegaly.") + " "
                       + ("No pneumothorax." if other else "There is a small right pneumothorax."))  # fmt: skip
    assert mentioned(drawn, answers).value == pytest.approx(0.5)
    silent = mentioned(drawn, ["The film is rotated."] * len(drawn))
    assert np.isnan(silent.value)


@pytest.mark.slow
def test_every_way_of_decoding_and_every_control_is_judged():
    bench = lab(scaled(SMALL, TINY), seed=8)
    made = arm_of(bench, "label-taught encoder", 0)
    drawn_ways = [f"{way_of(style, *way)}#{at}" for style in (OPEN, NAMED) for way in WAYS for at in range(SAMPLES)]
    greedy = [f"{style}{gap}" for style in (OPEN, NAMED) for gap in ("", *GAP)]
    assert set(made.texts) == {*drawn_ways, *greedy}
    assert way_of(NAMED, 0.8, 1.0) == WARM
    parts, beside, lines = judge_reader(bench, bench.scale, seed=0, say=lambda line: None)
    assert [part.claim for part in parts] == list(READER)
    assert [part.claim for part in beside] == list(READER_BESIDE)
    assert {part.outcome for part in parts[:2]} == {"cannot be tested here"}  # one seed
    assert any(UNTAUGHT in line for line in lines)
    assert any("blank films" in line for line in lines)
