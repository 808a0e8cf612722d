"""Structured report: read by highdicom, judged by dciodvfy, coded by the dictionary, and read back by us."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts as known_codes

from hilum.core.errors import DecodeError, InputError
from hilum.core.finding import Finding, Measurement
from hilum.core.image import Image
from hilum.core.region import Box, Mask, Points
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.core.vocabulary import concepts
from hilum.io import codes, header, save, sr
from tests.io.written import PLANTED, READER, dicom_film, every_code, judged, masks_of, objects, plain_film, study_of


def report_of(study: Study) -> pydicom.Dataset:
    return sr.structured_report(study, header.film_headers(study))


def texts(ds: pydicom.Dataset, value: str) -> list[str]:
    """Text of the root's TEXT items with this code value."""
    return [
        item.TextValue
        for item in ds.ContentSequence
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeValue == value
    ]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", ["dicom", "plain"])
def test_the_judge_finds_no_error(tmp_path: Path, keep: bool, source: str) -> None:
    film = dicom_film(tmp_path) if source == "dicom" else plain_film()
    assert judged(objects(film, keep_identifiers=keep)["sr"], tmp_path) == []


def test_what_we_write_we_read(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    study = study_of(film)
    headers = header.film_headers(study)
    path = save.save_dicom(sr.structured_report(study, headers), tmp_path / "report-sr.dcm")
    uid = str(headers[film.id].SOPInstanceUID)
    expected = [replace(f, regions=tuple(replace(r, image=uid) for r in f.regions)) for f in study.findings]
    assert sr.read_findings(path) == expected


def test_highdicom_reads_the_same(tmp_path: Path) -> None:
    study = study_of(dicom_film(tmp_path))
    path = save.save_dicom(report_of(study), tmp_path / "report-sr.dcm")
    report = highdicom.sr.srread(str(path))
    assert isinstance(report, highdicom.sr.Comprehensive3DSR)
    groups = report.content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["f1", "f3", "f3"]
    first = groups[0]
    assert first.finding_type == pydicom.sr.codedict.codes.SCT.Pneumothorax
    assert first.roi.graphic_type.value == "POLYLINE"
    assert first.roi.value.tolist() == [[70.5, 18.25], [115, 18.25], [115, 50], [70.5, 50], [70.5, 18.25]]
    (probability,) = first.get_measurements()
    assert (probability.value, probability.unit.value, probability.unit.scheme_designator) == (0.8125, "1", "UCUM")
    states = [item.value.meaning for group in groups for item in group.get_qualitative_evaluations()[:1]]
    assert states == ["Present", "Indeterminate", "Indeterminate"]
    assert len({group.tracking_uid for group in groups}) == 3, "viewers draw one region of a tracking UID"
    (absent,) = report.content.get_image_measurement_groups()
    assert absent.get_qualitative_evaluations()[0].value.meaning == "Absent"
    assert absent.finding_type.meaning == "Cardiomegaly"


def test_the_box_lies_on_the_film(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    made = sr.structured_report(study_of(film), header.film_headers(study_of(film), keep_identifiers=True))
    assert {box.image for f in sr.read_findings(made) for box in f.regions} == {PLANTED["SOPInstanceUID"]}
    evidence = made.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == PLANTED["StudyInstanceUID"]
    series = evidence.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == PLANTED["SeriesInstanceUID"]
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == PLANTED["SOPInstanceUID"]


def test_it_is_an_unverified_preliminary_tid_1500() -> None:
    made = report_of(study_of(plain_film()))
    assert made.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert made.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (made.VerificationFlag, made.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert made.Modality == "SR"


def test_every_standard_code_is_the_dictionarys(tmp_path: Path) -> None:
    """Value, scheme and meaning of each code we emit, for all objects, equal an entry of pydicom's dictionary."""
    study = study_of(dicom_film(tmp_path))
    everything = [Finding(item.name, id=item.name) for item in concepts() if item.kind != "site"]
    sited = Finding("lung opacity", sites=tuple(item.name for item in concepts() if item.kind == "site"))
    full = replace(study, findings=(*study.findings, *everything, sited))
    written = [report_of(full), *objects(dicom_film(tmp_path)).values()]
    found = {code for ds in written for code in every_code(ds)}
    assert len(found) > 100
    for value, scheme, meaning in found:
        assert len(value) <= 16
        if scheme in ("SCT", "DCM", "LN", "RADLEX"):
            entries = [
                entry for names in known_codes[scheme].values() for code, entry in names.items() if code == value
            ]
            assert entries, f"{scheme} {value} '{meaning}' is not in the dictionary"
            assert meaning in {entry[0] for entry in entries}, f"{scheme} {value} is not called '{meaning}'"
        else:
            assert scheme in ("99HILUM", "UCUM", "RFC5646"), scheme
    assert {scheme for _, scheme, _ in found} >= {"SCT", "DCM", "LN", "UCUM", "99HILUM"}


@pytest.mark.slow
def test_every_concept_of_the_vocabulary_survives() -> None:
    film = plain_film()
    findings = tuple(Finding(item.name, id=item.name) for item in concepts() if item.kind != "site")
    sites = tuple(item.name for item in concepts() if item.kind == "site")
    study = Study("s", images=(film,), findings=(*findings, Finding("lung opacity", sites=sites, id="sites")))
    back = sr.read_findings(report_of(study))
    assert [f.concept for f in back] == [f.concept for f in study.findings]
    assert back[-1].sites == sites


def test_a_name_outside_the_vocabulary_gets_a_private_code(tmp_path: Path) -> None:
    study = Study("s", images=(plain_film(),)).add(
        findings=[Finding("Glimmering Opacity of Nowhere"), Finding("a\\b")], made_by=READER
    )
    made = report_of(study)
    assert [f.concept for f in sr.read_findings(made)] == ["Glimmering Opacity of Nowhere", "a b"]
    assert made.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99HILUM"
    assert judged(made, tmp_path) == []


def test_private_codes_are_short_distinct_and_stable() -> None:
    names = ["left lung", "left lung apex region one", "left lung apex region two", "", "é"]
    made = [codes.local(name) for name in names]
    assert len({code.value for code in made}) == len(names)
    assert all(0 < len(code.value) <= 16 for code in made)
    assert codes.local("left lung") == made[0]
    assert made[0].value == "LEFT-LUNG"


def test_an_unknown_dictionary_entry_is_an_error() -> None:
    with pytest.raises(InputError, match="NoSuchWord"):
        codes.dictionary("DCM", "NoSuchWord")


def test_device_model_and_weights_are_named() -> None:
    made = report_of(study_of(plain_film()))
    told = {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.get("TextValue") or item.get("UID")
        for item in made.ContentSequence
        if item.RelationshipType == "HAS OBS CONTEXT"
    }
    assert told["Device Observer Serial Number"] == READER.sha256
    assert told["Device Observer Model Name"] == "hilum-reader 0.1.0"
    assert pydicom.uid.UID(told["Device Observer UID"]).is_valid
    assert [f.made_by for f in sr.read_findings(made)] == [READER] * 3


def test_gaps_draft_and_caution_are_told() -> None:
    study = study_of(plain_film())
    made = report_of(study)
    assert texts(made, "373121007") == ["rib fracture: no reference data"]
    assert texts(made, "59776-5") == ["A small pneumothorax."]
    assert texts(made, "19005-8") == ["Pneumothorax."]
    comments = texts(made, "121106")
    assert any("AI-made, research use only" in text and "hilum-reader" in text for text in comments)
    assert "The film is rotated." not in comments, "a note may name a file: it goes only with kept identifiers"
    kept = sr.structured_report(study, header.film_headers(study, keep_identifiers=True))
    assert "The film is rotated." in texts(kept, "121106")
    assert texts(made, "111424") == [], "no comparison where none was made"


def test_a_persons_report_is_not_repeated_as_ours() -> None:
    final = Report(findings="Signed by a person.", impression="Theirs.", status="final")
    study = Study("s", images=(plain_film(),), report=final).add(findings=[Finding("cardiomegaly")], made_by=READER)
    assert "Signed by a person" not in str(report_of(study))


def test_a_study_without_findings_is_still_a_report(tmp_path: Path) -> None:
    made = report_of(Study("s", images=(plain_film(),)))
    assert sr.read_findings(made) == []
    assert judged(made, tmp_path) == []


def test_tracking_uids_follow_study_finding_and_model() -> None:
    def tracking(study: Study) -> list[str]:
        path = [report_of(study)]
        for keyword in ("126010", "125007"):
            path = [
                item
                for ds in path
                for item in ds.ContentSequence
                if item.get("ConceptNameCodeSequence") and item.ConceptNameCodeSequence[0].CodeValue == keyword
            ]
        return [item.UID for group in path for item in group.ContentSequence if item.ValueType == "UIDREF"]

    study = study_of(plain_film())
    assert tracking(study) == tracking(study)
    moved = replace(study, findings=tuple(replace(f, probability=0.1) for f in study.findings))
    assert tracking(moved) == tracking(study), "a new probability is the same finding"
    other = replace(
        study, findings=tuple(replace(f, made_by=replace(READER, sha256="cd" * 32)) for f in study.findings)
    )
    assert not set(tracking(other)) & set(tracking(study))
    assert not set(tracking(replace(study, id="another"))) & set(tracking(study))


def test_masks_and_points_become_outlines() -> None:
    film = plain_film()
    mask = masks_of(film)[0]
    triangle = Points(np.array([[1, 2], [9, 2], [5, 8]]), image=film.id)
    findings = [Finding("lung opacity", regions=(mask,), id="m"), Finding("lung nodule", regions=(triangle,), id="p")]
    back = sr.read_findings(report_of(Study("s", images=(film,)).add(findings=findings, made_by=READER)))
    assert back[0].regions[0].corners == mask.box().corners  # type: ignore[union-attr]
    assert back[1].regions[0].corners == (1, 2, 9, 8)
    assert sr.outline(triangle) == [1, 2, 9, 2, 5, 8, 1, 2]


def test_measurements_keep_value_and_unit(tmp_path: Path) -> None:
    measured = Finding("cardiomegaly", measurements=(Measurement("cardiothoracic ratio", 1 / 3, "1"),))
    study = Study("s", images=(plain_film(),)).add(findings=[measured], made_by=READER)
    made = report_of(study)
    assert sr.read_findings(made)[0].measurements == measured.measurements
    assert judged(made, tmp_path) == []


def test_a_region_on_an_unknown_image_is_refused() -> None:
    study = Study(
        "s", images=(plain_film(),), findings=(Finding("lung mass", regions=(Box(0, 0, 1, 1, "elsewhere"),)),)
    )
    with pytest.raises(InputError, match=r"lung mass.*elsewhere"):
        report_of(study)
    empty = Mask(np.zeros((4, 4), bool), plain_film().id)
    with pytest.raises(InputError, match="empty region"):
        report_of(replace(study, findings=(Finding("lung mass", regions=(empty,)),)))


def test_a_study_without_films_is_refused() -> None:
    with pytest.raises(InputError, match="no film"):
        sr.structured_report(Study("s"), {})


def test_reading_something_else_is_an_error_for_people(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    with pytest.raises(DecodeError, match="TID 1500"):
        sr.read_findings(film.source)
    (tmp_path / "text.dcm").write_text("hello")
    with pytest.raises(DecodeError, match=r"text\.dcm"):
        sr.read_findings(tmp_path / "text.dcm")
    with pytest.raises(DecodeError, match=r"gone\.dcm"):
        sr.read_findings(tmp_path / "gone.dcm")


def test_markup_in_names_stays_text(tmp_path: Path) -> None:
    nasty = "<script>alert('x')</script>"
    study = Study("s", images=(plain_film(),)).add(findings=[Finding(nasty, id=nasty)], notes=[nasty], made_by=READER)
    made = report_of(study)
    assert sr.read_findings(made)[0].id == nasty
    assert judged(made, tmp_path) == []


coordinate = st.floats(0, 4000, width=32)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["present", "absent", "uncertain"]),
    st.one_of(st.none(), st.floats(0, 1)),
    st.lists(st.tuples(coordinate, coordinate, st.floats(1, 4000, width=16)), max_size=3),
)
def test_any_finding_survives(state: str, probability: float | None, corners: list[tuple[float, float, float]]) -> None:
    film = Image(np.ones((4, 4)), id="1.2.3")
    boxes = [np.float32([x, y, x + size, y + size]).tolist() for x, y, size in corners]
    finding = Finding("consolidation", state, probability, "c", regions=tuple(Box(*b, "1.2.3") for b in boxes))  # type: ignore[arg-type]
    back = sr.read_findings(report_of(Study("s", images=(film,)).add(findings=[finding], made_by=READER)))[0]
    assert (back.state, back.probability) == (state, probability)
    assert [list(region.corners) for region in back.regions] == boxes
