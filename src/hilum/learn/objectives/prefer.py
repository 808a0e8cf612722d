"""Losses that learn from preferences: log-probabilities of whole answers under a policy and under its reference.

r(y) = log pi(y | x) - log reference(y | x); a pair has a chosen answer w and a rejected one l; delta = r(w) - r(l).
Sources: DPO (Rafailov et al. 2023), IPO (Azar et al. 2024), KTO (Ethayarajh et al. 2024), R-DPO (Park et al. 2024),
SimPO (Meng et al. 2024), ORPO (Hong et al. 2024), LD-DPO (Liu et al. 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from hilum.core.errors import InputError

LOSSES = ("dpo", "ipo", "ipo_norm", "sigmoid_norm", "r-dpo", "simpo", "orpo", "kto", "sft")
"""'ipo_norm' and 'sigmoid_norm' take each answer's mean per word, as trl's 'ipo' and 'sigmoid_norm' do; 'sft' learns
from the chosen answers alone."""
ALONE = ("simpo", "orpo", "sft")
"""Losses that look at no reference."""
_SURE = -1e-6  # mean log-probability above which the odds of an answer are not finite in float32


class Side(NamedTuple):
    """One side of B pairs, or B answers of any label.

    Args:
        policy: (B,) log-probability of each answer, summed over its words.
        reference: (B,) the same under the reference; carries no gradient.
        tokens: (B,) words of each answer, its end included.
    """

    policy: Tensor
    reference: Tensor
    tokens: Tensor

    @property
    def gain(self) -> Tensor:
        """r(y), (B,)."""
        return self.policy - self.reference

    @property
    def mean_gain(self) -> Tensor:
        """r(y) per word, (B,)."""
        return self.gain / self.tokens.clamp(min=1)

    @property
    def mean(self) -> Tensor:
        """Log-probability per word, (B,)."""
        return self.policy / self.tokens.clamp(min=1)


def dpo(chosen: Side, rejected: Side, beta: float) -> Tensor:
    """Return -log sigmoid(beta delta), (B,)."""
    return -logsigmoid(beta * (chosen.gain - rejected.gain))


def ipo(chosen: Side, rejected: Side, beta: float, *, per_word: bool = False) -> Tensor:
    """Return (delta - 1 / 2 beta)^2, (B,); `per_word` takes each answer's mean, so that length does not scale it."""
    delta = chosen.mean_gain - rejected.mean_gain if per_word else chosen.gain - rejected.gain
    return (delta - 1 / (2 * beta)) ** 2


def sigmoid_norm(chosen: Side, rejected: Side, beta: float) -> Tensor:
    """Return DPO's loss of gains per word, (B,)."""
    return -logsigmoid(beta * (chosen.mean_gain - rejected.mean_gain))


def r_dpo(chosen: Side, rejected: Side, beta: float, alpha: float) -> Tensor:
    """Return -log sigmoid(beta delta + alpha (|w| - |l|)), (B,).

    The sign is right: what length already explains of a win leaves less to learn from it.
    """
    longer = (chosen.tokens - rejected.tokens).to(chosen.policy.dtype)
    return -logsigmoid(beta * (chosen.gain - rejected.gain) + alpha * longer)


def simpo(chosen: Side, rejected: Side, beta: float, gamma: float) -> Tensor:
    """Return -log sigmoid(beta (log pi(w) / |w| - log pi(l) / |l|) - gamma), (B,)."""
    return -logsigmoid(beta * (chosen.mean - rejected.mean) - gamma)


def orpo(chosen: Side, rejected: Side, weight: float) -> Tensor:
    """Return -log pi(w) / |w| - weight log sigmoid(log odds(w) - log odds(l)), (B,).

    The odds are p / (1 - p) of p = exp(mean log-probability per word).
    """
    return -chosen.mean - weight * logsigmoid(_log_odds(chosen.mean) - _log_odds(rejected.mean))


def _log_odds(mean: Tensor) -> Tensor:
    mean = mean.clamp(max=_SURE)
    return mean - torch.where(mean > -math.log(2), torch.log(-torch.expm1(mean)), torch.log1p(-mean.exp()))


def kto(
    side: Side, desirable: Tensor, divergence: Tensor, beta: float, weights: tuple[float, float] = (1.0, 1.0)
) -> Tensor:
    """Return lambda_D (1 - sigmoid(beta (r - z))) of desirable and lambda_U (1 - sigmoid(beta (z - r))) of others.

    Args:
        side: (B,) answers of either label.
        desirable: bool (B,).
        divergence: estimate of KL(policy || reference), a scalar; z is it where above 0, without gradient.
        beta: strength of the reference.
        weights: lambda_D and lambda_U.

    Returns:
        (B,).
    """
    away = beta * (side.gain - divergence.detach().clamp(min=0))
    good, bad = weights
    return torch.where(desirable, good * (1 - torch.sigmoid(away)), bad * (1 - torch.sigmoid(-away)))


def written(chosen: Side) -> Tensor:
    """Return the loss of writing the chosen answers, (B,); its mean is the mean over all words of the batch."""
    return -chosen.policy / chosen.tokens.to(chosen.policy.dtype).mean().clamp(min=1)


def desensitised(chosen: tuple[Tensor, Tensor], rejected: tuple[Tensor, Tensor], alpha: float) -> tuple[Tensor, Tensor]:
    """Return log-probabilities (B,) of both sides in which words beyond the shorter answer's length count `alpha`.

    Args:
        chosen, rejected: log-probability of each word (B, T), and which places are words, bool (B, T).
        alpha: 1 is the plain sum, 0 leaves the longer answer's tail out.

    Source: LD-DPO; `ld_alpha` of trl.
    """
    lengths = [mask.sum(dim=1) for _, mask in (chosen, rejected)]
    shared = torch.minimum(*lengths)[:, None]
    made = []
    for logp, mask in (chosen, rejected):
        place = mask.cumsum(dim=1)
        made.append((logp * mask * torch.where(place <= shared, 1.0, alpha)).sum(dim=1))
    return made[0], made[1]


@dataclass(frozen=True)
class Preference:
    """Which loss, and how strong.

    Args:
        loss: one of `LOSSES`.
        beta: how dear it is to leave the reference; of SimPO the scale of its margin.
        alpha: of R-DPO, for each word of difference.
        gamma: of SimPO.
        odds: weight of ORPO's second part.
        mixed: weight of writing the chosen answers, added to any loss of pairs ('DPO+SFT' with 1).
        tail: weight of words beyond the shorter answer's length (`ld_alpha`), 1 as they are.
        desirable, undesirable: weights of KTO.

    Raises:
        InputError: if there is no such loss, or a number is out of range.
    """

    loss: str = "dpo"
    beta: float = 0.1
    alpha: float = 0.05
    gamma: float = 0.5
    odds: float = 0.1
    mixed: float = 0.0
    tail: float = 1.0
    desirable: float = 1.0
    undesirable: float = 1.0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise InputError(f"no loss '{self.loss}' for preferences: choose from {', '.join(LOSSES)}")
        least = min(self.alpha, self.gamma, self.odds, self.mixed, self.desirable, self.undesirable)
        if not self.beta > 0 or least < 0 or not 0 <= self.tail <= 1:
            raise InputError("of a loss for preferences beta is above 0, tail from 0 to 1, and no other weight below 0")
        if self.tail < 1 and self.loss in ("kto", "sft"):
            raise InputError(f"'tail' weighs the longer of two answers, and '{self.loss}' learns from no pairs")

    @property
    def unpaired(self) -> bool:
        """Whether answers are learned from by label, not in pairs."""
        return self.loss == "kto"

    @property
    def refers(self) -> bool:
        """Whether the reference's log-probabilities matter."""
        return self.loss not in ALONE

    def of_pairs(self, chosen: Side, rejected: Side, divergence: Tensor | None = None) -> Tensor:
        """Return the loss of each pair, (B,).

        Args:
            chosen, rejected: the two sides.
            divergence: KTO's estimate, a scalar; 0 if None. A pair is then one desirable and one undesirable answer.
        """
        value = self._plain(chosen, rejected, chosen.policy.new_zeros(()) if divergence is None else divergence)
        return value + self.mixed * written(chosen) if self.mixed else value

    def _plain(self, chosen: Side, rejected: Side, divergence: Tensor) -> Tensor:
        if self.loss == "kto":
            yes = torch.ones_like(chosen.policy, dtype=torch.bool)
            weights = (self.desirable, self.undesirable)
            good, bad = (kto(s, y, divergence, self.beta, weights) for s, y in ((chosen, yes), (rejected, ~yes)))
            return (good + bad) / 2
        if self.loss in ("ipo", "ipo_norm"):
            return ipo(chosen, rejected, self.beta, per_word=self.loss == "ipo_norm")
        if self.loss == "r-dpo":
            return r_dpo(chosen, rejected, self.beta, self.alpha)
        if self.loss == "simpo":
            return simpo(chosen, rejected, self.beta, self.gamma)
        if self.loss == "orpo":
            return orpo(chosen, rejected, self.odds)
        if self.loss == "sft":
            return written(chosen)
        return (sigmoid_norm if self.loss == "sigmoid_norm" else dpo)(chosen, rejected, self.beta)


def length_pull(preference: Preference, *, shorter: int = 10, longer: int = 30, word: float = -1.0) -> float:
    """Return how a step moves a short answer against a long one that is as good: above 0 towards the short one.

    The same two answers, alike in log-probability per word, are labelled both ways round, so that only their length
    can tell them apart. A loss that controls length moves mass to the short answer; plain DPO does not move.

    Args:
        preference: the loss.
        shorter, longer: words of the two.
        word: log-probability per word, under policy and reference.
    """
    tokens = torch.tensor([shorter, longer])
    held = (word * tokens).double()
    policy = held.clone().requires_grad_()
    both = Side(policy, held, tokens)
    turned = Side(policy.flip(0), held.flip(0), tokens.flip(0))
    if preference.tail < 1:
        weight = torch.where(tokens > shorter, shorter + preference.tail * (tokens - shorter), tokens) / tokens
        both = Side(policy * weight, held * weight, tokens)
        turned = Side(*(each.flip(0) for each in both))
    (step,) = torch.autograd.grad(-preference.of_pairs(both, turned).mean(), policy)
    return float(step[0] - step[1])
