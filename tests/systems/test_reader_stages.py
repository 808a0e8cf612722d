"""Second stages of SEI and MLRG: what arms learn from, cells of presence, cases of other patients, scores of each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("transformers", reason="a reader needs transformers (extra 'language')")

from hilum.core.errors import InputError
from hilum.learn.reader.absence import without
from hilum.learn.reader.layout import layout
from hilum.phantom.scenes import scenes
from hilum.systems import _mlrg_reader as mlrg_reader
from hilum.systems import _sei_reader as sei_reader
from hilum.systems._reader_cells import (
    BLEU,
    ECHO,
    FACTS,
    FALSE_COMPARISONS,
    all_scores,
    in_cell,
    of_visit,
    read,
    second_stage,
    shuffled,
)
from hilum.systems._reader_lab import Lab, lab, samples_of, scaled, small_preset
from hilum.systems._reader_trials import Trials
from hilum.systems.mlrg import reproduce as reproduce_mlrg
from hilum.systems.sei import reproduce as reproduce_sei

TINY = {"patients": 24, "encoder_steps": 0, "steps": 2, "seeds": 1}


class Oracle:
    """Writes the true report of every sample."""

    def write(self, samples):
        return [sample.target for sample in samples]


class Parrot:
    """Writes one text whatever it is shown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def write(self, samples):
        return [self.text] * len(samples)


@pytest.fixture(scope="module")
def studies():
    return scenes(24, seed=5)


@pytest.fixture(scope="module")
def bench() -> Lab:
    return lab(scaled(sei_reader.SCALE, TINY), seed=1)


def test_visits_are_told_apart(studies):
    first, later = of_visit(studies, prior=False), of_visit(studies, prior=True)
    assert len(first) == 24  # one first visit a patient
    assert len(first) + len(later) == len(studies)
    assert all(study.prior is None for study in first)


def test_an_oracle_is_right_and_compares_only_where_there_is_a_prior(studies):
    asked = of_visit(studies, prior=True)
    trials = Trials([study.patient for study in asked])
    samples = samples_of(asked, small_preset("mlrg"))
    read(trials, asked, "oracle", Oracle(), samples, cell="both there")
    read(trials, asked, "oracle", Oracle(), [without(each, "prior_front") for each in samples], cell="no prior")

    def value(metric, cell):
        return trials.scores[in_cell(metric, cell)]["oracle"][0].value

    for cell in ("both there", "no prior"):
        assert value(FACTS, cell) == 1
        assert value(BLEU, cell) == pytest.approx(1, abs=1e-6)
    assert math.isnan(value(FALSE_COMPARISONS, "both there"))  # no study there is without a prior
    assert value(FALSE_COMPARISONS, "no prior") > 0.9  # the true report compares with what is no longer shown


def test_a_report_of_nothing_has_no_facts_and_echoes_nothing(studies):
    asked = of_visit(studies, prior=False)
    scored = all_scores(asked, ["No pneumothorax."] * len(asked))
    assert scored[FACTS].value == 0
    assert scored[ECHO].value == 0
    assert scored[BLEU].value < 0.1


def test_a_reader_that_repeats_its_indication_echoes_what_misleads(studies):
    """One that states the hinted finding echoes whenever the hint misleads; one that states another never does."""
    asked = of_visit(studies, prior=False)
    hints = [study.report.indication.lower() for study in asked]
    names = ("pleural effusion", "consolidation", "cardiomegaly", "pneumothorax", "lung nodule")
    hinted = [next((name for name in names if name in hint), "") for hint in hints]
    echoing = all_scores(asked, [f"There is {name or 'no pneumothorax'}." for name in hinted])[ECHO]
    assert np.isfinite(echoing.values).any()
    assert echoing.value == 1
    assert all_scores(asked, ["Normal."] * len(asked))[ECHO].value == 0


def test_shuffled_sections_are_another_patients_and_all_are_there(studies):
    samples = samples_of(studies, small_preset("sei"))
    marked = [replace(each, context={"indication": f"of {each.patient}"}) for each in samples]
    made = shuffled(marked, "indication")
    assert all(each.context["indication"] != f"of {each.patient}" for each in made)
    assert [each.turns for each in made] == [each.turns for each in marked]
    bare = shuffled([replace(each, context={}) for each in samples], "indication")
    assert all("indication" not in each.context for each in bare)


def test_similar_cases_are_of_other_patients_and_the_nearest(bench):
    learned = of_visit(bench.train, prior=False)
    samples = samples_of(learned, small_preset("sei"))
    rows = sei_reader.similar(bench, samples, samples)
    vectors = sei_reader.mean_patches(bench, samples)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for at, row in enumerate(rows):
        assert samples[row].patient != samples[at].patient
        others = [n for n, each in enumerate(samples) if each.patient != samples[at].patient]
        nearest = max(float(vectors[at] @ vectors[n]) for n in others)
        assert float(vectors[at] @ vectors[row]) == pytest.approx(nearest, abs=1e-5)
    drawn = sei_reader.anyone(samples, samples, seed=0)
    assert drawn == sei_reader.anyone(samples, samples, seed=0)
    assert all(samples[row].patient != samples[at].patient for at, row in enumerate(drawn))


def test_a_case_stands_in_the_prompt_as_facts(bench):
    samples = samples_of(of_visit(bench.train, prior=False)[:2], small_preset("sei"))
    told = sei_reader.with_cases(samples, [1, 0], ["mild left pleural effusion", "no cardiomegaly"])
    assert "<retrieved_case> no cardiomegaly" in layout(told[0], small_preset("sei")).text
    assert "<retrieved_case>" not in layout(told[0], small_preset("sei", sections=("indication",))).text


def test_arms_of_mlrg_lose_the_same_inputs_and_say_so_in_their_own_way(studies):
    asked = [study for study in of_visit(studies, prior=True) if study.report.indication]
    samples = samples_of(asked, small_preset("mlrg"))
    arms = mlrg_reader.arms_of(samples, seed=0)
    assert list(arms) == [mlrg_reader.TOKENS, mlrg_reader.EMPTY, mlrg_reader.WORDS, mlrg_reader.KEPT]
    lost = arms[mlrg_reader.TOKENS][1]
    assert arms[mlrg_reader.EMPTY][1] == arms[mlrg_reader.WORDS][1] == lost
    assert arms[mlrg_reader.KEPT][1] == samples
    assert 0 < sum("indication" not in each.context for each in lost) < len(lost)
    assert 0 < sum(not each.has("prior_front") for each in lost) < len(lost)
    bare = without(samples[0], "indication", "prior_front")
    told = {name: layout(bare, preset).text for name, (preset, _) in arms.items()}
    assert "<no_indication>" in told[mlrg_reader.TOKENS]
    assert "<no_prior_front>" in told[mlrg_reader.TOKENS]
    assert "<indication> N/A" in told[mlrg_reader.WORDS]
    assert "<indication> <prior_report> <ask>" in told[mlrg_reader.EMPTY]
    assert told[mlrg_reader.EMPTY] == told[mlrg_reader.KEPT]


def test_cells_are_the_four_ways_of_presence(studies):
    sample = samples_of([s for s in of_visit(studies, prior=True) if s.report.indication], small_preset("mlrg"))[0]
    seen = {
        cell: ("indication" in part.context, part.has("prior_front"), "prior_report" in part.context)
        for cell, gone in mlrg_reader.CELLS.items()
        for part in [without(sample, *gone)]
    }
    assert seen == {
        mlrg_reader.BOTH: (True, True, True), mlrg_reader.NO_HINT: (False, True, True),
        mlrg_reader.NO_PRIOR: (True, False, False), mlrg_reader.NEITHER: (False, False, False),
    }  # fmt: skip


@pytest.mark.parametrize("part", [sei_reader, mlrg_reader])
def test_claims_name_arms_and_controls_that_run(part):
    told = " ".join(part.NOTES)
    assert "ported" in part.TEXT
    assert "not the numbers here" in told
    for claim in (*part.CLAIMS, *part.BESIDE):
        assert claim.arm != claim.better_than
    assert all(claim.controls for claim in part.CLAIMS)


def test_a_stage_that_is_none_is_refused():
    for reproduce in (reproduce_sei, reproduce_mlrg):
        with pytest.raises(InputError, match="are 'encoder' and 'reader', got 'third'"):
            reproduce(stage="third")
        with pytest.raises(InputError, match="patients must be a number, got 'many'"):
            reproduce(stage="reader", patients="many")


def test_a_parrot_is_the_same_in_every_cell(studies):
    asked = of_visit(studies, prior=True)
    trials = Trials([study.patient for study in asked])
    samples = samples_of(asked, small_preset("mlrg"))
    for cell, gone in mlrg_reader.CELLS.items():
        read(
            trials,
            asked,
            "parrot",
            Parrot("Small left pleural effusion."),
            [without(s, *gone) for s in samples],
            cell=cell,
        )
    values = {trials.scores[in_cell(FACTS, cell)]["parrot"][0].value for cell in mlrg_reader.CELLS}
    assert len(values) == 1
    assert 0 < values.pop() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sei", "mlrg"])
def test_a_whole_second_stage_runs_and_one_seed_is_no_verdict(name):
    lines: list[str] = []
    made = second_stage(
        name, "reader", seed=1, seeds=1, settings={"patients": 24, "steps": 2, "trunk_steps": 0}, say=lines.append
    )
    assert made.outcome == "cannot be tested here"
    assert any("it takes 3 seeds, 1 ran" in line for line in made.lines)
    assert any("every arm" in line for line in made.lines)
    assert len([line for line in lines if "seed 1" in line]) == (5 if name == "sei" else 4)
