"""Does a reader look? Before its first answer counts, it is asked for real-looking films and for a blank one.

A checkpoint loaded into the wrong release of its library can write fluent reports of films that it never sees
(CheXagent-2 is known to). Nothing in its text tells; only the same question with another picture does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from hilum.core.errors import RefusedError
from hilum.core.image import Image, MadeBy
from hilum.learn.outside.asking import Asking, Backend
from hilum.phantom.anatomy import draw_chest
from hilum.phantom.film import render
from hilum.phantom.signs import draw_sign

SIZE_PX = 256


@dataclass(frozen=True)
class Looked:
    """What a reader answered at the gate.

    Args:
        normal, diseased, blank: its answers to a made film without and with large findings, and to a blank one.
        note: what a user must know though the gate is open, or ''.
    """

    normal: str
    diseased: str
    blank: str
    note: str = ""


@cache
def gate_films(size: int = SIZE_PX) -> tuple[Image, Image, Image]:
    """Return a made normal film, one with large findings, and a blank one, (size, size)."""
    body = draw_chest(7, "gate")
    signs = tuple(draw_sign(name, body, 7) for name in ("pleural effusion", "consolidation"))
    shown = [render(body, found, size=size, seed=7).pixels for found in ((), signs)]
    made_by = MadeBy("hilum phantom")
    films = [*shown, np.zeros((size, size), dtype=np.float32)]
    names = ("gate-normal", "gate-diseased", "gate-blank")
    made = [Image(pixels, view="PA", id=name, made_by=made_by, synthetic=True)
            for pixels, name in zip(films, names, strict=True)]  # fmt: skip
    return made[0], made[1], made[2]


def gate(backend: Backend) -> Looked:
    """Ask a reader about three films, the first of them twice; four requests.

    Args:
        backend: to ask; it must not answer from a cache.

    Raises:
        RefusedError: if its answer to the blank film is its answer to a film, or if it answers the same film in two
            ways, so that nothing can be told from a difference; the sentence shows the answers.
    """
    said = [_plain(backend(Asking("findings", (("cur_front", film),))).text) for film in gate_films()]
    normal, diseased, blank = said
    again = _plain(backend(Asking("findings", (("cur_front", gate_films()[0]),))).text)
    if blank in (normal, diseased):
        what = "every film" if normal == diseased else "a film"
        raise RefusedError(
            f"'{backend.name}' answers a blank picture as it answers {what} ({blank[:120]!r}): it does not look at the "
            "film, or cannot tell. Check that the server or checkpoint takes pictures, and the release of its library"
        )
    if again != normal:
        raise RefusedError(
            f"'{backend.name}' answers the same film in two ways ({normal[:80]!r} and {again[:80]!r}), so that nothing "
            "shows whether it looks: make it deterministic (temperature 0, a fixed seed)"
        )
    same = "it gives the same answer to a normal film and to one with large findings" if normal == diseased else ""
    return Looked(normal, diseased, blank, same)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .")
