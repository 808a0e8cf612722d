"""Open-i's reports alone: does the text of a finding find the reports that coders gave its head, taught or not?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import MissingError
from hilum.core.seed import generator
from hilum.data.openi import CodedReport, reports
from hilum.learn.fit import Fit, fit
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording, split_words
from hilum.measure.scored import Scored
from hilum.nets.towers import SmallText
from hilum.systems._devide_align import WIDTH, how_of
from hilum.systems._devide_arms import KIND_ARMS, REPORTS, SHARED, Part, judged, told_in
from hilum.systems._devide_knowledge import Entry, entries
from hilum.systems._devide_net import Devide
from hilum.systems._devide_scores import UNSEEN, mean_auroc
from hilum.systems._devide_texts import CodedTexts, coded_texts

HEADS = (
    ("pleural effusion", "calcified granuloma", "hiatal hernia"), ("cardiomegaly", "emphysema", "lung nodule"),
    ("atelectasis", "scoliosis", "pulmonary vascular congestion"),
)  # fmt: skip
"""Heads kept from training, other ones for each seed: those with 17 coded reports or more in the half to learn from."""
TAUGHT = ("pulmonary edema", "consolidation", "pleural thickening", "lung mass", "pneumothorax", "pulmonary fibrosis")
STEPS, BATCH, LONGEST = 240, 64, 80


def judge_reports(root: Path, *, seed: int, seeds: int, say: Callable[[str], None]) -> Part:
    """Fit a text tower to the reports of one half and their codes, and find those of the other half by head.

    Args:
        root: folder with openi/gold_findings.csv or the collection.
        seed, seeds: first, and how many; each keeps other heads.
        say: told what is being done.

    Raises:
        MissingError: if there is no report.
    """
    found = [each for each in reports(root) if each.scorable]
    known, test = ([each for each in found if each.half == half] for half in ("dev", "test"))
    if not known or not test:
        raise MissingError(f"{root} holds too few coded reports")
    trials: dict[str, list[Scored]] = defaultdict(list)
    lines = [f"Open-i: {len(known)} coded reports to learn from, {len(test)} of other texts to find heads in; heads "
             "never taught: " + "; ".join(", ".join(HEADS[at % len(HEADS)]) for at in range(seeds))]  # fmt: skip
    for number in range(seeds):
        kept = HEADS[number % len(HEADS)]
        say(f"reports, heads never taught: {', '.join(kept)}")
        taught = [name for heads in HEADS for name in heads if name not in kept] + list(TAUGHT)
        learned = [each for each in known if not set(kept) & set(each.concepts)]
        told, target = entries([*taught, *kept]), _coded(test, kept)
        for arm in KIND_ARMS:
            texts = told_in(arm, told, seed + number)
            scores = _fitted(learned, texts[: len(taught)], arm, seed + number)(test, texts[len(taught) :])
            trials[arm].append(mean_auroc(UNSEEN, scores, target, np.ones_like(target)))
        trials[SHARED].append(mean_auroc(UNSEEN, shared_words(test, entries(kept)), target, np.ones_like(target)))
    groups = [each.group for each in test]
    return Part([judged(claim, trials, groups, seed) for claim in REPORTS], lines=lines)


def _coded(found: Sequence[CodedReport], names: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([[name in each.concepts for name in names] for each in found])


def said(report: CodedReport) -> str:
    """Findings and impression as one text."""
    return f"{report.report.findings} {report.report.impression}".strip()


def shared_words(found: Sequence[CodedReport], told: Sequence[Entry]) -> NDArray[np.float64]:
    """Return (N, C): the rarity (idf) of the words that a report shares with a finding's name and facets."""
    bags = [set(split_words(said(each))) for each in found]
    rarity = {word: np.log(len(bags) / sum(word in bag for bag in bags)) for word in set().union(*bags)}
    asked = [set(split_words(" ".join((each.name, *each.facets)))) for each in told]
    return np.array([[sum(rarity[word] for word in bag & words) for words in asked] for bag in bags])


def _fitted(
    learned: Sequence[CodedReport], told: Sequence[Entry], arm: str, seed: int
) -> Callable[[Sequence[CodedReport], Sequence[Entry]], NDArray[np.float64]]:
    """Fit cosines of reports with texts of heads to the codes; return what scores other reports for other heads."""
    texts = [said(each) for each in learned]
    words = Wording.of([*texts, *(text for each in told for text in (each.name, each.definition, *each.facets))])
    coded, (ids, mask) = coded_texts(told, words), words.code(texts, longest=LONGEST)
    target = torch.from_numpy(_coded(learned, [each.name for each in told])).float()
    torch.manual_seed(seed)
    net = Devide(nn.Identity(), SmallText(len(words), WIDTH, depth=0), how_of(arm))

    def draw(step: int) -> NDArray[np.int64]:
        return generator(seed, "reports", step).integers(0, len(texts), BATCH)

    def minimise(model: nn.Module, rows: NDArray[np.int64]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Devide)
        logits = 14.0 * _cosines(model, ids[rows], mask[rows], coded) - 4.0
        return functional.binary_cross_entropy_with_logits(logits, target[rows]), {}

    with one_thread():
        fit(net, draw, minimise, Fit(STEPS, rate=3e-3, bf16=False, average=0.98), seed=seed)

    @torch.no_grad()
    def score(found: Sequence[CodedReport], asked: Sequence[Entry]) -> NDArray[np.float64]:
        more = words.code([said(each) for each in found], longest=LONGEST)
        return _cosines(net, *more, coded_texts(asked, words)).double().numpy()

    return score


def _cosines(net: Devide, ids: Tensor, mask: Tensor, coded: CodedTexts) -> Tensor:
    fused, _ = net.fused(torch.zeros(1, WIDTH), coded)
    found = functional.normalize(net.words(net.text(ids, mask).pooled), dim=-1)
    return found @ functional.normalize(net.words(fused), dim=-1).T
