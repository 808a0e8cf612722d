"""The application as strangers, readers and administrators meet it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.serve import films
from tests.app.serve.served import Served, served

UIDS = (films.study_uid(1), films.study_uid(2))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with served(folder / "root") as made:
        for number, name in enumerate(("Doe^Jane", '<script>alert("x")</script>'), start=1):
            data = films.film_bytes(folder, number, PatientName=name)
            made.department.archive.store(io.BytesIO(data), source="test")
        yield made


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a queue that nobody works on."""
    folder = tmp_path_factory.mktemp("queued")
    with served(folder / "root", work__enabled=True, work__workers=0) as made:
        made.department.archive.store(io.BytesIO(films.film_bytes(folder, 1)), source="test")
        yield made


def _paths(server: Served) -> list[tuple[str, str]]:
    """Every path and method that the API describes, with ids that are there."""
    told = server.client().get("/api/openapi.json", headers=server.admin).json()
    fill = {
        "study_id": UIDS[0], "film_id": films.sop_uid(1), "name": "study.json", "job_id": "none", "study": UIDS[0],
        "series": films.series_uid(1), "instance": films.sop_uid(1), "numbers": "1", "place": "1",
    }  # fmt: skip
    found = []
    for path, methods in told["paths"].items():
        for name, value in fill.items():
            path = path.replace("{" + name + "}", value)
        found += [(method.upper(), path) for method in methods]
    return found


def test_nothing_without_signing_in(queued: Served) -> None:
    asked = _paths(queued)
    assert len(asked) > 30
    assert not [path for _, path in asked if "{" in path]
    client = queued.client()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "hilum_session=a.b.c"}):
        answers = {
            f"{method} {path}": client.request(method, path, headers=headers).status_code for method, path in asked
        }
        assert set(answers.values()) == {401}, answers
    assert client.get("/api/openapi.json").status_code == 401


def test_a_reader_is_no_administrator(queued: Served) -> None:
    client, server = queued.client(), queued
    refused = [
        ("GET", "/api/audit"), ("DELETE", f"/api/studies/{UIDS[0]}"), ("DELETE", f"/dicomweb/studies/{UIDS[0]}"),
        ("POST", "/api/jobs/x/cancel"), ("POST", "/api/jobs/x/retry"),
    ]  # fmt: skip
    for method, path in refused:
        assert client.request(method, path, headers=server.reader).status_code == 403, path
    assert client.get("/api/worklist", headers=server.reader).json()["total"] == 1


def test_a_browser_signs_in_works_and_signs_out(server: Served) -> None:
    client = server.client()
    gone = client.get("/")
    assert (gone.status_code, gone.headers["location"]) == (303, "/signin")
    form = client.get("/signin")
    assert form.status_code == 200
    assert "script" not in form.text.lower()
    assert "form-action 'self'" in form.headers["content-security-policy"]
    secret = server.reader["Authorization"].removeprefix("Bearer ")
    wrong = client.post("/signin", data={"token": "wrong"}, headers={"Origin": "http://room.example"})
    assert (wrong.status_code, "not known" in wrong.text) == (401, True)
    strange = client.post("/signin", data={"token": secret}, headers={"Origin": "http://evil.example"})
    assert strange.status_code == 403
    right = client.post("/signin", data={"token": secret}, headers={"Origin": "http://room.example"})
    cookie = right.headers["set-cookie"].lower()
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    session = client.get("/api/session").json()
    assert (session["user"], session["roles"]) == ("jo", ["reader"])
    url, told = f"/api/studies/{UIDS[0]}/draft", {"actions": []}
    assert client.post(url, json=told).status_code == 403
    assert client.post(url, json=told, headers={"X-Hilum-CSRF": session["csrf"]}).status_code == 200
    assert client.post("/signout").status_code == 303
    client.cookies.clear()
    assert client.get("/api/session").status_code == 401


def test_too_many_wrong_tokens(tmp_path: Path) -> None:
    with served(tmp_path, limits__sign_ins_per_minute=2) as server:
        client = server.client()
        answers = [client.post("/signin", data={"token": "x"}).status_code for _ in range(3)]
        assert answers == [401, 401, 429]
        known = server.reader["Authorization"].removeprefix("Bearer ")
        assert client.post("/signin", data={"token": known}).status_code == 429


def test_every_answer_has_its_headers(server: Served) -> None:
    client = server.client()
    for path in ("/", "/signin", "/api/session", "/dicomweb/studies", "/nothing/here", "/health"):
        headers = client.get(path, headers=server.reader).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "content-security-policy" in headers, path
        assert headers["x-frame-options"] == "DENY", path


def test_a_script_in_a_name_stays_words(server: Served) -> None:
    client = server.client()
    rows = client.get("/api/worklist", headers=server.reader)
    assert rows.headers["content-type"] == "application/json"
    assert any("<script>" in row["label"] + row["patient"] for row in rows.json()["rows"])
    page = client.get(f"/dicomweb/studies/{UIDS[1]}", headers={**server.reader, "Accept": "text/html"})
    assert "text/html" not in page.headers.get("content-type", "")


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/..%2f..%2fetc/passwd", "/api/studies/..%2f..%2fetc", "/assets/..%5c..%5cwin.ini",
    f"/api/studies/{UIDS[0]}/files/..%2f..%2findex.db", f"/api/studies/{UIDS[0]}/files/%2fetc%2fpasswd", "/%00",
])  # fmt: skip
def test_no_path_leaves_the_folder(server: Served, path: str) -> None:
    answer = server.client().get(path, headers=server.reader)
    assert answer.status_code in (400, 404), answer.text
    assert "root:" not in answer.text


def test_header_injection_in_a_study_id(server: Served) -> None:
    answer = server.client().get("/api/studies/1.2%0d%0aSet-Cookie:%20x=1", headers=server.reader)
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


def test_what_was_done_is_written_down(tmp_path: Path) -> None:
    with served(tmp_path / "root") as server:
        server.department.archive.store(io.BytesIO(films.film_bytes(tmp_path, 1)), source="test")
        client = server.client()
        client.get(f"/api/studies/{UIDS[0]}", headers=server.reader)
        client.post("/signin", data={"token": "wrong"})
        assert client.delete(f"/api/studies/{UIDS[0]}", headers=server.admin).status_code == 204
        rows = client.get("/api/audit", headers=server.admin).json()["rows"]
        text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "root" / "audit").iterdir())
    told = [(row["who"], row["what"]) for row in rows]
    assert told == [("boss", "delete"), ("unknown", "sign-in refused"), ("jo", "open")]
    assert UIDS[0] not in text
    assert "Doe" not in text


def test_a_deleted_study_is_gone_with_its_reading(tmp_path: Path) -> None:
    from hilum.app.serve import results

    with served(tmp_path / "root") as server:
        server.department.archive.store(io.BytesIO(films.film_bytes(tmp_path, 1)), source="test")
        client = server.client()
        added: dict[str, Any] = {"do": "add", "concept": "pleural effusion", "state": "present", "side": "left"}
        url = f"/api/studies/{UIDS[0]}"
        saved = client.put(f"{url}/reading", json={"revision": 0, "actions": [added]}, headers=server.reader)
        assert saved.status_code == 200, saved.text
        assert saved.json()["findings"][0]["concept"] == "pleural effusion"
        folder = results.folder_of(tmp_path / "root", UIDS[0])
        assert (folder / "study.json").is_file()
        assert client.delete(url, headers=server.admin).status_code == 204
        assert not folder.exists()
        assert client.get(url, headers=server.reader).status_code == 404


def test_behind_a_prefix(tmp_path: Path) -> None:
    with served(tmp_path, http__prefix="/hilum") as server:
        client = server.client()
        for path in ("/hilum/", "/"):  # the proxy leaves it on, or takes it off
            answer = client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/hilum/signin")
        secret = server.reader["Authorization"].removeprefix("Bearer ")
        entered = client.post("/hilum/signin", data={"token": secret})
        assert entered.headers["location"] == "/hilum/"
        assert "path=/hilum/" in entered.headers["set-cookie"].lower()
        assert client.get("/hilum/api/session").status_code == 200


def test_a_database_that_is_away_is_said_without_its_address(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url, cluster = request.getfixturevalue("postgres"), request.getfixturevalue("cluster")
    with served(tmp_path, database=url) as server:
        server.department.database.patience_s = 0.2
        cluster.stop()
        try:
            for path in ("/api/worklist", "/health", "/dicomweb/studies"):
                answer = server.client().get(path, headers=server.reader)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
                assert answer.json()["error"]["message"]
            assert str(cluster.port) not in server.client().get("/api/worklist", headers=server.reader).text
        finally:
            cluster.start()
        server.department.database.patience_s = 30.0
        assert server.client().get("/api/worklist", headers=server.reader).status_code == 200


@pytest.mark.slow
def test_two_servers_do_not_share_a_folder_of_work(tmp_path: Path) -> None:
    from hilum.core.errors import InputError

    with (
        served(tmp_path, work__enabled=True, work__workers=1),
        pytest.raises(InputError),
        served(tmp_path, work__enabled=True, work__workers=1),
    ):
        pass
