"""Words of the scenes: which sentence states which finding, what is denied, what an impression and a hint hold."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from hilum.core.finding import Change
from hilum.core.report import Report
from hilum.measure.metrics.comparison import has_prior
from hilum.measure.normal_statements import film_statements
from hilum.phantom.scenes_facts import CONCEPTS, MOST, Fact, Facts
from hilum.phantom.scenes_words import hint_of, noun, report, sentence, words_table
from hilum.text.parse import parse, to_findings

NOTHING: tuple[Change | None, ...] = (None,) * len(CONCEPTS)
SICK = {
    "cardiomegaly": Fact("cardiomegaly", 2), "pleural effusion": Fact("pleural effusion", 1, -1),
    "consolidation": Fact("consolidation", 3, 1, "lower", "posterior"), "pneumothorax": Fact("pneumothorax", 1, 1),
    "lung nodule": Fact("lung nodule", 1, -1, "upper", "anterior"),
    "endotracheal tube": Fact("endotracheal tube", 1, tip="high"),
}  # fmt: skip


def facts(*present: str) -> Facts:
    return tuple(SICK[concept] if concept in present else Fact(concept, tip="good") for concept in CONCEPTS)


def written(
    *present: str, changes: tuple[Change | None, ...] = NOTHING, name: str = "n", prior: bool = False
) -> Report:
    return report(facts(*present), changes, prior=prior, seed=0, name=name, hint="Routine film.")


SETS = [tuple(c for c, there in zip(CONCEPTS, bits, strict=True) if there) for bits in product((0, 1), repeat=6)]


@pytest.mark.parametrize("present", SETS[::3])
def test_every_set_of_findings_is_told_and_the_rest_is_denied_or_silent(present: tuple[str, ...]) -> None:
    read = to_findings(parse({"findings": written(*present).findings}))
    assert {each.concept for each in read if each.state == "present"} == set(present)
    denied = {"cardiomegaly", *words_table()["listed"]} - set(present)
    assert {each.concept for each in read if each.state == "absent"} == denied
    assert len(read) == len(present) + len(denied)


@pytest.mark.parametrize("present", SETS[::5])
def test_sentences_point_to_the_findings_that_they_state(present: tuple[str, ...]) -> None:
    made = written(*present)
    for each in made.sentences:
        text = made.text(each)
        assert text[0].isupper() or text[0].isdigit()
        assert text.endswith(".")
        if each.section in ("findings", "impression"):
            read = {finding.concept for finding in to_findings(parse({"findings": text}))}
            assert read == set(each.findings)
    told = [key for each in made.sentences if each.section == "findings" for key in each.findings]
    assert len(told) == len(set(told))
    assert " ".join(made.text(each) for each in made.sentences if each.section == "findings") == made.findings


def test_an_impression_names_what_is_there_or_that_nothing_is() -> None:
    read = to_findings(parse({"impression": written("pleural effusion", "lung nodule").impression}))
    assert {(each.concept, each.state) for each in read} == {
        ("pleural effusion", "present"),
        ("lung nodule", "present"),
    }
    for number in range(12):
        quiet = written(name=str(number)).impression
        assert film_statements(quiet)
        assert not to_findings(parse({"impression": quiet}))


def test_an_impression_tells_change_in_one_word() -> None:
    changes: tuple[Change | None, ...] = (None, "worsened", None, "new", None, None)
    made = written("pleural effusion", "pneumothorax", changes=changes, prior=True)
    read = {each.concept: each.change for each in to_findings(parse({"impression": made.impression}))}
    assert read == {"pleural effusion": "worsened", "pneumothorax": "new"}


def test_what_has_resolved_is_told_once_and_not_denied_again() -> None:
    changes: tuple[Change | None, ...] = (None, "resolved", None, None, None, "resolved")
    for number in range(12):
        read = to_findings(parse({"findings": written(changes=changes, name=str(number), prior=True).findings}))
        effusions = [each for each in read if each.concept == "pleural effusion"]
        assert [(each.state, each.change) for each in effusions] == [("absent", "resolved")]
        tubes = [each for each in read if each.concept == "endotracheal tube"]
        assert [(each.state, each.change) for each in tubes] == [("absent", "resolved")]


def test_the_comparison_section_tells_whether_there_was_a_prior() -> None:
    """By the metric that counts false comparisons, which reads this section."""
    assert has_prior(written(prior=True)) is True
    assert has_prior(written()) is False


def test_words_repeat_by_seed_and_name_and_differ_between_names() -> None:
    present = ("pleural effusion", "consolidation", "cardiomegaly")
    assert written(*present) == written(*present)
    assert len({written(*present, name=str(number)).findings for number in range(30)}) > 20


@pytest.mark.parametrize("concept", CONCEPTS)
def test_all_wordings_of_a_fact_come_up_about_as_often(concept: str) -> None:
    rng = np.random.default_rng(0)
    counts = Counter(sentence(SICK[concept], None, rng) for _ in range(400))
    assert len(counts) >= 4
    assert max(counts.values()) < 4 * min(counts.values())


@pytest.mark.parametrize("concept", [each for each in CONCEPTS if MOST[each] > 1])
def test_every_grade_has_a_word_that_is_read_back_as_its_severity(concept: str) -> None:
    order = {"mild": 1, "small": 1, "moderate": 2, "severe": 3, "large": 3}
    ranks = []
    for grade in range(1, MOST[concept] + 1):
        fact = Fact(concept, grade, SICK[concept].side, SICK[concept].zone)
        for pattern in words_table()["nouns"][concept]:
            (read,) = to_findings(parse({"findings": f"{noun(fact, pattern).capitalize()}."}))
            word = read.attributes.get("severity") or read.attributes.get("extent")
            assert word in words_table()["grades"][concept]
        ranks.append(order[str(word)])
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize(
    ("zone", "site"), [("upper", "upper lung zone"), ("mid", "mid lung zone"), ("lower", "lower lung zone")]
)
@pytest.mark.parametrize(("side", "named"), [(-1, "right"), (1, "left")])
@pytest.mark.parametrize("concept", ["consolidation", "lung nodule"])
def test_places_are_read_back_as_sites_of_the_vocabulary(
    concept: str, side: int, named: str, zone: str, site: str
) -> None:
    for pattern in words_table()["nouns"][concept]:
        text = noun(Fact(concept, 1, side, zone), pattern)
        (read,) = to_findings(parse({"findings": f"There is a {text}."}))
        assert read.sites == (f"{named} {site}",)


def test_a_hint_names_one_finding_in_four_wordings_or_is_routine() -> None:
    table = words_table()
    quiet = {hint_of(facts(), seed=0, name=str(number)) for number in range(300)}
    assert {text for kind, text in quiet if kind == "truthful"} == set(table["routine"])
    named = {text for kind, text in quiet if kind == "misleading"}
    assert len(named) == len(table["hinted"]) * len(table["hints"])
    assert {text for kind, text in quiet if kind == "missing"} == {""}


def test_a_hint_never_misleads_where_everything_is_there() -> None:
    everything = tuple(SICK.values())
    drawn = dict(hint_of(everything, seed=0, name=str(n)) for n in range(200))
    assert set(drawn) == {"truthful", "missing"}


def test_tubes_are_no_hint() -> None:
    drawn = [hint_of(facts("endotracheal tube"), seed=0, name=str(number)) for number in range(200)]
    assert not any("tube" in text for _, text in drawn)
    assert {text for kind, text in drawn if kind == "truthful"} == set(words_table()["routine"])
