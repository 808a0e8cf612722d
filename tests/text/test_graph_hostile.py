"""Nothing makes the graph slow, wrong in form or different from one run to the next."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.text.graph import KINDS, LABELS, Graph, from_radgraph, graph, sentence_graph, to_radgraph
from hilum.text.graph_entities import roles
from hilum.text.parse import LONGEST_REPORT, parse

BOUND = 10.0  # seconds of processor time
MEGABYTE = 1_000_000
UNITS = ["a ", " ", ".", "\n", ":", ",", "1.", "1 x ", "no ", "no effusion ", "(", "_", "-", "XXXX ", "opacity or ",
         "may represent ", "2.2 x 2.2 cm ", "right left ", "heart is normal and ", "lobe ", "of the ", "effusion, ",
         "with clear lungs ", "opacity XXXX, ", "t12 ", "mild to ", "upper normal ", "é", "\x00", "large right base, ",
         "resolution of ", "unchanged. "]  # fmt: skip
TYPES = {
    "modify": {("OBS", "OBS"), ("ANAT", "ANAT")},
    "located_at": {("OBS", "ANAT")},
    "suggestive_of": {("OBS", "OBS")},
}


def vocabulary() -> list[str]:
    """Every phrase of the table and the marks between them."""
    found: list[str] = []
    waiting = [("", roles("en"))]
    while waiting:
        before, node = waiting.pop()
        for word, after in node.items():
            if word == "":
                found.append(before.strip())
            else:
                waiting.append((f"{before} {word}", after))
    return sorted(found)


WORDS = [*vocabulary(), ",", ",", ".", ";", "/", "XXXX", "the", "7th", "3 mm", "4.6 cm x 3.7 cm", "not", "seen"]


def well_formed(made: Graph) -> None:
    """Spans in order on whole words, no overlap, known labels, relations between the right types."""
    spans = [(e.start, e.end) for e in made.entities]
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    for entity in made.entities:
        assert 0 <= entity.start < entity.end <= len(made.text)
        assert made.text[entity.start].isalnum()
        assert made.text[entity.end - 1].isalnum()
        assert entity.label in LABELS
        assert len(entity.relations) == len(set(entity.relations))
        for kind, to in entity.relations:
            assert kind in KINDS
            target = made.entities[to]
            assert target is not entity
            assert (entity.label.split("-")[0], target.label.split("-")[0]) in TYPES[kind], (made.text, entity, target)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_words_of_the_table_give_a_well_formed_graph(words: list[str]) -> None:
    well_formed(graph(parse(" ".join(words))))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_well_formed_graph(text: str) -> None:
    well_formed(graph(parse(text)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=15))
def test_sentences_are_read_alone_and_the_same_each_time(words: list[str]) -> None:
    sentence = " ".join(words)
    once = sentence_graph(sentence)
    sentence_graph.cache_clear()
    assert sentence_graph(sentence) == once


@pytest.mark.parametrize("unit", UNITS)
def test_the_longest_report_is_read_in_seconds(unit: str) -> None:
    """What is quadratic takes minutes here; the bound leaves room for a machine that does other things."""
    text = (unit * LONGEST_REPORT)[:LONGEST_REPORT]
    began = time.process_time()
    made = graph(parse(text))
    assert time.process_time() - began < BOUND
    well_formed(made)


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_in_one_sentence_after_another_is_refused_by_parse(unit: str) -> None:
    with pytest.raises(InputError, match="1,000,000 characters"):
        graph(parse((unit * MEGABYTE)[:MEGABYTE]))


@pytest.mark.slow
def test_reports_of_mixed_words_are_read_in_seconds() -> None:
    draw = random.Random(7)
    for _ in range(5):
        text = " ".join(draw.choices(WORDS, k=LONGEST_REPORT // 8))[:LONGEST_REPORT]
        began = time.process_time()
        well_formed(graph(parse(text)))
        assert time.process_time() - began < BOUND


def test_a_megabyte_of_a_radgraph_document_is_read_in_time() -> None:
    words = ["effusion"] * (MEGABYTE // 9)
    entity = {"tokens": "effusion", "label": "OBS-DP", "relations": []}
    entities = {str(n): {**entity, "start_ix": n, "end_ix": n} for n in range(len(words))}
    began = time.process_time()
    made = from_radgraph({"text": " ".join(words), "entities": entities})
    assert len(to_radgraph(made)["entities"]) == len(words)
    assert time.process_time() - began < 2.0
