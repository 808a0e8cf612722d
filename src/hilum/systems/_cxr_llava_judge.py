"""CXR-LLaVA's encoder judged without its reader: what labels teach it, and what films and labels in words add."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.pairs import Pairs
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.nets.towers import SmallImage
from hilum.systems._aligned import auroc_of, judged_names, real_films
from hilum.systems._cxr_llava_claims import (
    ALONE,
    BOTH,
    LABELLED,
    LABELS,
    PROBE,
    RANDOM,
    REAL,
    SHUFFLED,
    SWAPPED,
    TEXT,
)
from hilum.systems._cxr_llava_fit import Stage, fit_stage_a, fit_stage_b, scored_texts
from hilum.systems._cxr_llava_labels import renderings
from hilum.systems._cxr_llava_scores import nearest, probed, swapped

Say = Callable[[str], None]
Trials = dict[str, dict[str, list[Scored]]]
WIDTH = 128


def judge_encoder(
    train: Pairs, test: Pairs, data: Path | None, *, seed: int, seeds: int, steps: tuple[int, int], few: int, say: Say
) -> tuple[list[Judged], list[str]]:
    """Train encoders by both stages and their controls, and judge each claim.

    Args:
        train, test: films of different patients.
        data: pack of real films, or None.
        seed, seeds: first, and how many.
        steps: of the stages a and b.
        few: films that a probe is fitted to.
        say: told what is being done.
    """
    trials: Trials = defaultdict(lambda: defaultdict(list))
    names = tuple(name for name in judged_names(test) if name in judged_names(train))
    if not names:
        raise InputError("no finding is on enough films of both sets to be judged: draw more virtual patients")
    real = _real(data, train.films.shape[1], say)
    for number in range(seed, seed + seeds):
        encoders = _encoders(train, test, trials, number, steps, say)
        rows = generator(number, "few").permutation(len(train))[:few]
        for arm, encoder in encoders.items():
            told = probed(encoder, train.take(rows), test, names)
            trials[PROBE][arm].append(auroc_of(test, names, told))
            if real is not None and arm in (RANDOM, LABELS, BOTH):
                learned, judged_on, real_names = real
                trials[REAL][arm].append(
                    auroc_of(judged_on, real_names, probed(encoder, learned, judged_on, real_names))
                )
    patients = test.patient.tolist()
    parts = [judge(claim, _of(claim, trials), patients, seed=seed) for claim in LABELLED]
    lines = [f"{len(train)} films to learn {len(train.names)} findings from, {len(test)} of other patients and of a "
             f"family of anatomy never seen; probes are fitted to {few} films and {len(names)} findings"]  # fmt: skip
    if real is None:
        return parts, [*lines, "real films: cannot be tested here (give a pack of them: --data FOLDER)"]
    claim = Claim(
        "an encoder that virtual labels taught tells findings of real films better", LABELS, RANDOM, REAL, (BOTH,)
    )
    parts.append(judge(claim, _of(claim, trials), real[1].patient.tolist(), seed=seed))
    lines.append(f"real films: probes are fitted to {len(real[0])} NIH films and judged on {len(real[1])} of other "
                 f"patients; text-mined labels: {', '.join(real[2])}")  # fmt: skip
    return parts, lines


def _of(claim: Claim, trials: Trials) -> dict[str, list[Scored]]:
    return {arm: trials[claim.metric][arm] for arm in dict.fromkeys((claim.arm, claim.better_than, *claim.controls))}


def _encoders(
    train: Pairs, test: Pairs, trials: Trials, seed: int, steps: tuple[int, int], say: Say
) -> dict[str, nn.Module]:
    """Encoders of every arm; arms of one seed start from the same weights and see the same films."""

    def fresh() -> SmallImage:
        torch.manual_seed(seed)
        return SmallImage(WIDTH)

    found: dict[str, nn.Module] = {RANDOM: fresh().eval()}
    say(f"seed {seed}: stage a, labels")
    found[LABELS] = fit_stage_a(fresh(), WIDTH, train, Stage(steps[0], rate=2e-3), seed=seed).encoder
    others = generator(seed, "others").permutation(len(train))
    for arm, start, owners in ((BOTH, found[LABELS], None), (ALONE, None, None), (SHUFFLED, found[LABELS], others)):
        say(f"seed {seed}: stage b, {arm}")
        encoder = fresh()
        if start is not None:
            encoder.load_state_dict(start.state_dict())
        net, words = fit_stage_b(encoder, WIDTH, train, Stage(steps[1]), seed=seed, same=True, owners=owners)
        found[arm] = encoder.eval()
        texts = renderings(test)
        kinds = list(dict.fromkeys(texts))
        scores = scored_texts(net, words, test.films, kinds)
        trials[TEXT][arm].append(nearest(scores, np.array([kinds.index(text) for text in texts])))
        if arm == BOTH:
            trials[TEXT][SWAPPED].append(nearest(swapped(scores, test), np.array([kinds.index(t) for t in texts])))
    return found


def _real(data: Path | None, size: int, say: Say) -> tuple[Pairs, Pairs, tuple[str, ...]] | None:
    if data is None:
        return None
    say("real films")
    pairs = real_films(data, size=size)
    people = np.unique(pairs.patient)
    chosen = np.isin(pairs.patient, generator(0, "halves").permutation(people)[: len(people) // 2])
    learned, judged_on = pairs.take(chosen), pairs.take(~chosen)
    return learned, judged_on, tuple(name for name in judged_names(judged_on) if name in judged_names(learned))
