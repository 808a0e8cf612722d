"""Result codes to reports: a string of bits, one for each label, and the sentence a bank has for each bit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from hilum.core.errors import InputError
from hilum.core.report import Report
from hilum.core.vocabulary import label_set
from hilum.text.phrase import SectionText

_TABLE = Path(__file__).parent / "tables" / "result_codes.json"
_SECTIONS = ("findings", "impression")
_KEYS = frozenset({"label", "state", "section", "text", "order"})


class BankSentence(NamedTuple):
    """What a bank says for one bit of one label; label '' closes a report whose bits are all 0."""

    label: str
    state: int
    section: str
    text: str
    order: int


@dataclass(frozen=True)
class CodeBank:
    """A sentence bank for result codes.

    Args:
        version: written into every record that was made with it.
        label_set: whose labels the bits are, e.g. 'nih-14'.
        sentences: in any order; each label has one sentence of the findings for 0 and one for 1.

    Raises:
        InputError: if a label is not of the set, a bit has no sentence or two, or a section is unknown.
    """

    version: str
    label_set: str
    sentences: tuple[BankSentence, ...]

    def __post_init__(self) -> None:
        known = label_set(self.label_set).labels
        if not self.version or not self.labels:
            raise InputError("a sentence bank needs a version and at least one label with a sentence for 1")
        for item in self.sentences:
            if item.section not in _SECTIONS or item.state not in (0, 1) or not item.text.strip():
                raise InputError(
                    f"sentence '{item.text}': section must be of {_SECTIONS}, state 0 or 1, text not empty"
                )
            if item.label and item.label not in known:
                raise InputError(f"label '{item.label}' is not of '{self.label_set}': expected {', '.join(known)}")
        for label in {item.label for item in self.sentences} - {""}:
            for state in (0, 1):
                said = [s for s in self.sentences if (s.label, s.state, s.section) == (label, state, "findings")]
                if len(said) != 1:
                    raise InputError(f"label '{label}' has {len(said)} findings sentences for {state}: expected 1")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the bits, which is that of their sentences for 1."""
        ones = [item for item in self.sentences if item.label and item.state == 1 and item.section == "findings"]
        return tuple(item.label for item in sorted(ones, key=lambda item: item.order))

    def chosen(self, code: str) -> tuple[BankSentence, ...]:
        """Return the sentences of a code, findings first, each section in its order.

        Raises:
            InputError: if the code is not one 0 or 1 for each label.
        """
        if len(code) != len(self.labels) or set(code) - {"0", "1"}:
            raise InputError(f"a result code needs {len(self.labels)} digits 0 or 1, one for each label, got '{code}'")
        bits = dict(zip(self.labels, map(int, code), strict=True))
        told = [item for item in self.sentences if bits.get(item.label, int("1" in code)) == item.state]
        return tuple(sorted(told, key=lambda item: (_SECTIONS.index(item.section), item.order)))

    def report(self, code: str) -> Report:
        """Return the draft report of a code; each sentence carries its label as the id of what it states."""
        sections = {name: SectionText(name) for name in _SECTIONS}
        for item in self.chosen(code):
            sections[item.section].say(item.text, (item.label,) if item.label else ())
        spans = tuple(span for section in sections.values() for span in section.sentences)
        findings, impression = (sections[name].text for name in _SECTIONS)
        return Report(findings=findings, impression=impression, sentences=spans, status="draft")


def parse_bank(loaded: Mapping[str, Any]) -> CodeBank:
    """Return a bank from {'version', 'label_set', 'sentences': [{label, state, section, text, order}, ...]}.

    Raises:
        InputError: if a key is missing or more, or what `CodeBank` refuses.
    """
    missing = {"version", "label_set", "sentences"} - set(loaded)
    if missing:
        raise InputError(
            f"the sentence bank has no {', '.join(sorted(missing))}: expected version, label_set, sentences"
        )
    rows: Sequence[Mapping[str, Any]] = loaded["sentences"]
    for row in rows:
        if set(row) != _KEYS:
            raise InputError(f"a sentence has the keys {sorted(row)}: expected {sorted(_KEYS)}")
    return CodeBank(str(loaded["version"]), str(loaded["label_set"]), tuple(BankSentence(**row) for row in rows))


@cache
def code_bank(name: str) -> CodeBank:
    """Return a shipped bank: 'three' (cardiomegaly, effusion, consolidation) or 'fourteen' (the NIH-14 labels).

    Raises:
        InputError: if there is no such bank.
    """
    banks = json.loads(_TABLE.read_text(encoding="utf-8"))["banks"]
    if name not in banks:
        raise InputError(f"no sentence bank '{name}': there are {', '.join(banks)}")
    return parse_bank(banks[name])
