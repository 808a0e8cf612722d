"""The Sheet that the page shows: films, layers, list, prose, prior and course."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.app.view.case import Case
from hilum.app.view.edit import apply_to
from hilum.app.view.keep import read_case
from hilum.app.view.sheet import concept_list, presets, row_of, sheet_of, side_of, window_of
from hilum.core.finding import Finding, Measurement
from hilum.core.image import Window
from hilum.core.region import Mask
from hilum.core.vocabulary import concept
from hilum.io.dicom import read_image
from hilum.io.film import film_file
from tests.app.view.conftest import FILM, NOW, film, found, lungs, stored, study_of, usual


def test_a_film_tells_its_geometry_and_where_its_bytes_are() -> None:
    (shown,) = sheet_of(Case(usual(), magnifications={FILM: 1.1}))["films"]
    assert (shown["rows"], shown["columns"], shown["view"]) == (96, 80, "PA")
    assert (shown["spacing_mm"], shown["spacing_plane"], shown["magnification"]) == ([0.5, 0.4], "detector", 1.1)
    assert shown["orientation"] == ["L", "F"]
    assert shown["dicom"] == f"api/studies/s1/films/{FILM}/dicom"
    assert not shown["dicom"].startswith("/")  # a proxy's prefix must survive
    assert shown["accepted"]


def test_a_refused_film_says_why() -> None:
    (shown,) = sheet_of(Case(usual(), refused=((FILM, "it is inverted"),)))["films"]
    assert (shown["accepted"], shown["reason"]) == (False, "it is inverted")


def test_unknown_geometry_is_told_as_unknown() -> None:
    bare = film(orientation=None, spacing_mm=None, spacing_plane=None)
    (shown,) = sheet_of(Case(study_of(films=(bare,))))["films"]
    assert (shown["spacing_mm"], shown["spacing_plane"], shown["magnification"]) == (None, None, None)
    assert shown["orientation"] == ["", ""]


@pytest.mark.parametrize("inverted", [False, True])
def test_windows_by_name_stretch_the_parts_they_name(inverted: bool) -> None:
    """'Lungs' gives dark parts, as shown, more of the grey scale than the film's own window; 'Mediastinum' bright."""
    ramp = np.tile(np.arange(4096, dtype=np.float32), (2, 1))
    own = film(inverted=inverted, window=Window(2048, 4096))
    dark, bright = (ramp > 3000, ramp < 1000) if inverted else (ramp < 1000, ramp > 3000)
    named = {each["name"]: Window(each["center"], each["width"]) for each in presets(own, window_of(own))}
    assert list(named) == ["As sent", "Lungs", "Mediastinum", "Wide"]
    assert named["As sent"] == own.window

    def contrast(window: Window, where: np.ndarray) -> float:
        shown = window.apply(ramp)[where]
        return float(shown.max() - shown.min())

    assert contrast(named["Lungs"], dark) > contrast(named["As sent"], dark)
    assert contrast(named["Mediastinum"], bright) > contrast(named["As sent"], bright)
    assert contrast(named["Wide"], dark) < contrast(named["As sent"], dark)


def test_a_film_with_a_table_leaves_it_to_the_viewer(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(film_file(film(), study_of()))
    header = pydicom.dcmread(tmp_path / "a.dcm")
    del header.WindowCenter, header.WindowWidth
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 12], np.arange(4096, dtype="<u2").tobytes()
    header.VOILUTSequence = [table]
    header.save_as(tmp_path / "a.dcm")
    (shown,) = sheet_of(Case(study_of(films=(read_image(tmp_path / "a.dcm"),))))["films"]
    assert shown["window"] is None
    assert shown["presets"][0]["width"] == 4096


def test_a_picture_is_shown_as_its_dicom_file_shows_it(tmp_path: Path) -> None:
    """Values between 0 and 1 are spread over 16 bit in the file, and the window that the page gets is that file's."""
    picture = film(window=None)
    picture = replace(picture, pixels=picture.pixels / 4096)
    (tmp_path / "a.dcm").write_bytes(film_file(picture, study_of()))
    kept = read_image(tmp_path / "a.dcm")
    window = window_of(picture)
    assert window == kept.window == Window(32768, 65536)
    assert np.abs(kept.display() - picture.display()).max() < 1e-4


def test_a_film_without_a_window_spans_its_own_values() -> None:
    plain = film()
    window = window_of(plain)
    assert window is not None
    shown = window.apply(plain.pixels)
    assert (float(shown.min()), float(shown.max())) == (0.0, 1.0)
    assert np.allclose(shown, plain.display(), atol=1e-6)


def test_frontal_films_hang_before_lateral_ones() -> None:
    films = (film("2.25.2", "LL"), film("2.25.1", "PA"))
    assert [each["view"] for each in sheet_of(Case(study_of(films=films)))["films"]] == ["PA", "LL"]


def test_layers_are_anatomy_findings_and_the_film_without_bones() -> None:
    region = Mask(np.eye(96, 80, dtype=bool), image=FILM, label="effusion")
    study = study_of(found(regions=(region,), id="f1"))
    heart = replace(lungs(), label="heart")
    other = lungs("2.25.99")
    (shown,) = sheet_of(Case(study, (lungs(), heart, other), softs={FILM: film("soft")}))["films"]
    layers = {each["name"]: (each["label"], each["kind"]) for each in shown["layers"]}
    assert layers == {
        "lungs": ("Lungs", "mask"), "heart": ("Heart", "mask"), "finding-f1": ("Pleural effusion", "mask"),
        "soft": ("Bones off", "soft"),
    }  # fmt: skip
    assert len({each["colour"] for each in shown["layers"]}) == 4
    (item,) = sheet_of(Case(study))["findings"]
    assert item["boxes"] == [{"film": FILM, "x0": 0, "y0": 0, "x1": 80, "y1": 80}]  # of the mask


def test_an_item_tells_what_is_known_and_who_said_it() -> None:
    measured = Measurement("diameter", 12.0, "mm")
    finding = found(sites=("right pleural space",), measurements=(measured,), attributes={"severity": "mild"})
    case = Case(study_of(finding), evidence={"pleural effusion": {"auroc": 0.9, "n": 100}})
    (item,) = sheet_of(case)["findings"]
    assert (item["label"], item["side"], item["probability"]) == ("Pleural effusion", "right", 0.8)
    assert item["measurements"] == [{"name": "diameter", "value": 12.0, "unit": "mm"}]
    assert item["evidence"] == {"auroc": 0.9, "n": 100}
    assert (item["made_by"], item["reader"], item["verdict"]) == ({"name": "test-model"}, False, "")
    edited = apply_to(case, [{"do": "set", "key": finding.id, "severity": "severe"}], editor="Dr. R", when=NOW)
    (item,) = sheet_of(edited)["findings"]
    assert (item["made_by"], item["reader"], item["verdict"]) == ({"name": "Dr. R"}, True, "changed")
    assert (item["probability"], item["evidence"]) == (None, None)  # the figures were the model's


def test_every_sentence_names_its_findings_and_every_finding_its_sentence() -> None:
    sheet = sheet_of(Case(usual()))
    sentences = sheet["report"]["sentences"]
    for item in sheet["findings"]:
        said = sentences[item["sentence"]]
        assert item["key"] in said["findings"]
        assert said["section"] == "findings"
    text = sheet["report"]["sections"]["findings"]
    assert all(each["text"] in text for each in sentences if each["section"] == "findings")


def test_a_rejected_finding_is_still_shown_as_rejected() -> None:
    actions = [
        {"do": "reject", "key": "f-effusion"},
        {"do": "accept", "key": "f-nodule"},
        {"do": "add", "concept": "hernia"},
    ]
    case = apply_to(Case(usual()), actions, editor="Dr. R", when=NOW)
    sheet = sheet_of(case)
    verdicts = {each["key"]: each["verdict"] for each in sheet["findings"]}
    assert verdicts["f-effusion"] == "rejected"
    assert verdicts["f-nodule"] == "accepted"
    assert verdicts["r-hernia"] == "added"
    assert verdicts["f-pneumothorax"] == ""
    assert not [each for each in row_of(case)["present"] if each["concept"] == "pleural effusion"]
    assert not [each for each in sheet["timeline"] if "effusion" in str(each)]
    assert "hernia" not in {each["concept"] for each in sheet["not_assessed"]}
    assert [edit["what"] for edit in sheet["edits"]] == ["reject", "accept", "add"]
    assert sheet["edits"][0]["before"] == "present, pleural effusion, right pleural space"


def test_the_course_runs_from_the_earliest_and_the_prior_is_strictly_earlier() -> None:
    first = study_of(found(id="f"), id="s0", time=NOW - timedelta(days=9))
    second = study_of(
        found(id="f", change="worsened"), id="s1", time=NOW - timedelta(days=2), prior=replace(first, prior=None)
    )
    third = study_of(id="s2", time=NOW)
    timeline = [Case(each) for each in (first, second, third)]
    sheet = sheet_of(timeline[1], timeline=timeline)
    assert sheet["prior"]["id"] == "s0"
    assert sheet["prior"]["films"][0]["dicom"].startswith("api/studies/s0/")
    assert [(each["id"], each["current"]) for each in sheet["timeline"]] == [("s0", False), ("s1", True), ("s2", False)]
    assert sheet["timeline"][1]["findings"][0]["change"] == "worsened"
    assert sheet_of(timeline[0], timeline=timeline)["prior"] is None
    assert sheet["time"] < sheet["timeline"][2]["time"]


def test_studies_without_a_time_are_numbered() -> None:
    timeline = [Case(study_of(id="a")), Case(study_of(id="b"))]
    assert [each["label"] for each in sheet_of(timeline[0], timeline=timeline)["timeline"]] == ["visit 1", "visit 2"]


def test_files_are_listed_by_what_they_are(tmp_path: Path) -> None:
    sheet = sheet_of(read_case(stored(tmp_path, usual())))
    kinds = {each["name"]: each["kind"] for each in sheet["files"]}
    assert kinds["report-sr.dcm"] == "sr"
    assert {"seg", "gsps", "sc", "fhir", "html", "json"} <= set(kinds.values())
    assert "films" not in kinds


def test_results_without_their_films_are_shown_without_pixels(tmp_path: Path) -> None:
    case = read_case(stored(tmp_path, usual(), formats=("sr",)))
    (shown,) = sheet_of(case)["films"]
    assert (shown["rows"], shown["columns"]) == (0, 0)
    assert "not kept" in shown["reason"]


def test_a_row_tells_what_is_present_first_of_all() -> None:
    row = row_of(Case(usual(), state="read"), arrived="2026-03-01T00:00:00")
    assert [each["concept"] for each in row["present"]] == ["pleural effusion"]
    assert (row["state"], row["views"], row["edited"], row["prior"]) == ("read", ["PA"], False, None)


def test_what_may_be_added_is_what_can_be_told() -> None:
    listed = concept_list()
    names = [each["concept"] for each in listed]
    assert {"pleural effusion", "endotracheal tube", "pneumonia"} <= set(names)
    assert "left lung" not in names
    assert "no finding" not in names
    assert [each["label"] for each in listed] == sorted((each["label"] for each in listed), key=str.lower)
    assert all(concept(name).name == name for name in names)


def test_a_side_is_read_from_the_sites() -> None:
    assert side_of(Finding("x", sites=("left lung", "left hilum"))) == "left"
    assert side_of(Finding("x", sites=("left lung", "right hilum"))) == "bilateral"
    assert side_of(Finding("x", sites=("bilateral lungs",))) == "bilateral"
    assert side_of(Finding("x", sites=("mediastinum",))) == ""
