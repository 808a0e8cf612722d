"""RadGraph's files and those of RadGraph-XL, made small: documents, two annotators, lists, DyGIE++ lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.study import Study
from hilum.data.radgraph import findings_of, graphs, radgraph
from hilum.data.release import check_release
from hilum.text.graph import graph
from hilum.text.parse import parse
from hilum.text.radgraph import to_dygie, to_radgraph

WORDS = "small left pleural effusion , no pneumothorax . possible edema"


def entities() -> dict[str, Any]:
    def entity(tokens: str, label: str, at: int, *relations: list[str]) -> dict[str, Any]:
        return {"tokens": tokens, "label": label, "start_ix": at, "end_ix": at, "relations": list(relations)}

    return {
        "1": entity("small", "OBS-DP", 0, ["modify", "4"]), "2": entity("left", "ANAT-DP", 1, ["modify", "3"]),
        "3": entity("pleural", "ANAT-DP", 2), "4": entity("effusion", "OBS-DP", 3, ["located_at", "3"]),
        "5": entity("pneumothorax", "OBS-DA", 6), "6": entity("edema", "OBS-U", 9),
    }  # fmt: skip


def document(split: str) -> dict[str, Any]:
    return {"text": WORDS, "entities": entities(), "data_source": "MIMIC-CXR", "data_split": split}


def twice() -> dict[str, Any]:
    other = entities()
    other["5"]["label"] = "OBS-U"
    return {"text": WORDS, "labeler_1": {"entities": entities()}, "labeler_2": {"entities": other}}


def layout(root: Path) -> Path:
    files = {
        "train": {"p18/p18004941/s58821758.txt": document("train")},
        "dev": {"p15/p15094735/s57621286.txt": document("dev")},
        "test": {"p10/p10000032/s50000001.txt": twice(), "patient00001_study1": twice()},
        "MIMIC-CXR_graphs": {f"p10/p10000032/s5000000{n}.txt": document("inference") for n in range(3)},
    }
    for name, content in files.items():
        (root / f"{name}.json").write_text(json.dumps(content))
    return root


def test_documents_are_studies_named_as_in_mimic(tmp_path: Path) -> None:
    found = list(radgraph(layout(tmp_path)))
    assert [study.id for study in found] == ["s58821758", "s57621286", "s50000001", "patient00001_study1"]
    assert [study.patient for study in found] == ["p18004941", "p15094735", "p10000032", ""]
    assert found[0].report is not None
    assert found[0].report.findings == WORDS


def test_observations_with_a_name_are_findings_with_their_words(tmp_path: Path) -> None:
    study = next(iter(radgraph(layout(tmp_path))))
    assert [(f.concept, f.state) for f in study.findings] == [
        ("pleural effusion", "present"), ("pneumothorax", "absent"), ("pulmonary edema", "uncertain")
    ]  # fmt: skip
    spans = [f.evidence for f in study.findings if f.evidence]
    assert [WORDS[span.start : span.end] for span in spans] == ["effusion", "pneumothorax", "edema"]


@pytest.mark.parametrize(("annotator", "state"), [(1, "absent"), (2, "uncertain")])
def test_either_annotator_of_the_test_set_can_be_read(tmp_path: Path, annotator: int, state: str) -> None:
    found = {study.id: study for study in radgraph(layout(tmp_path), annotator=annotator)}
    states = {f.concept: f.state for f in found["s50000001"].findings}
    assert states["pneumothorax"] == state
    with pytest.raises(InputError, match=r"test\.json, document 'p10/p10000032/s50000001\.txt': .* no annotator 3"):
        list(radgraph(tmp_path, annotator=3))


def test_what_a_model_wrote_is_apart(tmp_path: Path) -> None:
    root = layout(tmp_path)
    assert [study.id for study in radgraph(root, machine=True)] == ["s50000000", "s50000001", "s50000002"]
    assert radgraph(root, machine=True).split_of("p10000032") == "MIMIC-CXR_graphs"


def test_splits_are_the_files_and_the_tested_patient_is_not_trained_on(tmp_path: Path) -> None:
    root = layout(tmp_path)
    cohort = radgraph(root)
    assert [cohort.split_of(name) for name in ("p18004941", "p15094735", "p10000032", "patient00001_study1")] == [
        "train", "dev", "test", "test"
    ]  # fmt: skip
    both = {"p10/p10000032/s50000009.txt": document("train")}
    (root / "train.json").write_text(json.dumps(both))
    assert radgraph(root).split_of("p10000032") == "test"


def test_graphs_come_with_their_names_and_splits(tmp_path: Path) -> None:
    name, split, first = next(graphs(layout(tmp_path)))
    assert (name, split) == ("p18/p18004941/s58821758.txt", "train")
    assert [first.words(n) for n in range(6)] == ["small", "left", "pleural", "effusion", "pneumothorax", "edema"]
    assert first.entities[3].relations == (("located_at", 2),)


def long_names(content: dict[str, Any]) -> dict[str, Any]:
    names = {"ANAT-DP": "Anatomy::definitely present", "OBS-DP": "Observation::definitely present",
             "OBS-DA": "Observation::definitely absent", "OBS-U": "Observation::uncertain"}  # fmt: skip
    made: dict[str, Any] = json.loads(json.dumps(content))
    for entity in made["entities"].values():
        entity["label"] = names[entity["label"]]
    return made


@pytest.mark.parametrize("form", ["object", "list", "list of ones", "dygie", "dygie.jsonl"])
def test_forms_of_radgraph_xl_say_the_same(tmp_path: Path, form: str) -> None:
    plain = document("train")
    whole = long_names(plain)
    content: object = {"object": {"a": whole}, "list": [whole], "list of ones": [{"0": whole}]}.get(form)
    if content is not None:
        (tmp_path / "train.json").write_text(json.dumps(content))
    else:
        lines = "\n".join(json.dumps(line) for line in to_dygie({"a": plain}))
        (tmp_path / f"train.{'jsonl' if form.endswith('jsonl') else 'json'}").write_text(lines + "\n")
    ((name, split, found),) = graphs(tmp_path)
    (study,) = radgraph(tmp_path)
    assert (split, found.text) == ("train", WORDS)
    assert name == ("train-0" if form.startswith("list") else "a")
    assert [entity.label for entity in found.entities] == [each["label"] for each in plain["entities"].values()]
    assert [entity.relations for entity in found.entities][:4] == [
        (("modify", 3),),
        (("modify", 2),),
        (),
        (("located_at", 2),),
    ]
    assert len(study.findings) == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no whole JSON file"),
        ('{"a": 3}', "document 'a' is no object"),
        ('{"a": {"text": "x"}}', "document 'a': .* needs 'text'"),
        (
            '{"a": {"text": "x", "entities": {"1": {"label": "OBS", "start_ix": 0, "end_ix": 0, "relations": []}}}}',
            "not as",
        ),
        (
            '{"a": {"text": "x", "entities": {"1": {"label": "OBS-DP", "start_ix": 0, "end_ix": 4, "relations": []}}}}',
            "spans",
        ),
        ('{"doc_key": "a", "sentences": [["x"]], "ner": [], "relations": [[[0, 0, 0, 0, "modify"]]]}', "no entities"),
    ],
)
def test_damage_is_said(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(InputError, match=why):
        list(radgraph(tmp_path))


def test_a_folder_without_files_says_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"physionet\.org/content/radgraph"):
        radgraph(tmp_path)


def test_our_own_graphs_are_read_as_theirs(tmp_path: Path) -> None:
    report = "FINDINGS: Moderate right pleural effusion. No pneumothorax. Heart size is normal."
    own = to_radgraph(graph(parse(report)))
    (tmp_path / "train.json").write_text(json.dumps({"a": own}))
    (study,) = radgraph(tmp_path)
    assert isinstance(study, Study)
    states = {finding.concept: finding.state for finding in study.findings}
    assert states["pleural effusion"] == "present"
    assert states["pneumothorax"] == "absent"


def test_a_graph_without_a_known_name_has_no_finding(tmp_path: Path) -> None:
    odd = document("train")
    odd["text"] = odd["text"].replace("pneumothorax", "quibble")
    odd["entities"]["5"]["tokens"] = "quibble"
    (tmp_path / "train.json").write_text(json.dumps({"a": odd}))
    ((_, _, found),) = graphs(tmp_path)
    assert [finding.concept for finding in findings_of(found)] == ["pleural effusion", "pulmonary edema"]


def test_the_release_check(tmp_path: Path) -> None:
    told = check_release("radgraph", layout(tmp_path))
    assert "test.json has 2 documents, the official release 100 (PhysioNet, RadGraph 1.0.0)" in told
    assert any("220,763" in each for each in told)
