"""Report and indication of a scene in few words, every sentence of them read back by the text reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.finding import Change
from hilum.core.report import Report, Sentence
from hilum.core.seed import generator
from hilum.phantom.indication import MISLEADING, TRUTHFUL
from hilum.phantom.scenes_facts import TIPS_CM, Fact, Facts
from hilum.text.phrase import SectionText

_TABLE = Path(__file__).parent / "tables" / "scenes.json"
_SIDES = {-1: "right", 1: "left", 0: ""}


@cache
def words_table() -> Mapping[str, Any]:
    """Return the words of the scenes' reports, as data."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def noun(fact: Fact, pattern: str) -> str:
    """Return a fact as a noun by a pattern of the table: 'small right pleural effusion'."""
    grade = words_table()["grades"][fact.concept][fact.grade]
    tip = TIPS_CM.get(fact.tip, 0)
    return " ".join(pattern.format(grade=grade, side=_SIDES[fact.side], zone=fact.zone, tip=tip).split())


def _one(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _key(fact: Fact) -> str:
    return "retrocardiac" if fact.zone == "retrocardiac" else fact.concept


def sentence(fact: Fact, change: Change | None, rng: np.random.Generator) -> str:
    """Return a sentence that states a fact that is there, or has gone (`change` 'resolved'), in one of its wordings."""
    table = words_table()
    if change == "resolved":
        way = "removed" if fact.concept == "endotracheal tube" else "resolved"
        return _one(table["changed"][way], rng).format(np=noun(fact, _one(table["gone"][_key(fact)], rng)))
    named = noun(fact, _one(table["nouns"][_key(fact)], rng))
    options = table["present"] if change is None else table["changed"][change]
    article = "an" if named[0] in "aeiou" else "a"
    made = _one(options, rng).format(np=named, a=article)
    return made[0].upper() + made[1:]


def report(facts: Facts, changes: Sequence[Change | None], *, prior: bool, seed: int, name: str, hint: str) -> Report:
    """Return the report of a study.

    Args:
        facts: what is true, as `scenes_facts.Facts`.
        changes: of each fact, None where it is not compared.
        prior: whether there is an earlier film, for the comparison section.
        seed, name: of the words; the name is the study's.
        hint: the indication.
    """
    table, rng = words_table(), generator(seed, "words", name)
    findings, impression = SectionText("findings"), SectionText("impression")
    missing = []
    for fact, change in zip(facts, changes, strict=True):
        if fact.grade or change == "resolved":
            findings.say(sentence(fact, change, rng), (fact.concept,))
        elif fact.concept == "cardiomegaly":
            findings.say(_one(table["absent"]["cardiomegaly"], rng), (fact.concept,))
        elif fact.concept in table["listed"]:
            missing.append(fact.concept)
        if fact.grade:
            said = noun(fact, _one(table["nouns"][_key(fact)], rng))
            impression.say(said + (f", {change}." if change else "."), (fact.concept,))
    if missing:
        listed = " or ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        findings.say(_one(table["absent"]["list"], rng).format(all=listed), missing)
    if not impression.text:
        impression.say(_one(table["nothing"], rng))
    fixed = {
        "indication": hint, "technique": table["technique"],
        "comparison": table["comparison"]["prior" if prior else "none"],
    }  # fmt: skip
    whole = [Sentence(part, 0, len(text)) for part, text in fixed.items() if text]
    sentences = (*whole, *findings.sentences, *impression.sentences)
    return Report(**fixed, findings=findings.text, impression=impression.text, sentences=sentences)


def hint_of(facts: Facts, *, seed: int, name: str) -> tuple[str, str]:
    """Draw an indication from the facts of the current study alone.

    Args:
        facts: what is true.
        seed, name: of the draw; the name is the study's.

    Returns:
        'truthful', 'misleading' or 'missing' at the rates of `indication`, and the text. A truthful one names a
        finding that is there, or is routine where none is; a misleading one names a finding that is not there.
    """
    table, rng = words_table(), generator(seed, "hint", name)
    at = float(rng.random())
    if at >= TRUTHFUL + MISLEADING:
        return "missing", ""
    true = at < TRUTHFUL
    named = [fact.concept for fact in facts if fact.concept in table["hinted"] and bool(fact.grade) == true]
    if not named:
        return ("truthful" if true else "missing"), (_one(table["routine"], rng) if true else "")
    hinted = table["hinted"][_one(named, rng)]
    return ("truthful" if true else "misleading"), _one(table["hints"], rng).format(noun=hinted)
