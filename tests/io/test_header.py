"""Headers: geometry always, identity only when asked, and one identity for all objects of a study."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy
from hilum.core.study import Study
from hilum.io import deidentify, derived, header, save
from tests.io.written import (
    COLUMNS,
    LINKS,
    PLANTED,
    READER,
    ROWS,
    dicom_film,
    objects,
    plain_film,
    study_of,
    write_film,
)


def as_bytes(ds: pydicom.Dataset, folder: Path) -> bytes:
    return save.save_dicom(ds, folder / "any.dcm").read_bytes()


def test_geometry_is_kept_in_both_modes(tmp_path: Path) -> None:
    film = dicom_film(tmp_path, DistanceSourceToDetector="1800", ImageLaterality="U")
    for keep in (False, True):
        made = header.film_header(film, study_of(film), keep_identifiers=keep)
        assert (made.Rows, made.Columns) == (ROWS, COLUMNS)
        assert [float(step) for step in made.ImagerPixelSpacing] == [0.2, 0.25]
        assert "PixelSpacing" not in made, "spacing at the detector must not be taken for the patient's"
        assert list(made.PatientOrientation) == ["L", "F"]
        assert (made.ViewPosition, made.ImageLaterality) == ("PA", "U")
        assert float(made.DistanceSourceToDetector) == 1800
        assert (made.BitsStored, made.PixelRepresentation, made.PhotometricInterpretation) == (12, 0, "MONOCHROME1")
        assert (float(made.WindowCenter), float(made.WindowWidth)) == (2000, 3000), "the first window, as displayed"
        assert "PixelData" not in made


def test_kept_identifiers_link_to_the_archive(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    made = header.film_header(film, study_of(film), keep_identifiers=True)
    source = pydicom.dcmread(film.source)
    for keyword in (*LINKS, "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "PatientSex", "ContentDate"):
        assert made.get(keyword) == source.get(keyword), keyword
    for keyword in ("InstitutionName", "OperatorsName", "PatientComments", "StationName"):
        assert keyword not in made


def test_hidden_identifiers_are_pseudonyms_and_hashes(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    made = header.film_header(film, study_of(film))
    assert made.PatientID == deidentify.pseudonym(PLANTED["PatientID"], "patient")
    assert made.PatientID in str(made.PatientName)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert made.get(keyword) == deidentify.hashed_uid(PLANTED[keyword])
    for keyword in ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        assert made.get(keyword) == "", keyword
    assert made.SOPClassUID == pydicom.dcmread(film.source).SOPClassUID


@pytest.mark.parametrize("kind", ["sr", "seg", "gsps", "capture"])
def test_no_planted_name_leaves_by_default(tmp_path: Path, kind: str) -> None:
    film = dicom_film(tmp_path)
    data = as_bytes(objects(film)[kind], tmp_path)
    text = data.decode("latin-1").casefold()
    for keyword, value in PLANTED.items():
        for part in re.split(r"[\^ ]", value) if keyword not in ("PatientAge",) else [value]:
            if len(part) > 3:
                assert part.casefold() not in text, f"{keyword} leaks into {kind}"
    for secret in ("zebedee", "quixote"):
        assert secret not in text


def test_only_objects_without_pixels_claim_that_identity_is_gone(tmp_path: Path) -> None:
    claims = {kind: ds.get("PatientIdentityRemoved") for kind, ds in objects(dicom_film(tmp_path)).items()}
    assert claims == {"sr": "YES", "seg": "YES", "gsps": "YES", "capture": None}
    kept = objects(dicom_film(tmp_path), keep_identifiers=True)
    assert not any("PatientIdentityRemoved" in ds for ds in kept.values())


@pytest.mark.parametrize("kind", ["sr", "seg", "gsps", "capture"])
def test_kept_identifiers_reach_every_object(tmp_path: Path, kind: str) -> None:
    film = dicom_film(tmp_path)
    made = objects(film, keep_identifiers=True)[kind]
    for keyword in LINKS:
        assert str(made.get(keyword)) == PLANTED[keyword], keyword
    assert "Zebedee" in str(made.PatientName)
    assert PLANTED["SOPInstanceUID"].encode() in as_bytes(made, tmp_path), "the film itself is referred to"


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", ["dicom", "plain"])
def test_all_objects_of_a_film_agree(tmp_path: Path, keep: bool, source: str) -> None:
    film = dicom_film(tmp_path) if source == "dicom" else plain_film()
    made = objects(film, keep_identifiers=keep)
    own = header.film_header(film, study_of(film), keep_identifiers=keep)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName"):
        assert {str(ds.get(keyword)) for ds in made.values()} == {str(own.get(keyword))}
    for name, ds in made.items():
        assert str(own.SOPInstanceUID) in str(ds), f"{name} does not refer to the film"
    assert len({ds.SeriesInstanceUID for ds in made.values()}) == 4
    assert len({ds.SOPInstanceUID for ds in made.values()}) == 4


def test_every_uid_is_valid(tmp_path: Path) -> None:
    for film in (dicom_film(tmp_path), plain_film()):
        for ds in objects(film).values():
            for element in ds.iterall():
                if element.VR == "UI":
                    assert pydicom.uid.UID(str(element.value)).is_valid, element


def test_two_films_of_a_study_share_study_and_patient(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first = dicom_film(tmp_path)
    path = write_film(tmp_path / "b" / "film.dcm", SOPInstanceUID="1.2.3.4.5", ViewPosition="LL")
    second = Image(first.pixels, view="LL", id="1.2.3.4.5", source=str(path))
    study = Study("s", images=(first, second))
    one, two = header.film_headers(study).values()
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert one.PatientID == two.PatientID
    assert one.SOPInstanceUID != two.SOPInstanceUID


def test_a_picture_gets_a_header_that_stays_the_same() -> None:
    film = plain_film()
    one, two = (header.film_header(film, study_of(film)) for _ in range(2))
    assert one == two
    assert one.SOPClassUID == header.SECONDARY_CAPTURE
    assert (one.Rows, one.Columns, one.PhotometricInterpretation) == (ROWS, COLUMNS, "MONOCHROME2")
    assert one.StudyInstanceUID.startswith("2.25.")
    assert header.film_header(Image(film.pixels, id="other"), study_of(film)).SOPInstanceUID != one.SOPInstanceUID


def test_a_picture_without_an_id_is_known_by_its_pixels() -> None:
    study = Study("s")
    one = header.film_header(Image(np.eye(4)), study)
    assert one.SOPInstanceUID == header.film_header(Image(np.eye(4)), study).SOPInstanceUID
    assert one.SOPInstanceUID != header.film_header(Image(np.eye(4) * 2), study).SOPInstanceUID


def test_a_kept_picture_takes_patient_and_date_from_the_study() -> None:
    film = plain_film()
    made = header.film_header(film, study_of(film), keep_identifiers=True)
    assert (made.PatientID, made.StudyDate, made.StudyTime) == (PLANTED["PatientID"], "20230607", "081700")
    hidden = header.film_header(film, study_of(film))
    assert (hidden.StudyDate, hidden.StudyTime) == ("", "")
    assert PLANTED["PatientID"] not in str(hidden)


def test_spacing_keeps_its_plane_without_a_file() -> None:
    for plane, keyword in (("patient", "PixelSpacing"), ("detector", "ImagerPixelSpacing")):
        film = Image(np.eye(4), spacing_mm=(0.5, 0.25), spacing_plane=plane)
        made = header.film_header(film, Study("s"))
        assert [float(step) for step in made.get(keyword)] == [0.5, 0.25]
        other = {"PixelSpacing", "ImagerPixelSpacing"} - {keyword}
        assert not any(name in made for name in other)


def test_old_dates_are_written_in_todays_form(tmp_path: Path) -> None:
    film = dicom_film(tmp_path, StudyDate=None, AcquisitionDate=None)
    raw = pydicom.dcmread(film.source)
    raw.add_new("StudyDate", "LO", "1995.07.20")
    raw.add_new("StudyTime", "LO", "11:22:07.5")
    raw["StudyDate"].VR = raw["StudyTime"].VR = "LO"
    pydicom.dcmwrite(film.source, raw)
    made = header.film_header(film, study_of(film), keep_identifiers=True)
    assert (made.StudyDate, made.StudyTime) == ("19950720", "112207.5")


def test_a_resampled_image_may_not_claim_the_file(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    smaller = Image(np.ones((48, 64)), id=film.id, source=film.source)
    with pytest.raises(InputError, match=r"96 x 128.*48 x 64"):
        header.film_header(smaller, study_of(film))


def test_a_lut_travels_with_explicit_representation(tmp_path: Path) -> None:
    table = pydicom.Dataset()
    table.LUTDescriptor = [4, 0, 16]
    table.LUTExplanation = "made for Zebedee"
    table.add_new("LUTData", "OW", np.array([0, 100, 200, 65535], "<u2").tobytes())
    film = dicom_film(tmp_path, VOILUTSequence=[table], WindowCenter=None, WindowWidth=None)
    item = header.film_header(film, study_of(film)).VOILUTSequence[0]
    assert list(item.LUTDescriptor) == [4, 0, 16]
    assert np.frombuffer(item.LUTData, "<u2").tolist() == [0, 100, 200, 65535]
    assert "LUTExplanation" not in item


def test_hostile_header_values_do_no_harm(tmp_path: Path) -> None:
    film = dicom_film(tmp_path, PatientName="<script>alert(1)</script>", PatientSex="XX", WindowCenter=None)
    made = header.film_header(film, study_of(film), keep_identifiers=True)
    assert made.PatientSex == ""
    assert str(made.PatientName) == "<script>alert(1)</script>", "kept as data, escaped by whoever shows it"
    assert "script" not in str(header.film_header(film, study_of(film)))


def test_a_file_that_is_no_dicom_gives_a_made_header(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    film = Image(np.ones((8, 8)), id="x", source=str(path))
    assert header.film_header(film, Study("s")).SOPClassUID == header.SECONDARY_CAPTURE


def test_the_maker_is_the_last_signer_of_findings() -> None:
    study = study_of(plain_film()).add(made_by=MadeBy("narrator"), notes=["nothing found"])
    assert derived.maker(study) == READER
    assert derived.maker(Study("s")) == MadeBy("unnamed")


@pytest.mark.parametrize("kind", ["sr", "seg", "gsps", "capture"])
def test_every_object_says_what_made_it(tmp_path: Path, kind: str) -> None:
    ds = objects(plain_film())[kind]
    assert "AI-made, research use only" in ds.SeriesDescription
    assert ds.ManufacturerModelName == READER.name
    assert READER.version in ds.SoftwareVersions
    assert ds.DeviceSerialNumber == READER.sha256
    equipment = ds.ContributingEquipmentSequence[0]
    assert READER.sha256 in equipment.ContributionDescription
    assert equipment.ManufacturerModelName == READER.name
    assert READER.sha256.encode() in as_bytes(ds, tmp_path)


@pytest.mark.parametrize("keep", [False, True])
def test_dates_come_from_the_study_or_are_neutral(tmp_path: Path, keep: bool) -> None:
    ds = objects(dicom_film(tmp_path), keep_identifiers=keep)["sr"]
    expected = (PLANTED["ContentDate"], PLANTED["StudyTime"]) if keep else ("19000101", "000000")
    assert (ds.ContentDate, ds.ContentTime) == expected
    assert "InstanceCreationDate" not in ds


@given(st.text(max_size=120))
def test_one_line_of_any_text_is_one_dicom_value(text: str) -> None:
    from hilum.io.codes import line

    made = line(text)
    assert len(made) <= 64
    assert "\\" not in made
    assert all(ord(letter) >= 32 for letter in made)
    assert made == made.strip()


def test_a_synthetic_film_stays_marked_in_what_is_derived_from_it() -> None:
    from importlib.resources import files

    from hilum.io.dicom import read_image

    film = read_image(str(files("hilum").joinpath("app/static/example-film.dcm")))
    assert film.synthetic
    made = MadeBy("m", "1", "ab")
    head = header.film_header(film, Study("s", images=(film,)))
    ds = derived.derived(head, sop_class="1.2", modality="OT", series=1, made_by=made, what="Boxes")
    assert str(ds.SeriesDescription).startswith("SYNTHETIC film")
