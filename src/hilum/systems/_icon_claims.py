"""What is claimed of ICON: arms, controls, claims. Metrics are scores of `_reader_scores` and `_icon_alike`."""

from __future__ import annotations

from hilum.measure.claim import Claim

PLAIN, NONE = "films alone", "crops, no mix"
PIXEL, FEATURE, RANDOM = "crops, pixels mixed", "crops, features mixed", "crops, mixed with random ones"
BLANK, SWAPPED = f"{PIXEL}: blank", f"{PIXEL}: swapped"
GOLD = f"{PIXEL}: true attributes"
CON, R_CON, R_JACCARD = "consistency/con", "consistency/r-con", "consistency/r-con/jaccard"
CONSISTENCY = (CON, R_CON, "consistency/con/jaccard", R_JACCARD)
DISAGREE, FACTS, ATTRIBUTES = "disagreement of like patients", "fact-f1", "attribute-accuracy"
METRICS = (*CONSISTENCY, DISAGREE, FACTS, ATTRIBUTES, "change-accuracy", "unparsed", "words")
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
