"""What MLRG's first stage is judged by: arms, scores, claims."""

from __future__ import annotations

from hilum.measure.claim import Claim

NONE, SINGLE, MULTI, FULL = "no pretraining", "L_G, single view", "L_G, views and prior", "L_G + L_MPC"
TRUNK, ONE, SWAPPED = "frozen encoder alone", "L_G + L_MPC, one view at test", "L_G + L_MPC, others swapped"
AUROC, STUDY, REPORT = "AUROC of a linear probe", "R@1 view to study", "R@1 anchor to report"
CLAIMS = (
    Claim("contrast over views and time teaches findings", FULL, NONE, AUROC, (SINGLE, TRUNK, ONE)),
    Claim("other views and the prior teach findings that one view does not", MULTI, SINGLE, AUROC, (NONE, SWAPPED)),
    Claim("L_MPC brings the films of a study together", FULL, MULTI, STUDY, (NONE, SINGLE, TRUNK)),
)
BESIDE = (
    Claim("L_MPC teaches findings beyond L_G", FULL, MULTI, AUROC),
    Claim("other views and the prior find the report that one view does not", MULTI, SINGLE, REPORT, (NONE,)),
)
