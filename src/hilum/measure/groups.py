"""Two groups compared: odds ratios, chi-squared and Fisher's test, logistic regression, Mann-Whitney, ROC of a feature.

Patients may give several rows (nodules, films); what says so takes them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.stats import chi2 as chi2_law
from scipy.stats import fisher_exact, mannwhitneyu, norm

from hilum.core.errors import InputError, need
from hilum.measure.delong import auroc_delong
from hilum.measure.stats import Interval, auroc_interval

Floats = NDArray[np.float64]


class Table(NamedTuple):
    """Counts of a 2 x 2 table: exposed with (a) and without (b) the outcome, unexposed with (c) and without (d)."""

    a: int
    b: int
    c: int
    d: int


class Odds(NamedTuple):
    """An odds ratio ad / bc with its interval (Woolf); `haldane` where 1/2 was added to all cells as one was 0."""

    ratio: Interval
    haldane: bool


class Tested(NamedTuple):
    """A test statistic and its two-sided p."""

    statistic: float
    p: float


class Effect(NamedTuple):
    """A feature in a logistic regression: odds ratio for one unit more, and two-sided p (Wald)."""

    feature: str
    odds: Interval
    p: float


def _two_classes(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    given = np.asarray(values)
    if given.ndim != 1 or given.size == 0:
        raise InputError(f"'{name}' must be a list with at least one value, got shape {given.shape}")
    numbers = _numbers(name, given)
    if not np.isin(numbers, (0.0, 1.0)).all():
        wrong = numbers[~np.isin(numbers, (0.0, 1.0))][0]
        raise InputError(f"'{name}' must hold only 0 and 1 (or True and False), got {wrong}")
    return numbers.astype(bool)


def _numbers(name: str, values: ArrayLike) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"'{name}' must hold numbers, got {np.asarray(values, dtype=object).ravel()[:1]}") from None


def _feature(name: str, values: ArrayLike, count: int) -> Floats:
    made = _numbers(name, values)
    if made.shape != (count,):
        raise InputError(f"'{name}' has shape {made.shape}, but there are {count} outcomes: give one value for each")
    bad = int((~np.isfinite(made)).sum())
    if bad:
        raise InputError(f"'{name}' has {bad} of {count} values that are NaN or infinite: leave those rows out")
    return made


def _both_there(outcome: NDArray[np.bool_]) -> None:
    if outcome.all() or not outcome.any():
        raise InputError(f"all {len(outcome)} outcomes are of one class: two groups are needed")


def two_by_two(exposed: ArrayLike, outcome: ArrayLike) -> Table:
    """Count a 2 x 2 table.

    Args:
        exposed, outcome: (N,) of 0 and 1.

    Raises:
        InputError: if a value is neither 0 nor 1, or lengths differ.
    """
    one, two = _two_classes("exposed", exposed), _two_classes("outcome", outcome)
    if one.shape != two.shape:
        raise InputError(f"'exposed' has {len(one)} values and 'outcome' {len(two)}: give one for each row")
    return Table(int((one & two).sum()), int((one & ~two).sum()), int((~one & two).sum()), int((~one & ~two).sum()))


def _counts(table: Table) -> Floats:
    cells = np.asarray(table, dtype=np.float64)
    if cells.shape != (4,) or not np.isfinite(cells).all() or (cells < 0).any() or (cells % 1).any() or not cells.any():
        raise InputError(f"a 2 x 2 table needs four whole counts of 0 or more, not all 0, got {tuple(table)}")
    return cells


def odds_ratio(table: Table, *, level: float = 0.95) -> Odds:
    """Return ad / bc with Woolf's interval on the log scale; with a 0 among the cells, 1/2 is added to all (Haldane).

    Raises:
        InputError: if the counts are malformed, or a whole row or column is 0.
    """
    cells = _counts(table)
    _margins(cells)
    haldane = bool((cells == 0).any())
    a, b, c, d = cells + 0.5 if haldane else cells
    value = a * d / (b * c)
    reach = float(norm.ppf(0.5 + level / 2) * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))
    return Odds(Interval(float(value), float(value * np.exp(-reach)), float(value * np.exp(reach))), haldane)


def _margins(cells: Floats) -> Floats:
    a, b, c, d = cells
    sums = np.array([a + b, c + d, a + c, b + d])
    if (sums == 0).any():
        name = ("exposed", "unexposed", "with the outcome", "without the outcome")[int(np.argmin(sums))]
        raise InputError(f"no row is {name}: a 2 x 2 table cannot be tested with an empty row or column")
    return sums


def chi_squared(table: Table, *, yates: bool = False) -> Tested:
    """Return chi-squared = n (ad - bc)^2 / product of margins, 1 degree of freedom; `yates` corrects for continuity.

    Raises:
        InputError: see `odds_ratio`.
    """
    cells = _counts(table)
    a, b, c, d = cells
    total, gap = float(cells.sum()), abs(float(a * d - b * c))
    gap = max(0.0, gap - total / 2) if yates else gap
    statistic = float(total * gap**2 / _margins(cells).prod())
    return Tested(statistic, float(chi2_law.sf(statistic, 1)))


def fisher(table: Table) -> Tested:
    """Return the sample odds ratio and Fisher's exact two-sided p: for small counts.

    Raises:
        InputError: if the counts are malformed.
    """
    a, b, c, d = _counts(table)
    found = fisher_exact([[int(a), int(b)], [int(c), int(d)]])
    return Tested(float(found[0]), float(found[1]))


def mann_whitney(feature: ArrayLike, outcome: ArrayLike) -> Tested:
    """Return U of those with the outcome, and its two-sided p: whether a feature ranks higher in one group.

    Raises:
        InputError: if a value is malformed or there is one group only.
    """
    truth = _two_classes("outcome", outcome)
    values = _feature("feature", feature, len(truth))
    _both_there(truth)
    found = mannwhitneyu(values[truth], values[~truth], alternative="two-sided")
    return Tested(float(found.statistic), float(found.pvalue))


def roc(
    feature: ArrayLike, outcome: ArrayLike, patients: Sequence[str] | None = None, *, replicates: int = 1000,
    seed: int = 0,
) -> Interval:  # fmt: skip
    """Return the non-parametric AUROC of a feature: with DeLong's interval, or over bootstrapped patients.

    Args:
        feature: (N,) values.
        outcome: (N,) of 0 and 1.
        patients: of each row; None where every row is a patient of its own, and DeLong's interval holds.
        replicates, seed: of the bootstrap.

    Raises:
        InputError: if a value is malformed, there is one group only, or patients do not fit.
    """
    truth = _two_classes("outcome", outcome)
    values = _feature("feature", feature, len(truth))
    _both_there(truth)
    if patients is None:
        return auroc_delong(truth, values)
    _patients(patients, len(truth))
    return auroc_interval(truth, values, patients, replicates=replicates, seed=seed)


def _patients(patients: Sequence[str], count: int) -> NDArray[np.intp]:
    if len(patients) != count:
        raise InputError(f"{count} outcomes but {len(patients)} patients: give one for each row")
    return np.unique(np.asarray(patients), return_inverse=True)[1].reshape(-1)


def logistic(
    features: Mapping[str, ArrayLike], outcome: ArrayLike, patients: Sequence[str], *, level: float = 0.95
) -> tuple[Effect, ...]:
    """Fit a logistic regression and return each feature's effect, with errors robust to several rows of a patient.

    One feature is univariate; with a confounder beside it, such as size, each effect is adjusted for the others.

    Args:
        features: name -> (N,) values.
        outcome: (N,) of 0 and 1.
        patients: of each row.
        level: of the intervals.

    Raises:
        InputError: if a value is malformed, a feature is constant or made of others, there are too few rows or
            patients, or features separate the outcome perfectly, so that an odds ratio is infinite.
        MissingError: if statsmodels is not installed.
    """
    truth = _two_classes("outcome", outcome)
    _both_there(truth)
    if not features:
        raise InputError("a regression needs at least one feature")
    groups = _patients(patients, len(truth))
    columns = np.stack([_feature(name, values, len(truth)) for name, values in features.items()], axis=1)
    _fit_to_use(tuple(features), columns, truth, int(groups.max()) + 1)
    spread = columns.std(axis=0)
    made = np.column_stack([np.ones(len(truth)), (columns - columns.mean(axis=0)) / spread])
    try:
        from statsmodels.discrete.discrete_model import Logit
    except ModuleNotFoundError:
        raise need("statsmodels", "groups", "a logistic regression") from None
    fit = Logit(truth.astype(float), made).fit(disp=0, maxiter=100, cov_type="cluster", cov_kwds={"groups": groups})
    if not fit.mle_retvals["converged"]:
        raise InputError("the regression did not converge: leave features out or give more rows")
    reach = norm.ppf(0.5 + level / 2) * fit.bse[1:] / spread
    slopes = fit.params[1:] / spread
    rows = zip(features, np.exp(slopes), np.exp(slopes - reach), np.exp(slopes + reach), fit.pvalues[1:], strict=True)
    return tuple(Effect(name, Interval(float(v), float(lo), float(hi)), float(p)) for name, v, lo, hi, p in rows)


def _fit_to_use(names: tuple[str, ...], columns: Floats, truth: NDArray[np.bool_], patients: int) -> None:
    for name, column in zip(names, columns.T, strict=True):
        if np.ptp(column) == 0:
            raise InputError(f"'{name}' is {column[0]:g} in all {len(truth)} rows: a constant says nothing")
    if patients <= len(names) + 1:
        raise InputError(f"{len(names)} features need more than {len(names) + 1} patients, got {patients}")
    scaled = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    if np.linalg.matrix_rank(scaled, tol=1e-8 * np.sqrt(len(truth))) < len(names):
        raise InputError(f"one of {', '.join(names)} is made of the others: leave it out")
    design = np.column_stack([np.ones(len(truth)), scaled]) * np.where(truth, 1.0, -1.0)[:, None]
    found = linprog(-design.mean(axis=0), A_ub=-design, b_ub=np.zeros(len(truth)), bounds=(-1, 1), method="highs")
    if found.status == 0 and -found.fun > 1e-7:  # some plane has no row on its wrong side (Konis 2007)
        raise InputError(
            f"{', '.join(names)} separate the outcome perfectly or nearly: an odds ratio would be infinite; "
            "leave features out, or use a 2 x 2 table with Fisher's test"
        )
