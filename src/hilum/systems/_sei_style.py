"""Reports in the words of many authors: other wording for the same facts, and filler that says nothing of the film.

Virtual reports come from one grammar. SEI's claim is about reports that people wrote, whose style is noise to an
alignment; without noise there is nothing for entity extraction to take away. An author is drawn for each study.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hilum.core.seed import generator
from hilum.text.parse import parse
from hilum.text.statements import SEPARATOR, entity_sequence

_ABSENT = re.compile(r"^(?:There is no evidence of|There is no|No evidence of|No)\b")
_PRESENT = re.compile(r"\b(?:is|are) (?:present|seen)\b")
_SINCE = re.compile(r"\b(?:since|compared with) the prior film\b")
NEGATIONS = (
    "There is no", "No", "No evidence of", "There is no evidence of", "No sign of", "The film shows no", "I see no",
    "There is no radiographic evidence of",
)  # fmt: skip
VERBS = ("seen", "present", "noted", "identified", "demonstrated", "visible", "observed")
SINCE = (
    "since the prior film", "compared with the prior film", "since the last examination", "from the earlier study",
    "as compared with the previous radiograph",
)  # fmt: skip
OPENINGS = (
    "The examination was read on a calibrated monitor.", "Comparison is made with the films held in the archive.",
    "Thank you for referring this patient.", "A single exposure was obtained at full inspiration.",
    "The request and the notes of the ward were available to me.", "The patient was positioned by the technologist.",
    "Study performed according to the protocol of the department.", "The images were reviewed twice.",
    "This report replaces the preliminary one.", "The field of view is complete.",
)  # fmt: skip
CLOSINGS = (
    "Results were given to the ward by telephone.", "Clinical correlation is advised.",
    "Dictated by the resident and checked by the attending.", "Please call the reading room with questions.",
    "A copy goes to the family doctor.", "Signed electronically.", "These results were entered in the record.",
    "Please bring earlier films to the next appointment.", "The case will be shown at the conference.",
    "The requesting service has been informed by message.", "Time spent on this report was fifteen minutes.",
    "Thank you for the kind referral.",
)  # fmt: skip
AUTHORS = 12


def restyled(report: str, author: int, *, seed: int, study: str = "") -> str:
    """Return a report as an author would have put it: the same facts, in another order, among filler.

    Args:
        report: in the words of the virtual patients.
        author: whose habits; each prefers a wording of absence, a verb, a way to name the earlier film, and some of
            the filler, which a draw for the study picks from.
        seed: of the habits and the draw.
        study: what the draw is for.
    """
    habits = generator(seed, "author", author)
    absent, verb, since = habits.choice(NEGATIONS), habits.choice(VERBS), habits.choice(SINCE)
    openings, closings = habits.choice(OPENINGS, 4, replace=False), habits.choice(CLOSINGS, 4, replace=False)
    negatives_first = bool(habits.random() < 0.4)
    draw = generator(seed, "restyled", study, author)
    told: list[str] = []
    for sentence in (report[start:end].strip() for start, end, _ in parse(report).sentences):
        changed = _ABSENT.sub(absent, sentence)
        changed = _PRESENT.sub(f"is {verb}" if " is " in sentence else f"are {verb}", changed)
        told.append(_SINCE.sub(since, changed))
    if negatives_first:
        told.sort(key=lambda sentence: not sentence.startswith(absent))
    begun = list(draw.choice(openings, int(draw.integers(1, 4)), replace=False))
    ended = list(draw.choice(closings, int(draw.integers(1, 4)), replace=False))
    return " ".join([*begun, *told, *ended])


def by_authors(reports: Sequence[str], studies: Sequence[str], *, seed: int) -> tuple[str, ...]:
    """Return every study's report in the words of the author drawn for it; '' stays ''."""
    made: dict[str, str] = {}
    for report, study in zip(reports, studies, strict=True):
        if study not in made:
            author = int(generator(seed, "who", study).integers(AUTHORS))
            made[study] = restyled(report, author, seed=seed, study=study) if report else ""
    return tuple(made[study] for study in studies)


def entities(reports: Sequence[str], *, prefix: bool = True) -> tuple[str, ...]:
    """Return reports as entity sequences; without `prefix`, no 'no' or 'maybe' tells absence from presence.

    A report without any entity stays as it is.
    """
    made = {text: entity_sequence(parse(text)) or text for text in set(reports) if text}
    if not prefix:
        made = {text: _bare(told) for text, told in made.items()}
    return tuple(made.get(text, "") for text in reports)


def _bare(told: str) -> str:
    parts = told.split(f" {SEPARATOR} ")
    return f" {SEPARATOR} ".join(part.removeprefix("no ").removeprefix("maybe ") for part in parts)
