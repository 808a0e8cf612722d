"""How quick the set measures are, beside their peers, on the same features in the same process.

    python benchmarks/images.py [--films 10000] [--features 768] [--peers]

Prints seconds, CPU seconds (steadier on a shared machine), the peak of memory, and each value beside the peer's
(torchmetrics, prdc), one step at a time.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hilum.measure.frechet import fid
from hilum.measure.kernel import kid, mmd
from hilum.measure.neighbours import manifold


def torchmetrics_fid(real: Any, fake: Any) -> float:
    import torch
    from torchmetrics.image.fid import _compute_fid

    moments = [(torch.from_numpy(x).mean(0), torch.cov(torch.from_numpy(x).T)) for x in (real, fake)]
    return float(_compute_fid(moments[0][0], moments[0][1], moments[1][0], moments[1][1]))


def torchmetrics_kid(real: Any, fake: Any) -> float:
    import torch
    from torchmetrics.image.kid import poly_mmd

    rng = np.random.default_rng(0)
    size = min(1000, len(real) // 2)
    picked = [(rng.choice(len(real), size, False), rng.choice(len(fake), size, False)) for _ in range(100)]
    return float(np.mean([float(poly_mmd(torch.from_numpy(real[a]), torch.from_numpy(fake[b]))) for a, b in picked]))


def prdc_all(real: Any, fake: Any) -> str:
    from prdc import compute_prdc

    found = compute_prdc(real, fake, 5)
    return " ".join(f"{found[name]:.4f}" for name in ("precision", "recall", "density", "coverage"))


def ours(real: Any, fake: Any) -> str:
    found = manifold(real, fake, k=5)
    return " ".join(f"{each.mean():.4f}" for each in (found.precision, found.recall, found.density, found.coverage))


def timed(name: str, work: Callable[[], Any]) -> None:
    start, busy = time.perf_counter(), time.process_time()
    value = work()
    spent, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:34} {spent:8.2f} s ({busy:6.1f} s of CPU)   peak so far {peak:5.2f} GiB   {value}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=768)
    parser.add_argument("--peers", action="store_true", help="run torchmetrics and prdc after ours")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(given.features, given.features)) / np.sqrt(given.features)
    real = rng.normal(size=(given.films, given.features)) @ mix
    fake = rng.normal(size=(given.films, given.features)) @ mix * 1.05 + 0.02
    timed("hilum fid", lambda: f"{fid(real, fake):.6f}")
    timed("hilum precision recall density cov.", lambda: ours(real, fake))
    timed("hilum kid, 100 subsets of <= 1000", lambda: kid(real, fake))
    timed("hilum kid, all pairs", lambda: f"{mmd(real, fake)[0]:.6f}")
    if given.peers:
        timed("torchmetrics fid", lambda: f"{torchmetrics_fid(real, fake):.6f}")
        timed("torchmetrics kid", lambda: f"{torchmetrics_kid(real, fake):.6f}")
        timed("prdc", lambda: prdc_all(real, fake))


if __name__ == "__main__":
    main()
