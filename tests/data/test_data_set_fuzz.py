"""Cut, turned and retyped files of every layout: they are read, or refused in a sentence; nothing else comes out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import HilumError
from hilum.core.registry import get
from tests.data import test_ms_cxr
from tests.data.made_layouts import MADE

TRIES = 24


def used(name: str, root: Path) -> None:
    """Everything a reader does with a cohort but its pixels."""
    cohort = get("dataset", name)(root)
    for study in cohort:
        if cohort.splits:
            cohort.split_of(study.patient or study.id)


def turned(content: bytes, draw: random.Random) -> bytes:
    """A file that was cut, or in which a byte was turned, put in or taken out."""
    at = draw.randrange(max(len(content), 1))
    way = draw.randrange(4)
    if way == 0:
        return content[:at]
    if way == 1:
        return content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    return (
        content[:at] + bytes([draw.choice(b'",\n\t{}[]0-.')]) + content[at:]
        if way == 2
        else content[:at] + content[at + 1 :]
    )


@pytest.mark.parametrize("name", MADE)
def test_files_with_a_fault_are_read_or_refused(tmp_path: Path, name: str) -> None:
    whole = MADE[name](tmp_path / "whole" if (tmp_path / "whole").mkdir() is None else tmp_path)
    used(name, whole)
    files = sorted(path for path in whole.rglob("*") if path.is_file() and path.suffix not in (".jpg", ".png"))
    draw, told = random.Random(name), []
    for number in range(TRIES):
        path = files[number % len(files)]
        content = path.read_bytes()
        path.write_bytes(turned(content, draw))
        try:
            used(name, whole)
        except HilumError as fault:
            told.append(str(fault))
        finally:
            path.write_bytes(content)
    assert told  # the faults are felt
    assert all(len(sentence) > 20 for sentence in told)
    used(name, whole)


def retyped(value: Any, draw: random.Random) -> Iterator[Any]:
    """Copies of a JSON value in which one place holds something of another type, or nothing."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, inner in list(items):
            places.append((node, key))
            walk(inner)

    walk(value)
    for node, key in draw.sample(places, min(len(places), 14)):
        kept = node[key]
        for other in (None, 3, "x", [{}], {"a": []}):
            node[key] = other
            yield value
        node[key] = kept


@pytest.mark.parametrize("name", ["coco", "imagenome", "radgraph", "mimic-abn", "ms-cxr", "chexpert-plus"])
def test_json_with_values_of_other_types_is_read_or_refused(tmp_path: Path, name: str) -> None:
    root = test_ms_cxr.as_json(tmp_path) if name == "ms-cxr" else MADE[name](tmp_path)
    for path in sorted(root.rglob("*.json"))[:1]:
        text, draw = path.read_text(), random.Random(name)
        lines = text.strip().splitlines() if name == "chexpert-plus" else [text]
        for content in retyped(json.loads(lines[0]), draw):
            path.write_text(json.dumps(content))
            with suppress(HilumError):
                used(name, root)
        path.write_text(text)
    used(name, root)


@pytest.mark.parametrize("name", [name for name in MADE if name != "radgraph"])
def test_a_film_that_is_cut_or_missing_is_said_when_its_pixels_are_asked_for(tmp_path: Path, name: str) -> None:
    root = MADE[name](tmp_path)
    films = [film for study in get("dataset", name)(root) for film in study.films]
    for path in [path for path in root.rglob("*") if path.suffix in (".jpg", ".png")]:
        path.write_bytes(path.read_bytes()[:40])
    assert films
    for film in films:
        assert film.view
        with pytest.raises(HilumError, match=r"the film .*\.(jpg|png) (is not there|cannot be read)"):
            _ = film.pixels
