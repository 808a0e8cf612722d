"""Length against factuality of every arm, and what some arms write about one film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap

from hilum.systems._preference_claims import BY_FACTS, BY_LENGTH, BY_REPEATS, RANDOM, SFT

CAPTION = (
    "Words and fact F1 of every arm's reports on held-out patients, averaged over seeds; the line is the references"
)
SAID = (
    "The held-out film with most to say, in the words of its reference, the policy, and DPO by each judge (first seed)"
)
_WIDE, _TALL, _EDGE = 860, 420, 56
_COLOURS = {SFT: "#444444", BY_FACTS: "#1a7f4b", BY_REPEATS: "#c0392b", BY_LENGTH: "#2563b0", RANDOM: "#999999"}
_OTHER = "#b08020"


def picture(lengths: Mapping[str, float], facts: Mapping[str, float], reference: float) -> str:
    """Return a chart of arms by words (across) and fact F1 (up) as SVG.

    Args:
        lengths, facts: of each arm.
        reference: words of the references.
    """
    span = [*lengths.values(), reference]
    low, high = min(span) * 0.92, max(span) * 1.06 + 1e-9
    bottom, top = _padded(list(facts.values()))
    inner = _WIDE - 300

    def x(words: float) -> float:
        return _EDGE + (words - low) / (high - low) * (inner - _EDGE)

    def y(value: float) -> float:
        return _TALL - _EDGE - (value - bottom) / (top - bottom) * (_TALL - _EDGE - 24)

    parts = [_text(_EDGE, 16, "fact F1 (J1), higher is better"),
             _text(inner - 110, _TALL - 12, "words of a report"),
             f'<path d="M{_EDGE} 24V{_TALL - _EDGE}H{inner}" fill="none" stroke="#333"/>',
             f'<path d="M{x(reference):.1f} 24V{_TALL - _EDGE}" stroke="#888" stroke-dasharray="4 4"/>',
             _text(x(reference) + (-124 if reference > (low + high) / 2 else 4), 36, f"references, {reference:.1f}"),
             ]  # fmt: skip
    for share in (0.0, 0.5, 1.0):
        words, value = low + share * (high - low), bottom + share * (top - bottom)
        parts.append(_text(x(words) - 12, _TALL - _EDGE + 18, f"{words:.1f}"))
        parts.append(_text(8, y(value) + 4, f"{value:.3f}"))
    for number, arm in enumerate(sorted(lengths, key=lambda name: -facts[name]), 1):
        colour = _COLOURS.get(arm, _OTHER)
        parts.append(f'<circle cx="{x(lengths[arm]):.1f}" cy="{y(facts[arm]):.1f}" r="9" fill="{colour}"/>')
        parts.append(_text(x(lengths[arm]), y(facts[arm]) + 4, str(number), colour="#fff", middle=True, size=11))
        parts.append(f'<circle cx="{inner + 22}" cy="{20 + number * 26}" r="9" fill="{colour}"/>')
        parts.append(_text(inner + 22, 24 + number * 26, str(number), colour="#fff", middle=True, size=11))
        parts.append(_text(inner + 38, 24 + number * 26, f"{arm}: {facts[arm]:.3f}, {lengths[arm]:.1f}"))
    return _svg(_TALL, parts)


def said(reference: str, texts: Mapping[str, str]) -> str:
    """Return what one film's reference says, and what arms write of it, as SVG."""
    told = [("reference", reference), *((arm, texts[arm]) for arm in (SFT, BY_FACTS, BY_REPEATS, BY_LENGTH))]
    parts: list[str] = []
    line = 0
    for name, text in told:
        parts.append(_text(12, 22 + line * 18, name, colour=_COLOURS.get(name, "#000"), bold=True))
        rows = wrap(text, 104) or ["(nothing)"]
        parts += [_text(210, 22 + (line + at) * 18, row) for at, row in enumerate(rows)]
        line += len(rows) + 1
    return _svg(18 * line + 12, parts)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    room = 0.12 * (max(values) - min(values)) or 0.05
    return min(values) - room, max(values) + room


def _text(
    x: float, y: float, words: str, *, colour: str = "#222", bold: bool = False, middle: bool = False, size: int = 12
) -> str:
    style = ' font-weight="bold"' * bold + ' text-anchor="middle"' * middle
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{style}>{escape(words)}</text>'


def _svg(tall: int, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_WIDE} {tall}" width="{_WIDE}" height="{tall}"'
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{ground}{"".join(parts)}</svg>'
