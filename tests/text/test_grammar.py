"""Written sentences: whole words, permitted relations, nothing held out in training, the same words for a seed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

import hilum.text.grammar as grammar
from hilum.core.errors import InputError
from hilum.text.grammar import write

TABLE = json.loads((Path(grammar.__file__).parent / "tables" / "graph_grammar.json").read_text(encoding="utf-8"))
KINDS = {"modify": {"OBS-OBS", "ANAT-ANAT"}, "located_at": {"OBS-ANAT"}, "suggestive_of": {"OBS-OBS"}}
BOTH = [(False, False), (False, True), (True, False), (True, True)]


@pytest.fixture
def only(monkeypatch):
    """A grammar of one sentence."""

    def set_to(sentence, **rest):
        made = {"slots": {}, "phrases": {}, "held_out": [], "sentences": [sentence], **rest}
        monkeypatch.setattr(grammar, "_grammar", lambda: made)

    return set_to


@pytest.mark.parametrize(("templates", "words"), BOTH)
def test_every_sentence_has_a_valid_graph_on_whole_words(templates, words):
    for each in write(600, seed=1, held_templates=templates, held_words=words):
        assert each.text[0].isupper()
        assert "  " not in each.text
        assert not set(each.text) & set("[]<>|$?"), each.text
        spans = [(mark.start, mark.end) for mark in each.marks]
        assert spans == sorted(spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), each.text
        for number, mark in enumerate(each.marks):
            assert mark.end == len(each.text) or not each.text[mark.end].isalnum(), each.text
            assert mark.start == 0 or not each.text[mark.start - 1].isalnum(), each.text
            for kind, target in mark.relations:
                assert target != number
                types = f"{mark.label.split('-')[0]}-{each.marks[target].label.split('-')[0]}"
                assert types in KINDS[kind], (each.text, mark, each.marks[target])


def test_a_modifier_of_an_observation_has_its_label():
    for each in write(600, seed=2):
        for mark in each.marks:
            for kind, target in mark.relations:
                if kind == "modify" and mark.label != "ANAT-DP":
                    assert mark.label == each.marks[target].label, each.text


def test_what_is_held_out_is_never_written_in_training():
    assert not set(TABLE["sentences"]) & set(TABLE["held_out"])
    closed = {
        word for slot in TABLE["slots"].values() for word in slot["held_out"] if word not in slot["words"]
    }  # sides and levels have no other words
    kept = {word for slot in TABLE["slots"].values() for word in slot["words"]}
    assert not closed & kept
    text = " ".join(each.text.lower() for each in write(3_000, seed=3))
    assert [word for word in sorted(closed) if f" {word} " in text] == []
    held = " ".join(each.text.lower() for each in write(3_000, seed=3, held_templates=True, held_words=True))
    assert len([word for word in closed if word in held]) > len(closed) * 0.8


def test_the_seed_decides_and_most_sentences_differ():
    assert write(50, seed=4) == write(50, seed=4)
    assert write(50, seed=4) != write(50, seed=5)
    assert len({each.text for each in write(2_000, seed=4)}) > 1_000


def test_a_sentence_by_hand(only):
    only(
        "There is <fluid|P|x|s:y>, [maybe|U||m:y] [edema|U|y].",
        phrases={"fluid": ["[$size|*||m:h] [left|A||m:p] [pleural|A|p] [effusion|*|h|l:p]"]},
        slots={"size": {"words": ["tiny"], "held_out": ["vast"]}},
    )
    made = write(1, seed=0)[0]
    assert made.text == "There is tiny left pleural effusion, maybe edema."
    assert [(made.text[m.start : m.end], m.label, m.relations) for m in made.marks] == [
        ("tiny", "OBS-DP", (("modify", 3),)),
        ("left", "ANAT-DP", (("modify", 2),)),
        ("pleural", "ANAT-DP", ()),
        ("effusion", "OBS-DP", (("located_at", 2), ("suggestive_of", 5))),
        ("maybe", "OBS-U", (("modify", 5),)),
        ("edema", "OBS-U", ()),
    ]
    assert write(1, seed=0, held_words=True, held_templates=False)[0].text.startswith("There is vast left")


def test_an_optional_word_is_there_half_the_time(only):
    only("[$size?|P||m:h] [mass|P|h].", slots={"size": {"words": ["big"], "held_out": []}})
    texts = [each.text for each in write(400, seed=0)]
    assert set(texts) == {"Big mass.", "Mass."}
    assert 150 < texts.count("Mass.") < 250


@pytest.mark.parametrize(
    ("sentence", "named"),
    [("[$nothing|P].", "nothing"), ("<nothing|P>.", "nothing"), ("[mass|P|m|l:x].", "points to an entity")],
)
def test_a_fault_in_the_grammar_is_named(only, sentence, named):
    only(sentence)
    with pytest.raises(InputError, match=named):
        write(1, seed=0)
