"""The findings table of the model card; the rules are fixed here, before the test films are scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.learn.calibrate import Platt, fit_platt
from hilum.measure.binary import average_precision, calibration_error, operating_point, youden_threshold
from hilum.measure.stats import auroc_interval
from hilum.systems._embedded_evaluate import Seen
from hilum.systems._embedded_labels import FINDINGS, cluster

POSITIVES = 20
LOWER_BOUND = 0.70
SENSITIVITY = SPECIFICITY = 0.85
EVIDENCE_RULE = (
    f"a finding is reported only if one real-film test source has at least {POSITIVES} positives and the lower end "
    f"of its AUROC's 95 % interval over patients is at least {LOWER_BOUND:.2f}; all others are not assessed"
)
CONTRADICTED_BELOW = 0.70
CONTRADICTION_RULE = (
    f"a finding that passes is withdrawn if, on a control source with at least 15 positives, the upper end of that "
    f"interval stays under {CONTRADICTED_BELOW:.2f}; controls: films read by RSNA's radiologists, and films that all "
    f"carry some text-mined finding. This clause was added after the first scoring of the test films; it only withdraws"
)
CONTROLS = ("nih512 random, read by RSNA", "nih512 random, some finding")
THRESHOLD_RULE = (
    f"on adult validation films: 'present' from the probability with specificity {SPECIFICITY:.2f}, 'absent' below "
    f"the one with sensitivity {SENSITIVITY:.2f}, 'uncertain' between; where these cross, both are Youden's threshold"
)
ADULT = ("nih512", "nih64")
Picked = Callable[[Seen], bool]


def round_(value: float, digits: int = 4) -> float | None:
    """Round for JSON; None where there is no number."""
    return None if not np.isfinite(value) else round(float(value), digits)


def sources() -> dict[str, Picked]:
    """Return the test sources by name; 'random' is the hash split, 'boxed' adds patients with radiologists' boxes."""
    return {
        "nih512 random": lambda s: s.row.source == "nih512" and s.split == "test",
        "nih512 random + boxed": lambda s: s.row.source == "nih512" and s.split in ("test", "boxed"),
        "nih512 random, read by RSNA": lambda s: (
            s.row.source == "nih512" and s.split == "test" and s.row.read_opacity is not None
        ),
        "nih512 random, opacity or No Finding": lambda s: (
            s.row.source == "nih512" and s.split == "test" and (s.target[-1] > 0 or "No Finding" in s.row.labels)
        ),
        "nih512 random, AP films only": lambda s: s.row.source == "nih512" and s.split == "test" and s.row.view == "AP",
        "nih512 random, PA films only": lambda s: s.row.source == "nih512" and s.split == "test" and s.row.view == "PA",
        "nih512 random, some finding": lambda s: (
            s.row.source == "nih512" and s.split == "test" and "No Finding" not in s.row.labels
        ),
        "nih64 random": lambda s: s.row.source == "nih64" and s.split == "test",
        "kermany224": lambda s: s.row.source == "kermany224" and s.split == "test",
        "kermany_full": lambda s: s.row.source == "kermany_full" and s.split == "test",
    }


def truth(item: Seen, source: str, index: int) -> float:
    """Return the label a source is scored against; RSNA's reading stands for opacity and is scored as such only."""
    if "RSNA" in source:
        return float(item.row.read_opacity or 0) if FINDINGS[index] in ("Lung Opacity", "Pneumonia") else float("nan")
    return float(item.target[index]) if item.known[index] else float("nan")


def calibrate(seen: Sequence[Seen], index: int) -> tuple[Platt, tuple[float, float]] | None:
    """Fit Platt scaling and the two thresholds on adult validation films; None with fewer than 5 positives."""
    films = [s for s in seen if s.split == "val" and s.row.source in ADULT and s.known[index]]
    target = np.array([s.target[index] > 0.5 for s in films], dtype=bool)
    if target.sum() < 5 or (~target).sum() < 5:
        return None
    logit = np.array([s.logits[index] for s in films])
    platt = fit_platt(logit, target, fitted_on="validation films of " + " and ".join(ADULT))
    probability = platt(logit)
    low = float(np.quantile(probability[target], 1 - SENSITIVITY, method="lower"))
    high = float(np.quantile(probability[~target], SPECIFICITY, method="higher"))
    if low >= high:
        low = high = youden_threshold(target, probability)
    return platt, (low, high)


def finding_row(seen: Sequence[Seen], source: str, picked: Picked, index: int, fitted: Any) -> dict[str, Any] | None:
    """Return one line of the findings table, None where the source knows nothing about the finding."""
    films = [s for s in seen if picked(s) and np.isfinite(truth(s, source, index))]
    if not films:
        return None
    target = np.array([truth(s, source, index) > 0.5 for s in films])
    logit = np.array([s.logits[index] for s in films])
    area = auroc_interval(target, logit, [cluster(s.row) for s in films])
    line = {
        "source": source, "n": len(films), "positives": int(target.sum()), "auroc": round_(area.value),
        "interval": [round_(area.low), round_(area.high)],
        "average_precision": round_(average_precision(target, logit)),
    }  # fmt: skip
    if fitted is None:
        return line
    platt, (low, high) = fitted
    probability = platt(logit)
    for name, threshold in (("at_absent", low), ("at_present", high)):
        point = operating_point(target, probability, threshold)
        line[name] = {"sensitivity": round_(point.sensitivity), "specificity": round_(point.specificity)}
    line["uncertain_share"] = round_(float(((probability >= low) & (probability < high)).mean()))
    line["calibration_error"] = round_(calibration_error(target, probability))
    line["false_positives_have"] = _labels_of(films, (probability >= high) & ~target)
    line["false_negatives_have"] = _labels_of(films, (probability < low) & target)
    return line


def _labels_of(films: Sequence[Seen], rows: NDArray[np.bool_]) -> dict[str, int]:
    """Return the four commonest source labels of the chosen films."""
    names = [name for film, chosen in zip(films, rows, strict=True) if chosen for name in film.row.labels]
    return dict(Counter(names).most_common(4))
