"""A reading on disk: whole or not at all, opened as it was saved, and the same in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.app import outputs
from hilum.app.view.case import Case
from hilum.app.view.edit import apply_to
from hilum.app.view.keep import read_case, write_reading
from hilum.core.errors import InputError, MissingError
from hilum.core.study import Study
from hilum.io.dicom import read_image
from hilum.io.seg import read_masks
from hilum.io.sr import read_findings
from tests.app.view.conftest import FILM, MODEL, NOW, film, lungs, stored, study_of, usual

READER = "Dr. Reader"
EDITS = [
    {"do": "set", "key": "f-effusion", "side": "left", "severity": "mild"},
    {"do": "reject", "key": "f-nodule"},
    {
        "do": "add",
        "concept": "lung mass",
        "side": "right",
        "boxes": [{"film": FILM, "x0": 8, "y0": 16, "x1": 24, "y1": 32}],
    },
    {"do": "write", "section": "impression", "text": "Small left effusion. Mass on the right."},
]


def saved(
    folder: Path, case: Case | None = None, *, final: bool = False, edits: list[dict[str, object]] | None = None
) -> Case:
    start = case or read_case(stored(folder, usual()))
    edited = apply_to(start, EDITS if edits is None else edits, editor=READER, when=NOW)
    return write_reading(start.folder or folder / "new", edited, final=final, editor=READER, when=NOW)


def same(one: Study, other: Study) -> bool:
    plain = [replace(each, images=()) for each in (one, other)]
    return plain[0] == plain[1] and [each.id for each in one.films] == [each.id for each in other.films]


def test_what_hilum_read_wrote_is_opened_as_it_was_read(tmp_path: Path) -> None:
    case = read_case(stored(tmp_path, usual()))
    assert case.study.findings == usual().findings
    assert case.study.report == usual().report
    assert (case.state, case.revision, case.edits, case.model) == ("read", 0, (), MODEL)
    assert case.masks == (lungs(),)
    assert case.names == {FILM: "PA.png"}
    assert case.study.patient == ""  # identifiers were not kept
    (shown,) = case.study.films
    assert np.array_equal(shown.pixels, film().pixels)
    assert (shown.orientation, shown.spacing_mm, shown.spacing_plane) == (("L", "F"), (0.5, 0.4), "detector")


def test_a_saved_reading_is_opened_as_it_was_saved(tmp_path: Path) -> None:
    first = saved(tmp_path)
    again = read_case(tmp_path / "s1")
    assert same(again.study, first.study)
    assert again.edits == first.edits
    assert (again.revision, again.state, again.model) == (1, "edited", MODEL)
    assert [edit.finding for edit in again.edits] == ["f-effusion", "f-nodule", "r-lung-mass", "impression"]
    assert again.study.report
    assert again.study.report.impression == "Small left effusion. Mass on the right."


def test_revisions_count_and_history_grows(tmp_path: Path) -> None:
    saved(tmp_path)
    second = saved(tmp_path, read_case(tmp_path / "s1"), edits=[{"do": "restore", "key": "f-nodule"}])
    assert second.revision == 2
    again = read_case(tmp_path / "s1")
    assert len(again.edits) == len(EDITS) + 1
    assert "f-nodule" in {each.id for each in again.study.findings}
    assert next(each for each in again.study.findings if each.id == "f-nodule") in usual().findings


def test_the_films_stay_the_same_bytes_through_every_save(tmp_path: Path) -> None:
    folder = stored(tmp_path, usual())
    before = (folder / "films" / "1.dcm").read_bytes()
    saved(tmp_path, read_case(folder))
    saved(tmp_path, read_case(folder), edits=[])
    assert (folder / "films" / "1.dcm").read_bytes() == before


def test_every_object_refers_to_the_film_that_lies_beside_it(tmp_path: Path) -> None:
    folder = stored(tmp_path, usual())
    for edits in (EDITS, []):  # as read, and as saved
        kept = pydicom.dcmread(folder / "films" / "1.dcm")
        report = pydicom.dcmread(folder / "report-sr.dcm")
        (mask,) = read_masks(folder / "lungs-seg.dcm")
        boxes = [region for each in read_findings(folder / "report-sr.dcm") for region in each.regions]
        assert {box.image for box in boxes} == {mask.image} == {kept.SOPInstanceUID}
        assert report.StudyInstanceUID == kept.StudyInstanceUID
        assert report.PatientID == kept.PatientID
        state = pydicom.dcmread(folder / "gsps.dcm")
        referred = state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID
        assert referred == kept.SOPInstanceUID
        saved(tmp_path, read_case(folder), edits=edits)


def test_the_report_object_says_what_the_reader_says_and_who_he_is(tmp_path: Path) -> None:
    saved(tmp_path)
    told = {each.id: each for each in read_findings(tmp_path / "s1" / "report-sr.dcm")}
    assert set(told) == {"f-effusion", "f-pneumothorax", "r-lung-mass"}
    assert told["f-effusion"].sites == ("left pleural space",)
    assert told["f-effusion"].made_by
    assert told["f-effusion"].made_by.name == READER
    assert told["f-effusion"].probability is None
    assert told["f-pneumothorax"].made_by == MODEL
    assert told["r-lung-mass"].regions[0].corners == (8, 16, 24, 32)
    report = pydicom.dcmread(tmp_path / "s1" / "report-sr.dcm")
    assert (report.VerificationFlag, report.CompletionFlag, report.PreliminaryFlag) == (
        "UNVERIFIED",
        "PARTIAL",
        "PRELIMINARY",
    )
    assert report.ManufacturerModelName == "test-model"
    people = [item for item in report.ContentSequence if item.ValueType == "PNAME"]
    assert [str(item.PersonName) for item in people] == [READER]


def test_a_final_reading_is_verified_by_its_reader(tmp_path: Path) -> None:
    case = saved(tmp_path, final=True)
    assert (case.state, case.study.report and case.study.report.status) == ("final", "final")
    assert case.edits[-1].what == "sign"
    report = pydicom.dcmread(tmp_path / "s1" / "report-sr.dcm")
    assert (report.VerificationFlag, report.CompletionFlag, report.PreliminaryFlag) == ("VERIFIED", "COMPLETE", "FINAL")
    (who,) = report.VerifyingObserverSequence
    assert (str(who.VerifyingObserverName), who.VerificationDateTime) == (READER, "20260301123000")
    fhir = json.loads((tmp_path / "s1" / "fhir.json").read_text())
    resources = [entry["resource"] for entry in fhir["entry"]]
    (diagnostic,) = [each for each in resources if each["resourceType"] == "DiagnosticReport"]
    assert (diagnostic["status"], diagnostic["resultsInterpreter"]) == ("final", [{"display": READER}])
    mine = [each for each in resources if each.get("performer") == [{"display": READER}]]
    assert {each["identifier"][0]["value"] for each in mine} == {"f-effusion", "r-lung-mass"}
    assert all("device" not in each for each in mine)
    again = saved(tmp_path, read_case(tmp_path / "s1"), edits=[{"do": "accept", "key": "f-pneumothorax"}])
    assert again.state == "edited"  # a draft once more
    assert pydicom.dcmread(tmp_path / "s1" / "report-sr.dcm").VerificationFlag == "UNVERIFIED"


def test_without_a_model_only_the_reader_observes(tmp_path: Path) -> None:
    case = Case(Study("bare", images=(film(),)))
    edited = apply_to(case, [{"do": "add", "concept": "pneumothorax", "side": "left"}], editor=READER, when=NOW)
    write_reading(tmp_path / "bare", edited, final=True, editor=READER, when=NOW)
    report = pydicom.dcmread(tmp_path / "bare" / "report-sr.dcm")
    assert report.ManufacturerModelName == "hilum"
    (finding,) = read_findings(tmp_path / "bare" / "report-sr.dcm")
    assert finding.made_by
    assert finding.made_by.name == READER
    again = read_case(tmp_path / "bare")
    assert again.model is None
    assert again.study.report
    assert "left pneumothorax" in again.study.report.findings.lower()


def test_nothing_to_sign_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no report to sign"):
        write_reading(tmp_path / "x", Case(Study("s", images=(film(),))), final=True, editor=READER, when=NOW)
    assert not (tmp_path / "x").exists()


def test_a_save_that_fails_leaves_the_reading_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored(tmp_path, usual())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "_write_page", full)
    with pytest.raises(InputError, match="No space left"):
        saved(tmp_path, read_case(folder))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["s1"]


def test_a_page_of_the_edited_reading_is_written_beside_it(tmp_path: Path) -> None:
    saved(tmp_path)
    page = (tmp_path / "s1" / "page.html").read_text(encoding="utf-8")
    assert "Mass on the right" in page
    assert "lung nodule cannot be excluded" not in page


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "cannot be read"), ("{}", "not a study"), ('{"files": []}', "damaged"),
     ('{"files": 3, "findings": []}', "damaged"),
     ('{"id": "s", "status": "read", "files": [{"image": "a"}], "findings": []}', "damaged")],
)  # fmt: skip
def test_a_damaged_record_is_said_to_be_so(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError, match=why):
        read_case(tmp_path)


def test_no_record_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hilum read"):
        read_case(tmp_path)


@pytest.mark.parametrize("name", ["../../secret.dcm", "/etc/passwd", "films/../../x.dcm"])
def test_a_record_cannot_name_a_film_outside_its_folder(tmp_path: Path, name: str) -> None:
    folder = stored(tmp_path, usual())
    record = json.loads((folder / "study.json").read_text())
    record["files"][0]["file"] = name
    (folder / "study.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="outside its folder"):
        read_case(folder)


def test_a_prior_is_found_by_its_name(tmp_path: Path) -> None:
    before = study_of(id="s0")
    folder = stored(tmp_path, replace(usual(), prior=before))
    case = read_case(folder, prior=lambda name: before if name == "s0" else None)
    assert case.study.prior is not None
    assert case.study.prior.id == "s0"
    assert read_case(folder).study.prior is None


def test_kept_identifiers_come_back(tmp_path: Path) -> None:
    case = read_case(stored(tmp_path, replace(usual(), time=NOW), keep_identifiers=True))
    assert (case.study.patient, case.study.time, case.keep_identifiers) == ("p1", NOW, True)
    again = saved(tmp_path, case)
    assert read_case(tmp_path / "s1").study.time == again.study.time == NOW
    assert read_image(tmp_path / "s1" / "films" / "1.dcm").id == FILM  # the UID itself
