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
READER = (
    Claim("naming findings in the prompt raises the F1 of extracted labels", "six findings named", "open request",
          "F1 of labels"),
    Claim("a reader on a label-pretrained encoder beats one on a random encoder", "label-pretrained", "random",
          "F1 of labels"),
    Claim("sampling settings move the F1", "temperature 0", "temperature 0.8", "F1 of labels"),
)  # fmt: skip
_NOTHING = Interval(float("nan"), float("nan"), float("nan"))


def untested() -> list[Judged]:
    """Return the claims that take a reader, which stages c and d train: not judged."""
    return [Judged(claim, "cannot be tested here", _NOTHING, reason="it takes the reader of stages c and d")
            for claim in READER]  # fmt: skip
