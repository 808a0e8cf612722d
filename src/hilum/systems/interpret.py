"""From a model's per-film assessments to one study: findings with sites, comparison and a draft report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hilum.core.finding import Change, Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.core.zones import zones_of
from hilum.systems._interpret_views import view_notes, with_view
from hilum.text.phrase import compose

if TYPE_CHECKING:
    from hilum.learn.reader.draft import Draft
    from hilum.systems.embedded import Assessment, Embedded


@dataclass(frozen=True)
class Reading:
    """A study as read: findings and draft in `study`, lung masks beside it, and refused films with reasons.

    A reader's written draft stands beside the findings in `draft`, or `undrafted` says why there is none.
    """

    study: Study
    masks: tuple[Mask, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    draft: Draft | None = None
    undrafted: str = ""

    @property
    def accepted(self) -> bool:
        """Whether at least one film was read."""
        return len(self.refused) < len(self.study.films)


def interpret(study: Study, model: Embedded, *, prior: Reading | None = None, seed: int = 0) -> Reading:
    """Read every film of a study and write its draft.

    Args:
        study: films with or without a known view; a finding or report already there is kept.
        model: the film model.
        prior: the earlier study, read by the same model; comparison words appear only with it.
        seed: chooses among equivalent phrasings.

    Returns:
        The reading; a refused film adds no finding and its reason is kept.
    """
    seen = [(film, model.assess(film.display(), stated_view=film.view)) for film in study.films]
    notes = [note for film, result in seen for note in view_notes(film, result)]
    seen = [(with_view(film, result), result) for film, result in seen]
    earlier = replace(prior.study, prior=None) if prior else study.prior  # a long timeline is not held by its end
    shown = replace(study, images=tuple(film for film, _ in seen), prior=earlier)
    refused = tuple((film.id, result.reason) for film, result in seen if not result.chest)
    notes += [
        f"film {number} of {len(seen)} refused: {r.reason}" for number, (_, r) in enumerate(seen, 1) if not r.chest
    ]
    if any(film.synthetic for film, _ in seen):
        notes.append("a computed film: what is found on it says nothing of how the model does on real films")
    if len(refused) == len(seen):
        return Reading(shown.add(made_by=model.made_by, notes=notes), refused=refused)
    read = [(film, result) for film, result in seen if result.chest]
    masks = tuple(Mask(r.lungs, image=film.id, label="lungs") for film, r in read if r.lungs is not None)
    findings = _compared(_merged(read, masks, model), prior)
    missing = _not_assessed(result.not_assessed for _, result in read)
    draft = compose(
        findings,
        not_assessed=tuple(name for name, _ in missing),
        views=tuple(film.view for film, _ in read),
        prior_read=prior is not None and prior.accepted,
        seed=seed,
    )
    report = None if study.report else replace(draft, made_by=model.made_by)
    answer = shown.add(findings=findings, report=report, made_by=model.made_by, not_assessed=missing, notes=notes)
    return Reading(answer, masks, refused)


def _merged(read: list[tuple[Image, Assessment]], masks: tuple[Mask, ...], model: Embedded) -> list[Finding]:
    """Of several films, keep each concept's most probable reading."""
    lungs = {mask.image: mask for mask in masks}
    best: dict[str, Finding] = {}
    for film, result in read:
        for found in result.findings:
            boxes = tuple(replace(box, image=film.id) for box in found.boxes)
            mask = lungs.get(film.id)
            finding = Finding(
                found.concept,
                found.state,
                found.probability,
                calibration=found.calibration,
                sites=_sites(boxes, mask, film, found.concept),
                regions=boxes,
                made_by=model.made_by,
                id=f"f-{found.concept.replace(' ', '-')}",
            )
            held = best.get(found.concept)
            if held is None or (finding.probability or 0) > (held.probability or 0):
                best[found.concept] = finding
    return sorted(best.values(), key=lambda f: (("present", "uncertain", "absent").index(f.state), f.concept))


def _sites(boxes: tuple[Box, ...], mask: Mask | None, film: Image, concept: str) -> tuple[str, ...]:
    """Side and zone of boxes; none where the header's orientation says the film does not lie as shown."""
    upright = film.orientation is None or (film.orientation[0][:1] in ("L", "R") and film.orientation[1][:1] == "F")
    if not (boxes and mask and upright):
        return ()
    return zones_of(boxes, mask.pixels, film.orientation, concept=concept)


def _compared(findings: list[Finding], prior: Reading | None) -> tuple[Finding, ...]:
    """Mark what appeared or went since the prior; two films that both show it prove no 'unchanged'."""
    if prior is None or not prior.accepted:
        return tuple(findings)
    before: Mapping[str, str] = {finding.concept: finding.state for finding in prior.study.findings}
    words: Mapping[tuple[str, str], Change] = {("absent", "present"): "new", ("present", "absent"): "resolved"}
    compared = []
    for finding in findings:
        then = before.get(finding.concept)
        if then is None:
            compared.append(finding)
            continue
        attributes = {**finding.attributes, "prior": then}
        compared.append(replace(finding, change=words.get((then, finding.state)), attributes=attributes))
    return tuple(compared)


def _not_assessed(parts: Iterable[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """A concept is not assessed only if no film of the study allowed it."""
    listed = [dict(part) for part in parts]
    everywhere = set(listed[0]).intersection(*listed[1:])
    return tuple((name, reason) for name, reason in listed[0].items() if name in everywhere)
