"""Films whose answer is plain to see: a bright quarter, and questions that name it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hilum.core.image import Image, Window
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.measure.choice.items import Item

CORNERS = ("upper left", "upper right", "lower left", "lower right")
STEM = "Which corner is bright?"


def corner_film(name: str, corner: int, *, side: int = 32) -> Image:
    """A dim film with one bright quarter and noise of its own."""
    rng = np.random.default_rng(sum(map(ord, name)) * 4 + corner)
    pixels = (0.2 + 0.05 * rng.random((side, side))).astype(np.float32)
    half = side // 2
    rows, columns = (
        slice(half * (corner // 2), half * (corner // 2 + 1)),
        slice(half * (corner % 2), half * (corner % 2 + 1)),
    )
    pixels[rows, columns] += 0.6
    return Image(pixels, window=Window(0.5, 1.0, "LINEAR_EXACT"), view="PA", id=name)


@cache
def cases(count: int, first: int = 0) -> tuple[tuple[Item, ...], dict[str, Image]]:
    """Items in quadruples, options in one of two orders, and the film of each."""
    items, films = [], {}
    for number in range(first, first + count):
        corner, group = number % 4, number // 4
        order = CORNERS if group % 2 else CORNERS[::-1]
        name = f"case-{number}"
        films[name] = corner_film(name, corner)
        answer = order.index(CORNERS[corner])
        items.append(Item(name, name, "location", "corner", STEM, order, answer, order, group))
    return tuple(items), films


def corner_study(number: int, *, views: str = "PA") -> Study:
    """A study of one such film with its question, in two orders."""
    (item,), films = (part for part in cases(1, number))
    image = films[item.study]
    film = Image(image.pixels, window=image.window, view=views, id=image.id)  # type: ignore[arg-type]
    questions = tuple(item.turned(places).question(f"q0@{places}") for places in range(2))
    return Study(
        item.study, item.patient, images=(film,), questions=(*questions, Question("And why?", (), "it is", id="w"))
    )


def eyes():  # type: ignore[no-untyped-def]
    """A tiny frozen encoder, untrained: a bright quarter shows through random weights."""
    torch = pytest.importorskip("torch", reason="readers are torch's (extra 'train')")
    pytest.importorskip("transformers", reason="the encoder is transformers' (extra 'language')")
    from hilum.learn.reader.encoder import frozen
    from hilum.learn.reader.features import Features
    from hilum.nets.small_vision import VisionSize, small_vision

    torch.manual_seed(0)
    return Features(frozen(small_vision(VisionSize(width=16, layers=1, heads=2, size=32, patch=8))))
