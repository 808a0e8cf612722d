"""From assessments to a study: sites, merging, refusal, comparison and what is not assessed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.systems._embedded_judge import FilmFinding
from hilum.systems.embedded import Assessment
from hilum.systems.interpret import Reading, interpret

SIGNER = MadeBy("embedded", "1", "ab" * 32)
SIZE = 100


def two_lungs() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20:80, 10:40] = mask[20:80, 60:90] = True
    return mask


def seen(*findings: FilmFinding, view: str = "PA", reason: str = "", missing: tuple[str, ...] = ()) -> Assessment:
    if reason:
        return Assessment(False, reason, "unknown", 0.0, None, (), dict.fromkeys(missing, "refused"), SIGNER)
    lungs = None if view == "lateral" else two_lungs()
    return Assessment(True, "", view, 0.99, lungs, findings, dict.fromkeys(missing, "too few examples"), SIGNER)


def found(concept: str, probability: float, *boxes: Box, state: str = "present") -> FilmFinding:
    return FilmFinding(concept, state, probability, "platt-1", boxes)  # type: ignore[arg-type]


@dataclass
class Told:
    """A stand-in for the network: gives each film the assessment prepared for it."""

    answers: dict[str, Assessment]
    made_by: MadeBy = SIGNER
    asked: list[str] = field(default_factory=list)

    def assess(self, display: np.ndarray, *, stated_view: str = "unknown") -> Assessment:
        self.asked.append(stated_view)
        return self.answers[f"{display.max():.2f}"]


def film(level: float, **facts: object) -> Image:
    from hilum.core.image import Window

    pixels = np.full((SIZE, SIZE), level, np.float32)
    return Image(pixels, Window(0.5, 1.0, "LINEAR_EXACT"), id=f"{level:.2f}", **facts)  # type: ignore[arg-type]


def read(*films: Image, answers: list[Assessment], **options: object) -> Reading:
    model = Told({image.id: answer for image, answer in zip(films, answers, strict=True)})
    return interpret(Study("s", "p", images=films), model, **options)  # type: ignore[arg-type]


def test_a_box_becomes_a_site_and_a_flip_swaps_its_side() -> None:
    box = Box(62, 62, 85, 78)
    answer = seen(found("lung opacity", 0.8, box))
    straight = read(film(0.5, orientation=("L", "F")), answers=[answer]).study.findings[0]
    turned = read(film(0.5, orientation=("R", "F")), answers=[answer]).study.findings[0]
    assert straight.sites == ("left lower lung zone",)
    assert turned.sites == ("right lower lung zone",)
    assert straight.regions[0].image == "0.50"
    assert straight.made_by == SIGNER


def test_an_orientation_that_contradicts_the_picture_gives_no_site() -> None:
    answer = seen(found("lung opacity", 0.8, Box(62, 62, 85, 78)))
    assert read(film(0.5, orientation=("P", "F")), answers=[answer]).study.findings[0].sites == ()


def test_of_two_films_the_more_certain_reading_is_kept() -> None:
    answers = [seen(found("lung opacity", 0.3, state="absent")), seen(found("lung opacity", 0.9), view="AP")]
    (finding,) = read(film(0.5), film(0.7), answers=answers).study.findings
    assert (finding.state, finding.probability, finding.calibration) == ("present", 0.9, "platt-1")


def test_a_refused_film_adds_nothing_and_its_reason_is_kept() -> None:
    reading = read(film(0.5), film(0.7), answers=[seen(reason="not a chest film"), seen(found("lung opacity", 0.9))])
    assert reading.accepted
    assert reading.refused == (("0.50", "not a chest film"),)
    assert {region.image for f in reading.study.findings for region in f.regions} <= {"0.70"}
    assert "film 1 of 2 refused: not a chest film" in reading.study.provenance[-1].notes


def test_with_every_film_refused_there_is_no_finding_and_no_draft() -> None:
    reading = read(film(0.5), answers=[seen(reason="the film looks inverted")])
    assert not reading.accepted
    assert reading.study.findings == ()
    assert reading.study.report is None


def test_a_concept_is_not_assessed_only_if_no_film_allowed_it() -> None:
    answers = [
        seen(missing=("nodule", "lung opacity"), view="lateral"),
        seen(found("lung opacity", 0.2), missing=("nodule",)),
    ]
    reading = read(film(0.5), film(0.7), answers=answers)
    assert [name for name, _ in reading.study.provenance[-1].not_assessed] == ["nodule"]


def test_an_unknown_view_is_filled_and_a_stated_one_is_kept() -> None:
    assert read(film(0.5), answers=[seen(view="AP")]).study.films[0].view == "AP"
    kept = read(film(0.5, view="PA"), answers=[seen(view="lateral")])
    assert kept.study.films[0].view == "PA"
    assert any("check the view" in note for note in kept.study.provenance[-1].notes)
    assert read(film(0.5), answers=[seen(view="lateral")]).study.films[0].view == "unknown"


def test_a_report_that_is_there_is_never_overwritten() -> None:
    model = Told({"0.50": seen(found("lung opacity", 0.9))})
    study = Study("s", images=(film(0.5),), report=Report(impression="Signed by a person."))
    assert interpret(study, model).study.report == study.report  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "before, now, change",
    [
        ("absent", "present", "new"),
        ("present", "absent", "resolved"),
        ("present", "present", None),
        ("uncertain", "present", None),
    ],
)
def test_change_is_claimed_only_where_two_readings_prove_it(before: str, now: str, change: str | None) -> None:
    prior = read(film(0.5), answers=[seen(found("lung opacity", 0.5, state=before))])
    finding = read(film(0.7), answers=[seen(found("lung opacity", 0.5, state=now))], prior=prior).study.findings[0]
    assert finding.change == change
    assert finding.attributes["prior"] == before


def test_a_refused_prior_proves_nothing() -> None:
    prior = read(film(0.5), answers=[seen(reason="not a chest film")])
    finding = read(film(0.7), answers=[seen(found("lung opacity", 0.9))], prior=prior).study.findings[0]
    assert finding.change is None
    assert "prior" not in finding.attributes


def test_findings_are_ordered_present_first() -> None:
    answer = seen(
        found("nodule", 0.1, state="absent"), found("cardiomegaly", 0.5, state="uncertain"), found("lung opacity", 0.9)
    )
    states = [finding.state for finding in read(film(0.5), answers=[answer]).study.findings]
    assert states == ["present", "uncertain", "absent"]
