"""The door and the page: one link, one browser; headers, types, prefix, compression, and this machine only."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from hilum.app.view.local import LocalShelf
from hilum.app.view.page import bundle, checked_prefix
from hilum.core.errors import InputError
from tests.app.view.conftest import EXAMPLE

pytest.importorskip("uvicorn", reason="the page needs uvicorn")
from hilum.app.view.room import Door, address, application, listening

Room = Callable[..., Any]


def test_the_link_opens_once_and_then_the_cookie_does(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf, enter=False)
    link = f"/?token={client.door.token}"
    first = client.get(link, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert client.get("/").status_code == 200
    assert client.get(link, follow_redirects=False).status_code == 303  # the same browser may come again
    client.cookies.clear()
    again = client.get(link, headers={"accept": "text/html"}, follow_redirects=False)
    assert again.status_code == 401
    assert "used already" in again.text


@pytest.mark.parametrize("token", ["", "guess", "é", "%00"])
def test_a_guessed_link_opens_nothing(room: Room, shelf: LocalShelf, token: str) -> None:
    client = room(shelf, enter=False)
    assert client.get(f"/?token={token}", follow_redirects=False).status_code == 401
    assert "set-cookie" not in client.get(f"/?token={token}", follow_redirects=False).headers


def test_two_rooms_do_not_know_each_others_browsers(room: Room, shelf: LocalShelf) -> None:
    one, two = room(shelf), room(shelf, enter=False)
    two.cookies.update(one.cookies)
    assert two.get("/api/session").status_code == 401


def test_every_answer_carries_the_headers_that_keep_a_page_safe(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf)
    for path in ("/", "/assets/main-AbCdEf12.js", "/api/session", "/api/studies/nobody", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    policy = client.get("/").headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy  # nothing from anywhere else
    assert "default-src 'none'" in policy


def test_files_have_the_types_that_a_browser_insists_on(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf)
    kinds = {
        "main-AbCdEf12.js": "text/javascript",
        "decode-AbCdEf12.wasm": "application/wasm",
        "worker.mjs": "text/javascript",
    }
    for name, kind in kinds.items():
        assert client.get(f"/assets/{name}").headers["content-type"].startswith(kind)


def test_what_has_its_hash_in_its_name_is_kept_for_good_and_the_rest_asked_anew(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf)
    assert "immutable" in client.get("/assets/main-AbCdEf12.js").headers["cache-control"]
    assert client.get("/assets/worker.mjs").headers["cache-control"] == "no-cache"
    index = client.get("/")
    assert index.headers["cache-control"] == "no-cache"
    assert client.get("/", headers={"If-None-Match": index.headers["etag"]}).status_code == 304


def test_text_is_packed_for_whoever_takes_it(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf)
    with client.stream("GET", "/assets/main-AbCdEf12.js", headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
    plain = client.get("/assets/main-AbCdEf12.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 10


def test_a_prefix_is_in_the_base_of_the_page_and_may_be_left_on_or_off(room: Room, shelf: LocalShelf) -> None:
    client = room(shelf, prefix="/ward/3")
    for path in ("/", "/ward/3/", "/ward/3"):
        assert '<base href="/ward/3/">' in client.get(path).text
    assert client.get("/ward/3/api/session").status_code == 200
    assert client.get("/ward/3/assets/worker.mjs").status_code == 200
    assert client.get("/ward/33/api/session").status_code == 404
    assert '<base href="/">' in room(shelf).get("/").text


def test_the_base_comes_before_everything_that_it_is_for(room: Room, shelf: LocalShelf) -> None:
    assert "<head><base href=" in room(shelf).get("/").text


@pytest.mark.parametrize(("given", "made"), [("", ""), ("/", ""), ("ward", "/ward"), ("/a/b/", "/a/b")])
def test_a_prefix_is_written_in_one_way(given: str, made: str) -> None:
    assert checked_prefix(given) == made


@pytest.mark.parametrize("given", ['/"><script>', "/a b", "/../x", "/a?b", "/é"])
def test_a_prefix_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="looks like"):
        checked_prefix(given)


def test_a_page_that_was_not_built_says_how_to_build_it(shelf: LocalShelf, tmp_path: Path) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    door = Door()
    client = testclient.TestClient(application(shelf, door, root=tmp_path / "none"), base_url="http://127.0.0.1")
    client.get(f"/?token={door.token}", follow_redirects=False)
    answer = client.get("/")
    assert answer.status_code == 404
    assert "npm run build" in answer.json()["error"]["message"]
    assert client.get("/api/session").status_code == 200  # the API is there all the same


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])
def test_other_machines_are_let_in_only_in_words(host: str) -> None:
    with pytest.raises(InputError, match="--allow-network"):
        listening(host, 0)


def test_a_free_port_is_found_and_a_taken_one_is_said_to_be() -> None:
    with listening("127.0.0.1", 0) as one:
        one.listen()
        port = one.getsockname()[1]
        assert address(one, Door(token="abc"), "/x") == f"http://127.0.0.1:{port}/x/?token=abc"
        with pytest.raises(InputError, match=r"cannot listen on 127\.0\.0\.1"):
            listening("127.0.0.1", port)


@pytest.mark.skipif(not (bundle() / "index.html").is_file(), reason="the page is not built here")
def test_the_built_page_asks_for_nothing_that_its_policy_forbids(room: Room, shelf: LocalShelf) -> None:
    text = (bundle() / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "an inline script would not run"
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", text)
    assert not re.search(r"""(src|href)=["']/""", text), "an absolute address would lose a proxy's prefix"


@pytest.mark.slow
def test_the_verb_prints_a_link_serves_and_stops_at_an_interrupt(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hilum", "view", str(EXAMPLE), "--no-browser", "--no-model", "--prefix", "/r"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ
    )
    try:
        assert running.stdout
        link = re.search(r"http://127\.0\.0\.1:\d+/r/\?token=\S+", running.stdout.readline())
        assert link
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        browser = urllib.request.build_opener(jar)
        home = link.group().split("?")[0]
        with suppress(urllib.error.HTTPError):  # a tree whose page is not built yet
            browser.open(link.group(), timeout=60).read()
        listed = browser.open(f"{home}api/worklist", timeout=60).read().decode()
        assert '"total":1' in listed
        assert "example-film.dcm" in listed
    finally:
        running.send_signal(signal.SIGINT)
        _out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "Traceback" not in err
    assert "Closed." in err
    assert not (tmp_path / "readings").exists()  # nothing was saved, so nothing was written
