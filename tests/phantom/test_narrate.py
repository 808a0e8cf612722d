"""Made reports: read back exactly, four wordings and more for each fact, comparison only with a prior, switches."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.vocabulary import ancestors
from hilum.phantom.courses import CLASSES
from hilum.phantom.illness_together import base_rates
from hilum.phantom.indication import MISLEADING, TRUTHFUL, indication
from hilum.phantom.narrate import (
    OMISSION,
    Switches,
    evidenced,
    given_back,
    narrate,
    read_back,
    sayable,
    told,
)
from hilum.phantom.tips import story_table
from hilum.text.phrase import COMPARISON_WORDS

from .stories import SEED, Told, drawn, of, plan, visit

MANY = 300
"""Patients whose studies are read back at every run; thousands of studies are in the slow test."""


def faults(studies: tuple[Told, ...]) -> list[str]:
    """One line for each study whose report is not read back as its facts, or holds a sentence that is not read."""
    lines = []
    for each in studies:
        given = given_back(told(each.findings), prior=each.prior)
        read, dumb = read_back(each.report, prior=each.prior)
        if given != read or dumb:
            lines.append(
                f"{each.name}: lost {given - read}, made {read - given}, {dumb} unread: {each.report.findings}"
            )
    return lines


def test_every_report_is_read_back_as_its_facts_and_no_sentence_is_left_unread() -> None:
    studies = drawn(MANY)
    assert len(studies) > 600
    assert not faults(studies)


@pytest.mark.slow
def test_thousands_of_reports_are_read_back() -> None:
    studies = drawn(1_500, seed=77)
    assert len(studies) > 3_500
    assert not faults(studies)


def test_a_report_that_says_something_else_is_noticed() -> None:
    """The equality must be able to fail: another side, grade, change or state is told apart."""
    findings = told(of(plan("pleural effusion", 0.3, "left"), before=(plan("pleural effusion", 0.6, "left"),)))
    report = narrate(findings, visit(), seed=1, prior=True)
    for old, new in (("left", "right"), ("oderate", "mall"), ("effusion", "thickening")):
        changed = replace(report, findings=report.findings.replace(old, new), impression="", sentences=())
        assert changed.findings != report.findings
        assert read_back(changed, prior=True)[0] != given_back(findings, prior=True)
    assert read_back(replace(report, findings="Zebra crossing.", impression="", sentences=()), prior=True)[1] == 1


def test_the_same_seed_gives_the_same_words_and_another_others() -> None:
    found = of(plan("pleural effusion", 0.5, "left"), plan("cardiomegaly", 0.6))
    assert narrate(found, visit(), seed=3, name="a") == narrate(found, visit(), seed=3, name="a")
    texts = {narrate(found, visit(), seed=3, name=f"n{n}").findings for n in range(40)}
    assert len(texts) > 15


def test_sentences_point_to_the_findings_they_state() -> None:
    for each in drawn(100):
        ids = {finding.id for finding in told(each.findings)}
        stated = {
            key for sentence in each.report.sentences if sentence.section == "findings" for key in sentence.findings
        }
        assert stated == ids
        for sentence in each.report.sentences:
            assert each.report.text(sentence).strip()


def test_evidence_is_the_sentence_that_names_the_finding() -> None:
    for each in drawn(60):
        for finding in evidenced(each.findings, each.report):
            if finding.evidence is None:
                assert finding.id not in {item.id for item in told(each.findings)}
                continue
            words = each.report.findings[finding.evidence.start : finding.evidence.end].lower()
            noun = {"cardiomegaly": "heart|cardiomegaly"}.get(finding.concept, finding.concept.split()[-1].rstrip("s"))
            assert any(part in words for part in noun.split("|")), (finding.concept, words)


# ---- wordings


def wordings(finding: Finding, prior: bool) -> int:
    """Different sentences that state one finding over many seeds."""
    made = set()
    for number in range(60):
        report = narrate([finding], visit(), seed=5, name=f"w{number}", prior=prior)
        made |= {report.text(each) for each in report.sentences if each.section == "findings" and each.findings}
    return len(made)


@pytest.mark.parametrize("name", [each.concept for each in base_rates() if each.concept not in story_table()["untold"]])
def test_each_fact_has_four_wordings_or_more(name: str) -> None:
    sites = {"endotracheal tube": ("trachea",), "central venous catheter": ("right atrium",)}.get(name, ())
    for change in (None, *CLASSES):
        state = "absent" if change == "resolved" else "present"
        finding = Finding(name, state, sites=sites, change=change, id="f")  # type: ignore[arg-type]
        assert wordings(finding, change is not None) >= 4, (name, change)
    assert wordings(Finding(name, "absent", id="f"), False) >= 4, name


def test_hints_and_comparisons_have_four_wordings_each() -> None:
    table = story_table()
    for options in (*table["hints"].values(), table["routine"], *table["comparison"].values(), *table["tips"].values()):
        assert len(set(options)) >= 4


# ---- comparison


def test_without_a_prior_nothing_compares() -> None:
    for each in drawn(MANY):
        text = f"{each.report.comparison} {each.report.findings} {each.report.impression}"
        if not each.prior:
            assert not each.report.comparison
            assert not COMPARISON_WORDS.search(text), text
        else:
            assert each.report.comparison


def test_the_comparison_names_the_day_of_the_film_before() -> None:
    for each in drawn(100):
        if each.prior:
            before = each.patient.visits[each.number - 1].time
            assert f"{before.day} {before:%B %Y}" in each.report.comparison
    assert "20" not in narrate(of(), visit(), seed=1, prior=True).comparison


def test_leaky_reports_compare_without_a_prior_at_their_rate() -> None:
    found = of(plan("pleural effusion", 0.5, "left"))
    leaks = [narrate(found, visit(), seed=2, name=f"n{n}", switches=Switches(leaky=0.3)) for n in range(400)]
    rate = np.mean([bool(each.comparison) for each in leaks])
    assert rate == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 400))
    for each in leaks:
        compares = bool(COMPARISON_WORDS.search(each.findings))
        assert compares == bool(each.comparison)
        assert read_back(each, prior=False)[0] == given_back(told(found), prior=False)
    real = narrate(found, visit(), seed=2, prior=True, switches=Switches(leaky=1.0))
    assert not COMPARISON_WORDS.search(real.findings)  # a visit with a prior tells only true change, here none


# ---- what is told


def test_omission_leaves_out_present_findings_at_its_rate_and_nothing_else() -> None:
    kept = left = 0
    for each in drawn(MANY):
        switches = Switches(omission=OMISSION)
        full = told(each.findings)
        noisy = told(each.findings, seed=SEED, name=each.name, switches=switches)
        lost = {finding.id for finding in full} - {finding.id for finding in noisy}
        assert all(finding.state == "present" for finding in full if finding.id in lost)
        kept += sum(finding.state == "present" for finding in noisy)
        left += len(lost)
        report = narrate(each.findings, each.visit, seed=SEED, name=each.name, prior=each.prior, switches=switches)
        assert read_back(report, prior=each.prior)[0] == given_back(noisy, prior=each.prior)
    assert left / (kept + left) == pytest.approx(OMISSION, abs=4 * np.sqrt(0.09 / (kept + left)))


def test_what_cannot_be_seen_is_told_only_where_wanted() -> None:
    seen: Counter[str] = Counter()
    for each in drawn(120, visible=0.2):
        faint = {finding.id for finding in each.findings if finding.attributes.get("flag") == "invisible"}
        stated = {key for sentence in each.report.sentences for key in sentence.findings}
        assert not faint & stated
        every = {finding.id for finding in told(each.findings, switches=Switches(invisible=True))}
        worn = {finding.id for finding in each.findings if finding.concept in story_table()["untold"]}
        assert faint - worn <= every
        seen.update(finding.concept for finding in each.findings if finding.id in faint)
    assert seen["pleural effusion"] > 5


def test_nothing_below_its_threshold_is_told() -> None:
    found = of(plan("pleural effusion", 0.02, "left"))
    report = narrate(found, visit(), seed=1)
    assert "pleural effusion-left" not in {key for each in report.sentences for key in each.findings}
    assert "no pleural effusion" in {key for each in report.sentences for key in each.findings}


@pytest.mark.parametrize(
    ("name", "sites", "expected"),
    [
        ("consolidation", ("lingula", "left upper lobe"), ("lingula",)),
        ("consolidation", ("retrocardiac region", "left lower lobe"), ("retrocardiac region",)),
        ("consolidation", ("right middle lobe",), ("right middle lobe",)),
        ("pleural effusion", ("left pleural space",), ("left pleural space",)),
        ("endotracheal tube", ("trachea",), ()),
        ("foreign body", ("chest",), ()),
        ("pacemaker", ("left chest wall",), ("left chest wall",)),
        ("cardiomegaly", ("cardiac silhouette",), ("cardiac silhouette",)),
    ],
)
def test_a_report_names_the_narrowest_place_that_is_read_back(
    name: str, sites: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert sayable(name, sites) == expected


def test_sizes_are_told_in_whole_millimetres() -> None:
    found = of(plan("lung nodule", 0.31, "right", site="upper"))
    assert "measuring 12 mm" in narrate(found, visit(), seed=1).findings


def test_an_empty_study_says_that_nothing_was_assessed() -> None:
    report = narrate((), visit(), seed=1)
    assert report.findings == "No finding was assessed."
    assert report.technique == "PA view of the chest."


def test_all_sections_are_there_and_the_report_is_final() -> None:
    report = narrate(of(plan("cardiomegaly", 0.6)), visit(views=("PA", "LL")), seed=1, prior=True)
    assert report.technique == "PA and left lateral views of the chest."
    assert report.findings
    assert "cardiomegaly" in report.impression
    assert report.status == "final"
    assert {each.section for each in report.sentences} >= {"technique", "comparison", "findings", "impression"}


# ---- indication


def kinds(findings: tuple[Finding, ...], count: int, **rates: float) -> Counter[str]:
    return Counter(indication(findings, seed=8, name=f"i{n}", **rates)[0] for n in range(count))


@pytest.mark.parametrize("findings", [of(plan("pleural effusion", 0.5, "left")), of()])
def test_indications_come_at_their_rates(findings: tuple[Finding, ...]) -> None:
    count = 3_000
    found = kinds(findings, count)
    for kind, rate in (("truthful", TRUTHFUL), ("misleading", MISLEADING), ("missing", 1 - TRUTHFUL - MISLEADING)):
        assert found[kind] / count == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / count))
    assert kinds(findings, 300, truthful=0.0, misleading=1.0) == {"misleading": 300}
    assert kinds(findings, 300, truthful=0.0, misleading=0.0) == {"missing": 300}


def test_a_truthful_hint_fits_and_a_misleading_one_does_not() -> None:
    owner = {text: name for name, options in story_table()["hints"].items() for text in options}
    assert len(owner) == sum(len(options) for options in story_table()["hints"].values())
    seen: defaultdict[str, int] = defaultdict(int)
    for each in drawn(MANY):
        kind, text = indication(each.findings, seed=SEED, name=each.name)
        held = [finding.concept for finding in each.findings if finding.state == "present"]
        here = {*held, *(wider.name for name in held for wider in ancestors(name))}
        seen[kind] += 1
        if kind == "truthful":
            assert text in story_table()["routine"] or owner[text] in here
        elif kind == "misleading":
            assert owner[text] not in here
        else:
            assert text == ""
        assert each.report.indication == text
    assert min(seen.values()) > 60


def test_an_indication_is_never_read_as_a_finding() -> None:
    """A hint about pneumothorax must not make the parser find one."""
    found = of(plan("cardiomegaly", 0.6))
    for number in range(80):
        report = narrate(found, visit(), seed=4, name=f"m{number}", switches=Switches(truthful=0.0, misleading=1.0))
        assert report.indication
        assert read_back(report, prior=False)[0] == given_back(told(found), prior=False)


@pytest.mark.parametrize("rates", [{"truthful": 0.9, "misleading": 0.2}, {"truthful": -0.1}])
def test_rates_that_cannot_be_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(InputError, match="shares must be"):
        indication((), seed=1, name="a", **rates)


@pytest.mark.parametrize("name", ["truthful", "misleading", "omission", "leaky"])
def test_a_switch_is_a_share(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' must lie in"):
        Switches(**{name: 1.5})  # type: ignore[arg-type]
