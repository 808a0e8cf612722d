"""Rankings: Kendall's tau of two, for many draws at once, and how often what is right stands among the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.core.errors import InputError

FIRST = (1, 5, 10)


def kendall_tau(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return Kendall's tau-b of M things ranked by two scores: 1 is the same order, -1 the reverse.

    Args:
        first, second: (..., M), e.g. one row for each draw of a bootstrap.

    Returns:
        (...), NaN where all are tied by one of the scores.

    Raises:
        InputError: if shapes differ or fewer than two things are ranked.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape or one.ndim < 1 or one.shape[-1] < 2:
        raise InputError(f"two scores of the same things, two or more of them: got {one.shape} and {two.shape}")
    above = np.triu_indices(one.shape[-1], 1)
    signs = [np.sign(each[..., :, None] - each[..., None, :])[..., above[0], above[1]] for each in (one, two)]
    untied = [np.abs(each).sum(-1) for each in signs]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = (signs[0] * signs[1]).sum(-1) / np.sqrt(untied[0] * untied[1])
    return found


def places(scores: ArrayLike) -> NDArray[np.intp]:
    """Return the place of each of M by its score, the highest first and 1; ties go to the earlier: (M,)."""
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    found = np.empty(len(order), np.intp)
    found[order] = np.arange(1, len(order) + 1)
    return found


def recalls(scores: ArrayLike, texts: Sequence[str], *, first: Sequence[int] = FIRST) -> NDArray[np.float64]:
    """Return recall at each of `first`, film to text and text to film, where films with equal texts share them.

    Args:
        scores: (N, N) of N films with the N texts that belong to them, in order.
        texts: N, of which some may be equal: then each of their films is right.
        first: numbers of answers that are looked at.

    Returns:
        (2, len(first)), in [0, 1]. What is tied with the right answer stands before it.

    Raises:
        InputError: if the matrix is not of these texts.
    """
    values, count = np.asarray(scores, np.float64), len(texts)
    if values.shape != (count, count) or not count:
        raise InputError(f"scores of {count} films with their texts must be ({count}, {count}), got {values.shape}")
    known, number = np.unique(np.asarray(texts, np.str_), return_inverse=True)
    where = np.array([np.flatnonzero(number == each)[0] for each in range(len(known))])
    different = values[:, where]  # (N films, U texts)
    ways = []
    for table, right in (
        (different, number[:, None] == np.arange(len(known))), (different.T, np.arange(len(known))[:, None] == number)
    ):  # fmt: skip
        best = np.where(right, table, -np.inf).max(1, keepdims=True)
        rank = 1 + (~right & (table >= best)).sum(1)
        ways.append([float(np.mean(rank <= each)) for each in first])
    return np.array(ways)
