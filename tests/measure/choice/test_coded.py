"""Coded reports as facts, the key held against the other source; on made reports, and on real ones where they are."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hilum.core.report import Report
from hilum.data.openi import CodedReport, reports
from hilum.measure.choice.blind import blind_accuracy, gate, learn_blind
from hilum.measure.choice.coded import REPORTED, check_key, coded_studies, coded_study, stated, whole_groups
from hilum.measure.choice.facts import facts_of
from hilum.measure.choice.items import Design, Item, make_items
from hilum.measure.task import find_task

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "openi"
COLUMNS = ("report_id", "findings", "impression", "indication", "comparison", "mesh_major")
SAID = {
    "Cardiomegaly": "The heart is enlarged.", "Pleural Effusion/right": "There is a right pleural effusion.",
    "Pneumothorax/left": "There is a left pneumothorax.", "Consolidation/lung": "There is consolidation.",
}  # fmt: skip
DENIED = {
    "Cardiomegaly": "The heart is not enlarged.", "Pleural Effusion/right": "No pleural effusion.",
    "Pneumothorax/left": "No pneumothorax.", "Consolidation/lung": "No consolidation.",
}  # fmt: skip


def coded(name: str, text: str, *codes: str) -> CodedReport:
    return CodedReport(name, Report(findings=text), codes or ("normal",))


def written(root: Path, copies: int = 6) -> Path:
    """A table of reports, each with one finding coded and said, the others denied."""
    with (root / "gold_findings.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for number in range(copies * len(SAID)):
            code = list(SAID)[number % len(SAID)]
            text = " ".join([SAID[code], *(DENIED[each] for each in SAID if each != code), f"Film {number}."])
            writer.writerow([f"CXR{number}", text, "", "", "", code])
    return root


@pytest.mark.parametrize(
    ("text", "concept", "state"),
    [
        ("There is a right pleural effusion.", "pleural effusion", True),
        ("No pleural effusion.", "pleural effusion", False),
        ("Possible pleural effusion.", "pleural effusion", None),
        ("No pleural effusion on the left. There is a right pleural effusion.", "pleural effusion", True),
    ],
)
def test_words_state_deny_or_doubt(text: str, concept: str, state: bool | None) -> None:
    assert stated(coded("a", text))[concept] is state


def test_codes_are_present_and_denials_without_a_code_absent() -> None:
    facts = facts_of(coded_study(coded("a", "The heart is enlarged. No pneumothorax.", "Cardiomegaly")))
    assert facts.has("cardiomegaly") is True
    assert facts.has("pneumothorax") is False
    assert facts.has("pleural effusion") is None


def test_what_the_coders_coded_is_not_absent_whatever_the_words_say() -> None:
    facts = facts_of(coded_study(coded("a", "No pneumothorax.", "Pneumothorax/left")))
    assert facts.has("pneumothorax") is True


def test_doubt_in_the_words_is_no_absence() -> None:
    facts = facts_of(coded_study(coded("a", "Possible pneumothorax.")))
    assert facts.has("pneumothorax") is None
    assert "pneumothorax" in facts.unsure


def test_the_patient_is_the_text_so_that_copies_stay_together() -> None:
    one, two = (coded_study(coded(name, "No pneumothorax.")) for name in "ab")
    assert one.patient == two.patient


def test_made_reports_give_items_that_both_sources_bear_out(tmp_path: Path) -> None:
    root = written(tmp_path)
    studies = list(coded_studies(root, "all"))
    items = make_items(studies, Design(per_task=16), tasks=("presence",), makers=REPORTED)
    kept, key = check_key(items, root)
    assert kept == list(items)
    assert (key.agreed, key.contradicted, key.silent) == (len(items), 0, 0)
    assert whole_groups(kept) == kept


def of(study: str, options: tuple[str, ...], answer: int, task: str = "presence", group: int = 0) -> Item:
    return Item(study, study, task, "", "?", options, answer, options, group)


@pytest.mark.parametrize(
    ("text", "task", "answer", "fate"),
    [
        ("The heart is enlarged.", "presence", 0, "agreed"),
        ("The heart is not enlarged.", "presence", 0, "contradicted"),
        ("The heart is enlarged. There is a pneumothorax.", "presence", 0, "contradicted"),
        ("The lungs are seen.", "presence", 0, "silent"),
        ("No pneumothorax.", "negation", 1, "agreed"),
        ("No pneumothorax. No consolidation.", "negation", 1, "contradicted"),
        ("The lungs are seen.", "negation", 1, "silent"),
    ],
)
def test_the_key_is_checked_against_the_words(tmp_path: Path, text: str, task: str, answer: int, fate: str) -> None:
    with (tmp_path / "gold_findings.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([COLUMNS, ("CXR1", text, "", "", "", "normal")])
    options = ("cardiomegaly", "pneumothorax", "consolidation", "lung mass")
    kept, key = check_key([of("CXR1", options, answer, task)], tmp_path)
    assert getattr(key, fate) == 1
    assert len(kept) == (fate == "agreed")


def test_a_code_contradicts_a_denial_that_is_the_answer(tmp_path: Path) -> None:
    with (tmp_path / "gold_findings.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, ("CXR1", "No pneumothorax.", "", "", "", "Pneumothorax/left")])
    options = ("cardiomegaly", "pneumothorax", "consolidation", "lung mass")
    assert check_key([of("CXR1", options, 1, "negation")], tmp_path)[1].contradicted == 1


def test_quadruples_that_lost_one_are_left_out() -> None:
    whole = [of(f"s{at}", tuple("abcd"), at, group=0) for at in range(4)]
    torn = [of(f"t{at}", tuple("abcd"), at, group=1) for at in range(3)]
    assert whole_groups([*whole, *torn]) == whole


def test_the_task_on_made_reports_opens_with_answers_in_place(tmp_path: Path) -> None:
    root = written(tmp_path)
    cohort = list(find_task("rexvqa/openi", {"half": "all", "items": "8"}).open(root))
    assert cohort
    assert all(each.report is not None and each.questions[0].answer for each in cohort)


# ---- the real reports


@pytest.mark.skipif(not REAL.is_dir(), reason="the Open-i reports are not beside the project")
def test_real_items_are_borne_out_and_cannot_be_guessed() -> None:
    studies = list(coded_studies(REAL, "dev"))
    made = make_items(studies, Design(per_task=200, per_study=2), tasks=tuple(REPORTED), makers=REPORTED, seed=1)
    kept, key = check_key(made, REAL)
    assert key.agreed / len(made) > 0.9
    whole = whole_groups(kept)
    assert len(whole) > 200
    assert gate(whole).accuracy.value <= 0.25
    named = {each.id: each.concepts for each in reports(REAL)}
    for item in whole:
        coded_there = [option in named[item.study] for option in item.options]
        assert coded_there[item.answer] is (item.task == "presence")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the Open-i reports are not beside the project")
def test_careless_real_items_can_be_guessed() -> None:
    studies = list(coded_studies(REAL, "dev"))
    careless = Design(per_task=200, per_study=2, balance=False)
    made = make_items(studies, careless, tasks=tuple(REPORTED), makers=REPORTED, seed=1)
    half = len(made) // 4
    held_out = [item for at, item in enumerate(made) if at % 4 == 0]
    learned = learn_blind([item for at, item in enumerate(made) if at % 4])
    assert len(held_out) >= half
    assert blind_accuracy(learned, held_out).mean() > 0.40
