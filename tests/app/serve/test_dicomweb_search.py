"""QIDO-RS: the shape of the answers, and questions that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest

from hilum.app.serve.archive import Archive
from tests.app.serve import films, webbed

EVIL = "<script>alert(1)</script>^\u2028x"


def filled(archive: Archive, folder: Path, studies: int = 3) -> Any:
    for study in range(1, studies + 1):
        for number in (1, 2):
            archive.store([films.film_bytes(folder, study, number)], source="x")
    return webbed.client(archive)


def test_a_search_returns_what_the_standard_asks_of_a_study(tmp_path: Path, archive: Archive) -> None:
    answer = filled(archive, tmp_path, 1).get("/dicomweb/studies")
    (row,) = answer.json()
    assert answer.headers["content-type"] == "application/dicom+json"
    # PS3.18 table 10.6.3-3, attributes that are required of a study
    required = "00080020 00080030 00080050 00080061 00080090 00100010 00100020 00100030 00100040 0020000D 00200010"
    assert set(required.split()) | {"00201206", "00201208", "00080056", "00081190", "00080005"} <= set(row)
    assert row["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}
    assert row["00080061"] == {"vr": "CS", "Value": ["CR"]}
    assert row["00201208"] == {"vr": "IS", "Value": [2]}
    assert row["00100030"] == {"vr": "DA"}
    assert list(row) == sorted(row)
    dataset = pydicom.Dataset.from_json(row)  # read by another's reader
    assert dataset.StudyInstanceUID == films.study_uid(1)


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("studies", 3),
        ("studies?PatientID=P2", 1),
        ("studies?00100020=P2", 1),
        ("studies?PatientName=doe*&limit=2", 2),
        ("studies?limit=2&offset=2", 1),
        ("studies?includefield=all", 3),
        ("studies?includefield=00081030,PatientAge&includefield=StudyTime", 3),
        ("series", 3),
        ("instances", 6),
        (f"studies/{films.study_uid(1)}/series", 1),
        (f"studies/{films.study_uid(1)}/instances?InstanceNumber=2", 1),
        (f"studies/{films.study_uid(1)}/series/{films.series_uid(1)}/instances", 2),
        ("instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.1&StudyDate=20240101-20240103", 6),
    ],
)
def test_searches_at_every_level(tmp_path: Path, archive: Archive, path: str, count: int) -> None:
    answer = filled(archive, tmp_path).get(f"/dicomweb/{path}")
    assert (answer.status_code, len(answer.json())) == (200, count)


def test_nothing_found_has_no_content(tmp_path: Path, archive: Archive) -> None:
    web = filled(archive, tmp_path, 1)
    for path in ("studies?PatientID=nobody", f"studies/{films.study_uid(9)}/series", "studies?limit=0"):
        answer = web.get(f"/dicomweb/{path}")
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "query",
    [
        "PatientNam=x",
        "limit=-1",
        "limit=ten",
        "offset=1e3",
        "StudyDate=2024",
        "SOPInstanceUID=1.2",
        "00100099=1",
        "%00=1",
    ],
)
def test_a_question_that_is_wrong_is_refused_with_a_sentence(archive: Archive, query: str) -> None:
    answer = webbed.client(archive).get(f"/dicomweb/studies?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].isprintable()


def test_what_is_not_supported_is_warned_of(tmp_path: Path, archive: Archive) -> None:
    answer = filled(archive, tmp_path, 1).get("/dicomweb/studies?fuzzymatching=true&PatientName=doe*")
    assert answer.status_code == 200
    assert "fuzzymatching" in answer.headers["warning"]
    refused = webbed.client(archive).get("/dicomweb/studies", headers={"Accept": "text/html"})
    assert refused.status_code == 406


def test_a_script_in_a_name_stays_text(tmp_path: Path, archive: Archive) -> None:
    archive.store([films.film_bytes(tmp_path, PatientName=EVIL, SpecificCharacterSet="ISO_IR 192")], source="x")
    answer = webbed.client(archive).get("/dicomweb/studies?includefield=all")
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()[0]["00100010"]["Value"][0]["Alphabetic"] == "<script>alert(1)</script>^x"
    assert "script" not in str(answer.headers)


def test_lines_in_values_cannot_break_out(tmp_path: Path, archive: Archive) -> None:
    data = films.film_bytes(tmp_path, StudyDescription="A~~Set-Cookie: b=c")
    archive.store([data.replace(b"A~~Set", b"A\r\nSet")], source="x")
    answer = webbed.client(archive).get("/dicomweb/studies")
    assert answer.json()[0]["00081030"]["Value"] == ["ASet-Cookie: b=c"]
    assert "set-cookie" not in answer.headers


def test_addresses_follow_a_proxy_and_its_prefix(tmp_path: Path, archive: Archive) -> None:
    filled(archive, tmp_path, 1)
    from starlette.testclient import TestClient

    web = TestClient(webbed.application(archive), base_url="https://hospital.test", root_path="/hilum")
    row = web.get("/hilum/dicomweb/studies").json()[0]
    assert row["00081190"]["Value"] == [f"https://hospital.test/hilum/dicomweb/studies/{films.study_uid(1)}"]
    told = webbed.client(archive, public_url="https://pacs.test/x/").get("/dicomweb/studies").json()[0]
    assert told["00081190"]["Value"] == [f"https://pacs.test/x/dicomweb/studies/{films.study_uid(1)}"]


def test_deleting_is_for_administrators(tmp_path: Path, archive: Archive) -> None:
    told: list[Any] = []
    filled(archive, tmp_path, 2)
    address = f"/dicomweb/studies/{films.study_uid(1)}"
    reader = webbed.client(archive, webbed.Seen("rita", ("reader",)))
    assert reader.delete(address).status_code == 403
    web = webbed.client(archive, audit=lambda *line: told.append(line))
    assert (web.delete(address).status_code, web.delete(address).status_code) == (204, 404)
    assert told == [("anna", "deleted", films.study_uid(1))]
    assert len(web.get("/dicomweb/studies").json()) == 1


@pytest.mark.parametrize("path", ["studies", "studies/1.2.3", "studies/1.2.3/metadata", "studies/1.2.3/thumbnail"])
def test_nobody_sees_nothing(archive: Archive, path: str) -> None:
    web = webbed.client(archive)
    assert web.get(f"/dicomweb/{path}", headers={"X-Nobody": "1"}).status_code == 401
    assert web.delete("/dicomweb/studies/1.2.3", headers={"X-Nobody": "1"}).status_code == 401
