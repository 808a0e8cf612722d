"""What Hilum itself writes (SR, SEG, GSPS, SC) is kept, found and given back; and no request brings the server down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.app.serve.dicomweb_json import attributes, encode, keyword_of
from hilum.io.save import save_dicom
from tests.app.serve import films, webbed
from tests.io import written

AS_STORED = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that holds a film and every object that is made from it."""
    folder = tmp_path_factory.mktemp("objects")
    archive = films.archive(folder)
    film = written.dicom_film(folder)
    archive.store(Path(film.source), source="x")
    for name, ds in written.objects(film, keep_identifiers=True).items():
        stored = archive.store(save_dicom(ds, folder / f"{name}.dcm"), source="hilum")
        assert (stored.outcome, stored.film) == ("new", False)
    return webbed.client(archive)


def of(web: Any, modality: str) -> dict[str, Any]:
    (found,) = web.get(f"/dicomweb/instances?Modality={modality}").json()
    return found


def test_a_study_holds_the_film_and_what_was_made_from_it(web: Any) -> None:
    (study,) = web.get("/dicomweb/studies").json()
    assert study["00201208"]["Value"] == [5]
    assert set(study["00080061"]["Value"]) >= {"CR", "SR", "SEG", "PR"}
    assert study["00100010"]["Value"][0]["Alphabetic"] == written.PLANTED["PatientName"]


@pytest.mark.parametrize("modality", ["SR", "SEG", "PR", "OT"])
def test_each_object_comes_back_whole(web: Any, modality: str) -> None:
    found = web.get(f"/dicomweb/instances?Modality={modality}")
    if found.status_code == 204:
        pytest.skip(f"none of the objects is of modality {modality}")
    row = found.json()[0]
    address = row["00081190"]["Value"][0]
    ((head, data),) = webbed.split(web.get(address, headers=AS_STORED))
    ds = films.reread(data)
    assert row["00080018"]["Value"] == [ds.SOPInstanceUID]
    assert head["Content-Location"] == address
    told = web.get(f"{address}/metadata").json()[0]
    assert told["00080016"]["Value"] == [ds.SOPClassUID]
    assert ("7FE00010" in told) == ("PixelData" in ds)


def test_the_content_of_a_report_is_in_its_metadata(web: Any) -> None:
    told = web.get(of(web, "SR")["00081190"]["Value"][0] + "/metadata").json()[0]
    again = pydicom.Dataset.from_json(told)
    assert again.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert len(again.ContentSequence) >= 3


@pytest.mark.parametrize("what", ["rendered", "thumbnail"])
def test_a_report_is_no_picture(web: Any, what: str) -> None:
    answer = web.get(of(web, "SR")["00081190"]["Value"][0] + f"/{what}")
    assert answer.status_code in (404, 406)
    assert answer.json()["error"]["message"]


def test_masks_come_as_frames(web: Any) -> None:
    row = of(web, "SEG")
    address = row["00081190"]["Value"][0]
    total = row["00280008"]["Value"][0]
    parts = webbed.split(web.get(f"{address}/frames/" + ",".join(str(n) for n in range(1, total + 1))))
    assert len(parts) == total
    assert all(any(data) for _, data in parts)
    assert web.get(f"{address}/frames/{total + 1}").status_code == 404


def test_the_thumbnail_of_a_study_is_its_film(web: Any) -> None:
    (study,) = web.get("/dicomweb/studies").json()
    assert web.get(study["00081190"]["Value"][0] + "/thumbnail").headers["content-type"] == "image/jpeg"


names = st.one_of(
    st.sampled_from(["PatientName", "StudyDate", "StudyTime", "limit", "offset", "includefield", "00100020", "Rows"]),
    st.text(max_size=12),
)
values = st.one_of(
    st.text(max_size=20), st.sampled_from(["*", "?", "%", "_", "-", "20240101-", "1e9", "'--", "all", "\\"])
)


@settings(max_examples=30)
@given(
    parameters=st.lists(st.tuples(names, values), max_size=4), level=st.sampled_from(["studies", "series", "instances"])
)
def test_no_question_breaks_the_server(web: Any, parameters: list[tuple[str, str]], level: str) -> None:
    answer = web.get(f"/dicomweb/{level}", params=parameters)
    assert answer.status_code in (200, 204, 400)
    if answer.status_code == 400:
        assert answer.json()["error"]["message"].isprintable()


@settings(max_examples=15)
@given(accept=st.one_of(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60)))
def test_no_accept_header_breaks_the_server(web: Any, accept: str) -> None:
    address = of(web, "CR")["00081190"]["Value"][0]
    for path in ("", "/metadata", "/frames/1", "/rendered"):
        assert web.get(address + path, headers={"Accept": accept}).status_code in (200, 406)


def test_the_openapi_page_lists_every_resource(web: Any) -> None:
    paths = web.get("/openapi.json").json()["paths"]
    below = "/dicomweb/studies/{study}/series/{series}/instances/{instance}"
    assert set(paths["/dicomweb/studies"]) == {"get", "post"}
    assert set(paths["/dicomweb/studies/{study}"]) == {"get", "post", "delete"}
    assert {f"{below}/metadata", f"{below}/rendered", f"{below}/frames/{{numbers}}"} <= set(paths)
    named = {one["name"] for one in paths[f"{below}/metadata"]["get"]["parameters"]}
    assert {"study", "series", "instance"} <= named


def test_json_has_a_form_for_every_value() -> None:
    told = attributes(
        {
            "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "ModalitiesInStudy": "\\CR\\DX\\",
            "Rows": 0,
            "StudyDate": "",
            "InstanceNumber": None,
            "ReferencedSOPSequence": [{"FailureReason": 0x0110}],
        }
    )
    assert told["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    assert told["00080061"]["Value"] == ["CR", "DX"]
    assert told["00280010"]["Value"] == [0]
    assert told["00080020"] == {"vr": "DA"}
    assert told["00200013"] == {"vr": "IS"}
    assert told["00081199"]["Value"] == [{"00081197": {"vr": "US", "Value": [272]}}]
    dataset = pydicom.Dataset.from_json(json.loads(encode(told)))
    assert str(dataset.PatientName.ideographic) == "山田^太郎"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": float("nan"), "b": [float("inf"), 1.5]}, {"a": None, "b": [None, 1.5]}),
        ({"é": "\u2028"}, {"é": "\u2028"}),
    ],
)
def test_json_stays_json(value: Any, expected: Any) -> None:
    assert json.loads(encode(value)) == expected


@pytest.mark.parametrize(
    ("name", "keyword"),
    [("PatientID", "PatientID"), ("00100020", "PatientID"), ("0010002", ""), ("PatientI", ""), ("zzzzzzzz", "")],
)
def test_attributes_are_named_by_keyword_or_tag(name: str, keyword: str) -> None:
    assert keyword_of(name) == keyword
