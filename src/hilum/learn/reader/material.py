"""What the builders of tasks share: a study's pictures and sections as a preset takes them, and its facts in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import checked_prior, frontal_of, shown_of
from hilum.learn.reader.sample import Sample, Turn, boxes_of
from hilum.learn.reader.sections import facts_of, fitted, without_comparisons
from hilum.text.bank import statement
from hilum.text.nouns import parts


def context_of(study: Study, preset: Preset) -> dict[str, str]:
    """Return the sections of a study that a preset reads; a prior report only where there is a prior with a frontal.

    Raises:
        RefusedError: if the prior may not be compared with.
    """
    report, found = study.report, {}
    if report is not None:
        found = {name: getattr(report, name) for name in ("indication", "technique", "comparison")}
    if "prior_report" in preset.sections and "prior_front" in preset.roles:
        prior = checked_prior(study)
        if prior is not None and prior.report is not None and frontal_of(prior) is not None:
            prose = f"{prior.report.findings} {prior.report.impression}"
            found["prior_report"] = facts_of(prior.report) if preset.prior_facts else prose
    return {name: " ".join(text.split()) for name, text in found.items() if name in preset.sections and text.strip()}


def sample_of(
    task: str, study: Study, preset: Preset, turns: Sequence[Turn], *, options: Sequence[str] = (),
    compares: bool = False,
) -> Sample:  # fmt: skip
    """Return a sample about a study with these turns: its pictures, its sections (cut where too long) and boxes.

    Args:
        task, study, preset, turns: what is asked of whom, and how.
        options: to choose from.
        compares: whether the task is about change; a preset whose targets are cleared of comparisons shows a prior
            only then.

    Raises:
        RefusedError: if the study lacks the film the preset needs, or its prior may not be compared with.
    """
    preset = asked_by(preset, compares=compares)
    context, notes = fitted(context_of(study, preset), preset.longest)
    return Sample(
        f"{task}/{study.id}", study.patient, study.id, task, shown_of(study, preset.roles, frontal=preset.frontal),
        tuple(turns), context, tuple(options), boxes_of(turns[-1].answer), notes,
    )  # fmt: skip


def asked_by(preset: Preset, *, compares: bool) -> Preset:
    """Return the preset with the pictures it takes for a task that compares, or for one that does not."""
    if compares or not preset.clean or "prior_front" not in preset.roles:
        return preset
    return preset.changed(roles=tuple(role for role in preset.roles if role != "prior_front"))


def target_text(text: str, preset: Preset) -> str:
    """Return a section as a target: cleared of comparisons where the preset says so, or '' where nothing is left."""
    return without_comparisons(text) if preset.clean else " ".join(text.split())


def noun_of(finding: Finding, *, placed: bool = True, graded: bool = False) -> str:
    """Return a finding as a noun, with its place ('left pleural effusion') and its grade where wanted."""
    told = {k: v for k, v in finding.attributes.items() if graded and k in ("severity", "extent", "size")}
    bare = Finding(finding.concept, sites=finding.sites if placed else (), attributes=told, id="x")
    words = parts(statement(bare, 0, False))
    return words["bare"] + (words["where"] if placed else "")


def present(study: Study) -> list[Finding]:
    """Return the findings that are there."""
    return [finding for finding in study.findings if finding.state == "present"]


def denied(study: Study) -> list[str]:
    """Return the concepts that are said to be absent, and not present anywhere; what is not mentioned is neither."""
    there = {finding.concept for finding in study.findings if finding.state != "absent"}
    return list(dict.fromkeys(f.concept for f in study.findings if f.state == "absent" and f.concept not in there))


def boxes_on(finding: Finding, film: Image) -> tuple[Box, ...]:
    """Return a finding's boxes on one film, of its masks where it has no box."""
    here = [region for region in finding.regions if region.image == film.id]
    boxes = [region for region in here if isinstance(region, Box)]
    if not boxes:
        boxes = [box for region in here if isinstance(region, Mask) if (box := region.box()) is not None]
    return tuple(boxes)


def placed(study: Study, findings: Iterable[Finding]) -> list[tuple[Finding, tuple[Box, ...]]]:
    """Return the findings that have boxes on the current frontal film, with them."""
    film = frontal_of(study)
    told = [(finding, boxes_on(finding, film)) for finding in findings] if film else []
    return [(finding, boxes) for finding, boxes in told if boxes]
