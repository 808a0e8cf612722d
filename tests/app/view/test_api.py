"""The JSON API over a client: what it gives, what it refuses, and with which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

from hilum.app.view.api import LARGEST_BODY
from hilum.app.view.local import LocalShelf
from tests.app.view.conftest import FILM, film, lungs

Room = Callable[..., Any]
STUDY = "api/studies/s1"


def error(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    told = answer.json()["error"]
    assert set(told) == {"message", "fix"}
    return str(told["message"])


@pytest.fixture
def client(room: Room, shelf: LocalShelf) -> Any:
    return room(shelf)


def test_the_session_tells_who_looks_and_what_he_may(client: Any) -> None:
    told = client.get("/api/session").json()
    assert told["user"] == "Dr. Test"
    assert told["roles"] == ["reader"]
    assert told["features"] == {"worklist": False, "jobs": False}
    assert told["start"] == "s1"
    assert len(told["csrf"]) > 20
    assert "not for diagnosis" in told["caution"]
    assert not told["readonly"]


def test_nobody_without_the_link_sees_anything(room: Room, shelf: LocalShelf) -> None:
    stranger = room(shelf, enter=False)
    for path in (
        "/api/session",
        "/api/worklist",
        f"/{STUDY}",
        f"/{STUDY}/films/{FILM}/dicom",
        "/api/events",
        "/",
        "/x.js",
    ):
        assert "link" in error(stranger.get(path), 401)
    assert error(stranger.put(f"/{STUDY}/reading", json={"revision": 0}), 401)
    assert "<h1>" in stranger.get("/", headers={"accept": "text/html"}).text


def test_the_worklist_is_one_row_for_each_study(client: Any) -> None:
    told = client.get("/api/worklist").json()
    (row,) = told["rows"]
    assert (told["total"], row["id"], row["state"]) == (1, "s1", "read")
    assert client.get("/api/worklist?text=EFFUSION").json()["total"] == 1
    assert client.get("/api/worklist?text=hernia").json()["total"] == 0
    assert client.get("/api/worklist?state=final").json()["total"] == 0
    assert client.get("/api/worklist?offset=5").json() == {"total": 1, "rows": []}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=99999", "offset=-1", "limit=many", "state=asleep", f"text={'x' * 300}"]
)
def test_a_query_out_of_range_is_refused(client: Any, query: str) -> None:
    error(client.get(f"/api/worklist?{query}"), 400)


def test_a_film_comes_as_dicom_thumbnail_and_layer(client: Any) -> None:
    (shown,) = client.get(f"/{STUDY}").json()["films"]
    answer = client.get("/" + shown["dicom"])
    assert answer.headers["content-type"] == "application/dicom"
    ds = pydicom.dcmread(BytesIO(answer.content))
    assert np.array_equal(ds.pixel_array, film().pixels.astype(np.uint16))
    small = Picture.open(BytesIO(client.get("/" + shown["thumbnail"]).content))
    assert small.size == (80, 96)
    (layer,) = shown["layers"]
    mask = np.asarray(Picture.open(BytesIO(client.get("/" + layer["url"]).content)))
    assert np.array_equal(mask == 255, lungs().pixels)
    assert set(np.unique(mask)) == {0, 255}


def test_what_is_known_already_is_not_sent_again(client: Any) -> None:
    (shown,) = client.get(f"/{STUDY}").json()["films"]
    for url in (shown["dicom"], shown["thumbnail"], shown["layers"][0]["url"], f"{STUDY}/files/report-sr.dcm"):
        first = client.get(f"/{url}")
        again = client.get(f"/{url}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(f"/{url}", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=10-", slice(10, None)), ("bytes=-7", slice(-7, None)),
     ("bytes=0-999999999", slice(None))],
)  # fmt: skip
def test_a_range_of_bytes_is_that_part_of_the_whole(client: Any, asked: str, part: slice) -> None:
    (shown,) = client.get(f"/{STUDY}").json()["films"]
    for url in (shown["dicom"], shown["thumbnail"]):
        whole = client.get(f"/{url}").content
        answer = client.get(f"/{url}", headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.content == whole[part]


def test_a_range_beyond_the_end_is_refused_and_an_odd_one_ignored(client: Any) -> None:
    (shown,) = client.get(f"/{STUDY}").json()["films"]
    for url in (shown["dicom"], shown["thumbnail"]):
        assert client.get(f"/{url}", headers={"Range": "bytes=999999999-"}).status_code == 416
    assert client.get("/" + shown["thumbnail"], headers={"Range": "lines=1-2"}).status_code == 200
    held = client.get("/" + shown["thumbnail"], headers={"Range": "bytes=0-3", "If-Range": '"old"'})
    assert held.status_code == 200


def test_a_draft_is_shown_and_not_stored(client: Any, results: Path) -> None:
    before = (results / "s1" / "study.json").read_bytes()
    answer = client.post(f"/{STUDY}/draft", json={"actions": [{"do": "reject", "key": "f-effusion"}]})
    assert answer.status_code == 200
    assert "effusion" not in answer.json()["report"]["sections"]["findings"]
    assert "effusion" in client.get(f"/{STUDY}").json()["report"]["sections"]["findings"]
    assert (results / "s1" / "study.json").read_bytes() == before


def test_a_saved_reading_is_what_everyone_sees_next(client: Any, results: Path) -> None:
    actions = [{"do": "set", "key": "f-effusion", "side": "left"}, {"do": "reject", "key": "f-nodule"}]
    answer = client.put(
        f"/{STUDY}/reading", json={"revision": 0, "actions": actions, "final": True}, headers=client.csrf
    )
    assert answer.status_code == 200, answer.text
    sheet = client.get(f"/{STUDY}").json()
    assert sheet == answer.json()
    assert (sheet["revision"], sheet["state"], sheet["report"]["status"]) == (1, "final", "final")
    assert {edit["who"] for edit in sheet["edits"]} == {"Dr. Test"}
    (row,) = client.get("/api/worklist").json()["rows"]
    assert (row["edited"], row["state"]) == (True, "final")
    record = json.loads((results / "s1" / "study.json").read_text())
    assert [edit["what"] for edit in record["edits"]] == ["set", "reject", "sign"]
    told = client.get(f"/{STUDY}/files/report-sr.dcm")
    assert pydicom.dcmread(BytesIO(told.content)).VerificationFlag == "VERIFIED"


def test_who_saves_on_an_old_revision_is_told_so(client: Any) -> None:
    body = {"revision": 0, "actions": [{"do": "accept", "key": "f-effusion"}], "final": False}
    assert client.put(f"/{STUDY}/reading", json=body, headers=client.csrf).status_code == 200
    answer = client.put(f"/{STUDY}/reading", json=body, headers=client.csrf)
    assert "saved meanwhile" in error(answer, 409)
    assert answer.json()["error"]["fix"]


def test_an_action_that_cannot_be_saves_nothing(client: Any) -> None:
    actions = [{"do": "reject", "key": "f-effusion"}, {"do": "accept", "key": "f-effusion"}]
    error(client.put(f"/{STUDY}/reading", json={"revision": 0, "actions": actions}, headers=client.csrf), 400)
    assert client.get(f"/{STUDY}").json()["revision"] == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hilum-CSRF": "guess"},
        {"X-Hilum-CSRF": "é".encode("latin-1")},
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_write_needs_the_token_and_this_very_page(client: Any, headers: dict[str, Any]) -> None:
    sent = headers if "X-Hilum-CSRF" in headers or not headers else {**client.csrf, **headers}
    error(client.put(f"/{STUDY}/reading", json={"revision": 0, "actions": []}, headers=sent), 403)
    assert client.get(f"/{STUDY}").json()["revision"] == 0


def test_a_write_from_the_pages_own_origin_passes(client: Any) -> None:
    sent = {**client.csrf, "Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}
    assert client.put(f"/{STUDY}/reading", json={"revision": 0, "actions": []}, headers=sent).status_code == 200


def test_who_only_looks_cannot_save(room: Room, results: Path) -> None:
    from hilum.app.view.folder import from_results

    client = room(LocalShelf(from_results(results), readonly=True), readonly=True)
    assert client.get("/api/session").json()["readonly"]
    error(client.put(f"/{STUDY}/reading", json={"revision": 0, "actions": []}, headers=client.csrf), 403)
    assert client.post(f"/{STUDY}/draft", json={"actions": []}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"revision": -1}, {"revision": "now"}, {"revision": 0, "actions": "all"}, {"revision": 0, "actions": [1]},
     {"revision": 0, "final": "perhaps"}, []],
)  # fmt: skip
def test_a_body_of_another_form_is_refused(client: Any, body: object) -> None:
    error(client.put(f"/{STUDY}/reading", json=body, headers=client.csrf), 400)


def test_a_body_that_is_no_json_or_too_long_is_refused(client: Any) -> None:
    sent = {**client.csrf, "Content-Type": "application/json"}
    error(client.put(f"/{STUDY}/reading", content=b"{", headers=sent), 400)
    error(client.put(f"/{STUDY}/reading", content=b" " * (LARGEST_BODY + 1), headers=sent), 413)
    error(client.put(f"/{STUDY}/reading", content=iter([b"{}"]), headers=sent), 411)
    nested = b'{"revision": 0, "actions": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert client.put(f"/{STUDY}/reading", content=nested, headers=sent).status_code in (400, 500)


@pytest.mark.parametrize(
    "path",
    [
        "api/studies/other", "api/studies/..%2fs1", "api/studies/%2e%2e", "api/studies/s1%00",
        f"{STUDY}/films/other/dicom",
        f"{STUDY}/films/..%2f..%2fstudy.json/dicom", f"{STUDY}/films/{FILM}/layers/..%2f..%2fstudy.json.png",
        f"{STUDY}/films/{FILM}/layers/hearts.png", f"{STUDY}/files/..%2fstudies.jsonl", f"{STUDY}/files/films",
        f"{STUDY}/files/films%2f1.dcm", f"{STUDY}/files/.made-from", f"{STUDY}/files/%2fetc%2fpasswd", "api/nothing",
        "..%2f..%2fetc%2fpasswd", "assets/..%2f..%2fout%2fs1%2fstudy.json", "assets/", "assets/.hidden.js",
    ],
)  # fmt: skip
def test_what_is_not_listed_is_not_there(client: Any, path: str) -> None:
    assert error(client.get(f"/{path}"), 404)


def test_a_link_in_a_studys_folder_leads_nowhere(client: Any, results: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (results / "s1" / "linked.json").symlink_to(tmp_path / "secret.json")
    error(client.get(f"/{STUDY}/files/linked.json"), 404)


def test_a_written_page_cannot_run_scripts(client: Any) -> None:
    answer = client.get(f"/{STUDY}/files/page.html")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_methods_that_are_not_offered_are_refused(client: Any) -> None:
    assert error(client.delete(f"/{STUDY}"), 405)
    assert error(client.post(f"/{STUDY}/reading", json={}), 405)


def test_concepts_are_listed_for_the_editor(client: Any) -> None:
    listed = client.get("/api/concepts").json()
    assert {"concept": "pleural effusion", "label": "Pleural effusion", "sided": True} in listed


def test_an_unforeseen_error_is_a_sentence_without_its_words(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret path /home/x")

    shelf.sheet = broken  # type: ignore[method-assign, assignment]
    assert "secret" not in error(client.get(f"/{STUDY}"), 500)
