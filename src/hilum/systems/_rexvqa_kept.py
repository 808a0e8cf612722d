"""Readers of questions that are taught at their first use and kept in the cache: with films, and blind."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from hilum.core.cache import cache_folder
from hilum.core.errors import InputError
from hilum.io.save import save_bytes
from hilum.measure.choice.blind import BlindReader, learn_blind
from hilum.systems._rexvqa_answer import VERSION, Choosing
from hilum.systems._rexvqa_folder import CARD, NAME, needs_torch, opened

log = logging.getLogger(__name__)
BLIND = "blind.json"
_BLIND_FILMS = 800


@cache
def kept_reader(seed: int) -> Choosing:
    """Return the reader of made films that is kept in the cache; the first use teaches it, and says so."""
    needs_torch()
    from hilum.systems._rexvqa_train import train

    folder = cache_folder(NAME) / f"reader-{VERSION}-{seed}"
    if not (folder / CARD).is_file():
        log.warning("the model 'reader' is taught on made films once, about 3 minutes of one processor; kept in %s. "
                    "Name the folder of 'hilum train rexvqa' instead for one of your own.", folder)  # fmt: skip
        _once(folder, lambda place: train(None, place, seed=seed, settings={}))
    return opened(folder)


@cache
def kept_blind(seed: int) -> BlindReader:
    """Return the blind reader of questions about made films; the first use teaches it, and says so."""
    folder = cache_folder(NAME) / f"blind-{VERSION}-{seed}"
    if not (folder / BLIND).is_file():
        log.warning("the model 'blind' learns the words of questions about made films once, about half a minute; kept "
                    "in %s", folder)  # fmt: skip
        _once(folder, lambda place: _teach_blind(place, seed))
    try:
        return BlindReader(np.array(json.loads((folder / BLIND).read_text(encoding="utf-8")), dtype=np.float64))
    except ValueError:
        raise InputError(f"'{folder / BLIND}' is damaged: remove the folder, and it is made again") from None


def _teach_blind(place: Path, seed: int) -> None:
    from hilum.measure.choice.films import film_cohort
    from hilum.measure.choice.items import Design, make_items

    studies = film_cohort(_BLIND_FILMS, seed=104_729)
    reader = learn_blind(make_items(studies, Design(2 * _BLIND_FILMS, per_study=8), seed=seed))
    save_bytes(json.dumps(reader.weights.tolist()).encode(), place / BLIND)


def _once(folder: Path, make: Callable[[Path], object]) -> None:
    """Make a folder whole or not at all; where another process was quicker, its folder stands."""
    place = Path(mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        make(place)
        if not folder.exists():
            place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
