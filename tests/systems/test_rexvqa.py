"""ReXVQA's recipe: models that answer, a trained folder, what is claimed, and the whole command made small."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.check import check
from hilum.core.errors import InputError, MissingError
from hilum.core.registry import Entry, get, listing
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.measure.asking import check_fits, load_model
from hilum.measure.boards import score
from hilum.measure.choice.ask import ask
from hilum.measure.choice.blind import WIDTH
from hilum.measure.choice.films import film_cohort
from hilum.measure.choice.items import TASKS, Design, make_items
from hilum.measure.task import find_task
from hilum.systems import _rexvqa_kept
from hilum.systems._rexvqa_claims import ALLOWED, CARELESS, CLAIMS, FILM, SEEING, WORDS, WRONG
from hilum.systems._rexvqa_picture import SIDE, WIDE, picture
from hilum.systems.rexvqa import Rexvqa, blind, reader, report_choice

CHOICES = ("A. pneumothorax", "B. pleural effusion", "C. cardiomegaly", "D. consolidation")
TINY = {"films": 120, "encoder_steps": 2, "steps": 2}


def asked(report: str, *questions: Question) -> Study:
    return Study("s", "p", report=Report(findings=report), questions=questions)


def ask_of(family: str, choices: tuple[str, ...] = CHOICES) -> Question:
    return Question("Which of these?", choices, None, family, "q")


# ---- from the report


@pytest.mark.parametrize(
    ("report", "family", "answer"),
    [
        ("There is a left pneumothorax.", "presence", CHOICES[0]),
        ("There is a left pneumothorax. No pleural effusion.", "presence", CHOICES[0]),
        ("There is a left pneumothorax. No pleural effusion.", "negation", CHOICES[1]),
        ("The heart is enlarged. No pneumothorax.", "presence", CHOICES[2]),
        ("There is a left pneumothorax and a pleural effusion.", "presence", "the report does not say"),
        ("The lungs are clear.", "negation", "the report does not say"),
        ("Possible pneumothorax.", "presence", "the report does not say"),
    ],
)
def test_a_report_is_read_for_what_it_states_or_denies(report: str, family: str, answer: str) -> None:
    (made,) = report_choice(asked(report, ask_of(family))).questions[1:]
    assert made.answer == answer
    assert made.id == "q"


def test_without_a_report_nothing_is_answered_but_signed() -> None:
    answer = report_choice(Study("s", questions=(ask_of("presence"),)))
    assert len(answer.questions) == 1
    assert answer.provenance[-1].made_by.name == "report-choice"


def test_denials_among_the_options_are_read_as_their_findings() -> None:
    denials = tuple(f"{choice[:3]}no {choice[3:]}" for choice in CHOICES)
    (made,) = report_choice(asked("There is a left pneumothorax.", ask_of("presence", denials))).questions[1:]
    assert made.answer == denials[0]


# ---- names and claims


@pytest.mark.parametrize("name", ["reader", "blind", "report-choice"])
def test_the_models_of_the_command_have_these_names_and_fit_their_tasks(name: str) -> None:
    model = load_model(name)
    assert model.adds == ("questions",)
    tasks = {"reader": "rexvqa/phantom", "blind": "rexvqa/phantom", "report-choice": "rexvqa/openi"}
    check_fits(find_task(tasks[name]), model)


def test_the_report_reader_does_not_fit_a_task_that_hides_reports() -> None:
    with pytest.raises(InputError, match="needs report"):
        check_fits(find_task("rexvqa/phantom"), load_model("report-choice"))


def test_claims_cover_every_kind_and_every_carelessness() -> None:
    assert [claim.metric.removeprefix("accuracy of ") for claim in SEEING] == list(TASKS)
    assert {(claim.arm, claim.better_than) for claim in SEEING} == {(FILM, WORDS)}
    assert all(WRONG in claim.controls for claim in SEEING)
    assert (ALLOWED, WRONG) in {(claim.arm, claim.better_than) for claim in CLAIMS}
    assert len(CLAIMS) == len(TASKS) + 2 + len(CARELESS)
    assert [sum((not d.balance, not d.rotate, not d.even)) for d in CARELESS.values()] == [1, 1, 1]


def test_the_system_is_listed_with_its_claims() -> None:
    assert "rexvqa" in {entry.name for entry in listing("system")}
    assert get("system", "rexvqa").claims == CLAIMS


# ---- blind


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and readers taught on few films."""
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path))
    monkeypatch.setattr(_rexvqa_kept, "_BLIND_FILMS", 60)
    for each in (_rexvqa_kept.kept_blind, _rexvqa_kept.kept_reader):
        each.cache_clear()
    return tmp_path


def test_blind_is_taught_once_says_so_and_is_kept(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    study = Study("s", questions=(ask_of("presence"), Question("And why?", id="w")))
    first = blind(study)
    assert "learns the words" in caplog.text
    assert (cache / "rexvqa" / "blind-1-0" / "blind.json").is_file()
    assert first.questions[2].answer in CHOICES
    assert "1 questions without" in first.provenance[-1].notes[0]
    caplog.clear()
    _rexvqa_kept.kept_blind.cache_clear()
    assert blind(study).questions == first.questions
    assert caplog.text == ""


def test_blind_sees_no_film(cache: Path) -> None:
    (cache / "rexvqa" / "blind-1-0").mkdir(parents=True)
    (cache / "rexvqa" / "blind-1-0" / "blind.json").write_text(json.dumps(np.linspace(-1, 1, WIDTH).tolist()))
    study = next(iter(film_cohort(1, seed=9)))
    question = ask_of("presence")
    with_film, without = replace(study, questions=(question,)), Study("s", questions=(question,))
    assert blind(with_film).questions[1:] == blind(without).questions[1:]


def test_a_damaged_blind_reader_is_named(cache: Path) -> None:
    (cache / "rexvqa" / "blind-1-0").mkdir(parents=True)
    (cache / "rexvqa" / "blind-1-0" / "blind.json").write_text("[1, ")
    with pytest.raises(InputError, match="is damaged"):
        blind(Study("s", questions=(ask_of("presence"),)))


# ---- a trained folder


def test_a_folder_without_a_reader_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hilum train rexvqa"):
        Rexvqa.trained(tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"films": 0}, "1 or more"),
        ({"items": 3}, "items 4 or more"),
        ({"size": 9}, "unknown setting 'size'"),
        ({"steps": "many"}, "must be int"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    pytest.importorskip("transformers", reason="the recipe takes transformers (extra 'language')")
    with pytest.raises(InputError, match=words):
        Rexvqa.train(out=tmp_path, settings=settings)


def test_data_must_be_named_with_their_folder(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the recipe takes transformers (extra 'language')")
    with pytest.raises(InputError, match="NAME:FOLDER"):
        Rexvqa.train(data="vindr-cxr", out=tmp_path)


@pytest.mark.slow
def test_what_was_trained_is_read_back_and_answers_as_it_did(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the recipe takes transformers (extra 'language')")
    folder = Rexvqa.train(out=tmp_path / "run", settings=TINY, seed=1)
    card = json.loads((folder / "card.json").read_text())
    assert (card["name"], card["seed"], card["settings"]["films"]) == ("rexvqa", 1, 120)
    model = load_model(str(folder))
    assert (model.needs, model.adds) == (("images",), ("questions",))
    studies = list(film_cohort(60, seed=9))
    asking = ask(studies, make_items(studies, Design(per_task=4), seed=0), rotations=2)
    one, two = ([each(study.hide("questions")) for study in asking] for each in (model.call, Rexvqa.trained(folder)))
    assert [each.questions for each in one] == [each.questions for each in two]
    board = score(find_task("rexvqa/phantom").metrics, asking, one, [""] * len(asking))
    assert board.lines["choice-invalid"].interval.value == 0.0
    lateral = replace(asking[0], images=tuple(replace(film, view="LL") for film in asking[0].films))
    assert "no frontal film" in model.call(lateral).provenance[-1].notes[0]
    entry = Entry("model", "folder", model.call, {"needs": model.needs, "adds": model.adds})
    assert [verdict for verdict in check(entry) if not verdict.passed] == []
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is damaged"):
        Rexvqa.trained(folder)


def test_nothing_half_made_is_left_where_making_fails(tmp_path: Path) -> None:
    def fails(place: Path) -> None:
        (place / "half").write_text("half")
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        _rexvqa_kept._once(tmp_path / "kept", fails)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_made_first_stands(tmp_path: Path) -> None:
    def slow(place: Path) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "whose").write_text("theirs")
        (place / "whose").write_text("ours")

    _rexvqa_kept._once(tmp_path / "kept", slow)
    assert (tmp_path / "kept" / "whose").read_text() == "theirs"
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


# ---- the whole command


@pytest.mark.slow
def test_the_claim_is_judged_with_every_arm_and_control_and_a_picture() -> None:
    pytest.importorskip("transformers", reason="the recipe takes transformers (extra 'language')")
    said: list[str] = []
    made = Rexvqa.reproduce(films=120, encoder_steps=1, steps=2, items=4, seeds=3, say=said.append)
    assert made.outcome in ("holds", "fails")
    assert set(made.scores) == {claim.text for claim in CLAIMS}
    told = "\n".join(made.lines)
    assert "blind, as balanced: 0.250 of 20" in told
    assert "without rotated options" in told
    assert told.count("refused") >= 2
    for claim in SEEING:
        assert made.scores[claim.text].arms[WORDS].value == pytest.approx(0.25)
        assert made.scores[claim.text].seeds == 3
    (drawn,) = made.figures.values()
    assert Picture.open(io.BytesIO(drawn)).width == WIDE * len(TASKS)  # type: ignore[arg-type]
    assert sum("three readers" in line for line in said) == 3


@pytest.mark.parametrize("name", ["films", "steps", "items", "seeds"])
def test_sizes_that_are_no_number_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        Rexvqa.reproduce(**{name: "some"})


def test_the_picture_shows_one_item_of_each_kind_and_bars_as_high_as_the_shares() -> None:
    studies = list(film_cohort(60, seed=9))
    items = make_items(studies, Design(per_task=4), seed=0)
    films = {study.id: study.films[0] for study in studies}
    low, high = (np.full(len(items), value) for value in (0.0, 1.0))
    drawn = Picture.open(io.BytesIO(picture({"none": [low], "all": [high]}, items, films, ("none", "all"))))
    assert drawn.size == (WIDE * len(TASKS), SIDE + 350)
    pixels = np.asarray(drawn)[SIDE + 130 : SIDE + 295, :WIDE]
    green = (pixels == (98, 200, 140)).all(-1).any(-1).sum()
    grey = (pixels == (120, 132, 148)).all(-1).any(-1).sum()
    assert green == pytest.approx(150, abs=3)
    assert grey <= 2


def test_reader_is_asked_only_when_it_is_called() -> None:
    """Naming it teaches nothing."""
    assert callable(reader)
    assert load_model("reader").needs == ("images",)
