"""The reading room in a real browser without a window: open, window, overlays, edit, save, open again.

Screenshots go to the folder that HILUM_SHOTS names, else to the test's own. Needs Chromium, node and playwright-core
(`npm i --no-save playwright-core` in viewer/, or HILUM_PLAYWRIGHT naming the folder whose node_modules has it).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from hilum.app.batch import Options, read_batch
from hilum.app.view.page import bundle
from tests.app.view.conftest import EXAMPLE

ROOT = Path(__file__).resolve().parents[2]
PLACES = [Path(os.environ.get("HILUM_PLAYWRIGHT") or ROOT / "viewer"), Path.home() / ".cache" / "hilum-browser"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PLAYWRIGHT = next((place for place in PLACES if (place / "node_modules" / "playwright-core").is_dir()), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser"),
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
    pytest.mark.skipif(PLAYWRIGHT is None, reason="needs playwright-core: npm i --no-save playwright-core in viewer/"),
    pytest.mark.skipif(not (bundle() / "index.html").is_file(), reason="the page is not built"),
]
FINDING = "lung opacity"


def results(folder: Path) -> tuple[Path, str]:
    """Two studies of one patient, read by the embedded model; the later one's folder name."""
    for number, day in enumerate(("20240110", "20240302")):
        ds = pydicom.dcmread(EXAMPLE)
        ds.PatientID, ds.StudyDate = "example-1", day
        ds.StudyInstanceUID, ds.SOPInstanceUID = f"2.25.70{number}", f"2.25.71{number}"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.save_as(folder / f"{day}.dcm", enforce_file_format=True)
    films = sorted(folder.glob("*.dcm"))
    read_batch(films, folder / "out", options=Options(keep_identifiers=True))
    return folder / "out", "2.25.701"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the browser saw, with the folder of results and of screenshots."""
    place = tmp_path_factory.mktemp("browser")
    shots = Path(os.environ.get("HILUM_SHOTS") or place / "shots")
    shots.mkdir(parents=True, exist_ok=True)
    out, study = results(place)
    command = [sys.executable, "-m", "hilum", "view", str(out), "--no-browser", "--reader", "Dr. Browser"]
    room = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=place)
    try:
        assert room.stdout
        link = re.search(r"http://\S+", room.stdout.readline())
        assert link
        told = {"HILUM_PLAYWRIGHT": str(PLAYWRIGHT), "HILUM_CHROMIUM": str(CHROMIUM), "HILUM_STUDY": study}
        script = ["node", str(Path(__file__).with_name("room.mjs")), link.group(), str(shots)]
        environment = {**os.environ, **told, "HILUM_FINDING": FINDING}
        done = subprocess.run(script, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stderr
        yield {**json.loads(done.stdout), "out": out, "study": study, "shots": shots}
    finally:
        room.send_signal(signal.SIGINT)
        room.wait(timeout=60)


def test_the_page_runs_under_its_policy_and_asks_nobody_else(seen: dict[str, Any]) -> None:
    assert seen["problems"] == []
    assert seen["requests"] == []
    assert seen["address"] == "clean"


def test_the_film_hangs_with_its_letters_its_caution_and_its_prior(seen: dict[str, Any]) -> None:
    words = seen["film"].split()
    assert {"R", "L", "H", "F"} <= set(words)
    assert "SYNTHETIC" in words
    assert "at detector" in seen["film"]
    assert [name.split(",")[:2] for name in seen["groups"]] == [["PA", " current"], ["PA", " prior"]]


def test_dragging_and_presets_change_the_window(seen: dict[str, Any]) -> None:
    window = seen["window"]
    assert window["sent"] == [2048, 4096]
    assert window["dragged"][0] != window["sent"][0]
    assert window["dragged"][1] != window["sent"][1]
    assert window["lungs"] == [pytest.approx(1229, abs=1), pytest.approx(2458, abs=1)]
    assert window["again"] == window["sent"]


def test_the_keys_invert_the_film_and_take_overlays_away(seen: dict[str, Any]) -> None:
    grey = seen["grey"]
    assert abs(grey["inverted"] - grey["before"]) > 5
    assert grey["again"] == pytest.approx(grey["before"], abs=2)
    assert grey["bare"] != pytest.approx(grey["before"], abs=0.5)
    assert list(seen["overlay"].values()) == ["true", "false", "true"]


def test_the_keys_are_told(seen: dict[str, Any]) -> None:
    assert all(word in seen["help"].lower() for word in ("invert", "window", "finding", "prior"))


def test_the_prose_follows_the_list_and_comes_back_with_undo(seen: dict[str, Any]) -> None:
    prose = seen["prose"]
    assert FINDING in prose["before"].lower()
    assert FINDING not in prose["rejected"].lower()
    assert prose["undone"] == prose["before"]
    assert prose["reopened"] == prose["rejected"]


def test_what_was_saved_in_the_browser_is_on_disk_and_signed(seen: dict[str, Any]) -> None:
    assert "Dr. Browser" in seen["record"]
    record = json.loads((seen["out"] / seen["study"] / "study.json").read_text(encoding="utf-8"))
    assert record["revision"] == 1
    assert [(edit["who"], edit["what"]) for edit in record["edits"]] == [("Dr. Browser", "reject")]
    assert FINDING not in [each["concept"] for each in record["findings"]]


def test_screenshots_are_kept(seen: dict[str, Any]) -> None:
    shots = {path.stem: path.stat().st_size for path in seen["shots"].glob("*.png")}
    assert {"study", "keys", "edited", "record", "tablet"} <= set(shots)
    assert min(shots.values()) > 20_000
