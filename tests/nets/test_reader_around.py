"""Around the reader: what is said where transformers is missing, and that its benchmark's command works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = """
import sys
sys.modules["transformers"] = None
from hilum.core.errors import MissingError
for statement in sys.argv[1:]:
    try:
        exec(statement)
    except MissingError as error:
        print(error)
"""
NEEDS = {
    "import hilum.nets.reader": "the reader",
    "import hilum.nets.readers_published": "the reader",
    "from hilum.learn.decode import write": "the reader",
    "from hilum.learn.reader.words import word_tokenizer; word_tokenizer(['no'])": "a tokenizer",
    "from hilum.nets.connector import connector; connector('qformer', vision_width=8, text_width=8)":
        "the connector 'qformer'",
    "from hilum.nets.connector import connector; connector('tac', vision_width=8, text_width=8)": "",
}  # fmt: skip
"""What is asked for -> what the sentence says needs the package; '' where nothing does."""


@pytest.mark.slow
def test_without_transformers_the_extra_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, *NEEDS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{purpose} needs the package 'transformers', which is not installed. "
        "Install it with: pip install 'hilum[language]'."
        for purpose in NEEDS.values()
        if purpose
    ]


@pytest.mark.slow
def test_the_benchmark_writes_the_same_words_both_ways() -> None:
    pytest.importorskip("transformers")
    command = [sys.executable, str(ROOT / "benchmarks" / "reader.py"), "--rows", "3", "--batch", "2", "--repeats", "1"]
    done = subprocess.run([*command, "--words", "5", "--width", "32"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = done.stdout.splitlines()
    assert re.match(r"[\d.]+ M weights, \d+ threads, 3 prompts of \d+ to \d+ tokens, 5 words each", table[0])
    assert len(table) == 6
    assert all(line.endswith("3 of 3") for line in table[2:])
