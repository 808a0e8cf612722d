"""The page about projection: its commands and its snippet run as written, on made CTs under the names it uses."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.app.project_settings import FORMATS, PHYSICS
from hilum.data.ct import collections
from tests.app.conftest import Ran
from tests.app.test_project_command import scan
from tests.data.made_ct import chest, series

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "projection.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_commands_and_snippet_run_as_written(
    tmp_path: Path, hilum: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scan(tmp_path, "ct")
    series(tmp_path / "slices", chest()[0])
    scan(tmp_path / "cts", "a")
    lines = [line for block in re.findall(r"```\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
    own = [line.split()[1:] for line in lines if "--example" not in line and "--from" not in line]
    assert len(own) == 3
    for command in own:
        small = ["--size", "48"] if "--size" not in command else []
        ran = hilum(*[word if word != "2048" else "96" for word in command], *small)
        assert ran.code == 0, ran.err
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "a PA (48, 48) ['lungs', 'heart']" in done.stdout


def test_every_option_collection_format_and_physics_is_on_the_page(hilum: Callable[..., Ran]) -> None:
    shown = hilum("project", "--help").out
    options = {name for name in re.findall(r"--[a-z][a-z-]+", shown) if name not in ("--help", "--quiet", "--json")}
    everywhere = {"--seed", "--out", "--view", "--labels", "--example"}
    assert [name for name in sorted(options - everywhere) if name not in PAGE and not name.startswith("--no-r")] == []
    for name in (*collections(), *FORMATS, *PHYSICS):
        assert name in PAGE
