"""LunguageScore's claim: invented sequences hold exactly one wrong field, and the judging is fair and repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.seed import generator
from hilum.measure.binary import auroc
from hilum.systems._lunguage_judge import NEAR, NO_TEMP, RIVALS, SEQUENTIAL, SHUFFLED, SINGLE, _auroc, scores
from hilum.systems._lunguage_sequences import FIELDS, FILMS, ORDER, answers, cohort, written, wrong
from hilum.systems.lunguage import LunguageSystem
from hilum.text.loop import all_stated
from hilum.text.parse import parse

COHORT = cohort(12, seed=4)


def differing(one: Finding, other: Finding) -> list[str]:
    names = {"sites": "side", "attributes": "severity", "state": "status", "change": "change"}
    return [said for name, said in names.items() if getattr(one, name) != getattr(other, name)]


@pytest.mark.parametrize("field", FIELDS)
def test_one_field_of_one_finding_of_a_later_film_is_wrong(field: str) -> None:
    for number, films in enumerate(COHORT):
        bad = wrong(films, field, generator(number, "test"))
        changed = [
            (film, one, other)
            for film, (right, told) in enumerate(zip(films, bad, strict=True))
            for one, other in zip(right, told, strict=True)
            if one != other
        ]
        assert len(changed) == 1
        film, one, other = changed[0]
        assert film > 0
        assert one.concept == other.concept
        if field == "status":
            assert (one.state, other.state) == ("present", "absent")
        else:
            assert differing(one, other) == [field]


def test_errors_are_read_back_from_the_words_and_the_rest_is_worded_alike() -> None:
    made = answers(COHORT, wording=1)
    for field in FIELDS:
        for right, bad in zip(made["right"], made[field], strict=True):
            films = [n for n in range(FILMS) if right[n] != bad[n]]
            assert len(films) == 1
            facts = [{(f.concept, f.state, f.sides, str(f.attributes)) for f in parse(text[films[0]]).facts}
                     for text in (right, bad)]  # fmt: skip
            assert facts[0] != facts[1]
    for right, moved in zip(made["right"], made[ORDER], strict=True):
        assert moved == (right[0], right[2], right[1])


def test_other_words_tell_the_same_findings() -> None:
    differ = 0
    for films in COHORT:
        for number, (one, other) in enumerate(zip(written(films, 1), written(films, 2), strict=True)):
            assert all_stated(films[number], prior_read=number > 0)
            said = [sorted((f.concept, f.state) for f in parse(text).facts) for text in (one, other)]
            assert said[0] == said[1]
            differ += one != other
    assert differ > FILMS * len(COHORT) / 2


def test_a_cohort_is_drawn_by_its_seed() -> None:
    assert cohort(5, seed=3) == cohort(5, seed=3) != cohort(5, seed=4)
    assert all(len(films) == FILMS and films[0][0].change is None for films in COHORT)


def test_the_auroc_of_the_arms_is_that_of_all_right_beside_all_wrong_answers() -> None:
    draw = np.random.default_rng(0)
    by_kind = {"right": draw.random(20).round(1), "side": draw.random(20).round(1), "status": draw.random(20)}
    scored = _auroc(by_kind, ("side", "status"))
    target = np.r_[np.ones(40), np.zeros(40)]
    values = np.r_[by_kind["right"], by_kind["right"], by_kind["side"], by_kind["status"]]
    assert scored.value == pytest.approx(auroc(target, values))
    weights = np.zeros((1, 40))
    weights[0, :20] = 1
    assert scored.at(weights)[0] == pytest.approx(auroc(target[20:60], values[np.r_[0:20, 40:60]]))


def test_scores_of_every_arm_and_kind_are_in_range() -> None:
    made = scores(answers(COHORT[:4], wording=0))
    assert {SINGLE, SEQUENTIAL, NO_TEMP, *RIVALS} <= set(made)
    for by_kind in made.values():
        assert set(by_kind) == {"right", "near-duplicate", *FIELDS, ORDER}
        assert all(values.shape == (4,) and (values >= 0).all() and (values <= 1).all() for values in by_kind.values())
    np.testing.assert_array_equal(made[NO_TEMP][ORDER], made[NO_TEMP]["right"])  # only Temp reacts
    assert (made[SEQUENTIAL][ORDER] < made[SEQUENTIAL]["right"]).all()


def test_a_small_run_judges_every_claim_with_its_controls_and_repeats() -> None:
    told: list[str] = []
    made = LunguageSystem.reproduce(patients=8, say=told.append)
    assert len(told) == 3
    assert set(made.scores) == {claim.text for claim in LunguageSystem.claims}
    for part in made.scores.values():
        assert part.seeds == 3
        assert {NEAR, SHUFFLED} <= set(part.arms)
        assert part.arms[SHUFFLED].value == 0.5
        assert 0.3 < part.arms[NEAR].value < 0.7
    assert LunguageSystem.reproduce(patients="8").lines == made.lines


@pytest.mark.parametrize("patients", ["many", 1, "-3", ""])
def test_no_number_of_patients_is_refused(patients: str | int) -> None:
    with pytest.raises(InputError, match="whole number above 1"):
        LunguageSystem.reproduce(patients=patients)
