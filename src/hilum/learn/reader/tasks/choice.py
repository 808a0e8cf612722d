"""One of several: which finding is there, with others that are said to be absent as wrong answers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.learn.reader.material import denied, noun_of, present, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "Which of these is seen?", "Which finding does the film show?", "Choose what is present.",
    "Which one of these can be seen?",
)  # fmt: skip
_MOST = 4
_LETTER = re.compile(r"\(\s*([a-z])\s*\)|([a-z])\s*(?:[).:]|$)")


@task("choice")
def choice(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the one finding that is there among up to four, in random order; the options stand in the question."""
    here, gone = list(dict.fromkeys(finding.concept for finding in present(study))), denied(study)
    if not here or not gone:
        return None
    right = one_of(here, rng)
    wrong = [gone[int(at)] for at in rng.permutation(len(gone))[: _MOST - 1]]
    nouns = [noun_of(Finding(name), placed=False) for name in (right, *wrong)]
    options = [nouns[int(at)] for at in rng.permutation(len(nouns))]
    question = f"{one_of(WORDINGS, rng)} {asked_options(options)}"
    return sample_of("choice", study, preset, [Turn(question, nouns[0])], options=options)


def asked_options(options: Sequence[str]) -> str:
    """Return options as they stand in a question: '(A) nodule (B) pneumothorax'."""
    return " ".join(f"({chr(65 + number)}) {option}" for number, option in enumerate(options))


def chosen(answer: str, options: Sequence[str]) -> int | None:
    """Return the number of the option that an answer chooses, None where it chooses none or several.

    A letter alone or in brackets counts, and so does an option's own words; an option inside another ('effusion' in
    'pleural effusion') counts only on its own.
    """
    text = " ".join(answer.lower().split())
    letter = _LETTER.match(text)
    if letter:
        number = ord(letter[1] or letter[2]) - 97
        return number if number < len(options) else None
    left, named = text, []
    for number, option in sorted(enumerate(options), key=lambda each: -len(each[1])):
        pattern = rf"(?<!\w){re.escape(option.lower())}(?!\w)"
        if re.search(pattern, left):
            named.append(number)
            left = re.sub(pattern, " ", left)
    return named[0] if len(named) == 1 else None
