"""What follows from a made report: scene graph, RadGraph, timeline; and whether each still says what is true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hilum.core.finding import Finding
from hilum.core.report import Report
from hilum.core.vocabulary import ancestors
from hilum.core.vocabulary import concept as known
from hilum.text.families import families
from hilum.text.graph import graph
from hilum.text.graph_schema import Graph
from hilum.text.parse import Parsed, parse
from hilum.text.radgraph import to_radgraph
from hilum.text.scene import Scene, scene
from hilum.text.scene_table import attribute_of
from hilum.text.sites import each_side
from hilum.text.timeline import Timeline, timeline
from hilum.text.timeline import Visit as Told


@dataclass(frozen=True)
class Derived:
    """A report read: facts, the anatomy-centred scene (Chest ImaGenome) and the entity graph (RadGraph)."""

    parsed: Parsed
    scene: Scene
    graph: Graph

    def radgraph(self, *, split: str = "inference") -> dict[str, Any]:
        """Return the graph as one document of RadGraph's files."""
        return to_radgraph(self.graph, source="hilum virtual patients", split=split)


def derive(report: Report, before: Derived | None = None) -> Derived:
    """Return what follows from a report.

    Args:
        report: as `narrate` returns it.
        before: of the visit before, so that the scene's relations tell whether it spoke of the same.
    """
    parsed = parse(report)
    return Derived(parsed, scene(parsed, before.parsed if before else None), graph(parsed))


def course(visits: Iterable[tuple[str, datetime, Derived]]) -> Timeline:
    """Return the timeline of one patient.

    Args:
        visits: (name of the study, its time, what follows from its report), in any order.
    """
    return timeline(Told(name, time, made.parsed) for name, time, made in visits)


def scene_faults(made: Scene, said: Iterable[Finding]) -> tuple[str, ...]:
    """Return one line for each told finding that the scene lacks, denies, or has on the other side only.

    Args:
        made: of the report.
        said: what `told` returned for it.
    """
    yes, faults = made.pairs("yes"), []
    named = [(finding, attribute.name) for finding in said
             if (attribute := attribute_of(finding.concept, {}, "")) is not None]  # fmt: skip
    held = {name for finding, _ in named if finding.state == "present" for name in _implied(finding.concept)}
    for finding, name in named:
        sites = {site for site, other in yes if other == name}
        if finding.state == "absent":
            faults += [f"{finding.id}: '{name}' is absent and the scene has it"] if sites and name not in held else []
            continue
        sides = set() if known(finding.concept).kind == "device" else _sides(finding)
        lost = [side for side in sides if not any(site.startswith(side) for site in sites)]
        faults += [f"{finding.id}: the scene has no '{name}'"] if not sites else []
        faults += [f"{finding.id}: the scene has no '{name}' on the {side}" for side in lost if sites]
    return tuple(faults)


def _implied(name: str) -> set[str]:
    """Attributes that a concept and the wider ones above it mean: linear atelectasis is atelectasis."""
    found = (attribute_of(each, {}, "") for each in (name, *(wider.name for wider in ancestors(name))))
    return {attribute.name for attribute in found if attribute is not None}


def graph_faults(made: Derived) -> tuple[str, ...]:
    """Return one line for each fact whose words are no observation of the same state in the graph."""
    labels = {"present": "OBS-DP", "absent": "OBS-DA", "uncertain": "OBS-U"}
    faults = []
    for fact in made.parsed.facts:
        over = {e.label for e in made.graph.entities if e.start < fact.end and e.end > fact.start}
        if fact.history or labels[fact.state] in over or _gone(fact.attributes.get("change", ())):
            continue
        faults.append(f"{made.parsed.text[fact.start : fact.end]}: {fact.state}, in the graph {sorted(over) or 'none'}")
    return tuple(faults)


def _gone(change: Sequence[str]) -> bool:
    """Whether a fact has ended: RadGraph writes 'resolved effusion' as a present observation that is modified."""
    return "resolved" in change or "removed" in change


def timeline_faults(made: Timeline, said: Sequence[Iterable[Finding]]) -> tuple[str, ...]:
    """Return one line for each visit at which the timeline and the facts do not agree on what is there.

    Args:
        made: of one patient.
        said: what `told` returned for each visit, earliest first.
    """
    faults = []
    for number, findings in enumerate(said, 1):
        there = {_family(finding) for finding in findings if finding.state == "present"}
        shown = {each.group for each in made.rows if each.sequence == number and each.row.section != "hist"}
        told = {made.groups[place].key.family for place in shown
                if any(at == number and state == "present" for at, _, state in made.groups[place].course)}  # fmt: skip
        faults += [f"visit {number}: '{name}' is there, the timeline has it not" for name in sorted(there - told)]
        faults += [f"visit {number}: the timeline has '{name}', which is not there" for name in sorted(told - there)]
    return tuple(faults)


def _family(finding: Finding) -> str:
    name = "rib fracture" if finding.concept == "healed rib fracture" else finding.concept
    return families().get(name, name)


def _sides(finding: Finding) -> set[str]:
    return {side for site in finding.sites for side, _ in each_side(site) if side}
