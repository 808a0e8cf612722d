"""Scene graph, entity graph and timeline of made reports say what the facts say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from hilum.core.finding import Finding
from hilum.phantom.derived import Derived, course, derive, graph_faults, scene_faults, timeline_faults
from hilum.phantom.narrate import narrate, told
from hilum.text.radgraph import from_radgraph
from hilum.text.timeline import summary

from .stories import Told, drawn, of, plan, visit

Course = list[tuple[Told, Derived]]


@cache
def courses() -> tuple[Course, ...]:
    """Each patient's studies with what follows from their reports."""
    made: dict[str, Course] = {}
    for each in drawn(150):
        held = made.setdefault(each.patient.id, [])
        held.append((each, derive(each.report, held[-1][1] if held else None)))
    return tuple(made.values())


def test_every_scene_has_what_is_there_on_its_side_and_nothing_that_is_not() -> None:
    for made in courses():
        for each, read in made:
            assert scene_faults(read.scene, told(each.findings)) == ()


def test_every_graph_states_each_fact_in_its_state() -> None:
    for made in courses():
        for _, read in made:
            assert graph_faults(read) == ()


def test_every_timeline_has_the_course_of_the_facts() -> None:
    for made in courses():
        line = course((each.name, each.visit.time, read) for each, read in reversed(made))
        assert [each.study_id for each in line.visits] == [each.name for each, _ in made]
        assert timeline_faults(line, [told(each.findings) for each, _ in made]) == ()


def test_graphs_survive_radgraphs_files() -> None:
    for made in courses()[:20]:
        for _, read in made:
            document = read.radgraph()
            again = from_radgraph(document)
            assert [entity.label for entity in again.entities] == [entity.label for entity in read.graph.entities]
            assert document["data_source"] == "hilum virtual patients"


def test_relations_tell_change_against_the_scene_before() -> None:
    before = narrate(of(plan("pleural effusion", 0.6, "left")), visit(), seed=1, name="a")
    later = of(plan("pleural effusion", 0.3, "left"), before=(plan("pleural effusion", 0.6, "left"),))
    read = derive(narrate(later, visit(), seed=1, name="b", prior=True), derive(before))
    changes = {(each.site, each.change) for each in read.scene.relations}
    assert ("left costophrenic angle", "improved") in changes
    assert all(each.told for each in read.scene.relations)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sites": ("right pleural space",)}, "on the right"),
        ({"concept": "pneumothorax"}, "no 'pneumothorax'"),
        ({"state": "absent", "attributes": {}}, "absent and the scene has it"),
    ],
)
def test_a_scene_that_says_something_else_is_noticed(changed: dict[str, Any], said: str) -> None:
    findings = told(of(plan("pleural effusion", 0.4, "left")))
    read = derive(narrate(findings, visit(), seed=1))
    assert scene_faults(read.scene, findings) == ()
    other = [replace(findings[0], **changed), *findings[1:]]
    assert any(said in fault for fault in scene_faults(read.scene, other))


def test_a_timeline_that_says_something_else_is_noticed() -> None:
    findings = told(of(plan("pleural effusion", 0.4, "left")))
    line = course([("a", datetime(2020, 1, 1), derive(narrate(findings, visit(), seed=1)))])
    assert timeline_faults(line, [findings]) == ()
    assert "which is not there" in timeline_faults(line, [findings[1:]])[0]
    assert "the timeline has it not" in timeline_faults(line, [[*findings, Finding("emphysema")]])[0]


def test_a_graph_that_lost_an_entity_is_noticed() -> None:
    read = derive(narrate(of(plan("pleural effusion", 0.4, "left")), visit(), seed=1))
    poorer = replace(read, graph=replace(read.graph, entities=()))
    assert len(graph_faults(poorer)) == len(read.parsed.facts)


def test_a_course_can_be_summed_up() -> None:
    stages = (
        (0.7, None),
        (0.4, (plan("pleural effusion", 0.7, "left"),)),
        (0.0, (plan("pleural effusion", 0.4, "left"),)),
    )
    made, before = [], None
    for number, (severity, prior) in enumerate(stages):
        now = (plan("pleural effusion", severity, "left"),) if severity else ()
        report = narrate(of(*now, before=prior), visit(), seed=1, name=f"s{number}", prior=prior is not None)
        before = derive(report, before)
        made.append((f"s{number}", datetime(2020, 1, 1 + number), before))
    line = course(made)
    (group,) = [each for each in line.groups if each.key.family == "pleural effusion"]
    assert [state for _, _, state in group.course] == ["present", "present", "resolved"]
    assert "resolved" in next(text for text in summary(line) if text.startswith("pleural effusion left"))
