"""Which rows of two reports may be one entity: families of concepts, and places that count as its identity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from hilum.text.spots import read_table
from hilum.text.structure import Row


class Key(NamedTuple):
    """Identity of an entity in a body.

    Args:
        family: name of the entity; concepts of one family are one entity.
        side: 'right', 'left' or '' where it is not said or does not matter.
        region: 'upper', 'lower', 'hilum' ... or ''.
        past: told as history, which is never joined with what a film shows.
    """

    family: str
    side: str = ""
    region: str = ""
    past: bool = False

    @property
    def place(self) -> str:
        """'left lower', 'right', ''."""
        return f"{self.side} {self.region}".strip()


@dataclass(frozen=True)
class _Table:
    family: dict[str, str]
    midline: frozenset[str]
    sided: frozenset[str]
    region: dict[str, str]
    side: dict[str, str]


@cache
def _table() -> _Table:
    told: dict[str, list[tuple[str, str, str]]] = {}
    for row in read_table("families.csv"):
        told.setdefault(row["kind"], []).extend(
            (each, row["name"], row["value"]) for each in row["patterns"].split(";")
        )
    return _Table(
        {each: name for each, name, _ in told["family"]},
        frozenset(each for each, _, _ in told["midline"]),
        frozenset(each for each, _, _ in told["sided"]),
        {each: name for each, name, _ in told["region"]},
        {each: value for each, _, value in told["leftward"]},
    )


def families() -> dict[str, str]:
    """Return concept -> family, for concepts that share one."""
    return dict(_table().family)


def key(row: Row) -> Key:
    """Return what a row is about; rows without a concept are known by their own words."""
    table = _table()
    name = row.concept or row.ent
    family = table.family.get(name, name)
    past = (row.section == "hist" and row.cat in ("PF", "CF", "OTH")) or bool(row.past_hx)
    if name in table.midline or row.cat in ("COF", "NCD", "PATIENT INFO."):
        return Key(family, past=past)
    side = row.side or table.side.get(row.zone, "")
    if name in table.sided or row.cat == "OTH":
        return Key(family, side, past=past)
    return Key(family, side, table.region.get(row.zone, row.zone), past)


def resolve(keys: frozenset[Key]) -> dict[Key, Key]:
    """Return which key each key is told apart as.

    A key that says less ('right', or no place) is joined with one that says more where that is the only one
    it can mean among `keys`; where there are several it stays apart.
    """
    settled: dict[Key, Key] = {}
    for each in keys:
        finer = [other for other in keys if other != each and _says_more(other, each)]
        ends = [other for other in finer if not any(_says_more(most, other) for most in finer)]
        settled[each] = ends[0] if len(ends) == 1 else each
    return settled


def _says_more(fine: Key, coarse: Key) -> bool:
    same = fine.family == coarse.family and fine.past == coarse.past
    return (
        same
        and fine != coarse
        and coarse.side in ("", fine.side)
        and coarse.region in ("", fine.region)
        and (coarse.side, coarse.region) != (fine.side, fine.region)
    )
