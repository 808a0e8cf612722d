"""No input takes long: hostile megabytes are read or refused within two seconds of processor time."""

from __future__ import annotations

import random
import time

import pytest

from hilum.core.errors import InputError
from hilum.text.labels import label
from hilum.text.lexicon import pack
from hilum.text.parse import LONGEST_REPORT, parse
from hilum.text.sections import sections
from hilum.text.sentences import sentences
from hilum.text.tokens import find, tokenize

MEGABYTE = 1_000_000
HOSTILE = ["a", " ", ".", "\n", ":", ",", "1.", "1 x ", "no ", "no effusion ", "(", "_", "-", "findings: ", "A. ", "é",
           "\x00", "the ", "may represent ", "2.2 x 2.2 x ", "right left ", "heart is ", "FINDINGS\n",
           "XXXX-a-"]  # fmt: skip


def seconds(work: object) -> float:
    began = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - began


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_is_refused_with_a_sentence(unit: str) -> None:
    text = (unit * MEGABYTE)[:MEGABYTE]
    with pytest.raises(InputError, match="1,000,000 characters"):
        label(text)


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_longest_report_is_read_in_time(unit: str) -> None:
    text = (unit * LONGEST_REPORT)[:LONGEST_REPORT]
    assert seconds(lambda: parse(text)) < 2.0


@pytest.mark.parametrize("unit", HOSTILE)
def test_splitting_a_megabyte_is_linear(unit: str) -> None:
    text = (unit * MEGABYTE)[:MEGABYTE]
    assert seconds(lambda: (sections(text, pack("en")), sentences(text))) < 2.0


def test_a_long_report_of_different_sentences_is_read_in_time() -> None:
    draw = random.Random(7)
    chosen = pack("en")
    words = [word for word in sorted(chosen.symbols) if word.isalpha()] + [
        ",",
        ";",
        "and",
        "or",
        "no",
        "right",
        "2.2 cm",
    ]
    text = " ".join(draw.choice(words) for _ in range(60_000))[:LONGEST_REPORT]
    assert seconds(lambda: parse(text)) < 2.0


def test_one_endless_sentence_of_phrases() -> None:
    chosen = pack("en")
    text = "no evidence of the " * 50
    tokens = tokenize(text, chosen)
    assert seconds(lambda: find(tokens, chosen)) < 0.2
