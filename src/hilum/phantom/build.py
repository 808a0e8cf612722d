"""One virtual patient from the first draw to the last sentence: body, findings, rays, films, facts, words.

Everything about a study is read from its body: boxes and masks from the rays through a finding's own mask, change from
the quantities of two visits, sentences from facts. The same id and recipe give the same study on the same machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL, View
from hilum.core.image import MadeBy
from hilum.core.region import Box, Mask
from hilum.core.study import Provenance, Study
from hilum.phantom.derived import Derived, derive
from hilum.phantom.extras import wanted
from hilum.phantom.facts import facts, most_visible
from hilum.phantom.families import hybrid_anatomy, warp_anatomy
from hilum.phantom.illness import place
from hilum.phantom.imaging import Exposed, expose, shoot
from hilum.phantom.narrate import narrate
from hilum.phantom.patient import Anatomy, Family, Patient, Placed, Pose, Shot, Visit
from hilum.phantom.person import draw_person
from hilum.phantom.questions import questions
from hilum.phantom.recipe import Recipe
from hilum.phantom.samples import SYNTHETIC, Drawn, stored
from hilum.phantom.thorax import draw_thorax
from hilum.phantom.warp import Body
from hilum.phantom.wishes import plans_from_text
from hilum.text.imagenome import to_imagenome

CLASSES = (
    "lung fields", "lungs", "right lung", "left lung", "heart", "ribs", "clavicles", "scapulae", "spine", "trachea",
    "aorta",
)  # fmt: skip
"""Anatomical masks of every film."""
Stages = MutableMapping[str, float]
SCENE_BOXES = {
    "right lung": "right lung", "left lung": "left lung", "cardiac silhouette": "heart", "trachea": "trachea",
    "spine": "spine",
}  # fmt: skip
"""Sites of a scene graph and the anatomical masks whose boxes they get."""
_MADE_BY = MadeBy("hilum virtual patients")
_TAKEN = datetime(2030, 1, 1, 9, 0)  # of a patient drawn from a text, who has one visit


@dataclass(frozen=True, eq=False)
class Before:
    """What a visit leaves for the next one."""

    name: str
    visit: Visit
    placed: tuple[Placed, ...]
    visible: Mapping[str, float]
    derived: Derived


def draw_studies(
    patient: str, recipe: Recipe, *, base: Body | None = None, clock: Stages | None = None
) -> Iterator[Drawn]:
    """Draw one patient of a cohort and yield his studies, earliest first.

    Args:
        patient: id, as `recipe.patient` gives it.
        recipe: of the cohort.
        base: the real CT on equal steps; warped and hybrid families need it.
        clock: CPU seconds are added to it by stage.

    Raises:
        InputError: if the patient's family needs a real CT and none is given.
    """
    drawn = recipe.drawn(patient)
    before: Before | None = None
    for number in range(len(drawn.visits)):
        made, before = _study(drawn, number, recipe, base, before, clock)
        yield made


def draw_from_text(
    text: str, patient: str, recipe: Recipe, *, family: Family, views: Sequence[View], base: Body | None = None
) -> Drawn:
    """Draw a patient who has what a text says, in one visit.

    Args:
        text: e.g. 'moderate left pleural effusion, cardiomegaly'; '' for nothing.
        patient: id.
        recipe: seed, size, spacing and what is wanted besides.
        family: of the anatomy.
        views: films; 'AP' makes it a portable exposure.
        base: as for `draw_studies`.

    Raises:
        InputError: if the text says what cannot be drawn.
    """
    seed = int(np.frombuffer(f"{recipe.seed}|{patient}".encode().ljust(64, b"\0"), "<u4").sum() % (1 << 31))
    pose = Pose("AP" if "AP" in views and "PA" not in views else "PA", exposure_seed=seed, processing_seed=seed)
    visit = Visit(_TAKEN, plans_from_text(text), pose, tuple(views))
    whole = Patient(patient, recipe.seed, draw_person(recipe.seed, patient), family, (visit,))
    return _study(whole, 0, recipe, base, None, None)[0]


def anatomy_of(patient: Patient, pose: Pose, recipe: Recipe, base: Body | None) -> Anatomy:
    """Return a patient's sound body in a pose.

    Raises:
        InputError: if his family needs a real CT and none is given.
    """
    more: dict[str, Any] = {"seed": patient.seed, "patient": patient.id, "spacing_mm": recipe.spacing_mm}
    more |= {"inspiration": pose.inspiration, "supine": pose.supine}
    if patient.family != "parametric" and base is None:
        raise InputError(f"the {patient.family} family is made from a real CT: give it as `base`")
    if patient.family == "warped":
        return warp_anatomy(base, patient.person, **more)  # type: ignore[arg-type]
    made = draw_thorax(patient.person, **more)
    if patient.family == "parametric":
        return made
    return hybrid_anatomy(base, made, seed=patient.seed, patient=patient.id)  # type: ignore[arg-type]


def _study(
    patient: Patient, number: int, recipe: Recipe, base: Body | None, before: Before | None, clock: Stages | None
) -> tuple[Drawn, Before]:
    visit, name = patient.visits[number], f"{patient.id}-{number + 1}"
    with _timed(clock, "anatomy"):
        sound = anatomy_of(patient, visit.pose, recipe, base)
    with _timed(clock, "findings"):
        anatomy, placed = place(sound, visit.plans, supine=visit.pose.supine)
    with _timed(clock, "rays"):
        shots = [shoot(anatomy, placed, visit.pose, view, size=recipe.size, classes=CLASSES, sound=sound)
                 for view in visit.views]  # fmt: skip
    with _timed(clock, "films"):
        films = [expose(shot, visit.pose, name=f"{name}.{shot.view.lower()}") for shot in shots]
    with _timed(clock, "words"):
        drawn, after = _told(patient, number, anatomy, placed, shots, films, before, recipe)
    return drawn, after


@contextmanager
def _timed(clock: Stages | None, name: str) -> Iterator[None]:
    began = time.process_time()
    yield
    if clock is not None:
        clock[name] = clock.get(name, 0.0) + time.process_time() - began


def _told(
    patient: Patient, number: int, anatomy: Anatomy, placed: Sequence[Placed], shots: Sequence[Shot],
    films: Sequence[Exposed], before: Before | None, recipe: Recipe,
) -> tuple[Drawn, Before]:  # fmt: skip
    """Say what is there: findings with their regions, report, questions, and the truth behind them."""
    visit, name = patient.visits[number], f"{patient.id}-{number + 1}"
    visible = most_visible(shots)
    found = facts(
        visit, placed, visible, before=before.placed if before else None,
        before_visit=before.visit if before else None, before_visible=before.visible if before else None,
    )  # fmt: skip
    told = narrate(
        found, visit, seed=patient.seed, name=name, prior=before is not None,
        prior_time=before.visit.time if before else None,
    )  # fmt: skip
    findings = tuple(_shown(finding, films) for finding in found)
    study = Study(
        name, patient.id, visit.time, tuple(stored(film.image) for film in films), told, findings,
        questions(found, visit, seed=patient.seed, name=name),
        provenance=(Provenance(_MADE_BY, ("images", "report", "findings", "questions"), notes=(SYNTHETIC,)),),
    )  # fmt: skip
    derived = derive(told, before.derived if before else None)
    documents = {"scene": _scene(study, patient, derived, films, before), "radgraph": {name: derived.radgraph()}}
    more = wanted(recipe, name, visit, anatomy, placed, shots, findings, told)
    truth = _truth(patient, number, anatomy, placed, shots, films)
    truth["row"] = _row(study, patient, anatomy)
    views = {film.image.view.lower(): tuple(film.anatomy.values()) for film in films}
    drawn = Drawn(study, views, truth, more.films, more.volumes, {**documents, **more.documents}, more.files)
    return drawn, Before(name, visit, tuple(placed), visible, derived)


def _scene(
    study: Study, patient: Patient, derived: Derived, films: Sequence[Exposed], before: Before | None
) -> dict[str, Any]:
    """The scene graph of the frontal film in Chest ImaGenome's layout; its boxes are of this body, not of an atlas."""
    front = next((film for film in films if film.image.view in FRONTAL), films[0])
    boxes = {site: box for site, name in SCENE_BOXES.items() if (box := front.anatomy[name].box()) is not None}
    meta = {"viewpoint": front.image.view, "gender": patient.person.sex[0].upper(),
            "reason_for_exam": study.report.indication if study.report else ""}  # fmt: skip
    prior = f"{before.name}.{before.visit.views[0].lower()}" if before else ""
    return to_imagenome(
        derived.scene, image_id=front.image.id, patient_id=patient.id, study_id=study.id, boxes=boxes,
        size=front.image.pixels.shape, prior_image_id=prior, meta=meta,
    )  # fmt: skip


def _shown(finding: Finding, films: Sequence[Exposed]) -> Finding:
    """Give a finding the regions that its rays make on each film: box and mask."""
    regions: list[Box | Mask] = []
    for film in films:
        if finding.id in film.boxes:
            regions += [film.boxes[finding.id], film.masks[finding.id]]
    return replace(finding, regions=(*finding.regions, *regions))


def _row(study: Study, patient: Patient, anatomy: Anatomy) -> dict[str, Any]:
    """What a data card counts, as JSON."""
    words = sum(len(getattr(study.report, section).split()) for section in ("findings", "impression"))
    return {
        "id": study.id, "patient": patient.id, "family": patient.family, "sex": patient.person.sex,
        "age_years": round(patient.person.age_years, 1), "bmi": round(patient.person.bmi, 1),
        "time": study.time.isoformat() if study.time else "", "views": [film.view for film in study.films],
        "words": words, "measures": {"ctr": anatomy.log.get("ctr")},
        "findings": [
            {"concept": each.concept, "severity": each.attributes.get("severity", ""), "change": each.change or "",
             "visible": each.attributes.get("flag") != "invisible"}
            for each in study.findings if each.state == "present"
        ],
    }  # fmt: skip


def _truth(
    patient: Patient, number: int, anatomy: Anatomy, placed: Sequence[Placed], shots: Sequence[Shot],
    films: Sequence[Exposed],
) -> dict[str, Any]:  # fmt: skip
    visit = patient.visits[number]
    return {
        "patient": patient.id, "visit": number + 1, "seed": patient.seed, "family": patient.family,
        "person": asdict(patient.person), "pose": asdict(visit.pose), "anatomy": _plain(anatomy.log),
        "placed": [
            {**asdict(each.plan), "labelled": each.labelled, "sites": list(each.sites),
             "attributes": dict(each.attributes), "measures": _plain(each.measures),
             "points_mm": np.round(each.points_mm, 2).tolist(),
             "visible": {shot.view.lower(): round(float(shot.visible[each.plan.key]), 3) for shot in shots}}
            for each in placed
        ],
        "films": {film.image.view.lower(): _plain(film.log) for film in films},
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """A log as JSON can hold it: plain numbers, lists and dictionaries, floats to 6 figures."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, (np.generic,)):
        return _plain(value.item())
    return float(f"{value:.6g}") if isinstance(value, float) else value
