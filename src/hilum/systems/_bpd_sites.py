"""BPD over sites that never pool films: local, pooled and federated learning of the same plan, judged alike.

Sites of 30 to 60 patients have detectors of their own, so that grey levels differ between them. What is exchanged is
the head and the blocks that have thawed by the round; norms keep each site's own statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hilum.core.seed import generator
from hilum.learn.federated import Federated, federate
from hilum.learn.weak import one_thread
from hilum.systems._bpd_bodies import Infants, infants
from hilum.systems._bpd_learn import How, learn, read
from hilum.systems._bpd_net import SiteNet
from hilum.systems._bpd_plan import HEAD, THAWS, Stage, progressive

Floats = NDArray[np.float64]
SITES = (30, 45, 60)
"""Patients of each site."""
ROUNDS, LOCAL = 10, 2
"""Rounds of averaging, and passes over its films that a site makes in each."""
LOCALLY, POOLED, FEDERATED = "local", "pooled", "federated"
WAYS = (LOCALLY, POOLED, FEDERATED)


def thawed(at: int, rounds: int = ROUNDS) -> tuple[str, ...]:
    """Return the patterns of what learns, and is exchanged, in a round counted from 0."""
    return (HEAD, *(f"*{block}.*" for block, share in THAWS.items() if at >= int(share * rounds + 1e-9)))


def stage_of(at: int, *, rounds: int = ROUNDS, local: int = LOCAL, rate: float = 1.0) -> Stage:
    """Return what a site does in a round: who has thawed learns, at the cycle's rate for that round."""
    whole = progressive(rounds, rate=rate)
    share = whole.curve.at(at, rounds)
    groups = tuple(
        replace(group, rate=(group.rate or 0.0) * share, thaw=0.0 if whole.learns(number, at, rounds) else None)
        for number, group in enumerate(whole.groups)
    )
    flat = replace(whole.curve, shape="constant", warmup=0.0, momentum=None)
    return Stage(f"round {at + 1}", local, replace(whole, groups=groups, curve=flat))


@dataclass(frozen=True, eq=False)
class Sites:
    """Films to learn from and to be judged on, of each site."""

    known: tuple[Infants, ...]
    judged: tuple[Infants, ...]


def sites(bodies: NDArray[np.uint8], *, size: int, seed: int, tested: int, counts: Sequence[int] = SITES) -> Sites:
    """Draw sites whose detectors differ in tone.

    Args:
        bodies: of `infants`.
        size: rows of a film.
        seed: of every draw.
        tested: children that each site keeps apart.
        counts: children that each learns from.
    """
    known, judged = list[Infants](), list[Infants]()
    for number, count in enumerate(counts):
        rng = generator(seed, "detector", number)
        tone, lift = float(np.exp(rng.uniform(-0.5, 0.5))), float(rng.uniform(0.0, 0.15))
        for place, some, children in ((known, 0, count), (judged, 1, tested)):
            drawn = infants(bodies, children, size=size, seed=(seed * 10 + number) * 2 + some)
            place.append(replace(drawn, films=_exposed(drawn.films, tone, lift)))
    return Sites(tuple(known), tuple(judged))


def _exposed(films: NDArray[np.uint8], tone: float, lift: float) -> NDArray[np.uint8]:
    grey = (films.astype(np.float64) / 255.0) ** tone * (1.0 - lift) + lift
    return np.rint(grey * 255.0).astype(np.uint8)


def over_sites(
    found: Sites, start: Callable[[], SiteNet], *, seed: int, how: How, rounds: int = ROUNDS, local: int = LOCAL,
    rate: float = 1.0, way: str = "in process",
) -> tuple[Mapping[str, tuple[Floats, ...]], Federated]:  # fmt: skip
    """Learn in each of the three ways by the same rounds, and return each site's logits of its own children.

    Args:
        found: the sites.
        start: makes the network, alike everywhere.
        seed: of the sampler.
        how: batch and variation.
        rounds, local: of averaging, and passes in each.
        rate: factor on the published rates.
        way: of `learn.federated`.

    Returns:
        way -> logits of each site, and what the federation exchanged.
    """

    def fit_round(net: nn.Module, known: Infants, at: int, draw: int) -> None:
        stage = stage_of(at, rounds=rounds, local=local, rate=rate)
        learn(net, known.films, known.bpd, (stage,), seed=seed + 97 * at + 7919 * draw, how=how)

    def train(net: nn.Module, site: int, at: int) -> int:
        fit_round(net, found.known[site], at, site)
        return len(found.known[site])

    def answer(net: nn.Module, site: int) -> list[float]:
        return [float(each) for each in read(net, found.judged[site].films)]

    with one_thread():
        alone = []
        for site, known in enumerate(found.known):
            net = start()
            for at in range(rounds):
                fit_round(net, known, at, site)
            alone.append(read(net, found.judged[site].films))
        all_of = Infants(*(np.concatenate([getattr(each, name) for each in found.known])
                           for name in ("films", "bpd", "severity")))  # fmt: skip
        net = start()
        for at in range(rounds):
            fit_round(net, all_of, at, len(found.known))
        pooled = [read(net, each.films) for each in found.judged]
        made = federate(start, train, answer, sites=len(found.known), rounds=rounds,
                        share=lambda at: thawed(at, rounds), way=way)  # fmt: skip
    told = tuple(np.array(each) for each in made.answers)
    return {LOCALLY: tuple(alone), POOLED: tuple(pooled), FEDERATED: told}, made


def starting_from(origin: nn.Module, seed: int) -> Callable[[], SiteNet]:
    """Return what makes the same network at every site, on an encoder's weights."""
    from hilum.systems._bpd_net import small

    def start() -> SiteNet:
        net = small(seed=seed)
        net.encoder.load_state_dict(origin.state_dict())
        return net

    return start
