"""What is claimed of CXR-LLaVA's encoder and of its reader, and the names of the arms."""

from __future__ import annotations

from hilum.measure.claim import Claim, Judged
from hilum.measure.stats import Interval

RANDOM, LABELS, BOTH = "random encoder", "labels (a)", "labels, then labels in words (a, b)"
ALONE, SHUFFLED = "labels in words alone (b)", "labels, then labels of other films in words"
SWAPPED = "films swapped between patients"
PROBE, TEXT, REAL = "AUROC of probes", "share of texts farther than a film's own", "AUROC of probes on real films"
LABELLED = (
    Claim("an encoder taught by labels tells findings to a linear probe better than a random one", LABELS, RANDOM,
          PROBE, (BOTH, ALONE, SHUFFLED)),
    Claim("aligning films with their labels in words goes better from an encoder taught by labels", BOTH, ALONE, TEXT,
          (SHUFFLED, SWAPPED)),
    Claim("and the film matters", BOTH, SWAPPED, TEXT),
)  # fmt: skip
ON_REAL = Claim("an encoder that virtual labels taught tells findings of real films to a probe better", LABELS, RANDOM,
                REAL, (BOTH,))  # fmt: skip
OPEN, NAMED, LABEL_TAUGHT, UNTAUGHT = "open request", "six findings named", "label-taught encoder", "random encoder"
GAP = (": blank films", ": films swapped")
WARM = f"{NAMED}, temperature 0.8, top-p 1"
F1, MENTIONED = "fact-f1", "accuracy of what is mentioned"
READER = (
    Claim("naming findings in the prompt raises the F1 of extracted labels", NAMED, OPEN, F1,
          (NAMED + GAP[0], NAMED + GAP[1])),
    Claim("a reader on a label-pretrained encoder beats one on a random encoder", NAMED, f"{NAMED}, {UNTAUGHT}", F1,
          (NAMED + GAP[0],)),
    Claim("sampling settings move the F1: greedy beats temperature 0.8", NAMED, WARM, F1),
)  # fmt: skip
READER_BESIDE = (
    Claim("naming findings makes what is mentioned more often right: perception, not coverage", NAMED, OPEN, MENTIONED),
    Claim("the reader sees: true films beat blank ones", NAMED, NAMED + GAP[0], F1),
    Claim("the reader sees this patient: true films beat another's", NAMED, NAMED + GAP[1], F1),
)
_NOTHING = Interval(float("nan"), float("nan"), float("nan"))


def untested(reason: str = "it takes the reader of stages c and d") -> list[Judged]:
    """Return the claims that take a reader as not judged."""
    return [Judged(claim, "cannot be tested here", _NOTHING, reason=reason) for claim in READER]
