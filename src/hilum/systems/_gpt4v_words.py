"""What floors read of the study's own words: which finding is asked about, and whose words an example is in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from hilum.core.region import Box
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.phantom.scenes_words import words_table
from hilum.systems._gpt4v_cohort import WORDINGS, Case, House

_SHORT = {"effusion": "pleural effusion", "nodule": "lung nodule", "enlargement of the heart": "cardiomegaly"}
_NAMED = re.compile("|".join((*CONCEPTS, *_SHORT)))
_SIDES = {"right": -1, "left": 1}
Asked = tuple[str, int, str]
"""Concept, side and zone."""


def asked_of(text: str) -> Asked:
    """Return the concept, side (-1 right, 1 left, 0 none) and zone ('' for none) that a question or phrase is about."""
    sides = [_SIDES[word] for word in re.findall(r"\b(right|left)\b", text)]
    zones = re.findall(r"\b(upper|mid|lower|retrocardiac)\b", text)
    found = _NAMED.search(text)
    concept = found.group() if found else CONCEPTS[0]
    return _SHORT.get(concept, concept), (sides or [0])[0], (zones or [""])[0]


def boxes_of(train: Sequence[Case]) -> dict[Asked, Box]:
    """Return the middle box, corner by corner, of every kind of finding that training phrases point at."""
    kept: dict[Asked, list[tuple[float, ...]]] = {}
    for case in train:
        for phrase, box in case.phrases:
            kept.setdefault(asked_of(phrase), []).append(box.corners)
    return {key: Box(*np.median(np.array(boxes), axis=0).tolist()) for key, boxes in kept.items()}


def house_of(examples: Sequence[str]) -> House:
    """Return the hospital whose words some reports are in, as far as they tell; the first where they do not."""
    votes = {"present": Counter[int](), "absent": Counter[int]()}
    for sentence in " ".join(examples).split(". "):
        kind, number = _wording_of(sentence.rstrip(".") + ".") if sentence else ("", 0)
        if kind:
            votes[kind][number] += 1
    there, absent = (max(range(WORDINGS), key=lambda number: votes[kind][number]) for kind in ("present", "absent"))
    return there, absent


def _wording_of(sentence: str) -> tuple[str, int]:
    """Whether a sentence states or denies, and by which wording of the table; the plainest pattern is tried last."""
    table = words_table()
    absent = [(form, number) for each in table["absent"].values() for number, form in enumerate(each)]
    present = [(form, number) for number, form in enumerate(table["present"])]
    for kind, forms in (("absent", absent), ("present", present)):
        for form, number in sorted(forms, key=lambda each: -len(each[0])):
            pattern = re.escape(form)
            for slot, told_as in ((r"\{all\}", "[a-z, ]+?"), (r"\{np\}", "[A-Za-z0-9 ]+?"), (r"\{a\}", "[Aa]n?")):
                pattern = pattern.replace(slot, told_as)
            if re.fullmatch(pattern, sentence):
                return kind, number
    return "", 0
