from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.report import Report
from hilum.learn.reader.absence import dropped, without
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.sample import Sample, Turn, texts_of, unrolled, with_answer, with_context
from hilum.learn.reader.sections import compares, cut_words, facts_of, fitted, notes_of, without_comparisons
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import study

LONG = "Cough for two weeks. Fever since Monday, treated with antibiotics. Smoker of forty pack years. No travel."


def test_what_fits_stays_as_it_is():
    assert cut_words(LONG, 100) == (LONG, 17)


def test_whole_sentences_are_kept():
    assert cut_words(LONG, 12) == ("Cough for two weeks. Fever since Monday, treated with antibiotics.", 17)
    assert cut_words(LONG, 3) == ("Cough for two", 17)


@settings(max_examples=50, deadline=None)
@given(text=st.text(alphabet="ab .,\n", max_size=200), longest=st.integers(1, 20))
def test_a_cut_text_is_never_longer_and_always_a_beginning(text, longest):
    kept, count = cut_words(text, longest)
    assert count == len(text.split())
    assert len(kept.split()) <= longest
    assert " ".join(text.split()).startswith(" ".join(kept.split()))


def test_a_cut_is_told():
    kept, notes = fitted({"indication": LONG, "technique": "PA."}, 12)
    assert notes == ("the indication was cut from 17 to 10 words",)
    assert kept["technique"] == "PA."
    given = study(prior=False)
    long = replace(given, report=replace(given.report, indication=LONG, sentences=()))
    made = build("findings", long, PRESETS["sei"].changed(longest=12), np.random.default_rng(0))
    assert made.notes == notes
    assert notes_of([made, made]) == {"the indication was cut from N to N words": 2}


@pytest.mark.parametrize(
    "text",
    [
        "The effusion has increased.", "Heart size is stable.", "A new nodule is seen.", "The nodule is unchanged.",
        "Less than on the earlier film.", "Compared with the prior film, no change.", "The pneumothorax has resolved.",
    ],
)  # fmt: skip
def test_sentences_about_earlier_films_are_found(text):
    assert compares(text)
    assert without_comparisons(f"The heart is large. {text} No nodule.") == "The heart is large. No nodule."


@pytest.mark.parametrize(
    "text", ["Small left effusion.", "No pneumothorax.", "The heart is large.", "Larger right lung."]
)
def test_other_sentences_stay(text):
    assert not compares(text)
    assert without_comparisons(text) == text


def test_facts_keep_negation_and_lose_style():
    one = facts_of(Report(findings="There is a small left pleural effusion. No pneumothorax is identified."))
    other = facts_of(
        Report(findings="Small left pleural effusion is seen again, please note. No evidence of pneumothorax.")
    )
    assert one == other
    assert "no pneumothorax" in one
    assert facts_of(Report(findings="Thank you for the referral.")) == ""


def test_inputs_are_taken_away_by_name():
    sample = build("findings", study(), PRESETS["maira-2"], np.random.default_rng(0))
    bare = without(sample, "prior_front", "indication")
    assert [shown.role for shown in bare.shown] == ["cur_front", "cur_lat"]
    assert set(bare.context) == {"technique", "comparison"}  # a prior report goes with its film
    with pytest.raises(InputError, match="no input is called smell"):
        without(sample, "smell")


def test_dropout_takes_its_share_and_hangs_on_the_key_alone():
    sample = build("findings", study(), PRESETS["maira-2"], np.random.default_rng(0))
    many = [replace(sample, key=f"k{number}") for number in range(400)]
    made = dropped(many, {"indication": 0.5, "cur_lat": 0.2}, seed=3)
    gone = np.array([["indication" not in each.context, not each.has("cur_lat")] for each in made])
    assert np.abs(gone.mean(0) - (0.5, 0.2)).max() < 0.08
    assert abs(np.corrcoef(gone.T)[0, 1]) < 0.15  # each on its own
    assert dropped(many[::-1], {"indication": 0.5, "cur_lat": 0.2}, seed=3)[::-1] == made
    assert dropped(many, {"indication": 0.5, "cur_lat": 0.2}, seed=4) != made
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        dropped(many, {"indication": 2.0}, seed=0)


def test_a_sample_says_what_is_wrong_with_it():
    with pytest.raises(InputError, match="no section is called"):
        Sample("k", "p", "s", "t", (), (Turn("q"),), {"diagnosis": "x"})
    with pytest.raises(InputError, match="asks nothing"):
        Sample("k", "p", "s", "t", (), ())
    empty = Sample("k", "p", "s", "t", (), (Turn("q", "a"),), {"indication": "  "})
    assert empty.context == {}
    assert with_context(empty, indication="cough").context == {"indication": "cough"}
    assert with_answer(empty, "b").target == "b"


def test_turns_are_unrolled_with_what_was_said_before():
    chat = build("chat", study(), PRESETS["radvlm"], np.random.default_rng(1))
    parts = unrolled(chat)
    assert [len(each.turns) for each in parts] == [1, 2, 3]
    assert len({each.key for each in parts}) == 3
    assert parts[1].turns == chat.turns[:2]
    assert set(texts_of([parts[0]])) < set(texts_of([chat]))
