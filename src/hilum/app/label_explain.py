"""Why a report has its labels: each sentence with its words marked, then each finding with the rules that fired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hilum.text.labels import Labels
from hilum.text.parse import Fact


class Piece(NamedTuple):
    """Characters of one look: `style` is a state, 'cue', 'head', 'quiet', or '' for plain text."""

    text: str
    style: str = ""

    @property
    def plain(self) -> str:
        """The characters, marked where they are a «finding» or a ‹cue›."""
        if self.style == "cue":
            return f"‹{self.text}›"
        return f"«{self.text}»" if self.style in ("present", "absent", "uncertain") else self.text


def explain(labels: Labels) -> list[str]:
    """Return lines of plain text, with «findings» and ‹cues› marked."""
    return ["".join(piece.plain for piece in line) for line in explained(labels)]


def explained(labels: Labels) -> Iterator[list[Piece]]:
    """Yield the lines of an explanation as pieces, for a terminal or plain text."""
    reasons: dict[int, list[str]] = {}
    for name, numbers in labels.evidence.items():
        for number in numbers:
            reasons.setdefault(number, []).append(f"{name} = {labels.states.get(name, 'left out')}")
    text, stated = labels.parsed.text, by_sentence(labels.findings)
    for start, end, section in labels.parsed.sentences:
        facts = stated.get((start, end))
        if not facts:
            continue
        yield [Piece(f"[{section}] ", "head"), *marked(text, start, end, [fact for _, fact in facts])]
        for number, fact in facts:
            said = "; ".join(f"{slot} {', '.join(values)}" for slot, values in fact.attributes.items())
            cues = "".join(f" · because of '{text[c.start : c.end]}' ({c.rule})" for c in fact.cues)
            labelled = f" → {'; '.join(reasons[number])}" if number in reasons else ""
            about = f" [{said}]" if said else ""
            state = f"{fact.state}, {fact.certainty}"
            yield [
                Piece(f"    {fact.concept}: "),
                Piece(state, f"said-{fact.state}"),
                Piece(f"{about}{labelled}"),
                Piece(f" · by {fact.rule}{cues}", "quiet"),
            ]


def by_sentence(facts: Sequence[Fact]) -> dict[tuple[int, int], list[tuple[int, Fact]]]:
    """Return the numbered facts of each sentence, which is named by its (start, end)."""
    made: dict[tuple[int, int], list[tuple[int, Fact]]] = {}
    for number, fact in enumerate(facts):
        made.setdefault(fact.sentence, []).append((number, fact))
    return made


def marked(text: str, start: int, end: int, facts: Sequence[Fact]) -> list[Piece]:
    """Return a sentence in pieces: findings by their state, cues, and the rest. Pieces joined are the sentence."""
    styles = [""] * (end - start)
    for fact in facts:
        for cue in fact.cues:
            _paint(styles, cue.start - start, cue.end - start, "cue")
    for fact in facts:
        _paint(styles, fact.start - start, fact.end - start, fact.state)
    borders = {fact.start - start for fact in facts} | {fact.end - start for fact in facts}
    pieces: list[Piece] = []
    last = 0
    for at in range(1, len(styles) + 1):
        if at == len(styles) or styles[at] != styles[last] or at in borders:
            pieces.append(Piece(text[start + last : start + at], styles[last]))
            last = at
    return pieces


def _paint(styles: list[str], first: int, last: int, style: str) -> None:
    for at in range(max(first, 0), min(last, len(styles))):
        styles[at] = style


def opening(labels: Labels) -> list[Piece]:
    """Return one line: the label set and the labels that are mentioned."""
    cells = {"present": "1", "absent": "0", "uncertain": "-1"}
    line = [Piece(f"{labels.label_set}: ", "head")]
    for number, (name, state) in enumerate(labels.states.items()):
        line += [Piece(" · " if number else ""), Piece(f"{name} {cells[state]}", f"said-{state}")]
    return line if labels.states else [*line, Piece("no label is mentioned")]
