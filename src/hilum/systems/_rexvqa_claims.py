"""What is claimed of ReXVQA's questions: that they measure seeing, and what makes others measure guessing."""

from __future__ import annotations

from hilum.measure.choice.items import TASKS, Design
from hilum.measure.claim import Claim

WORDS, FILM, WRONG = "words alone", "words and film", "words and another patient's film"
SWAPPED, BLANK = "taught with films, shown another patient's", "taught with films, shown a blank one"
ALLOWED, LEEWAY = "words alone, plus 5 points", 0.05
CONTROLS = (WRONG, SWAPPED, BLANK)
ALL = "accuracy"


def metric_of(task: str) -> str:
    """Return what the accuracy of one kind of question is called."""
    return f"accuracy of {task}"


SEEING = tuple(
    Claim(f"with the film {task} questions are answered better than from words alone", FILM, WORDS, metric_of(task),
          CONTROLS)
    for task in TASKS
)  # fmt: skip
NOTHING_ELSE = Claim("a film of another patient is worth at most 5 points over none", ALLOWED, WRONG, ALL)
GAP = Claim("and what was taught with films needs the right one", FILM, SWAPPED, ALL, (BLANK,))

CHANCE_ARM, BLIND_ARM = "chance", "a blind reader"
CARELESS: dict[str, Design] = {
    "without balanced distractors": Design(balance=False), "without rotated options": Design(rotate=False),
    "with more said in the right option": Design(even=False),
}  # fmt: skip
GUESSING = {
    name: Claim(f"{name} a blind reader comes more than 5 points above chance", BLIND_ARM, CHANCE_ARM,
                f"accuracy {name}")
    for name in CARELESS
}  # fmt: skip
"""Chance here is 0.25 and the 5 points that the gate allows."""
CLAIMS = (*SEEING, NOTHING_ELSE, GAP, *GUESSING.values())
