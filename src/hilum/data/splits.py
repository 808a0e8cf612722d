"""Official splits: patient -> the part that the owners' table puts it in, read on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from hilum.core.errors import InputError


def official(
    pairs: Callable[[], Iterable[tuple[str, str]]], *, what: str, order: tuple[str, ...] = ()
) -> Callable[[str], str]:
    """Return a function from patient to split for a Cohort.

    Args:
        pairs: gives (patient, split) anew each time, a patient as often as the table does.
        what: the table as an error names it.
        order: of splits, from the one to train on to the one to test on. Where a table splits by report, a patient
            that is in several counts to the last of them, so that nothing tested on is trained on. Without an order
            such a table is refused.

    Raises:
        InputError: on use, if a patient is in several splits and no order is given, or in none.
    """

    @cache
    def table() -> dict[str, str]:
        found: dict[str, str] = {}
        for patient, split in pairs():
            held = found.setdefault(patient, split)
            if held == split:
                continue
            if not {held, split} <= set(order):
                raise InputError(f"{what} has patient '{patient}' in '{held}' and '{split}': no patient may be split")
            found[patient] = max(held, split, key=order.index)
        return found

    def split_of(patient: str) -> str:
        if patient not in table():
            raise InputError(f"{what} does not name patient '{patient}'")
        return table()[patient]

    return split_of
