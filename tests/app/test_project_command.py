"""`hilum project`: what it writes, what it says, what a bad CT costs the others (nothing), and how it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

from hilum.io.png import png_words
from hilum.io.seg import read_masks
from tests.app.conftest import Ran
from tests.app.test_project_case import named
from tests.data.made_ct import chest, nifti, series
from tests.io.written import judged

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

Command = Callable[..., Ran]
SMALL = ("--size", "64", "--physics", "raw")


def scan(folder: Path, name: str = "one") -> Path:
    hu, ids = chest()
    nifti(folder / f"{name}_seg.nii.gz", named(ids))
    return nifti(folder / f"{name}.nii.gz", hu)


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "studies.jsonl").read_text().splitlines()]


def pixels(path: Path) -> np.ndarray:
    with Picture.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one run over a CT with masks."""
    from hilum.app.cli import main

    folder = tmp_path_factory.mktemp("project")
    with pytest.raises(SystemExit) as stop:
        main([
            "project", str(scan(folder)), "--view", "PA,LL", "--labels", "lungs,heart", *SMALL, "--lengths",
            "--show-geometry", "-o", str(folder / "drr"), "--quiet",
        ])  # fmt: skip
    assert not stop.value.code
    return folder / "drr"


def test_the_png_holds_line_integrals_in_round_steps_and_says_so(made: Path) -> None:
    record = json.loads((made / "one" / "drr.json").read_text())
    for film in record["films"]:
        stored = pixels(made / "one" / film["files"]["png"])
        assert stored.dtype == np.uint16
        assert film["step"] in (1 / 8000, 1 / 4000)
        highest = stored.max() * film["step"]
        assert 2.0 < highest < 8.0  # 220 to 320 mm of tissue and bone at 0.0195 / mm
        assert "SYNTHETIC" in png_words(made / "one" / film["files"]["png"])["Description"]


def test_the_dicom_film_is_valid_synthetic_and_holds_the_same_values(made: Path, tmp_path: Path) -> None:
    for name in ("PA", "LL"):
        ds = pydicom.dcmread(made / "one" / f"{name}.dcm")
        np.testing.assert_array_equal(ds.pixel_array, pixels(made / "one" / f"{name}.png"))
        assert list(ds.ImageType[:2]) == ["DERIVED", "PRIMARY"]
        assert ds.ViewPosition == name
        assert judged(ds, tmp_path) == []
        assert judged(pydicom.dcmread(made / "one" / f"{name}-seg.dcm"), tmp_path) == []


def test_masks_segmentation_and_coco_say_the_same(made: Path) -> None:
    place = made / "one"
    coco = json.loads((place / "coco.json").read_text())
    names = {each["id"]: each["name"] for each in coco["categories"]}
    files = {each["id"]: each["file_name"].removesuffix(".png") for each in coco["images"]}
    segments = {view: {mask.label: mask for mask in read_masks(place / f"{view}-seg.dcm")} for view in ("PA", "LL")}
    assert len(coco["annotations"]) == 4
    for each in coco["annotations"]:
        view, name = files[each["image_id"]], names[each["category_id"]]
        mask = pixels(place / f"{view}-masks" / f"{name}.png") > 0
        runs = np.repeat(np.arange(len(each["segmentation"]["counts"])) % 2, each["segmentation"]["counts"])
        np.testing.assert_array_equal(runs.reshape(mask.shape, order="F") > 0, mask)
        np.testing.assert_array_equal(segments[view][name].pixels, mask)
        found = np.argwhere(mask)
        x, y, wide, high = each["bbox"]
        assert (y, x) == tuple(found.min(axis=0))
        assert (high, wide) == tuple(np.ptp(found, axis=0) + 1)
        lengths = pixels(place / f"{view}-lengths" / f"{name}.png") * 0.05
        assert lengths[mask].mean() > 20
        assert (lengths[~mask] < 2.6).all()
        assert 30 < lengths.max() < 230  # both lungs are 110 mm wide, from the side


def test_coco_is_read_by_the_official_package(made: Path) -> None:
    tools = pytest.importorskip("pycocotools.mask", reason="pycocotools (extra 'boxes') is not installed")
    for each in json.loads((made / "one" / "coco.json").read_text())["annotations"]:
        packed = tools.frPyObjects(each["segmentation"], *each["segmentation"]["size"])
        assert tools.area(packed) == each["area"]


def test_the_record_holds_everything_needed_to_make_the_film_again(made: Path) -> None:
    from hilum.core.image import Volume
    from hilum.drr.attenuation import mu_map
    from hilum.drr.geometry import Geometry
    from hilum.drr.render import line_integrals

    record = json.loads((made / "one" / "drr.json").read_text())
    assert "research use" in record["caution"].lower()
    film = record["films"][0]
    told = film["geometry"]
    geometry = Geometry(
        told["source_mm_lps"], told["corner_mm_lps"], told["row_step_mm_lps"], told["column_step_mm_lps"],
        tuple(told["shape"]), told["isocentre_mm_lps"],
    )  # fmt: skip
    hu, _ = chest()
    again = line_integrals(mu_map(Volume(hu.astype(np.float32), np.array(record["made_from"]["affine_lps"]))), geometry)
    np.testing.assert_allclose(pixels(made / "one" / "PA.png") * film["step"], again, atol=film["step"] * 2)


def test_one_bad_ct_is_a_row_and_the_rest_completes(tmp_path: Path, hilum: Command) -> None:
    scan(tmp_path / "cts", "good")
    nifti(tmp_path / "cts" / "raw.nii.gz", chest()[0] + 1024)
    (tmp_path / "cts" / "torn.nii.gz").write_bytes((tmp_path / "cts" / "good.nii.gz").read_bytes()[:500])
    series(tmp_path / "cts" / "gap", chest()[0], ImagePositionPatient=lambda i: [0, 0, i * 12 + (24 if i > 9 else 0)])
    ran = hilum("project", tmp_path / "cts", *SMALL, "-o", tmp_path / "out")
    assert ran.code == 1
    found = {row["id"]: row for row in rows(tmp_path / "out")}
    assert {name: row["status"] for name, row in found.items()} == {
        "good": "projected", "raw": "failed", "torn": "failed", "gap": "failed",
    }  # fmt: skip
    assert "--rescale 1,-1024" in found["raw"]["reason"]
    assert "missing" in found["gap"]["reason"]
    assert "failed: raw.nii.gz" in ran.err
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["good"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert "3 failed" in page
    assert "rescale 1,-1024" in page


def test_resume_keeps_what_is_whole_and_makes_the_rest(tmp_path: Path, hilum: Command) -> None:
    for name in ("a", "b"):
        scan(tmp_path / "cts", name)
    given = ("project", tmp_path / "cts", "--labels", "heart", *SMALL, "-o", tmp_path / "out", "--resume", "--json")

    def statuses(*more: str) -> dict[str, str]:
        return {row["id"]: row["status"] for row in json.loads(hilum(*given, *more).out)["cts"]}

    assert statuses() == {"a": "projected", "b": "projected"}
    before = (tmp_path / "out" / "a" / "PA.png").stat().st_mtime_ns
    assert statuses() == {"a": "kept", "b": "kept"}
    assert (tmp_path / "out" / "a" / "PA.png").stat().st_mtime_ns == before
    (tmp_path / "out" / "a" / "drr.json").unlink()
    nifti(tmp_path / "cts" / "b.nii.gz", chest()[0] + np.int16(1))
    assert statuses() == {"a": "projected", "b": "projected"}
    assert statuses("--view", "LL") == {"a": "projected", "b": "projected"}
    assert (tmp_path / "out" / "a" / "LL.png").is_file()
    assert not (tmp_path / "out" / "a" / "PA.png").exists()


@pytest.mark.slow
def test_a_killed_run_leaves_whole_folders_only_and_goes_on(tmp_path: Path, hilum: Command) -> None:
    for number in range(6):
        scan(tmp_path / "cts", f"ct{number}")
    out = tmp_path / "out"
    given = ("--labels", "all", "--view", "PA,LL", "--size", "256", "--physics", "raw", "-o", str(out))
    command = ["project", str(tmp_path / "cts"), *given]
    with subprocess.Popen([sys.executable, "-m", "hilum", *command], stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not ((out / "studies.jsonl").is_file() and rows(out)):
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    whole = [path for path in out.iterdir() if path.is_dir() and not path.name.startswith(".")]
    assert whole
    for folder in whole:
        record = json.loads((folder / "drr.json").read_text())
        assert all((folder / name).is_file() for film in record["films"] for name in film["files"].values())
    ran = hilum(*command, "--resume", "--json")
    found = [row["status"] for row in json.loads(ran.out)["cts"]]
    assert len(found) == 6
    assert "kept" in found
    assert "failed" not in found


@pytest.mark.slow
def test_workers_make_the_same_films(tmp_path: Path, hilum: Command) -> None:
    for name in ("a", "b"):
        scan(tmp_path / "cts", name)
    nifti(tmp_path / "cts" / "bad.nii.gz", chest()[0] * 0)
    for workers in ("1", "2"):
        ran = hilum("project", tmp_path / "cts", *SMALL, "--workers", workers, "-o", tmp_path / workers, "--json")
        assert [row["status"] for row in json.loads(ran.out)["cts"]] == ["projected", "projected", "failed"]
    for name in ("a", "b"):
        assert (tmp_path / "1" / name / "PA.dcm").read_bytes() == (tmp_path / "2" / name / "PA.dcm").read_bytes()


@pytest.mark.slow
def test_a_ray_cluster_makes_the_same_films(tmp_path: Path, hilum: Command) -> None:
    pytest.importorskip("ray", reason="ray (extra 'cluster') is not installed")
    scan(tmp_path / "cts", "a")
    nifti(tmp_path / "cts" / "bad.nii.gz", chest()[0] * 0)
    for where in ((), ("--ray", "local")):
        out = tmp_path / ("ray" if where else "here")
        ran = hilum("project", tmp_path / "cts", *SMALL, *where, "-o", out, "--json")
        assert [row["status"] for row in json.loads(ran.out)["cts"]] == ["projected", "failed"]
    assert (tmp_path / "here" / "a" / "PA.dcm").read_bytes() == (tmp_path / "ray" / "a" / "PA.dcm").read_bytes()


def test_a_missing_cluster_package_is_said(tmp_path: Path, hilum: Command) -> None:
    try:
        import ray  # noqa: F401
    except ImportError:
        ran = hilum("project", scan(tmp_path), *SMALL, "--ray", "auto", "-o", tmp_path / "out")
        assert ran.code == 2
        assert "pip install 'hilum[cluster]'" in ran.err
    else:
        pytest.skip("ray is installed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.nii",), "there is no file or folder 'nothing.nii'"),
        (("{folder}/notes.txt",), "is no CT"),
        (("{folder}/empty",), "no CT was found"),
        (("{ct}", "--view", "PAL"), "--view does not know 'PAL'"),
        (("{ct}", "--size", "huge"), "--size takes"),
        (("{ct}", "--masks", "no.nii"), "--masks: there is no file"),
        (("--from", "ct-rate:/nowhere"), "no folder"),
        (("{ct}", "-o", "{folder}/notes.txt"), "is a file"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path: Path, hilum: Command, arguments: tuple[str, ...], words: str) -> None:
    ct = scan(tmp_path)
    (tmp_path / "notes.txt").write_text("no CT")
    (tmp_path / "empty").mkdir()
    filled = [each.format(folder=tmp_path, ct=ct) for each in arguments]
    ran = hilum("project", *filled, *([] if "-o" in filled else ["-o", tmp_path / "out"]))
    assert ran.code == 1
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out" / "one").exists()


def test_masks_by_hand_and_unknown_structures(tmp_path: Path, hilum: Command) -> None:
    hu, ids = chest()
    ct, masks = nifti(tmp_path / "ct" / "x.nii.gz", hu), nifti(tmp_path / "elsewhere.nii.gz", named(ids))
    ran = hilum("project", ct, "--masks", masks, "--labels", "heart", *SMALL, "-o", tmp_path / "out")
    assert ran.code == 0
    assert "Try next" in ran.out
    assert (tmp_path / "out" / "x" / "PA-masks" / "heart.png").is_file()
    ran = hilum("project", ct, "--masks", masks, "--labels", "liver", *SMALL, "-o", tmp_path / "out2")
    assert ran.code == 1
    assert "no structure is named 'liver'" in ran.err
    ran = hilum("project", ct, "--labels", "heart", *SMALL, "-o", tmp_path / "out3", "--json")
    assert "no masks" in json.loads(ran.out)["cts"][0]["remarks"][0]


def test_formats_none_writes_png_and_json_only(tmp_path: Path, hilum: Command) -> None:
    ran = hilum("project", scan(tmp_path), "--labels", "heart", *SMALL, "--formats", "none", "-o", tmp_path / "out")
    assert ran.code == 0
    assert sorted(path.name for path in (tmp_path / "out" / "one").iterdir()) == [".made-from", "PA.png", "drr.json"]
