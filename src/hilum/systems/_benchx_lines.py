"""What the experiment came to in lines for people: scores, places, how much hangs on the settings, retrieval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from hilum.learn.pairs import Pairs
from hilum.measure.binary import weighted_auroc
from hilum.measure.rank import FIRST, kendall_tau, places, recalls
from hilum.measure.scored import Scored
from hilum.systems._benchx_claims import RANDOM, SUPERVISED
from hilum.systems._benchx_method import Method
from hilum.systems._benchx_pretrain import METHODS
from hilum.systems._benchx_protocol import DEFAULT, SEARCHED, Cell, Cells, Floats


class Aurocs:
    """Mean AUROC of every run under any weights of the test films, computed once for each set of weights.

    Args:
        cells: what the arms said.
        test: the films.
        names: findings that count.
    """

    def __init__(self, cells: Cells, test: Pairs, names: Sequence[str]) -> None:
        """Keep them."""
        self.cells, self.test, self.columns = cells, test, [test.column(name) for name in names]
        self._made: dict[tuple[int, Cell, str, int], Floats] = {}
        self._weights: list[Floats] = []

    def of(self, weights: Floats, cell: Cell, arm: str, seed: int) -> Floats:
        """Return the values of one run for weights (R, N): (R,)."""
        at = next((i for i, held in enumerate(self._weights) if held is weights), -1)
        if at < 0:
            self._weights.append(weights)
            at = len(self._weights) - 1
        key = (at, cell, arm, seed)
        if key not in self._made:
            logits, each = self.cells.logits[cell][arm][seed], []
            for column in self.columns:
                rows = np.flatnonzero(self.test.known[:, column])
                each.append(weighted_auroc(self.test.target[rows, column] > 0, logits[rows, column], weights[:, rows]))
            with np.errstate(all="ignore"):
                self._made[key] = np.nanmean(np.stack(each), axis=0)
        return self._made[key]

    def table(self, weights: Floats, cell: Cell, arms: Sequence[str], seed: int) -> Floats:
        """Return (R, M) of several arms."""
        return np.stack([self.of(weights, cell, arm, seed) for arm in arms], axis=1)

    def scored(self, arms: Sequence[str], cells: Sequence[Cell], seed: int) -> Scored:
        """Return the mean over arms and cells of one seed, ready for a bootstrap."""

        def at(weights: Floats) -> Floats:
            values = [self.table(weights, cell, arms, seed).mean(1) for cell in cells]
            return np.asarray(np.mean(values, axis=0), np.float64)

        return Scored("auroc", np.full(len(self.test), np.nan), at, f"mean AUROC over {len(cells)} ways of tuning")


def ranking(values: Aurocs, methods: Sequence[str], cell: Cell, seeds: int) -> Floats:
    """Return each method's mean AUROC over seeds in one way of tuning: (M,)."""
    one = np.ones((1, len(values.test)))
    return np.asarray(np.mean([values.table(one, cell, methods, seed)[0] for seed in range(seeds)], axis=0))


def ranking_lines(values: Aurocs, cells: Cells, methods: Sequence[str], seeds: int) -> list[str]:
    """Return the table of every way of tuning: scores, places, and how much hangs on the settings."""
    one, lines = np.ones((1, len(values.test))), []
    arms = [*methods, RANDOM, SUPERVISED]
    for way in (cell for cell in cells.logits if cell.recipe == DEFAULT):
        other = Cell(way.mode, way.share, SEARCHED)
        scores = {cell: ranking(values, arms, cell, seeds) for cell in (way, other)}
        tau = kendall_tau(scores[way][: len(methods)], scores[other][: len(methods)])
        lines.append(f"{way.mode}, {100 * way.share:g} % of the patients: tau of the mean rankings {float(tau):.2f}")
        ranked = {cell: places(scores[cell][: len(methods)]) for cell in scores}
        for at, arm in enumerate(arms):
            noise = np.std([values.of(one, other, arm, seed)[0] for seed in range(seeds)])
            place = f"{ranked[way][at]} -> {ranked[other][at]}" if at < len(methods) else "-"
            lines.append(f"    {arm:12} default {scores[way][at]:.3f}  per method {scores[other][at]:.3f}  "
                         f"(seeds +- {noise:.3f})  place {place}")  # fmt: skip
    lines.append("how much validation AUROC hangs on the probe's settings (best minus worst, mean), and the choice:")
    for arm in (each for each in arms if each in cells.spread):
        often = max(cells.chosen[arm], key=lambda how: cells.chosen[arm][how])
        lines.append(f"    {arm:12} {np.mean(cells.spread[arm]):.3f}  {often}")
    return lines


def published_lines(methods: Sequence[str]) -> list[str]:
    """Return how BenchX's own figures on NIH rank the methods, against the order in which they were published."""
    held = [METHODS[m].published for m in methods if METHODS[m].published.auroc]
    if len(held) < 2:
        return ["BenchX's figures on NIH: it has them for fewer than two of these methods"]
    years = [each.year for each in held]
    taus = [float(kendall_tau(years, [each.auroc[at] for each in held if each.auroc])) for at in range(3)]
    return [f"BenchX's figures on NIH against the year of the paper: tau {taus[0]:.2f}, {taus[1]:.2f} and "
            f"{taus[2]:.2f} at 1, 10 and 100 % ({len(held)} methods; 1 is 'later is better')"]  # fmt: skip


@torch.no_grad()
def retrieval_lines(
    methods: Mapping[str, Sequence[Method]], test: Pairs, code: Callable[[Sequence[str]], tuple[torch.Tensor, ...]]
) -> list[str]:
    """Return recall at 1, 5 and 10 both ways of methods that compare films and texts, the mean over seeds.

    Args:
        methods: name -> its networks, one a seed.
        test: frontal films; the first of each study is asked.
        code: texts to ids and mask.
    """
    _, asked = np.unique(test.study, return_index=True)
    rows = [row for row in asked if test.report[row]]
    if not rows:
        return ["retrieval: no film has a report"]
    films = torch.from_numpy(test.films[rows]).float()[:, None] / 255.0
    texts = [test.report[row] for row in rows]
    chances = [100 * min(1.0, first / len(rows)) for first in FIRST]
    ids, mask = code(texts)
    lines = [f"retrieval among {len(rows)} films and {len(set(texts))} different reports, no head and no tuning: "
             f"chance {chances[0]:.1f}, {chances[1]:.1f} and {chances[2]:.1f} %"]  # fmt: skip
    for name, nets in methods.items():
        found = [net.eval().scores(films, ids, mask) for net in nets]
        if found[0] is None:
            lines.append(f"    {name:12} compares nothing: it has no common space")
            continue
        each = np.mean([recalls(one.numpy(), texts) for one in found if one is not None], axis=0)
        told = ["  ".join(f"{100 * value:4.1f}" for value in way) for way in each]
        lines.append(f"    {name:12} film to text R@1,5,10 {told[0]} %   text to film {told[1]} %")
    return lines
