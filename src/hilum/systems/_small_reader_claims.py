"""What is claimed of the reader inside the package: that its words come from the films."""

from __future__ import annotations

from hilum.measure.claim import Claim

F1, CHANGE, OPACITY = "fact-f1", "change-accuracy", "balanced accuracy of opacity"
FACTS = Claim(
    "what the draft says comes from the films: made films", "true films", "other patients' films", F1,
    controls=("grey films", "constant normal draft"),
)  # fmt: skip
PRIOR = Claim(
    "what the draft says of change comes from the prior: made films", "true films", "other patients' prior", CHANGE,
    controls=("no prior",),
)  # fmt: skip
REAL = Claim(
    "what the draft says of opacity comes from the films: real films", "true films", "other patients' films", OPACITY,
    controls=("grey films",),
)  # fmt: skip
CLAIMS = (FACTS, PRIOR, REAL)
