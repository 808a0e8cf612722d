"""One study's folder: whole or not at all, the same content in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.app import outputs
from hilum.app.outputs import FORMATS, safe_name, study_record, write_study
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.record import from_json
from hilum.core.region import Box, Mask
from hilum.core.report import Report, Sentence
from hilum.core.study import Study
from hilum.io.seg import read_masks
from hilum.io.sr import read_findings
from hilum.systems.interpret import Reading

SIGNER = MadeBy("embedded", "1", "cd" * 32)
DRAFT = "There is an opacity."


def film(name: str = "2.25.1", seed: int = 0) -> Image:
    pixels = np.random.default_rng(seed).random((96, 80), dtype=np.float32)
    return Image(pixels, view="PA", orientation=("L", "F"), spacing_mm=(0.2, 0.2), spacing_plane="detector", id=name)


def reading(*films: Image, refused: tuple[tuple[str, str], ...] = ()) -> Reading:
    shown = films or (film(),)
    box = Box(10, 20, 40, 60, image=shown[-1].id, score=0.7)
    finding = Finding("lung opacity", "present", 0.8, "platt", regions=(box,), id="f-lung-opacity", made_by=SIGNER)
    report = Report(
        findings=DRAFT,
        sentences=(Sentence("findings", 0, len(DRAFT), ("f-lung-opacity",)),),
        status="draft",
        made_by=SIGNER,
    )
    mask = np.zeros((96, 80), bool)
    mask[20:70, 5:35] = mask[20:70, 45:75] = True
    study = Study("s1", "p1", images=shown).add(
        findings=[finding], report=report, made_by=SIGNER, not_assessed=[("nodule", "too few examples")]
    )
    return Reading(study, (Mask(mask, image=shown[-1].id, label="lungs"),), refused)


def test_every_format_tells_the_same_box_and_mask(tmp_path: Path) -> None:
    told = reading()
    names = write_study(tmp_path / "s1", told, {"2.25.1": "a.dcm"}, card={})
    assert set(names) == {
        *("study.json", "page.html", "fhir.json", "films"),
        *("report-sr.dcm", "lungs-seg.dcm", "gsps.dcm", "capture.dcm"),
    }
    record = json.loads((tmp_path / "s1" / "study.json").read_text())
    box = from_json({"schema": 1, **record["findings"][0]}).regions[0]
    (from_sr,) = read_findings(tmp_path / "s1" / "report-sr.dcm")
    assert from_sr.regions[0].corners == pytest.approx(box.corners)
    assert (from_sr.concept, from_sr.state) == ("lung opacity", "present")
    (mask,) = read_masks(tmp_path / "s1" / "lungs-seg.dcm")
    np.testing.assert_array_equal(mask.pixels, told.masks[0].pixels)
    fhir = (tmp_path / "s1" / "fhir.json").read_text()
    assert "lung opacity" in fhir.lower()
    assert DRAFT in (tmp_path / "s1" / "page.html").read_text()


def test_the_record_tells_what_was_not_assessed_and_who_read() -> None:
    record = study_record(reading(), {"2.25.1": "a.dcm"})
    assert record["not_assessed"] == [{"concept": "nodule", "reason": "too few examples"}]
    assert record["model"]["sha256"] == SIGNER.sha256
    assert record["files"][0] == {
        **{"name": "a.dcm", "image": "2.25.1", "view": "PA", "rows": 96, "columns": 80},
        **{"spacing_mm": (0.2, 0.2), "spacing_plane": "detector", "orientation": ("L", "F")},
        **{"synthetic": False, "accepted": True},
    }
    assert "patient" not in record
    assert study_record(reading(), {}, keep_identifiers=True)["patient"] == "p1"


def test_two_films_are_numbered_and_a_refused_one_gets_no_objects(tmp_path: Path) -> None:
    both = reading(film("2.25.1"), film("2.25.2", 1))
    names = write_study(tmp_path / "both", both, {}, card={})
    assert {"gsps-1.dcm", "gsps-2.dcm", "capture-1.dcm", "capture-2.dcm"} <= set(names)
    one = reading(film("2.25.1"), film("2.25.2", 1), refused=(("2.25.1", "not a chest film"),))
    names = write_study(tmp_path / "one", one, {"2.25.1": "a.png", "2.25.2": "b.png"}, card={})
    assert "gsps.dcm" in names
    record = json.loads((tmp_path / "one" / "study.json").read_text())
    assert [(f["accepted"], f.get("reason")) for f in record["files"]] == [(False, "not a chest film"), (True, None)]
    referenced = pydicom.dcmread(tmp_path / "one" / "report-sr.dcm").CurrentRequestedProcedureEvidenceSequence
    assert len(referenced[0].ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


def test_a_refused_study_has_a_page_and_a_record_only(tmp_path: Path) -> None:
    image = film()
    told = Reading(
        Study("s1", images=(image,)).add(made_by=SIGNER, notes=["film refused"]), (), ((image.id, "inverted"),)
    )
    assert write_study(tmp_path / "s", told, {image.id: "a.png"}, card={}) == ("films", "page.html", "study.json")
    record = json.loads((tmp_path / "s" / "study.json").read_text())
    assert record["status"] == "refused"
    assert "inverted" in (tmp_path / "s" / "page.html").read_text()


def test_writing_again_replaces_everything(tmp_path: Path) -> None:
    write_study(tmp_path / "s", reading(), {}, card={})
    (tmp_path / "s" / "stale.txt").write_text("from before")
    write_study(tmp_path / "s", reading(), {}, card={}, formats=("sr",))
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["report-sr.dcm", "study.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("step", ["_write_page", "_write_dicom"])
def test_a_failure_half_way_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    write_study(tmp_path / "s", reading(), {}, card={})
    before = {path.name: path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, step, full)
    changed = reading()
    changed = replace(changed, study=replace(changed.study, findings=()))
    with pytest.raises(InputError, match="No space left"):
        write_study(tmp_path / "s", changed, {}, card={})
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose from films, sr"):
        write_study(tmp_path / "s", reading(), {}, card={}, formats=("pdf",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wanted", FORMATS)
def test_each_format_can_be_had_alone(tmp_path: Path, wanted: str) -> None:
    names = write_study(tmp_path / "s", reading(), {}, card={}, formats=(wanted,))
    assert len(names) == 2
    assert "study.json" in names


def test_safe_names_keep_what_is_safe() -> None:
    assert safe_name("study-1a2b.3") == "study-1a2b.3"
    assert safe_name("a/b\\c:d") == "a-b-c-d"
