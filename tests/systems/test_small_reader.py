"""The reader inside the package: its settings, its samples, its guard, and what it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.reader.sample import Sample
from hilum.measure.claim import Judged
from hilum.measure.metrics.comparison import refers_to_prior
from hilum.measure.stats import Interval
from hilum.phantom.scenes import scenes, split_of
from hilum.systems import _small_reader_claims as claims
from hilum.systems import _small_reader_guard as guard
from hilum.systems._reader_said import said
from hilum.systems._small_reader_recipe import PRESET, resolve
from hilum.systems._small_reader_train import samples_of, studies_of
from hilum.systems._small_reader_writer import Writer, _told, asked
from hilum.systems.small_reader import WEIGHTS, train, trained
from hilum.text.parse import parse

TINY = {"patients": 16, "encoder_steps": 0, "steps": 2, "vision_layers": 1, "width": 32, "depth": 1, "batch": 4,
        "judged": 12}  # fmt: skip


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    return trained(train(out=tmp_path_factory.mktemp("small"), settings=TINY))


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"stepz": 1}, "unknown setting 'stepz'"), ({"steps": "many"}, "must be a number"), ({"steps": 0}, "above 0"),
     ({"left_out": 1.0}, "left_out"), ({"rate": "nan"}, "above 0")],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve(changes)


def test_it_learns_from_the_training_split_and_never_compares_without_a_prior() -> None:
    recipe = resolve({"patients": 40, "left_out": 0.5})
    studies = studies_of(None, recipe, seed=0, say=lambda line: None)
    assert {split_of(study.patient) for study in studies} == {"train"}
    samples = samples_of(studies, recipe, seed=0)
    with_prior = [sample for sample in samples if sample.has("prior_front")]
    assert 0 < len(with_prior) < len(samples)
    assert any(refers_to_prior(parse(sample.target)) for sample in with_prior)
    assert not any(refers_to_prior(parse(each.target)) for each in samples if not each.has("prior_front"))


def test_scenes_are_told_in_other_words_with_the_same_facts_and_other_inputs_left_out() -> None:
    recipe = resolve({"patients": 40})
    studies = studies_of(None, recipe, seed=0, say=lambda line: None)
    once, thrice = (samples_of(studies, recipe, seed=0, wordings=number) for number in (1, 3))
    assert thrice[: len(once)] == once
    told: dict[str, list[Sample]] = {}
    for sample in thrice:
        told.setdefault(sample.key, []).append(sample)
    assert max(len(some) for some in told.values()) == 3  # fewer where nothing but comparisons was told, and no prior
    assert sum(len({each.target for each in some}) > 1 for some in told.values()) > len(told) / 2
    assert any(len({each.has("cur_lat") for each in some}) > 1 for some in told.values())
    for some in told.values():
        assert len({frozenset(said(each.target).facts) for each in some if each.has("prior_front")}) <= 1


def test_data_are_named_as_a_data_set_and_a_folder() -> None:
    with pytest.raises(InputError, match="NAME:FOLDER"):
        studies_of("films", resolve({}), seed=0, say=lambda line: None)


def test_a_report_that_a_model_made_of_the_films_tells_the_reader_nothing() -> None:
    study = scenes(1, seed=1)[0]
    own = Report(indication="Cough.", findings="All seen.", made_by=MadeBy("template", "1"))
    assert asked(_told(study.add(), ""), PRESET).turns[-1].answer == ""
    given = asked(_told(study, "Fever."), PRESET)
    assert given.context == {"indication": "Fever."}
    hidden = _told(type(study)(study.id, patient=study.patient, images=study.images, report=own), "")
    assert asked(hidden, PRESET).context == {}


def test_the_same_films_get_the_same_draft_and_its_sight_is_measured(writer: Writer) -> None:
    study = scenes(4, seed=7)[0]
    first, second = writer.draft(study), writer.draft(study)
    assert first == second
    assert first.sight is not None
    assert first.sight.true < 0 > first.sight.blank
    assert first.text == writer.drafts([study])[0]


def test_the_guard_is_judged_on_made_patients_that_nobody_learned_from(writer: Writer) -> None:
    """Two steps teach nothing: a reader that writes the same of every film has no gap, and its card says so."""
    told = json.loads((writer.folder / "reader.json").read_text(encoding="utf-8"))
    assert told["guard"]["offered on real films"] is False
    verdict = guard.judge_guard(writer, data=None, patients=12, seed=5)
    assert verdict.outcome == "fails"
    assert any("cannot be tested here: name a pack" in line for line in verdict.lines)
    made = scenes(1)[0]
    assert writer.refusal(made) == ""
    real = Study("r", images=tuple(replace(film, synthetic=False) for film in made.films))
    assert "research preset, and it was never judged on real films" in writer.refusal(real)


def test_opacity_in_a_draft_counts_whatever_its_kind() -> None:
    drafts = ["There is a left consolidation.", "No consolidation.", "The heart is enlarged.", "A lung nodule is seen."]
    assert guard._opaque(drafts).tolist()[:3] == [True, False, False]


def test_balanced_accuracy_is_the_mean_of_both_halves() -> None:
    """By hand: 2 of 3 with it and 1 of 2 without it are right: (2/3 + 1/2) / 2."""
    truth = np.array([True, True, True, False, False])
    said = np.array([True, True, False, False, True])
    assert guard._balanced(truth, said).value == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_the_card_offers_real_films_only_where_their_claim_holds() -> None:
    def judged(outcome: str) -> Judged:
        there = Interval(0.7, 0.6, 0.8)
        return Judged(claims.REAL, outcome, there, {"true films": there, "other patients' films": there}, 3)  # type: ignore[arg-type]

    assert guard.guard_card([judged("holds")])["offered on real films"] is True
    assert guard.guard_card([judged("fails")])["offered on real films"] is False
    assert guard.guard_card([])["offered on real films"] is False


@pytest.mark.skipif(not (WEIGHTS / "model.safetensors").is_file(), reason="no reader in this package")
def test_the_shipped_reader_is_small_and_says_what_it_learned_from() -> None:
    size = sum(path.stat().st_size for path in WEIGHTS.iterdir() if path.is_file())
    assert size < 60e6
    assert not list(Path(WEIGHTS).glob("*.bin")) + list(Path(WEIGHTS).glob("*.pt"))
    shipped = trained()
    assert shipped.card["learned_from"]
    assert "research" in shipped.card["caution"].lower()
    assert {"offered on real films", "real films"} <= set(shipped.card["guard"])


@pytest.mark.slow
@pytest.mark.skipif(not (WEIGHTS / "model.safetensors").is_file(), reason="no reader in this package")
def test_the_shipped_reader_sees_what_made_films_show() -> None:
    """On made patients that it did not learn from, facts drop where films are exchanged."""
    shipped = trained()
    facts, _ = guard.made_films(shipped, patients=120, seed=11, say=lambda line: None)
    assert facts.outcome == "holds"
