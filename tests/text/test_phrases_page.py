"""docs/phrases.md tells the truth: its snippets run, and its text, limits and table are what the package gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hilum.text.findings import to_findings
from hilum.text.loop import loop_domain
from hilum.text.parse import parse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "phrases.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("code", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_runs(code: str) -> None:
    names: dict[str, Any] = {}
    exec(code, names)
    assert "report" in names or "made" in names


def test_the_report_on_the_page_is_what_the_snippet_composes() -> None:
    names: dict[str, Any] = {}
    exec(SNIPPETS[0], names)
    assert names["report"].findings in " ".join(PAGE.split())


def test_every_limit_is_on_the_page_and_no_other() -> None:
    rows = re.search(r"\| not read back \|.*?\n\|---\|---\|\n(.*?)\n\n", PAGE, re.S)
    assert rows is not None
    told = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", rows.group(1), re.MULTILINE))
    assert told == dict(loop_domain()["limits"])


def test_the_sites_on_the_page_are_those_of_the_sentences() -> None:
    rows = re.search(r"\| text \| sites \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.S)
    assert rows is not None
    pairs = re.findall(r"^\| (.+?) \| (.+?) \|$", rows.group(1), re.MULTILINE)
    assert len(pairs) == 4
    for text, sites in pairs:
        (finding,) = to_findings(parse(text))
        assert ", ".join(finding.sites) == sites


def test_the_table_on_the_page_is_the_one_the_command_prints(pack: Path) -> None:
    from hilum.systems.multi_model_report import main

    assert main(["--data", str(pack)]) in PAGE
