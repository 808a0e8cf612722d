"""Writers by the words they share with the report and by the facts they state, as a chart in SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from hilum.systems._rrg_claims import BLEU, FOUND

CAPTION = "Every writer by the words it shares with the report (BLEU-4) and by the facts it states (F1 of findings)"
WIDE, HIGH, LEFT, BELOW = 760, 460, 60, 50


def scatter(values: Mapping[str, Mapping[str, float]], writers: Sequence[str]) -> str:
    """Return an SVG of BLEU-4 across and F1 of findings up, a labelled point for each writer.

    Args:
        values: by metric and writer.
        writers: to show, in order.
    """
    across, up = ([values[metric][writer] for writer in writers] for metric in (BLEU, FOUND))
    most = max(max(across, default=0.0), 0.1) * 1.05
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" role="img" '
        f'aria-label="{escape(CAPTION)}">',
        f'<rect width="{WIDE}" height="{HIGH}" fill="#ffffff"/>',
        '<g font-family="sans-serif" font-size="12" fill="#222222">',
    ]
    for step in range(6):
        y, x = HIGH - BELOW - step / 5 * (HIGH - BELOW - 20), LEFT + step / 5 * (WIDE - LEFT - 230)
        parts.append(f'<line x1="{LEFT}" y1="{y:.0f}" x2="{WIDE - 230}" y2="{y:.0f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{step / 5:.1f}</text>')
        parts.append(f'<text x="{x:.0f}" y="{HIGH - BELOW + 18}" text-anchor="middle">{most * step / 5:.2f}</text>')
    for number, (writer, x, y) in enumerate(zip(writers, across, up, strict=True), 1):
        at = (LEFT + x / most * (WIDE - LEFT - 230), HIGH - BELOW - y * (HIGH - BELOW - 20))
        parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="9" fill="#2f6db5" fill-opacity="0.85"/>')
        parts.append(f'<text x="{at[0]:.1f}" y="{at[1] + 4:.1f}" text-anchor="middle" fill="#ffffff">{number}</text>')
        parts.append(f'<text x="{WIDE - 220}" y="{24 + 20 * number}">{number} {escape(writer)}</text>')
    parts.append(f'<text x="{(WIDE - 230 + LEFT) / 2:.0f}" y="{HIGH - 10}" text-anchor="middle">BLEU-4</text>')
    parts.append(f'<text x="16" y="{HIGH / 2:.0f}" transform="rotate(-90 16 {HIGH / 2:.0f})" text-anchor="middle">'
                 "F1 of findings</text></g></svg>")  # fmt: skip
    return "\n".join(parts)
