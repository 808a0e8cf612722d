"""Collections in their published layouts, written with nibabel and pydicom: which CTs, whose, with what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.data.ct import Case, cases_from
from tests.data.made_ct import NAMES, chest, nifti, series

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")

HU, IDS = chest()


def cases(source: str) -> dict[str, Case]:
    return {case.id: case for case in cases_from(source)[1]}


def ct_rate(root: Path) -> Path:
    for split, patient, raw in (("train", 1, True), ("valid", 9, False)):
        name = f"{split}_{patient}_a_1"
        folder = root / "dataset" / (split if raw else f"{split}_fixed") / f"{split}_{patient}" / f"{split}_{patient}_a"
        nifti(folder / f"{name}.nii.gz", HU + 8192 if raw else HU)
        tables = root / "dataset"
        stem = "validation" if split == "valid" else split  # the metadata of the validation split is so called
        for place, text in (
            (f"metadata/{stem}_metadata.csv", f"VolumeName,RescaleSlope,RescaleIntercept\n{name}.nii.gz,1,-8192\n"),
            (f"radiology_text_reports/{stem}_reports.csv",
             "VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN\n"
             f'{name}.nii.gz,Cough,"Non-contrast, thin",The heart is large.,Cardiomegaly\n'),
            (f"multi_abnormality_labels/{split}_predicted_labels.csv",
             f"VolumeName,Cardiomegaly,Lung nodule,Pleural effusion\n{name}.nii.gz,1,0,1\n"),
        ):  # fmt: skip
            (tables / place).parent.mkdir(parents=True, exist_ok=True)
            (tables / place).write_text(text)
    return root


def test_ct_rate_gives_reports_labels_splits_and_hounsfield_units_of_both_releases(tmp_path: Path) -> None:
    found = cases(f"ct-rate:{ct_rate(tmp_path)}")
    assert set(found) == {"train_1_a_1", "valid_9_a_1"}
    for name, split in (("train_1_a_1", "train"), ("valid_9_a_1", "valid")):
        study = found[name].study()
        assert found[name].split == split
        assert {(f.concept, f.state) for f in study.findings} == {
            ("cardiomegaly", "present"), ("pleural effusion", "present"),
        }  # fmt: skip
        assert study.report is not None
        assert study.report.findings == "The heart is large."
        assert study.report.technique == "Non-contrast, thin"
        (volume,) = study.images
        np.testing.assert_array_equal(volume.voxels, HU)  # type: ignore[union-attr]
    assert found["train_1_a_1"].patient != found["valid_9_a_1"].patient


def test_collections_are_registered_as_cohorts_of_volumes(tmp_path: Path) -> None:
    from hilum.core.registry import get

    cohort = get("dataset", "ct-rate")(ct_rate(tmp_path))
    assert [study.id for study in cohort.split("valid")] == ["valid_9_a_1"]
    assert cohort.label_set == "ct-rate-18"
    series(tmp_path / "lidc" / "LIDC-IDRI-0001" / "s" / "t", HU)
    lidc = get("dataset", "lidc-idri")(tmp_path / "lidc")
    (study,) = lidc
    assert lidc.split_of(study.patient) in ("train", "val", "test")
    (volume,) = study.images
    assert not volume.loaded
    np.testing.assert_array_equal(volume.voxels, HU)  # type: ignore[union-attr]
    with pytest.raises(InputError, match="LIDC-IDRI-0001"):
        get("dataset", "lidc-idri")(tmp_path / "dataset")


def test_lidc_gives_each_ct_series_under_its_patient(tmp_path: Path) -> None:
    root = tmp_path / "LIDC-IDRI"
    series(root / "LIDC-IDRI-0001" / "study-1" / "series-ct", HU)
    series(root / "LIDC-IDRI-0001" / "study-2" / "series-dx", HU[:1], Modality="DX")
    series(root / "LIDC-IDRI-0002" / "study-1" / "series-a", HU, uid="8")
    series(root / "LIDC-IDRI-0002" / "study-1" / "series-b", HU[:9], uid="9")
    found = cases(f"lidc-idri:{tmp_path}")
    assert {name: case.patient for name, case in found.items()} == {
        "LIDC-IDRI-0001": "LIDC-IDRI-0001", "LIDC-IDRI-0002-1": "LIDC-IDRI-0002", "LIDC-IDRI-0002-2": "LIDC-IDRI-0002",
    }  # fmt: skip
    np.testing.assert_array_equal(found["LIDC-IDRI-0001"].volume().voxels, HU)


def test_rsna_pe_gives_the_row_of_its_study(tmp_path: Path) -> None:
    series(tmp_path / "train" / "study1" / "series1", HU)
    series(tmp_path / "test" / "study2" / "series2", HU, uid="8")
    (tmp_path / "train.csv").write_text(
        "StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID,negative_exam_for_pe\nstudy1,series1,a,1\nstudy1,series1,b,1\n"
    )
    found = cases(f"rsna-pe:{tmp_path}")
    assert {case.split for case in found.values()} == {"train", "test"}
    assert found["study1-series1"].facts["negative_exam_for_pe"] == "1"
    assert found["study2-series2"].facts == {}


def test_rsna_abdomen_gives_patients_rows_and_masks(tmp_path: Path) -> None:
    series(tmp_path / "train_images" / "10004" / "21057", HU)
    (tmp_path / "train.csv").write_text("patient_id,bowel_healthy\n10004,1\n")
    nifti(tmp_path / "segmentations" / "21057.nii", IDS)
    (case,) = cases(f"rsna-abdomen:{tmp_path}").values()
    assert (case.patient, case.facts["bowel_healthy"]) == ("train-10004", "1")
    assert [Path(mask).name for mask in case.masks] == ["21057.nii"]


def test_totalsegmentator_gives_masks_and_the_published_split(tmp_path: Path) -> None:
    for number in (1, 2):
        place = tmp_path / f"s{number:04d}"
        nifti(place / "ct.nii.gz", HU)
        for i, name in NAMES.items():
            nifti(place / "segmentations" / f"{name}.nii.gz", (i == IDS).astype(np.uint8))
    (tmp_path / "meta.csv").write_text("image_id;age;split\ns0001;40;train\ns0002;50;test\n")
    found = cases(f"totalsegmentator:{tmp_path}")
    assert {name: case.split for name, case in found.items()} == {"s0001": "train", "s0002": "test"}
    assert all(Path(case.masks[0]).name == "segmentations" for case in found.values())


def test_a_folder_of_anything_gives_its_cts_and_the_masks_beside_them(tmp_path: Path) -> None:
    nifti(tmp_path / "one.nii.gz", HU)
    nifti(tmp_path / "one_seg.nii.gz", IDS)
    nifti(tmp_path / "two.nii", HU)
    nifti(tmp_path / "deep" / "three" / "ct.nii.gz", HU)
    nifti(tmp_path / "deep" / "three" / "segmentations" / "heart.nii.gz", (IDS == 3).astype(np.uint8))
    series(tmp_path / "dicom" / "four", HU, PatientID="Zebedee-7")
    (tmp_path / "readme.txt").write_text("nothing")
    found = cases(f"folder:{tmp_path}")
    assert set(found) == {"one", "two", "deep-three", "dicom-four"}
    assert [Path(mask).name for mask in found["one"].masks] == ["one_seg.nii.gz"]
    assert [Path(mask).name for mask in found["deep-three"].masks] == ["segmentations"]
    assert found["two"].masks == ()
    assert "Zebedee" not in repr(found["dicom-four"].patient)
    assert found["dicom-four"].patient


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("folder", "NAME:/path"), ("ctrate:/tmp", "NAME one of folder, ct-rate"), ("ct-rate:/no/such", "no folder"),
        ("ct-rate:{}", "no train_1_a_1.nii.gz"), ("lidc-idri:{}", "no folder LIDC-IDRI-0001"),
        ("rsna-pe:{}", "none of train, test"), ("totalsegmentator:{}", "no s0001/ct.nii.gz"),
    ],
)  # fmt: skip
def test_another_layout_is_refused_with_what_was_expected(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(cases_from(source.format(tmp_path))[1])
