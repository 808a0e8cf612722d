"""One seed for a run, and a named generator for each place that draws."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random generator that belongs to `seed` and a path of names.

    The same seed and names give the same stream on every machine, and adding a new
    name elsewhere never shifts an existing stream.

    Args:
        seed: the run's seed, 0 or greater.
        names: where the draw happens, e.g. `"augment", study_id`.

    Returns:
        A PCG64 generator.

    Raises:
        ValueError: if `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed must be 0 or greater, got {seed}")
    digest = hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=16).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.default_rng([seed, *(int(word) for word in words)])
