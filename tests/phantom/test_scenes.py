"""The cohort of scenes: reports read back, honest indications, tight boxes, priors by date, splits by patient."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.region import Box, Mask
from hilum.core.registry import get
from hilum.core.study import Study
from hilum.measure.metrics.comparison import refers_to_prior
from hilum.measure.normal_statements import film_statements
from hilum.phantom.scenes import VISITS, facts_of, scenes, scenes_cohort, scenes_of, single_image_floor, split_of
from hilum.phantom.scenes_facts import CONCEPTS, MOST, Fact, change_of
from hilum.phantom.scenes_words import hint_of, noun, report, sentence, words_table
from hilum.phantom.tips import read_tips
from hilum.text.loop import all_stated
from hilum.text.parse import parse, sentence_facts, to_findings, to_report

PATIENTS = 60


@cache
def cohort(leaky: float = 0.0) -> tuple[Study, ...]:
    return scenes(PATIENTS, size=32, leaky=leaky)


def _told(study: Study) -> list[object]:
    listed = {*words_table()["listed"], "cardiomegaly"}
    return [each for each in study.findings
            if each.state == "present" or each.change == "resolved" or each.concept in listed]  # fmt: skip


@pytest.mark.parametrize("section", ["findings", "impression"])
def test_every_report_is_read_back_to_its_facts(section: str) -> None:
    """By the text reader, which knows nothing of these wordings; not one sentence is left unread."""
    for study in cohort():
        assert study.report is not None
        parsed = parse({section: getattr(study.report, section)})
        read = {fact.sentence for fact in parsed.facts}
        lost = [parsed.text[a:b] for a, b, _ in parsed.sentences
                if (a, b) not in read and not film_statements(parsed.text[a:b])]  # fmt: skip
        assert not lost
        wanted = _told(study) if section == "findings" else [f for f in study.findings if f.state == "present"]
        assert all_stated(to_findings(parsed), prior_read=study.prior is not None) == all_stated(
            wanted, prior_read=study.prior is not None  # type: ignore[arg-type]
        )  # fmt: skip


def test_every_wording_of_every_fact_is_read_back() -> None:
    rng, seen = np.random.default_rng(0), Counter[tuple[str, str | None]]()
    wordings: dict[tuple[str, str | None], set[str]] = {}
    for concept in CONCEPTS:
        for change in (None, "new", "improved", "worsened", "unchanged", "resolved"):
            if concept in ("lung nodule", "endotracheal tube") and change in ("improved", "worsened"):
                continue
            zone = "upper" if concept in ("consolidation", "lung nodule") else ""
            fact = Fact(concept, 0 if change == "resolved" else MOST[concept], 1, zone, "", "good")
            for _ in range(60):
                text = sentence(fact, change, rng)
                (read,) = to_findings(parse({"findings": text}))
                assert (read.concept, read.change) == (concept, change)
                assert read.state == ("absent" if change == "resolved" else "present")
                wordings.setdefault((concept, change), set()).add(text)
                seen[concept, change] += 1
    assert min(map(len, wordings.values())) >= 4


def test_reports_are_short_and_of_few_words() -> None:
    texts = [study.report for study in cohort()]
    said = [f"{each.findings} {each.impression} {each.indication}".lower() for each in texts if each]
    assert len(set(re.findall(r"[a-z0-9]+", " ".join(said)))) < 150
    assert max(len(each.findings.split()) for each in texts if each) <= 60


def test_tips_are_read_back() -> None:
    for study in cohort():
        tube = study.findings[CONCEPTS.index("endotracheal tube")]
        if tube.state == "present" and study.report:
            tip = read_tips(to_report(parse({"findings": study.report.findings})))["endotracheal tube"]
            assert tip.above_carina_mm == {"low": 10, "good": 40, "high": 80}[tube.attributes["tip"]]
            assert tube.measurements[0].value == tip.above_carina_mm


def test_changes_are_told_only_where_there_is_a_prior() -> None:
    for study in cohort():
        words = refers_to_prior(parse({"findings": study.report.findings, "impression": study.report.impression}))  # type: ignore[union-attr]
        assert bool(words) == any(finding.change for finding in study.findings)
        assert study.prior or not words


def test_leaky_reports_compare_at_the_stated_rate() -> None:
    studies = [study for study in cohort(0.5) if not study.prior and any(f.state == "present" for f in study.findings)]
    leaks = [bool(refers_to_prior(parse({"findings": study.report.findings}))) for study in studies]  # type: ignore[union-attr]
    assert abs(np.mean(leaks) - 0.5) < 4 * np.sqrt(0.25 / len(leaks))
    assert not any(finding.change for study in studies for finding in study.findings)  # the truth holds none
    honest = {study.id: study.report for study in cohort()}
    assert all(study.report == honest[study.id] for study in cohort(0.5) if study.prior)


def test_indications_come_at_their_rates_and_hint_at_what_they_say() -> None:
    facts = tuple(Fact(concept, int(concept == "pneumothorax"), tip="good") for concept in CONCEPTS)
    drawn = [hint_of(facts, seed=0, name=str(number)) for number in range(3000)]
    share = {kind: count / 3000 for kind, count in Counter(kind for kind, _ in drawn).items()}
    assert share == pytest.approx({"truthful": 0.6, "misleading": 0.2, "missing": 0.2}, abs=0.04)
    for kind, text in drawn[:300]:
        assert ("pneumothorax" in text) == (kind == "truthful")
        assert bool(text) == (kind != "missing")


def test_an_indication_says_nothing_of_the_prior() -> None:
    """The draw takes the current facts alone, so that a hint never tells what has changed."""
    for study in cohort():
        assert study.report
        assert study.report.indication == hint_of(facts_of(study), seed=0, name=study.id)[1]


def test_boxes_are_tight_on_a_canvas_that_is_not_square() -> None:
    shown = 0
    for study in cohort():
        size = {image.id: image.pixels.shape for image in study.films}
        assert all(rows != columns for rows, columns in size.values())
        for finding in study.findings:
            boxes = {each.image: each for each in finding.regions if isinstance(each, Box)}
            for mask in (each for each in finding.regions if isinstance(each, Mask)):
                assert mask.pixels.shape == size[mask.image]
                y, x = np.nonzero(mask.pixels)
                assert boxes[mask.image].corners == (x.min(), y.min(), x.max() + 1, y.max() + 1)
                shown += 1
            if finding.state == "absent":
                assert not finding.regions
    assert shown > 150


def test_a_right_finding_lies_on_the_left_of_a_frontal_film() -> None:
    sides = {"right": [], "left": []}  # type: dict[str, list[float]]
    for study in cohort():
        for finding in study.findings:
            box = next((each for each in finding.regions if isinstance(each, Box) and each.image.endswith("pa")), None)
            if box and finding.attributes.get("side") and finding.attributes.get("zone") != "retrocardiac":
                sides[finding.attributes["side"]].append(box.center[0] / 32)
    assert max(sides["right"]) < 0.5 < min(sides["left"])


def test_priors_are_the_latest_earlier_study_by_date_and_ids_do_not_tell_the_order() -> None:
    by_patient: dict[str, list[Study]] = {}
    for study in cohort():
        by_patient.setdefault(study.patient, []).append(study)
    turned = 0
    for studies in by_patient.values():
        dated = sorted(studies, key=lambda study: study.time)  # type: ignore[arg-type,return-value]
        for before, after in zip([None, *dated], dated, strict=False):
            assert (after.prior.id if after.prior else None) == (before.id if before else None)
            if before:
                assert before.time < after.time  # type: ignore[operator]
                turned += before.id > after.id
    assert 10 < turned < 60
    counts = Counter(map(len, by_patient.values()))
    assert [counts[n] / PATIENTS for n in (1, 2, 3)] == pytest.approx(VISITS, abs=0.25)


def test_changes_are_those_between_a_study_and_its_prior() -> None:
    for study in cohort():
        for number, finding in enumerate(study.findings):
            before = facts_of(study.prior)[number].grade if study.prior else None
            now = facts_of(study)[number].grade
            assert finding.change == (None if before is None else change_of(before, now))
            assert (finding.state == "present") == (now > 0)


def test_splits_are_by_patient() -> None:
    splits = {study.id: split_of(study.patient) for study in cohort()}
    assert all(splits[study.id] == splits.get(study.prior.id) for study in cohort() if study.prior)
    shares = Counter(split_of(f"scene-0-{number:06d}") for number in range(2000))
    assert shares["train"] / 2000 == pytest.approx(0.7, abs=0.05)
    assert shares["test"] / 2000 == pytest.approx(0.2, abs=0.05)


def test_the_floor_is_what_the_generator_says() -> None:
    """Against a sum by hand over one study: three changes are as likely for grade 1, four for grade 2."""
    floor = single_image_floor(cohort())
    assert floor.items == len(CONCEPTS) * sum(study.prior is not None for study in cohort())
    assert 0.5 < floor.accuracy < 0.75
    assert 1 / len(floor.changes) < floor.balanced < 0.6
    quiet = [Fact(concept, tip="good" if "tube" in concept else "") for concept in CONCEPTS]
    sick = tuple(replace(fact, grade=1, side=1) if fact.concept == "pleural effusion" else fact for fact in quiet)
    one = single_image_floor(scenes_of(sick, 1, size=32, prior=sick))
    rest = (0.85 + 0.75 + 3 * 0.88) / 6
    assert one.accuracy == pytest.approx(rest + (1 / 3) / 6)
    assert single_image_floor([study for study in cohort() if not study.prior]).items == 0


def test_patients_alike_share_their_facts_and_nothing_else() -> None:
    facts = facts_of(cohort()[3])
    alike = scenes_of(facts, 6, size=32, prior=facts)
    assert {facts_of(study) for study in alike} == {facts}
    assert {study.prior and facts_of(study.prior) for study in alike} == {facts}
    assert len({study.patient for study in alike}) == 6
    assert len({study.films[0].pixels.tobytes() for study in alike}) == 6
    assert len({study.report.findings for study in alike if study.report}) > 2
    with pytest.raises(InputError, match="facts are one for each"):
        scenes_of(facts[:2], 1)


def test_draws_repeat_and_more_can_be_drawn_later() -> None:
    again = scenes(4, size=32, first=2)
    wanted = [study for study in cohort() if study.patient in {each.patient for each in again}]
    assert [study.id for study in again] == [study.id for study in wanted]
    assert all(np.array_equal(a.films[1].pixels, b.films[1].pixels) for a, b in zip(again, wanted, strict=True))
    assert scenes(2, seed=1, size=32)[0].id != cohort()[0].id
    for wrong in ({"patients": -1}, {"patients": 1, "leaky": 1.5}, {"patients": 1, "first": -1}):
        with pytest.raises(InputError, match="0 or more and leaky"):
            scenes(**wrong)  # type: ignore[arg-type]


def test_it_is_a_data_set_with_splits() -> None:
    made = scenes_cohort(patients=6, size=32)
    assert [study.id for study in made] == [study.id for study in cohort() if study.patient <= "scene-0-000005"]
    assert made.split_of("scene-0-000001") == split_of("scene-0-000001")
    assert get("dataset", "scenes") is scenes_cohort
    with pytest.raises(InputError, match="is no scene"):
        facts_of(Study("other"))


def test_a_noun_names_grade_side_and_zone() -> None:
    fact = Fact("consolidation", 2, -1, "mid", "anterior")
    assert noun(fact, "{grade} {side} {zone} zone consolidation") == "moderate right mid zone consolidation"
    (read,) = sentence_facts("Moderate right mid zone consolidation.")
    assert read.sides == ("right",)
    assert read.severity == ("moderate",)
    nothing = tuple(Fact(concept) for concept in CONCEPTS)
    quiet = report(nothing, [None] * 6, prior=False, seed=0, name="n", hint="")
    assert quiet.impression in words_table()["nothing"]
    assert quiet.comparison == "None."
    assert not quiet.indication
