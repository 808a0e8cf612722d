"""`hilum serve` as a process: first start, a film by DICOM and by the web, a reading in the worklist, a clean end."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

httpx = pytest.importorskip("httpx", reason="needs hilum[serve]")
pytest.importorskip("dbos", reason="needs hilum[serve]")
from typer.testing import CliRunner  # noqa: E402

from hilum.app.cli import app  # noqa: E402
from hilum.app.serve.peer import echo, store_files  # noqa: E402
from tests.app.serve.process import running  # noqa: E402

EXAMPLE = Path(__file__).parents[3] / "src" / "hilum" / "app" / "static" / "example-film.dcm"


def _until(client: Any, state: str, seconds: float = 90.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    rows: list[dict[str, Any]] = []
    while time.monotonic() < end:
        rows = client.get("api/worklist").json()["rows"]
        if rows and all(row["state"] == state for row in rows):
            return rows[0]
        time.sleep(0.3)
    raise AssertionError(f"no study came to '{state}': {rows}")


@pytest.mark.slow
def test_a_film_comes_is_read_and_listed_and_all_is_there_after_a_restart(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root) as server:
        echo(server.node)
        assert store_files(server.node, [EXAMPLE]) == 1
        with server.client() as client:
            row = _until(client, "read")
            sheet = client.get(f"api/studies/{row['id']}").json()
            film = client.get(sheet["films"][0]["dicom"])
            jobs = client.get("api/jobs").json()["rows"]
            stored = client.get("dicomweb/instances").json()
        assert film.content[128:132] == b"DICM"
        assert sheet["report"]["sentences"]
        assert "Research use only" in sheet["caution"]
        assert [job["state"] for job in jobs] == ["done"]
        assert len(stored) > 1, "our own objects are in the archive too"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) in (0, -signal.SIGTERM)
    with running(root) as server, server.client() as client:
        again = client.get(f"api/studies/{row['id']}").json()
        assert again["findings"] == sheet["findings"]
        assert [job["state"] for job in client.get("api/jobs").json()["rows"]] == ["done"]
    log = (root / "server.log").read_text(encoding="utf-8")
    assert row["id"] not in log


@pytest.mark.slow
def test_tls_and_a_second_server_in_the_same_folder(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=False, capture_output=True,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not installed")
    root = tmp_path / "root"
    secured = ("--set", f"http.certificate={certificate}", "--set", f"http.key={key}")
    with running(root, *secured) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.get(server.url + "signin", verify=context)
        assert answer.headers["strict-transport-security"]
        second = subprocess.run(
            [sys.executable, "-m", "hilum", "serve", str(root), "--port", "0", "--dicom-port", "0"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "Traceback" not in second.stderr
        assert "another" in second.stderr.lower()


def _hilum(*words: str) -> Any:
    return CliRunner().invoke(app, ["serve", *words])


def test_tokens_from_the_command_line(tmp_path: Path) -> None:
    root = str(tmp_path)
    made = json.loads(_hilum(root, "--add-token", "CT 2", "--json").stdout)
    assert (made["name"], made["role"], len(made["token"]) > 30) == ("CT 2", "reader", True)
    assert "CT 2  reader" in _hilum(root, "--tokens").stdout
    assert _hilum(root, "--revoke-token", "CT 2").exit_code == 0
    assert "none" in _hilum(root, "--tokens").stdout


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "hilum.toml"
    (tmp_path / "file").write_text("", encoding="utf-8")
    config.write_text(
        f'root = "{tmp_path}/file"\n[http]\nhost = "0.0.0.0"\nport = 0\n[dicom]\nport = 0\nae_title = "{"X" * 17}"\n'
        '[work]\nworkers = 0\n[results]\nsend_to = ["pacs"]\n[[peers]]\nname = "gone"\nae_title = "GONE"\n'
        'host = "127.0.0.1"\nport = 1\n',
        encoding="utf-8",
    )
    answer = _hilum("--config", str(config), "--check", "--json")
    told = {(line["part"], line["verdict"]): line["words"] for line in json.loads(answer.stdout)}
    assert answer.exit_code == 1
    assert "is a file" in told["root", "wrong"]
    assert "nothing encrypts" in told["web", "wrong"]
    assert "17" in told["dicom", "wrong"] or "16" in told["dicom", "wrong"]
    assert "nothing would be read" in told["work", "wrong"]
    assert "names 'pacs'" in told["results", "wrong"]
    assert ("peers", "warning") in told
    assert {path.name for path in tmp_path.iterdir()} == {"file", "hilum.toml"}


def test_check_of_a_good_one(tmp_path: Path) -> None:
    answer = _hilum(str(tmp_path / "new" / "root"), "--port", "0", "--dicom-port", "0", "--check")
    assert answer.exit_code == 0, answer.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [["--set", "http.prot=1"], ["--config", "/none.toml"], ["--set", "port"], [__file__]])
def test_bad_words_are_one_sentence(words: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "hilum", "serve", *words],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1
