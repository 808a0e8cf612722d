"""No input takes long: hostile megabytes are read or refused within two seconds of processor time."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import random
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import hilum.text
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


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, without the collector, which may visit all that other tests left in memory."""
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def linear(work: Callable[[Any], object], whole: Any) -> bool:
    """Whether four times the input takes at most ten times as long (squares take sixteen), on a machine of any speed.

    What is over in half a second is not weighed, and a runaway pattern meets the suite's own time limit. The best of
    three turns counts: a machine that is busy makes one slower, never faster.
    """
    quarter, took, part = whole[: len(whole) // 4], float("inf"), float("inf")
    for _ in range(3):
        took, part = min(took, seconds(lambda: work(whole))), min(part, seconds(lambda: work(quarter)))
        if took < max(0.5, 10 * part):
            return True
    return False


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_is_refused_with_a_sentence(unit: str) -> None:
    text = (unit * MEGABYTE)[:MEGABYTE]
    with pytest.raises(InputError, match="1,000,000 characters"):
        label(text)


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_longest_report_is_read_in_time(unit: str) -> None:
    text = (unit * LONGEST_REPORT)[:LONGEST_REPORT]
    assert linear(parse, text)


@pytest.mark.slow
@pytest.mark.parametrize("unit", HOSTILE)
def test_splitting_a_megabyte_is_linear(unit: str) -> None:
    text = (unit * MEGABYTE)[:MEGABYTE]
    assert linear(lambda text: (sections(text, pack("en")), sentences(text)), text)


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
    assert linear(parse, text)


def test_one_endless_sentence_of_phrases() -> None:
    chosen = pack("en")
    assert linear(lambda text: find(tokenize(text, chosen), chosen), "no evidence of the " * 4000)


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Every compiled pattern of the room, by module and name."""
    found = []
    for info in pkgutil.iter_modules(hilum.text.__path__):
        module = importlib.import_module(f"hilum.text.{info.name}")
        found += [(f"{info.name}.{name}", each) for name, each in vars(module).items() if isinstance(each, re.Pattern)]
    return found


PIECES = ["a", "A", " ", ".", "\n", "1", "_", "1 x ", "A ", "a.", "\n ", "\t\r", "é"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pattern"), _patterns(), ids=[name for name, _ in _patterns()])
def test_every_pattern_is_linear_on_a_megabyte(name: str, pattern: re.Pattern[str]) -> None:
    for piece in PIECES:
        text = "\n" + (piece * MEGABYTE)[:MEGABYTE] + "!"
        assert linear(lambda text: [None for _ in pattern.finditer(text)], text), (name, piece)


@pytest.mark.parametrize("seed", range(2))
def test_every_pattern_is_linear_on_drawn_megabytes(seed: int) -> None:
    draw = random.Random(seed)
    unit = "".join(draw.choice(PIECES) for _ in range(draw.randint(2, 6)))
    text = (unit * MEGABYTE)[:MEGABYTE]
    for name, pattern in _patterns():
        assert seconds(lambda pattern=pattern: [None for _ in pattern.finditer(text)]) < 2.0, (name, unit)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_walk_is_bounded_however_many_phrases_overlap(language: str) -> None:
    chosen, draw = pack(language), random.Random(5)
    words = sorted(symbol.rstrip("*") for symbol in chosen.trie.after if isinstance(symbol, str))
    text = " ".join(draw.choice(words) for _ in range(30_000))
    tokens = tokenize(text, chosen)
    assert seconds(lambda: find(tokens, chosen)) < 2.0
