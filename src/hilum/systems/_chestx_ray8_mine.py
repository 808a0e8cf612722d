"""Labels mined from a report, under three ways to take an assertion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

from hilum.core.errors import InputError
from hilum.core.report import Report
from hilum.text.labels import label_parsed
from hilum.text.parse import Fact, Parsed, parse

Assertion = Literal["mention", "sentence", "clause"]
ARMS: tuple[Assertion, ...] = get_args(Assertion)
_NEGATOR = re.compile(r"\b(?:no|not|nor|without|negative|free|clear|absence|resolved)\b", re.IGNORECASE)


def mine(
    text: str | Report | Mapping[str, str], *, assertion: Assertion = "clause", labels: str = "chestx-ray8"
) -> frozenset[str]:
    """Return the labels that a report gives its film; none of them means Normal.

    Args:
        text: the report, whole or by section.
        assertion: 'clause' discards what is negated or uncertain in its own clause, 'sentence' what stands after any
            negator of its sentence, 'mention' nothing. The last two are the ablation.
        labels: the label set, 'chestx-ray8' or 'nih-14'.

    Raises:
        InputError: if the assertion is not one of the three.
    """
    return labels_of(parse(text), assertion, labels)


def labels_of(parsed: Parsed, assertion: Assertion, labels: str) -> frozenset[str]:
    """Return the labels of a parsed report; see `mine`."""
    if assertion not in ARMS:
        raise InputError(f"assertion must be one of {', '.join(ARMS)}, got '{assertion}'")
    states = label_parsed(restated(parsed, assertion), labels).states
    return frozenset(name for name, state in states.items() if state == "present" and name != "No Finding")


def restated(parsed: Parsed, assertion: Assertion) -> Parsed:
    """Return the same mentions under another way to assert them.

    A normal heart is no mention of cardiomegaly under any of them.
    """
    if assertion == "clause":
        return parsed
    facts = tuple(fact._replace(state=_state(parsed.text, fact, assertion), certainty="definite", history=False)
                  for fact in parsed.facts)  # fmt: skip
    return replace(parsed, facts=facts)


def _state(text: str, fact: Fact, assertion: Assertion) -> str:
    normal_part = fact.rule.startswith("pair") and fact.state == "absent"
    negated = assertion == "sentence" and _NEGATOR.search(text, fact.sentence[0], fact.start)
    return "absent" if normal_part or negated else "present"
