"""CheXagent's scores and claims: every task by hand-made answers, options in every order, the whole command."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("transformers", reason="transformers (extra 'language') is not installed")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.registry import get  # noqa: E402
from hilum.learn.reader.sample import Sample  # noqa: E402
from hilum.systems import _reader_tasks as tasks  # noqa: E402
from hilum.systems import chexagent  # noqa: E402
from hilum.systems._chexagent_claims import ALL, BESIDE, CLAIMS, COARSE, FINE, ONE, PARSED, SCARCE, TASKS  # noqa: E402
from hilum.systems._chexagent_judge import _arms, _asked  # noqa: E402
from hilum.systems._chexagent_material import Material, material  # noqa: E402
from hilum.systems._chexagent_scores import (  # noqa: E402
    OPTIONS,
    change_accuracy,
    choice_scores,
    choices,
    label_f1,
    plain,
    task_score,
    text_prior,
    turned,
)
from tests.systems.reader_oracle import Oracle  # noqa: E402


@pytest.fixture(scope="module")
def held() -> Material:
    return material(tasks.bench_of(40, seed=1, size=32, steps=0), seed=0, scarce=5)


def test_scarce_tasks_keep_few_samples_and_others_all(held: Material) -> None:
    for name, samples in held.sets.items():
        assert (len(samples) == 5) is (name in SCARCE), name
    assert all(len(each.options) == OPTIONS for each in (*held.sets["choice"], *held.asked["choice"]))
    assert all(each.has("prior_front") for each in held.sets["progression"])
    assert not any(each.has("prior_front") for each in held.sets["findings"])


@pytest.mark.parametrize("name", [name for name in TASKS if name != "choice"])
def test_the_true_answer_is_right_and_silence_is_not(name: str, held: Material) -> None:
    samples = held.asked[name]
    oracle = Oracle(held.preset, samples)
    mute = Oracle(held.preset, samples, lambda asked, true: "")
    right = task_score(name, oracle, samples, held.preset, held.studies)  # type: ignore[arg-type]
    wrong = task_score(name, mute, samples, held.preset, held.studies)  # type: ignore[arg-type]
    assert right.value > (0.6 if name == "findings" else 0.9)  # a cleaned report has lost what it tells as a change
    assert wrong.value == 0.0
    assert len(right.values) == len(samples)


def test_labels_are_counted_by_hand() -> None:
    scored = label_f1(["lung nodule, pneumothorax", "none", "cardiomegaly"], ["Pneumothorax.", "cardiomegaly", "none"])
    assert scored.value == pytest.approx(2 * 1 / (2 * 1 + 1 + 2))
    assert label_f1(["none"], ["none"]).values[0] != label_f1(["none"], ["none"]).values[0]  # nothing to find: NaN


def test_a_change_counts_only_for_its_own_finding(held: Material) -> None:
    study = next(each for each in held.studies.values() if sum(f.change is not None for f in each.findings) >= 2)
    assert change_accuracy(study, study.report.findings) > 0.9  # type: ignore[union-attr]
    assert change_accuracy(study, "The lungs are clear.") == 0.0
    bare = replace(study, findings=tuple(replace(each, change=None) for each in study.findings))
    assert np.isnan(change_accuracy(bare, "Stable."))


def test_options_stand_in_every_place_once(held: Material) -> None:
    made = turned(held.asked["choice"])
    assert len(made) == OPTIONS * len(held.asked["choice"])
    for at, sample in enumerate(held.asked["choice"]):
        orders = made[OPTIONS * at : OPTIONS * (at + 1)]
        assert {each.target for each in orders} == {sample.target}
        places = [each.options.index(sample.target) for each in orders]
        assert sorted(places) == list(range(OPTIONS))
        for each in orders:
            letter = "ABCD"[each.options.index(sample.target)]
            assert f"({letter}) {sample.target}" in str(each.turns[-1].question)


def _chooser(held: Material, says: object) -> Oracle:
    asked = turned(held.asked["choice"])
    return Oracle(held.preset, asked, says)  # type: ignore[arg-type]


def test_an_oracle_chooses_rightly_both_ways(held: Material) -> None:
    made = choices(_chooser(held, lambda asked, true: asked.target), held.asked["choice"])  # type: ignore[arg-type]
    scores = choice_scores(held.asked["choice"], made)
    assert scores[TASKS["choice"]].value == scores[PARSED].value == 1.0
    assert made.same(made.likely) == made.same(made.written) == 1.0


def test_a_reader_that_always_takes_the_first_is_right_once_in_four_and_never_steady(held: Material) -> None:
    made = choices(_chooser(held, lambda asked, true: asked.options[0]), held.asked["choice"])  # type: ignore[arg-type]
    scores = choice_scores(held.asked["choice"], made)
    assert scores[TASKS["choice"]].value == pytest.approx(1 / OPTIONS)
    assert scores[PARSED].value == pytest.approx(1 / OPTIONS)
    assert made.same(made.written) == 0.0


def test_an_answer_that_chooses_none_is_wrong(held: Material) -> None:
    made = choices(_chooser(held, lambda asked, true: ""), held.asked["choice"])  # type: ignore[arg-type]
    assert choice_scores(held.asked["choice"], made)[PARSED].value == 0.0
    assert made.same(made.written) == 1.0


def test_the_text_prior_takes_what_was_most_often_right() -> None:
    def asked(options: tuple[str, ...], right: str) -> Sample:
        from hilum.core.image import Image
        from hilum.learn.reader.roles import Shown
        from hilum.learn.reader.sample import Turn

        film = Shown("cur_front", Image(np.zeros((8, 8), np.float32), view="PA", id="f"))
        return Sample(f"{options}{right}", "p", "s", "choice", (film,), (Turn("Which?", right),), options=options)

    train = [asked(("a", "b"), "a"), asked(("a", "b"), "a"), asked(("b", "c"), "b"), asked(("c", "a"), "c")]
    test = [asked(("b", "a"), "a"), asked(("c", "b"), "b"), asked(("d", "c"), "c"), asked(("d", "e"), "d")]
    assert text_prior(train, test).values.tolist() == [1.0, 0.0, 1.0, 0.0]  # c was right in 1 of 2, b in 1 of 3


def test_an_arm_sees_a_sample_as_often_alone_as_in_the_mixture() -> None:
    arms = {(arm, names): times for arm, names, times in _arms()}
    assert arms[ALL, tuple(TASKS)] == len(TASKS)
    assert all(times == len(names) for (arm, names), times in arms.items() if arm in (ALL, COARSE, ONE))
    assert Counter(arm for arm, _ in arms)[ONE] == len(TASKS)
    coarse = next(names for arm, names in arms if arm == COARSE)
    assert not set(coarse) & set(FINE)
    assert _asked(COARSE, coarse) == ("phrase_to_box", "findings")


def test_every_claim_is_of_a_score_that_a_task_has() -> None:
    metrics = {*TASKS.values(), PARSED}
    assert {each.metric for each in (*CLAIMS, *BESIDE)} <= metrics
    assert len({each.text for each in (*CLAIMS, *BESIDE)}) == len(CLAIMS) + len(BESIDE)
    assert get("system", "chexagent").claims == (*CLAIMS, *BESIDE)


@pytest.mark.parametrize(("said", "expected"), [("No.", "no"), ("  Left  effusion ", "left effusion"), ("", "")])
def test_answers_are_compared_plainly(said: str, expected: str) -> None:
    assert plain(said) == expected


@pytest.mark.parametrize("changes", [{"patients": 0}, {"seeds": "x"}, {"steps": -1}, {"scarce": 0}])
def test_numbers_that_cannot_be_used_are_told(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"whole numbers|1 or more"):
        chexagent.reproduce(**changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_whole_command_runs_and_gives_no_outcome_of_one_seed() -> None:
    made = chexagent.reproduce(patients=40, steps=1, encoder_steps=0, seeds=1, scarce=4)
    assert made.outcome == "cannot be tested here"
    assert len(made.scores) == len(CLAIMS) + len(BESIDE)
    text = "\n".join(made.lines)
    for part in ("blank film", "another patient's film", "text prior", "in all four orders", "general models"):
        assert part in text
    assert all(isinstance(figure, bytes) and figure[:4] == b"\x89PNG" for figure in made.figures.values())
