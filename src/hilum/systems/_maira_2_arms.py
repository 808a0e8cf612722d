"""MAIRA-2's arms: which inputs each reader is given, and what it learns to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from hilum.core.region import Box
from hilum.core.study import Study
from hilum.learn.reader.absence import dropped, without
from hilum.learn.reader.answers import read_answer, written
from hilum.learn.reader.guards import other_prior, swapped
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, with_context
from hilum.learn.reader.trained import Trained
from hilum.systems._maira_2_claims import ALL, FL, FLP, FLPR, F
from hilum.systems._reader_jobs import Boxes
from hilum.systems._reader_lab import samples_of, small_preset
from hilum.systems._reader_said import said

SECTIONS = ("indication", "technique", "comparison")
INPUTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({
    F: (("cur_front",), ()), FL: (("cur_front", "cur_lat"), ()), FLP: (("cur_front", "cur_lat", "prior_front"), ()),
    FLPR: (("cur_front", "cur_lat", "prior_front"), ("prior_report",)),
    ALL: (("cur_front", "cur_lat", "prior_front"), ("prior_report", *SECTIONS)),
})  # fmt: skip
"""Arm -> roles of films, sections."""
DROP = MappingProxyType({"cur_lat": 0.4, "prior_front": 0.3, "prior_report": 0.3, **dict.fromkeys(SECTIONS, 0.3)})
"""How often an input is left out where a reader learns to do without it."""


def preset_of_arm(name: str, *, boxes: bool = False) -> Preset:
    """Return MAIRA-2's preset with the inputs of an arm; box tokens only where boxes are written."""
    roles, sections = INPUTS[name]
    return small_preset("maira-2", roles=roles, sections=sections, codec="bin_tokens" if boxes else None)


def limited(samples: Sequence[Sample], name: str) -> list[Sample]:
    """Return samples of all inputs with those of an arm alone, in the layout that they have: the rest is missing."""
    roles, sections = INPUTS[name]
    gone = [each for each in ("cur_lat", "prior_front") if each not in roles]
    gone += [each for each in ("prior_report", *SECTIONS) if each not in sections]
    return [without(sample, *gone) for sample in samples]


def text_only(studies: Sequence[Study], *, seed: int) -> tuple[Preset, list[Sample]]:
    """Return a preset and samples that tell the prior report without its film, and no other section.

    The layout tells a prior report beside its film alone; here it stands where the history would, so that a reader
    can learn how much of change is to be read from text.
    """
    preset = small_preset("maira-2", roles=INPUTS[FL][0], sections=("history",), codec=None)
    full = preset_of_arm(FLPR)
    told = [sample.context.get("prior_report", "") for sample in samples_of(studies, full, seed=seed)]
    bare = samples_of(studies, preset, seed=seed)
    return preset, [with_context(sample, history=text) for sample, text in zip(bare, told, strict=True)]


def with_dropout(samples: Sequence[Sample], *, seed: int) -> list[Sample]:
    """Return samples twice: as they are, and with inputs left out at random."""
    return [*samples, *dropped(samples, DROP, seed=seed)]


def wrong_lateral(samples: Sequence[Sample], *, seed: int) -> list[Sample]:
    """Return samples with another patient's lateral film."""
    return swapped(samples, seed=seed, roles=("cur_lat",))


def wrong_prior(samples: Sequence[Sample], *, seed: int) -> list[Sample]:
    """Return samples with another patient's prior film and report."""
    return other_prior(samples, seed=seed)


def grounded_answers(reader: Trained, samples: Sequence[Sample]) -> tuple[list[str], list[Boxes], list[str]]:
    """Return the texts of grounded answers, their boxes by the concept that their sentence states, and what was wrong.

    A box whose sentence states no finding is kept under '' and counts as one too many.
    """
    texts, boxes, wrong = list[str](), list[Boxes](), list[str]()
    for sample, answer in zip(samples, reader.written(samples), strict=True):
        front = next(shown for shown in sample.shown if shown.role == "cur_front")
        read = read_answer(written(answer.tokens, reader.processor.tokenizer), reader.preset, front)
        by: dict[str, list[Box]] = {}
        for piece in read.said:
            named = sorted({concept for concept, _ in said(piece.text).facts})
            if piece.boxes:
                by.setdefault(named[0] if named else "", []).extend(piece.boxes)
        texts.append(read.text)
        boxes.append(by)
        wrong += read.errors
    return texts, boxes, wrong
