"""The loop property: what was phrased is read back as it was given, on random finding sets and on every concept."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.core.finding import Finding, Measurement
from hilum.core.vocabulary import concept, concepts
from hilum.text.bank import bank
from hilum.text.findings import to_findings
from hilum.text.loop import Stated, all_stated, loop_domain, stated
from hilum.text.parse import parse
from hilum.text.phrase import COMPARISON_WORDS, compose

from .loop_draws import draw_finding, draw_set, entry, names, sites_of

STATES = ("present", "absent", "uncertain")
BOTH = ("right", "left")
FEW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_back(findings: tuple[Finding, ...], prior: bool = False, seed: int = 0) -> frozenset[Stated]:
    report = compose(findings, prior_read=prior, seed=seed)
    return all_stated(to_findings(parse(report)), prior_read=prior)


def differences(cases: range) -> list[str]:
    """One line for each random set that was not read back, with its words."""
    found = []
    for case in cases:
        findings, prior, seed = draw_set(random.Random(case))
        given, read = all_stated(findings, prior_read=prior), read_back(findings, prior, seed)
        if given != read:
            text = compose(findings, prior_read=prior, seed=seed).findings
            found.append(f"{case}: lost {sorted(given - read, key=str)}, made {sorted(read - given, key=str)}: {text}")
    return found


def test_some_hundred_random_sets_are_read_back() -> None:
    assert not differences(range(100_000, 100_500))


@pytest.mark.slow
def test_ten_thousand_random_sets_are_read_back_within_a_minute() -> None:
    start = time.process_time()
    assert not differences(range(10_000))
    assert time.process_time() - start < 60


@FEW
@given(st.randoms(use_true_random=False), st.booleans())
def test_sets_that_hypothesis_draws_are_read_back(draw: random.Random, prior: bool) -> None:
    findings = tuple(replace(draw_finding(draw), id=f"f{n}") for n in range(draw.randint(1, 4)))
    assert read_back(findings, prior) == all_stated(findings, prior_read=prior)


@pytest.mark.parametrize("state", STATES)
def test_every_concept_is_read_back_at_every_site_it_may_have(state: str) -> None:
    lost = []
    for number, name in enumerate(names()):
        bare = () if name in loop_domain()["needs a site"] else ("",)
        for place, site in enumerate((*bare, *sites_of(name))):
            finding = Finding(name, state, sites=(site,) if site else ())  # type: ignore[arg-type]
            if read_back((finding,), seed=number + place) != {stated(finding)}:
                lost.append((name, site, compose([finding], seed=number + place).findings))
    assert not lost


def test_every_wording_of_every_concept_is_read_back() -> None:
    lost = []
    for name in names():
        for state in STATES:
            sites = sites_of(name)[:1] if name in loop_domain()["needs a site"] else ()
            finding = Finding(name, state, sites=sites)  # type: ignore[arg-type]
            lost += [(name, state, seed) for seed in range(8) if read_back((finding,), True, seed) != {stated(finding)}]
    assert not lost


def test_the_limits_are_few_and_are_limits() -> None:
    limits = loop_domain()["limits"]
    total = sum(item.kind != "site" for item in concepts())
    assert len(limits) <= 8
    assert total - len(limits) >= 220
    for name, reason in limits.items():
        assert concept(name).name == name
        assert len(reason.split()) > 4
        finding = Finding(name)
        assert read_back((finding,), prior=True) != all_stated((finding,), prior_read=True), name


def test_the_domain_names_concepts_sites_and_groups_that_exist() -> None:
    domain = loop_domain()
    for name in (*domain["own sites only"], *domain["needs a site"], *domain["looks of"]):
        assert concept(name).name == name
        assert name in bank()["concepts"]
    for group, places in domain["sites"].items():
        assert group in bank()["order"]
        assert all(concept(place).kind == "site" and concept(place).name == place for place in places)
    assert {*domain["grades"].values()} <= {"mild", "severe"}


def test_an_entry_is_there_for_every_concept_of_the_domain() -> None:
    assert [name for name in names() if not entry(name)] == []


# ---- the equality itself: it must tell apart what differs, and only that


CHANGED = {
    "side": {"sites": ("left upper lobe",)},
    "lobe": {"sites": ("right lower lobe",)},
    "concept": {"concept": "lung mass"},
    "state": {"state": "uncertain"},
    "grade": {"attributes": {"severity": "severe", "count": "two", "morphology": "irregular"}},
    "number": {"attributes": {"severity": "mild", "count": "three", "morphology": "irregular"}},
    "look": {"attributes": {"severity": "mild", "count": "two"}},
    "size": {"measurements": (Measurement("diameter", 8, "cm"),)},
    "change": {"change": "improved"},
}


@pytest.mark.parametrize("what", CHANGED)
@pytest.mark.parametrize("seed", range(4))
def test_one_changed_word_is_seen_after_the_loop(what: str, seed: int) -> None:
    finding = Finding(
        "lung nodule",
        sites=("right upper lobe",),
        attributes={"severity": "mild", "count": "two", "morphology": "irregular"},
        measurements=(Measurement("diameter", 8, "mm"),),
        change="new",
    )
    other = replace(finding, **CHANGED[what])  # type: ignore[arg-type]
    assert read_back((finding,), True, seed) == {stated(finding, prior_read=True)}
    assert read_back((other,), True, seed) == {stated(other, prior_read=True)}
    assert read_back((other,), True, seed) != read_back((finding,), True, seed)


def with_size(value: float, unit: str) -> Finding:
    return Finding("lung nodule", measurements=(Measurement("diameter", value, unit),))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            Finding("Effusion", sites=("bilateral lungs",)),
            Finding("pleural effusion", sites=("right pleura", "left pleural space")),
            True,
        ),
        (
            Finding("pleural effusion", attributes={"severity": "mild"}),
            Finding("pleural effusion", attributes={"extent": "small"}),
            True,
        ),
        (with_size(1.2, "cm"), with_size(12, "mm"), True),
        (with_size(1.2, "cm"), with_size(1.2, "mm"), False),
        (Finding("cardiomegaly", sites=("heart",)), Finding("cardiomegaly"), True),
        (
            Finding("consolidation", sites=("right lower lobe",)),
            Finding("consolidation", sites=("right lung base",)),
            False,
        ),
        (Finding("consolidation", sites=("right lung",)), Finding("consolidation", sites=("left lung",)), False),
        (Finding("consolidation", "uncertain"), Finding("consolidation"), False),
        (Finding("consolidation", change="new"), Finding("consolidation"), False),
        (Finding("calcified granuloma", attributes={"morphology": "calcified"}), Finding("calcified granuloma"), True),
        (Finding("consolidation", attributes={"morphology": "patchy"}), Finding("consolidation"), False),
        (Finding("lung nodule", attributes={"count": "two"}), Finding("lung nodule"), False),
        (Finding("lung mass", "absent", attributes={"severity": "mild"}), Finding("lung mass", "absent"), True),
    ],
)
def test_what_counts_as_the_same(one: Finding, other: Finding, same: bool) -> None:
    assert (stated(one, prior_read=True) == stated(other, prior_read=True)) is same


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Two small nodules in the right upper lobe measuring 8 x 6 mm.",
            Stated(
                "lung nodule", "present", frozenset({("right", "upper lobe")}), "mild", "two", frozenset(), (8.0, 6.0)
            ),
        ),
        ("No right effusion.", Stated("pleural effusion", "absent", frozenset({("right", "pleural space")}))),
        (
            "Possible patchy opacity in the lingula.",
            Stated("lung opacity", "uncertain", frozenset({("", "lingula")}), looks=frozenset({"patchy"})),
        ),
        (
            "Bibasilar consolidation, unchanged.",
            Stated("consolidation", "present", frozenset((s, "lower lung zone") for s in BOTH), change="unchanged"),
        ),
        (
            "Consolidation in the right base and left apex, improved.",
            Stated(
                "consolidation",
                "present",
                frozenset({("right", "lower lung zone"), ("left", "apical zone")}),
                change="improved",
            ),
        ),
    ],
)
def test_sentences_of_others_are_read_into_the_same_form(text: str, expected: Stated) -> None:
    (finding,) = to_findings(parse(text))
    assert stated(finding, prior_read=True) == expected


# ---- comparison and what was not judged


@FEW
@given(st.randoms(use_true_random=False), st.integers(0, 2**31))
def test_without_a_prior_nothing_compares(draw: random.Random, seed: int) -> None:
    findings = [replace(draw_finding(draw), id=f"f{n}") for n in range(draw.randint(0, 5))]
    report = compose(findings, seed=seed)
    assert not COMPARISON_WORDS.search(" ".join((report.technique, report.findings, report.impression)))


def test_a_change_is_read_back_with_a_prior_only() -> None:
    finding = Finding("consolidation", sites=("right lower lobe",), change="worsened")
    assert {item.change for item in read_back((finding,), prior=True)} == {"worsened"}
    assert {item.change for item in read_back((finding,), prior=False)} == {""}


def test_what_was_not_assessed_is_no_finding() -> None:
    report = compose([Finding("consolidation")], not_assessed=("pulmonary edema", ("rib fracture", "not trained")))
    assert all_stated(to_findings(parse(report))) == {Stated("consolidation", "present")}
