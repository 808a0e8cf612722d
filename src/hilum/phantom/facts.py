"""What is true of a visit: findings with place, amount and change, read from the volume and never from pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from hilum.core.finding import Change, Finding, Measurement, State
from hilum.core.vocabulary import ancestors, concept
from hilum.phantom.courses import STABLE, change_of
from hilum.phantom.illness import catalogue
from hilum.phantom.patient import Placed, Shot, Visit
from hilum.phantom.quantities import measure_of, measurements_of, name_of, unit_of, word_for
from hilum.text.bank import bank
from hilum.text.loop import loop_domain

CNR_LEAST = 1.0
"""Detectability (`imaging_paths.contrasts`) below which a finding is flagged as not to be seen."""
Flag = Literal["invisible", "below threshold"]


def most_visible(shots: Iterable[Shot]) -> dict[str, float]:
    """Return the detectability of each placed finding on the view that shows it best, without its sign."""
    found: dict[str, float] = {}
    for shot in shots:
        for key, value in shot.visible.items():
            found[key] = max(found.get(key, 0.0), abs(float(value)))
    return found


def is_labelled(placed: Placed, visit: Visit) -> bool:
    """Return whether a finding reaches its threshold on one of the views taken: 75 ml of fluid do on a lateral."""
    if placed.plan.severity <= 0:
        return False
    entry = catalogue().get(placed.plan.concept)
    if entry is None or not entry.measure or entry.measure not in placed.measures:
        return placed.labelled
    return placed.labelled or any(
        entry.labelled(placed.measures, view) for view in visit.views if view in entry.by_view
    )


def facts(
    visit: Visit, placed: Sequence[Placed], visible: Mapping[str, float], *, before: Sequence[Placed] | None = None,
    before_visit: Visit | None = None, before_visible: Mapping[str, float] | None = None,
    cnr_least: float = CNR_LEAST, negatives: Iterable[str] | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Return the findings of a visit; regions on its films are left to the caller, who finds them by id.

    A finding is 'present' where its measure reaches the threshold on a view that was taken. One that is below is
    'absent' with the attribute 'flag' 'below threshold'; one that is there and cannot be seen is 'present' with the
    flag 'invisible'; `narrate` tells neither. Change follows the severities drawn (`courses.change_of`) and is None
    where the same amount crosses a threshold because the view changed, or where what was measured went the other way,
    as consolidation does that a growing effusion pushes out. Absence is told of what was looked for and is
    not there, not even unseen.

    Args:
        visit: with its views.
        placed: what became of its plans.
        visible: detectability by `plan.key`; what has none counts as visible.
        before: what became of the plans of the visit before, None where there is none.
        before_visit: that visit, for the views its thresholds hold on; None takes this visit's.
        before_visible: detectability at that visit, so that what was never seen is not told to have gone.
        cnr_least: see CNR_LEAST.
        negatives: concepts looked for; None takes the panel of the sentence bank.

    Returns:
        Findings with unique ids: the plan's key, or 'no ' and the concept.
    """
    earlier = {each.plan.key: each for each in before or ()}
    views = before_visit or visit
    found = [_present_or_below(each, visit, views, visible, earlier, before is not None, cnr_least) for each in placed]
    here = {finding.id for finding in found if finding.state == "present"}
    for key, each in earlier.items():
        if key not in here and is_labelled(each, views):
            found = [finding for finding in found if finding.id != key or not _crossed(key, placed, each)]
            if key not in {finding.id for finding in found}:
                faint = abs((before_visible or {}).get(key, cnr_least)) < cnr_least
                found.append(_resolved(each, placed, faint))
    looked_for = bank()["panel"] if negatives is None else negatives
    unsure = [each.plan.concept for each in placed if _only_view_changed(each, earlier, visit, views)]
    return (*found, *_absences(found, looked_for, unsure))


def _present_or_below(
    each: Placed, visit: Visit, views: Visit, visible: Mapping[str, float], earlier: Mapping[str, Placed],
    compared: bool, cnr_least: float,
) -> Finding:  # fmt: skip
    labelled, before = is_labelled(each, visit), earlier.get(each.plan.key)
    cnr = visible.get(each.plan.key)
    told = {slot: value for slot, value in each.attributes.items() if slot != "severity"}
    measured = [*measurements_of(each), Measurement("severity", each.plan.severity, "1")]
    measured += [] if cnr is None else [Measurement("detectability", float(cnr), "1")]
    measured += _delta(before, each) if compared else []
    if not labelled:
        told["flag"] = "below threshold"
        return _finding(each, "absent", told, None, measured)
    word = _word(each, before, views)
    told |= {"severity": word} if word else {}
    if cnr is not None and abs(cnr) < cnr_least:
        told["flag"] = "invisible"
    return _finding(each, "present", told, _change(each, before, views) if compared else None, measured)


def _finding(
    each: Placed, state: State, told: Mapping[str, str], change: Change | None, measured: Iterable[Measurement]
) -> Finding:
    name = each.plan.concept
    looks = loop_domain()["looks of"].get(name, ())
    slots = {slot: value for slot, value in told.items()
             if slot not in ("morphology", "distribution", "count", "extent", "size") or value in looks}  # fmt: skip
    if each.plan.kind:
        slots["kind"] = each.plan.kind
    return Finding(name, state, sites=each.sites, attributes=slots, change=change, measurements=tuple(measured),
                   id=each.plan.key)  # fmt: skip


def _word(each: Placed, before: Placed | None, views: Visit) -> str:
    """The grade; what did not change keeps the word it had, so that breathing does not move it over an edge."""
    if before is not None and is_labelled(before, views) and _still(before, each):
        return word_for(before)
    return word_for(each)


def _still(before: Placed, now: Placed) -> bool:
    return abs(now.plan.severity - before.plan.severity) <= STABLE + 1e-9


def _change(each: Placed, before: Placed | None, views: Visit) -> Change | None:
    if before is None or not is_labelled(before, views):
        return None if before is not None and _still(before, each) and before.plan.severity > 0 else "new"
    change, measure = change_of(before.plan.severity, each.plan.severity), measure_of(each.plan.concept)
    if change in ("improved", "worsened") and measure in each.measures and measure in before.measures:
        more = each.measures[measure] > before.measures[measure]
        return change if more == (change == "worsened") else None
    return change


def _crossed(key: str, placed: Sequence[Placed], before: Placed) -> bool:
    """Whether a finding fell below its threshold because there is less of it, not because of the view."""
    now = next((each for each in placed if each.plan.key == key), None)
    return now is None or not _still(before, now)


def _resolved(before: Placed, placed: Sequence[Placed], faint: bool) -> Finding:
    """What was there and is not any more, with how much went."""
    now = next((each for each in placed if each.plan.key == before.plan.key), None)
    left = measurements_of(now) if now is not None else ()
    return Finding(
        before.plan.concept, "absent", sites=before.sites, change="resolved",
        attributes={"flag": "invisible"} if faint else {},
        measurements=(*(item for item in left if item.name != "diameter"), *_delta(before, now)), id=before.plan.key,
    )  # fmt: skip


def _delta(before: Placed | None, now: Placed | None) -> list[Measurement]:
    """True change of severity and of the measure the finding is told by, this visit less the one before."""
    some = now or before
    if some is None:
        return []
    levels = [each.plan.severity if each is not None else 0.0 for each in (before, now)]
    made = [Measurement("severity change", levels[1] - levels[0], "1")]
    measure = measure_of(some.plan.concept)
    values = [float(each.measures.get(measure, 0.0)) if each is not None else 0.0 for each in (before, now)]
    if measure and measure in some.measures and not (measure == "ctr" and None in (before, now)):
        made.append(Measurement(f"{name_of(measure)} change", values[1] - values[0], unit_of(measure)))
    return made


def _only_view_changed(each: Placed, earlier: Mapping[str, Placed], visit: Visit, views: Visit) -> bool:
    before = earlier.get(each.plan.key)
    known = before is not None and is_labelled(before, views) and _still(before, each)
    return known and not is_labelled(each, visit)


def _absences(found: Sequence[Finding], negatives: Iterable[str], unsure: Iterable[str]) -> list[Finding]:
    """Concepts that were looked for and of which nothing is there, present or too faint to be seen, or just gone."""
    held: set[str] = set(unsure)
    for finding in found:
        if finding.state == "present" or finding.change == "resolved":
            held |= {finding.concept, *(each.name for each in ancestors(finding.concept))}
    names = [concept(name).name for name in negatives]
    return [Finding(name, "absent", id=f"no {name}") for name in dict.fromkeys(names) if name not in held]
