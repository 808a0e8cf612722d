"""The docs tell the truth: snippets run, public names are documented, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hilum

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.slow
def test_the_extension_example_runs_as_written(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    code, commands = re.findall(r"```(?:python)?\n(.*?)```", text, re.S)[:2]
    (tmp_path / "my_reader.py").write_text(code)
    for command in commands.strip().splitlines():
        done = subprocess.run(
            [sys.executable, "-m", "hilum", *command.split()[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_every_public_name_is_documented() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in hilum.__all__ if not re.search(rf"\b{name}\b", text)] == []


def test_public_names_resolve_and_unknown_ones_are_refused() -> None:
    assert all(getattr(hilum, name) is not None for name in hilum.__all__)
    with pytest.raises(AttributeError, match="public names"):
        _ = hilum.no_such_name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_no_page_names_a_private_path() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = [
        ROOT / name for name in tracked if Path(name).suffix in (".md", ".py", ".toml", ".cff", ".txt", ".yml", "")
    ]
    home = "/" + "root/"
    assert [str(p) for p in texts if p.is_file() and home in p.read_text(encoding="utf-8", errors="ignore")] == []


def test_the_interface_example_runs_as_written() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_readme_marks_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("run", "test"):
        assert re.search(rf"<!-- command: {name} -->\n```\n.+?\n```", text, re.S), name
