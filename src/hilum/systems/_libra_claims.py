"""What is claimed of Libra: arms, controls, claims. Names are those of the scores of `_reader_scores`."""

from __future__ import annotations

from hilum.measure.claim import Claim

SINGLE, CONCAT, TAC, DUMMY = "single image", "two images, concatenated", "TAC", "TAC, dummy prior throughout"
LAST, NO_SHIFT, NO_SELF = "TAC, last layer only", "TAC, no similarity shift", "TAC, no self-attention"
AS_DUMMY, OTHER, TURNED = f"{TAC}: no prior", f"{TAC}: other prior", f"{TAC}: reversed prior"
TURNED_TRUE = f"{TURNED}, by reversed truth"
FACTS, CHANGE, FALSE = "fact-f1", "change-accuracy", "false-comparison"
TEMPORAL = "temporal-f1/libra"
METRICS = (FACTS, "attribute-accuracy", CHANGE, TEMPORAL, FALSE, "indication-echo", "unparsed", "repeats", "words")
CLAIMS = (
    Claim("a prior film through the connector raises the accuracy of change over a single image", TAC, SINGLE, CHANGE,
          (DUMMY, OTHER)),
    Claim("the connector beats plain concatenation", TAC, CONCAT, CHANGE, (SINGLE,)),
)  # fmt: skip
CONTROLS = (
    Claim("without true priors the connector alone adds nothing that a true prior does not", TAC, DUMMY, CHANGE),
    Claim("a dummy prior at test lowers the accuracy of change", TAC, AS_DUMMY, CHANGE),
    Claim("another patient's prior lowers the accuracy of change", TAC, OTHER, CHANGE),
    Claim("change turns round with the order of the films", TURNED_TRUE, TURNED, CHANGE),
)
BESIDE = (
    Claim("a prior film, plainly concatenated, raises the accuracy of change over a single image", CONCAT, SINGLE,
          CHANGE),
    Claim("the connector keeps the F1 of facts above a single image's", TAC, SINGLE, FACTS),
    Claim("all layers of the encoder beat the last one", TAC, LAST, CHANGE),
    Claim("the learned similarity shift helps", TAC, NO_SHIFT, CHANGE),
    Claim("self-attention before the cross-attention helps", TAC, NO_SELF, CHANGE),
)  # fmt: skip
