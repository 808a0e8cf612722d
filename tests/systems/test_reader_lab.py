"""The bench of readers: cohort, encoder and arms; trials, guards and controls; the same answers in another process."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hilum.core.errors import InputError  # noqa: E402
from hilum.core.finding import Finding  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.measure.claim import Claim  # noqa: E402
from hilum.measure.scored import averaged, f1, summed  # noqa: E402
from hilum.phantom.scenes import facts_of, split_of  # noqa: E402
from hilum.systems._reader_jobs import Answered, worked  # noqa: E402
from hilum.systems._reader_lab import SMALL, arm, jobs_of, lab, samples_of, scaled, small_preset  # noqa: E402
from hilum.systems._reader_picture import pages  # noqa: E402
from hilum.systems._reader_trials import Trials, among, guard_answers, lowered, reversed_truth, settings_line  # noqa: E402

TINY = {"patients": 14, "steps": 2, "encoder_steps": 0, "width": 32, "depth": 1, "side": 32, "asked": 6, "seeds": 2,
        "workers": 1}  # fmt: skip


@pytest.fixture(scope="module")
def bench():
    """A few patients over a random encoder."""
    return lab(scaled(SMALL, TINY), seed=8, leaky=1.0)


def test_patients_are_in_one_split_and_tests_do_not_leak(bench):
    parts = {name: {study.patient for study in getattr(bench, name)} for name in ("train", "val", "test")}
    assert not parts["train"] & parts["test"]
    assert not parts["train"] & parts["val"]
    assert all(split_of(patient) == name for name, people in parts.items() for patient in people)
    first = [study for study in bench.test if study.prior is None]
    assert first
    assert not any("prior" in study.report.findings for study in first)
    leaked = [study for study in bench.train if study.prior is None and facts_of(study)[1].grade]
    words = ("new", "stable", "unchanged", "increas", "decreas", "larger", "smaller", "improved", "worsening")
    told = [any(word in study.report.findings.lower() for word in words) for study in leaked]
    assert leaked
    assert np.mean(told) > 0.9
    assert bench.leaky == 1.0


def test_an_unleaky_bench_draws_the_same_films():
    plain = lab(scaled(SMALL, TINY), seed=8)
    leaky = lab(scaled(SMALL, TINY), seed=8, leaky=1.0)
    assert [study.id for study in plain.test] == [study.id for study in leaky.test]
    assert np.array_equal(plain.train[0].films[0].pixels, leaky.train[0].films[0].pixels)
    assert "of" in plain.lines()[0]
    assert 0 < plain.floor.balanced < 1


def test_a_report_told_again_says_the_same_in_other_words(bench):
    from hilum.systems._reader_cohort import reworded
    from hilum.systems._reader_said import said, true_facts

    plain = list(bench.test)
    again = [reworded(study, seed=77) for study in plain]
    for old, new in zip(plain, again, strict=True):
        assert new.films == old.films
        assert said(new.report.findings).facts == true_facts(old)
        assert said(new.report.findings).changes == said(old.report.findings).changes
        assert new.report.indication == old.report.indication
    assert sum(old.report.findings != new.report.findings for old, new in zip(plain, again, strict=True)) >= 4
    leaked = [study for study in bench.train if study.prior is None and "stable" in study.report.findings.lower()]
    assert all(reworded(study, seed=77) is study for study in leaked)
    lessons = bench.lessons(seed=0)
    assert len(lessons) == bench.scale.wordings * len(bench.train)
    assert lessons[: len(bench.train)] == bench.train
    assert bench.lessons(seed=0) is lessons


def test_an_arm_writes_of_every_test_study_and_under_every_guard(bench):
    preset = small_preset("libra", sections=("comparison",))
    reader = arm(bench, preset, samples_of(bench.train, preset), seed=0)
    asked = samples_of(bench.test, preset)
    assert [sample.study for sample in asked] == [study.id for study in bench.test]
    made = guard_answers(reader, asked, "arm", seed=0)
    assert {"arm", "arm: blank", "arm: swapped", "arm: no prior", "arm: reversed prior"} <= made.keys()
    assert all(len(texts) == len(bench.test) for texts in made.values())
    assert settings_line(reader).startswith("decoding: greedy, at most 90 tokens; a film takes 4 tokens")
    trials = Trials(bench.patients)
    trials.read(bench.test, Answered(made))
    assert "arm: reversed prior, by reversed truth" in trials.scores["change-accuracy"]
    table = trials.table(["arm", "absent"], ("fact-f1", "words"), seed=0)
    assert len(table) == 1
    assert "words" in table[0]


def test_reversed_truth_turns_change_round():
    prior = Study("a", "p", findings=(Finding("effusion", id="effusion", attributes={"grade": "3"}),
                                      Finding("nodule", "absent", id="nodule")))  # fmt: skip
    later = Study("b", "p", prior=prior, findings=(
        Finding("effusion", id="effusion", change="improved", attributes={"grade": "1"}),
        Finding("nodule", id="nodule", change="new")))  # fmt: skip
    turned = reversed_truth(later)
    assert [finding.change for finding in turned.findings] == ["worsened", "resolved"]
    assert turned.findings[0].attributes["grade"] == "3"
    assert turned.findings[1].state == "absent"
    assert turned.prior is not None
    assert reversed_truth(prior) is prior


def test_a_subgroup_is_scored_as_if_alone():
    """Checked against the same metric over those items only."""
    table = np.array([[1, 1, 0], [0, 1, 1], [2, 0, 1], [0, 0, 1]], dtype=float)

    def made(rows):
        return summed("f1", f1(rows[:, 0], rows[:, 1], rows[:, 2]), rows, lambda s: f1(s[:, 0], s[:, 1], s[:, 2]), "x")

    part = among(made(table), [True, False, True, False])
    assert part.value == pytest.approx(made(table[[0, 2]]).value)
    assert np.isnan(part.values[[1, 3]]).all()
    assert len(part.values) == 4


def test_a_margin_moves_the_value_and_every_draw():
    whole = averaged("m", [0.2, 0.4, 0.9], "x")
    less = lowered(whole, 0.05)
    weights = np.array([[1.0, 2.0, 0.0]])
    assert less.value == pytest.approx(whole.value - 0.05)
    assert less.at(weights) == pytest.approx(whole.at(weights) - 0.05)


def test_claims_are_judged_on_the_arms_they_name():
    trials = Trials([f"p{number}" for number in range(40)])
    rng = np.random.default_rng(0)
    for _ in range(3):
        trials.take("good", {"m": averaged("m", rng.normal(1.0, 0.1, 40), "x")})
        trials.take("bad", {"m": averaged("m", rng.normal(0.0, 0.1, 40), "x")})
    holds, fails = trials.judged([Claim("a", "good", "bad", "m"), Claim("b", "bad", "good", "m")], seed=0)
    assert (holds.outcome, fails.outcome) == ("holds", "fails")
    assert set(holds.arms) == {"good", "bad"}
    interval = trials.interval("m", "good", seed=0)
    assert interval.low < 1.0 < interval.high


def shouted(bench, name, seed):
    """Work of a test: what an arm's untrained reader writes of two studies."""
    preset = small_preset("libra", sections=())
    reader = arm(bench, preset, samples_of(bench.train, preset, seed=seed), seed=seed)
    return Answered({name: reader.write(samples_of(bench.test[:2], preset))}, line=f"{name} {seed}")


@pytest.mark.slow
def test_processes_side_by_side_give_what_one_gives(bench):
    jobs = jobs_of(["a", "b"], bench.scale, seed=0)
    assert jobs == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    alone, told = list(worked(shouted, jobs, bench, workers=1)), []
    beside = list(worked(shouted, jobs, bench, workers=2, say=told.append))
    assert [job for job, _ in beside] == jobs
    assert [made.texts for _, made in alone] == [made.texts for _, made in beside]
    assert len(told) == 4


def test_numbers_that_cannot_be_used_are_refused(bench):
    assert scaled(SMALL, {"steps": "20", "rate": "1e-3"}) == replace(SMALL, steps=20, rate=1e-3)
    for wrong in ({"stepps": 1}, {"steps": "many"}, {"side": 50}, {"seeds": 0}, {"width": 30}):
        with pytest.raises(InputError):
            scaled(SMALL, wrong)
    with pytest.raises(InputError, match="too few"):
        lab(scaled(SMALL, {**TINY, "patients": 1}))
    with pytest.raises(InputError, match="at least one process"):
        list(worked(shouted, [("a", 0)], bench, workers=0))


def test_a_picture_shows_films_truth_and_answers(bench):
    from io import BytesIO

    from PIL import Image

    few = [study for study in bench.test if study.prior][:1] + [study for study in bench.test if not study.prior][:1]
    short = Image.open(BytesIO(pages(few, {"arm": ["No effusion."] * 2})))
    long = Image.open(BytesIO(pages(few, {"arm": ["word " * 900] * 2})))
    assert long.height > short.height
    pixels = np.asarray(short.convert("L"), dtype=float)
    row = pixels[22:220]
    assert row[:, :180].std() > 20  # the current frontal film
    assert row[:, 420:590].std() > 20  # the prior
    assert pixels[-190:-10, 420:590].std() == 0  # the second study has none
    box = [[region for finding in study.findings for region in finding.regions[:1]] for study in few]
    assert pages(few, {"arm": ["", ""]}, boxes=box) != pages(few, {"arm": ["", ""]})


def test_patients_drawn_in_parts_are_those_drawn_at_once() -> None:
    from hilum.systems._reader_cohort import _drawn

    whole = _drawn(0, 6, 40, 3, 0.5)
    parts = [*_drawn(0, 2, 40, 3, 0.5), *_drawn(2, 6, 40, 3, 0.5)]
    assert [study.id for study in whole] == [study.id for study in parts]
    assert [study.report for study in whole] == [study.report for study in parts]
    for one, two in zip(whole, parts, strict=True):
        assert all((a.pixels == b.pixels).all() for a, b in zip(one.films, two.films, strict=True))
