"""Preference fine-tuning as a recipe: which arms run, what claims ask for, how scores are laid out, one tiny run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="the reader needs the extra 'language'")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.decode import Written  # noqa: E402
from hilum.learn.prefer import Pair, Pairs  # noqa: E402
from hilum.learn.reader.layout import row_of  # noqa: E402
from hilum.learn.reader.sample import Sample  # noqa: E402
from hilum.learn.reader.trained import Trained  # noqa: E402
from hilum.measure.rewards import J1, J2, J3  # noqa: E402
from hilum.measure.scored import averaged  # noqa: E402
from hilum.systems._preference_arms import LOSSES, arms_of  # noqa: E402
from hilum.systems._preference_claims import (  # noqa: E402
    BEST,
    BY_FACTS,
    METRICS,
    RANDOM,
    SFT,
    WORDS,
    beside_losses,
    claims_of,
)
from hilum.systems._preference_judge import gate, longer, means, table  # noqa: E402
from hilum.systems._preference_picture import picture, said  # noqa: E402
from hilum.systems._preference_policy import TASKS, asked_of, policy  # noqa: E402
from hilum.systems._preference_policy import bench as bench_of  # noqa: E402
from hilum.systems._preference_recipe import Recipe, settings_of  # noqa: E402
from hilum.systems._preference_scores import Asked, grounding, presence, scores  # noqa: E402
from hilum.systems._reader_lab import Lab  # noqa: E402
from hilum.systems.preference import PreferenceSystem, reproduce, train, trained  # noqa: E402

OTHERS = tuple(LOSSES)[1:]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("losses", [(), ("KTO",), OTHERS])
@pytest.mark.parametrize("full", [False, True])
def test_every_arm_that_a_claim_names_is_run(losses: tuple[str, ...], full: bool) -> None:
    run = {SFT, BEST.format(count=4), *(arm.name for arm in arms_of(losses, full=full))}
    main, beside = claims_of(4)
    for claim in (*main, *beside, *beside_losses(losses)):
        assert {claim.arm, claim.better_than, *claim.controls} <= run
        assert claim.metric in METRICS
    assert len(run) == 2 + 4 + len(losses) * (3 if full else 1)


def test_the_first_claim_is_judged_with_random_labels_and_rejection_sampling_beside_it() -> None:
    assert set(claims_of(4)[0][0].controls) == {RANDOM, BEST.format(count=4)}
    assert "best of 8" in claims_of(8)[0][0].controls[1]
    assert PreferenceSystem.claims == (*claims_of()[0], *claims_of()[1])


def test_random_labels_are_of_the_pairs_that_the_first_claim_learns_from() -> None:
    by_name = {arm.name: arm for arm in arms_of(OTHERS, full=False)}
    assert by_name[RANDOM].random
    assert by_name[RANDOM]._replace(name=BY_FACTS, random=False) == by_name[BY_FACTS]
    assert [arm.name for arm in by_name.values() if arm.random] == [RANDOM]
    assert {arm.judge for arm in by_name.values()} == {J1, J2, J3}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"count": "1"}, "two answers"), ({"losses": "DPO,GRPO"}, "GRPO"), ({"loss": "PPO"}, "PPO"),
        ({"judge": "length-ratio"}, "no judge"), ({"pairs": 0}, "1 or more"), ({"rate": "-1"}, "rate"),
        ({"beta": 1}, "unknown setting"), ({"size": 8}, "32"), ({"count": "many"}, "count must be"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(changes: dict[str, str | int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        settings_of(changes)


def test_settings_come_as_text_from_the_command_line() -> None:
    recipe = settings_of({"count": "8", "losses": " KTO , IPO ", "rate": "1e-4", "judge": "green/hilum/length"})
    assert (recipe.count, recipe.others, recipe.rate) == (8, ("KTO", "IPO"), 1e-4)
    assert settings_of({"losses": ""}).others == ()
    assert recipe.spec.average == 0.0  # the policy itself is judged, not an average with its reference


def test_the_gate_names_what_pulls_to_the_shorter_answer() -> None:
    (line,) = gate(Recipe())
    told = dict(part.strip().split(" ", 1) for part in line.split(": ", 1)[1].split(";"))
    assert told["DPO"] == told["KTO"] == told["IPO"] == told["length-normalised"] == "nowhere"
    assert told["R-DPO"] == "to the shorter"


def test_longer_counts_what_a_judge_pays_for_in_words() -> None:
    pairs = Pairs((Pair(0, "one two three four", "one"), Pair(1, "one", "one two")))
    assert longer(pairs) == pytest.approx((3 - 1) / 2)
    assert np.isnan(longer(Pairs(())))


def sample(study: str, patient: str = "p") -> SimpleNamespace:
    return SimpleNamespace(study=study, patient=patient)


def test_values_of_several_questions_are_one_value_for_their_study() -> None:
    asked = Asked((sample("a", "p1"), sample("b", "p1"), sample("c", "p2")), (), ())  # type: ignore[arg-type]
    values = asked.by_study([sample("c"), sample("a"), sample("c")], [1.0, 0.5, 0.0])  # type: ignore[list-item]
    assert values[[0, 2]].tolist() == [0.5, 0.5]
    assert np.isnan(values[1])
    assert asked.patients == ["p1", "p1", "p2"]


def test_the_table_has_a_row_for_each_arm_averaged_over_seeds() -> None:
    arms = ("one", "two")
    trials = {name: {arm: [averaged(name, [at + run], "x") for run in (0.0, 1.0)] for at, arm in enumerate(arms)}
              for name in METRICS}  # fmt: skip
    assert means(trials, WORDS) == {"one": 0.5, "two": 1.5}
    head, first, second = table(trials)
    assert all(name[:18] in head for name in METRICS)
    assert first.split() == ["one", *["0.500"] * len(METRICS)]
    assert second.split() == ["two", *["1.500"] * len(METRICS)]


def test_the_picture_names_every_arm_and_stays_within_its_frame() -> None:
    arms = [SFT, BY_FACTS, RANDOM, "<odd & arm>"]
    drawn = picture(
        dict(zip(arms, (20.0, 25.0, 20.0, 140.0), strict=True)),
        dict(zip(arms, (0.2, 0.4, 0.2, 0.1), strict=True)),
        24.0,
    )
    root = ElementTree.fromstring(drawn)
    words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert all(arm in words for arm in arms)
    wide, tall = float(root.get("width", 0)), float(root.get("height", 0))
    for circle in root.iter(f"{SVG}circle"):
        assert 0 < float(circle.get("cx", -1)) < wide
        assert 0 < float(circle.get("cy", -1)) < tall
    alike = picture(dict.fromkeys(arms, 10.0), dict.fromkeys(arms, 0.5), 10.0)
    assert "nan" not in alike


def test_long_and_empty_reports_are_shown_whole() -> None:
    shown = [SFT, BY_FACTS, *(arm.name for arm in arms_of((), full=False)[1:3])]
    texts = {arm: "Small left effusion. " * 30 if arm == BY_FACTS else "" for arm in shown}
    root = ElementTree.fromstring(said("No effusion.", texts))
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert " ".join(words).count("Small left effusion.") >= 28
    assert words.count("(nothing)") == 3


def test_the_command_offers_what_the_recipe_has_and_with_the_same_defaults() -> None:
    offered = {name: each.default for name, each in signature(reproduce).parameters.items()}
    recipe = Recipe()
    shared = [name for name in offered if hasattr(recipe, name)]
    assert {"judge", "losses", "count", "pairs", "questions", "rate", "full"} <= set(shared)
    assert {name: offered[name] for name in shared} == {name: getattr(recipe, name) for name in shared}


TINY = {"patients": 30, "asked": 6, "size": 48, "encoder_steps": 2, "steps": 8, "pairs": 2, "count": 3,
        "questions": 10, "longest": 16}  # fmt: skip


@pytest.mark.slow
def test_a_tiny_run_shows_every_arm_and_control_and_claims_nothing_by_one_seed() -> None:
    told: list[str] = []
    made = reproduce(**TINY, seeds=1, losses="KTO", say=told.append, seed=5)
    assert made.outcome == "cannot be tested here"
    arms = len(arms_of(("KTO",), full=False)) + 2
    head = next(at for at, line in enumerate(made.lines) if line.startswith("arm "))
    rows = made.lines[head + 1 : head + 1 + arms]
    assert rows[0].startswith(SFT)
    assert rows[-1].startswith("SFT on the best of 3")
    numbers = np.array([[float(part) for part in row[34:].split()] for row in rows])
    assert numbers.shape[1] == len(METRICS)
    assert ((numbers[:, :3] >= 0) & (numbers[:, :3] <= 1)).all()
    assert numbers[0, METRICS.index("KL from the policy")] == 0.0
    assert sum("pairs by" in line for line in made.lines) == 3
    assert len(made.figures) == 2
    assert any("labelled both ways round" in line for line in made.lines)
    assert sum("seed 5" in line for line in told) >= arms


@pytest.mark.slow
def test_a_tuned_reader_is_written_and_read_back(tmp_path: Path) -> None:
    settings = {**TINY, "judge": "matched-repeats", "loss": "DPO", "count": 4}
    folder = train(out=tmp_path / "reader", seed=1, settings=settings)
    held = trained(folder)
    assert held.card["judge"] == "matched-repeats"
    assert held.card["pairs"] + held.card["ties"] <= 10
    assert "not a medical device" in held.card["caution"]
    assert held.preset.name == "preference"


# --- the tasks that may be forgotten, on a reader that was hardly taught ---------------------------------------------


@pytest.fixture(scope="module")
def bench() -> tuple[Lab, Recipe, Trained]:
    recipe = settings_of({**TINY, "patients": 24, "asked": 5})
    held = bench_of(recipe, seed=2, say=lambda line: None)
    return held, recipe, policy(held, recipe, seed=0)


@pytest.mark.slow
def test_the_policy_is_taught_reports_most_and_the_other_tasks_too(bench: tuple[Lab, Recipe, Trained]) -> None:
    held, _, _ = bench
    assert sum(TASKS.values()) == pytest.approx(1.0)
    for task in TASKS:
        made = asked_of(held.train, task, seed=0)
        assert {sample.task for sample in made} == {task}
        assert {sample.patient for sample in made}.isdisjoint(study.patient for study in held.test)
    assert len(asked_of(held.test, "presence", seed=0, count=3)) == 3 * len(asked_of(held.test, "presence", seed=0))


@pytest.mark.slow
def test_presence_is_right_where_the_likelier_answer_is_the_true_one(bench: tuple[Lab, Recipe, Trained]) -> None:
    held, _, reader = bench
    samples = asked_of(held.test, "presence", seed=0, count=3)
    found = presence(reader, samples)
    for sample, value in zip(samples, found, strict=True):
        alone = reader.likelihood([sample])[0]
        other = 1 - sample.options.index(sample.target)
        assert value == float(alone[1 - other] > alone[other])
    assert presence(reader, ()).shape == (0,)


@pytest.mark.slow
def test_the_overlap_of_boxes_is_that_of_the_true_answers_and_none_of_no_answer(
    bench: tuple[Lab, Recipe, Trained],
) -> None:
    held, _, reader = bench
    samples = asked_of(held.test, "phrase_to_box", seed=0)
    assert samples

    class Right:
        """Writes the tokens of the true answers, or nothing."""

        processor, preset = reader.processor, reader.preset

        def __init__(self, *, silent: bool) -> None:
            self.silent = silent

        def written(self, asked: tuple[Sample, ...]) -> list[Written]:
            rows = [row_of(sample, self.preset, self.processor) for sample in asked]
            right = [tuple(token for token in labels if token != -100)[:-1] for _, labels, _ in rows]
            return [Written("", () if self.silent else tokens, 0.0) for tokens in right]

    right, silent = (grounding(Right(silent=each), samples) for each in (False, True))  # type: ignore[arg-type]
    assert right.min() > 0.5  # a box is written in a hundred bins along each side of a small film
    assert right.mean() > 0.8
    assert silent.tolist() == [0.0] * len(samples)
    drawn = grounding(reader, samples)
    assert ((drawn >= 0) & (drawn <= 1)).all()


@pytest.mark.slow
def test_scores_of_a_reader_beside_itself_have_a_value_for_each_study_and_no_distance(
    bench: tuple[Lab, Recipe, Trained],
) -> None:
    held, recipe, reader = bench
    asked = Asked.of(held)
    found, texts = scores(reader, reader, asked, recipe, seed=0)
    assert set(found) == set(METRICS)
    assert {len(each.values) for each in found.values()} == {len(asked.findings)} == {len(texts)}
    assert found["KL from the policy"].value == 0.0
    assert found[WORDS].values.tolist() == [len(re.findall(r"\w+", text)) for text in texts]


def test_a_judge_that_is_named_gets_an_arm_of_its_own() -> None:
    plain = [arm.name for arm in arms_of((), full=False)]
    more = [arm for arm in arms_of((), full=False, judge="green/hilum/length") if arm.name not in plain]
    assert [(arm.name, arm.judge) for arm in more] == [("DPO, green/hilum/length", "green/hilum/length")]
    assert [arm.name for arm in arms_of((), full=False, judge=J2)] == plain
