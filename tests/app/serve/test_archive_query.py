"""Searches follow PS3.4 C.2.2.2; the expected rows are worked out here, by hand or by a second, plain matcher."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from hilum.app.serve.archive import Archive
from hilum.app.serve.archive_query import Query, locate, search
from hilum.core.errors import InputError
from tests.app.serve import films

STUDIES = [
    {"PatientName": "Doe^Jane", "StudyDate": "20240102", "StudyTime": "093000", "AccessionNumber": "A_1"},
    {"PatientName": "Doe^John", "StudyDate": "20240103", "StudyTime": "1015", "AccessionNumber": "A%1"},
    {"PatientName": "DOE^Anna^Maria", "StudyDate": "20231231", "StudyTime": "235959.5", "AccessionNumber": "AX1"},
    {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "StudyDate": "", "StudyTime": "", "AccessionNumber": ""},
    {"PatientName": "O'Neil^<b>Pat</b>", "StudyDate": "20240630", "StudyTime": "10", "AccessionNumber": "a_1"},
]


def fill(archive: Archive, folder: Path) -> Archive:
    for study, changes in enumerate(STUDIES, 1):
        archive.store([films.film_bytes(folder, study, SpecificCharacterSet="ISO_IR 192", **changes)], source="x")
    archive.store([films.film_bytes(folder, 2, 1, series=2, Modality="DX", SeriesNumber=2)], source="x")
    return archive


def matching(archive: Archive, **match: str) -> list[int]:
    rows = archive.studies(Query(match)).rows
    return sorted(int(row["StudyInstanceUID"].rsplit(".", 1)[1]) for row in rows)


def test_every_kind_of_matching(tmp_path: Path, url: str) -> None:
    archive = fill(films.archive(tmp_path, url), tmp_path)
    for match, expected in (
        ({"StudyDate": "20240102"}, [1]),
        ({"StudyDate": "20240101-20240630"}, [1, 2, 5]),
        ({"StudyDate": "20240103-"}, [2, 5]),
        ({"StudyDate": "-20240102"}, [1, 3]),
        ({"StudyTime": "10-11"}, [2, 5]),
        ({"StudyTime": "093000-101559"}, [1, 2, 5]),
        ({"StudyTime": "2359"}, [3]),
        ({"PatientName": "doe*"}, [1, 2, 3]),
        ({"PatientName": "DOE^J?hn"}, [2]),
        ({"PatientName": "Doe"}, []),
        ({"PatientName": "山田*"}, [4]),
        ({"PatientName": "yamada^tarou"}, [4]),
        ({"PatientName": "*<b>*"}, [5]),
        ({"AccessionNumber": "A_1"}, [1]),
        ({"AccessionNumber": "A%*"}, [2]),
        ({"AccessionNumber": "A_*"}, [1]),
        ({"AccessionNumber": "A?1"}, [1, 2, 3]),
        ({"AccessionNumber": ""}, [1, 2, 3, 4, 5]),
        ({"AccessionNumber": "*"}, [1, 2, 3, 4, 5]),
        ({"ModalitiesInStudy": "DX"}, [2]),
        ({"ModalitiesInStudy": "CR"}, [1, 2, 3, 4, 5]),
        ({"ModalitiesInStudy": "C"}, []),
        ({"ModalitiesInStudy": "SR,DX"}, [2]),
        ({"StudyInstanceUID": f"{films.study_uid(1)},{films.study_uid(3)}"}, [1, 3]),
        ({"PatientID": "P2", "StudyDate": "20240103"}, [2]),
        ({"PatientID": "P2", "StudyDate": "20240102"}, []),
        ({"NumberOfStudyRelatedInstances": "2"}, [2]),
        ({"PatientID": "x' OR '1'='1"}, []),
    ):
        assert matching(archive, **match) == expected, match


@pytest.mark.parametrize("pattern", ["*", "A*", "?_1", "*1", "A?1", "*_*", "a_?", "[A]*", "A%?", "~*"])
def test_wildcards_agree_with_a_plain_matcher(tmp_path: Path, archive: Archive, pattern: str) -> None:
    fill(archive, tmp_path)
    plain = pattern.replace("[", "[[]")
    held = [study["AccessionNumber"] for study in STUDIES]
    expected = [number for number, value in enumerate(held, 1) if pattern == "*" or fnmatchcase(value, plain)]
    assert matching(archive, AccessionNumber=pattern) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StudyDate", "2024"),
        ("StudyDate", "2024-01-02"),
        ("StudyDate", "-"),
        ("StudyTime", "noon"),
        ("NumberOfStudyRelatedSeries", "two"),
        ("SOPInstanceUID", "1.2.3"),
        ("PatientWeight", "70"),
        ("PatientName", "a\x00b"),
        ("PatientName", "a" * 5_000),
    ],
)
def test_what_cannot_be_searched_is_said(archive: Archive, name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        archive.studies(Query({name: value}))


def test_pages_meet_without_gap_or_overlap(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path)
    whole = [row["StudyInstanceUID"] for row in archive.studies(Query()).rows]
    pages = [archive.studies(Query(limit=2, offset=start)) for start in (0, 2, 4, 6)]
    assert [row["StudyInstanceUID"] for page in pages for row in page.rows] == whole
    assert [page.more for page in pages] == [True, True, False, False]
    dates = [row["StudyDate"] for row in archive.studies(Query()).rows]
    assert dates == sorted(dates, reverse=True)


def test_series_and_instances_name_where_they_belong(tmp_path: Path, url: str) -> None:
    archive = fill(films.archive(tmp_path, url), tmp_path)
    inside = {"StudyInstanceUID": films.study_uid(2)}
    series = archive.series(Query(inside, include=("PatientName",))).rows
    assert [(row["Modality"], row["NumberOfSeriesRelatedInstances"]) for row in series] == [("CR", 1), ("DX", 1)]
    assert {row["PatientName"] for row in series} == {"Doe^John"}
    found = archive.instances(Query({**inside, "Modality": "DX"})).rows
    assert [(row["SOPInstanceUID"], row["Rows"], row["Columns"]) for row in found] == [(films.sop_uid(2, 1, 2), 24, 32)]
    assert found[0]["SeriesInstanceUID"] == films.series_uid(2, 2)


def test_one_instance_is_located_only_under_its_own_study(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path)
    place = (films.study_uid(2), films.series_uid(2, 2), films.sop_uid(2, 1, 2))
    (one,) = locate(archive.database, *place)
    assert (one.uid, one.pixels, one.film) == (place[2], True, True)
    assert locate(archive.database, films.study_uid(1), *place[1:]) == []
    assert len(locate(archive.database, place[0])) == 2


def test_an_unknown_level_of_a_field_does_not_leak(tmp_path: Path, archive: Archive) -> None:
    fill(archive, tmp_path)
    rows = search(archive.database, "study", Query(include=("SOPInstanceUID", "Rows"))).rows
    assert all("SOPInstanceUID" not in row for row in rows)
