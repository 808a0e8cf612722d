"""The review's matrix as tasks: a report from films, by words and by facts, beside a constant text."""

from __future__ import annotations

from hilum.core.registry import register
from hilum.measure.task import Task

WORDS = ("bleu-1", "bleu-4", "meteor/nltk", "rouge-l", "cider")
FACTS = ("finding-f1", "finding-f1/presence", "label-f1/hilum/micro-14", "graph-f1/partial", "green/hilum")
_HIDE, _FLOORS = ("report", "findings"), ("constant-report",)


@register.task("rrg-review/scenes", version=1)
def rrg_scenes(patients: int = 200, size: int = 64, seed: int = 0) -> Task:
    """The findings of made scenes of patients whom no one learned from.

    Args:
        patients, size, seed: of the data set 'scenes'; the split 'test' is scored.
    """
    settings = {"patients": patients, "size": size, "seed": seed}
    return Task("scenes", _HIDE, (*WORDS, *FACTS), settings=settings, split="test", controls=_FLOORS)


@register.task("rrg-review/openi", version=1)
def rrg_openi() -> Task:
    """The findings of Open-i, all reports: no split of it is common to the papers, so no figure of theirs compares."""
    return Task(
        "openi", _HIDE, (*WORDS, *FACTS), controls=_FLOORS, needs_data="the folder of Open-i's reports and films"
    )


@register.task("rrg-review/mimic-cxr", version=1)
def rrg_mimic() -> Task:
    """The findings of MIMIC-CXR's official test split."""
    return Task("mimic-cxr", _HIDE, (*WORDS, *FACTS), split="test", controls=_FLOORS,
                needs_data="the folder of MIMIC-CXR with its reports")  # fmt: skip
