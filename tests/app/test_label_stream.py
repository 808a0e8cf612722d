"""Memory while many reports stream: the benchmark's own measure, on a small number of reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = ROOT / "benchmarks" / "label_stream.py"


@pytest.mark.slow
def test_resident_memory_hardly_grows_in_the_second_half(tmp_path: Path) -> None:
    """Ten thousand rows more would weigh over 25 MB if they were kept; ids and the sentence cache weigh a few."""
    pytest.importorskip("psutil", reason="psutil is not installed")
    code = (
        f"import sys; sys.path.insert(0, {str(BENCHMARK.parent)!r})\n"
        "import json, pathlib, label_stream\n"
        "from hilum.app.label_rows import Reading\n"
        f"marks, rate = label_stream.measure(20_000, pathlib.Path({str(tmp_path)!r}), Reading(), 0)\n"
        "print(json.dumps([marks, rate]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    marks, rate = json.loads(done.stdout.splitlines()[-1])
    assert rate > 0
    assert marks["100"] - marks["50"] < 12, marks
    assert marks["100"] - marks["0"] < 80, marks
    rows = (tmp_path / "labels.jsonl").stat().st_size
    assert rows > 20_000 * 1000
