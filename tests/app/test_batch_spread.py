"""Many studies by several workers: the same bytes as by one, a killed worker costs its unit, a stopped run resumes."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pydicom
import pytest
from PIL import Image as Picture

from hilum.app.batch import Options, read_batch
from hilum.app.batch_row import MARK, Row
from hilum.app.batch_unit import Item, films_only, fingerprint, lost_unit, read_unit, units_of
from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.io.intake import open_studies
from hilum.systems.embedded import Embedded
from tests.app.conftest import EXAMPLE, Ran

Film = Callable[..., Path]
Run = Callable[..., Ran]
PLAIN = Options(formats=())
SOME = Options(formats=("sr", "seg", "fhir", "html"))
RESUMED = Options(formats=SOME.formats, resume=True)


def patient(film: Film, folder: Path, name: str, days: int) -> None:
    """So many dated studies of one patient; the names of their files run against time."""
    for day in range(1, days + 1):
        own = f"{sum(map(ord, name))}{day}"
        uids = {"StudyInstanceUID": f"2.25.5{own}", "SOPInstanceUID": f"2.25.6{own}"}
        film(f"{name}-{9 - day}.dcm", folder, StudyDate=f"202001{day:02}", PatientID=name, **uids)


def trouble(folder: Path) -> None:
    """A file that is nothing, a film cut short and a picture that is no chest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.dcm").write_bytes(b"not a film at all\n" * 40)
    whole = EXAMPLE.read_bytes()
    (folder / "short.dcm").write_bytes(whole[: len(whole) - 40_000])
    noise = np.random.default_rng(0).integers(0, 255, (256, 256), np.uint8)
    Picture.fromarray(noise).save(folder / "noise.png")


def tree(out: Path) -> dict[str, bytes]:
    """Every file of the results but the one that tells how and how long."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert found.pop("run.json")
    return found


def differing(one: Path, other: Path) -> list[str]:
    first, second = tree(one), tree(other)
    return [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def records(out: Path) -> dict[str, dict[str, Any]]:
    """What was written of each study, by the name of its first film."""
    found = [json.loads(path.read_text()) for path in out.glob("*/study.json")]
    return {each["files"][0]["name"]: each for each in found}


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "studies.jsonl").read_text().splitlines()]


def planned(folder: Path, out: Path) -> list[Any]:
    """The units of a folder, as a run makes them."""
    model = Embedded()
    with open_studies([folder]) as intake:
        studies = sorted(intake.studies, key=lambda study: (study.time is None, study.time, study.id))
        items = [
            Item(films_only(each), tuple(map(intake.name_of, each.films)),
                 fingerprint(each, None, model, PLAIN, by_content=intake.unpacked))
            for each in studies
        ]  # fmt: skip
    return list(units_of(items, out, PLAIN))


def test_a_lazy_film_travels_without_its_pixels(tmp_path: Path) -> None:
    import pickle

    Picture.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)).save(tmp_path / "film.png")
    with open_studies([EXAMPLE, tmp_path / "film.png"]) as intake:
        for study in intake.studies:
            sent = pickle.dumps(study)
            assert len(sent) < 4_000
            (film,) = pickle.loads(sent).films
            assert not film.loaded
            assert np.array_equal(film.pixels, study.films[0].pixels)


def test_a_film_to_load_again_keeps_no_other_films_pixels(tmp_path: Path) -> None:
    import gc
    import weakref

    Picture.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)).save(tmp_path / "film.png")
    with open_studies([tmp_path / "film.png"]) as intake:
        first = intake.studies[0].films[0].fresh()
        pixels = weakref.ref(first.pixels)
        second = first.fresh()
        del first
        gc.collect()
        assert pixels() is None
        assert isinstance(second, Image)
        assert second.pixels.shape == (64, 64)


def test_a_patients_studies_are_one_unit_in_order_of_time(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", "A", 3)
    patient(film, tmp_path / "in", "B", 1)
    film("nobody-1.dcm", tmp_path / "in", PatientID="", StudyInstanceUID="2.25.91", SOPInstanceUID="2.25.92")
    film("nobody-2.dcm", tmp_path / "in", PatientID="", StudyInstanceUID="2.25.93", SOPInstanceUID="2.25.94")
    units = planned(tmp_path / "in", tmp_path / "out")
    assert sorted(len(unit.items) for unit in units) == [1, 1, 1, 3]
    (three,) = (unit for unit in units if len(unit.items) == 3)
    assert [item.files for item in three.items] == [("A-8.dcm",), ("A-7.dcm",), ("A-6.dcm",)]


def test_units_in_any_order_write_the_same(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", "A", 2)
    patient(film, tmp_path / "in", "B", 2)
    written = []
    for seed in range(3):
        out = tmp_path / f"out-{seed}"
        units = planned(tmp_path / "in", out)
        random.Random(seed).shuffle(units)
        rows = [row for unit in units for row in read_unit(unit, 1)]
        assert {row.status for row in rows} == {"read"}
        written.append({str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert written[0] == written[1] == written[2]


def test_paths_in_any_order_give_the_same_run(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", "A", 2)
    patient(film, tmp_path / "in", "B", 1)
    trouble(tmp_path / "in")
    paths = sorted((tmp_path / "in").iterdir())
    read_batch(paths, tmp_path / "first", options=PLAIN)
    read_batch(paths[::-1], tmp_path / "second", options=PLAIN)
    assert differing(tmp_path / "first", tmp_path / "second") == []
    found = {line["files"][0]: (line["status"], line["reason"]) for line in lines(tmp_path / "first")}
    assert {name for name, (status, _) in found.items() if status == "read"} == {"A-7.dcm", "A-8.dcm", "B-8.dcm"}
    assert [found[name][0] for name in ("words.dcm", "short.dcm", "noise.png")] == ["failed", "failed", "refused"]
    assert all(len(found[name][1]) > 20 for name in ("words.dcm", "short.dcm", "noise.png"))


def test_a_resumed_run_says_what_the_first_said(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", "A", 3)
    trouble(tmp_path / "in")
    read_batch([tmp_path / "in"], tmp_path / "whole", options=PLAIN)
    read_batch([tmp_path / "in"], tmp_path / "out", options=PLAIN)
    record = records(tmp_path / "out")["A-6.dcm"]
    last = next(path.parent for path in (tmp_path / "out").glob("*/study.json") if record["id"] in path.read_text())
    assert record["prior"]
    (last / MARK).unlink()  # the third study was not finished: its prior is read again, as it was then
    again = read_batch([tmp_path / "in"], tmp_path / "out", options=Options(formats=(), resume=True))
    states = {row.files[0]: row.status for row in again}
    assert states["A-8.dcm"] == states["A-7.dcm"] == states["noise.png"] == "kept"
    assert states["A-6.dcm"] == "read"
    assert differing(tmp_path / "whole", tmp_path / "out") == []


def test_a_film_from_an_archive_is_known_again(film: Film, tmp_path: Path) -> None:
    one = film("1.dcm")
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(one, "1.dcm")
    for status in ("read", "kept"):
        options = Options(formats=(), resume=True)
        (row,) = read_batch([tmp_path / "films.zip"], tmp_path / "out", options=options)
        assert row.status == status
    changed = film("2.dcm", SeriesDescription="another")
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(changed, "1.dcm")
    (row,) = read_batch([tmp_path / "films.zip"], tmp_path / "out", options=Options(formats=(), resume=True))
    assert row.status == "read"


def test_a_readers_edits_are_not_read_over(tmp_path: Path) -> None:
    read_batch([EXAMPLE], tmp_path, options=PLAIN)
    (record,) = tmp_path.glob("*/study.json")
    (record.parent / MARK).unlink()  # saving in the viewer writes the folder anew
    record.write_text(json.dumps({**json.loads(record.read_text()), "revision": 1}))
    (row,) = read_batch([EXAMPLE], tmp_path, options=Options(formats=(), resume=True))
    assert row.status == "kept"
    assert json.loads(record.read_text())["revision"] == 1


def test_a_prior_that_cannot_be_read_does_not_cost_the_study(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", "A", 2)
    whole = (tmp_path / "in" / "A-8.dcm").read_bytes()
    (tmp_path / "in" / "A-8.dcm").write_bytes(whole[: len(whole) - 40_000])
    first, second = read_batch([tmp_path / "in"], tmp_path / "out", options=PLAIN)
    assert first.status == "failed"
    assert second.status == "read"
    assert "not compared" in second.reason
    assert records(tmp_path / "out")["A-7.dcm"]["prior"] is None


def test_of_a_lost_unit_what_was_finished_is_read(film: Film, tmp_path: Path) -> None:
    patient(film, tmp_path / "in", "A", 2)
    (unit,) = planned(tmp_path / "in", tmp_path / "out")
    whole = read_unit(unit, 1)
    assert [row.lasting() for row in lost_unit(unit, "it was lost")] == [row.lasting() for row in whole]
    (tmp_path / "out" / whole[1].folder / MARK).write_text("{")
    rows = lost_unit(unit, "it was lost")
    assert [row.status for row in rows] == ["read", "failed"]
    assert rows[1].reason == "it was lost"


def test_what_a_killed_worker_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    (row,) = read_batch([EXAMPLE], tmp_path, options=PLAIN)
    for name in (f".{row.folder}.partial-77", f".{row.folder}.old-77", ".unpacked-abc", ".mine.partial-77", ".git"):
        (tmp_path / name).mkdir()
    read_batch([EXAMPLE], tmp_path, options=PLAIN)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == [".git", ".mine.partial-77"]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_extra_is_named(hilum: Run, tmp_path: Path) -> None:
    done = hilum("read", EXAMPLE, "-o", tmp_path, "--ray", "local")
    assert done.code == 2
    assert "hilum[cluster]" in done.err


@dataclass(frozen=True)
class Cohort:
    """Films of five patients with trouble among them, and what a plain run makes of them."""

    films: Path
    whole: Path


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    made = tmp_path_factory.mktemp("cohort")

    def film(name: str, folder: Path, **fields: object) -> Path:
        ds = pydicom.dcmread(EXAMPLE)
        for keyword, value in fields.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        folder.mkdir(parents=True, exist_ok=True)
        ds.save_as(folder / name, enforce_file_format=True)
        return folder / name

    for name, days in (("A", 3), ("B", 2), ("C", 1), ("D", 1)):
        patient(film, made / "in", name, days)
    trouble(made / "in")
    packed = film("z.dcm", made, PatientID="Z", StudyInstanceUID="2.25.81", SOPInstanceUID="2.25.82")
    with zipfile.ZipFile(made / "in" / "more.zip", "w") as archive:
        archive.write(packed, "z.dcm")
    read_batch([made / "in"], made / "whole", options=SOME)
    return Cohort(made / "in", made / "whole")


@pytest.mark.slow
def test_workers_give_the_bytes_of_one_and_honour_priors(hilum: Run, cohort: Cohort, tmp_path: Path) -> None:
    done = hilum("read", cohort.films, "-o", tmp_path, "--formats", "sr,seg,fhir,html", "--quiet", "--workers", "2")
    assert done.code == 1  # as without workers: two files failed, and one was refused
    assert len(done.err.splitlines()) == 3
    assert differing(cohort.whole, tmp_path) == []
    found = records(tmp_path)
    assert found["A-6.dcm"]["prior"] == found["A-7.dcm"]["id"]
    assert found["A-7.dcm"]["prior"] == found["A-8.dcm"]["id"]
    assert found["A-8.dcm"]["prior"] is None
    assert all("prior" in each["attributes"] for each in found["A-6.dcm"]["findings"])
    assert json.loads((tmp_path / "run.json").read_text())["workers"] == 2


@pytest.mark.slow
def test_a_killed_worker_costs_its_unit_and_resuming_makes_it_whole(cohort: Cohort, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill(row: Row, *_: int) -> None:
        if row.status == "read" and not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    rows = read_batch([cohort.films], tmp_path, options=SOME, workers=2, on_row=kill)
    failed = {row.files[0]: row.reason for row in rows if row.status == "failed"}
    stopped = [name for name, reason in failed.items() if "--resume" in reason]
    assert 1 <= len(stopped) <= 3  # at most one patient's
    assert len({name[0] for name in stopped}) == 1
    assert set(failed) == {*stopped, "words.dcm", "short.dcm"}
    rows = read_batch([cohort.films], tmp_path, options=RESUMED, workers=2)
    assert {row.files[0] for row in rows if row.status == "read"} == {*stopped} - {"short.dcm", "noise.png"}
    assert differing(cohort.whole, tmp_path) == []


@pytest.mark.slow
def test_a_killed_run_leaves_no_workers_and_resumes_to_the_same_bytes(cohort: Cohort, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hilum", "read", str(cohort.films), "-o", str(tmp_path), "--quiet"]
    command += ["--formats", "sr,seg,fhir,html", "--workers", "2"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while running.poll() is None and time.monotonic() < deadline and not list(tmp_path.glob(f"*/{MARK}")):
        time.sleep(0.02)
    children = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    running.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert list(tmp_path.glob(f"*/{MARK}"))
    assert not (tmp_path / "index.html").exists()
    rows = read_batch([cohort.films], tmp_path, options=RESUMED, workers=2)
    assert "kept" in {row.status for row in rows}
    assert differing(cohort.whole, tmp_path) == []


_ABSENT = [name for name in ("ray", "pandas", "fsspec") if importlib.util.find_spec(name) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(_ABSENT), reason=f"{', '.join(_ABSENT)} not installed: pip install 'hilum[cluster]'")
def test_ray_gives_the_same_bytes_though_an_actor_is_killed(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []

    def kill(row: Row, *_: int) -> None:
        if row.status == "read" and not killed:
            for child in psutil.Process().children(recursive=True):
                if "MapWorker" in "".join(child.cmdline()) and not killed:
                    killed.append(child.pid)
                    child.kill()

    monkeypatch.chdir(cohort.films.parent)
    rows = read_batch(["in"], tmp_path, options=SOME, ray="local", workers=2, on_row=kill)
    assert killed
    assert sorted(row.status for row in rows) == ["failed"] * 2 + ["read"] * 8 + ["refused"]
    assert differing(cohort.whole, tmp_path) == []


def test_an_address_where_no_cluster_is_is_one_sentence() -> None:
    pytest.importorskip("ray")
    from hilum.app.spread_ray import cluster

    with pytest.raises(InputError, match="no Ray cluster answers"), cluster("127.0.0.1:1"):
        pass
