"""RadVLM's conversations and claims: oracles, liars and contradictions are told apart; the whole command runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("transformers", reason="transformers (extra 'language') is not installed")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.registry import get  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.reader.sample import Sample  # noqa: E402
from hilum.phantom.scenes import scenes  # noqa: E402
from hilum.systems import _reader_tasks as tasks  # noqa: E402
from hilum.systems import radvlm  # noqa: E402
from hilum.systems._radvlm_claims import AGREE, BESIDE, CLAIMS, CONTRADICT, COUNTS, HIT, claims_for  # noqa: E402
from hilum.systems._radvlm_material import BOXES, CHAT, OTHERS, material, preset_for_scenes  # noqa: E402
from hilum.systems._radvlm_talk import Script, Talk, contradicts, scripts_of, talk_scores, talks  # noqa: E402
from tests.systems.reader_oracle import Oracle, answer_of  # noqa: E402

PRESET = preset_for_scenes()


@pytest.fixture(scope="module")
def scripts() -> list[Script]:
    return scripts_of(scenes(16, seed=5, size=32), PRESET, seed=0, both=True)


def told(script: Script, turn: int) -> str:
    return answer_of(script.sample, turn, PRESET)


def asked_by(scripts: list[Script], says: object = None) -> list[Talk]:
    return talks(Oracle(PRESET, [each.sample for each in scripts], says), scripts)  # type: ignore[arg-type]


def test_a_conversation_asks_about_what_is_there_and_what_is_not(scripts: list[Script]) -> None:
    states = [each.finding.state for each in scripts]
    assert {"present", "absent"} == set(states)
    for each in scripts:
        second = told(each, 1)
        assert second.startswith("yes" if each.finding.state == "present" else "no")
    once = scripts_of(scenes(16, seed=5, size=32), PRESET, seed=0)
    assert len({each.sample.study for each in once}) == len(once)


def test_an_oracle_agrees_hits_and_never_contradicts(scripts: list[Script]) -> None:
    scores = talk_scores(scripts, asked_by(scripts), PRESET)
    assert scores[AGREE].value == 1.0
    assert scores[HIT].value == 1.0
    assert scores[CONTRADICT].value < 0.05  # a cleaned report may drop the sentence that named it


def test_each_turn_sees_the_readers_own_earlier_answers(scripts: list[Script]) -> None:
    seen: list[int] = []

    def says(asked: Sample, true: Sample) -> str:
        seen.append(len(asked.turns))
        assert asked.turns[-1].answer == ""
        for number, turn in enumerate(asked.turns[:-1]):
            assert turn.answer == ("no.", "yes", "")[number]
        return ("no.", "yes", "")[len(asked.turns) - 1]

    asked_by(scripts[:4], says)
    assert seen == [1] * 4 + [2] * 4 + [3] * 4


def test_a_reader_that_always_says_yes_agrees_on_what_is_there_alone(scripts: list[Script]) -> None:
    def says(asked: Sample, true: Sample) -> str:
        return answer_of(true, 0, PRESET) if len(asked.turns) == 1 else "yes, there is."

    scores = talk_scores(scripts, asked_by(scripts, says), PRESET)
    there = np.array([each.finding.state == "present" for each in scripts])
    assert np.array_equal(scores[AGREE].values, there.astype(float))
    assert scores[HIT].value == 0.0
    held = np.isfinite(scores[CONTRADICT].values)
    assert scores[CONTRADICT].values[held & ~there].mean() == 1.0


@pytest.mark.parametrize(
    ("report", "second", "expected"),
    [
        ("There is a left pleural effusion.", "yes, there is pleural effusion.", 0.0),
        ("There is a left pleural effusion.", "no, there is no pleural effusion.", 1.0),
        ("No pleural effusion.", "yes, there is pleural effusion.", 1.0),
        ("No pleural effusion or pneumothorax.", "No.", 0.0),
        ("The heart is enlarged.", "yes.", None),
        ("", "no", None),
        ("There is a left pleural effusion.", "perhaps", None),
        ("There is a left pleural effusion.", "", None),
    ],
)
def test_contradictions_by_hand(scripts: list[Script], report: str, second: str, expected: float | None) -> None:
    finding = replace(scripts[0].finding, concept="pleural effusion")
    value = contradicts(Talk(report, second, ""), finding)
    assert np.isnan(value) if expected is None else value == expected


@pytest.mark.parametrize(
    ("second", "yes"), [("Yes, there is.", True), (" no", False), ("no.", False), ("Not seen", None)]
)
def test_yes_and_no_are_the_first_word(second: str, yes: bool | None) -> None:
    assert Talk("", second, "").yes is yes


def test_an_answer_that_is_neither_does_not_agree(scripts: list[Script]) -> None:
    scores = talk_scores(scripts, [Talk("", "it may be", "") for _ in scripts], PRESET)
    assert scores[AGREE].value == 0.0
    assert np.isnan(scores[CONTRADICT].value)
    assert "do not mention" in scores[CONTRADICT].remarks[0]


def test_other_tasks_teach_no_box() -> None:
    bench = tasks.bench_of(24, seed=0, size=32, steps=0)
    held = material(bench, seed=0)
    assert not any(sample.boxes for name in OTHERS for sample in held.sets[name])
    assert all(sample.boxes for sample in held.sets[BOXES])
    assert any(sample.boxes for sample in held.sets[CHAT])
    learned = {study.patient for study in bench.train}
    assert not learned & {each.patient for each in held.asked}
    assert not learned & {each.sample.patient for each in held.scripts}


def test_claims_name_their_controls_and_the_numbers_of_phrases() -> None:
    assert claims_for(COUNTS) == (CLAIMS, BESIDE)
    claims, beside = claims_for((1, 2, 3))
    assert "with 1 phrases" in claims[0].text
    assert all("film" in " ".join(each.controls) for each in (claims[0], claims[2], claims[4]))
    assert len({each.text for each in (*claims, *beside)}) == len(claims) + len(beside)
    assert claims[3].better == "lower"


@pytest.mark.parametrize(
    "changes",
    [{"counts": "5"}, {"counts": "9,5,1"}, {"counts": "a,b,c"}, {"patients": 0}, {"seeds": "x"}, {"steps": -1}],
)
def test_numbers_that_cannot_be_used_are_told(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"whole numbers|rising"):
        radvlm.reproduce(**changes)  # type: ignore[arg-type]


def test_too_few_patients_are_told() -> None:
    with pytest.raises(InputError, match="too few"):
        radvlm.reproduce(patients=1)


def test_it_is_registered() -> None:
    assert get("system", "radvlm").claims == (*CLAIMS, *BESIDE)


@pytest.mark.slow
def test_the_whole_command_runs_and_gives_no_outcome_of_one_seed() -> None:
    made = radvlm.reproduce(patients=40, steps=1, encoder_steps=0, seeds=1, counts="1,2,3")
    assert made.outcome == "cannot be tested here"
    assert len(made.scores) == len(CLAIMS) + len(BESIDE)
    assert all(isinstance(figure, bytes) and figure[:4] == b"\x89PNG" for figure in made.figures.values())
    text = "\n".join(made.lines)
    for part in ("blank film", "another patient's film", "3 seeds, 1 ran", "fact F1"):
        assert part in text
    assert isinstance(scenes(1)[0], Study)
