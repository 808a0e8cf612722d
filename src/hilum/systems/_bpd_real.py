"""The real half: adults' films of the NIH to learn from first, and 163 children of Guangzhou as the site.

No data set of newborns with their outcome is open. The stand-in keeps what the claim is about: few children, a network
that saw adults. The children's label is bacterial or viral pneumonia, which is a matter of texture; films of sound
children are left out, since they are told from ill ones at once. The protocol is the published one: runs of five
balanced folds by patient. Films of the set were squashed to squares by its source.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError
from hilum.core.seed import generator
from hilum.data import kermany, pack
from hilum.learn.frame import frame
from hilum.learn.weak import one_thread
from hilum.measure.binary import weighted_auroc
from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._aligned import real_films
from hilum.systems._bpd_arm import arm
from hilum.systems._bpd_claims import REAL_ARMS, REAL_CLAIMS, arm_name
from hilum.systems._bpd_cross import out_of_fold
from hilum.systems._bpd_learn import How
from hilum.systems._bpd_plan import plan
from hilum.systems._bpd_site import Site
from hilum.systems._bpd_starts import origins, starting
from hilum.systems._bpd_stats import averaged, beaten
from hilum.systems._bpd_trials import Effort

CHILDREN, BACTERIAL = 163, 0.4
"""As many as the published cohort has, and a share of the positive class as in the experiment."""


def children(root: Path, *, size: int, seed: int = 0, count: int = CHILDREN) -> Site:
    """Return some children with pneumonia as a site: the label is a bacterial cause; one film each, the first by name.

    Raises:
        MissingError: if the pack holds too few.
    """
    found: dict[str, tuple[bool, pack.PackRow]] = {}
    for row in sorted(pack.rows(root, ("kermany224",)), key=lambda each: each.file):
        if "Pneumonia" not in row.labels:
            continue
        patient, cause = kermany.patient_and_cause(Path(row.file).stem)
        if cause:
            found.setdefault(patient, (cause == "bacterial", row))
    rng = generator(seed, "children")
    ill = round(BACTERIAL * count)
    chosen: list[str] = []
    for bacterial, wanted in ((True, ill), (False, count - ill)):
        names = sorted(name for name, (each, _) in found.items() if each is bacterial)
        if len(names) < wanted:
            cause = "a bacterial" if bacterial else "a viral"
            raise MissingError(f"the pack {root} has {len(names)} children of {cause} cause, and {wanted} are needed: "
                               "copy it anew, or leave --data out")  # fmt: skip
        chosen += [names[int(at)] for at in rng.permutation(len(names))[:wanted]]
    films = np.stack([np.rint(frame(pack.pixels(root, found[name][1]), size)[0] * 255).astype(np.uint8)
                      for name in chosen])  # fmt: skip
    bpd = np.array([found[name][0] for name in chosen])
    return Site(films, np.arange(count), bpd, tuple(chosen))


def judge_real(
    root: Path, effort: Effort, *, seed: int, runs: int, say: Callable[[str], None] = lambda line: None
) -> tuple[list[Judged], list[str]]:
    """Judge the claims on real films by runs of five folds; each run's network starts from a seed of its own.

    Args:
        root: the pack.
        effort: size, epochs and rates.
        seed: of every draw.
        runs: drawings of five folds, 3 or more for a verdict.
        say: told what is being done.
    """
    site = children(root, size=effort.size, seed=seed)
    adults = real_films(root, size=effort.size)
    scores: dict[str, list[NDArray[np.float64]]] = {arm_name(*each): [] for each in REAL_ARMS}
    with one_thread():
        for number in range(runs):
            say(f"real films: run {number + 1} of {runs}")
            held = origins(adults, size=effort.size, seed=seed + number, steps=effort.first)
            for origin, schedule in REAL_ARMS:
                stages = plan(schedule, epochs=effort.epochs, probe=effort.probe, rate=effort.rate)
                start = starting(held[origin], site.films)
                scores[arm_name(origin, schedule)].append(out_of_fold(
                    site, start, stages, seed=seed + number, runs=1, how=How(batch=effort.batch))[0])  # fmt: skip
    table = {name: np.stack(rows) for name, rows in scores.items()}
    return _judged(site, table, seed=seed)


def _judged(site: Site, table: dict[str, NDArray[np.float64]], *, seed: int) -> tuple[list[Judged], list[str]]:
    """The claims by the house's rule, one Scored a run, and the paper's statistics beside."""
    trials = {name: [_scored(site, row) for row in rows] for name, rows in table.items()}
    parts = [judge(claim, trials, site.patients, seed=seed, replicates=2000) for claim in REAL_CLAIMS]
    lines = [f"real films: {len(site.patients)} children, {int(site.bpd.sum())} with a bacterial cause; balanced folds "
             f"tested {int(averaged(next(iter(table.values())))[1].sum())} of them"]  # fmt: skip
    lines += [f"    {name}: {arm(site.bpd, rows, patients=site.patients, seed=seed)}" for name, rows in table.items()]
    for claim in REAL_CLAIMS:
        told = beaten(site.bpd, table[claim.arm], table[claim.better_than], patients=site.patients, seed=seed)
        lines.append(f"    {claim.arm} over {claim.better_than}: {told}")
    return parts, lines


def _scored(site: Site, row: NDArray[np.float64]) -> Scored:
    tested = np.flatnonzero(np.isfinite(row))

    def at(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighted_auroc(site.bpd[tested], row[tested], weights[:, tested])

    return Scored("auroc", np.full(len(row), np.nan), at, "AUROC of the children tested in a run")
