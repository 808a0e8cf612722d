"""Statements about a whole film, 'no acute findings' or 'stable chest', which name no finding and so give no fact."""

from __future__ import annotations

import re
from functools import lru_cache

NORMAL = "acute abnormality"
"""What 'no acute findings' denies: stands above every finding."""
NORMAL_BONES = "acute bone abnormality"
"""What 'no acute bony abnormality' denies: stands above every finding of bone."""
UNCHANGED = "unchanged"
"""What 'stable chest' says of the film as a whole."""

_THING = r"(?:findings?|abnormalit(?:y|ies)|disease|process(?:es)?|patholog(?:y|ies)|pathologic process|illness)"
_DENIED = re.compile(
    rf"\b(?:no|without|negative for|free of|absence of|nor)\b(?P<between>(?:[\s/,-]+[\w]+){{0,7}}?)[\s/]+{_THING}\b"
    r"(?!\s+(?:to suggest|suggest|of|for|concerning|that|in the (?:left|right)))",
    re.IGNORECASE,
)
_GENERAL = re.compile(r"\b(?:acute|active|significant|abnormal|cardiopulmonary|intrathoracic|thoracic|cardiac)\b", re.I)
_PARTIAL = re.compile(
    r"\b(?:but|metastatic|metastases|granulomatous|airspace|air|space|interstitial|vascular|degenerative|pleural|focal|"
    r"mediastinal|hilar|tissue|other|additional|nodule|effusion|pneumonia|pneumothorax|consolidation|change)\b",
    re.IGNORECASE,
)
_BONE = re.compile(r"\b(?:bon[ey]|osseous|skeletal|rib|fracture)\b", re.IGNORECASE)
_FILM = (
    r"(?:chest(?: (?:x[- ]?ray|radiographs?|film|exam(?:ination)?))?|exam(?:ination)?|study|radiographs?|cxr|x[- ]?ray)"
)
_NORMAL = re.compile(
    rf"(?<!not )\b(?:normal|unremarkable|negative|clear)(?: (?:portable|frontal|two[- ]view|pa|lateral|and))* {_FILM}\b"
    rf"|\b{_FILM} (?:is|are|appears?|remains?)(?: (?:within|essentially|otherwise|grossly|limits))*"
    r" (?:normal|unremarkable|negative)\b"
    r"|^\W*(?:\d+\W+)?(?:essentially |otherwise |grossly )?(?:normal|unremarkable|negative)\W*$",
    re.IGNORECASE,
)
_SAME = re.compile(
    r"\bno (?:significant |appreciable |substantial |definite |interval |acute )*change\b"
    r"(?! (?:in|of) (?!the (?:appearance of the )?chest))"
    r"|^\W*(?:(?:this|it|the chest|findings) )?(?:is |are |appears? |remains? )?(?:unchanged|stable)\b"
    r"(?=\W*$|[ ]since\b|[ ]from\b)"
    rf"|\bstable(?: appearance(?: of the)?)? {_FILM}\b",
    re.IGNORECASE,
)
_CACHE = 16_384  # sentences remembered, as in parse


@lru_cache(maxsize=_CACHE)
def film_statements(sentence: str) -> tuple[tuple[str, int, int], ...]:
    """Return what one sentence says of the film as a whole: (concept, start, end), characters of the sentence.

    `NORMAL` and `NORMAL_BONES` are denied by it, `UNCHANGED` is affirmed.
    """
    found: dict[str, tuple[int, int]] = {}
    for denial in _DENIED.finditer(sentence):
        between = denial["between"]
        if _BONE.search(between):
            found.setdefault(NORMAL_BONES, denial.span())
        elif _GENERAL.search(between) and not _PARTIAL.search(between):
            found.setdefault(NORMAL, denial.span())
    for concept, pattern in ((NORMAL, _NORMAL), (UNCHANGED, _SAME)):
        if match := pattern.search(sentence):
            found.setdefault(concept, match.span())
    return tuple((concept, start, end) for concept, (start, end) in found.items())
