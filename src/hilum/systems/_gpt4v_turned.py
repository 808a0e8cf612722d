"""Reports in other words that say the same, and reports with one fact turned; both proved by the report parser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilum.core.seed import generator
from hilum.measure.perturb import Edited, edit
from hilum.measure.rewording import reworded
from hilum.measure.said import all_said
from hilum.text.parse import parse

FLIPS = ("negate", "drop-negation", "flip-side", "swap-severity")
WHOLE, ONE = "every sentence in other words", "one sentence in other words"
_TRIES = 8


@dataclass(frozen=True)
class Turned:
    """One reference with what was made of it.

    Args:
        patient: whose report it is.
        reference: the text.
        others: `WHOLE` and `ONE` -> paraphrase, where one could be proved.
        flips: kind -> text with one fact turned.
    """

    patient: str
    reference: str
    others: Mapping[str, str]
    flips: Mapping[str, str]


def turned(reports: Sequence[tuple[str, str]], *, seed: int) -> list[Turned]:
    """Return reports of which at least one paraphrase and one flip could be made and proved.

    Args:
        reports: (patient, text).
        seed: of the wording.
    """
    made = []
    for patient, text in reports:
        whole = edit(text, "paraphrase", seed=seed)
        others = {WHOLE: str(whole.text)} if isinstance(whole, Edited) else {}
        if one := _one_sentence(text, seed):
            others[ONE] = one
        tried = {kind: edit(text, kind, seed=seed) for kind in FLIPS}
        flips = {kind: str(each.text) for kind, each in tried.items() if isinstance(each, Edited)}
        if others and flips:
            made.append(Turned(patient, text, others, flips))
    return made


def _one_sentence(text: str, seed: int) -> str:
    """The report with one of its sentences in other words; '' where none can be proved to say the same."""
    parsed = parse(text)
    order = generator(seed, "one sentence", text).permutation(len(parsed.sentences))
    for number in order:
        start, end, _ = parsed.sentences[int(number)]
        for draw in range(_TRIES):
            new = reworded(text[start:end], seed + draw)
            if new != text[start:end]:
                whole = text[:start] + new + text[end:]
                if all_said(parse(whole)) == all_said(parsed):
                    return whole
    return ""
