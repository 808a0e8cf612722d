"""`hilum draw` and `hilum view`: whole cohorts with exact truth, the same bytes however they were built."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hilum.app.cli import main
from hilum.app.draw_card import card
from hilum.app.draw_run import draw_cohort, rows_of
from hilum.app.view_patient import visits_of
from hilum.core.errors import InputError
from hilum.core.region import Box, Mask
from hilum.core.registry import get as hilum_get
from hilum.data.virtual import manifest, masks_of, truth_of, verify, virtual
from hilum.phantom.recipe import Recipe
from hilum.text.loop import all_stated
from hilum.text.parse import parse, to_findings

pytest.importorskip("numba")
FLAGS = ("--size", 64, "--spacing", 4, "--workers", 1)
SMALL = Recipe(6, 3, size=64, spacing_mm=4.0, per_shard=2)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("virtual") / "c"
    assert all(row.status == "drawn" for row in draw_cohort(SMALL, out))
    return out


READ_AS = {"healed rib fracture": "rib fracture"}  # read back with the onset 'healed'


def bytes_of(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def hilum(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def test_every_patient_is_there_once_and_in_order_of_time(cohort: Path) -> None:
    courses = list(virtual(cohort).timelines())
    assert {visits[0].patient for visits in courses} == {SMALL.patient(n) for n in range(SMALL.patients)}
    for visits in courses:
        times = [visit.time for visit in visits]
        assert times == sorted(set(times), key=str)  # type: ignore[type-var]
        assert [visit.prior.id if visit.prior else "" for visit in visits] == ["", *[v.id for v in visits[:-1]]]
    assert verify(cohort) == ()


def test_boxes_are_the_extents_of_masks_and_masks_lie_on_their_film(cohort: Path) -> None:
    seen = 0
    for study in virtual(cohort):
        films = {film.id: film for film in study.films}
        for finding in study.findings:
            boxes = {region.image: region for region in finding.regions if isinstance(region, Box)}
            for mask in (region for region in finding.regions if isinstance(region, Mask)):
                assert mask.pixels.shape == films[mask.image].pixels.shape
                rows, columns = np.nonzero(mask.pixels)
                expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                assert boxes[mask.image].corners == expected
                seen += 1
    assert seen > 0


def test_reports_say_the_findings_and_nothing_else(cohort: Path) -> None:
    for study in virtual(cohort):
        assert study.report is not None
        read = all_stated(to_findings(parse({"findings": study.report.findings})), prior_read=study.prior is not None)
        hidden = {f.concept for f in study.findings if f.attributes.get("flag")}
        present = {f.concept for f in study.findings if f.state == "present" and not f.attributes.get("flag")}
        present = {READ_AS.get(name, name) for name in present}
        said = {each.concept for each in read if each.state == "present"}
        assert said <= present | hidden | {"sternotomy"}
        assert present - said <= {"external foreign body", "retained foreign body"}


def test_heart_and_lungs_lie_where_they_should(cohort: Path) -> None:
    for study in virtual(cohort):
        for film in study.films:
            masks = {mask.label: mask.pixels for mask in masks_of(film)}
            if film.view not in ("PA", "AP"):
                continue
            column = {name: float(np.nonzero(mask)[1].mean()) for name, mask in masks.items() if mask.any()}
            assert column["right lung"] < column["left lung"]  # the patient's left is on image right
            assert column["heart"] > (column["right lung"] + column["left lung"]) / 2 - 3
            assert (masks["lungs"] >= (masks["right lung"] | masks["left lung"])).all()


def test_the_truth_tells_who_it_is_and_what_became_of_each_plan(cohort: Path) -> None:
    study = next(iter(virtual(cohort)))
    truth = truth_of(cohort, study.id)
    assert truth["patient"] == study.patient
    assert 18 <= truth["person"]["age_years"] <= 100
    assert 0.3 < truth["anatomy"]["ctr"] < 0.75
    assert set(truth["films"]) == {film.view.lower() for film in study.films}
    json.dumps(truth, allow_nan=False)


@pytest.mark.slow
def test_two_workers_and_one_give_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    draw_cohort(SMALL, tmp_path / "two", workers=2)
    assert bytes_of(tmp_path / "two") == bytes_of(cohort)


@pytest.mark.slow
def test_another_seed_gives_other_patients(cohort: Path, tmp_path: Path) -> None:
    draw_cohort(Recipe(1, 4, size=64, spacing_mm=4.0), tmp_path / "c")
    (mine,), (other,) = (list(islice(virtual(folder), 1)) for folder in (tmp_path / "c", cohort))
    assert not np.array_equal(mine.films[0].pixels, other.films[0].pixels)


@pytest.mark.slow
def test_a_larger_cohort_begins_with_the_smaller_one(cohort: Path, tmp_path: Path) -> None:
    draw_cohort(Recipe(2, 3, size=64, spacing_mm=4.0, per_shard=2), tmp_path / "c")
    whole = {study.id: study for study in virtual(cohort)}
    for study in virtual(tmp_path / "c"):
        assert study.findings == whole[study.id].findings
        assert study.films[0].pixels.tolist() == whole[study.id].films[0].pixels.tolist()


@pytest.mark.slow
def test_a_build_that_was_killed_goes_on_to_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    words = (
        "draw",
        "--cohort",
        6,
        "--seed",
        3,
        "--size",
        64,
        "--spacing",
        4,
        "--per-shard",
        2,
        "--workers",
        1,
        "-o",
        out,
    )
    command = [sys.executable, "-c", "import sys; from hilum.app.cli import main; main(sys.argv[1:])", *map(str, words)]
    build = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 240
    while not list(out.glob("*.rows.json")) and time.monotonic() < until and build.poll() is None:
        time.sleep(0.05)
    os.kill(build.pid, signal.SIGKILL)
    build.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert finished
    assert not (out / "cohort.json").exists()
    assert hilum(*words, "--resume", "--quiet") == 0
    kept = {name for name, when in finished.items() if (out / name).stat().st_mtime_ns == when}
    assert kept, "a shard that was whole is not drawn again"
    drawn = {name: data for name, data in bytes_of(out).items() if name in bytes_of(cohort)}
    assert drawn == bytes_of(cohort)
    assert not list(out.glob(".*"))


@pytest.mark.slow
def test_a_damaged_shard_is_drawn_again_on_resume(cohort: Path, tmp_path: Path) -> None:
    out, recipe = tmp_path / "c", Recipe(2, 3, size=64, spacing_mm=4.0, per_shard=1)
    draw_cohort(recipe, out)
    before = bytes_of(out)
    broken = sorted(out.glob("*.tar"))[0]
    broken.write_bytes(broken.read_bytes()[:-100])
    rows = draw_cohort(recipe, out, resume=True)
    assert sorted(row.status for row in rows) == ["drawn", "kept"]
    assert bytes_of(out) == before


def test_another_cohort_is_not_drawn_over(cohort: Path) -> None:
    with pytest.raises(InputError, match="holds a finished cohort with seed 3, not 4"):
        draw_cohort(Recipe(2, 4, size=64, spacing_mm=4.0, per_shard=2), cohort)
    assert verify(cohort) == ()


def test_the_card_counts_what_is_there(cohort: Path) -> None:
    rows = rows_of(cohort)
    figures = card(rows)
    studies = list(virtual(cohort))
    assert figures["studies"] == len(studies) == manifest(cohort)["studies"]
    assert figures["patients"] == SMALL.patients
    assert sum(each["studies"] for each in figures["splits"].values()) == len(studies)
    for concept, each in figures["concepts"].items():
        assert each["present"] == sum(
            f.concept == concept and f.state == "present" for s in studies for f in s.findings
        )
        assert 0 <= each["visible"] <= each["present"] == sum(each["severity"].values())


@pytest.mark.slow
def test_the_command_writes_a_card_and_a_patient_can_be_viewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c"
    assert hilum("draw", "--cohort", 2, "--seed", 3, *FLAGS, "-o", out) == 0
    said = capsys.readouterr().out
    assert "card.html" in said
    assert "hilum view" in said
    assert "Research use only" in (out / "README.md").read_text(encoding="utf-8")
    assert hilum("view", out, "-o", tmp_path / "v") == 0
    visits = visits_of(out)
    page = (tmp_path / "v" / "index.html").read_text(encoding="utf-8")
    assert all(f"visit-{n}.html" in page for n in range(1, len(visits) + 1))
    assert "http" not in page.replace("http-equiv", "")
    assert hilum("view", out, "--patient", "nobody", "-o", tmp_path / "v") == 1
    assert "no patient 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize("layout", ["mimic-cxr", "chexpert", "imagenome", "radgraph", "coco"])
def test_a_cohort_is_written_as_others_expect_it_and_read_back(cohort: Path, tmp_path: Path, layout: str) -> None:
    assert hilum("draw", "--export", cohort, "--as", layout, "-o", tmp_path / "e", "--quiet") == 0
    written = {path.name for path in (tmp_path / "e").rglob("*") if path.is_file()}
    assert {"README.txt", "ids.csv"} <= written
    if layout == "chexpert":
        (table,) = (tmp_path / "e").rglob("train.csv")
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
        assert {row["Sex"] for row in rows} <= {"Male", "Female"}
        assert all(18 <= int(row["Age"]) <= 100 for row in rows)
        back = list(hilum_get("dataset", "chexpert")(table.parent))
        assert sum(len(study.films) for study in back) == sum(len(study.films) for study in virtual(cohort))
    if layout == "mimic-cxr":
        back = list(hilum_get("dataset", "mimic-cxr")(tmp_path / "e"))
        mine = {(study.time, study.report.findings) for study in virtual(cohort) if study.report}
        assert {(study.time, study.report.findings) for study in back if study.report} == mine


@pytest.mark.slow
def test_a_text_gives_a_patient_with_what_it_says(tmp_path: Path) -> None:
    text = "large left pleural effusion"
    assert hilum("draw", text, "--size", 96, "--spacing", 4, "--view", "PA,LL", "-o", tmp_path / "d", "--quiet") == 0
    (folder,) = (path for path in (tmp_path / "d").iterdir() if path.is_dir())
    names = {path.name for path in folder.iterdir()}
    assert {"PA.png", "PA.dcm", "LL.png", "LL.dcm", "study.json", "page.html", "report.txt"} <= names
    told = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    (placed,) = told["truth"]["placed"]
    assert (placed["concept"], placed["side"]) == ("pleural effusion", "left")
    assert "left pleural effusion" in (folder / "report.txt").read_text(encoding="utf-8").lower()
    pydicom = pytest.importorskip("pydicom")
    header = pydicom.dcmread(folder / "PA.dcm")
    assert header.ImageType[0] == "DERIVED"
    assert "SYNTHETIC" in header.ImageComments
    assert header.ViewPosition == "PA"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("draw", "pleural effusion", "--cohort", 2), "either a text or --cohort"),
        (("draw", "--view", "XX"), "no view 'XX'"),
        (("draw", "purple haze"), "not understood"),
        (("draw", "--cohort", 2, "--families", "cubist"), "no anatomy family 'cubist'"),
        (("draw", "--as", "coco"), "--export COHORT and --as LAYOUT"),
        (("view", "nowhere", "--pages"), "no cohort.json"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    words: tuple[object, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hilum(*words, "-o", tmp_path / "x") in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
