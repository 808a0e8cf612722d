"""A department's server in a real browser: sign in, worklist, a finding rejected, saved under the signed-in name."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("dbos", reason="needs hilum[serve]")

from hilum.app.serve.access import Tokens
from hilum.app.serve.peer import store_files
from tests.app.serve.process import running
from tests.app.view.conftest import EXAMPLE
from tests.browser.test_room import CHROMIUM, PLAYWRIGHT, pytestmark  # noqa: F401


def test_sign_in_read_edit_save(tmp_path: Path) -> None:
    root = tmp_path / "root"
    shots = Path(os.environ.get("HILUM_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    with running(root) as server:
        token = Tokens(root / "access" / "tokens.json").add("Dr. Browser")  # as beside a running server
        assert store_files(server.node, [EXAMPLE]) == 1
        (row,) = server.all_read(1)
        script = Path(__file__).with_name("serve.mjs")
        ran = subprocess.run(
            ["node", str(script), server.url, token, str(shots), str(PLAYWRIGHT), str(CHROMIUM)],
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr[-2000:]
        seen = json.loads(ran.stdout.splitlines()[-1])
        sheet = server.get(f"api/studies/{row['id']}")
    assert seen["asked"].endswith("/signin")
    assert "not known" in seen["refused"]
    assert seen["left"].endswith("/signin")
    assert seen["problems"] == []
    assert sheet["state"] == "edited"
    assert [(edit["who"], edit["what"]) for edit in sheet["edits"]][-1][0] == "Dr. Browser"
    assert sheet["findings"][0]["verdict"] == "rejected"
