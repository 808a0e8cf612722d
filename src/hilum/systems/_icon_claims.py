"""What is claimed of ICON: arms, controls, claims. Metrics are scores of `_reader_scores` and `_icon_alike`."""

from __future__ import annotations

from hilum.measure.claim import Claim

PLAIN, NONE = "films alone", "crops, no mix"
PIXEL, FEATURE, RANDOM = "crops, pixels mixed", "crops, features mixed", "crops, mixed with random ones"
BLANK, SWAPPED = f"{PIXEL}: blank", f"{PIXEL}: swapped"
GOLD = f"{PIXEL}: true attributes"
CONSISTENCY = ("consistency/con", "consistency/r-con", "consistency/con/jaccard", "consistency/r-con/jaccard")
"""By the published rule of which references are equivalent, over all test patients."""
LIKE = "like patients, "
R_JACCARD = f"{LIKE}consistency/r-con/jaccard"
"""The same formulas where equivalents are known: among patients with identical facts."""
DISAGREE, FACTS, ATTRIBUTES = "disagreement of like patients", "fact-f1", "attribute-accuracy"
METRICS = (
    *(LIKE + name for name in CONSISTENCY),
    *CONSISTENCY,
    DISAGREE,
    FACTS,
    ATTRIBUTES,
    "change-accuracy",
    "unparsed",
    "words",
)
CLAIMS = (
    Claim("mixing a lesion with that of an equivalent patient makes reports more consistent", PIXEL, NONE, R_JACCARD,
          (BLANK, SWAPPED, RANDOM)),
    Claim("the equivalent matters: a random lesion mixed in does less", PIXEL, RANDOM, R_JACCARD, (NONE,)),
    Claim("mixing makes attributes more accurate", PIXEL, NONE, ATTRIBUTES, (RANDOM,)),
)  # fmt: skip
CONTROLS = (
    Claim("the reports look at the films: another patient's films lower the F1 of facts", PIXEL, SWAPPED, FACTS),
    Claim("the reports look at the films: blank films lower the F1 of facts", PIXEL, BLANK, FACTS),
)  # fmt: skip
BESIDE = (
    Claim("enlarged lesions and their attributes raise consistency over the films alone", NONE, PLAIN, R_JACCARD),
    Claim("mixing makes like patients disagree less", PIXEL, NONE, DISAGREE, better="lower"),
    Claim("features mixed rather than pixels", FEATURE, PIXEL, R_JACCARD),
    Claim("true attributes in the prompt, as in training, would raise the F1 of facts", GOLD, PIXEL, FACTS),
)  # fmt: skip
