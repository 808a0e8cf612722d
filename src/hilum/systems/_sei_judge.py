"""SEI's first stage judged: which text makes a film find cases that share its facts, the patient left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.learn.wording import Wording
from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._sei_cases import CAPTION, Cases, picture, texts_of
from hilum.systems._sei_claims import BESIDE, CLAIMS, ENTITIES, FIRST, FIVE, GLOBAL, ILL, PROSE, SHUFFLED, TRUNK
from hilum.systems._sei_fit import features_of, fit_stage, hash_of
from hilum.systems._sei_net import small_net
from hilum.systems._stage1 import Stage1, named


def judge_sei(
    cases: Cases, recipe: Stage1, *, seed: int, seeds: int, say: Callable[[str], None], pooled: bool = False
) -> tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Fit every arm and judge what it finds: by film and patches as published, or by the film's own vector alone.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    texts = texts_of(cases.train, seed=seed)
    coded = {}
    for arm, told in texts.items():
        words = Wording.of(dict.fromkeys(told), least=2)
        coded[arm] = (words.code(told, longest=recipe.longest), len(words))
    trials: dict[str, dict[str, list[Scored]]] = {metric: defaultdict(list) for metric in (FIRST, FIVE, ILL)}
    shown: dict[str, NDArray[np.intp]] = {}

    def keep(arm: str, rows: NDArray[np.intp]) -> None:
        shown.setdefault(arm, rows)
        for metric, value in cases.scores(rows).items():
            trials[metric][arm].append(value)

    for number in range(seed, seed + seeds):
        for arm, (pair, known) in coded.items():
            say(f"{arm}, seed {number}")
            torch.manual_seed(number)
            net = fit_stage(small_net(known), cases.tokens, pair, recipe, seed=number, words=arm != GLOBAL)
            cut = net.size.width if pooled else None  # the film's vector comes first
            features = [features_of(net, tokens)[:, :cut] for tokens in (cases.tokens, cases.asked_tokens)]
            keep(arm, cases.find(features[0], features[1], hash_of(net)))
    keep(TRUNK, cases.find(cases.tokens[:, 0].numpy(), cases.asked_tokens[:, 0].numpy(), "trunk"))
    people = cases.asked.patient.tolist()
    ruled = [judge(claim, named(claim, trials[claim.metric]), people, seed=seed) for claim in (*CLAIMS, *BESIDE)]
    long, short = (np.mean([len(text.split()) for text in texts[arm]]) for arm in (PROSE, ENTITIES))
    lines = [f"{len(cases.train)} frontal films to learn from and to find, {len(cases.asked)} of {len(set(people))} "
             f"patients of another family to ask about; {long:.0f} words a report, {short:.0f} as entities",
             ]  # fmt: skip
    figures: dict[str, bytes | str] = {CAPTION: picture(cases, shown, (TRUNK, SHUFFLED, PROSE, ENTITIES))}
    return ruled[: len(CLAIMS)], ruled[len(CLAIMS) :], lines, figures
