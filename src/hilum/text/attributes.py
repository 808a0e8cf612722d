"""Attributes: side, zone, severity, size, number and change of each finding, and what it is named because of."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.text.assertion import Clauses
from hilum.text.lexicon import Pack
from hilum.text.mentions import Mention
from hilum.text.modifiers import Attached, Modifiers, modify, sizes
from hilum.text.sharing import causes, divide, lead_back, share
from hilum.text.tokens import Match, Tokens


def attach(
    found: list[Mention],
    tokens: Tokens,
    layers: list[list[Match]],
    made: Clauses,
    pack: Pack,
    absent: Sequence[bool] = (),
) -> list[Attached]:
    """Return the attributes of each mention, in order.

    Args:
        found, tokens, layers, made, pack: the sentence.
        absent: whether each mention is denied; no place passes between one that is and one that is not.
    """
    said = [Attached() for _ in found]
    for mention, own in zip(found, said, strict=True):
        for slot, values in mention.sets.items():
            if slot not in ("state", "certainty", "form"):
                own.values[slot] = list(dict.fromkeys(values))
    words = Modifiers(found, tokens, layers, made, pack) if layers[2] else None
    if words:
        modify(words, said)
        for own in said:
            if len(own.matches) >= 4:
                divide(own, tokens, pack)
    sizes(tokens, found, said, pack)
    if len(found) > 1:
        causes(found, said, layers, made, tokens.words, pack)
        lead_back(found, said, made)
        if any(own.values for own in said):
            share(found, said, tokens, made, pack, words.covered if words else frozenset(), absent)
        _twins(found, said)
    for own in said:
        changes = own.values.get("change", [])
        if "unchanged" in changes and len(changes) > 1:  # 'persistent but decreased'
            changes.remove("unchanged")
        if own.values.pop("plural", None) and "side" not in own.values:
            own.values["side"] = ["right", "left"]
    return said


def _twins(found: list[Mention], said: list[Attached]) -> None:
    """Two findings named by one word, as in 'kyphoscoliosis', have their attributes in common."""
    for number in range(1, len(found)):
        one, other = said[number - 1], said[number]
        if (found[number].first, found[number].last) == (found[number - 1].first, found[number - 1].last):
            for slot, values in [*one.values.items(), *other.values.items()]:
                for own in (one, other):
                    own.values[slot] = list(dict.fromkeys([*own.values.get(slot, ()), *values]))
