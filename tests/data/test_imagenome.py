"""Chest ImaGenome's silver graphs and gold tables, made small."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.data.imagenome import graphs, imagenome, imagenome_gold
from hilum.data.on_disk import on_disk
from hilum.data.release import check_release
from tests.data.made_mimic import LATER, OTHER, A, E, mimic, table


def document(dicom: str, patient: str, study: str) -> dict[str, Any]:
    """A graph as the release writes them: an object without a mention, a mention without a box, keys we do not read."""

    def told(site: str, attributes: list[str], phrase: str, severity: list[str]) -> dict[str, Any]:
        return {
            site: True, "bbox_name": site, "synsets": ["C1"], "name": site.title(), "attributes": [attributes],
            "attributes_ids": [[""] * len(attributes)], "phrases": [phrase], "phrase_IDs": [f"{study}|7"],
            "sections": ["finalreport"], "comparison_cues": [[]], "temporal_cues": [[]], "severity_cues": [severity],
            "texture_cues": [[]], "object_id": f"{dicom}_{site}",
        }  # fmt: skip

    def drawn(site: str, x: int) -> dict[str, Any]:
        return {
            "object_id": f"{dicom}_{site}", "x1": x, "y1": 1, "x2": x + 9, "y2": 9, "width": 9, "height": 8,
            "bbox_name": site, "synsets": [], "name": site, "original_x1": 10 * x, "original_y1": 10,
            "original_x2": 10 * x + 90, "original_y2": 90, "original_width": 90, "original_height": 80,
        }  # fmt: skip

    return {
        "image_id": dicom, "viewpoint": "AP", "patient_id": int(patient), "study_id": int(study), "gender": "F",
        "age_decile": "50-60", "reason_for_exam": "___F with cough", "StudyOrder": 2,
        "StudyDateTime": "2180-06-26 16:55:00 UTC",
        "objects": [drawn("left lung", 2), drawn("left costophrenic angle", 5), drawn("spine", 9)],
        "attributes": [
            told("left lung", ["anatomicalfinding|yes|pleural effusion", "nlp|yes|abnormal"], "Small left effusion.",
                 ["severity|yes|mild"]),
            told("left costophrenic angle", ["anatomicalfinding|yes|pleural effusion"], "Small left effusion.", []),
            told("right lung", ["anatomicalfinding|no|pneumothorax"], "No right pneumothorax.", []),
        ],
        "relationships": [],
    }  # fmt: skip


def silver(root: Path, *, packed: bool = False) -> Path:
    folder = root / "silver_dataset"
    (folder / "scene_graph").mkdir(parents=True, exist_ok=True)
    made = {
        f"{A}_SceneGraph.json": document(A, "10000032", LATER),
        f"{E}_SceneGraph.json": document(E, "19999999", OTHER),
    }
    if packed:
        with zipfile.ZipFile(folder / "scene_graph.zip", "w") as archive:
            for name, content in made.items():
                archive.writestr(f"scene_graph/{name}", json.dumps(content))
            archive.writestr("scene_graph/README", "no graph")
    else:
        for name, content in made.items():
            (folder / "scene_graph" / name).write_text(json.dumps(content))
    head = ",subject_id,study_id,dicom_id,path,ViewPosition"
    table(folder / "splits" / "train.csv", [head, f"0,10000032,{LATER},{A},files/x.dcm,AP"])
    table(folder / "splits" / "valid.csv", [head])
    table(folder / "splits" / "test.csv", [head, f"0,19999999,{OTHER},{E},files/y.dcm,AP"])
    return root


def effusion_of(study: Study) -> Any:
    return next(finding for finding in study.findings if finding.concept == "pleural effusion")


@pytest.mark.parametrize("packed", [False, True])
def test_a_graph_is_a_study_with_findings_at_sites_and_their_boxes(tmp_path: Path, packed: bool) -> None:
    first, _ = imagenome(silver(mimic(tmp_path), packed=packed))
    assert (first.id, first.patient, first.time) == (A, "p10000032", datetime(2180, 6, 26, 16, 55))
    assert [film.id for film in first.films] == [A]
    assert first.films[0].view == "AP"
    effusion = effusion_of(first)
    assert effusion.state == "present"
    assert effusion.attributes == {"severity": "mild"}
    assert {box.corners for box in effusion.regions} == {(50, 10, 140, 90)}  # of the angle; the lung is its whole
    assert first.report is not None
    assert first.report.indication == "___F with cough"
    assert first.report.findings == "Small left effusion.\nNo right pneumothorax."


def test_what_is_denied_is_absent_and_what_is_only_drawn_is_nothing(tmp_path: Path) -> None:
    first, _ = imagenome(silver(tmp_path))
    states = {(finding.concept, finding.state) for finding in first.findings}
    assert states == {("pleural effusion", "present"), ("pneumothorax", "absent")}
    assert not any("spine" in site for finding in first.findings for site in finding.sites)
    absent = next(finding for finding in first.findings if finding.state == "absent")
    assert absent.sites == ("right lung",)
    assert absent.regions == ()  # no box is drawn for it


def test_boxes_are_in_pixels_of_the_film_not_of_the_square(tmp_path: Path) -> None:
    first, _ = graphs(silver(tmp_path))
    assert first.boxes["left lung"] == Box(20, 10, 110, 90, image=A)
    assert set(first.boxes) == {"left lung", "left costophrenic angle", "spine"}


def test_splits_are_the_releases_and_gold_patients_are_to_be_avoided(tmp_path: Path) -> None:
    root = silver(tmp_path)
    assert imagenome(root).split_of("p10000032") == "train"
    table(root / "silver_dataset/splits/images_to_avoid.csv",
          ["subject_id,study_id,dicom_id,path,ViewPosition", f"10000032,{LATER},{A},x,AP"])  # fmt: skip
    cohort = imagenome(root)
    assert cohort.split_of("p10000032") == "avoid"
    assert [study.id for study in cohort.split("test")] == [E]


def test_a_bare_folder_of_graphs_will_do(tmp_path: Path) -> None:
    root = silver(tmp_path) / "silver_dataset" / "scene_graph"
    cohort = imagenome(root, films=mimic(tmp_path / "jpg"))
    assert [study.id for study in on_disk(cohort)] == [A]
    with pytest.raises(InputError, match="no splits"):
        cohort.split_of("p10000032")


@pytest.mark.parametrize(
    ("stated", "moment"),
    [("2180-06-26 16:55:00", datetime(2180, 6, 26, 16, 55)), ("21800626 165500", datetime(2180, 6, 26, 16, 55)),
     ("2180-06-26T16:55:00.25", datetime(2180, 6, 26, 16, 55)), ("2180-13-26 16:55:00", None), ("June", None),
     ("", None)],
)  # fmt: skip
def test_moments_are_read_where_they_can_be(tmp_path: Path, stated: str, moment: datetime | None) -> None:
    content = {**document(A, "10000032", LATER), "StudyDateTime": stated}
    (tmp_path / f"{A}_SceneGraph.json").write_text(json.dumps(content))
    (study,) = imagenome(tmp_path)
    assert study.time == moment


def test_damage_is_said_with_the_name_of_the_graph(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="chest-imagenome"):
        imagenome(tmp_path)
    path = tmp_path / f"{A}_SceneGraph.json"
    for content, why in (("{", "no whole JSON"), ("[]", "no scene graph"), ('{"attributes": [3]}', "must be a list")):
        path.write_text(content)
        with pytest.raises(InputError, match=f"{A}_SceneGraph.json.*{why}"):
            list(imagenome(tmp_path))
    path.unlink()
    (tmp_path / "scene_graph.zip").write_bytes(b"PK cut")
    with pytest.raises(InputError, match="copy it anew"):
        list(imagenome(tmp_path))


def test_the_release_check_counts_splits(tmp_path: Path) -> None:
    told = check_release("imagenome", silver(tmp_path))
    assert any("train.csv has 1 rows, the official release 166,521" in each for each in told)
    assert not any("SceneGraph" in each for each in told)  # how many files there are is not certain


# Gold ----------------------------------------------------------------------------------------------------------------

GOLD_HEAD = "patient_id study_id image_id row_id bbox relation label_name context categoryID attribute section sentence"
GOLD_HEAD = GOLD_HEAD.replace(" ", "\t")


def gold(root: Path) -> Path:
    folder = root / "gold_dataset"

    def row(site: str, relation: int, label: str, context: str, kind: str, sentence: str) -> str:
        return "\t".join(("10000032", LATER, f"{A}.dcm", f"{LATER}|1", site, str(relation), label, context, kind,
                          f"{kind}|{context}|{label}", "finalreport", sentence))  # fmt: skip

    table(folder / "gold_object_attribute_with_coordinates.txt", [
        GOLD_HEAD,
        row("left lung", 1, "pleural effusion", "yes", "anatomicalfinding", "Left effusion."),
        row("left costophrenic angle", 1, "pleural effusion", "yes", "anatomicalfinding", "Left effusion."),
        row("left lung", 1, "abnormal", "yes", "nlp", "Left effusion."),
        row("right lung", 1, "pneumothorax", "no", "anatomicalfinding", "No pneumothorax."),
        row("spine", 0, "scoliosis", "yes", "anatomicalfinding", "Not so."),
    ])  # fmt: skip
    edges = "x1,y1,x2,y2,width,height,bbox_name,annot_id,original_x1,original_x2,original_y1,original_y2"
    table(folder / "gold_bbox_coordinate_annotations_1000images.csv", [
        f"image_id,{edges}",
        f"{A}.dcm,1,1,2,2,1,1,left lung,1,10,110,20,220",
        f"{A}.dcm,1,1,2,2,1,1,right lung,1,5,5,20,220",
    ])  # fmt: skip
    return root


def test_gold_is_what_annotators_said_with_their_boxes(tmp_path: Path) -> None:
    (study,) = imagenome_gold(gold(mimic(tmp_path)))
    assert (study.id, study.patient) == (A, "p10000032")
    assert [film.id for film in study.films] == [A]
    effusion, pneumothorax = study.findings  # 'abnormal' is a word on the phrase; scoliosis was struck out
    assert (effusion.state, effusion.sites) == ("present", ("left lung", "left costophrenic angle"))
    assert [region for region in effusion.regions if isinstance(region, Box)] == [Box(10, 20, 110, 220, image=A)]
    assert (pneumothorax.concept, pneumothorax.state, pneumothorax.regions) == ("pneumothorax", "absent", ())
    assert "annotators" in str(effusion.made_by)
    assert study.report is not None
    assert study.report.findings == "Left effusion.\nNo pneumothorax."


def test_gold_without_boxes_or_with_the_folder_itself(tmp_path: Path) -> None:
    folder = gold(tmp_path) / "gold_dataset"
    (folder / "gold_bbox_coordinate_annotations_1000images.csv").unlink()
    (study,) = imagenome_gold(folder)
    assert not any(finding.regions for finding in study.findings)


def test_gold_damage_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="gold_object_attribute"):
        imagenome_gold(tmp_path)
    folder = gold(tmp_path) / "gold_dataset"
    path = folder / "gold_bbox_coordinate_annotations_1000images.csv"
    path.write_text(path.read_text().replace(",10,110", ",ten,110"))
    with pytest.raises(InputError, match="not four numbers"):
        list(imagenome_gold(tmp_path))
    path.unlink()
    table(folder / "gold_object_attribute_with_coordinates.txt", ["patient_id\tstudy_id", f"1\t{LATER}"])
    with pytest.raises(InputError, match="no column 'image_id'"):
        list(imagenome_gold(tmp_path))
