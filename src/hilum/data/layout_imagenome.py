"""A cohort in the layout of Chest ImaGenome: a scene graph per frontal film, and the splits.

The graphs come from the findings, not from the report's words: a finding is an attribute at its sites and at those they
are part of, at the attribute's default sites where none is known. A phrase is the report's where the finding points to
one. What ImaGenome has no attribute for is left out and said. Boxes of sites are those that `Extras.sites` gives, or
masks among the findings' regions that are labelled with a site.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.core.vocabulary import laterality
from hilum.data.layout_ids import MimicIds, folder
from hilum.data.layout_output import Extras, Table, Written, note, size_of, split_of
from hilum.io.save import save_text
from hilum.text.imagenome import to_imagenome
from hilum.text.scene import Observation, Phrase, Relation, Scene
from hilum.text.scene_table import SIDES, Attribute, attribute_of, attributes, sided, sites

_CHANGES: Mapping[str, str] = {"improved": "improved", "worsened": "worsened", "unchanged": "no change"}
_GRADES = frozenset({"mild", "moderate", "severe"})
_HEADER = ("", "subject_id", "study_id", "dicom_id", "path", "ViewPosition")


def write(cohort: Cohort, out: Path, extras: Extras) -> Written:
    """Write the layout; see `hilum.data.layouts.write_layout`."""
    done, ids, place = Written(out), MimicIds(), out / "silver_dataset"
    orders: dict[str, int] = {}
    with ExitStack() as stack:
        tables: dict[str, Table] = {}
        numbered = stack.enter_context(Table(out / "ids.csv", ("kind", "name", "written")))
        for study in cohort:
            patient, number = ids.patient(study.patient or study.id), ids.study(study.id)
            orders[patient] = orders.get(patient, 0) + 1
            split = split_of(cohort, study)
            made, missing = scene_of(study)
            done.left_out += [(study.id, f"ImaGenome has no attribute for {name}") for name in missing]
            prior = _prior(study)
            for at, film in _frontal(study):
                name = ids.film(study.id, film.id, at)
                boxes = _boxes(study, film, extras)
                graph = to_imagenome(
                    made, image_id=name, patient_id=patient, study_id=number, boxes=boxes, prior_image_id=prior,
                    size=size_of(film) if boxes else None, meta=_meta(study, film, orders[patient]),
                )  # fmt: skip
                save_text(json.dumps(graph, indent=1) + "\n", place / "scene_graph" / f"{name}_SceneGraph.json")
                if split not in tables:
                    tables[split] = stack.enter_context(Table(place / "splits" / f"{split}.csv", _HEADER))
                source = f"files/{folder(patient)}/s{number}/{name}.dcm"
                tables[split].add(done.films, patient, number, name, source, film.view)
                numbered.add("film", film.id or f"{study.id} film {at}", name)
                done.films += 1
            done.studies += bool(_frontal(study))
            if not _frontal(study):
                done.left_out.append((study.id, "ImaGenome holds frontal films, and it has none"))
    note(cohort, "Chest ImaGenome", done)
    return done


def scene_of(study: Study) -> tuple[Scene, tuple[str, ...]]:
    """Return the scene that a study's findings make, and the concepts that ImaGenome has no attribute for."""
    lines: list[tuple[str, str]] = []
    observations: list[Observation] = []
    relations: list[Relation] = []
    missing: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for each in study.findings:
        attribute = attribute_of(each.concept, {key: (value,) for key, value in each.attributes.items()}, "")
        if attribute is None:
            missing[each.concept] = None
            continue
        words, section = _phrase(study, each)
        phrase = numbers.setdefault(words, len(lines))
        if phrase == len(lines):
            lines.append((words, section))
        own = _sites(each, attribute)
        names = [attribute.text(each.state != "absent")]
        if each.state != "absent":
            names += [attributes()[above].text(True) for above in attribute.above]
        change = _CHANGES.get(each.change or "")
        grade = "hedge" if each.state == "uncertain" else each.attributes.get("severity", "")
        observations.append(Observation(
            phrase, tuple(names), own, "said",
            severity=(f"severity|yes|{grade}",) if grade in _GRADES or grade == "hedge" else (),
            comparison=(f"comparison|yes|{change}",) if change else (),
        ))  # fmt: skip
        if change:
            relations += [Relation(site, change, tuple(names), phrase) for site in own]
    text, phrases, at = "\n".join(words for words, _ in lines), [], 0
    for words, section in lines:
        phrases.append(Phrase(at, at + len(words), section))
        at += len(words) + 1
    return Scene(text, tuple(phrases), tuple(observations), tuple(relations)), tuple(missing)


def _phrase(study: Study, finding: Finding) -> tuple[str, str]:
    span = finding.evidence
    if span is not None and study.report is not None and span.end > span.start:
        return " ".join(getattr(study.report, span.section, "")[span.start : span.end].split()), span.section
    state = {"absent": "no ", "uncertain": "possible "}.get(finding.state, "")
    return f"{state}{finding.concept}{' in ' + ', '.join(finding.sites) if finding.sites else ''}", "finalreport"


def _sites(finding: Finding, attribute: Attribute) -> tuple[str, ...]:
    """Objects of the scene: the finding's own sites, else the attribute's default ones on the side that is known."""
    by_concept = {site.concept: name for name, site in sites().items()}
    own = [by_concept[site] for site in finding.sites if site in by_concept]
    if not own:
        sides = {side for site in finding.sites for side in _sides(site)} or set(SIDES)
        own = [sided(family, side) for side in SIDES if side in sides for family in attribute.default]
    allowed = {sided(family, side) for family in attribute.permitted for side in SIDES}
    if finding.state != "absent":
        own += [above for site in own for above in sites()[site].above if above in allowed]
    return tuple(dict.fromkeys(own))


def _sides(site: str) -> tuple[str, ...]:
    try:
        found = laterality(site)
    except InputError:
        found = ""
    return SIDES if found == "bilateral" else (found,) if found else ()


def _frontal(study: Study) -> list[tuple[int, Image]]:
    return [(at, film) for at, film in enumerate(study.films) if film.view in FRONTAL]


def _prior(study: Study) -> str:
    films = _frontal(study.prior) if study.prior else []
    return MimicIds.film(study.prior.id, films[0][1].id, films[0][0]) if study.prior and films else ""


def _boxes(study: Study, film: Image, extras: Extras) -> Mapping[str, Box]:
    if extras.sites is not None:
        return extras.sites(study, film)
    alone = len(study.films) == 1
    masks = (region for each in study.findings for region in each.regions if isinstance(region, Mask))
    found = {}
    for mask in masks:
        if mask.label in sites() and (mask.image == film.id or (alone and not mask.image)) and mask.pixels.ndim == 2:
            box = mask.box()
            if box is not None:
                found[mask.label] = box
    return found


def _meta(study: Study, film: Image, order: int) -> dict[str, str]:
    told = {"viewpoint": film.view, "StudyOrder": str(order)}
    if study.report is not None and study.report.indication:
        told["reason_for_exam"] = study.report.indication
    if study.time:
        told["StudyDateTime"] = study.time.strftime("%Y-%m-%d %H:%M:%S")
    return told
