"""Print the tables of docs/encoders.md from the cards.

python scripts/list_encoders.py
"""

from __future__ import annotations

from hilum.nets.encoder_cards import IMAGES, TEXTS


def rows() -> list[str]:
    """Return the lines of both tables."""
    lines = ["| image encoder | input | weights | licence | source |", "|---|---|---|---|---|"]
    for card in IMAGES.values():
        mean, deviation = ("/".join(f"{v:.4g}" for v in dict.fromkeys(each[: card.channels])) for each in card.tone)
        shown = f"{card.size} px, {card.channels} ch, mean {mean}, sd {deviation}"
        place = f"`{card.hub}`, {card.weights}" if card.hub else card.weights or "none: starts from nothing"
        lines.append(f"| `{card.name}` | {shown} | {place} | {card.licence or '–'} | {card.source} |")
    lines += ["", "| text encoder | pooled | longest | weights | licence | source |", "|---|---|---|---|---|---|"]
    words = {"mean": "mean of the words", "first": "first token", "head": "its own head"}
    for text in TEXTS.values():
        place = f"`{text.hub}`, {text.weights}" if text.hub else text.weights or "none: starts from nothing"
        read = f"{words[text.pooling]} | {text.longest}"
        lines.append(f"| `{text.name}` | {read} | {place} | {text.licence or '–'} | {text.source} |")
    return lines


if __name__ == "__main__":
    print("\n".join(rows()))
