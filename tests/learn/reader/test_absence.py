"""What stands for a missing input, piece by piece, and inputs taken away."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.learn.reader.absence import absent, dropped, filled, heading, image_pieces, section_pieces, without
from hilum.learn.reader.boxes import Piece
from hilum.learn.reader.layout import control_tokens, layout
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.roles import ROLES
from hilum.learn.reader.sample import CONTEXT, with_context
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import study

POLICIES = ("na_text", "learned_token", "omit", "empty", "copy_current")
FULL = build("findings", study(), PRESETS["maira-2"], np.random.default_rng(0))
NAMES = st.lists(st.sampled_from([*ROLES, *CONTEXT]), max_size=4)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("section", CONTEXT)
def test_a_section_that_is_there_is_its_heading_and_its_text_by_every_policy(policy, section):
    assert section_pieces(section, "cough", policy) == (Piece("control", f"<{section}>"), Piece("text", "cough"))


@pytest.mark.parametrize(
    "policy, told",
    [
        ("na_text", ["<indication>", "N/A"]), ("learned_token", ["<no_indication>"]), ("omit", []),
        ("empty", ["<indication>"]), ("copy_current", []),
    ],
)  # fmt: skip
def test_a_missing_section(policy, told):
    assert [piece.text for piece in section_pieces("indication", "", policy)] == told


def test_only_learned_tokens_tell_of_a_missing_picture():
    assert [piece.text for piece in image_pieces("prior_front", "learned_token")] == ["<no_prior_front>"]
    assert all(image_pieces("prior_front", policy) == () for policy in POLICIES if policy != "learned_token")


def test_tokens_of_absence_differ_from_headings_and_roles():
    tokens = [heading(name) for name in CONTEXT] + [absent(name) for name in (*CONTEXT, *ROLES)]
    assert len(set(tokens)) == len(tokens)
    assert set(tokens) <= set(control_tokens())


def test_the_copy_of_the_current_film_fills_the_priors_slot_alone():
    libra = PRESETS["libra"]
    bare = without(FULL, "prior_front")
    made = filled(bare, libra)
    assert [each.role for each in made.shown if each.role != "cur_lat"] == ["cur_front", "prior_front"]
    films = {each.role: each.image for each in made.shown}
    assert films["prior_front"] is films["cur_front"]
    assert filled(FULL, libra) == FULL  # a true prior stays
    assert filled(bare, PRESETS["maira-2"]) == bare
    assert filled(without(bare, "cur_front"), libra) == without(bare, "cur_front")


@settings(max_examples=25, deadline=None)
@given(names=NAMES)
def test_taking_away_is_the_same_in_any_order_and_twice_is_once(names):
    once = without(FULL, *names)
    assert without(once, *names) == once
    for order in list(permutations(names))[:6]:
        made = FULL
        for name in order:
            made = without(made, name)
        assert made == once
    assert once.turns == FULL.turns


@settings(max_examples=25, deadline=None)
@given(names=NAMES, name=st.sampled_from(sorted(PRESETS)))
def test_whatever_is_missing_the_answer_and_the_question_stay(names, name):
    preset = PRESETS[name]
    laid, whole = layout(without(FULL, *names), preset), layout(FULL, preset)
    assert laid.target == whole.target
    asked = [piece.text for piece in laid.prompt if piece.kind == "text" and "?" in piece.text]
    assert asked == [piece.text for piece in whole.prompt if piece.kind == "text" and "?" in piece.text]
    slots = [piece for piece in laid.prompt if piece.kind == "image"]
    assert [piece.place for piece in slots] == list(range(len(laid.shown)))


@settings(max_examples=30, deadline=None)
@given(names=NAMES, policy=st.sampled_from(POLICIES))
def test_every_picture_has_its_role_token_just_before_it(names, policy):
    preset = PRESETS["mlrg"].changed(missing=policy)
    laid = layout(without(FULL, *names), preset)
    pieces = laid.prompt
    for at, piece in enumerate(pieces):
        if piece.kind == "image":
            assert pieces[at - 1].text == f"<img_{laid.shown[piece.place].role}>"


def test_full_dropout_leaves_nothing_and_none_leaves_all():
    samples = [FULL, with_context(FULL, indication="")]
    assert dropped(samples, {"indication": 0.0, "cur_lat": 0.0}, seed=0) == samples
    gone = dropped(samples, dict.fromkeys(CONTEXT, 1.0), seed=0)
    assert all(not each.context for each in gone)
    assert dropped([], {"indication": 0.5}, seed=0) == []
