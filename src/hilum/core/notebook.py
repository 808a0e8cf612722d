"""How records show themselves in a notebook: a PNG for an image, a small table for a study."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hilum.core.study import Study


def png(grey: NDArray[np.float32], *, longest: int = 512) -> bytes:
    """Return an 8-bit grey PNG of a display image in [0, 1], thinned to at most `longest` pixels a side."""
    step = max(1, -(-max(grey.shape) // longest))
    pixels = np.rint(np.clip(grey[::step, ::step], 0, 1) * 255).astype(np.uint8)
    rows, columns = pixels.shape
    raw = np.concatenate([np.zeros((rows, 1), np.uint8), pixels], axis=1).tobytes()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def study_html(study: Study) -> str:
    """Return an HTML fragment with the study's films and findings; every text is escaped."""
    films = "".join(
        f'<img alt="{escape(film.view)} film" style="height:220px;margin-right:4px" '
        f'src="data:image/png;base64,{base64.b64encode(png(film.display())).decode()}">'
        for film in study.films
    )
    rows = "".join(
        f"<tr><td>{escape(f.concept)}</td><td>{f.state}</td>"
        f"<td>{'' if f.probability is None else f'{f.probability:.2f}'}</td><td>{escape(', '.join(f.sites))}</td></tr>"
        for f in study.findings
    )
    return f"<div><b>{escape(study.id)}</b><br>{films}<table>{rows}</table><small>Research use only.</small></div>"
