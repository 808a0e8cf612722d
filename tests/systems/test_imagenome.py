"""The imagenome recipe on a small made folder in MIMIC-CXR's layout."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError
from hilum.core.registry import get
from hilum.systems.imagenome import COLUMNS, METADATA, write
from hilum.text.imagenome import from_imagenome
from tests.core.test_atlas import lungs

REPORTS = {
    ("10000001", "50000002"): "FINDINGS: Left effusion has increased. No pneumothorax.",
    ("10000001", "50000001"): "FINDINGS: Small left pleural effusion.\nIMPRESSION: Effusion.",
    ("10000002", "50000003"): "The lungs are clear.",
}
FILMS = [  # image, patient, study, view, date, time; the later study has the lower number in the second patient
    ("late", "10000001", "50000002", "PA", "21800102", "080000.0"),
    ("early", "10000001", "50000001", "AP", "21800101", "233000.5"),
    ("side", "10000001", "50000001", "LATERAL", "21800101", "233000.5"),
    ("other", "10000002", "50000003", "PA", "21800101", "1200"),
    ("lost", "10000002", "50000004", "PA", "21800102", "1200"),
]


def made(root: Path, *, packed: bool = False, films: list[tuple[str, ...]] = FILMS) -> Path:
    for (patient, study), text in REPORTS.items():
        folder = root / "files" / f"p{patient[:2]}" / f"p{patient}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"s{study}.txt").write_text(text, encoding="utf-8")
    text = "\n".join([",".join(COLUMNS), *(",".join(row) for row in films)])
    if packed:
        (root / f"{METADATA}.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (root / METADATA).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    Picture.fromarray(lungs().astype(np.uint8) * 255).save(folder / "late.png")
    Picture.fromarray(np.zeros((50, 50), np.uint8)).save(folder / "early.png")
    return folder


def read(out: Path, image: str) -> dict:
    return json.loads((out / f"{image}_SceneGraph.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("packed", [False, True])
def test_one_graph_per_frontal_film_with_a_report(tmp_path: Path, masks: Path, packed: bool) -> None:
    out = tmp_path / "out"
    result = write(made(tmp_path / "set", packed=packed), out, masks=masks)
    assert sorted(path.name for path in out.iterdir()) == [
        "early_SceneGraph.json", "failed.csv", "late_SceneGraph.json", "other_SceneGraph.json",
    ]  # fmt: skip
    assert (result.graphs, result.with_boxes) == (3, 1)
    with (out / "failed.csv").open(encoding="utf-8", newline="") as file:
        failed = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    assert failed.keys() == {"early", "other", "50000004"}
    assert "no lung mask" in failed["other"]
    assert "no report" in failed["50000004"]


def test_the_prior_is_the_study_before_by_date(tmp_path: Path, masks: Path) -> None:
    out = tmp_path / "out"
    write(made(tmp_path / "set"), out, masks=masks)
    late, early = read(out, "late"), read(out, "early")
    assert early["relationships"] == []
    assert (early["StudyOrder"], late["StudyOrder"]) == ("1", "2")
    assert {row["object_id"] for row in late["relationships"]} == {"early_left costophrenic angle", "early_left lung"}
    assert {row["predicate"] for row in late["relationships"]} == {"worsened"}
    assert late["viewpoint"] == "PA"


def test_boxes_come_from_the_mask_in_both_frames(tmp_path: Path, masks: Path) -> None:
    out = tmp_path / "out"
    write(made(tmp_path / "set"), out, masks=masks)
    graph = from_imagenome(read(out, "late"))
    assert len(graph.boxes) == 29
    assert graph.boxes["right lung"].x1 <= 110 <= graph.boxes["left lung"].x0
    assert ("left lung", "pleural effusion") in graph.scene.pairs()
    assert read(out, "other")["objects"] == []


def test_studies_at_one_time_are_not_each_others_prior(tmp_path: Path) -> None:
    films = [
        ("a", "10000001", "50000001", "PA", "21800101", "1200"),
        ("b", "10000001", "50000002", "PA", "21800101", "1200"),
    ]
    out = tmp_path / "out"
    write(made(tmp_path / "set", films=films), out)
    assert read(out, "a")["relationships"] == read(out, "b")["relationships"] == []


def test_a_film_without_a_mask_goes_through_the_shipped_model(tmp_path: Path) -> None:
    films = [("grey", "10000002", "50000003", "PA", "21800101", "1200")]
    root = made(tmp_path / "set", films=films)
    folder = root / "files" / "p10" / "p10000002" / "s50000003"
    folder.mkdir()
    Picture.fromarray(np.full((64, 64), 90, np.uint8)).save(folder / "grey.jpg")
    result = write(root, tmp_path / "out")
    assert (result.graphs, result.with_boxes) == (1, 0)
    assert result.failed[0][0] == "grey"


def test_the_example_film_gets_boxes(tmp_path: Path) -> None:
    from hilum.io.dicom import read_image

    source = Path(__file__).resolve().parents[2] / "src" / "hilum" / "app" / "static" / "example-film.dcm"
    films = [("example", "10000002", "50000003", "PA", "21800101", "1200")]
    root = made(tmp_path / "set", films=films)
    folder = root / "files" / "p10" / "p10000002" / "s50000003"
    folder.mkdir()
    display = read_image(source).display()
    Picture.fromarray((display * 255).astype(np.uint8)).save(folder / "example.jpg")
    result = write(root, tmp_path / "out")
    assert result == type(result)(1, 1)
    boxes = from_imagenome(read(tmp_path / "out", "example")).boxes
    assert boxes["right lung"].center[0] < boxes["spine"].center[0] < boxes["left lung"].center[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "holds no"),
        ("a,b\n1,2\n", "lacks the column 'dicom_id'"),
        (",".join(COLUMNS) + "\n../../x,10000001,50000001,PA,1,1\n", "no ids"),
        (",".join(COLUMNS) + "\nshort\n", "no ids"),
    ],
)
def test_bad_metadata_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / METADATA).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        write(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_recipe_is_registered_with_its_claim_and_controls() -> None:
    system = get("system", "imagenome")
    assert system.write is write
    assert [claim.better_than for claim in system.claims] == ["default location only", "no negation"]
