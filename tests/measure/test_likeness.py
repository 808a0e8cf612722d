"""Cosines of character n-grams against a direct computation and scikit-learn, and their laws."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.vocabulary import concepts
from hilum.measure.likeness import CharGrams

NAMES = [each.name for each in concepts()]
PHRASES = ["left lower lobe opacity", "right lower lobe opacity", "small pleural effusion", "ett", "a", "a a", "Ärzte"]


def grams(text: str) -> Counter[str]:
    """n-grams of 2 to 4 characters inside each word, the word padded by a blank on either side."""
    found: Counter[str] = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        for n in (2, 3, 4):
            found[padded[:n]] += 1
            for start in range(1, len(padded) - n + 1):
                found[padded[start : start + n]] += 1
    return found


def weighed(text: str) -> dict[str, float]:
    held = [set(grams(name)) for name in NAMES]
    return {
        gram: times * (math.log((1 + len(held)) / (1 + sum(gram in each for each in held))) + 1)
        for gram, times in grams(text).items()
    }


def directly(one: str, other: str) -> float:
    a, b = weighed(one), weighed(other)
    norm = math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))
    return sum(value * b.get(gram, 0.0) for gram, value in a.items()) / norm if norm else 0.0


def likeness(one: str, other: str) -> float:
    return float(CharGrams()([one, other], np.array([0]), np.array([1]))[0])


@pytest.mark.parametrize("one", PHRASES)
def test_it_equals_a_direct_computation(one: str) -> None:
    for other in PHRASES:
        assert likeness(one, other) == pytest.approx(directly(one, other), abs=1e-12)


def test_it_equals_scikit_learn_fitted_on_the_vocabulary_where_all_grams_are_known() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    fitted = text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), smooth_idf=True).fit(NAMES)
    some = NAMES[:60]
    table = fitted.transform(some)
    expected = (table @ table.T).toarray()
    ones, others = (each.ravel() for each in np.meshgrid(np.arange(60), np.arange(60), indexing="ij"))
    np.testing.assert_allclose(CharGrams()(some, ones, others).reshape(60, 60), expected, atol=1e-9)


def test_sides_are_less_alike_than_words_of_one_stem() -> None:
    assert likeness("opacity", "opacities") > 0.5 > likeness("left", "right")
    assert likeness("left lower lobe", "right lower lobe") > 0.6  # why a wrong side costs LunguageScore little


def test_a_value_does_not_depend_on_what_else_is_asked() -> None:
    alone = likeness(PHRASES[0], PHRASES[1])
    among = CharGrams()(PHRASES + NAMES, np.array([0, 5]), np.array([1, 5]))
    assert among[0] == alone
    assert among[1] == pytest.approx(1.0)


def test_nothing_asked_nothing_given() -> None:
    none = np.zeros(0, dtype=np.intp)
    assert CharGrams()([], none, none).shape == (0,)
    assert CharGrams()(["", " "], np.array([0, 1]), np.array([1, 1])).tolist() == [0.0, 0.0]


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_has_a_cosine_in_range_that_is_symmetric(one: str, other: str) -> None:
    value = likeness(one, other)
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(likeness(other, one), abs=1e-12)
    assert likeness(one, one) == pytest.approx(1.0 if one.split() else 0.0)
