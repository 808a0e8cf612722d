"""Made pairs of reports that the tests of clinical metrics share."""

from __future__ import annotations

from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs

GALLERY = (
    ("Mild cardiomegaly.", "The cardiac silhouette is mildly enlarged."),
    ("No pleural effusion.", "Pleural effusion."),
    ("Mild cardiomegaly. Small bilateral pleural effusions.", "Mild cardiomegaly."),
    ("No acute findings.", "No acute findings. Small right pneumothorax."),
    ("No acute cardiopulmonary process.", "No acute cardiopulmonary process."),
    ("Left lower lobe consolidation consistent with pneumonia.", "Right upper lobe mass."),
    ("Mild pulmonary edema.", "Severe pulmonary edema."),
    ("Stable bibasilar atelectasis without consolidation.", "New right lower lobe consolidation."),
)
"""RadEval's divergence gallery (MIT): paraphrase, negation flip, omission, hallucination, exact match, mismatch,
severity flip, opposite conclusion."""

REPORT = (
    "Heart size is mildly enlarged. Moderate left pleural effusion, increased. Stable atelectasis in the right lower "
    "lobe. Right internal jugular catheter. No pneumothorax. No evidence of pulmonary edema."
)
PARAPHRASE = (
    "There is no pneumothorax or pulmonary edema. Right IJ line. The left effusion is moderate and has increased. "
    "There is mild cardiomegaly. Right lower lobe atelectasis is unchanged."
)
EDITS = {
    "negation flip": REPORT.replace("No pneumothorax", "Pneumothorax"),
    "side swap": REPORT.replace("Moderate left", "Moderate right"),
    "severity swap": REPORT.replace("Moderate left", "Small left"),
    "change flip": REPORT.replace("Stable atelectasis", "New atelectasis"),
    "dropped positives": "No pneumothorax. No evidence of pulmonary edema.",
    "hallucinated finding": REPORT + " There is a nodule in the left upper lobe.",
}
"""One wrong edit of `REPORT` each."""


def pairs(*both: tuple[str, str | None]) -> ReportPairs:
    """Make pairs of (reference, answer)."""
    return ReportPairs(tuple(one for one, _ in both), tuple(other for _, other in both))


def score(name: str, reference: str, answer: str) -> float:
    """Score one pair."""
    return metric(name)(pairs((reference, answer))).value
