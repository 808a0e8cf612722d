"""What can be viewed: results, one study, films and archives, pictures, cohorts, and nothing at all."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

from hilum.app.view import virtual as on_the_spot
from hilum.app.view.local import LocalShelf
from hilum.app.view.opened import Asked, opened
from hilum.app.view.virtual import OnTheSpot, chosen
from hilum.core.errors import InputError
from hilum.io.seg import read_masks
from tests.app.view.conftest import EXAMPLE, stored, study_of

Film = Callable[..., Path]
PATIENT = "Doe^Jane"


def asked(*paths: Path, **more: Any) -> Asked:
    return Asked(paths, **{"model": False, "readings": None, **more})


def header(shelf: LocalShelf, key: str, number: int = 0) -> pydicom.Dataset:
    film = shelf.sheet(key)["films"][number]
    return pydicom.dcmread(shelf.dicom(key, film["id"]))


def test_results_are_opened_where_they_lie(results: Path) -> None:
    with opened(asked(results)) as shelf:
        assert shelf.ids() == ("s1",)
        shelf.save("s1", [{"do": "reject", "key": "f-nodule"}], revision=0, final=False, editor="x")
    assert '"revision": 1' in (results / "s1" / "study.json").read_text()


def test_one_study_is_opened_with_the_others_as_its_course(results: Path) -> None:
    stored(results, study_of(id="s2"))
    with opened(asked(results / "s2")) as shelf:
        assert shelf.start() == "s2"
        assert set(shelf.ids()) == {"s1", "s2"}


def test_results_have_no_other_place_to_be_saved(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave --readings out"), opened(asked(results, readings=tmp_path / "r")):
        pass


def test_a_path_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing at"), opened(asked(tmp_path / "x")):
        pass
    (tmp_path / "notes.txt").write_text("no film")
    with pytest.raises(InputError, match="no radiograph"), opened(asked(tmp_path / "notes.txt")):
        pass


def test_a_film_is_shown_without_identity_and_its_pixels_unchanged(film: Film, tmp_path: Path) -> None:
    path = film(
        "a.dcm", PatientName=PATIENT, PatientID="12345", InstitutionName="St Elsewhere", PatientBirthDate="19500101"
    )
    with opened(asked(path)) as shelf:
        (key,) = shelf.ids()
        shown, source = header(shelf, key), pydicom.dcmread(path)
        assert "Doe" not in str(shown)
        assert "12345" not in str(shown)
        assert "St Elsewhere" not in str(shown)
        assert "1950" not in str(shown)
        assert "Doe" not in str(shelf.sheet(key)) + str(shelf.worklist())
        assert shown.PixelData == source.PixelData
        assert shown.file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID
        assert shown.WindowCenter == source.WindowCenter


def test_identity_is_kept_for_who_asks_for_it(film: Film, tmp_path: Path) -> None:
    path = film("a.dcm", PatientName=PATIENT, PatientID="12345")
    with opened(asked(path, keep_identifiers=True, readings=tmp_path / "r")) as shelf:
        (key,) = shelf.ids()
        film_id = shelf.sheet(key)["films"][0]["id"]
        assert Path(shelf.dicom(key, film_id)).read_bytes() == path.read_bytes()
        assert shelf.sheet(key)["patient"] == "12345"
        shelf.save(key, [{"do": "add", "concept": "hernia"}], revision=0, final=False, editor="x")
        report = pydicom.dcmread(shelf.file(key, "report-sr.dcm"))
        assert (str(report.PatientName), report.StudyInstanceUID) == (PATIENT, pydicom.dcmread(path).StudyInstanceUID)


def test_a_saved_film_tells_nobody_who_it_is(film: Film, tmp_path: Path) -> None:
    path = film("a.dcm", PatientName=PATIENT, PatientID="12345", AccessionNumber="ACC-77-XYZ")
    with opened(asked(path, readings=tmp_path / "r")) as shelf:
        (key,) = shelf.ids()
        shelf.save(key, [{"do": "add", "concept": "hernia"}], revision=0, final=True, editor="Dr. R")
        shelf.save(key, [{"do": "add", "concept": "scoliosis"}], revision=1, final=True, editor="Dr. R")
    for each in (tmp_path / "r").rglob("*"):
        if each.is_file():
            data = each.read_bytes()
            assert not [word for word in (b"Doe", b"12345", b"ACC-77-XYZ") if word in data], each
    folder = next((tmp_path / "r").iterdir())
    kept, report = (pydicom.dcmread(folder / name) for name in ("films/1.dcm", "report-sr.dcm"))
    group = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert group[0].ReferencedSOPInstanceUID == kept.SOPInstanceUID != pydicom.dcmread(path).SOPInstanceUID
    with opened(asked(path, readings=tmp_path / "r")) as shelf:
        assert shelf.sheet(key)["revision"] == 2


@pytest.mark.parametrize(
    "bad", ["<script>alert(1)</script>", "../../../etc/passwd", "a\x00b", "\u202egnp.exe", "x" * 60]
)
def test_hostile_words_in_a_header_are_only_words(film: Film, tmp_path: Path, bad: str) -> None:
    clean = bad.replace("\x00", "")
    path = film(
        "evil.dcm", PatientName=clean, PatientID=clean[:60], StudyDescription=clean[:60], SeriesDescription=clean[:60]
    )
    with opened(asked(path, keep_identifiers=True, readings=tmp_path / "r")) as shelf:
        (key,) = shelf.ids()
        assert "/" not in key
        shelf.save(key, [{"do": "add", "concept": "hernia"}], revision=0, final=False, editor="<b>x</b>")
        page = shelf.file(key, "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert {each.name for each in tmp_path.iterdir()} == {"evil.dcm", "r"}


@pytest.mark.parametrize("uid", ["../../up", "a/b", ".hidden", "1.2.3/../../x"])
def test_a_uid_that_is_a_path_makes_no_path(film: Film, tmp_path: Path, uid: str) -> None:
    path = film("evil.dcm", SOPInstanceUID=uid, StudyInstanceUID=uid)
    with opened(asked(path, readings=tmp_path / "r" / "s", keep_identifiers=True)) as shelf:
        (key,) = shelf.ids()
        film_id = shelf.sheet(key)["films"][0]["id"]
        assert "/" not in film_id
        assert shelf.thumbnail(key, film_id)
        shelf.save(key, [{"do": "add", "concept": "hernia"}], revision=0, final=False, editor="x")
    assert [each.name for each in (tmp_path / "r").iterdir()] == ["s"]
    assert len(list((tmp_path / "r" / "s").iterdir())) == 1


def test_a_picture_becomes_a_dicom_film_with_the_same_values(tmp_path: Path) -> None:
    values = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48) * 20
    Picture.fromarray(values).save(tmp_path / "deep.png")
    Picture.fromarray((values // 256).astype(np.uint8)).save(tmp_path / "flat.png")
    with opened(asked(tmp_path / "deep.png", tmp_path / "flat.png", readings=tmp_path / "r")) as shelf:
        deep, flat = (header(shelf, key) for key in ("deep", "flat"))
        assert np.array_equal(deep.pixel_array, values)
        assert np.array_equal(flat.pixel_array, values // 256)
        assert deep.get("PixelSpacing") is None
        assert deep.get("ImagerPixelSpacing") is None  # a picture does not say, and nobody guesses
        film = shelf.sheet("deep")["films"][0]
        assert (film["rows"], film["columns"], film["spacing_mm"]) == (64, 48, None)
        assert (film["window"]["center"], film["window"]["width"]) == (
            float(deep.WindowCenter),
            float(deep.WindowWidth),
        )
        shelf.save("deep", [{"do": "add", "concept": "hernia"}], revision=0, final=False, editor="x")
        kept = header(shelf, "deep")
        assert kept.SOPInstanceUID == deep.SOPInstanceUID


def test_an_archive_is_opened_and_a_bomb_or_a_climber_is_not(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "films.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(EXAMPLE, "ward/film.dcm")
        archive.writestr("ward/half.dcm", EXAMPLE.read_bytes()[:5000])
    with zipfile.ZipFile(tmp_path / "climber.zip", "w") as archive:
        archive.writestr("../../climber.dcm", EXAMPLE.read_bytes())
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.dcm", bytes(150_000_000))
    for name in ("climber", "bomb"):
        with pytest.raises(InputError, match=name), opened(asked(tmp_path / f"{name}.zip")):
            pass
    with opened(asked(tmp_path / "films.zip", readings=tmp_path / "r")) as shelf:
        rows = shelf.worklist()["rows"]
        states = sorted(row["state"] for row in rows)
        assert "unread" in states
        assert set(states) <= {"unread", "failed"}
        assert all(row["reason"] for row in rows if row["state"] == "failed")
        (key,) = (row["id"] for row in rows if row["state"] == "unread")
        assert header(shelf, key).Rows == 1024
    assert not (tmp_path.parent / "climber.dcm").exists()


def test_several_studies_of_a_patient_hang_beside_each_other(film: Film, tmp_path: Path) -> None:
    for number, day in enumerate(("20200101", "20200301", "20200201")):
        uids = {"StudyInstanceUID": f"2.25.5{number}", "SOPInstanceUID": f"2.25.6{number}"}
        film(f"{number}.dcm", tmp_path / "in", StudyDate=day, PatientID="p9", **uids)
    with opened(asked(tmp_path / "in")) as shelf:
        rows = shelf.worklist()["rows"]
        assert [row["time"][:10] for row in rows] == ["2020-03-01", "2020-02-01", "2020-01-01"]
        sheet = shelf.sheet(rows[0]["id"])
        assert sheet["prior"]["time"].startswith("2020-02-01")
        assert [each["time"][:10] for each in sheet["timeline"]] == ["2020-01-01", "2020-02-01", "2020-03-01"]


def until(done: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def test_films_are_read_while_they_are_looked_at(tmp_path: Path) -> None:
    with opened(asked(EXAMPLE, model=True, readings=tmp_path / "r")) as shelf:
        (key,) = shelf.ids()
        assert shelf.sheet(key)["films"]  # at once
        until(lambda: shelf.sheet(key)["state"] == "read")
        sheet = shelf.sheet(key)
        assert sheet["made_by"]["name"] == "hilum-embedded"
        assert sheet["not_assessed"]
        assert sheet["synthetic"]
        lungs = [each for each in sheet["films"][0]["layers"] if each["name"] == "lungs"]
        assert len(lungs) == 1
        item = sheet["findings"][0]
        assert item["evidence"]["auroc"] > 0.5
        shelf.save(key, [{"do": "accept", "key": item["key"]}], revision=0, final=False, editor="x")
    with opened(asked(EXAMPLE, model=True, readings=tmp_path / "r")) as shelf:
        assert shelf.sheet(key)["state"] == "edited"  # and is not read again
        assert shelf.sheet(key)["findings"][0]["verdict"] == "accepted"


def test_a_patient_is_chosen_for_having_something_to_show() -> None:
    from hilum.phantom.recipe import Recipe

    for seed in (0, 1, 2):
        visits = Recipe(400, seed).drawn(chosen(seed)).visits
        assert len(visits) == 2
        assert all(set(visit.views) == {"PA", "LL"} for visit in visits)
        assert {plan.key for plan in visits[0].plans} != {plan.key for plan in visits[1].plans}
    assert chosen(1) == chosen(1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalShelf, Path]]:
    """A small virtual patient, drawn once."""
    pytest.importorskip("numba", reason="drawing needs numba")
    readings = tmp_path_factory.mktemp("readings")
    patient = OnTheSpot(readings, seed=1, size=96, spacing_mm=4.0)
    shelf = LocalShelf(patient.entries(), start=patient.entries()[-1].key)
    assert shelf.worklist()["rows"][0]["state"] == "waiting"
    patient.draw(shelf)
    assert patient.wait(300)
    yield shelf, readings
    shelf.close()


@pytest.mark.slow
def test_a_virtual_patient_has_two_visits_with_truth_and_a_course(drawn: tuple[LocalShelf, Path]) -> None:
    shelf, _ = drawn
    sheet = shelf.sheet(shelf.start())
    assert sheet["synthetic"]
    assert [film["view"] for film in sheet["films"]] == ["PA", "LL"]
    assert sheet["prior"]["time"] < sheet["time"]
    assert any(each["change"] for each in sheet["timeline"][1]["findings"])
    layers = {each["name"] for each in sheet["films"][0]["layers"]}
    assert {"lung-fields", "heart", "soft"} <= layers
    magnification = sheet["films"][0]["magnification"]
    assert 1.0 < magnification < 1.4
    soft = Picture.open(BytesIO(shelf.layer(shelf.start(), sheet["films"][0]["id"], "soft")))
    assert soft.size == (sheet["films"][0]["columns"], sheet["films"][0]["rows"])


@pytest.mark.slow
def test_a_virtual_patient_is_saved_as_what_he_is(drawn: tuple[LocalShelf, Path]) -> None:
    shelf, readings = drawn
    key = shelf.start()
    shelf.save(key, [{"do": "add", "concept": "rib fracture", "side": "left"}], revision=0, final=True, editor="Dr. R")
    film = pydicom.dcmread(readings / key / "films" / "1.dcm")
    assert "SYNTHETIC" in film.DerivationDescription
    assert "SYNTHETIC" in pydicom.dcmread(readings / key / "report-sr.dcm").SeriesDescription
    assert {mask.label for mask in read_masks(readings / key / "lungs-seg-1.dcm")} == {"lung fields", "heart"}
    sheet = shelf.sheet(key)
    assert (sheet["state"], sheet["revision"]) == ("final", 1)
    assert {"soft", "heart"} <= {each["name"] for each in sheet["films"][0]["layers"]}
    assert sheet["synthetic"]


@pytest.mark.slow
def test_a_cohort_is_opened_by_its_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="drawing needs numba")
    from hilum.app.draw_run import draw_cohort
    from hilum.phantom.recipe import Recipe

    draw_cohort(Recipe(2, 3, 64, spacing_mm=4.0), tmp_path / "c", workers=1)
    with opened(asked(tmp_path / "c", readings=tmp_path / "r")) as shelf:
        assert {key.rsplit("-", 1)[0] for key in shelf.ids()} == {"virtual-3-000000", "virtual-3-000001"}
        sheet = shelf.sheet(shelf.ids()[0])
        assert {"lung-fields", "heart"} <= {each["name"] for each in sheet["films"][0]["layers"]}
        assert sheet["films"][0]["magnification"] > 1
    with opened(asked(tmp_path / "c", readings=tmp_path / "r", patient="virtual-3-000001")) as shelf:
        assert shelf.start() == shelf.ids()[-1]
        assert shelf.start().startswith("virtual-3-000001")
    with pytest.raises(InputError, match="no patient 'x'"), opened(asked(tmp_path / "c", patient="x")):
        pass
    monkeypatch.setattr(on_the_spot, "_MOST", 1)
    with opened(asked(tmp_path / "c", readings=tmp_path / "r")) as shelf:
        assert {key.rsplit("-", 1)[0] for key in shelf.ids()} == {"virtual-3-000000"}
