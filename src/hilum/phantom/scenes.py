"""A cohort for readers of films: a frontal and a lateral of one hidden scene, dated visits, priors and reports.

A simple stand-in in milliseconds a film, made so that experiments on report writing are honest: change cannot be told
from the current film alone, two facts hide on the frontal, pose and exposure differ between visits, some reports
compare with nothing and some indications mislead. What a method learns here says how the method works, not how it
reads patients. Research use only.

Source: the rules are those of the project's own protocol; docs/scenes.md gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Change, Finding, Measurement
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask
from hilum.core.registry import register
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.phantom.scenes_chest import draw_scene
from hilum.phantom.scenes_facts import CONCEPTS, MOST, TIPS_CM, Fact, Facts, change_of, changes_given, draw_course
from hilum.phantom.scenes_film import FIELD_MM, ORIENTATION, Masks, SceneView, draw_taken, film
from hilum.phantom.scenes_words import hint_of, report, words_table

MADE_BY = MadeBy("hilum.phantom.scenes", "1")
VISITS = (0.3, 0.4, 0.3)
"""Shares of patients with one, two and three studies."""
SPLITS = {"train": 0.7, "val": 0.1, "test": 0.2}
_VIEWS: tuple[SceneView, ...] = ("PA", "LL")
_HOME = {"pleural effusion": "pleural space", "pneumothorax": "pleural space"}
_LEAKS: tuple[Change, ...] = ("new", "improved", "worsened", "unchanged")


def scenes(patients: int, *, seed: int = 0, size: int = 64, leaky: float = 0.0, first: int = 0) -> tuple[Study, ...]:
    """Draw the studies of a number of patients, each patient's in order of time, each with its prior.

    Args:
        patients: how many.
        seed: of everything.
        size: columns of each film; its rows are about ten ninths.
        leaky: share of studies without a prior whose report compares all the same.
        first: number of the first patient, so that more can be drawn later without drawing these again.

    Raises:
        InputError: if a number is negative, a share out of [0, 1], or the films too small.
    """
    if patients < 0 or first < 0 or not 0.0 <= leaky <= 1.0:
        raise InputError(f"patients and first must be 0 or more and leaky in [0, 1]: {patients}, {first}, {leaky:g}")
    made: list[Study] = []
    for number in range(first, first + patients):
        patient = f"scene-{seed}-{number:06d}"
        rng = generator(seed, "course", patient)
        course = draw_course(rng, 1 + int(rng.choice(3, p=VISITS)))
        made += _patient(patient, course, seed, size, leaky)
    return tuple(made)


def scenes_of(
    facts: Facts, patients: int, *, seed: int = 0, size: int = 64, prior: Facts | None = None
) -> tuple[Study, ...]:
    """Draw patients with identical facts and everything else different: anatomy, exact place, pose, exposure, words.

    Args:
        facts: of the current study, one for each of `CONCEPTS`, as `facts_of` returns them.
        patients: how many.
        seed: of the rest.
        size: columns of each film.
        prior: facts of the prior study that each patient then has.

    Returns:
        The current study of each patient; its `prior` is set where asked for.
    """
    course = (facts,) if prior is None else (prior, facts)
    for each in course:
        if tuple(fact.concept for fact in each) != CONCEPTS:
            raise InputError(f"facts are one for each of {', '.join(CONCEPTS)}, in that order")
    names = [f"alike-{seed}-{number:06d}" for number in range(patients)]
    return tuple(_patient(name, course, seed, size, 0.0)[-1] for name in names)


def split_of(patient: str) -> str:
    """Return 'train', 'val' or 'test' of a patient, by a hash of the name: all studies of one are in one split."""
    return Cohort(name="scenes", studies=(), splits=SPLITS).split_of(patient)


def facts_of(study: Study) -> Facts:
    """Return the facts of a study that `scenes` drew, read from its findings.

    Raises:
        InputError: if the study is not one of these.
    """
    if [finding.id for finding in study.findings] != list(CONCEPTS):
        raise InputError(f"study '{study.id}' is no scene: its findings are not {', '.join(CONCEPTS)}")
    return tuple(_fact(finding) for finding in study.findings)


@dataclass(frozen=True)
class Floor:
    """How well change can be told from the current study alone, by the best rule there is.

    Args:
        accuracy: share of facts whose change it gets right, 'not there and never was' included.
        balanced: mean over the kinds of change of the share it gets right, by the rule that is best for this.
        changes: kinds of change that are counted.
        items: facts with a prior.
    """

    accuracy: float
    balanced: float
    changes: tuple[Change | None, ...]
    items: int


def single_image_floor(studies: Sequence[Study]) -> Floor:
    """Return the Bayes accuracy of change from the current image alone, computed from the generator.

    The best single-image reader sees every grade exactly; what it cannot see is drawn from `changes_given`.

    Args:
        studies: of `scenes`; those without a prior are left out.
    """
    seen = [(fact.concept, fact.grade) for study in studies if study.prior for fact in facts_of(study)]
    if not seen:
        return Floor(float("nan"), float("nan"), (), 0)
    chances = [changes_given(*each) for each in seen]
    expected: dict[Change | None, float] = {}
    for chance in chances:
        for change, share in chance.items():
            expected[change] = expected.get(change, 0.0) + share
    plain = sum(max(chance.values()) for chance in chances) / len(seen)
    balanced = sum(max(share / expected[change] for change, share in chance.items()) for chance in chances)
    return Floor(plain, balanced / len(expected), tuple(expected), len(seen))


def _patient(patient: str, course: Sequence[Facts], seed: int, size: int, leaky: float) -> list[Study]:
    rng = generator(seed, "visits", patient)
    time = datetime(2020, 1, 1) + timedelta(minutes=int(rng.integers(3_000_000)))
    made: list[Study] = []
    for facts in course:
        name = f"{int(rng.integers(1 << 40)):010x}"  # says nothing of the order of visits
        made.append(_study(name, patient, time, facts, made[-1] if made else None, seed, size, leaky))
        time += timedelta(minutes=int(rng.integers(300, 600_000)))
    return made


def _study(
    name: str, patient: str, time: datetime, facts: Facts, prior: Study | None, seed: int, size: int, leaky: float
) -> Study:
    before = facts_of(prior) if prior else None
    changes = [change_of(old.grade, new.grade) for old, new in zip(before, facts, strict=True)] if before else []
    true: list[Change | None] = changes or [None] * len(facts)
    scene = draw_scene(facts, seed=seed, patient=patient, visit=name)
    images, masks = [], {}
    for view in _VIEWS:
        key = f"{name}-{view.lower()}"
        pixels, masks[key] = film(scene, view, draw_taken(seed, name, view), size=size, seed=int(name, 16))
        step = FIELD_MM / size
        images.append(Image(
            pixels, view=view, spacing_mm=(step, step), spacing_plane="patient", orientation=ORIENTATION[view], id=key,
            made_by=MADE_BY, synthetic=True,
        ))  # fmt: skip
    findings = tuple(_finding(fact, change, masks) for fact, change in zip(facts, true, strict=True))
    _, hint = hint_of(facts, seed=seed, name=name)
    told = true if prior else _told(facts, seed, name, leaky)
    text = report(facts, told, prior=prior is not None, seed=seed, name=name, hint=hint)
    return Study(name, patient, time, tuple(images), text, findings, prior=prior)


def _told(facts: Facts, seed: int, name: str, leaky: float) -> list[Change | None]:
    """Changes that a report without a prior tells: none, or for leaky ones some that nobody saw."""
    rng = generator(seed, "leak", name)
    if rng.random() >= leaky:
        return [None] * len(facts)
    drawn = [_LEAKS[int(rng.integers(4))] for _ in facts]
    return [_possible(fact, change) if fact.grade else None for fact, change in zip(facts, drawn, strict=True)]


def _possible(fact: Fact, change: Change) -> Change:
    """The change, or one that its grade allows."""
    return change if change in changes_given(fact.concept, fact.grade) else "unchanged"


def _finding(fact: Fact, change: Change | None, masks: dict[str, Masks]) -> Finding:
    if not fact.grade:
        gone = change == "resolved"
        told = {"grade": "0"} | _places(fact)
        return Finding(fact.concept, "absent", sites=_sites(fact) if gone else (), attributes=told, change=change,
                       made_by=MADE_BY, id=fact.concept)  # fmt: skip
    regions: list[Box | Mask] = []
    for image, drawn in masks.items():
        if fact.concept in drawn and drawn[fact.concept].any():
            mask = Mask(drawn[fact.concept], image=image, label=fact.concept)
            box = mask.box()
            regions += [box, mask] if box else []
    told = {"grade": str(fact.grade), "frontal": "poor" if fact.frontal_poor else "plain"} | _places(fact)
    size = words_table()["grades"][fact.concept][fact.grade]
    if size:
        told |= {"size": size, "severity": _severity(fact)}
    tip = (Measurement("tip above carina", 10.0 * TIPS_CM[fact.tip], "mm"),) if fact.tip else ()
    return Finding(fact.concept, "present", sites=_sites(fact), attributes=told, change=change, regions=tuple(regions),
                   measurements=tip, made_by=MADE_BY, id=fact.concept)  # fmt: skip


def _severity(fact: Fact) -> str:
    """'mild', 'moderate' or 'severe' of a grade."""
    words = ("mild", "severe") if MOST[fact.concept] == 2 else ("mild", "moderate", "severe")
    return words[fact.grade - 1]


def _places(fact: Fact) -> dict[str, str]:
    """What a finding keeps of its fact's place, whether it is there or not."""
    side = {-1: "right", 1: "left", 0: ""}[fact.side]
    return {key: value for key, value in
            {"side": side, "zone": fact.zone, "depth": fact.depth, "tip": fact.tip}.items() if value}  # fmt: skip


def _sites(fact: Fact) -> tuple[str, ...]:
    """Sites by the vocabulary, as the text reader names them."""
    if fact.zone == "retrocardiac":
        return ("retrocardiac region",)
    if not fact.side:
        return ()
    place = _HOME.get(fact.concept) or f"{fact.zone} lung zone"
    return (f"{'right' if fact.side < 0 else 'left'} {place}",)


def _fact(finding: Finding) -> Fact:
    told = finding.attributes
    side = {"right": -1, "left": 1}.get(told.get("side", ""), 0)
    return Fact(finding.concept, int(told["grade"]), side, told.get("zone", ""), told.get("depth", ""),
                told.get("tip", ""))  # fmt: skip


@register.dataset("scenes", licence="CC0-1.0: computed, of nobody")
def scenes_cohort(root: str = "", *, patients: int = 200, size: int = 64, seed: int = 0, leaky: float = 0.0) -> Cohort:
    """Return made studies of two views with dated priors, reports and exact truth; no data is needed.

    Args:
        root: not used; every data set takes one.
        patients, size, seed, leaky: see `scenes`.
    """
    return Cohort(
        name="scenes", studies=lambda: iter(scenes(patients, seed=seed, size=size, leaky=leaky)), splits=SPLITS,
        licence="CC0-1.0", label_set="concepts",
    )  # fmt: skip
