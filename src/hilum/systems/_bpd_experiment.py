"""What `hilum reproduce bpd` does: bodies, cohorts, federations and, where there are films of them, real children."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import nn

from hilum.core.errors import InputError, MissingError
from hilum.learn.pairs import Pairs
from hilum.learn.virtual_pairs import virtual_pairs
from hilum.measure.claim import Judged
from hilum.phantom.patient import FAMILIES, Family
from hilum.systems._bpd_bodies import GRAIN, ORACLE, PREVALENCE, SPREAD
from hilum.systems._bpd_claims import IN_DOMAIN, REAL_CLAIMS
from hilum.systems._bpd_compared import compared
from hilum.systems._bpd_judge import judged
from hilum.systems._bpd_learn import How
from hilum.systems._bpd_net import small
from hilum.systems._bpd_picture import CAPTION, sheet
from hilum.systems._bpd_sites import LOCAL, ROUNDS, SITES, over_sites, sites, starting_from
from hilum.systems._bpd_starts import origins
from hilum.systems._bpd_trials import Effort, run

SIZE = 112
"""Of the films that bodies are taken from."""
Starts = Mapping[str, nn.Module | None]
Told = tuple[list[Judged], list[Judged], list[str], dict[str, bytes]]


def experiment(
    effort: Effort, root: Path | None, *, parts: Sequence[str], patients: int, federations: int, runs: int,
    seed: int, bodies: Pairs | None = None, say: Callable[[str], None] = lambda line: None,
) -> Told:  # fmt: skip
    """Return the claims as judged, what stands beside them, the lines of evidence, and a picture.

    Args:
        effort: how much.
        root: the pack of real films, or None.
        parts: 'drawn', 'sites', 'real': cohorts that are drawn, sites that do not pool, real children.
        patients: virtual ones.
        federations: drawn for each seed.
        runs: of five folds on real films.
        seed: of every draw.
        bodies: frontal films that adults (split 'train') and children are taken from; None draws virtual patients.
        say: told what is being done.
    """
    judged_parts, beside, figures = list[Judged](), list[Judged](), dict[str, bytes]()
    lines = [
        f"small network, {effort.size} px, {effort.epochs} epochs ({effort.probe} of probe), batches of "
        f"{effort.batch}, rates {effort.rate:g} times the published"
    ]
    if {"drawn", "sites"} & set(parts):
        pairs, missing = (bodies, []) if bodies is not None else bodies_of(patients, seed=seed, say=say)
        adults, others = pairs.take(pairs.split == "train"), pairs.take(pairs.split != "train")
        figures[CAPTION] = sheet(adults.films, others.films, size=effort.size, seed=seed)
        lines += [*_bodies(adults, others, effort), *missing]
        held = []
        for number in range(effort.seeds):
            say(f"seed {number + 1} of {effort.seeds}: what the networks start from")
            held.append(origins(adults, size=effort.size, seed=seed + number, steps=effort.first))
        if "drawn" in parts:
            judged_parts, beside, told = judged(run(held, others.films, effort, seed=seed, say=say), seed=seed)
            lines += told
        if "sites" in parts:
            lines += _federated(held, others, effort, federations, seed=seed, say=say)
    if root is not None and "real" in parts:
        from hilum.systems._bpd_real import judge_real

        real, more = judge_real(root, effort, seed=seed, runs=runs, say=say)
        return [*judged_parts, *real], beside, [*lines, *more], figures
    lines += [f"{claim.text}: not tested without --data, the pack of real films" for claim in REAL_CLAIMS]
    return judged_parts, beside, lines, figures


def _bodies(adults: Pairs, others: Pairs, effort: Effort) -> list[str]:
    return [
        f"adults: {len(adults)} drawn films with {len(adults.names)} findings; children: {effort.children} to a "
        f"cohort, made of {len(others)} films of other bodies, {PREVALENCE:.0%} with disease, oracle tuned to "
        f"{ORACLE}, grain {GRAIN} rising by exp({SPREAD}) a deviation; {effort.tested} fresh children judge each "
        f"cohort, {effort.seeds} seeds of {effort.cohorts} cohorts",
    ]


def bodies_of(patients: int, *, seed: int, say: Callable[[str], None]) -> tuple[Pairs, list[str]]:
    """Return the frontal films of virtual patients, of all families that can be made here, and what cannot."""
    families: tuple[Family, ...] = FAMILIES
    missing: list[str] = []
    try:
        pairs = virtual_pairs(patients, size=SIZE, seed=seed, families=families, say=say)
    except MissingError as error:
        missing = [f"warped and hybrid bodies: cannot be made here ({error})"]
        pairs = virtual_pairs(patients, size=SIZE, seed=seed, families=("parametric",), say=say)
    return pairs.take(pairs.frontal), missing


def _federated(
    held: Sequence[Starts], others: Pairs, effort: Effort, count: int, *, seed: int, say: Callable[[str], None]
) -> list[str]:
    """The three ways of learning over sites, or why they were not compared."""
    from importlib.util import find_spec

    if find_spec("flwr") is None:
        return ["learning over sites: not tested, flwr (extra 'federated') is not installed"]
    trials, moved = [], []
    for number in range(effort.seeds):
        start = held[number][IN_DOMAIN]
        if start is None:
            raise InputError("sites start from an encoder that knows films")
        for drawn in range(count):
            say(f"sites: federation {number * count + drawn + 1} of {effort.seeds * count}")
            found = sites(others.films, size=effort.size, seed=20_000 + (seed + number) * 100 + drawn,
                          tested=effort.tested)  # fmt: skip
            told, made = over_sites(found, starting_from(start, seed + number), seed=seed + drawn,
                                    how=How(batch=effort.batch), rate=effort.rate)  # fmt: skip
            trials.append((found, told))
            moved.append(made)
    lines = [f"{len(trials)} federations of sites of {', '.join(map(str, SITES))} children, {ROUNDS} rounds of {LOCAL} "
             "passes, norms' statistics at home, Flower's FedAvg in one process"]  # fmt: skip
    lines += [f"    {name:24} AUROC {value}" for name, value in compared(trials, seed=seed).items()]
    up = moved[0].up
    all_of = 4 * int(sum(each.numel() for each in small(seed=seed).parameters()))
    lines.append(f"    bytes given by all sites a round: {up[0]:,} with the head alone, {up[-1]:,} at the end; the "
                 f"whole network would be {all_of * len(SITES):,}")  # fmt: skip
    return lines
