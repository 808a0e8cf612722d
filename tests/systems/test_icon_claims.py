"""ICON's claims, arms and words, as far as they can be checked without training a reader."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="ICON needs torch")
pytest.importorskip("transformers", reason="ICON needs transformers")

import itertools

from hilum.core.registry import get
from hilum.core.study import Study
from hilum.measure.claim import judge, verdict
from hilum.measure.scored import averaged
from hilum.phantom.scenes import scenes
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._icon_alike import KEPT, alike, disagreement, equivalents, told_of, words_of
from hilum.systems._icon_arms import COPIES, KINDS, ROLES, preset_for
from hilum.systems._icon_claims import (
    BESIDE,
    BLANK,
    CLAIMS,
    CONSISTENCY,
    CONTROLS,
    DISAGREE,
    GOLD,
    LIKE,
    METRICS,
    NONE,
    PIXEL,
    PLAIN,
    R_JACCARD,
    RANDOM,
    SWAPPED,
)
from hilum.systems._icon_mix import PARTNERS, SHARE
from hilum.systems._icon_reader import SLOTS, prompt_of
from hilum.systems.icon import Icon, reproduce


@cache
def studies() -> tuple[Study, ...]:
    return scenes(30, size=32)


def test_every_arm_that_a_claim_names_runs_and_every_metric_is_shown() -> None:
    run = {*KINDS, BLANK, SWAPPED, GOLD}
    for claim in (*CLAIMS, *CONTROLS, *BESIDE):
        assert {claim.arm, claim.better_than, *claim.controls} <= run
        assert claim.metric in METRICS
        assert claim.arm != claim.better_than
    assert {LIKE + name for name in CONSISTENCY} <= set(METRICS)


def test_the_claim_needs_the_equivalent_and_the_guards() -> None:
    """Without a random lesion as rival, any blur that helps would pass for equivalence."""
    first = CLAIMS[0]
    assert (first.arm, first.better_than, first.metric) == (PIXEL, NONE, R_JACCARD)
    assert {BLANK, SWAPPED, RANDOM} <= set(first.controls)
    assert any((each.arm, each.better_than) == (PIXEL, RANDOM) for each in CLAIMS)


@pytest.mark.parametrize(
    ("pixel", "none", "random", "outcome"),
    [(0.8, 0.5, 0.6, "holds"), (0.8, 0.5, 0.8, "fails"), (0.5, 0.5, 0.3, "fails"), (0.4, 0.6, 0.3, "fails")],
)
def test_mixing_that_a_random_lesion_matches_is_no_proof(
    pixel: float, none: float, random: float, outcome: str
) -> None:
    """Made scores of forty patients: all three claims must hold for the whole to hold."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, 40)
    values = {PIXEL: pixel, NONE: none, RANDOM: random, BLANK: 0.1, SWAPPED: 0.1}
    trials = {name: [averaged(R_JACCARD, value + noise + rng.normal(0, 0.01, 40), "made") for _ in range(3)]
              for name, value in values.items()}  # fmt: skip
    parts = [judge(replace(claim, metric=R_JACCARD), trials, [str(n) for n in range(40)]) for claim in CLAIMS]
    assert verdict("made", parts).outcome == outcome


def test_the_published_numbers_of_mixing_are_kept() -> None:
    """.75 of the own crop, one of four partners, ten equivalents: the released code's values."""
    assert (SHARE, PARTNERS, KEPT) == (0.75, 4, 10)


def test_arms_differ_in_what_they_are_shown() -> None:
    assert preset_for(None).roles == ROLES
    assert preset_for("none").roles == preset_for("pixel").roles == (*ROLES, "lesion_crop")
    assert preset_for("pixel") == preset_for("random") == preset_for("feature")
    assert not preset_for("pixel").sections  # no indication, as published
    assert preset_for("pixel").ported
    assert preset_for("pixel").most_images >= len(ROLES) + SLOTS
    assert KINDS[PLAIN] is None
    assert KINDS[NONE] == "none"
    assert COPIES > 1


def test_it_is_registered_with_its_claims() -> None:
    found = get("system", "icon")
    assert found is Icon
    assert found.reproduce is reproduce
    assert len(found.claims) == len(CLAIMS) + len(CONTROLS) + len(BESIDE)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", {}),
        ("No pleural effusion or pneumothorax.", {}),
        ("Mild cardiomegaly.", {"cardiomegaly": ("mild",)}),
        ("The large left pneumothorax is unchanged.", {"pneumothorax": ("left", "severe", "unchanged")}),
        ("A nodule in the right mid zone.", {"lung nodule": ("right", "mid lung zone")}),
        ("Small retrocardiac consolidation.", {"consolidation": ("mild", "retrocardiac region")}),
        ("Small bilateral pleural effusions.", {"pleural effusion": ("left", "mild", "right")}),
        ("The left pleural effusion has resolved.", {}),
    ],
)
def test_attributes_are_words_of_present_findings(text: str, told: dict[str, tuple[str, ...]]) -> None:
    assert {concept: tuple(sorted(words)) for concept, words in words_of(text).items()} == {
        concept: tuple(sorted(words)) for concept, words in told.items()
    }


def test_a_request_names_findings_in_the_order_of_reports() -> None:
    told = {concept: (str(number),) for number, concept in enumerate(reversed(CONCEPTS))}
    said = prompt_of(told)
    assert [said.index(concept) for concept in CONCEPTS] == sorted(said.index(concept) for concept in CONCEPTS)
    assert said.count(";") == len(CONCEPTS) - 1
    assert said.endswith(".")


def test_reports_of_scenes_tell_the_attributes_of_their_facts() -> None:
    for study in studies():
        present = {finding.concept: finding for finding in study.findings if finding.state == "present"}
        told = told_of(study)
        assert set(told) == set(present)
        for concept, finding in present.items():
            assert (finding.attributes.get("severity") in told[concept]) == ("severity" in finding.attributes)
            assert (finding.change in told[concept]) == (finding.change is not None)


def test_equivalents_are_ranked_by_shared_findings_first() -> None:
    given = studies()
    ranked = equivalents(given)
    assert ranked.shape == (len(given), KEPT)

    def likeness(row: int, other: int) -> tuple[bool, float]:
        one, two = set(told_of(given[row])), set(told_of(given[other]))
        same = (given[row].prior is None) == (given[other].prior is None)
        return same, 2 * len(one & two) / max(len(one) + len(two), 1)

    for row in range(len(given)):
        values = [likeness(row, int(other)) for other in ranked[row]]
        for (same, first), (later, second) in itertools.pairwise(values):
            assert same >= later
            assert same != later or first >= second - 1e-9


def test_classes_of_like_patients_repeat_and_have_something_to_say() -> None:
    one, two = (alike(3, 2, seed=4, size=32)[0] for _ in range(2))
    assert [study.id for study in one] == [study.id for study in two]
    assert all(np.array_equal(a.films[0].pixels, b.films[0].pixels) for a, b in zip(one, two, strict=True))
    assert all(told_of(study) for study in one)
    assert alike(3, 2, seed=5, size=32)[0][0].id != one[0].id


def test_disagreement_is_better_lower_and_nothing_without_mates() -> None:
    got = disagreement(["Mild cardiomegaly."], [0])
    assert got.metric == DISAGREE
    assert got.better == "lower"
    assert np.isnan(got.value)
    same = disagreement(["Mild cardiomegaly.", "The heart is mildly enlarged.", "No cardiomegaly."], [0, 0, 0])
    assert same.values.tolist() == [0.5, 0.5, 1.0]
