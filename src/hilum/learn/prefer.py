"""Preferences without people: N answers sampled for each question, judged, made into pairs, and learned from.

The judge sees text only; the policy is any network that tells the log-probability of each word of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.prefer import Preference, Side, desensitised, written
from hilum.measure.rewards import Reward
from hilum.measure.scored import Floats

__all__ = ["Build", "Logp", "Pair", "Pairs", "best_of", "judged", "pairs_of", "prefer", "relabelled",
           "write_best"]  # fmt: skip
Build = Callable[[Sequence[tuple[int, str]]], Any]
"""From (number of the question, answer) to a batch of them all in order, whose tensors have a row for each."""
Logp = Callable[[nn.Module, Any], tuple[Tensor, Tensor]]
"""From policy and batch to the log-probability of each word (B, T), and which places are words of the answer (B, T)."""
_REFERENCE_BATCH = 32


class Pair(NamedTuple):
    """Two answers to one question.

    Args:
        question: its number.
        chosen, rejected: the texts.
    """

    question: int
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Pairs:
    """What there is to learn from.

    Args:
        pairs: in the order of the questions.
        ties: questions whose answers are all judged alike; they are left out.
        unjudged: questions with fewer than two judged answers; they are left out too.
    """

    pairs: tuple[Pair, ...]
    ties: int = 0
    unjudged: int = 0

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.pairs)


def judged(judge: Reward, references: Sequence[str], candidates: Sequence[Sequence[str]]) -> Floats:
    """Return the judge's value of every candidate, (N, K); NaN where it gave none.

    Args:
        judge: who judges.
        references: (N,) what is right.
        candidates: N times K answers.

    Raises:
        InputError: if the questions differ in number of candidates, or from the references.
    """
    counts = {len(each) for each in candidates}
    if len(references) != len(candidates) or len(counts) > 1:
        raise InputError(f"{len(references)} references for {len(candidates)} questions with {sorted(counts)} answers: "
                         "give as many answers to each, and one reference")  # fmt: skip
    each = counts.pop() if counts else 0
    flat = [reference for reference in references for _ in range(each)]
    values = judge(flat, [answer for answers in candidates for answer in answers])
    return np.asarray(values, np.float64).reshape(len(references), each)


def pairs_of(values: Floats, candidates: Sequence[Sequence[str]]) -> Pairs:
    """Return the best and the worst answer of each question; equal values are a tie, and no pair.

    Args:
        values: (N, K), NaN where unjudged; the first of several best (worst) answers is taken.
        candidates: N times K answers.
    """
    made: list[Pair] = []
    ties = unjudged = 0
    for question, (row, texts) in enumerate(zip(np.asarray(values, np.float64), candidates, strict=True)):
        there = np.flatnonzero(np.isfinite(row))
        if len(there) < 2:
            unjudged += 1
            continue
        best, worst = there[row[there].argmax()], there[row[there].argmin()]
        if row[best] > row[worst]:
            made.append(Pair(question, texts[best], texts[worst]))
        else:
            ties += 1
    return Pairs(tuple(made), ties, unjudged)


def relabelled(given: Pairs, *, seed: int) -> Pairs:
    """Return the same pairs with chosen and rejected by the toss of a coin: the control that must not gain."""
    turned = generator(seed, "prefer", "random labels").random(len(given)) < 0.5
    pairs = [Pair(p.question, p.rejected, p.chosen) if t else p for p, t in zip(given.pairs, turned, strict=True)]
    return Pairs(tuple(pairs), given.ties, given.unjudged)


def best_of(values: Floats, candidates: Sequence[Sequence[str]]) -> tuple[tuple[int, str], ...]:
    """Return (question, best answer) of every judged question: what rejection sampling writes on.

    Ties keep their first answer: to write it again moves nothing that a preference could have moved.
    """
    rows = [(number, row) for number, row in enumerate(np.asarray(values, np.float64)) if np.isfinite(row).any()]
    return tuple((number, candidates[number][int(np.nanargmax(row))]) for number, row in rows)


def _order(step: int, batch: int, count: int, seed: int) -> NDArray[np.intp]:
    """Rows of a step: every row once in each round, in an order of its own; the last batch of a round is cut short."""
    each = -(-count // batch)
    turn, place = divmod(step, each)
    order = generator(seed, "prefer", turn).permutation(count)
    return order[place * batch : (place + 1) * batch]


@torch.no_grad()
def _held(net: nn.Module, answers: Sequence[tuple[int, str]], build: Build, logp: Logp) -> list[Tensor]:
    """Log-probability of each word of each answer, (words,), under a network that then changes."""
    before, found = net.training, list[Tensor]()
    net.eval()
    for start in range(0, len(answers), _REFERENCE_BATCH):
        value, place = logp(net, build(answers[start : start + _REFERENCE_BATCH]))
        found += [row[kept].float() for row, kept in zip(value, place, strict=True)]
    net.train(before)
    return found


def _laid(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Ragged rows of words as (B, T) and which places are words."""
    filled = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return filled, torch.arange(filled.shape[1]) < lengths[:, None]


def _sides(chosen: tuple[Tensor, Tensor], rejected: tuple[Tensor, Tensor], tail: float) -> tuple[Tensor, Tensor]:
    if tail < 1:
        return desensitised(chosen, rejected, tail)
    one, other = ((value * place).sum(dim=1) for value, place in (chosen, rejected))
    return one, other


def prefer(
    net: nn.Module, pairs: Pairs, preference: Preference, spec: Fit, *, build: Build, logp: Logp, batch: int = 16,
    seed: int = 0, folder: Path | None = None, resume: bool = False,
) -> nn.Module:  # fmt: skip
    """Let a policy learn from pairs, in place; what it says before the first step is the reference.

    The reference's log-probabilities are computed once. KTO's divergence is estimated from answers of other questions,
    as published: the chosen answer of the next pair behind this pair's question.

    Args:
        net: the policy.
        pairs: to learn from.
        preference: which loss, and how strong.
        spec: steps, rate and schedule.
        build, logp: how answers become a batch, and a batch log-probabilities.
        batch: pairs of a step.
        seed: of the order of the pairs.
        folder, resume: see `fit`.

    Returns:
        `net`, in evaluation mode.

    Raises:
        InputError: if there is nothing to learn from.
    """
    if not len(pairs):
        raise InputError(f"no pair to learn from: {pairs.ties} questions are ties, {pairs.unjudged} were not judged; "
                         "sample more answers, or hotter ones")  # fmt: skip
    told = pairs.pairs
    kinds = {"chosen": [(p.question, p.chosen) for p in told], "rejected": [(p.question, p.rejected) for p in told]}
    if preference.unpaired:
        kinds["other"] = [(p.question, told[(n + 1) % len(told)].chosen) for n, p in enumerate(told)]
    held = {kind: _held(net, answers, build, logp) for kind, answers in kinds.items()} if preference.refers else {}

    def batches(step: int) -> dict[str, Any]:
        rows = _order(step, batch, len(told), seed)
        made = {kind: build([answers[row] for row in rows]) for kind, answers in kinds.items()}
        return made | {f"{kind} held": _laid([each[row] for row in rows]) for kind, each in held.items()}

    def loss(policy: nn.Module, given: Any) -> tuple[Tensor, Mapping[str, float]]:
        return _loss(policy, given, preference, logp)

    return fit(net, batches, loss, spec, seed=seed, folder=folder, resume=resume)


def _loss(policy: nn.Module, given: Any, how: Preference, logp: Logp) -> tuple[Tensor, Mapping[str, float]]:
    said = {kind: logp(policy, given[kind]) for kind in ("chosen", "rejected")}
    now = _sides(said["chosen"], said["rejected"], how.tail)
    then = (torch.zeros(()), torch.zeros(()))
    if how.refers:
        then = _sides(given["chosen held"], given["rejected held"], how.tail)
    chosen, rejected = (Side(now[n], then[n].to(now[n].dtype), said[kind][1].sum(dim=1)) for n, kind in enumerate(said))
    apart = _other(policy, given, logp) if how.unpaired else None
    value = how.of_pairs(chosen, rejected, apart).mean()
    gap = (chosen.gain - rejected.gain).detach()
    return value, {"delta": float(gap.mean()), "right": float((gap > 0).double().mean())}


@torch.no_grad()
def _other(policy: nn.Module, given: Any, logp: Logp) -> Tensor:
    """KTO's estimate of the divergence, from answers of other questions."""
    value, place = logp(policy, given["other"])
    before, there = given["other held"]
    gain: Tensor = (value * place).sum(dim=1) - (before * there).sum(dim=1)
    return gain.mean()


def write_best(
    net: nn.Module, answers: Sequence[tuple[int, str]], spec: Fit, *, build: Build, logp: Logp, batch: int = 16,
    seed: int = 0, folder: Path | None = None, resume: bool = False,
) -> nn.Module:  # fmt: skip
    """Let a policy write given answers, in place: rejection sampling, the control that preferences must beat.

    Args:
        net, spec, build, logp, batch, seed, folder, resume: see `prefer`.
        answers: (question, answer), e.g. of `best_of`.

    Raises:
        InputError: if there is no answer.
    """
    if not answers:
        raise InputError("no answer to learn from: none of them was judged")

    def loss(policy: nn.Module, given: Any) -> tuple[Tensor, Mapping[str, float]]:
        value, place = logp(policy, given)
        total = (value * place).sum(dim=1)
        return written(Side(total, torch.zeros_like(total), place.sum(dim=1))).mean(), {}

    def batches(step: int) -> Any:
        return build([answers[row] for row in _order(step, batch, len(answers), seed)])

    return fit(net, batches, loss, spec, seed=seed, folder=folder, resume=resume)
