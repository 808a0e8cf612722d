"""Reading a tagger's scores: no overlaps, only permitted relations, null is 0; co-occurrence and the control."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.spans import WIDEST, Entity, Schema, Tagged, attach, decode, shuffled, span_number

SCHEMA = Schema(
    ("ANAT-DP", "OBS-DP", "OBS-DA", "OBS-U"),
    ("modify", "located_at", "suggestive_of"),
    {
        "modify": (("OBS", "OBS"), ("ANAT", "ANAT")),
        "located_at": (("OBS", "ANAT"),),
        "suggestive_of": (("OBS", "OBS"),),
    },
)
ANAT, SEEN, DENIED = 0, 1, 2
MODIFY, LOCATED = 0, 1


def scores(count):
    """Scores at which nothing is told: spans and pairs below the null class."""
    entities = np.full((count * WIDEST, 4), -1.0, np.float32)
    kept = np.arange(count, dtype=np.int64) * WIDEST
    return entities, kept, np.full((count, count, 3), -1.0, np.float32)


def test_a_label_is_told_only_above_null():
    entities, kept, relations = scores(3)
    assert decode(["a", "b", "c"], entities, kept, relations, SCHEMA).entities == ()
    entities[span_number(1, 1), SEEN] = 0.0
    assert decode(["a", "b", "c"], entities, kept, relations, SCHEMA).entities == ()
    entities[span_number(1, 1), SEEN] = 0.1
    assert decode(["a", "b", "c"], entities, kept, relations, SCHEMA).entities == (Entity(1, 1, "OBS-DP"),)


def test_of_two_overlapping_spans_the_surer_stays():
    entities, kept, relations = scores(3)
    entities[span_number(0, 1), SEEN] = 2.0
    entities[span_number(1, 1), DENIED] = 3.0
    entities[span_number(2, 2), ANAT] = 1.0
    found = decode(["a", "b", "c"], entities, kept, relations, SCHEMA).entities
    assert found == (Entity(1, 1, "OBS-DA"), Entity(2, 2, "ANAT-DP"))


def test_a_forbidden_kind_gives_way_to_the_best_permitted_one():
    entities, kept, relations = scores(2)
    entities[span_number(0, 0), SEEN] = entities[span_number(1, 1), ANAT] = 1.0
    relations[0, 1] = [5.0, 1.0, 4.0]  # modify and suggestive_of may not join an observation to an anatomy
    relations[1, 0] = [5.0, 5.0, 5.0]  # nothing runs from anatomy to observation
    assert decode(["a", "b"], entities, kept, relations, SCHEMA).relations == ((0, 1, "located_at"),)


def test_a_relation_needs_both_ends_kept_and_told():
    entities, kept, relations = scores(3)
    entities[span_number(0, 0), SEEN] = entities[span_number(1, 1), SEEN] = 1.0
    relations[:, :, MODIFY] = 2.0
    kept[1] = -1
    assert decode(["a", "b", "c"], entities, kept, relations, SCHEMA).relations == ()
    kept[1] = span_number(1, 1)
    assert decode(["a", "b", "c"], entities, kept, relations, SCHEMA).relations == ((0, 1, "modify"), (1, 0, "modify"))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_whatever_the_scores_the_graph_is_valid(count, seed):
    draw = np.random.default_rng(seed)
    entities = draw.normal(0, 2, (count * WIDEST, 4)).astype(np.float32)
    kept = draw.permutation(count * WIDEST)[:count].astype(np.int64)
    kept[draw.random(count) < 0.2] = -1
    relations = draw.normal(0, 2, (count, count, 3)).astype(np.float32)
    found = decode(["w"] * count, entities, kept, relations, SCHEMA)
    covered = Counter(place for e in found.entities for place in range(e.first, e.last + 1))
    assert all(times == 1 and place < count for place, times in covered.items())
    assert list(found.entities) == sorted(found.entities)
    assert len({link[:2] for link in found.relations}) == len(found.relations)
    places = {span // WIDEST for span in kept.tolist() if span >= 0}
    for one, two, kind in found.relations:
        assert one != two
        assert SCHEMA.permits(kind, found.entities[one].label, found.entities[two].label)
        assert {found.entities[one].first, found.entities[two].first} <= places


def test_span_numbers_count_eight_widths_per_word():
    assert [span_number(0, 0), span_number(0, 7), span_number(2, 3)] == [0, 7, 17]
    with pytest.raises(InputError, match="9 words"):
        span_number(0, 8)
    with pytest.raises(InputError):
        span_number(3, 2)


SENTENCE = Tagged(  # small left pleural effusion , no pneumothorax
    ("small", "left", "pleural", "effusion", ",", "no", "pneumothorax"),
    (
        Entity(0, 0, "OBS-DP"), Entity(1, 1, "ANAT-DP"), Entity(2, 2, "ANAT-DP"), Entity(3, 3, "OBS-DP"),
        Entity(6, 6, "OBS-DA"),
    ),
    ((0, 3, "modify"), (1, 2, "modify"), (3, 2, "located_at")),
)  # fmt: skip


def test_attaching_the_nearest():
    assert attach(SENTENCE, nearest=True).relations == (
        (0, 1, "located_at"), (1, 2, "modify"), (3, 2, "located_at"), (4, 2, "located_at"),
    )  # fmt: skip


def test_attaching_all_that_occur_together():
    found = set(attach(SENTENCE, nearest=False).relations)
    assert {(a, b, kind) for a, b, kind in found if kind == "located_at"} == {
        (obs, place, "located_at") for obs in (0, 3, 4) for place in (1, 2)
    }
    assert {(a, b) for a, b, kind in found if kind == "modify"} == {(0, 3), (0, 4), (3, 4), (1, 2)}
    assert attach(SENTENCE._replace(entities=SENTENCE.entities[:1]), nearest=True).relations == ()


def test_the_control_keeps_spans_and_counts_and_deals_the_rest_anew():
    dealt = [shuffled(SENTENCE, seed=seed) for seed in range(20)]
    for each in dealt:
        assert [e[:2] for e in each.entities] == [e[:2] for e in SENTENCE.entities]
        assert Counter(e.label for e in each.entities) == Counter(e.label for e in SENTENCE.entities)
        assert all(a != b for a, b, _ in each.relations)
        assert {kind for *_, kind in each.relations} <= {"modify", "located_at"}
    assert shuffled(SENTENCE, seed=3) == dealt[3]
    assert len(set(dealt)) > 10
    one = Tagged(("clear",), (Entity(0, 0, "OBS-DP"),))
    assert shuffled(one, seed=0) == one
