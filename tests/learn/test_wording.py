"""Words as numbers: padding, unknown words, round trip."""

import pytest

from hilum.core.errors import InputError
from hilum.learn.wording import Wording, split_words


def test_words_marks_and_digits() -> None:
    assert split_words("No right-sided 12 mm nodule.") == ["no", "right-sided", "00", "mm", "nodule", "."]


def test_texts_become_rows_of_numbers() -> None:
    wording = Wording.of(["a clear lung", "a nodule"])
    ids, mask = wording.code(["a nodule", "", "a brand new lung"], longest=3)
    assert ids.shape == (3, 3)
    assert mask.sum(1).tolist() == [2, 0, 3]
    assert ids[0, 0] == ids[2, 0] == 2  # the most frequent word comes first
    assert ids[2, 1] == 1
    assert len(wording) == 6


def test_what_is_written_is_read_back() -> None:
    wording = Wording.of(["left lung", "right lung"])
    again = Wording.from_json(wording.to_json())
    assert again.code(["right lung"])[0].tolist() == wording.code(["right lung"])[0].tolist()
    with pytest.raises(InputError, match="words"):
        Wording.from_json("[1, 2]")
