"""The one JSON form of a request to a published reader and of its answer; films go as files in a private folder.

Request: {"contract": 1, "id", "task", "images": [{"role", "file", "rows", "columns", "view"}], "sections", "question",
"choices", "examples"}. Answer: {"contract": 1, "id", "text", "boxes": [[x0, y0, x1, y1], ...] in pixels of the first
image as it was sent} or {"contract": 1, "id", "error": sentence}.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilum.core.errors import HilumError, InputError
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.io.chat_films import sendable
from hilum.io.png import save_png
from hilum.learn.outside.asking import Asking, Said
from hilum.learn.outside.published import Published

CONTRACT = 1
LARGEST_ANSWER = 4 * 2**20  # bytes
_NO_LIMIT_PX = 1 << 14


def check(row: Published, asking: Asking) -> Asking:
    """Return the request with what a reader does not take left out.

    Raises:
        InputError: if the reader does not do the task, or takes none of the films.
    """
    if asking.task not in row.tasks:
        raise InputError(f"'{row.name}' does not do '{asking.task}': it does {', '.join(row.tasks)}")
    films = tuple(sorted((each for each in asking.films if each[0] in row.roles), key=lambda f: row.roles.index(f[0])))
    if not films:
        raise InputError(f"'{row.name}' takes films as {', '.join(row.roles)}, the request has "
                         f"{', '.join(role for role, _ in asking.films) or 'none'}")  # fmt: skip
    sections = {name: text for name, text in asking.sections.items() if name in row.sections}
    return replace(asking, films=films, sections=sections)


def write_request(asking: Asking, number: int, folder: Path) -> Path:
    """Write a request and its films, 8-bit PNG of the display values, and return its file.

    Args:
        asking: what is asked.
        number: of the request; it becomes its id.
        folder: private to this process and the reader's.
    """
    images = []
    for place, (role, film) in enumerate(asking.films):
        grey = sendable(film.display(), _NO_LIMIT_PX)
        path = save_png(grey, folder / f"{number}-{place}.png")
        images.append({"role": role, "file": path.name, "rows": grey.shape[0], "columns": grey.shape[1],
                       "view": film.view})  # fmt: skip
    told = {
        "contract": CONTRACT, "id": number, "task": asking.task, "images": images, "sections": dict(asking.sections),
        "question": asking.question, "choices": list(asking.choices), "examples": list(asking.examples),
    }  # fmt: skip
    path = folder / f"{number}.request.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(told), encoding="utf-8")
    os.replace(partial, path)
    return path


def read_answer(path: Path, number: int, asking: Asking, made_by: MadeBy) -> Said:
    """Return the answer in a file, checked against the contract.

    Raises:
        InputError: if it is no such answer; the sentence says what is wrong with it.
        HilumError: if the reader reports an error.
    """
    who = made_by.name
    if path.stat().st_size > LARGEST_ANSWER:
        raise InputError(f"'{who}' answered with more than {LARGEST_ANSWER:,} bytes")
    found = path.read_bytes()
    try:
        told = json.loads(found)
    except (ValueError, RecursionError):
        raise InputError(f"'{who}' answered with something else than JSON: {found[:80]!r}") from None
    if not isinstance(told, dict) or told.get("contract") != CONTRACT or told.get("id") != number:
        raise InputError(f"'{who}' answered out of turn: expected contract {CONTRACT} and id {number}, got "
                         f"{str(told)[:120]}")  # fmt: skip
    if told.get("error"):
        raise HilumError(f"'{who}' could not answer: {str(told['error'])[:400]}")
    text = told.get("text")
    if not isinstance(text, str):
        raise InputError(f"'{who}' answered without a text: {str(told)[:120]}")
    boxes, wrong = _boxes(told.get("boxes", []), asking)
    return Said(text.strip(), boxes, made_by, wrong)


def _boxes(told: Any, asking: Asking) -> tuple[tuple[Box, ...], str]:
    film = asking.films[0][1]
    rows, columns = film.pixels.shape
    boxes, wrong = [], []
    for corners in told if isinstance(told, list) else [told]:
        try:
            x0, y0, x1, y1 = (float(each) for each in corners)
            boxes.append(Box(max(x0, 0), max(y0, 0), min(x1, columns), min(y1, rows), film.id))
        except (TypeError, ValueError, InputError):
            wrong.append(f"no box on a film of {columns} x {rows}: {str(corners)[:60]}")
    return tuple(boxes), "; ".join(wrong)
