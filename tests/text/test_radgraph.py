"""RadGraph's JSON form: the published layouts in, ours out, round trips, and faults named in a sentence."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.text.graph import (
    KINDS,
    LABELS,
    MADE_BY,
    Entity,
    Graph,
    from_file,
    from_radgraph,
    graph,
    to_dygie,
    to_file,
    to_radgraph,
)
from hilum.text.parse import parse

EXAMPLE = "small left pleural effusion , no pneumothorax"
PUBLISHED = {  # the layout of the data set's train and dev files, with a made-up report
    "p10/p1/s1.txt": {
        "text": "IMPRESSION : Large right effusion .",
        "entities": {
            "1": {"tokens": "Large", "label": "OBS-DP", "start_ix": 2, "end_ix": 2, "relations": [["modify", "3"]]},
            "2": {"tokens": "right", "label": "ANAT-DP", "start_ix": 3, "end_ix": 3, "relations": []},
            "3": {"tokens": "effusion", "label": "OBS-DP", "start_ix": 4, "end_ix": 4,
                  "relations": [["located_at", "2"]]},
        },
        "data_source": "MIMIC-CXR",
        "data_split": "train",
    }
}  # fmt: skip


def words_of(document: dict) -> list[str]:
    words = document["text"].split(" ")
    return [" ".join(words[e["start_ix"] : e["end_ix"] + 1]) for e in document["entities"].values()]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph on any text: spans of whole words, random labels and relations."""
    word = st.text("abcXYZ09", min_size=1, max_size=6)
    words = draw(st.lists(word, min_size=1, max_size=12))
    gaps = draw(
        st.lists(st.sampled_from([" ", "  ", "\n", ", ", " - ", "/"]), min_size=len(words), max_size=len(words))
    )
    text, spans = "", []
    for one, gap in zip(words, gaps, strict=True):
        spans.append((len(text), len(text) + len(one)))
        text += one + gap
    count = draw(st.integers(0, len(words)))
    entities = []
    for number in range(count):
        targets = st.tuples(st.sampled_from(KINDS), st.integers(0, count - 1))
        relations = draw(st.lists(targets, max_size=3, unique=True))
        entities.append(Entity(*spans[number], draw(st.sampled_from(LABELS)), tuple(relations)))
    return Graph(text, tuple(entities))


def test_the_known_example_is_as_the_data_set_writes_it() -> None:
    made = to_radgraph(graph(parse(EXAMPLE)))
    assert made["text"] == EXAMPLE
    assert made["entities"] == {
        "1": {"tokens": "small", "label": "OBS-DP", "start_ix": 0, "end_ix": 0, "relations": [["modify", "4"]]},
        "2": {"tokens": "left", "label": "ANAT-DP", "start_ix": 1, "end_ix": 1, "relations": [["modify", "3"]]},
        "3": {"tokens": "pleural", "label": "ANAT-DP", "start_ix": 2, "end_ix": 2, "relations": []},
        "4": {"tokens": "effusion", "label": "OBS-DP", "start_ix": 3, "end_ix": 3, "relations": [["located_at", "3"]]},
        "5": {"tokens": "pneumothorax", "label": "OBS-DA", "start_ix": 6, "end_ix": 6, "relations": []},
    }
    assert made["version"] == f"radgraph; {MADE_BY}"
    assert made["lower_case"] is False
    assert json.loads(json.dumps(made)) == made


@settings(max_examples=200, deadline=None)
@given(graphs(), st.sampled_from(["radgraph", "radgraph-xl"]))
def test_a_graph_comes_back_with_its_words_labels_and_relations(made: Graph, form: str) -> None:
    document = to_radgraph(made, form=form)
    back = from_radgraph(document)
    assert [(e.label, e.relations) for e in back.entities] == [(e.label, e.relations) for e in made.entities]
    assert [back.words(n) for n in range(len(back.entities))] == [made.words(n) for n in range(len(made.entities))]
    assert back.made_by == made.made_by
    assert words_of(document) == [e["tokens"] for e in document["entities"].values()]
    assert to_radgraph(back, form=form) == document


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=120))
def test_any_text_gives_a_document_that_comes_back(text: str) -> None:
    document = to_radgraph(graph(parse(text)))
    assert from_radgraph(document).text == document["text"]
    assert words_of(document) == [e["tokens"] for e in document["entities"].values()]


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_report_without_words_becomes_none_as_upstream_does(text: str) -> None:
    made = to_radgraph(graph(parse(text)))
    assert made["text"] == "None"
    assert made["entities"] == {}


def test_words_are_cut_as_radgraph_cuts_them() -> None:
    made = to_radgraph(graph(parse("Heart/lungs: normal (1.5 cm nodule)! Well-expanded?")))
    assert made["text"] == "Heart / lungs : normal ( 1 . 5 cm nodule ) ! Well - expanded ?"
    assert "1 . 5 cm" in [e["tokens"] for e in made["entities"].values()]


def test_hyphens_may_be_left_as_radgraphs_code_leaves_them() -> None:
    made = to_radgraph(graph(parse("Left-sided effusion.")), hyphens=False)
    assert made["text"] == "Left-sided effusion ."
    assert made["entities"]["1"]["tokens"] == "Left-sided"
    assert made["entities"]["2"]["start_ix"] == 1


def test_the_xl_form_has_its_words_and_names() -> None:
    made = to_radgraph(graph(parse("Possible effusion (50%). Clear lung; no mass.")), form="radgraph-xl")
    assert made["text"] == "Possible effusion ( 50 % ) . Clear lung ; no mass ."
    assert [e["label"] for e in made["entities"].values()] == [
        "Observation::uncertain", "Observation::definitely present", "Anatomy::definitely present",
        "Observation::definitely absent",
    ]  # fmt: skip
    assert [e.label for e in from_radgraph(made).entities] == ["OBS-U", "OBS-DP", "ANAT-DP", "OBS-DA"]
    assert made["version"].startswith("radgraph-xl; ")


def test_lower_case_is_written_and_flagged() -> None:
    made = to_radgraph(graph(parse("Small Effusion.")), lower=True)
    assert made["text"] == "small effusion ."
    assert made["entities"]["1"]["tokens"] == "small"
    assert made["lower_case"] is True


def test_published_files_are_read() -> None:
    made = from_file(PUBLISHED)["p10/p1/s1.txt"]
    assert [made.words(n) for n in range(3)] == ["Large", "right", "effusion"]
    assert made.entities[0].relations == (("modify", 2),)
    assert made.made_by == "radgraph"
    again = to_file({"p10/p1/s1.txt": made}, source="MIMIC-CXR", split="train")["p10/p1/s1.txt"]
    published = PUBLISHED["p10/p1/s1.txt"]
    assert {key: again[key] for key in published} == published


def test_each_of_two_annotators_is_read() -> None:
    whole = PUBLISHED["p10/p1/s1.txt"]
    second = {key: {**value, "label": "OBS-U"} if key == "1" else value for key, value in whole["entities"].items()}
    document = {
        "text": whole["text"], "labeler_1": {"entities": whole["entities"]}, "labeler_2": {"entities": second},
    }  # fmt: skip
    assert from_radgraph(document).entities[0].label == "OBS-DP"
    assert from_radgraph(document, annotator=1).entities[0].label == "OBS-DP"
    assert from_file({"a": document}, annotator=2)["a"].entities[0].label == "OBS-U"
    with pytest.raises(InputError, match="no annotator 3: 1 or 2 is expected"):
        from_radgraph(document, annotator=3)


def test_dygie_lines_hold_the_whole_report_as_one_sentence() -> None:
    (line,) = to_dygie(PUBLISHED)
    assert line["doc_key"] == "p10/p1/s1.txt"
    assert line["sentences"] == [["IMPRESSION", ":", "Large", "right", "effusion", "."]]
    assert line["ner"] == [[[2, 2, "OBS-DP"], [3, 3, "ANAT-DP"], [4, 4, "OBS-DP"]]]
    assert line["relations"] == [[[2, 2, 4, 4, "modify"], [4, 4, 3, 3, "located_at"]]]


FAULTS = {
    "no text": (lambda d: d.pop("text"), "needs 'text'"),
    "no entities": (lambda d: d.pop("entities"), "needs 'text'"),
    "text is a number": (lambda d: d.update(text=5), "needs 'text'"),
    "unknown label": (lambda d: d["entities"]["1"].update(label="OBS-XX"), "entity '1' is not as RadGraph writes it"),
    "no label": (lambda d: d["entities"]["1"].pop("label"), "entity '1' is not as RadGraph writes it"),
    "target nowhere": (lambda d: d["entities"]["1"].update(relations=[["modify", "9"]]), "entity '1'"),
    "unknown relation": (lambda d: d["entities"]["1"].update(relations=[["near", "2"]]), "a relation 'near'"),
    "relation of one": (lambda d: d["entities"]["1"].update(relations=[["modify"]]), "entity '1'"),
    "past the end": (lambda d: d["entities"]["1"].update(end_ix=99), "spans words 2 to 99"),
    "negative": (lambda d: d["entities"]["1"].update(start_ix=-1), "spans words -1"),
    "not a number": (lambda d: d["entities"]["1"].update(start_ix="2"), "spans words 2"),
    "entity is a list": (lambda d: d["entities"].update({"1": []}), "entity '1' is not as RadGraph writes it"),
    "backwards": (lambda d: d["entities"]["1"].update(start_ix=3), "spans words 3 to 2"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_document_is_refused_with_its_id_and_the_fault(fault: str) -> None:
    content = copy.deepcopy(PUBLISHED)
    FAULTS[fault][0](content["p10/p1/s1.txt"])
    with pytest.raises(InputError, match=FAULTS[fault][1]) as caught:
        from_file(content)
    assert str(caught.value).startswith("document 'p10/p1/s1.txt': ")


@pytest.mark.parametrize("content", [[], "text", None, 4])
def test_what_is_no_file_is_refused(content: object) -> None:
    with pytest.raises(InputError, match="one JSON object of documents"):
        from_file(content)  # type: ignore[arg-type]


@pytest.mark.parametrize("document", [[], "text", None])
def test_what_is_no_document_is_refused(document: object) -> None:
    with pytest.raises(InputError, match="an object with 'text' and 'entities'"):
        from_file({"a": document})


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InputError, match="unknown form 'v2': one of radgraph, radgraph-xl is expected"):
        to_radgraph(graph(parse(EXAMPLE)), form="v2")
