"""Three ways of learning over sites compared: the mean AUROC within sites, over federations drawn anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.measure.binary import auroc
from hilum.measure.stats import Interval, interval
from hilum.systems._bpd_sites import FEDERATED, LOCALLY, POOLED, WAYS, Sites

Floats = NDArray[np.float64]


def compared(
    trials: Sequence[tuple[Sites, Mapping[str, tuple[Floats, ...]]]], *, seed: int = 0
) -> dict[str, Interval]:  # fmt: skip
    """Return the mean AUROC within sites of each way, and gains between ways, with intervals over federations drawn."""
    table = {way: np.array([np.mean([auroc(each.bpd, row) for each, row in zip(drawn.judged, logits[way], strict=True)])
                            for drawn, logits in trials]) for way in WAYS}  # fmt: skip
    table |= {"federated over local": table[FEDERATED] - table[LOCALLY],
              "pooled over federated": table[POOLED] - table[FEDERATED]}  # fmt: skip
    names = [f"{number:03d}" for number in range(len(trials))]
    return {name: interval(lambda rows, each=values: float(each[rows].mean()), names, seed=seed)  # type: ignore[misc]
            for name, values in table.items()}  # fmt: skip
