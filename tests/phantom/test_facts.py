"""Facts are the volume's: thresholds by view, words bound to quantities, change from severities, no false denials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.finding import Finding
from hilum.core.vocabulary import concept
from hilum.drr.geometry import Geometry
from hilum.phantom.courses import change_of
from hilum.phantom.facts import CNR_LEAST, facts, is_labelled, most_visible
from hilum.phantom.illness import catalogue
from hilum.phantom.patient import Placed, Plan, Shot
from hilum.phantom.quantities import measure_of, measurements_of, name_of, quantity_table, unit_of, word_for
from hilum.phantom.visits import course_table, is_nuisance_pair

from .stories import by_id, drawn, of, placed, plan, visit


def measured(finding: Finding, name: str) -> float:
    return next(item.value for item in finding.measurements if item.name == name)


def names(finding: Finding) -> set[str]:
    return {item.name for item in finding.measurements}


@pytest.mark.parametrize(
    ("concept_name", "severity", "view", "expected"),
    [
        ("pleural effusion", 0.2, ("PA",), "present"),
        ("pleural effusion", 0.05, ("PA",), "absent"),
        ("pleural effusion", 0.05, ("PA", "LL"), "present"),
        ("pleural effusion", 0.01, ("PA", "LL"), "absent"),
        ("pneumothorax", 0.1, ("PA",), "present"),
        ("pneumothorax", 0.05, ("PA",), "absent"),
        ("cardiomegaly", 0.05, ("PA",), "absent"),
        ("cardiomegaly", 0.2, ("PA",), "present"),
        ("lung nodule", 0.05, ("PA",), "absent"),
        ("lung nodule", 0.1, ("PA",), "present"),
        ("consolidation", 0.01, ("PA",), "absent"),
    ],
)  # fmt: skip
def test_a_finding_is_present_where_its_measure_reaches_the_threshold_of_a_view(
    concept_name: str, severity: float, view: tuple[str, ...], expected: str
) -> None:
    asked = plan(concept_name, severity, "" if concept_name == "cardiomegaly" else "left")
    finding = by_id(of(asked, views=view))[asked.key]
    assert finding.state == expected
    assert (finding.attributes.get("flag") == "below threshold") == (expected == "absent")


def test_label_and_measure_agree_on_every_drawn_study() -> None:
    for told in drawn(300):
        for each, finding in zip(told.placed, told.findings, strict=False):
            entry = catalogue()[each.plan.concept]
            by_measure = any(entry.labelled(each.measures, view) for view in told.visit.views)
            assert (finding.state == "present") == by_measure
            assert finding.state == ("present" if is_labelled(each, told.visit) else "absent")


@pytest.mark.parametrize(
    ("concept_name", "value", "expected"),
    [
        ("pleural effusion", 120, "minimal"), ("pleural effusion", 201, "mild"), ("pleural effusion", 499, "mild"),
        ("pleural effusion", 501, "moderate"), ("pleural effusion", 1_001, "severe"), ("pneumothorax", 19, "mild"),
        ("pneumothorax", 21, "moderate"), ("pneumothorax", 41, "severe"), ("cardiomegaly", 0.54, "mild"),
        ("cardiomegaly", 0.56, "moderate"), ("cardiomegaly", 0.62, "severe"), ("pulmonary edema", 90, "mild"),
        ("pulmonary edema", 150, "moderate"), ("pulmonary edema", 250, "severe"), ("lung nodule", 12, ""),
        ("rib fracture", 2, ""),
    ],
)  # fmt: skip
def test_words_are_bound_to_what_was_measured(concept_name: str, value: float, expected: str) -> None:
    key = measure_of(concept_name) or catalogue()[concept_name].measure
    each = Placed(Plan("a", concept_name, 0.5), None, measures={key: value}, attributes={"severity": "moderate"})
    assert word_for(each) == expected


def test_the_table_of_quantities_is_sound() -> None:
    table = quantity_table()
    for name, entry in table["concepts"].items():
        assert concept(name).name == name
        if name in catalogue():
            assert entry["measure"] == catalogue()[name].measure
        if "words" in entry:
            assert len(entry["words"]) == len(entry["edges"]) + 1
            assert entry["edges"] == sorted(entry["edges"])
    for name in (*table["wordless"], *table["stands for"].values()):
        assert concept(name).name == name


def test_each_graded_finding_says_a_word_that_its_measure_allows() -> None:
    """Except where nothing changed: then the word of the visit before stays."""
    for told in drawn(300):
        for each, finding in zip(told.placed, told.findings, strict=False):
            if finding.state == "present" and finding.change != "unchanged":
                assert finding.attributes.get("severity", "") == word_for(each)


def test_measures_carry_ucum_units() -> None:
    each = Placed(
        Plan("a", "lung nodule", 0.5), None,
        measures={"diameter_mm": 11.6, "volume_ml": 0.8, "excess_hu": 700.0, "ctr": 0.5, "volume_right_ml": 1.0,
                  "volume_loss_share": 0.3},
    )  # fmt: skip
    made = {item.name: (item.value, item.unit) for item in measurements_of(each)}
    assert made["diameter"] == (12.0, "mm")
    assert made["exact diameter"] == (11.6, "mm")
    assert made["volume"] == (0.8, "mL")
    assert made["excess"] == (700.0, "[hnsf'U]")
    assert made["ctr"] == (0.5, "1")
    assert made["volume right"] == (1.0, "mL")
    assert made["volume loss share"] == (0.3, "1")
    assert (name_of("tip_above_carina_mm"), unit_of("tip_above_carina_mm")) == ("tip above carina", "mm")


# ---- change


def test_a_first_visit_compares_nothing() -> None:
    for finding in of(plan("pleural effusion", 0.5, "left"), plan("pacemaker", 1.0)):
        assert finding.change is None
        assert not any(name.endswith("change") for name in names(finding))


@pytest.mark.parametrize(
    ("before", "now", "expected", "millilitres"),
    [
        (0.3, 0.6, "worsened", 585.0),
        (0.6, 0.3, "improved", -585.0),
        (0.3, 0.33, "unchanged", 58.5),
        (0.0, 0.4, "new", 830.0),
        (0.4, 0.0, "resolved", -830.0),
    ],
)
def test_change_and_its_true_amount(before: float, now: float, expected: str, millilitres: float) -> None:
    first = (plan("pleural effusion", before, "left"),) if before else ()
    second = (plan("pleural effusion", now, "left"),) if now else ()
    finding = by_id(of(*second, before=first))["pleural effusion-left"]
    assert finding.change == expected
    assert finding.state == ("absent" if expected == "resolved" else "present")
    assert measured(finding, "volume change") == pytest.approx(millilitres)
    assert measured(finding, "severity change") == pytest.approx(now - before)
    assert finding.sites == ("left pleural space",)


def test_change_agrees_with_the_drawn_severities_and_its_sign_with_the_volume() -> None:
    checked = 0
    for told in drawn(300):
        if not told.prior:
            continue
        first = {each.key: each.severity for each in told.patient.visits[told.number - 1].plans}
        now = {each.key: each.severity for each in told.visit.plans}
        for finding in told.findings:
            if finding.id.startswith("no ") or finding.attributes.get("flag"):
                continue
            expected = change_of(first.get(finding.id, 0.0), now.get(finding.id, 0.0))
            only_view = finding.change is None and expected == "unchanged"
            assert finding.change == expected or only_view
            if finding.change in ("improved", "worsened"):
                assert (measured(finding, "severity change") > 0) == (finding.change == "worsened")
                checked += 1
    assert checked > 80


def test_a_nuisance_only_pair_says_unchanged_and_nothing_else() -> None:
    worn, pairs = set(course_table()["worn"]), 0
    for told in drawn(300):
        quiet = told.prior and is_nuisance_pair(told.patient.visits[told.number - 1], told.visit)
        if not quiet:
            continue
        pairs += 1
        for finding in told.findings:
            if finding.concept not in worn and not finding.id.startswith("no "):
                assert finding.change in ("unchanged", None)
                assert finding.change == "unchanged" or finding.state == "absent" or len(told.visit.views) == 1
    assert pairs > 40


def test_breathing_does_not_move_a_word_over_an_edge() -> None:
    """500 ml is an edge: 2 % more fluid, the same severity, keeps the word of the visit before."""
    asked = plan("pleural effusion", 0.229, "left")
    before, now = placed(asked), placed(asked, wobble=0.05)
    assert (word_for(before), word_for(now)) == ("mild", "moderate")
    found = by_id(facts(visit(asked, day=1), [now], {}, before=[before]))[asked.key]
    assert (found.attributes["severity"], found.change) == ("mild", "unchanged")
    grown = by_id(facts(visit(asked, day=1), [now], {}, before=[replace(before, plan=replace(asked, severity=0.02))]))
    assert grown[asked.key].attributes["severity"] == "moderate"


def test_a_view_that_shows_less_is_no_change() -> None:
    """90 ml are seen on the lateral of the first visit; the second has none, and nothing is said of it."""
    asked = plan("pleural effusion", 0.03, "left")
    first, second = visit(asked, views=("PA", "LL")), visit(asked, day=1)
    found = by_id(facts(second, [placed(asked)], {}, before=[placed(asked)], before_visit=first))
    assert found[asked.key].state == "absent"
    assert found[asked.key].change is None
    assert "no pleural effusion" not in found
    back = by_id(facts(first, [placed(asked)], {}, before=[placed(asked)], before_visit=second))
    assert (back[asked.key].state, back[asked.key].change) == ("present", None)


def test_a_device_goes_and_another_comes() -> None:
    found = by_id(of(plan("pacemaker", 1.0), before=(plan("chest tube", 1.0, "left"),)))
    assert (found["pacemaker-"].state, found["pacemaker-"].change) == ("present", "new")
    assert (found["chest tube-left"].state, found["chest tube-left"].change) == ("absent", "resolved")


# ---- what is seen, and what is denied


def test_an_invisible_finding_is_flagged_and_not_denied() -> None:
    asked = plan("lung nodule", 0.4, "right")
    now = visit(asked)
    faint = by_id(facts(now, [placed(asked)], {asked.key: CNR_LEAST * 0.9}))
    assert faint[asked.key].attributes["flag"] == "invisible"
    assert faint[asked.key].state == "present"
    assert "no lung nodule" not in faint
    assert measured(faint[asked.key], "detectability") == pytest.approx(CNR_LEAST * 0.9)
    dark = by_id(facts(now, [placed(asked)], {asked.key: -2.0}))
    assert "flag" not in dark[asked.key].attributes
    assert "flag" not in by_id(facts(now, [placed(asked)], {}))[asked.key].attributes
    assert "flag" in by_id(facts(now, [placed(asked)], {asked.key: 2.0}, cnr_least=3.0))[asked.key].attributes


def test_the_best_view_counts() -> None:
    geometry = Geometry.__new__(Geometry)
    shots = [
        Shot("PA", geometry, {}, {}, {}, {"a": -3.0, "b": 0.2}),
        Shot("LL", geometry, {}, {}, {}, {"a": 1.0, "b": 0.9}),
    ]
    assert most_visible(shots) == {"a": 3.0, "b": 0.9}


def test_absence_is_told_of_what_was_looked_for_and_is_not_there() -> None:
    bare = of()
    assert all(finding.state == "absent" and finding.change is None for finding in bare)
    assert {"pleural effusion", "pneumothorax", "cardiomegaly"} <= {finding.concept for finding in bare}
    ill = of(plan("pleural effusion", 0.5, "left"), plan("calcified granuloma", 0.9, "right"))
    denied = {finding.concept for finding in ill if finding.state == "absent"}
    assert "pleural effusion" not in denied
    assert "lung nodule" not in denied  # a granuloma is a nodule
    assert "pneumothorax" in denied
    gone = of(before=(plan("pleural effusion", 0.5, "left"),))
    assert [finding.id for finding in gone if finding.concept == "pleural effusion"] == ["pleural effusion-left"]


def test_what_is_looked_for_can_be_chosen() -> None:
    now = visit()
    assert [finding.concept for finding in facts(now, [], {}, negatives=("Mass",))] == ["lung mass"]
    assert facts(now, [], {}, negatives=()) == ()


def test_ids_are_unique_and_are_the_plans_keys() -> None:
    for told in drawn(100):
        ids = [finding.id for finding in told.findings]
        assert len(set(ids)) == len(ids)
        assert {each.key for each in told.visit.plans} <= set(ids)


def test_facts_do_not_depend_on_pixels_or_chance() -> None:
    one, other = ([told.findings for told in drawn(20, visible=visible)] for visible in (5.0, 5.5))
    bare = [[replace(f, measurements=tuple(m for m in f.measurements if "detectability" not in m.name)) for f in found]
            for found in (*one, *other)]  # fmt: skip
    assert bare[: len(one)] == bare[len(one) :]
    assert np.unique([len(found) for found in one]).size > 2


def test_what_was_never_seen_is_not_told_to_have_gone() -> None:
    asked = plan("lung nodule", 0.4, "right")
    for seen, flag in ((0.3, "invisible"), (4.0, None)):
        found = by_id(facts(visit(day=1), [], {}, before=[placed(asked)], before_visible={asked.key: seen}))
        assert found[asked.key].change == "resolved"
        assert found[asked.key].attributes.get("flag") == flag
        assert "no lung nodule" not in found


def test_a_change_that_the_volume_belies_is_not_told() -> None:
    """More severe, and less of it: a growing effusion took the room of the consolidation."""
    first, now = placed(plan("consolidation", 0.3, "left")), placed(plan("consolidation", 0.6, "left"))
    asked = visit(now.plan, day=1)
    assert by_id(facts(asked, [now], {}, before=[first]))[now.plan.key].change == "worsened"
    pushed = replace(now, measures={"volume_ml": 60.0})
    found = by_id(facts(asked, [pushed], {}, before=[first]))[now.plan.key]
    assert (found.state, found.change) == ("present", None)
    assert measured(found, "volume change") < 0
