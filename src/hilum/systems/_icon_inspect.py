"""The inspector: the attributes of a finding from the prior film, the current film and the enlarged part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.fit import Fit, fit
from hilum.learn.reader.features import Features
from hilum.learn.reader.roles import Shown, checked_prior, frontal_of
from hilum.learn.running import unbudgeted
from hilum.learn.weak import one_thread
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._icon_alike import Told
from hilum.systems._icon_mix import SHARE, Mixed, swap_targets
from hilum.systems._icon_zoom import pooled

MOST = 30
"""Attributes of a finding, the commonest of training reports."""
STEPS, BATCH = 500, 64


class Inspect(nn.Module):
    """Two layers for each finding on [prior; current; lesion], 3 h to h to attributes.

    Args:
        width: h, of what is seen of one film.
        words: attributes in all.
    """

    def __init__(self, width: int, words: int) -> None:
        """Draw weights."""
        super().__init__()
        findings = len(CONCEPTS)
        self.first = nn.Parameter(torch.randn(findings, 3 * width, width) / (3 * width) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(findings, width))
        self.second = nn.Parameter(torch.zeros(findings, width, words))
        self.last = nn.Parameter(torch.full((findings, words), -2.0))

    def forward(self, seen: Tensor, finding: Tensor) -> Tensor:
        """Return logits (B, W) of what is seen (B, 3 h) for the finding of each row (B,)."""
        hidden = torch.relu(torch.einsum("bi,bih->bh", seen, self.first[finding]) + self.bias[finding])
        return torch.einsum("bh,bhw->bw", hidden, self.second[finding]) + self.last[finding]


class Inspector:
    """Attributes of findings, learned from crops of training studies, mixed or not.

    Args:
        features: of the frozen encoder, blends included.
        studies: to learn from.
        told: what each one's report says.
        crops: of every copy of every study.
        seed: of weights and draws.
        steps: of training.
    """

    def __init__(
        self, features: Features, studies: Sequence[Study], told: Sequence[Told], crops: Sequence[Sequence[Mixed]], *,
        seed: int, steps: int = STEPS,
    ) -> None:  # fmt: skip
        """Fit: share of the loss on the own attributes, the rest on those of the finding that was mixed in."""
        self.features = features
        self.words = vocabulary(told)
        rows = [each for some in crops for each in some]
        seen = self.seen([studies[each.row] for each in rows], [each.shown for each in rows])
        finding = torch.tensor([CONCEPTS.index(each.concept) for each in rows])
        pairs = [swap_targets(each, told) for each in rows]
        own, other = (torch.stack([self._marked(pair[side]) for pair in pairs]) for side in (0, 1))
        known = torch.tensor([[word in self.words[concept] for word in self.all] for concept in CONCEPTS]).float()
        torch.manual_seed(seed)
        self.net = Inspect(seen.shape[1] // 3, len(self.all))

        def draw(step: int) -> tuple[Tensor, ...]:
            at = torch.from_numpy(generator(seed, "inspector", step).integers(0, len(rows), BATCH))
            return seen[at], finding[at], known[finding[at]], own[at], other[at]

        def loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, float]]:
            given, kinds, asked, mine, mixed = batch
            logits = net(given, kinds)
            each = [nn.functional.binary_cross_entropy_with_logits(logits, target, weight=asked)
                    for target in (mine, mixed)]  # fmt: skip
            return SHARE * each[0] + (1 - SHARE) * each[1], {}

        spec = Fit(steps=steps, rate=3e-3, bf16=False, average=0.98, warmup=0.1, log_every=steps)
        with one_thread(), unbudgeted():
            fit(self.net, draw, loss, spec, seed=seed)
        self.net.eval()

    @property
    def all(self) -> list[str]:
        """Every attribute, in one order."""
        return sorted({word for words in self.words.values() for word in words})

    def _marked(self, words: Sequence[str]) -> Tensor:
        return torch.tensor([float(word in words) for word in self.all])

    def seen(self, studies: Sequence[Study], shown: Sequence[Shown]) -> Tensor:
        """Return what is seen of prior, current film and crop of each row (N, 3 h); zeros without a prior."""
        priors = [checked_prior(study) for study in studies]
        old = [frontal_of(prior) if prior else None for prior in priors]
        now = [frontal_of(study) or study.films[0] for study in studies]
        current, crop = pooled(self.features.of(now)), pooled(self.features.of([each.film for each in shown]))
        before = torch.zeros_like(current)
        there = [row for row, film in enumerate(old) if film is not None]
        if there:
            before[there] = pooled(self.features.of([film for film in old if film is not None]))
        return torch.cat((before, current, crop), dim=1)

    @torch.no_grad()
    def inspect(self, studies: Sequence[Study], crops: Sequence[Mapping[str, Shown]]) -> list[Told]:
        """Return the attributes of every crop of every study: words with a logit above 0, the likeliest first."""
        rows = [(number, concept, shown) for number, some in enumerate(crops) for concept, shown in some.items()]
        made: list[dict[str, tuple[str, ...]]] = [{} for _ in studies]
        if not rows:
            return list(made)
        with one_thread():
            seen = self.seen([studies[number] for number, _, _ in rows], [shown for _, _, shown in rows])
            logits = self.net(seen, torch.tensor([CONCEPTS.index(concept) for _, concept, _ in rows]))
        for (number, concept, _), some in zip(rows, logits, strict=True):
            held = [at for at in some.argsort(descending=True, stable=True).tolist() if some[at] > 0]
            made[number][concept] = tuple(self.all[at] for at in held if self.all[at] in self.words[concept])
        return list(made)


def vocabulary(told: Sequence[Told]) -> dict[str, tuple[str, ...]]:
    """Return the commonest attributes of each finding in training reports."""
    made = {}
    for concept in CONCEPTS:
        counts = Counter(word for each in told for word in each.get(concept, ()))
        made[concept] = tuple(word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST])
    return made
