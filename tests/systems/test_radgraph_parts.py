"""The tagger's scores and reports: against sklearn and by property, and files made by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from hilum.core.errors import InputError, MissingError
from hilum.learn.spans import Entity, Tagged
from hilum.systems import _radgraph_judge as judge
from hilum.systems._radgraph_corpus import SCHEMA, STOP, lines_of, marks_of, tag, written
from hilum.systems._radgraph_recipe import QUICK, Recipe, _typed
from hilum.systems._radgraph_reports import cases, dev_reports, is_tuning, read_row, rows_of
from hilum.systems._radgraph_score import PARTS, count, count_lines, f1, facts, interval
from hilum.systems._radgraph_sources import gold_sentences, rule_sentences, vocabulary_of
from hilum.text.grammar import Mark
from hilum.text.parse import parse

LABELS = st.sampled_from(SCHEMA.labels)


@st.composite
def tagged(draw: Any) -> Tagged:
    """A sentence of one-word entities with relations between them."""
    words = tuple(draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8)))
    places = sorted(draw(st.sets(st.integers(0, len(words) - 1))))
    entities = tuple(Entity(at, at, draw(LABELS)) for at in places)
    pairs = [(a, b) for a in range(len(entities)) for b in range(len(entities)) if a != b]
    chosen = draw(st.sets(st.sampled_from(pairs), max_size=4)) if pairs else set()
    return Tagged(words, entities, tuple(sorted((a, b, draw(st.sampled_from(SCHEMA.kinds))) for a, b in chosen)))


@settings(max_examples=80, deadline=None)
@given(tagged())
def test_a_sentence_against_itself_is_right_in_every_part(sentence: Tagged) -> None:
    counts = count_lines([sentence], [sentence])
    assert (counts[..., 0] == counts[..., 1]).all()
    assert (counts[..., 0] == counts[..., 2]).all()
    assert counts[0, PARTS.index("span"), 0] == len(sentence.entities)
    assert counts[0, PARTS.index("relation"), 0] == len(sentence.relations)
    assert counts[0, 3:, 0].sum() == len(sentence.relations)  # each relation is of one kind


@settings(max_examples=80, deadline=None)
@given(tagged(), tagged())
def test_what_both_state_is_in_neither_more_and_sides_can_be_exchanged(one: Tagged, two: Tagged) -> None:
    here, there = count_lines([one], [two])[0], count_lines([two], [one])[0]
    assert (here[:, 0] <= here[:, 1:].min(axis=1)).all()
    assert (here[:, 0] == there[:, 0]).all()
    assert (here[:, 1] == there[:, 2]).all()
    assert f1(here) == pytest.approx(f1(there))
    assert here[PARTS.index("entity"), 0] <= here[PARTS.index("span"), 0]


@settings(max_examples=60, deadline=None)
@given(tagged())
def test_marks_of_a_sentence_say_the_same_facts_as_its_entities(sentence: Tagged) -> None:
    found = facts(marks_of(sentence))
    assert found["entity"] == {(e.first, e.last + 1, e.label) for e in sentence.entities}
    assert found["relation"] == {
        ((a.first, a.last + 1, a.label), kind, (b.first, b.last + 1, b.label))
        for one, two, kind in sentence.relations
        for a, b in [(sentence.entities[one], sentence.entities[two])]
    }
    assert set().union(*(found[kind] for kind in PARTS[3:])) == found["relation"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_f1_of_counts_is_sklearns_of_the_same_decisions(seed: int) -> None:
    gold, said = np.random.default_rng(seed).random((2, 30)) < 0.5
    gold[0] = True
    counts = np.array([[(gold & said).sum(), said.sum(), gold.sum()]], float)
    assert f1(counts)[0] == pytest.approx(f1_score(gold, said))


def test_a_shuffled_answer_loses_and_the_interval_repeats_under_its_seed(draw: np.random.Generator) -> None:
    sentences = written(120, seed=4)
    dealt = []
    for each in sentences:
        labels = draw.permutation([e.label for e in each.entities]) if each.entities else []
        entities = tuple(Entity(e.first, e.last, str(new)) for e, new in zip(each.entities, labels, strict=True))
        dealt.append(Tagged(each.words, entities, each.relations))
    right, shuffled = count_lines(sentences, sentences), count_lines(dealt, sentences)
    entity, span = PARTS.index("entity"), PARTS.index("span")
    assert f1(right.sum(axis=0)).tolist()[entity] == 1.0
    assert f1(shuffled.sum(axis=0))[span] == 1.0  # spans are where they were
    assert f1(shuffled.sum(axis=0))[entity] < 0.9
    low, high = interval(shuffled, right, draws=200, seed=3)
    assert high[entity] < 0
    assert (low[span], high[span]) == (0, 0)
    again = interval(shuffled, right, draws=200, seed=3)
    assert np.array_equal(again, np.stack([low, high]))


def test_a_mark_that_cuts_a_word_is_not_on_the_words() -> None:
    parsed = parse("Small effusion.")
    (line,) = lines_of(parsed)
    start = parsed.text.index("effusion")
    whole, cut = Mark(start, start + 8, "OBS-DP", ()), Mark(start + 1, start + 8, "OBS-DP", ())
    assert tag(line, [whole]).entities == (Entity(1, 1, "OBS-DP"),)
    assert tag(line, [cut]).entities == ()
    assert tag(line, []).relations == ()


def test_read_as_sections_no_word_is_lost_and_sentences_end_in_a_stop() -> None:
    parsed = parse({"findings": "Small effusion. Clear left lung. No mass.", "impression": "Effusion."})
    by_sentence, by_section = lines_of(parsed), lines_of(parsed, unit="section")
    assert [w for line in by_section for w in line.words if w != STOP] == [
        w for line in by_sentence for w in line.words
    ]
    assert sum(w == STOP for line in by_section for w in line.words) == len(by_sentence)
    for line in by_section:
        assert len(line.words) == len(line.spans)
        assert list(line.spans) == sorted(line.spans)


def test_no_relation_is_stated_is_no_score_and_all_right_is_one() -> None:
    none = np.zeros((2, len(PARTS), 3))
    assert np.isnan(judge._scored(none).value)
    right = none.copy()
    right[0, PARTS.index("relation")] = 3
    assert judge._scored(right).value == 1.0
    half = right.copy()
    half[1, PARTS.index("relation")] = (0, 3, 3)
    assert judge._scored(half).value == 0.5


def test_a_model_that_copies_its_rival_gains_nothing_and_a_perfect_one_holds(draw: np.random.Generator) -> None:
    relation = PARTS.index("relation")
    true = np.zeros((40, len(PARTS), 3))
    true[:, relation] = 2
    poor = true.copy()
    poor[:, relation, 0] = draw.integers(0, 2, 40)
    arms = {"model": [true] * 3, **{rival: [poor] * 3 for rival in judge.RIVALS}, judge.CONTROL: [poor] * 3}
    rows = np.ones(40, bool)
    assert [part.outcome for part in judge._judged(arms, "here", rows)] == ["holds", "holds"]
    copied = judge._judged({**arms, "model": [poor] * 3}, "here", rows)
    assert [(part.outcome, part.gain.low, part.gain.high) for part in copied] == [("fails", 0.0, 0.0)] * 2


@pytest.mark.parametrize(
    ("current", "value", "read"),
    [(True, "no", False), (False, "YES", True), (True, 0, False), (3, "7", 7), (0.5, "1", 1.0), ("a", 5, "5")],
)
def test_a_setting_is_read_by_the_type_it_has(current: Any, value: Any, read: Any) -> None:
    found = _typed("name", current, value)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("current", "value", "said"), [(True, "maybe", "on or off"), (3, "3.5", "takes a int"), (0.5, "half", "float")]
)
def test_a_setting_that_cannot_be_read_is_said_by_its_name(current: Any, value: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"setting 'depth'.*{said}.*got '{value}'"):
        _typed("depth", current, value)


def test_shares_of_both_recipes_fill_a_batch() -> None:
    for recipe in (Recipe(), QUICK):
        assert sum(recipe.shares.values()) == pytest.approx(1.0)
        assert sum(recipe.tuning.values()) == pytest.approx(1.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Open-i of five reports: one of the other half, one of a text twice, one without codes."""
    (tmp_path / "openi").mkdir()
    with (tmp_path / "openi" / "gold_findings.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["report_id", "findings", "impression", "text_hash", "gold_status"])
        writer.writerow(["a", " Small effusion. ", "Effusion.", "0a", "ok"])
        writer.writerow(["b", "Small effusion.", "Effusion.", "0a", "ok"])
        writer.writerow(["c", "Mass.", "", "0b", "ok"])
        writer.writerow(["d", "Nodule.", "", "0c", "none"])
        writer.writerow(["e", "Clear lungs.", "No effusion.", "1e", "ok"])
    return tmp_path


def test_reports_to_learn_from_are_of_the_dev_half_once_and_never_of_the_gold(root: Path) -> None:
    assert [row["report_id"] for row in rows_of(root)] == ["a", "b", "c", "e"]
    texts = [each.text for each in dev_reports(root, [])]
    assert len(texts) == 2  # of a and b one, and e; c is of the closed half, d has no codes
    assert len(dev_reports(root, ["a", "b"])) == 1
    assert len(dev_reports(root, [], limit=1)) == 1
    assert dev_reports(root, ["a", "b", "e"]) == []


def test_hand_made_graphs_are_placed_in_the_whole_text_by_section(root: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.json"
    made = {"id": "a", "entities": [
        {"id": "1", "section": "findings", "start": 0, "end": 5, "label": "OBS-DP", "relations": [["modify", "2"]]},
        {"id": "2", "section": "findings", "start": 6, "end": 14, "label": "OBS-DP", "relations": []},
        {"id": "3", "section": "impression", "start": 0, "end": 8, "label": "OBS-DP", "relations": []},
    ]}  # fmt: skip
    gold.write_text(json.dumps({"reports": [made]}), encoding="utf-8")
    (case,) = cases(root, gold)
    assert [case.parsed.text[m.start : m.end].lower() for m in case.marks] == ["small", "effusion", "effusion"]
    assert case.marks[0].relations == (("modify", 1),)
    assert case.id == "a"
    sentences = gold_sentences([case], Recipe())
    assert [len(each.entities) for each in sentences] == [2, 1]
    assert count_lines(sentences, sentences)[0, PARTS.index("modify")].tolist() == [1, 1, 1]
    with pytest.raises(MissingError, match=r"nowhere\.json were not found: give their place with --set gold=PATH"):
        cases(root, tmp_path / "nowhere.json")


def test_rules_read_every_distinct_sentence_once_and_words_of_gold_stay_unknown(root: Path) -> None:
    reports = [read_row(row) for row in rows_of(root)]
    made = rule_sentences(reports, Recipe())
    assert len({each.words for each in made}) == len(made)
    assert {each.words for each in made} == {line.words for each in reports for line in lines_of(each)}
    gold = [Tagged(("unheard", "unheard"), (), ())]
    words = vocabulary_of({"rules": [*made, *made], "gold": gold * 5}).words
    assert "effusion" in words
    assert "unheard" not in words


def test_about_half_of_the_reports_may_be_learnt_from_and_always_the_same() -> None:
    names = [f"CXR{number}" for number in range(2000)]
    tuning = [is_tuning(name) for name in names]
    assert np.mean(tuning) == pytest.approx(0.5, abs=0.04)
    assert tuning == [is_tuning(name) for name in names]


def test_counts_of_no_report_have_the_shape_of_counts() -> None:
    assert count([], []).shape == (0, len(PARTS), 3)
