"""The page on a reader's inputs says what the code does."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from hilum.core.region import Box
from hilum.learn.reader.boxes import CODECS
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.tasks import names
from tests.learn.reader.injections import LINES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reader-inputs.md").read_text(encoding="utf-8")
ROWS = {cells[0].strip("` "): cells for cells in (
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")
)}  # fmt: skip


def test_the_example_prints_what_the_page_shows() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    shown = re.findall(r"```\n(the current frontal.*?)```", PAGE, re.S)[0].split("...")
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "page", "exec"), {})
    printed = " ".join(out.getvalue().split())
    at = 0
    for part in shown:
        words = " ".join(part.split())
        assert words in printed[at:]
        at = printed.index(words, at)


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_of_presets_is_that_of_the_code(name: str) -> None:
    row, preset = ROWS[name], PRESETS[name]
    assert ("ported" in row[-1]) == preset.ported
    if name not in ("pref", "promptstudy"):
        assert preset.connector in row[4]
    if preset.codec and name != "pref":
        assert row[5] == preset.codec
    if row[3]:
        assert row[3] == preset.missing


@pytest.mark.parametrize("name", CODECS)
def test_the_example_of_each_codec_is_what_it_writes(name: str) -> None:
    example = re.search(rf"^\| `{name}` \| `(.+?)` \|", PAGE, re.M)
    assert example is not None
    text = example[1].replace("\\|", "|")
    assert CODECS[name].encode(Box(20.5, 20.2, 99.6, 59.8), (100, 200)).text == text


def test_every_task_is_named_and_the_number_of_injections_is_right() -> None:
    assert [name for name in names() if f"`{name}`" not in PAGE] == []
    assert f"{len(LINES)} hostile indications" in PAGE
