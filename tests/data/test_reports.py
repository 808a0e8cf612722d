"""Text files of reports to sections: wet reads, unheaded findings, wrapped lines."""

from __future__ import annotations

import pytest

from hilum.core.errors import InputError
from hilum.data.reports import sectioned


def test_sections_lose_their_headings_and_line_breaks() -> None:
    report = sectioned(" INDICATION:  Cough\n\n FINDINGS:\n \n The lungs are\n clear.\n \n IMPRESSION: \n \n Normal.\n")
    assert report.indication == "Cough"
    assert report.findings == "The lungs are clear."
    assert report.impression == "Normal."
    assert report.sentences == ()


def test_paragraphs_stay_apart() -> None:
    assert sectioned("FINDINGS: One.\n\nTwo,\nstill two.").findings == "One.\n\nTwo, still two."


def test_a_wet_read_is_preliminary_and_left_out() -> None:
    text = (
        "  WET READ: ___ 3:14 PM\n  no pneumothorax\n ______\n                FINAL REPORT\n HISTORY: Fall.\n\n"
        " FINDINGS:  There is a small pneumothorax.\n"
    )
    report = sectioned(text)
    assert report.findings == "There is a small pneumothorax."
    assert "no pneumothorax" not in str(report.indication + report.findings + report.impression)


def test_the_last_final_report_counts() -> None:
    text = "FINAL REPORT\nFINDINGS: Old.\n\n   FINAL REPORT  \nFINDINGS: New.\n"
    assert sectioned(text).findings == "New."


def test_the_words_final_report_within_a_line_cut_nothing() -> None:
    assert sectioned("FINDINGS: The final report follows.").findings == "The final report follows."


def test_text_under_no_heading_is_the_findings_where_there_are_none() -> None:
    text = (
        "                 FINAL REPORT\n REASON FOR EXAMINATION:  Follow-up after surgery.\n\n"
        " PA and lateral radiographs were reviewed.\n\n Heart size is normal. No effusion.\n"
    )
    report = sectioned(text)
    assert report.indication == "Follow-up after surgery."
    assert report.findings.endswith("Heart size is normal. No effusion.")


def test_a_title_is_no_finding() -> None:
    text = "  FINAL REPORT\n AP CHEST, 4:12 A.M., ___\n\n HISTORY:  Line.\n\n IMPRESSION:  Severe edema has worsened.\n"
    report = sectioned(text)
    assert report.findings == ""
    assert report.impression == "Severe edema has worsened."


def test_prose_before_an_impression_is_the_findings() -> None:
    text = "  FINAL REPORT\n\n The heart is enlarged and the lungs are clear.\n\n IMPRESSION:  Cardiomegaly.\n"
    assert sectioned(text).findings == "The heart is enlarged and the lungs are clear."


def test_a_report_without_headings_is_all_findings() -> None:
    assert sectioned("Clear lungs.").findings == "Clear lungs."


def test_nothing_gives_an_empty_report() -> None:
    assert sectioned(" \n \n").findings == ""


def test_a_text_longer_than_any_report_is_refused() -> None:
    with pytest.raises(InputError, match=r"s1\.txt has 200,001 characters"):
        sectioned("x" * 200_001, name="s1.txt")
