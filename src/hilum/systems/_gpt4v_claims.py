"""The claims of the prompt study as data."""

from __future__ import annotations

from hilum.measure.claim import Claim
from hilum.systems._gpt4v_floors import CONSTANT, COPIES
from hilum.systems._gpt4v_lexical import ACCURACY, COIN, ITSELF, LEXICAL
from hilum.systems._gpt4v_reader import READER
from hilum.systems._gpt4v_run import CONDITIONS, IOU, Arm
from hilum.systems._gpt4v_specialist import SPECIALIST

TEXT = (
    "one normal and one abnormal example help a prompted model; lexical metrics misrank; its boxes trail a specialist"
)
ZERO, BOTH = "zero-shot", "one + one"
POINTS = "one answer"
"""The family of a request to point: no examples go with it."""


def prompted(backend: str, metric: str, what: str) -> Claim:
    """Return the claim that one normal and one abnormal example raise a score of a backend's reports."""
    blind = [str(Arm(backend, family, film)) for family in (ZERO, BOTH) for film in CONDITIONS[1:]]
    return Claim(f"{backend}: one normal and one abnormal example raise {what} over zero-shot",
                 str(Arm(backend, BOTH)), str(Arm(backend, ZERO)), metric,
                 (*blind, str(Arm(COPIES, BOTH)), str(Arm(CONSTANT, ZERO))))  # fmt: skip


def looks(backend: str, family: str, metric: str = "finding-f1") -> Claim:
    """Return the guard that a backend's score falls where it is shown another patient's film."""
    return Claim(f"{backend}, {family}: it looks at the film", str(Arm(backend, family)),
                 str(Arm(backend, family, "swapped")), metric, (str(Arm(backend, family, "blank")),))  # fmt: skip


def trails(backend: str) -> Claim:
    """Return the claim that a specialist's boxes are better than a prompted backend's."""
    return Claim(f"{backend}: its boxes trail the specialist's", str(Arm(SPECIALIST, POINTS)),
                 str(Arm(backend, POINTS)), IOU,
                 (str(Arm(SPECIALIST, POINTS, "blank")), str(Arm(backend, POINTS, "blank")),
                  str(Arm(backend, POINTS, "swapped")), str(Arm(CONSTANT, POINTS))))  # fmt: skip


MISRANK = tuple(
    Claim(f"{name} gives a report with one fact turned more than the same facts in other words", name, COIN, ACCURACY,
          (ITSELF, "finding-f1"), "lower")
    for name in LEXICAL
)  # fmt: skip
PROMPTS = (prompted(READER, "bleu-4", "BLEU-4"), prompted(READER, "finding-f1", "F1 of findings"))
GROUNDING = trails(READER)
