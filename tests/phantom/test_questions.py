"""Questions: answers follow from facts alone, no answer or place is the better guess, nothing unseen is asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest

from hilum.core.finding import Finding, Measurement
from hilum.core.report import Question
from hilum.core.vocabulary import concept
from hilum.phantom.narrate import Switches, told
from hilum.phantom.questions import FAMILIES_OF_QUESTIONS, noun_of, questions
from hilum.phantom.tips import tip_of

from .stories import SEED, Told, drawn, of, plan, visit


@cache
def asked() -> tuple[tuple[Told, tuple[Question, ...]], ...]:
    return tuple((each, questions(each.findings, each.visit, seed=SEED, name=each.name)) for each in drawn(300))


def by_family(family: str) -> list[tuple[Told, Question]]:
    return [(each, item) for each, items in asked() for item in items if item.family == family]


def present(each: Told, name: str) -> list[Finding]:
    return [finding for finding in told(each.findings) if finding.state == "present" and finding.concept == name]


def test_all_families_are_asked_and_every_answer_is_a_choice() -> None:
    assert {item.family for _, items in asked() for item in items} == set(FAMILIES_OF_QUESTIONS)
    for _, items in asked():
        assert len({item.id for item in items}) == len(items)
        for item in items:
            assert item.answer in item.choices
            assert len(set(item.choices)) == len(item.choices) >= 2
            assert item.text.endswith("?")


def test_the_same_seed_asks_the_same() -> None:
    each, items = asked()[3]
    assert questions(each.findings, each.visit, seed=SEED, name=each.name) == items


def test_yes_and_no_are_asked_alike_often_and_are_true() -> None:
    answers = Counter(item.answer for _, item in by_family("presence"))
    assert answers["yes"] == answers["no"] > 100
    for each, item in by_family("presence"):
        here = {finding.concept for finding in each.findings if finding.state == "present"}
        noun = item.text.removeprefix("Is there ").removeprefix("Are there ").rstrip("?")
        noun = noun.removeprefix("a ").removeprefix("an ")
        name = {"sternotomy changes": "sternotomy", "healed rib fractures": "healed rib fracture"}.get(noun, noun)
        assert (concept(name).name in here) == (item.answer == "yes")


def test_the_answers_place_tells_nothing() -> None:
    places: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for _, items in asked():
        for item in items:
            places[len(item.choices)][item.choices.index(item.answer or "")] += 1
    for size, counts in places.items():
        total = counts.total()
        for place in range(size):
            share = 1 / size
            assert counts[place] / total == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / total))


def test_sides_are_the_sites() -> None:
    for each, item in by_family("side"):
        (finding,) = [f for f in told(each.findings) if f.state == "present" and f.concept.split()[-1] in item.text][:1]
        sides = {part for site in finding.sites for part in ("right", "left", "bilateral") if site.startswith(part)}
        both = sides == {"right", "left"} or "bilateral" in sides
        assert item.answer == ("both sides" if both else sides.pop()) or len(present(each, finding.concept)) == 1
    answers = Counter(item.answer for _, item in by_family("side"))
    assert abs(answers["right"] - answers["left"]) < 4 * np.sqrt(answers["right"] + answers["left"])


@pytest.mark.parametrize(("severity", "expected"), [(0.15, "mild"), (0.36, "moderate"), (0.8, "severe")])
def test_grades_are_the_words_of_the_facts(severity: float, expected: str) -> None:
    found, now = of(plan("pleural effusion", severity, "left")), visit()
    answers = {item.answer for n in range(60) for item in questions(found, now, seed=1, name=f"g{n}")
               if item.family == "severity"}  # fmt: skip
    assert answers == {expected}


def test_no_grade_count_or_change_is_much_the_better_guess() -> None:
    for family, most in (("severity", 0.5), ("change", 0.4), ("count", 0.6), ("view", 0.5)):
        answers = Counter(item.answer for _, item in by_family(family))
        assert len(answers) >= 3
        assert answers.most_common(1)[0][1] / answers.total() < most, (family, answers)


def nodule(size: float) -> Finding:
    return Finding(
        "lung nodule", sites=("right upper lobe",), id="n", measurements=(Measurement("diameter", size, "mm"),)
    )


@pytest.mark.parametrize("size", [4.0, 6.0, 12.0, 30.0, 80.0])
def test_sizes_offer_the_true_one_at_any_rank(size: float) -> None:
    ranks: Counter[int] = Counter()
    for number in range(200):
        (item,) = [q for q in questions([nodule(size)], visit(), seed=1, name=f"s{number}") if q.family == "size"]
        figures = sorted(int(choice.split()[0]) for choice in item.choices)
        assert item.answer == f"{size:.0f} mm"
        assert min(np.diff(figures)) >= 2
        assert figures[0] >= 1
        ranks[figures.index(int(size))] += 1
    if size >= 12:
        assert min(ranks[rank] for rank in range(4)) > 25


def test_devices_are_counted() -> None:
    lines = [Finding(name, id=name) for name in ("pacemaker", "chest tube", "endotracheal tube", "enteric tube")]
    for number in range(4):
        made = [item for n in range(80) for item in questions(lines[:number], visit(), seed=1, name=f"c{n}")
                if item.family == "count"]  # fmt: skip
        assert {item.answer for item in made} == {str(number) if number < 3 else "3 or more"}


def test_change_is_that_of_the_facts_and_asked_only_with_a_prior() -> None:
    for each, item in by_family("change"):
        assert each.prior
        nouns = {noun_of(finding): finding.change for finding in told(each.findings) if finding.change}
        noun = item.text.split(" the ", 1)[1].removesuffix(" changed since the prior film?")
        assert nouns[noun] == item.answer


def test_tips_are_those_of_the_facts() -> None:
    for each, item in by_family("tip"):
        tips = {tip_of(finding) for finding in each.findings if f"the {finding.concept} lie" in item.text}
        (tip,) = tips
        assert tip is not None
        assert item.answer == (tip.site or f"{tip.above_carina_mm} mm above the carina")


def test_views_are_those_taken() -> None:
    for each, item in by_family("view"):
        assert item.answer == {("PA",): "PA", ("AP",): "AP", ("PA", "LL"): "PA and left lateral"}[each.visit.views]
    assert not [item for item in questions([], visit(views=("LLO",)), seed=1) if item.family == "view"]


def test_what_cannot_be_seen_is_not_asked_about() -> None:
    faint = [Finding("lung nodule", sites=("right upper lobe",), attributes={"flag": "invisible"}, id="n"),
             Finding("pneumothorax", "absent", id="no pneumothorax")]  # fmt: skip
    families = {item.family for item in questions(faint, visit(), seed=1)}
    assert not families & {"presence", "side", "size"}
    shown = {item.family for item in questions(faint, visit(), seed=1, switches=Switches(invisible=True))}
    assert {"presence", "side"} <= shown
