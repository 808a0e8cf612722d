"""Words as numbers: order of the vocabulary, unknown words, spelling, padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilum.learn.words import LETTERS, PAD, SPELLED, UNKNOWN, Vocabulary, plain

SENTENCES = [["No", "effusion", "."], ["no", "12", "cm", "effusion"], ["rare"]]


def test_frequent_words_come_first_and_rare_ones_are_unknown():
    made = Vocabulary.of(SENTENCES)
    assert made.words == ("effusion", "no")  # both seen twice, by the alphabet
    assert len(made) == 4
    assert made.code([["NO", "rare", "effusion"]]).words.tolist() == [[3, UNKNOWN, 2]]


def test_digits_are_read_alike():
    assert plain("3.75CM") == "0.00cm"
    assert Vocabulary.of([["12"], ["98"]]).words == ("00",)


def test_a_long_word_keeps_its_first_and_last_letters():
    made = Vocabulary(())
    long = made.code([["cardiomediastinalsilhouette"]]).letters[0, 0]
    short = made.code([["cardiomediastinalsilhouettes"]]).letters[0, 0]
    assert long.tolist()[:12] == short.tolist()[:12]
    assert long.tolist()[12:] == made.code([["ette"]]).letters[0, 0, :4].tolist()
    assert long.tolist() != short.tolist()


def test_shapes_and_padding():
    coded = Vocabulary.of(SENTENCES).code([["no"], ["no", "effusion", "."], []])
    assert coded.lengths.tolist() == [1, 3, 0]
    assert coded.words.shape == (3, 3)
    assert coded.letters.shape == (3, 3, SPELLED)
    assert (coded.words[0, 1:] == PAD).all()
    assert (coded.letters[0, 1:] == PAD).all()
    assert (coded.words[2] == PAD).all()


@given(st.lists(st.lists(st.text(max_size=30), max_size=6), min_size=1, max_size=4))
def test_every_text_has_numbers_in_range(sentences):
    made = Vocabulary.of(sentences, least=1)
    coded = made.code(sentences)
    assert coded.words.dtype == np.int64
    assert coded.words.max(initial=0) < len(made)
    assert coded.letters.max(initial=0) < LETTERS
    known = [word for words in sentences for word in words]
    assert all(made.code([[word]]).words[0, 0] > UNKNOWN for word in known)
