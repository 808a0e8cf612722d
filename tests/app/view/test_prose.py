"""The reader's words: kept until the list changes what they state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilum.app.view.edit import apply
from hilum.app.view.prose import composed, write
from hilum.core.image import MadeBy
from hilum.core.report import Report
from hilum.core.study import Study
from tests.app.view.conftest import NOW, found, study_of, usual

READER = MadeBy("Dr. Reader")
OWN = "A little fluid blunts the right angle, a pleural effusion as before surgery."


def edited(study: Study, *actions: dict[str, object]) -> Study:
    return apply(study, actions, editor=READER.name, when=NOW)[0]


def sentences(study: Study, section: str = "findings") -> dict[str, tuple[str, ...]]:
    report = study.report
    assert report is not None
    return {report.text(each): each.findings for each in report.sentences if each.section == section}


def written(section: str = "findings", text: str = f"{OWN} No pneumothorax. Possible lung nodule.") -> Study:
    return edited(usual(), {"do": "write", "section": section, "text": text})


def test_written_words_are_taken_as_they_are_and_linked_by_what_they_name() -> None:
    study = written()
    assert study.findings == usual().findings
    assert study.report
    assert study.report.findings.startswith(OWN)
    linked = sentences(study)
    assert linked[OWN] == ("f-effusion",)
    assert linked["No pneumothorax."] == ("f-pneumothorax",)
    assert linked["Possible lung nodule."] == ("f-nodule",)


def test_an_edit_elsewhere_leaves_the_readers_sentence() -> None:
    study = edited(written(), {"do": "set", "key": "f-nodule", "state": "present", "side": "left"})
    linked = sentences(study)
    assert linked[OWN] == ("f-effusion",)
    assert "Possible lung nodule." not in linked
    assert any("f-nodule" in keys and "nodule" in text and "left" in text for text, keys in linked.items())


def test_an_edit_of_what_it_states_replaces_the_readers_sentence() -> None:
    study = edited(written(), {"do": "set", "key": "f-effusion", "severity": "severe"})
    linked = sentences(study)
    assert OWN not in linked
    assert any(keys == ("f-effusion",) and "large" in text.lower() for text, keys in linked.items())
    assert "No pneumothorax." in linked


def test_a_rejected_finding_takes_its_sentence_along() -> None:
    linked = sentences(edited(written(), {"do": "reject", "key": "f-effusion"}))
    assert OWN not in linked
    assert not any("effusion" in text for text in linked)


def test_a_sentence_about_nothing_in_the_list_stays() -> None:
    words = "Comparison with outside films was not possible."
    study = edited(written(text=f"{OWN} {words}"), {"do": "reject", "key": "f-effusion"})
    assert words in sentences(study)


def test_what_the_reader_left_out_is_not_brought_back_by_an_edit_elsewhere() -> None:
    study = edited(written(text=OWN), {"do": "add", "concept": "lung mass", "side": "right"})
    linked = sentences(study)
    assert not any("pneumothorax" in text for text in linked)
    assert any("mass" in text for text in linked)


def test_one_section_written_leaves_the_other_composed() -> None:
    study = edited(written("impression", "Small effusion, else nothing."), {"do": "reject", "key": "f-nodule"})
    assert study.report
    assert study.report.findings == composed(study).findings
    assert "Small effusion, else nothing." in sentences(study, "impression")


def test_an_absent_finding_gets_a_sentence_when_the_list_it_shared_is_kept() -> None:
    """A list sentence of absent findings, rewritten by the reader, and one of them changed."""
    start = study_of(
        found("pneumothorax", "absent", id="a"),
        found("consolidation", "absent", id="b"),
        found("hernia", "absent", id="c"),
    )
    study = edited(
        start, {"do": "write", "section": "findings", "text": "No pneumothorax or consolidation seen. No hernia."}
    )
    linked = sentences(edited(study, {"do": "set", "key": "c", "state": "uncertain"}))
    assert set(linked["No pneumothorax or consolidation seen."]) == {"a", "b"}
    assert any(keys == ("c",) and "hernia" in text for text, keys in linked.items())


def test_a_report_by_somebody_else_keeps_what_is_not_touched() -> None:
    text = "Moderate effusion on the right. The heart is normal."
    report = Report(findings=text, impression="Effusion.", status="final", made_by=MadeBy("Dr. Elsewhere"))
    study = replace(usual(), report=report)
    after = edited(study, {"do": "add", "concept": "rib fracture", "side": "left"})
    assert after.report
    assert after.report.findings.startswith(text)
    assert "rib fracture" in after.report.findings
    assert after.report.status == "draft"


def test_a_list_that_was_emptied_states_nothing_and_does_not_say_that_nothing_was_assessed() -> None:
    study = edited(usual(), *({"do": "reject", "key": each.id} for each in usual().findings))
    assert study.report
    assert study.report.impression == "No finding is stated."
    again = edited(study, {"do": "add", "concept": "hernia"})
    assert again.report
    assert "No finding" not in again.report.impression
    assert again.report.findings == composed(again).findings


def test_control_letters_are_not_kept() -> None:
    report = write(usual(), "findings", "Clear.\x00\x1b[31m Lungs\tare clear.", made_by=READER)
    assert "\x00" not in report.findings
    assert "\x1b" not in report.findings
    assert report.findings.endswith("are clear.")


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_an_emptied_section_is_empty(text: str) -> None:
    report = write(usual(), "findings", text, made_by=READER)
    assert report.findings == ""
    assert not [each for each in report.sentences if each.section == "findings"]


def test_sentences_lie_inside_their_section_after_every_edit() -> None:
    study = written(text="One. Two.\nThree pleural effusion here.\n\nFour.")
    for action in (
        {"do": "reject", "key": "f-effusion"},
        {"do": "add", "concept": "hernia"},
        {"do": "reject", "key": "f-nodule"},
    ):
        study = edited(study, action)
        report = study.report
        assert report is not None
        assert all(report.text(each).strip() == report.text(each) != "" for each in report.sentences)
        ids = {each.id for each in study.findings}
        assert {key for each in report.sentences for key in each.findings} <= ids


def test_a_study_without_a_report_gets_one_with_its_first_finding() -> None:
    bare = replace(usual(), report=None, findings=(), provenance=())
    study = edited(bare, {"do": "add", "concept": "pneumothorax", "side": "left"})
    assert study.report
    assert "left pneumothorax" in study.report.findings.lower()
    assert study.report.made_by == READER
