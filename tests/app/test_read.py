"""`hilum read` from the front door: what it writes, what it refuses, what it never loses or leaks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

import hilum as package
from hilum.core.errors import InputError
from hilum.core.record import from_json
from tests.app.conftest import EXAMPLE, Ran

COMPARISON = re.compile(r"\b(new|unchanged|worsened|improved|resolved|prior|again|interval|stable|previous)\b", re.I)
Run = Callable[..., Ran]
Film = Callable[..., Path]


def studies(out: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(out.glob("*/study.json"))]


def tree(out: Path) -> dict[str, bytes]:
    """Every file of the results but the two that tell when and how long."""
    skip = {"run.json", "studies.jsonl", "index.html", ".made-from"}
    return {
        str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file() and p.name not in skip
    }


def test_the_example_gives_every_output(hilum: Run, tmp_path: Path) -> None:
    done = hilum("read", "--example", "-o", tmp_path / "out")
    assert done.code == 0, done.err
    (study,) = studies(tmp_path / "out")
    (folder,) = [p for p in (tmp_path / "out").iterdir() if p.is_dir()]
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {
        "study.json",
        "films",
        "page.html",
        "report-sr.dcm",
        "lungs-seg.dcm",
        "gsps.dcm",
        "capture.dcm",
        "fhir.json",
    }
    assert study["files"][0]["name"] == "example-film.dcm"
    assert study["files"][0]["synthetic"] is True
    assert {"concept", "state", "probability", "regions"} <= set(study["findings"][0])
    assert "Research use only" in study["caution"]
    assert study["model"]["sha256"]
    assert study["not_assessed"]
    assert "Research use only" in done.out
    assert (tmp_path / "out" / "index.html").is_file()
    for path in folder.glob("*.dcm"):
        assert pydicom.dcmread(path).SOPClassUID


def test_no_argument_reads_the_example_and_says_so(hilum: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = hilum("read")
    assert done.code == 0
    assert "synthetic film" in done.err
    assert len(studies(tmp_path / "out")) == 1


def test_records_in_study_json_are_hilums_own(hilum: Run, tmp_path: Path) -> None:
    hilum("read", "--example", "-o", tmp_path)
    (study,) = studies(tmp_path)
    findings = [from_json({"schema": 1, **item}) for item in study["findings"]]
    report = from_json(study["report"])
    assert {f.id for f in findings} == {i for s in report.sentences for i in s.findings}
    rows, columns = study["files"][0]["rows"], study["files"][0]["columns"]
    for box in (region for finding in findings for region in finding.regions):
        assert 0 <= box.x0 < box.x1 <= columns
        assert 0 <= box.y0 < box.y1 <= rows
    lungs = from_json({"schema": 1, **study["lungs"][0]})
    assert lungs.pixels.shape == (rows, columns)
    assert 0.05 < lungs.pixels.mean() < 0.6


def test_json_is_one_object(hilum: Run, tmp_path: Path) -> None:
    done = hilum("read", "--example", "-o", tmp_path, "--json")
    answer = json.loads(done.out)
    assert answer["studies"][0]["status"] == "read"
    assert answer["studies"][0]["study"]["findings"]


def bad_files(folder: Path) -> dict[str, Path]:
    """One file of each kind that people really send."""
    folder.mkdir()
    whole = EXAMPLE.read_bytes()
    makers: dict[str, bytes] = {
        "truncated.dcm": whole[: len(whole) // 2],
        "empty.dcm": b"",
        "words.dcm": b"this is not an image at all\n" * 40,
        "garbage.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
        "header-only.dcm": whole[:700],
    }
    for name, content in makers.items():
        (folder / name).write_bytes(content)
    noise = np.random.default_rng(0).integers(0, 255, (512, 512), np.uint8)
    Picture.fromarray(noise).save(folder / "noise.png")
    pages = [Picture.fromarray(noise[:64, :64])] * 3
    pages[0].save(folder / "pages.tiff", save_all=True, append_images=pages[1:])
    with zipfile.ZipFile(folder / "escape.zip", "w") as archive:
        archive.writestr("../../escaped.dcm", whole)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.dcm", b"\0" * 300_000_000)
    (folder / "none").mkdir()
    return {path.name: path for path in folder.iterdir()}


def test_each_bad_input_is_one_sentence_and_the_rest_is_read(hilum: Run, tmp_path: Path) -> None:
    bad = bad_files(tmp_path / "bad")
    out = tmp_path / "out"
    done = hilum("read", EXAMPLE, *bad.values(), tmp_path / "no-such-file.dcm", "-o", out)
    assert done.code == 1
    assert "Traceback" not in done.out + done.err
    rows = [json.loads(line) for line in (out / "studies.jsonl").read_text().splitlines()]
    wrong = [row for row in rows if row["status"] in ("failed", "refused")]
    assert [row["status"] for row in rows].count("read") == 1
    assert len(wrong) == len(bad) + 1
    assert all(20 < len(row["reason"]) < 400 and "\n" not in row["reason"] for row in wrong), wrong
    assert not (tmp_path / "escaped.dcm").exists()
    assert not (tmp_path.parent / "escaped.dcm").exists()
    assert [path.name for path in out.rglob("*") if "partial" in path.name or ".old" in path.name] == []


@pytest.mark.parametrize(
    "name", ["truncated.dcm", "empty.dcm", "words.dcm", "noise.png", "escape.zip", "bomb.zip", "none"]
)
def test_alone_each_bad_input_ends_with_code_1(hilum: Run, tmp_path: Path, name: str) -> None:
    done = hilum("read", bad_files(tmp_path / "bad")[name], "-o", tmp_path / "out")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert done.err.strip()
    assert not list((tmp_path / "out").glob("*/report-sr.dcm"))


def test_the_same_command_writes_the_same_bytes(hilum: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        hilum("read", "--example", "-o", tmp_path / name)
    first, second = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_resume_keeps_what_is_done_and_rereads_what_changed(hilum: Run, film: Film, tmp_path: Path) -> None:
    folder, out = tmp_path / "films", tmp_path / "out"
    for number in range(2):
        uids = {"StudyInstanceUID": f"2.25.9{number}", "SOPInstanceUID": f"2.25.8{number}"}
        film(f"{number}.dcm", folder, PatientID=f"p{number}", **uids)
    hilum("read", folder, "-o", out)
    os.utime(folder / "1.dcm", (time.time() + 5, time.time() + 5))
    done = hilum("read", folder, "-o", out, "--resume", "--json")
    assert sorted(row["status"] for row in json.loads(done.out)["studies"]) == ["kept", "read"]


def test_a_failed_write_leaves_nothing_half_made(hilum: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hilum.app.outputs as outputs

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "_write_page", full)
    done = hilum("read", "--example", "-o", tmp_path)
    assert done.code == 1
    assert "No space left" in done.err
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_results_folder_that_is_a_file_is_one_sentence(hilum: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = hilum("read", "--example", "-o", tmp_path / "out")
    assert done.code == 1
    assert "results folder" in done.err
    assert (tmp_path / "out").read_text() == "mine"


def planted(film: Film) -> tuple[Path, list[str]]:
    secrets = {
        "PatientName": "QUILLFEATHER^ODALYS",
        "PatientID": "MRN-5550199",
        "AccessionNumber": "ACC-7788990",
        "InstitutionName": "Vexley Infirmary",
        "ReferringPhysicianName": "THORNWICK^B",
        "OperatorsName": "PELLWORTH^C",
        "StudyDescription": "for QUILLFEATHER",
        "PatientBirthDate": "19510203",
        "StudyDate": "20190807",
        "StudyInstanceUID": "2.25.314159265358979",
    }
    words = ["QUILLFEATHER", "ODALYS", "MRN-5550199", "ACC-7788990", "Vexley", "THORNWICK", "PELLWORTH"]
    words += ["19510203", "20190807", "2019-08-07", "314159265358979"]
    return film("in.dcm", **secrets), words


def test_nothing_of_the_header_leaks(hilum: Run, film: Film, tmp_path: Path) -> None:
    path, words = planted(film)
    done = hilum("read", path, "-o", tmp_path / "out")
    assert done.code == 0, done.err
    files = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    leaks = [(str(p), word) for p, content in files.items() for word in words if word.encode() in content]
    assert leaks == []
    assert [word for word in words if word in done.out + done.err] == []


def test_identifiers_are_kept_when_asked(hilum: Run, film: Film, tmp_path: Path) -> None:
    path, _ = planted(film)
    hilum("read", path, "-o", tmp_path / "out", "--keep-identifiers")
    (sr,) = (tmp_path / "out").glob("*/report-sr.dcm")
    ds = pydicom.dcmread(sr)
    assert (ds.PatientID, ds.StudyInstanceUID) == ("MRN-5550199", "2.25.314159265358979")
    assert str(ds.PatientName) == "QUILLFEATHER^ODALYS"


def test_comparison_words_need_a_prior_that_was_read(hilum: Run, film: Film, tmp_path: Path) -> None:
    now = film("now.dcm", StudyDate="20200105", StudyInstanceUID="2.25.11", SOPInstanceUID="2.25.12")
    before = film("before.dcm", StudyDate="20200101", StudyInstanceUID="2.25.21", SOPInstanceUID="2.25.22")
    hilum("read", now, "-o", tmp_path / "alone")
    (alone,) = studies(tmp_path / "alone")
    assert alone["prior"] is None
    prose = " ".join(alone["report"][name] for name in ("findings", "impression", "comparison"))
    assert not COMPARISON.search(prose), prose
    hilum("read", now, "--prior", before, "-o", tmp_path / "with")
    (compared,) = studies(tmp_path / "with")
    assert compared["prior"]
    assert COMPARISON.search(" ".join(compared["report"][name] for name in ("findings", "impression", "comparison")))
    assert all(finding["attributes"]["prior"] == finding["state"] for finding in compared["findings"])


def test_priors_in_a_folder_are_found_by_date_never_by_name(hilum: Run, film: Film, tmp_path: Path) -> None:
    folder = tmp_path / "patient"
    film("a-late.dcm", folder, StudyDate="20200105", StudyInstanceUID="2.25.11", SOPInstanceUID="2.25.12")
    film("z-early.dcm", folder, StudyDate="20200101", StudyInstanceUID="2.25.21", SOPInstanceUID="2.25.22")
    hilum("read", folder, "-o", tmp_path / "out")
    found = {study["files"][0]["name"]: study for study in studies(tmp_path / "out")}
    assert found["a-late.dcm"]["prior"] == found["z-early.dcm"]["id"]
    assert found["z-early.dcm"]["prior"] is None


def test_a_later_film_is_no_prior(hilum: Run, film: Film, tmp_path: Path) -> None:
    now = film("now.dcm", StudyDate="20200105", StudyInstanceUID="2.25.11", SOPInstanceUID="2.25.12")
    later = film("later.dcm", StudyDate="20210101", StudyInstanceUID="2.25.21", SOPInstanceUID="2.25.22")
    done = hilum("read", now, "--prior", later, "-o", tmp_path / "out")
    assert done.code == 1
    assert "strictly earlier" in done.err


def test_a_prior_goes_with_one_study(hilum: Run, film: Film, tmp_path: Path) -> None:
    one = film("1.dcm", StudyInstanceUID="2.25.11", SOPInstanceUID="2.25.12")
    two = film("2.dcm", StudyInstanceUID="2.25.21", SOPInstanceUID="2.25.22")
    done = hilum("read", one, two, "--prior", EXAMPLE, "-o", tmp_path / "out")
    assert done.code == 1
    assert "single study" in done.err


def test_formats_choose_the_outputs(hilum: Run, tmp_path: Path) -> None:
    hilum("read", "--example", "-o", tmp_path / "none", "--formats", "none")
    names = {path.name for path in (tmp_path / "none").rglob("*") if path.is_file()}
    assert names == {"study.json", "studies.jsonl", "run.json", "index.html", ".made-from"}
    done = hilum("read", "--example", "-o", tmp_path / "bad", "--formats", "pdf")
    assert done.code == 1
    assert "choose from" in done.err


def test_a_png_and_the_dicom_it_came_from_read_alike(hilum: Run, tmp_path: Path) -> None:
    from hilum.io.dicom import read_image

    shown = np.rint(read_image(EXAMPLE).display() * 65535).astype(np.uint16)
    Picture.fromarray(shown).save(tmp_path / "film.png")
    hilum("read", tmp_path / "film.png", EXAMPLE, "-o", tmp_path / "out", "--formats", "none")
    first, second = ({f["concept"]: f["probability"] for f in s["findings"]} for s in studies(tmp_path / "out"))
    assert first.keys() == second.keys()
    assert all(abs(first[name] - second[name]) < 0.02 for name in first)


def test_the_python_function_agrees_with_the_command(hilum: Run, tmp_path: Path) -> None:
    (study,) = package.read(EXAMPLE)
    hilum("read", EXAMPLE, "-o", tmp_path, "--formats", "none")
    (written,) = studies(tmp_path)
    assert [(f.concept, f.state, f.probability) for f in study.findings] == [
        (f["concept"], f["state"], f["probability"]) for f in written["findings"]
    ]
    with pytest.raises(InputError, match="nothing to read"):
        package.read()
    with pytest.raises(InputError):
        package.read(tmp_path / "missing.dcm")


def test_a_process_of_its_own_ends_with_the_right_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hilum", "read", str(tmp_path / "missing.dcm"), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "missing.dcm" in done.stderr
    assert "Traceback" not in done.stderr


def test_real_films_and_controls(hilum: Run, pack: Path, tmp_path: Path) -> None:
    films = sorted((pack / "nih1024").glob("*.png"))[:3]
    dicoms = sorted((pack / "dicom").glob("*.dcm"))
    hilum("read", *films, *dicoms, "-o", tmp_path, "--formats", "none")
    rows = [json.loads(line) for line in (tmp_path / "studies.jsonl").read_text().splitlines()]
    state = {row["files"][0]: row["status"] for row in rows}
    assert [state[path.name] for path in films] == ["read"] * 3
    controls = [name for name in state if name.startswith("ood_")]
    assert controls
    assert {state[name] for name in controls} <= {"refused", "failed"}
