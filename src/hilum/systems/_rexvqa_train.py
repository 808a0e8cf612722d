"""How ReXVQA's reader is trained into a folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.systems._label_text import changed
from hilum.systems._rexvqa_folder import save
from hilum.systems._rexvqa_teach import Scale, studies_of, taught

log = logging.getLogger(__name__)


def train(data: str | Path | None, out: Path, *, seed: int, settings: Mapping[str, Any]) -> Path:
    """Teach a reader on made films or a registered set, and write it; return the folder.

    Args:
        data: None or 'virtual', or 'NAME:FOLDER' of a set with findings, boxes and masks.
        out: folder.
        seed: of every draw.
        settings: of `Scale`, by name.
    """
    began, scale = time.perf_counter(), changed(Scale(), settings)
    reader = taught(studies_of(data, scale.films), scale, seed=seed, say=lambda line: log.info("%s", line))
    return save(reader, out, scale=scale, data=str(data or "virtual"), seed=seed, seconds=time.perf_counter() - began)
