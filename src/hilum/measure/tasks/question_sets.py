"""VQA-RAD and SLAKE, where you have their files: closed questions by choice, open ones by their words."""

from __future__ import annotations

from hilum.core.registry import register
from hilum.measure.task import Task

CLOSED, OPEN = ("choice-accuracy", "choice-invalid"), ("answer-exact", "answer-token-f1", "answer-rouge-l")


@register.task("vqa-rad/answers", version=1)
def vqa_rad_answers(split: str = "picture") -> Task:
    """VQA-RAD's chest radiographs. `split=picture` holds out whole pictures; `official` shares them with training.

    Control: a choice at random (`any-order`).
    """
    return Task(
        "vqa-rad", hide=("questions",), metrics=(*CLOSED, *OPEN), settings={"split": split}, split="test",
        controls=("any-order",), needs_data="'VQA_RAD Dataset Public.json' and its pictures, https://osf.io/89kps/",
    )  # fmt: skip


@register.task("slake/answers", version=1)
def slake_answers(language: str = "en") -> Task:
    """SLAKE's chest radiographs, English or Chinese ('zh') questions; split by picture.

    Control: a choice at random (`any-order`).
    """
    return Task(
        "slake", hide=("questions", "findings"), metrics=(*CLOSED, *OPEN), settings={"languages": (language,)},
        split="test", controls=("any-order",), needs_data="Slake1.0/, https://www.med-vqa.com/slake/",
    )  # fmt: skip
