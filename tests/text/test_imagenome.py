"""Chest ImaGenome's JSON: its keys, its two frames, the round trip, and files that are not what they should be."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox
from hilum.core.region import Box
from hilum.core.vocabulary import concept
from hilum.text.imagenome import SQUARE, from_imagenome, to_findings, to_imagenome, to_square
from hilum.text.parse import parse
from hilum.text.scene import scene
from tests.text.test_scene import SENTENCES

TEXT = {
    "findings": "The lungs are clear on the right. Possible left lower lobe consolidation, increased. No pneumothorax.",
    "impression": "Small left effusion, unchanged. Left pneumonia.",
}
TOP = {
    "image_id", "patient_id", "study_id", "viewpoint", "gender", "age_decile", "reason_for_exam", "StudyDateTime",
    "StudyOrder", "objects", "attributes", "relationships",
}  # fmt: skip
OBJECT = {
    "object_id", "bbox_name", "name", "synsets", "x1", "y1", "x2", "y2", "width", "height", "original_x1",
    "original_y1", "original_x2", "original_y2", "original_width", "original_height",
}  # fmt: skip
LISTS = {"attributes", "phrases", "phrase_IDs", "sections", "comparison_cues", "temporal_cues", "severity_cues",
         "texture_cues"}  # fmt: skip
RELATION = {"relationship_id", "predicate", "relationship_names", "subject_id", "object_id", "bbox_name", "phrase"}
BOXES = {"left lung": Box(250, 40, 420, 380), "spine": Box(200, 0, 260, 400), "right lung": Box(30, 35, 200, 390)}


def document(**changed: object) -> dict:
    arguments = {"image_id": "i2", "patient_id": "p", "study_id": "s2", "boxes": BOXES, "size": (400, 500),
                 "prior_image_id": "i1", "meta": {"viewpoint": "PA"}}  # fmt: skip
    return to_imagenome(scene(parse(TEXT), parse(TEXT)), **{**arguments, **changed})  # type: ignore[arg-type]


def test_the_keys_are_those_of_the_files() -> None:
    made = document()
    assert made.keys() == TOP
    assert all(row.keys() == OBJECT for row in made["objects"])
    assert all(row.keys() == LISTS | {"object_id", "bbox_name"} for row in made["attributes"])
    assert all(row.keys() == RELATION for row in made["relationships"])
    assert made["relationships"]
    for row in made["attributes"]:
        assert len({len(row[name]) for name in LISTS}) == 1
    assert json.loads(json.dumps(made)) == made


def test_one_object_in_both_frames_by_hand() -> None:
    # 500 wide, 400 high: scale 224/500, 179 rows inside, 22 rows of black above
    row = next(row for row in document()["objects"] if row["bbox_name"] == "left lung")
    assert row["object_id"] == "i2_left lung"
    assert [row[f"original_{edge}"] for edge in ("x1", "y1", "x2", "y2")] == [250, 40, 420, 380]
    assert [row[edge] for edge in ("x1", "y1", "x2", "y2")] == [112, 40, 188, 192]
    assert (row["width"], row["height"]) == (76, 152)
    assert (row["original_width"], row["original_height"]) == (170, 340)


@given(st.integers(20, 4000), st.integers(20, 4000), st.data())
def test_the_square_frame_is_left_by_the_way_it_was_entered(height: int, width: int, data: st.DataObject) -> None:
    x0, x1 = sorted(data.draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(data.draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    square = to_square(Box(x0, y0, x1, y1), (height, width))
    assert all(0 <= edge <= SQUARE for edge in square)
    back = Letterbox(height, width, SQUARE).to_source(square)
    step = max(height, width) / SQUARE + 1  # a whole pixel of the small frame
    narrow = SQUARE / 2 / max(1, Letterbox(height, width, SQUARE).inner[0], 1) if height < width else 0
    assert back == pytest.approx((x0, y0, x1, y1), abs=step * (1 + narrow))


def test_a_box_is_no_mention_and_a_mention_needs_no_box() -> None:
    made = document()
    assert "spine" in {row["bbox_name"] for row in made["objects"]}
    assert "spine" not in {row["bbox_name"] for row in made["attributes"]}
    assert "left costophrenic angle" in {row["bbox_name"] for row in made["attributes"]}


def test_relations_are_written_only_with_a_prior_image() -> None:
    row = next(row for row in document()["relationships"] if row["bbox_name"] == "left lower lung zone")
    assert (row["subject_id"], row["object_id"]) == ("i2_left lower lung zone", "i1_left lower lung zone")
    assert (row["predicate"], row["relationship_names"]) == ("worsened", ["comparison|yes|worsened"])
    assert row["phrase"].startswith("Possible left lower lobe")
    assert document(prior_image_id="")["relationships"] == []


def test_cues_stand_beside_their_phrase() -> None:
    row = next(row for row in document()["attributes"] if row["bbox_name"] == "left lower lung zone")
    assert row["attributes"] == [[
        "anatomicalfinding|yes|consolidation", "anatomicalfinding|yes|airspace opacity",
        "anatomicalfinding|yes|lung opacity", "nlp|yes|abnormal",
    ]]  # fmt: skip
    assert row["severity_cues"] == [["severity|yes|hedge"]]
    assert row["comparison_cues"] == [["comparison|yes|worsened"]]
    assert row["sections"] == ["findings"]


def written_again(made: dict) -> dict:
    read = from_imagenome(made)
    return to_imagenome(
        read.scene, image_id=read.image_id, patient_id=read.patient_id, study_id=read.study_id, boxes=read.boxes,
        size=(400, 500), prior_image_id=read.prior_image_id, meta=read.meta,
    )  # fmt: skip


def test_round_trip_of_a_report() -> None:
    assert written_again(document()) == document()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*SENTENCES.values(), "No effusion.", "Left effusion is unchanged."]), max_size=8))
def test_round_trip_of_any_report(said: list[str]) -> None:
    now = parse(" ".join(said))
    made = to_imagenome(scene(now, now), image_id="b", study_id="7", prior_image_id="a")
    read = from_imagenome(made)
    assert to_imagenome(read.scene, image_id="b", study_id="7", prior_image_id=read.prior_image_id or "a") == made
    assert read.scene.pairs("yes") == scene(now).pairs("yes")
    assert read.scene.pairs("no") == scene(now).pairs("no")


def test_a_file_is_read_back_to_findings() -> None:
    found = {
        (each.concept, each.state, each.sites, each.change) for each in to_findings(from_imagenome(document()).scene)
    }
    assert ("consolidation", "uncertain", ("left lower lung zone",), "worsened") in found
    assert ("pneumothorax", "absent", ("right apical zone", "left apical zone"), None) in found
    assert ("pleural effusion", "present", ("left costophrenic angle",), "unchanged") in found
    assert "airspace opacity" not in {each for each, *_ in found}  # implied by the consolidation
    effusion = next(
        each for each in to_findings(from_imagenome(document()).scene) if each.concept == "pleural effusion"
    )
    assert effusion.attributes["severity"] == "mild"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SENTENCES.items())))
def test_every_attribute_is_read_back_as_a_concept(item: tuple[str, str]) -> None:
    found = to_findings(scene(parse(item[1])))
    assert found
    assert all(concept(each.concept).name == each.concept for each in found)
    assert all(concept(site).kind == "site" for each in found for site in each.sites)


FOREIGN = {
    "image_id": "x", "objects": [],
    "attributes": [{
        "object_id": "x_left lung", "bbox_name": "left lung", "phrases": ["a", "b"], "phrase_IDs": ["s|12", "s|3"],
        "sections": ["finalreport", "finalreport"], "attributes": [["disease|yes|something new"], ["nlp|yes|normal"]],
        "comparison_cues": [[], []], "temporal_cues": [[], []], "severity_cues": [[], []], "texture_cues": [[], []],
        "a field we do not know": 1,
    }],
    "relationships": [{"bbox_name": "spine", "object_id": "w_spine", "phrase": "only here",
                       "relationship_names": ["comparison|yes|improved"]}],
}  # fmt: skip


def test_a_foreign_file_with_unknown_names_and_fields_is_read() -> None:
    read = from_imagenome(FOREIGN)
    assert [read.scene.text[each.start : each.end] for each in read.scene.phrases] == ["b", "a", "only here"]
    assert ("left lung", "something new") in read.scene.pairs()
    assert read.prior_image_id == "w"
    assert (read.scene.relations[0].change, read.scene.relations[0].phrase) == ("improved", 2)
    assert [each.concept for each in to_findings(read.scene)] == ["something new"]


def broken(**changed: object) -> dict:
    row = {**FOREIGN["attributes"][0], **changed}  # type: ignore[index]
    return {**FOREIGN, "attributes": [row]}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "no scene graph"),
        ({}, "no scene graph"),
        ({"attributes": {}}, "no scene graph"),
        ({"attributes": [1]}, "list of at most"),
        (broken(phrases=["a"]), "as long as"),
        (broken(phrases=None), "as long as"),
        (broken(attributes=[["x"], []]), "category|yes|name"),
        (broken(attributes=[["x|maybe|y"], []]), "category|yes|name"),
        (broken(attributes=["x", []]), "list of text"),
        (broken(bbox_name=["a"]), "must be text"),
        (broken(texture_cues=[[1], []]), "list of text"),
        ({**FOREIGN, "objects": [{"bbox_name": "spine"}]}, "needs numbers"),
        ({**FOREIGN, "objects": [{f"original_{e}": 5 for e in ("x1", "y1", "x2", "y2")}]}, "x0 < x1"),
        ({**FOREIGN, "objects": [{f"original_{e}": float("nan") for e in ("x1", "y1", "x2", "y2")}]}, "x0 < x1"),
    ],
)
def test_damaged_files_are_refused_with_a_sentence(made: object, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("|", r"\|")):
        from_imagenome(made)  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        [*LISTS, "objects", "attributes", "relationships", "bbox_name", "original_x1", "phrase"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json_is_read_or_refused(made: object) -> None:
    try:
        read = from_imagenome(made)  # type: ignore[arg-type]
    except InputError:
        return
    to_imagenome(read.scene, image_id="x")
    to_findings(read.scene)


def test_writing_refuses_what_it_cannot_place() -> None:
    with pytest.raises(InputError, match="size"):
        document(size=None)
    with pytest.raises(InputError, match="original image"):
        document(size=(100, 100))
    with pytest.raises(InputError, match="no field 'sex'"):
        document(meta={"sex": "F"})


def test_a_large_file_is_read_in_time() -> None:
    rows = [{**FOREIGN["attributes"][0], "bbox_name": f"site {n}"} for n in range(4000)]  # type: ignore[index]
    told = [{**FOREIGN["relationships"][0], "phrase": f"p{n}"} for n in range(4000)]  # type: ignore[index]
    began = time.process_time()
    from_imagenome({**FOREIGN, "attributes": rows, "relationships": told})
    assert time.process_time() - began < 2


def test_the_page_about_scenes_runs_as_written() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "scene.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pleural effusion" in done.stdout
