"""Files to studies: grouping, pseudonyms, priors by time, and a name and a reason for everything left out."""

from __future__ import annotations

import os
import shutil
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from hilum.core.errors import DecodeError
from hilum.core.image import Image
from hilum.core.study import Study
from hilum.io.intake import Intake, Limits, link_priors, open_studies
from hilum.io.tags import HEADER_TAGS
from tests.io.made import ROOT_UID, ct_slices, film, ramp, write


def study_file(
    folder: Path, number: int, study: int = 1, patient: str = "P1", day: str = "20240101", **more: object
) -> Path:
    ds = film(number=number, PatientID=patient, StudyDate=day, InstanceNumber=number, **more)
    ds.StudyInstanceUID = f"{ROOT_UID}{study}00"
    return write(ds, folder / f"film{number}.dcm")


def reasons(intake: Intake) -> dict[str, str]:
    return {failure.path: failure.reason for failure in intake.failures}


def test_dicom_files_are_grouped_by_study_and_stay_lazy(tmp_path: Path) -> None:
    study_file(tmp_path, 2, study=1, ViewPosition="LL")
    study_file(tmp_path, 1, study=1)
    study_file(tmp_path, 3, study=2, day="20240301")
    with open_studies(tmp_path) as intake:
        assert [[image.view for image in study.films] for study in intake.studies] == [["PA", "LL"], ["PA"]]
        assert not any(image.loaded for study in intake.studies for image in study.films)
        film_ = intake.studies[0].films[1]
        assert intake.name_of(film_) == "film2.dcm"
        assert intake.name_of(film_.with_view("RL")) == "film2.dcm"
        np.testing.assert_array_equal(film_.pixels, ramp())
    assert intake.failures == ()


def test_identifiers_become_stable_pseudonyms_unless_kept(tmp_path: Path) -> None:
    study_file(tmp_path, 1, patient="MRN-778899")
    first, again = open_studies(tmp_path).studies[0], open_studies(tmp_path).studies[0]
    assert (first.id, first.patient) == (again.id, again.patient)
    assert first.id.startswith("study-")
    assert len(first.id) == len("study-1a2b3c4d5e")
    assert first.patient.startswith("patient-")
    assert "778899" not in repr(first) + first.patient
    kept = open_studies(tmp_path, keep_identifiers=True).studies[0]
    assert (kept.id, kept.patient) == (f"{ROOT_UID}100", "MRN-778899")


@pytest.mark.parametrize("patient", ["", "Anonymized", "ANON123", "0000", "unknown", "N/A"])
def test_numbers_given_to_everyone_are_nobody(tmp_path: Path, patient: str) -> None:
    study_file(tmp_path, 1, study=1, patient=patient)
    study_file(tmp_path, 2, study=2, patient=patient, day="20240601")
    assert [(study.patient, study.prior) for study in open_studies(tmp_path).studies] == [("", None)] * 2


def test_priors_are_linked_by_time_and_not_by_name_or_uid(tmp_path: Path) -> None:
    study_file(tmp_path, 1, study=9, day="20240301")
    study_file(tmp_path, 2, study=5, day="20230101")
    study_file(tmp_path, 3, study=7, day="20240201")
    study_file(tmp_path, 4, study=8, day="20240202", patient="P2")
    newest, oldest, middle, other = open_studies(tmp_path).studies
    assert newest.prior is not None
    assert middle.prior is not None
    assert (newest.prior.id, middle.prior.id) == (middle.id, oldest.id)
    assert oldest.prior is None
    assert other.prior is None
    assert newest.prior.prior is None


def test_same_time_no_time_and_unknown_hours_make_no_priors(tmp_path: Path) -> None:
    study_file(tmp_path, 1, study=1, StudyTime="")
    study_file(tmp_path, 2, study=2, StudyTime="100000")
    study_file(tmp_path, 3, study=3, StudyTime="100000")
    study_file(tmp_path, 4, study=4, day="")
    assert [study.prior for study in open_studies(tmp_path).studies] == [None] * 4


@given(st.lists(st.tuples(st.sampled_from("ab "), st.none() | st.integers(0, 80)), max_size=12))
def test_a_prior_is_the_latest_strictly_earlier_study_of_the_same_patient(known: list[tuple[str, int | None]]) -> None:
    start = datetime(2024, 1, 1, 0, 30)
    studies = [
        Study(str(number), patient.strip(), None if hours is None else start + timedelta(hours=hours))
        for number, (patient, hours) in enumerate(known)
    ]
    linked = link_priors(studies)
    assert [study.id for study in linked] == [study.id for study in studies]
    for study in linked:
        times = [
            s.time
            for s in studies
            if s.patient and s.patient == study.patient and s.time and study.time and s.time < study.time
        ]
        assert (study.prior.time if study.prior else None) == max(times, default=None)


def test_a_ct_alone_is_no_prior_of_a_film(tmp_path: Path) -> None:
    ct_slices(tmp_path, StudyInstanceUID="1.2.3", StudyDate="20200101")
    study_file(tmp_path, 1)
    studies = open_studies(tmp_path).studies
    assert [study.prior for study in studies] == [None, None]


def test_pictures_are_one_study_each_with_unique_safe_names(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        Pictures.fromarray(ramp(bits=8)).save(tmp_path / place / "film one.png")
    Pictures.fromarray(ramp(bits=8)).save(tmp_path / "film-one-2.png")
    with open_studies(tmp_path) as intake:
        assert sorted(study.id for study in intake.studies) == sorted({study.id for study in intake.studies})
        assert len(intake.studies) == 3
        assert all(study.id.startswith("film-one") and study.patient == "" for study in intake.studies)
        assert {intake.name_of(study.films[0]) for study in intake.studies} == {"film one.png", "film-one-2.png"}


def test_content_decides_what_a_file_is(tmp_path: Path) -> None:
    Pictures.fromarray(ramp(bits=8)).save(tmp_path / "x.dcm", format="PNG")
    write(film(), tmp_path / "y.png")
    with open_studies([tmp_path / "x.dcm", tmp_path / "y.png"]) as intake:
        assert [study.films[0].view for study in intake.studies] == ["unknown", "PA"]
        for study in intake.studies:
            np.testing.assert_array_equal(study.films[0].pixels, ramp(bits=8) if study.id == "x" else ramp())


def test_copies_count_once_and_changed_copies_are_failures(tmp_path: Path) -> None:
    path = study_file(tmp_path, 1)
    shutil.copy(path, tmp_path / "film1-copy.dcm")
    write(film(ramp() + 1, number=1), tmp_path / "film1-other.dcm")
    with open_studies([tmp_path, path]) as intake:
        assert [len(study.films) for study in intake.studies] == [1]
        assert intake.skipped == 2
        np.testing.assert_array_equal(intake.studies[0].films[0].pixels, ramp())
    assert list(reasons(intake)) == ["film1-other.dcm"]
    assert "other content" in reasons(intake)["film1-other.dcm"]


def test_two_patients_under_one_study_uid_are_kept_apart(tmp_path: Path) -> None:
    study_file(tmp_path, 1, patient="P1")
    study_file(tmp_path, 2, patient="P2")
    studies = open_studies(tmp_path).studies
    assert len({study.id for study in studies}) == len({study.patient for study in studies}) == 2
    assert any("kept apart" in note for study in studies for signed in study.provenance for note in signed.notes)


def test_one_bad_file_never_stops_the_rest_and_reasons_hold_no_paths(tmp_path: Path) -> None:
    folder = tmp_path / "Jane Doe 1950"
    folder.mkdir()
    study_file(folder, 1)
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 300)
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "film.docm").write_bytes(b"????" * 50)
    (folder / "notes.txt").write_text("a sidecar")
    (folder / "LICENSE").write_text("terms")
    (folder / ".DS_Store").write_bytes(b"x")
    write(film(number=8, NumberOfFrames=4), folder / "cine.dcm")
    write(film(number=9, Modality="MR"), folder / "brain.dcm")
    with open_studies([folder, tmp_path / "absent.dcm"]) as intake:
        assert len(intake.studies) == 1
    assert set(reasons(intake)) == {"broken.dcm", "empty.dcm", "film.docm", "cine.dcm", "brain.dcm", "absent.dcm"}
    assert "4 frames" in reasons(intake)["cine.dcm"]
    assert "MR image" in reasons(intake)["brain.dcm"]
    assert "no such file" in reasons(intake)["absent.dcm"]
    assert "Jane" not in " ".join(reasons(intake).values())
    assert intake.skipped == 3


def test_a_film_named_like_a_sidecar_is_still_a_film(tmp_path: Path) -> None:
    study_file(tmp_path, 1).rename(tmp_path / "film.txt")
    (tmp_path / "table.csv").write_text("BMI,age\n22,50\n" * 30)
    with open_studies(tmp_path) as intake:
        assert intake.name_of(intake.studies[0].films[0]) == "film.txt"
    assert (intake.failures, intake.skipped) == ((), 1)


def test_a_folder_without_films_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "readme.txt").write_text("x")
    intake = open_studies(tmp_path / "nothing")
    assert "holds no films" in reasons(intake)["nothing"]


def test_links_in_circles_and_pipes_do_not_hang(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    study_file(inner, 1)
    (inner / "loop").symlink_to(tmp_path, target_is_directory=True)
    (inner / "dangling").symlink_to(tmp_path / "no")
    os.mkfifo(inner / "pipe")
    with open_studies(tmp_path) as intake:
        assert [len(study.films) for study in intake.studies] == [1]
    assert intake.failures == ()
    assert "not a regular file" in reasons(open_studies(inner / "pipe"))["pipe"]


def test_archives_live_as_long_as_the_intake(tmp_path: Path) -> None:
    study_file(tmp_path, 1)
    study_file(tmp_path, 2, ViewPosition="LL")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "film1.dcm", "deep/film1.dcm")
        archive.write(tmp_path / "film2.dcm", "film2.dcm")
        archive.writestr("notes.txt", "x")
        archive.writestr("__MACOSX/._film1.dcm", "x")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(tmp_path / "a.zip", "inner.zip")
    with open_studies([tmp_path / "a.zip", tmp_path / "b.zip"]) as intake:
        first, second = intake.studies[0].films
        assert {intake.name_of(first), intake.name_of(second)} == {"a.zip!film1.dcm", "a.zip!film2.dcm"}
        np.testing.assert_array_equal(first.pixels, ramp())
        unpacked = Path(first.source)
        assert unpacked.exists()
    assert not unpacked.exists()
    with pytest.raises(DecodeError, match=r"a.zip!film2.dcm.*gone"):
        _ = second.pixels
    np.testing.assert_array_equal(first.pixels, ramp())
    assert intake.skipped == 2
    assert "archive inside an archive" in reasons(intake)["b.zip!inner.zip"]


def test_a_bad_archive_is_one_failure(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../evil.dcm", "x")
    study_file(tmp_path, 1)
    with open_studies(tmp_path) as intake:
        assert len(intake.studies) == 1
    assert list(reasons(intake)) == ["evil.zip"]


def test_a_media_directory_is_followed(tmp_path: Path) -> None:
    from tests.io.test_archive import dicomdir

    directory = dicomdir(tmp_path)
    study_file(directory.parent, 9, study=3)
    with open_studies(directory) as intake:
        assert [len(study.films) for study in intake.studies] == [2]
    with open_studies(directory.parent) as intake:
        assert sorted(len(study.films) for study in intake.studies) == [1, 2]
        assert intake.failures == ()


def test_a_ct_series_is_a_study_with_a_lazy_volume(tmp_path: Path) -> None:
    ct_slices(tmp_path)
    write(film(number=77, Modality="CT", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), tmp_path / "scout.dcm")
    with open_studies(tmp_path) as intake:
        (study,) = intake.studies
        assert study.films == ()
        assert not study.images[0].loaded
        assert (
            study.images[0].pixels.shape
            if isinstance(study.images[0], Image)
            else study.images[0].voxels.shape == (5, 6, 8)
        )
    assert "localizer" in reasons(intake)["scout.dcm"]


def test_a_ct_with_a_missing_slice_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    ct_slices(tmp_path)[2].unlink()
    intake = open_studies(tmp_path)
    assert intake.studies == ()
    assert [("missing" in reason) for reason in reasons(intake).values()] == [True]


def test_notes_of_the_header_reach_the_study(tmp_path: Path) -> None:
    study_file(
        tmp_path, 1, BurnedInAnnotation="YES", WindowCenter=5, WindowWidth=0, PresentationIntentType="FOR PROCESSING"
    )
    (signed,) = open_studies(tmp_path).studies[0].provenance
    assert len(signed.notes) == 3
    assert all(note.startswith("film1.dcm: ") for note in signed.notes)


def test_limits_hold_for_the_number_of_files(tmp_path: Path) -> None:
    for number in range(1, 5):
        study_file(tmp_path, number)
    intake = open_studies(tmp_path, limits=Limits(files=2))
    assert len(intake.studies[0].films) == 2
    assert "more than 2 files" in reasons(intake)["film3.dcm"]


def test_the_scan_reads_headers_only_and_keeps_little(tmp_path: Path) -> None:
    """A hundred 2 MB films: what stays in memory is less than one of them."""
    import tracemalloc

    path = write(film(np.zeros((1000, 1000), np.uint16)), tmp_path / "0.dcm")
    data, uid = path.read_bytes(), f"{ROOT_UID}1".encode()
    for number in range(1, 100):
        changed = data.replace(uid + b"\0", uid[:-1] + f"{number:02d}".encode())
        (tmp_path / f"{number}.dcm").write_bytes(changed)
    open_studies(path)
    tracemalloc.start()
    intake = open_studies(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(len(study.films) for study in intake.studies) >= 90
    assert peak < 2_000_000


def test_every_attribute_the_scan_asks_for_exists() -> None:
    from pydicom.datadict import tag_for_keyword

    assert [keyword for keyword in HEADER_TAGS if tag_for_keyword(keyword) is None] == []


def test_the_real_pack_folder(pack: Path) -> None:
    with open_studies(pack / "dicom") as intake:
        assert sorted(study.films[0].view for study in intake.studies) == ["AP", "PA", "PA", "unknown"]
        assert set(reasons(intake)) == {"Fake_MONOCHROME1.dcm"}
