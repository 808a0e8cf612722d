"""MLRG's first stage judged: does contrast over views and time teach what a frozen encoder did not hand over?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._aligned import judged_names
from hilum.systems._mlrg_claims import (
    AUROC,
    BESIDE,
    CLAIMS,
    FULL,
    MULTI,
    NONE,
    ONE,
    REPORT,
    SINGLE,
    STUDY,
    SWAPPED,
    TRUNK,
)  # fmt: skip
from hilum.systems._mlrg_fit import Arm, fit_arm
from hilum.systems._mlrg_net import small_net
from hilum.systems._mlrg_parts import CAPTION, Part, picture, scored, swapped
from hilum.systems._mlrg_score import probed, view_to_study
from hilum.systems._stage1 import Stage1, named

ARMS = {NONE: Arm(steps=0.0), SINGLE: Arm(views=False, priors=False, mpc=False), MULTI: Arm(mpc=False), FULL: Arm()}
Say = Callable[[str], None]


def judge_mlrg(
    train: Part, test: Part, vocabulary: int, recipe: Stage1, *, seed: int, seeds: int, say: Say
) -> tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Fit every arm on some films and judge it on others; vocabulary is the number of words the reports are coded by.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    asked = test.pairs.frontal
    names = judged_names(test.pairs.take(asked))
    trials: dict[str, dict[str, list[Scored]]] = {metric: defaultdict(list) for metric in (AUROC, STUDY, REPORT)}
    kept: dict[str, NDArray[np.intp]] = {}
    for number in range(seed, seed + seeds):
        for arm, how in ARMS.items():
            say(f"{arm}, seed {number}")
            torch.manual_seed(number)
            net = fit_arm(small_net(vocabulary), train.pairs, train.sets, train.tokens, train.coded, how, recipe,
                          seed=number)  # fmt: skip
            found = scored(net, train, test, names, views=how.views, priors=how.priors)
            for metric, value in ((AUROC, found.auroc), (STUDY, found.study), (REPORT, found.report)):
                trials[metric][arm].append(value)
            if number == seed:
                kept[arm] = found.nearest
            if arm == FULL:
                one = scored(net, train, test, names, views=False, priors=False)
                trials[AUROC][ONE].append(one.auroc)
                trials[AUROC][SWAPPED].append(swapped(net, train, test, names, seed=number))
    pooled = [part.tokens[:, 0].double().numpy() for part in (train, test)]
    trunk = probed(names, train.pairs.take(train.pairs.frontal), pooled[0][train.pairs.frontal],
                   test.pairs.take(asked), pooled[1][asked])  # fmt: skip
    trials[AUROC][TRUNK], trials[STUDY][TRUNK] = [trunk], [view_to_study(test.pairs, pooled[1])]
    people = {AUROC: test.pairs.patient[asked], STUDY: test.pairs.patient, REPORT: test.pairs.patient[asked]}
    ruled = {claim: judge(claim, named(claim, trials[claim.metric]), people[claim.metric].tolist(), seed=seed)
             for claim in (*CLAIMS, *BESIDE)}  # fmt: skip
    lines = [f"{len(train.pairs)} films to learn from, {len(test.pairs)} of {len(set(test.pairs.patient))} patients of "
             f"another family to be judged on; findings: {', '.join(names)}"]  # fmt: skip
    figures: dict[str, bytes | str] = {CAPTION: picture(test.pairs, kept)}
    return [ruled[claim] for claim in CLAIMS], [ruled[claim] for claim in BESIDE], lines, figures
