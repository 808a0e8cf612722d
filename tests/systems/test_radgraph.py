"""The RadGraph system: lines and marks, halves kept apart, scores by hand, a quick training run, graphs out."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.learn.spans import Entity, Tagged
from hilum.systems._radgraph_corpus import lines_of, marks_of, tag, written
from hilum.systems._radgraph_recipe import GOLD, QUICK, Recipe, resolve
from hilum.systems._radgraph_reports import cases, dev_reports, is_tuning, rows_of
from hilum.systems._radgraph_score import PARTS, count, count_lines, f1, interval
from hilum.systems._radgraph_tagger import cooccurring, graphs, reader
from hilum.systems.radgraph import Tagger, train
from hilum.text.grammar import Mark
from hilum.text.graph import LABELS, from_radgraph, graph, to_radgraph
from hilum.text.parse import parse

TEXT = {"findings": "Small left effusion. No 4 mm nodule.", "impression": "Stable effusion."}


def test_lines_are_sentences_or_sections_with_their_characters():
    parsed = parse(TEXT)
    lines = lines_of(parsed)
    assert [line.words for line in lines] == [
        ("small", "left", "effusion"), ("no", "4", "mm", "nodule"), ("stable", "effusion"),
    ]  # fmt: skip
    for line in lines:
        assert [parsed.text[a:b].lower() for a, b in line.spans] == list(line.words)
    whole = lines_of(parsed, unit="section")
    assert [line.words for line in whole] == [
        ("small", "left", "effusion", ".", "no", "4", "mm", "nodule", "."), ("stable", "effusion", "."),
    ]  # fmt: skip
    with pytest.raises(InputError, match="unit"):
        lines_of(parsed, unit="report")


def test_sections_that_state_nothing_are_not_read():
    parsed = parse({"indication": "Cough.", "findings": "Clear lungs."})
    assert [line.words for line in lines_of(parsed)] == [("clear", "lungs")]


def test_marks_become_words_and_come_back():
    parsed = parse("Small left effusion. Mass.")
    text = parsed.text
    at = {word: (text.index(word), text.index(word) + len(word)) for word in ("Small", "left", "effusion", "Mass")}
    marks = [
        Mark(*at["Mass"], "OBS-DP", ()), Mark(*at["Small"], "OBS-DP", (("modify", 2), ("suggestive_of", 0))),
        Mark(*at["effusion"], "OBS-DP", (("located_at", 3),)), Mark(*at["left"], "ANAT-DP", ()),
        Mark(at["left"][0] + 1, at["left"][1], "ANAT-DP", ()),
    ]  # fmt: skip
    one, two = (tag(line, marks) for line in lines_of(parsed))
    assert one.entities == (Entity(0, 0, "OBS-DP"), Entity(1, 1, "ANAT-DP"), Entity(2, 2, "OBS-DP"))
    assert one.relations == ((0, 2, "modify"), (2, 1, "located_at"))  # the mass is in another sentence
    assert two.entities == (Entity(0, 0, "OBS-DP"),)
    whole = tag(lines_of(parsed, unit="section")[0], marks)
    assert (0, 3, "suggestive_of") in whole.relations
    assert tag(lines_of(parsed)[0], marks_of(one)) is not None
    assert [mark.relations for mark in marks_of(one)] == [(("modify", 2),), (), (("located_at", 1),)]


def test_written_sentences_lose_no_entity_on_the_way_to_words():
    from hilum.text.grammar import write

    made = zip(written(300, seed=5), write(300, seed=5), strict=True)
    for tagged, source in made:
        assert len(tagged.entities) == len(source.marks), source.text
        assert len(tagged.relations) == sum(len(mark.relations) for mark in source.marks), source.text


def marks(*labels, links=()):
    return [
        Mark(n * 10, n * 10 + 5, label, tuple((k, b) for a, k, b in links if a == n)) for n, label in enumerate(labels)
    ]


def test_scores_by_hand():
    true = marks("OBS-DP", "ANAT-DP", "OBS-DA", links=[(0, "located_at", 1), (2, "located_at", 1)])
    said = marks("OBS-DP", "ANAT-DP", "OBS-DP", links=[(0, "located_at", 1), (2, "located_at", 1), (0, "modify", 2)])
    counts = count([said], [true])
    assert counts.shape == (1, len(PARTS), 3)
    found = dict(zip(PARTS, counts[0].tolist(), strict=True))
    assert found["span"] == [3, 3, 3]
    assert found["entity"] == [2, 3, 3]
    assert found["relation"] == [1, 3, 2]  # the second end has another label
    assert found["modify"] == [0, 1, 0]
    assert f1(counts.sum(axis=0))[PARTS.index("relation")] == pytest.approx(0.4)
    assert f1(np.zeros((1, 3))).tolist() == [0.0]


def test_intervals_hold_the_score_and_a_difference_with_itself_is_zero():
    draw = np.random.default_rng(0)
    said = draw.integers(5, 9, (40, len(PARTS)))
    right = draw.integers(3, 6, (40, len(PARTS)))
    counts = np.stack([right, said, said], axis=-1).astype(float)
    low, high = interval(counts)
    assert (low < f1(counts.sum(axis=0))).all()
    assert (f1(counts.sum(axis=0)) < high).all()
    assert (interval(counts, counts) == 0).all()
    better = counts.copy()
    better[..., 0] += 1
    assert (interval(better, counts)[0] > 0).all()
    assert interval(np.stack([counts, better]), counts).shape == (2, len(PARTS))


def test_settings_are_read_by_their_type():
    made = resolve(Recipe(), {"first.steps": "20", "tuning.gold": "0.5", "pairs": "0", "unit": "section"})
    assert (made.first.steps, made.tuning["gold"], made.pairs, made.unit) == (20, 0.5, False, "section")
    assert made.tuning["rules"] == Recipe().tuning["rules"]
    for changes, named in (
        ({"steps": "3"}, "unknown setting 'steps'"), ({"first.step": "3"}, "'first' has no 'step'"),
        ({"first": "3"}, "unknown setting"), ({"pairs": "maybe"}, "on or off"), ({"batch": "many"}, "takes a int"),
        ({"tuning.web": "1"}, "has no 'web'"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=named):
            resolve(Recipe(), changes)


def test_missing_data_is_said(tmp_path):
    with pytest.raises(MissingError, match="gold_findings"):
        rows_of(tmp_path)


def test_a_missing_gold_is_said(pack, tmp_path):
    with pytest.raises(MissingError, match="--set gold"):
        cases(pack, tmp_path / "none.json")


def test_the_hand_made_graphs_lose_nothing_but_relations_across_sentences(pack):
    made = [case for case in cases(pack, GOLD) if is_tuning(case.id)]
    assert len(made) == 58
    for unit, lost in (("sentence", 2), ("section", 0)):
        tagged = [tag(line, case.marks) for case in made for line in lines_of(case.parsed, unit=unit)]
        assert sum(len(each.entities) for each in tagged) == sum(len(case.marks) for case in made)
        links = sum(len(mark.relations) for case in made for mark in case.marks)
        assert links - lost <= sum(len(each.relations) for each in tagged) <= links


def test_no_report_of_the_closed_half_or_of_the_gold_is_learnt_from(pack):
    ids = [case.id for case in cases(pack, GOLD)]
    with (pack / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    allowed = {
        (row["findings"].strip(), row["impression"].strip())
        for row in rows
        if int(row["text_hash"], 16) % 2 == 0 and row["report_id"] not in ids
    }
    reports = dev_reports(pack, ids, limit=300)
    assert len(reports) == 300

    def told(parsed):
        return {part.name: parsed.text[part.start : part.end].strip() for part in parsed.sections}

    for parsed in reports:
        said = told(parsed)
        assert (said.get("findings", ""), said.get("impression", "")) in allowed
    assert len({parsed.text for parsed in reports}) == 300


@pytest.fixture(scope="module")
def folder(pack, tmp_path_factory):
    pytest.importorskip("torch", reason="training needs hilum[train]")
    out = tmp_path_factory.mktemp("radgraph")
    return train(data=pack, out=out, seed=3, settings={"quick": "1"})


def test_training_writes_a_folder_that_reads_reports(folder):
    facts = json.loads((folder / "vocabulary.json").read_text())
    assert facts["onnx_vs_torch"] <= 1e-6
    assert facts["bytes"] == (folder / "model.onnx").stat().st_size < 3_000_000
    config = json.loads((folder / "config.json").read_text())
    assert config["seed"] == 3
    assert config["gold"] == "openi_graph.json"
    tagger = Tagger(folder)
    made = tagger(parse(TEXT))
    assert made.made_by == f"hilum tagger {facts['sha256'][:12]}"
    assert made.text == parse(TEXT).text
    for entity in made.entities:
        assert entity.label in LABELS
        assert made.text[entity.start : entity.end].strip() == made.text[entity.start : entity.end] != ""
        assert all(0 <= to < len(made.entities) for _, to in entity.relations)
    assert tagger(parse("")).entities == ()
    assert tagger(parse(TEXT)) == made


def test_the_system_is_registered_with_its_training():
    assert get("system", "radgraph").train is train


def test_a_changed_model_file_is_refused(folder, tmp_path):
    for name in ("model.onnx", "vocabulary.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with (tmp_path / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match="sha256"):
        Tagger(tmp_path)(parse(TEXT))
    with pytest.raises(MissingError, match=r"vocabulary\.json"):
        Tagger(tmp_path / "nowhere").facts  # noqa: B018


def test_training_is_the_same_for_a_seed_and_goes_on_where_it_stopped(folder, pack, tmp_path):
    again = train(data=pack, out=tmp_path, seed=3, resume=True, settings={"quick": "1"})
    once = (folder / "first" / "log.csv").read_text().splitlines()
    twice = (again / "first" / "log.csv").read_text().splitlines()
    assert [row.split(",")[2:] for row in once] == [row.split(",")[2:] for row in twice]
    words = json.loads((folder / "vocabulary.json").read_text())["words"]
    assert json.loads((again / "vocabulary.json").read_text())["words"] == words


def scripted(graph_of):
    """A reader that looks sentences up, to test what stands around it."""
    return lambda sentences: [graph_of[tuple(words)] for words in sentences]


def test_tagged_lines_become_a_graph_in_the_public_form():
    parsed = parse(TEXT)
    said = {
        ("small", "left", "effusion"): Tagged(
            ("small", "left", "effusion"),
            (Entity(0, 0, "OBS-DP"), Entity(1, 1, "ANAT-DP"), Entity(2, 2, "OBS-DP")),
            ((0, 2, "modify"), (2, 1, "located_at")),
        ),
        ("no", "4", "mm", "nodule"): Tagged(
            ("no", "4", "mm", "nodule"), (Entity(1, 2, "OBS-DA"), Entity(3, 3, "OBS-DA")), ((0, 1, "modify"),)
        ),
        ("stable", "effusion"): Tagged(("stable", "effusion"), (Entity(1, 1, "OBS-DP"),)),
    }
    made = graphs(scripted(said), [parsed, parse("")], unit="sentence", made_by="hand")
    assert made[1].entities == ()
    whole = made[0]
    assert [whole.text[e.start : e.end] for e in whole.entities] == [
        "Small", "left", "effusion", "4 mm", "nodule", "effusion",
    ]  # fmt: skip
    assert whole.entities[3].relations == (("modify", 4),)
    back = from_radgraph(to_radgraph(whole))
    assert [e.label for e in back.entities] == [e.label for e in whole.entities]
    assert [e.relations for e in back.entities] == [e.relations for e in whole.entities]
    near = graphs(cooccurring(scripted(said), nearest=True), [parsed], unit="sentence", made_by="near")[0]
    assert near.entities[0].relations == (("located_at", 1),)


def test_a_reader_keeps_order_and_reads_long_and_empty_sentences():
    from hilum.learn.words import Vocabulary
    from hilum.systems._radgraph_corpus import SCHEMA

    passes = []

    def scores(coded):
        passes.append(coded.words.shape)
        batch, longest = coded.words.shape
        entities = np.full((batch, longest * 8, len(SCHEMA.labels)), -1.0, np.float32)
        entities[np.arange(batch), (coded.lengths - 1) * 8, 1] = 1.0  # the last word is an observation
        kept = np.full((batch, 1), -1, np.int64)
        return {"entities": entities, "kept": kept, "relations": np.full((batch, 1, 1, 3), -1.0, np.float32)}

    sentences = [["a"] * length for length in (3, 0, 2500, 1, 40, 3, 0)] * 30
    found = reader(scores, Vocabulary(()))(sentences)
    assert [len(each.words) for each in found] == [len(words) for words in sentences]
    for each, words in zip(found, sentences, strict=True):
        last = len(words) - 1
        assert each.entities == ((Entity(last, last, "OBS-DP"),) if words else ())
    assert all(batch == 1 or batch * longest <= 2_000 for batch, longest in passes)
    assert len(passes) < len(sentences)


def test_the_rules_read_the_control_sentences_of_this_file_otherwise_than_a_random_guess():
    """The scoring tells a right graph from a shuffled one."""
    from hilum.learn.spans import shuffled

    sentences = written(60, seed=8)
    right = count_lines(sentences, sentences)
    dealt = count_lines([shuffled(each, seed=1) for each in sentences], sentences)
    assert (f1(right.sum(axis=0))[:3] == 1).all()
    low, _ = interval(right, dealt)
    assert low[PARTS.index("entity")] > 0
    assert low[PARTS.index("relation")] > 0.3
    assert graph(parse("Clear lungs.")).entities


def test_cross_validation_reads_only_what_was_left_out(pack, monkeypatch):
    pytest.importorskip("torch", reason="training needs hilum[train]")
    from hilum.systems import _radgraph_score as score
    from hilum.systems import _radgraph_sources as sources

    tuning = [case for case in cases(pack, GOLD) if is_tuning(case.id)][:6]
    seen = []
    real = sources.gold_sentences
    monkeypatch.setattr(sources, "gold_sentences", lambda kept, r: seen.append([c.id for c in kept]) or real(kept, r))
    recipe = replace(QUICK, folds=3)
    made = {"rules": written(10, seed=0), "written": written(10, seed=1), "gold": []}
    figures = score.cross_validate(made, tuning, recipe, seed=0)
    assert set(figures) == set(PARTS)
    assert all(0 <= value <= 1 for value in figures.values())
    assert [len(ids) for ids in seen] == [4, 4, 4]
    assert set.union(*({c.id for c in tuning} - set(ids) for ids in seen)) == {c.id for c in tuning}
