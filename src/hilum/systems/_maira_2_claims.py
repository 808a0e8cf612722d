"""What is claimed of MAIRA-2: arms, controls, claims. Names are those of the scores of `_reader_scores`."""

from __future__ import annotations

from hilum.measure.claim import Claim

F, FL, FLP, FLPR, ALL = "F", "F+L", "F+L+PI", "F+L+PI+PR", "all"
DROPPED, GROUNDED, GROUNDED_MARGIN = "input dropout", "grounded", "plain, less the margin"
SWAPPED_L, OTHER_P = "F+L: swapped lateral", "F+L+PI: other prior"
DROPPED_ON = {name: f"input dropout, read on {name}" for name in (F, FL, FLP, FLPR, ALL)}
REPORT_ONLY = "F+L+PR (no prior film)"
OTHER_BOXES = "grounded: swapped films"
MARGIN = 0.05
"""Fact F1 that grounding may cost and still count as keeping the text."""
FACTS, POOR, OTHER, CHANGE, FALSE, IOU = (
    "fact-f1", "frontal-poor-recall", "other-recall", "change-accuracy", "false-comparison", "box-iou"
)  # fmt: skip
METRICS = (FACTS, POOR, OTHER, "attribute-accuracy", CHANGE, FALSE, "indication-echo", "unparsed", "repeats", "words")
CLAIMS = (
    Claim("the lateral film raises the recall of what the frontal hardly shows", FL, F, POOR, (SWAPPED_L,)),
    Claim("the prior film raises the accuracy of change", FLP, FL, CHANGE, (F, OTHER_P)),
    Claim("with a prior film or the word that there is none, fewer reports compare with nothing", FLP, F, FALSE, (FL,),
          better="lower"),
    Claim("all inputs raise the F1 of facts", ALL, F, FACTS, (FL, FLP, FLPR)),
    Claim(f"grounding keeps the text: fact F1 within {MARGIN} of plain findings", GROUNDED, GROUNDED_MARGIN, FACTS,
          (ALL,)),
)  # fmt: skip
CONTROLS = (
    Claim("another patient's lateral takes that recall away", FL, SWAPPED_L, POOR),
    Claim("another patient's prior lowers the accuracy of change", FLP, OTHER_P, CHANGE),
    Claim("the boxes follow the film", GROUNDED, OTHER_BOXES, IOU),
)
BESIDE = (
    Claim("sections and prior report cut comparisons with nothing further", ALL, FLP, FALSE, better="lower"),
    Claim("the prior report adds accuracy of change to the prior film", FLPR, FLP, CHANGE),
    Claim("one reader with input dropout keeps up where all inputs are there", DROPPED_ON[ALL], ALL, FACTS),
    Claim("input dropout serves a frontal film alone better than a reader of frontal films", DROPPED_ON[F], F, FACTS),
)
