"""Where the tip of a tube or line lies, told in a sentence and read back from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hilum.core.finding import Finding
from hilum.core.report import Report
from hilum.core.seed import generator
from hilum.text.bank import bank, statement
from hilum.text.nouns import parts
from hilum.text.parse import sentence_facts

_TABLE = Path(__file__).parent / "tables" / "story.json"
_ABOVE = re.compile(r"(-?\d+(?:\.\d+)?) (mm|cm) above the carina")
_IN = re.compile(r"(?:tip|lies|ends) in the ([a-z ]+?)(?:,| since|\.|$)")


class Tip(NamedTuple):
    """Where a tip lies: so many whole mm above the carina, or at a site of the vocabulary."""

    above_carina_mm: int | None = None
    site: str = ""


@cache
def story_table() -> Mapping[str, Any]:
    """Return the words around findings, as data."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def tip_of(finding: Finding) -> Tip | None:
    """Return where the tip of a present device lies, None for what has no tip that is told."""
    measure = story_table()["tip devices"].get(finding.concept)
    if measure is None or finding.state != "present" or not finding.sites:
        return None
    above = next(
        (item.value for item in finding.measurements if measure and item.name == measure.replace("_", " ")), None
    )
    if above is not None and round(above) >= 0:
        return Tip(above_carina_mm=round(above))
    return Tip(site=finding.sites[0])


def is_misplaced(finding: Finding) -> bool:
    """Return whether a device's tip lies where it should not: in a bronchus, the atrium, or under 2 or over 7 cm."""
    tip, rule = tip_of(finding), story_table()["malpositions"].get(finding.concept, {})
    if tip is None or not rule:
        return False
    if tip.above_carina_mm is not None and "least mm" in rule:
        return not rule["least mm"] <= tip.above_carina_mm <= rule["most mm"]
    return tip.site in rule["wrong"]


def tip_sentence(finding: Finding, tip: Tip, *, prior: bool, seed: int, name: str) -> str:
    """Return a sentence that states a device, its tip, and its change where a prior was read."""
    fact = statement(finding, 0, prior)
    words = parts(fact)
    choose = generator(seed, "tip", name, finding.id)
    since = bank()["since"]["present"].get(fact.since, [""])
    options = story_table()["tips"]["carina" if tip.above_carina_mm is not None else "site"]
    made = options[int(choose.integers(len(options)))].format(
        np=words["np"], bare=words["bare"], since=since[int(choose.integers(len(since)))], site=tip.site,
        mm=tip.above_carina_mm, cm=f"{(tip.above_carina_mm or 0) / 10:.1f}",
    )  # fmt: skip
    return str(made[0].upper() + made[1:])


def read_tips(report: Report) -> dict[str, Tip]:
    """Return where the sentences of the findings section say that tips lie, by concept of the device."""
    found: dict[str, Tip] = {}
    for sentence in report.sentences:
        text = report.text(sentence)
        above, place = _ABOVE.search(text), _IN.search(text)
        if sentence.section != "findings" or not (above or place):
            continue
        names = [fact.concept for fact in sentence_facts(text) if fact.concept in story_table()["tip devices"]]
        for name in names[:1]:
            if above:
                found[name] = Tip(round(float(above.group(1)) * (10 if above.group(2) == "cm" else 1)))
            elif place:
                found[name] = Tip(site=place.group(1))
    return found
