"""MIMIC-CXR and its JPEG release, made small: views, times, priors, labels, reports, splits and missing parts."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.core.study import Study
from hilum.data.mimic_cxr import mimic_cxr
from hilum.data.mimic_files import PLACE, film_at, view_of, when
from hilum.data.on_disk import on_disk
from hilum.data.release import check_release
from tests.data.made_mimic import (
    FIRST,
    LATER,
    META,
    OTHER,
    REPORT,
    SAME,
    A,
    B,
    C,
    D,
    E,
    dicom,
    mimic,
    picture,
    place,
    row,
    table,
    zipped_reports,
)


def studies(root: Path, **settings: str) -> dict[str, Study]:
    return {study.id: study for study in get("dataset", "mimic-cxr")(root, **settings)}


def test_every_study_and_film_of_the_table_is_there(tmp_path: Path) -> None:
    found = studies(mimic(tmp_path))
    assert set(found) == {f"s{name}" for name in (FIRST, LATER, SAME, OTHER)}
    assert [film.id for film in found[f"s{LATER}"].films] == [A, B]
    assert [film.view for film in found[f"s{LATER}"].films] == ["PA", "LL"]
    assert found[f"s{FIRST}"].patient == "p10000032"
    (film,) = found[f"s{SAME}"].films  # not on disk
    assert (film.id, film.view) == (D, "unknown")
    with pytest.raises(MissingError, match=f"{D}.jpg is not there"):
        _ = film.pixels


def test_the_part_that_is_on_disk_can_be_had_alone(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    (place(root, "10000032", LATER) / f"{B}.jpg").unlink()
    cohort = on_disk(mimic_cxr(root))
    found = {study.id: [film.id for film in study.films] for study in cohort}
    assert found == {f"s{FIRST}": [C], f"s{LATER}": [A]}
    later = next(study for study in cohort if study.id == f"s{LATER}")
    assert later.prior is not None
    assert [film.id for film in later.prior.films] == [C]
    assert [study.id for study in cohort.split("train")] == [f"s{FIRST}", f"s{LATER}"]
    (place(root, "10000032", FIRST) / f"{C}.jpg").unlink()
    (later,) = on_disk(mimic_cxr(root))
    assert later.prior is not None
    assert later.prior.films == ()  # its findings and report are of use without


def test_pixels_are_read_on_use_and_are_those_of_the_file(tmp_path: Path) -> None:
    film = studies(mimic(tmp_path))[f"s{LATER}"].films[0]
    assert not film.loaded
    assert film.pixels.shape == (6, 8)
    assert np.allclose(film.pixels, 51 / 255, atol=0.02)


def test_times_have_their_leading_zeros_back(tmp_path: Path) -> None:
    found = studies(mimic(tmp_path))
    assert found[f"s{FIRST}"].time == datetime(2180, 5, 6, 0, 9, 2)
    assert found[f"s{LATER}"].time == datetime(2180, 6, 26, 16, 55, 0, 312000)
    assert found[f"s{OTHER}"].time == datetime(2179, 1, 1)


def test_the_prior_is_the_latest_strictly_earlier_study_whatever_the_ids_say(tmp_path: Path) -> None:
    found = studies(mimic(tmp_path))
    later, same = found[f"s{LATER}"], found[f"s{SAME}"]
    assert later.prior is not None
    assert later.prior.id == f"s{FIRST}"  # its number is the largest of all
    assert same.prior is not None
    assert same.prior.id == f"s{FIRST}"  # not the study of the same moment
    assert found[f"s{FIRST}"].prior is None
    assert found[f"s{OTHER}"].prior is None  # another patient's


def test_a_prior_carries_its_findings_and_report_but_no_prior_of_its_own(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    path = root / "mimic-cxr-2.0.0-metadata.csv.gz"
    more = row("f" * 8 + B[8:], "10000032", "50000009", "PA", "21810101", "120000")
    table(path, [*gzip.decompress(path.read_bytes()).decode().splitlines(), more])
    last = studies(root)["s50000009"]
    assert last.prior is not None
    assert last.prior.id in (f"s{LATER}", f"s{SAME}")
    assert last.prior.prior is None
    first = studies(root)[f"s{LATER}"].prior
    assert first is not None
    assert first.findings
    assert first.report is not None


def test_studies_of_a_patient_come_earliest_first(tmp_path: Path) -> None:
    mine = [study.id for study in mimic_cxr(mimic(tmp_path)) if study.patient == "p10000032"]
    assert mine[0] == f"s{FIRST}"
    assert set(mine[1:]) == {f"s{LATER}", f"s{SAME}"}


def test_cells_are_present_absent_uncertain_and_a_blank_is_no_statement(tmp_path: Path) -> None:
    found = studies(mimic(tmp_path))
    assert [(f.concept, f.state) for f in found[f"s{FIRST}"].findings] == [("cardiomegaly", "present")]
    assert {(f.concept, f.state) for f in found[f"s{LATER}"].findings} == {
        ("cardiomegaly", "absent"), ("consolidation", "uncertain"), ("pleural effusion", "present")
    }  # fmt: skip
    assert found[f"s{SAME}"].findings == ()  # it has no row, which says nothing


@pytest.mark.parametrize(
    ("labels", "study", "stated", "who"),
    [
        ("chexpert", FIRST, [("cardiomegaly", "present")], "CheXpert labeler"),
        ("negbio", FIRST, [("cardiomegaly", "uncertain")], "NegBio"),
        ("radiologist", OTHER, [("lung opacity", "present")], "MIMIC-CXR radiologist"),
        ("none", FIRST, [], ""),
    ],
)
def test_each_labeler_signs_its_own(
    tmp_path: Path, labels: str, study: str, stated: list[tuple[str, str]], who: str
) -> None:
    findings = studies(mimic(tmp_path), labels=labels)[f"s{study}"].findings
    assert [(f.concept, f.state) for f in findings] == stated
    assert {str(f.made_by) for f in findings} == ({who} if who else set())


def test_a_labeler_that_is_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels must be one of chexpert, negbio, radiologist or none"):
        mimic_cxr(mimic(tmp_path), labels="chexbert")  # type: ignore[arg-type]


def test_the_report_is_read_by_section_and_unwrapped(tmp_path: Path) -> None:
    report = studies(mimic(tmp_path))[f"s{FIRST}"].report
    assert report is not None
    assert report.findings == "There is no focal consolidation. The heart is mildly enlarged."
    assert report.impression == "Mild cardiomegaly."
    assert report.indication == "___F with cough // pneumonia?"
    assert report.comparison == "None."
    assert studies(tmp_path)[f"s{LATER}"].report is None


def test_reports_may_lie_in_another_folder_or_in_the_archive(tmp_path: Path) -> None:
    root = mimic(tmp_path / "jpg")
    apart = tmp_path / "cxr"
    place(apart, "10000032", LATER).mkdir(parents=True)
    (place(apart, "10000032", LATER).parent / f"s{LATER}.txt").write_text(REPORT)
    report = studies(root, reports=str(apart))[f"s{LATER}"].report
    assert report is not None
    assert report.impression == "Mild cardiomegaly."
    name = f"files/p10/p10000032/s{SAME}.txt"
    for where in (apart, apart / "mimic-cxr-reports.zip"):
        zipped_reports(apart / "mimic-cxr-reports.zip", {name: REPORT.replace("Mild", "Marked")})
        packed = studies(root, reports=str(where))[f"s{SAME}"].report
        assert packed is not None
        assert packed.impression == "Marked cardiomegaly."


def test_reports_may_lie_as_the_archive_unpacks(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    path = tmp_path / "mimic-cxr-reports" / "files" / "p10" / "p10000032" / f"s{LATER}.txt"
    path.parent.mkdir(parents=True)
    path.write_text(REPORT)
    report = studies(root)[f"s{LATER}"].report
    assert report is not None
    assert report.impression == "Mild cardiomegaly."


def test_a_cut_archive_and_an_endless_report_are_refused(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    (root / "mimic-cxr-reports.zip").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="no whole ZIP archive"):
        studies(root)
    (root / "mimic-cxr-reports.zip").unlink()
    (place(root, "10000032", FIRST).parent / f"s{FIRST}.txt").write_text("x" * 300_000)
    with pytest.raises(InputError, match="300,000 characters"):
        studies(root)


def test_the_official_split_is_by_patient(tmp_path: Path) -> None:
    cohort = mimic_cxr(mimic(tmp_path))
    assert cohort.split_of("p10000032") == "train"
    assert [study.id for study in cohort.split("test")] == [f"s{OTHER}"]
    with pytest.raises(InputError, match="does not name patient 'p1'"):
        cohort.split_of("p1")


def test_a_table_that_splits_a_patient_is_not_the_official_one(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    table(
        root / "mimic-cxr-2.0.0-split.csv.gz", ["dicom_id,study_id,subject_id,split", f"{A},1,7,train", f"{B},2,7,test"]
    )
    with pytest.raises(InputError, match="no patient may be split"):
        mimic_cxr(root).split_of("p7")


def test_without_a_split_table_there_is_no_split(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    (root / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    with pytest.raises(InputError, match="no splits"):
        mimic_cxr(root).split_of("p10000032")


def test_without_labels_reports_or_films_the_rest_is_there(tmp_path: Path) -> None:
    table(tmp_path / "mimic-cxr-2.0.0-metadata.csv", [META, row(A, "10000032", LATER, "PA", "21800626", "165500.312")])
    (study,) = mimic_cxr(tmp_path)
    assert (study.id, study.findings, study.report) == (f"s{LATER}", (), None)
    assert [film.view for film in study.films] == ["PA"]  # the table says so
    assert study.time is not None


def test_a_folder_that_is_not_it_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"physionet\.org"):
        mimic_cxr(tmp_path)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["dicom_id,subject_id,study_id,ViewPosition,StudyDate", "a,1,2,PA,21800101"], "no column 'StudyTime'"),
        ([META, f"{A},10000032"], "is cut before"),
        ([META, row(A, "10000032", LATER, "PA", "yesterday", "1")], "are no date"),
        ([META, row(A, "10000032", LATER, "PA", "21800101", "996000")], "are no date"),
        ([META, row(A, "../10", LATER, "PA", "21800101", "1")], "no id of letters and digits"),
        ([META, row("a/b", "10000032", LATER, "PA", "21800101", "1")], "no id of letters and digits"),
    ],
)
def test_a_damaged_table_is_refused_in_a_sentence(tmp_path: Path, lines: list[str], why: str) -> None:
    table(tmp_path / "mimic-cxr-2.0.0-metadata.csv", lines)
    with pytest.raises(InputError, match=why):
        list(mimic_cxr(tmp_path))


def test_a_cut_archive_of_a_table_is_refused(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    path = root / "mimic-cxr-2.0.0-metadata.csv.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match="cannot be read as a table"):
        list(mimic_cxr(root))


def test_a_label_that_the_convention_lacks_is_refused(tmp_path: Path) -> None:
    root = mimic(tmp_path)
    path = root / "mimic-cxr-2.0.0-chexpert.csv.gz"
    table(path, [line.replace("-1.0", "2.0") for line in gzip.decompress(path.read_bytes()).decode().splitlines()])
    with pytest.raises(InputError, match=r"no cell value '2\.0'"):
        list(mimic_cxr(root))


@pytest.mark.parametrize(
    ("stated", "view"),
    [("PA", "PA"), ("AP", "AP"), ("LATERAL", "LL"), ("LL", "LL"), ("RL", "RL"), ("AP LLD", "LLD"), ("PA RLD", "RLD"),
     ("lao", "LAO"), ("RAO", "RAO"), ("", "unknown"), ("AP AXIAL", "unknown"), ("XTABLE LATERAL", "unknown"),
     ("SWIMMERS", "unknown"), ("LPO", "unknown")],
)  # fmt: skip
def test_views_of_the_table(stated: str, view: str) -> None:
    assert view_of(stated) == view


@pytest.mark.parametrize(
    ("date", "time", "moment"),
    [
        ("21800506", "213014.53100000002", datetime(2180, 5, 6, 21, 30, 14, 531000)),
        ("21800506", "902.0", datetime(2180, 5, 6, 0, 9, 2)),
        ("21800506.0", "93002", datetime(2180, 5, 6, 9, 30, 2)),
        ("21800506", "", datetime(2180, 5, 6)),
        ("", "120000", None),
    ],
)
def test_moments(date: str, time: str, moment: datetime | None) -> None:
    assert when(date, time, "row") == moment


def test_paths_name_patient_study_and_film() -> None:
    found = PLACE.search(f"/data/files/p10/p10000032/s50414267/{A}.jpg")
    assert found is not None
    assert found.groupdict() == {"patient": "p10000032", "study": "s50414267", "film": A}
    report = PLACE.search("p10/p10000032/s50414267.txt")
    assert report is not None
    assert report["film"] is None


def test_a_film_may_be_jpeg_png_or_dicom(tmp_path: Path) -> None:
    for suffix in (".jpg", ".dcm"):
        with pytest.raises(MissingError, match=f"{A}{suffix} is not there"):
            _ = film_at(tmp_path, A, suffix=suffix).pixels
    picture(tmp_path / f"{A}.png", 102)
    film = film_at(tmp_path, A, view="PA")
    assert film.view == "PA"
    assert np.allclose(film.pixels, 0.4)


def test_the_dicom_release_is_read_by_its_list_and_headers(tmp_path: Path) -> None:
    table(
        tmp_path / "cxr-record-list.csv.gz",
        ["subject_id,study_id,dicom_id,path"]
        + [f"10000032,{study},{name},files/x.dcm" for name, study in ((A, LATER), (C, FIRST))]
        + [f"19999999,{OTHER},{E},files/y.dcm"],
    )
    dicom(place(tmp_path, "10000032", LATER) / f"{A}.dcm", "PA", "21800626", "165500.312")
    dicom(place(tmp_path, "10000032", FIRST) / f"{C}.dcm", "AP", "21800506", "000902.000")
    found = studies(tmp_path)
    later = found[f"s{LATER}"]
    assert later.time == datetime(2180, 6, 26, 16, 55, 0, 312000)
    assert later.prior is not None
    assert later.prior.id == f"s{FIRST}"
    assert later.films[0].view == "PA"
    assert later.films[0].id == A
    assert not later.films[0].loaded
    assert later.films[0].pixels.shape == (64, 64)
    with pytest.raises(MissingError, match=f"{E}.dcm is not there"):
        _ = found[f"s{OTHER}"].films[0].pixels
    assert found[f"s{OTHER}"].time is None


def test_the_release_check_judges_what_is_there(tmp_path: Path) -> None:
    told = check_release("mimic-cxr", mimic(tmp_path))
    assert any("metadata.csv.gz has 5 rows, the official release 377,110" in each for each in told)
    assert any("227,827" in each for each in told)
    assert not any("record-list" in each for each in told)  # it is not there, so nothing is known of it
