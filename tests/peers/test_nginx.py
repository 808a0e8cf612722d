"""Behind a real nginx, under a path: the proxy takes the path off, or leaves it on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

httpx = pytest.importorskip("httpx", reason="needs hilum[serve]")
pytest.importorskip("dbos", reason="needs hilum[serve]")

from hilum.app.serve.deliver import send_to_web  # noqa: E402
from tests.app.serve.process import Serving, free_port, running, until  # noqa: E402
from tests.peers.conftest import example, study_uid  # noqa: E402

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.access(NGINX, os.X_OK), reason="needs nginx (Debian: nginx-light)"),
]
WAYS = {"takes the path off": "/", "leaves it on": ""}


def _settings(folder: Path, places: dict[int, str], server_port: int) -> str:
    proxies = "\n".join(
        f"""server {{ listen 127.0.0.1:{port}; location /hilum/ {{
            proxy_pass http://127.0.0.1:{server_port}{end}; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme; client_max_body_size 2g; proxy_request_buffering off; }} }}"""
        for port, end in places.items()
    )
    temporary = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    account = "user root;" if os.getuid() == 0 else ""
    return f"""{account} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
        events {{}} http {{ access_log off; {temporary} {proxies} }}"""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, dict[str, str]]]:
    """A server under /hilum, and its address through nginx in both ways."""
    place = tmp_path_factory.mktemp("nginx")
    ports = {way: free_port() for way in WAYS}
    more = ("--prefix", "/hilum", "--set", 'http.trusted_proxies=["127.0.0.1"]', "--set", "work.settle_seconds=1.0")
    with running(place / "root", *more) as server:
        own = int(re.findall(r":(\d+)/", server.url)[0])
        config = place / "nginx.conf"
        config.write_text(_settings(place, {port: WAYS[way] for way, port in ports.items()}, own), encoding="utf-8")
        proxy = subprocess.Popen([NGINX, "-p", str(place), "-c", str(config)], stderr=subprocess.PIPE)
        try:
            urls = {way: f"http://127.0.0.1:{port}/hilum/" for way, port in ports.items()}
            until(lambda: all(_answers(url) for url in urls.values()), "nginx answers", 30)
            yield server, urls
        finally:
            proxy.terminate()
            proxy.wait(20)


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}health", timeout=10).status_code == 200)
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("way", WAYS)
def test_the_page_its_files_and_the_sign_in(behind: tuple[Serving, dict[str, str]], way: str) -> None:
    server, url = behind[0], behind[1][way]
    home = url.removesuffix("hilum/")
    with httpx.Client(base_url=home, timeout=30) as client:
        gone = client.get("hilum/")
        assert (gone.status_code, gone.headers["location"]) == (303, "/hilum/signin")
        assert 'action="/hilum/signin"' in client.get("hilum/signin").text
        entered = client.post("hilum/signin", data={"token": server.token}, headers={"Origin": home.strip("/")})
        assert (entered.status_code, entered.headers["location"]) == (303, "/hilum/")
        cookie = entered.headers["set-cookie"]
        assert "Path=/hilum/" in cookie
        kept = {"Cookie": cookie.split(";")[0]}
        page = client.get("hilum/", headers=kept)
        assert page.status_code == 200
        parts = re.findall(r'(?:src|href)="([^"#:]+)"', page.text)
        assert parts
        for part in parts:
            found = client.get(str(httpx.URL(url).join(part)), headers=kept)
            assert (found.status_code, len(found.content) > 0) == (200, True), part
        session = client.get("hilum/api/session", headers=kept).json()
        assert session["user"] == "admin"
        told = {"headers": {**kept, "Origin": home.strip("/"), "X-Hilum-CSRF": session["csrf"]}}
        assert client.post("hilum/api/jobs/none/cancel", **told).status_code == 404
        strange = {**told["headers"], "Origin": "http://elsewhere.example"}
        assert client.post("hilum/api/jobs/none/cancel", headers=strange).status_code == 403


@pytest.mark.parametrize(("way", "study"), [(way, 1 + number) for number, way in enumerate(WAYS)])
def test_films_go_in_news_come_out_and_addresses_lead_back(
    behind: tuple[Serving, dict[str, str]], way: str, study: int, tmp_path: Path
) -> None:
    server, url = behind[0], behind[1][way]
    seen: list[dict[str, Any]] = []
    with httpx.Client(headers=server.headers, timeout=60) as client:
        with client.stream("GET", f"{url}api/events") as news:
            assert news.headers["content-type"].startswith("text/event-stream")
            send_to_web(f"{url}dicomweb", [example(tmp_path, study)], token=server.token)
            for line in news.iter_lines():
                if line.startswith("data:") and study_uid(study) in line:
                    seen.append(json.loads(line.removeprefix("data:")))
                    if seen[-1]["state"] == "read":
                        break
        assert seen[-1]["study"] == study_uid(study)
        found = client.get(f"{url}dicomweb/studies", params={"StudyInstanceUID": study_uid(study)}).json()
        address = found[0]["00081190"]["Value"][0]
        assert address == f"{url}dicomweb/studies/{study_uid(study)}"
        assert client.get(f"{address}/metadata").status_code == 200
        sheet = client.get(f"{url}api/studies/{study_uid(study)}").json()
        picture = client.get(str(httpx.URL(url).join(sheet["films"][0]["thumbnail"])))
        assert picture.content.startswith(b"\x89PNG")


def test_the_audit_knows_the_client_and_not_the_proxy(behind: tuple[Serving, dict[str, str]]) -> None:
    """Behind a trusted proxy the address is the client's own, also where a client claims another."""
    server, urls = behind
    url = urls["takes the path off"]
    httpx.post(f"{url}signin", data={"token": "wrong"}, headers={"X-Forwarded-For": "192.0.2.7"}, timeout=30)
    rows = httpx.get(f"{url}api/audit", headers=server.headers, timeout=30).json()["rows"]
    refused = [row for row in rows if row["what"] == "sign-in refused"]
    assert [row["address"] for row in refused] == ["127.0.0.1"]
