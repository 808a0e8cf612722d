"""A patient's dated reports in one line: which rows are one entity, and where its episodes begin and end.

Source: the sequential rules of Lunguage (Moon et al., arXiv 2505.21190) and the prompt in lunguage-score 1.0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from hilum.core.errors import InputError
from hilum.text.families import Key, key, resolve
from hilum.text.lunguage import Record
from hilum.text.parse import Parsed
from hilum.text.structure import Row, structure

GAP_MONTHS = 4.0
"""A finding not reported for longer than this begins a new episode; Lunguage says 'several months'."""
_DAYS = 365.25 / 12  # to a month
_SYMPTOMS = ("PATIENT INFO.", "COF")


class Visit(NamedTuple):
    """One report of a patient.

    Args:
        study_id: unique among the patient's.
        time: when the film was taken; decides the order, never the identifier.
        parsed: the report.
    """

    study_id: str
    time: datetime | date
    parsed: Parsed


class TimedRow(NamedTuple):
    """A row of the timeline.

    Args:
        study_id, sequence: its report and the place of that among the visits, from 1.
        row: as `structure` returns it.
        group: number of its entity group in `Timeline.groups`.
        episode: Lunguage's TemporalGroup, from 1 in each group.
    """

    study_id: str
    sequence: int
    row: Row
    group: int
    episode: int


@dataclass(frozen=True)
class Group:
    """One entity followed through the visits.

    Args:
        name: entity and location, e.g. 'pleural effusion left'; unique in a timeline.
        key: its identity.
        cat: Lunguage's category.
        course: (sequence, episode, state) of every visit that tells of it, state 'present', 'absent', 'resolved'
            or 'removed'.
    """

    name: str
    key: Key
    cat: str
    course: tuple[tuple[int, int, str], ...]

    @property
    def first_seen(self) -> int:
        """Sequence of the first visit that has it, 0 if none."""
        return next((sequence for sequence, _, state in self.course if state == "present"), 0)


@dataclass(frozen=True)
class Timeline:
    """A patient's visits in order of time, their rows, and the entity groups."""

    visits: tuple[Visit, ...]
    rows: tuple[TimedRow, ...]
    groups: tuple[Group, ...]

    def records(self, subject_id: str = "", *, report: bool = False) -> tuple[Record, ...]:
        """Return the rows for `lunguage.dumps`; with the report's text in each where wanted."""
        texts = {visit.study_id: visit.parsed.text for visit in self.visits} if report else {}
        return tuple(
            Record(
                subject_id, each.study_id, each.row, each.sequence, self.groups[each.group].name, each.episode,
                texts.get(each.study_id, ""),
            )
            for each in self.rows
        )  # fmt: skip


def timeline(visits: Iterable[Visit], *, gap_months: float = GAP_MONTHS) -> Timeline:
    """Return the timeline of one patient; the order the visits are given in does not matter.

    Args:
        visits: of one patient, each with its own time.
        gap_months: a finding not told of for longer begins a new episode; devices and normal findings do not.

    Raises:
        InputError: if a study is given twice, a time is missing, two times are equal, or only some have a zone.
    """
    ordered = _ordered(list(visits))
    if not gap_months > 0:
        raise InputError(f"gap_months must be greater than 0, got {gap_months}")
    told = [[(key(row), row) for row in structure(visit.parsed)] for visit in ordered]
    settled = resolve(frozenset(each for rows in told for each, _ in rows))
    by_group: dict[Key, list[tuple[int, Row]]] = {}
    for sequence, rows in enumerate(told, 1):
        for each, row in rows:
            by_group.setdefault(settled[each], []).append((sequence, row))
    keys = sorted(by_group)
    days = [(_stamp(visit.time) - _stamp(ordered[0].time)).total_seconds() / 86_400 for visit in ordered]
    denials = {each: _denials(rows) for each, rows in by_group.items()}
    groups = []
    for each in keys:
        closing = [s for other in keys if _covers(other, each) for s in denials[other]]
        groups.append(Group(_name(each), each, by_group[each][0][1].cat,
                            _course(by_group[each], closing, days, gap_months)))  # fmt: skip
    place = {each: number for number, each in enumerate(keys)}
    episodes = [{sequence: episode for sequence, episode, _ in group.course} for group in groups]
    rows_out = []
    for sequence, rows in enumerate(told, 1):
        for each, row in rows:
            group = place[settled[each]]
            rows_out.append(TimedRow(ordered[sequence - 1].study_id, sequence, row, group, episodes[group][sequence]))
    return Timeline(tuple(ordered), tuple(rows_out), tuple(groups))


def _stamp(time: datetime | date) -> datetime:
    return time if isinstance(time, datetime) else datetime(time.year, time.month, time.day)


def _ordered(visits: list[Visit]) -> list[Visit]:
    """Visits by time; a time that is missing or shared leaves the order open and is refused."""
    seen: set[str] = set()
    for visit in visits:
        if not isinstance(visit.time, date):
            raise InputError(f"study '{visit.study_id}' has no date-time, so its place among the visits is not known")
        if visit.study_id in seen:
            raise InputError(f"study '{visit.study_id}' is given twice: give each report once")
        seen.add(visit.study_id)
    if len({_stamp(visit.time).tzinfo is None for visit in visits}) > 1:
        raise InputError("some visits have a time zone and some have none: give it for all or for none")
    ordered = sorted(visits, key=lambda visit: _stamp(visit.time))
    for before, after in pairwise(ordered):
        if _stamp(before.time) == _stamp(after.time):
            raise InputError(
                f"studies '{before.study_id}' and '{after.study_id}' have the same time {before.time}: which came "
                "first is not known; add the time of day, or join them to one report"
            )
    return ordered


def _name(each: Key) -> str:
    return " ".join(filter(None, (each.family, each.place, "(history)" if each.past else "")))


def _denials(rows: Sequence[tuple[int, Row]]) -> set[int]:
    """Visits that deny the entity and nowhere affirm it."""
    return {s for s, row in rows if row.dx_status == "negative"} - {s for s, row in rows if row.dx_status == "positive"}


def _covers(coarse: Key, fine: Key) -> bool:
    """Whether a denial of `coarse` ('no effusion') denies `fine` ('left effusion') too."""
    same = coarse.family == fine.family and coarse.past == fine.past and coarse != fine
    return same and coarse.side in ("", fine.side) and coarse.region in ("", fine.region)


def _course(
    rows: Sequence[tuple[int, Row]], closing: Iterable[int], days: Sequence[float], gap_months: float
) -> tuple[tuple[int, int, str], ...]:
    """(sequence, episode, state) of every visit that tells of a group."""
    by_visit: dict[int, list[Row]] = {}
    for sequence, row in rows:
        by_visit.setdefault(sequence, []).append(row)
    closed = set(closing)
    course: list[tuple[int, int, str]] = []
    for sequence in sorted(by_visit):
        here = by_visit[sequence]
        state = _state(here)
        if not course:
            course.append((sequence, 1, state))
            continue
        last, episode, before = course[-1]
        since_closed = any(last < other < sequence for other in closed)
        far = days[sequence - 1] - days[last - 1] > gap_months * _DAYS
        begins = _begins(here, before, state, since_closed, far)
        course.append((sequence, episode + begins, state))
    return tuple(course)


def _state(rows: Sequence[Row]) -> str:
    """State of an entity at one visit: affirmed over ended over denied."""
    states = {row.event if row.event in ("resolved", "removed") else row.dx_status for row in rows}
    if "positive" in states:
        return "present"
    return next((ended for ended in ("resolved", "removed") if ended in states), "absent")


def _begins(rows: Sequence[Row], before: str, state: str, since_closed: bool, far: bool) -> bool:
    """Whether a visit begins a new episode, given the state told of before it."""
    if rows[0].cat in _SYMPTOMS:
        return True
    if rows[0].cat == "OTH":
        return state == "present" and before != "present"
    if state == "resolved":  # belongs to the episode that it ends
        return before == "absent" or (before == "present" and far)
    if state != before:
        return True
    return state == "present" and (since_closed or far or any(row.event == "new" for row in rows))


def summary(made: Timeline) -> tuple[str, ...]:
    """Return one line for each group that was ever there: what, first seen when, and its course."""
    here: dict[tuple[int, int], list[Row]] = {}
    for each in made.rows:
        here.setdefault((each.group, each.sequence), []).append(each.row)
    lines = []
    for number, group in enumerate(made.groups):
        if group.first_seen and not group.key.past:
            first = made.visits[group.first_seen - 1]
            steps, opened = [], 1
            for sequence, episode, state in group.course:
                mark = f"[{episode}] " if episode > opened else ""
                opened = episode
                day = made.visits[sequence - 1].time
                steps.append(f"{mark}{day:%Y-%m-%d} {_said(here[number, sequence], state)}")
            lines.append(f"{group.name}: first seen {first.time:%Y-%m-%d} ({first.study_id}); {' → '.join(steps)}")
    return tuple(lines)


def _said(rows: Sequence[Row], state: str) -> str:
    """'small, improved': what is said of a group at one visit."""
    cells = [
        cell
        for row in rows
        for cell in (row.severity, row.measurement, row.onset, row.improved, row.worsened, row.no_change)
        if cell
    ]
    said = ", ".join(dict.fromkeys(cells)) or state
    ended = f"{state}: " if state not in ("present", said) else ""
    return ended + said + (" (uncertain)" if all(row.dx_certainty == "tentative" for row in rows) else "")


def to_json(made: Timeline) -> dict[str, Any]:
    """Return the timeline as plain JSON values."""
    return {
        "visits": [{"study_id": visit.study_id, "time": visit.time.isoformat()} for visit in made.visits],
        "groups": [
            {
                "name": group.name, "family": group.key.family, "side": group.key.side, "region": group.key.region,
                "history": group.key.past, "category": group.cat,
                "course": [
                    {"study_id": made.visits[s - 1].study_id, "sequence": s, "episode": e, "state": state}
                    for s, e, state in group.course
                ],
            }
            for group in made.groups
        ],
        "rows": [
            {"study_id": each.study_id, "sequence": each.sequence, "idx": each.row.idx, "group": each.group,
             "episode": each.episode}
            for each in made.rows
        ],
    }  # fmt: skip
