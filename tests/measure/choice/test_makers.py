"""Frames of each kind: what they ask, when a study answers them, and what their sentences say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from hilum.core.study import Study
from hilum.core.vocabulary import concept
from hilum.measure.choice.confusions import confused, facets
from hilum.measure.choice.differential import differential
from hilum.measure.choice.facts import Facts, facts_of, related
from hilum.measure.choice.frame import Frame, noun, option_sets, told
from hilum.measure.choice.geometry import geometry, quarters, ranges
from hilum.measure.choice.location import location
from hilum.measure.choice.presence import POOL, contested, negation, presence
from hilum.measure.choice.reported import described, excluded
from tests.measure.choice.made import FOUR, all_states, boxed, measured, study

C, N, E, P = FOUR


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def facts(studies: Sequence[Study]) -> list[Facts]:
    return [facts_of(each) for each in studies]


def answers(frame: Frame, studies: Sequence[Study]) -> list[str | None]:
    """The option that each study reads, as text."""
    read = [frame.read(each) for each in facts(studies)]
    return [None if each is None else frame.options[each.answer] for each in read]


COHORT = facts(all_states())


# ---- presence and negation


def test_presence_is_asked_where_one_of_four_is_there() -> None:
    (frame,) = presence(COHORT, rng())
    assert set(frame.options) == set(FOUR)
    asked = [each for each in map(frame.read, COHORT) if each is not None]
    assert sorted(each.answer for each in asked) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("present", "absent", "unsure", "answer"),
    [
        ([C], [N, E, P], [], C),
        ([P], [C, N, E], [], P),
        ([C], [N, E], [], None),
        ([C], [N, E], [P], None),
        ([C, N], [E, P], [], None),
        ([], [C, N, E, P], [], None),
        ([C, "cardiomegaly"], [N, E, P], [], C),
    ],
)
def test_presence_takes_nothing_for_granted(
    present: list[str], absent: list[str], unsure: list[str], answer: str | None
) -> None:
    (frame,) = presence(COHORT, rng())
    assert answers(frame, [study("a", present, absent, unsure)]) == [answer]


@pytest.mark.parametrize(
    ("present", "absent", "missing", "wrong"),
    [
        ([C, N, E], [P], P, None),
        ([C, E, P], [N], N, None),
        ([C], [N, E, P], None, f"no {C}"),
        ([E], [C, N, P], None, f"no {E}"),
        ([C, N], [E, P], None, None),
        ([C, N, E], [], None, None),
        ([C, N, E, P], [], None, None),
    ],
)
def test_negation_asks_for_the_absent_one_and_for_the_wrong_denial(
    present: list[str], absent: list[str], missing: str | None, wrong: str | None
) -> None:
    by = {frame.category: frame for frame in negation(COHORT, rng())}
    one = [study("a", present, absent)]
    assert answers(by["absent finding"], one) == [missing]
    assert answers(by["wrong denial"], one) == [wrong]


def test_sentences_say_what_is_there_with_its_place_and_what_is_not() -> None:
    one = facts_of(study("a", [E], [P], sites={E: ["left lower lung zone"]}))
    assert told(one, E) == "there is a pleural effusion (left lower lung zone)"
    assert told(one, P) == "there is no pneumothorax"


def test_concepts_of_ones_own_are_named_as_they_are() -> None:
    assert noun("glimmer of my own") == "glimmer of my own"
    assert noun("infiltration") in ("infiltration", "an infiltration")


def test_contested_concepts_are_those_that_some_have_and_others_have_not() -> None:
    cohort = facts([study("a", [C, E], [P]), study("b", [P], [C]), study("c", [N])])
    assert contested(cohort) == [C, P]


def test_a_dozen_of_the_most_contested_are_kept() -> None:
    names = [f"thing {at:02d}" for at in range(20)]
    cohort = facts([study(f"s{at}", names[: at + 1], names[at + 1 :]) for at in range(20)])
    found = contested(cohort)
    assert len(found) == POOL
    assert "thing 10" in found
    assert "thing 19" not in found


# ---- sets of options and confusions


def test_options_are_of_one_kind_and_none_is_a_kind_of_another() -> None:
    names = [
        "consolidation",
        "lung opacity",
        "lung nodule",
        "pneumothorax",
        "pneumonia",
        "pleural effusion",
        "fracture",
    ]
    for each in option_sets(names, rng(), most=99, confused=confused):
        assert not any(related(a, b) for a, b in combinations(each, 2))
        assert "pneumonia" not in each


def test_true_confusions_come_first() -> None:
    names = ["consolidation", "atelectasis", "pleural effusion", "lung mass", "scoliosis", "fracture", "osteopenia"]
    first = option_sets(names, rng(), most=1, confused=confused)[0]
    assert set(first) == {"consolidation", "atelectasis", "pleural effusion", "lung mass"}


def test_every_facet_has_four_concepts_of_the_vocabulary_and_a_source() -> None:
    for facet in facets():
        assert len(set(facet.concepts)) >= 4
        assert [concept(name).name for name in facet.concepts] == list(facet.concepts)
        assert len(facet.source) > 5


def test_confusion_goes_both_ways_and_never_to_itself() -> None:
    for name in {each for facet in facets() for each in facet.concepts}:
        assert name not in confused(name)
        assert all(name in confused(other) for other in confused(name))


def test_those_that_share_more_facets_are_nearer() -> None:
    assert confused("consolidation").index("atelectasis") < confused("consolidation").index("hiatal hernia")
    assert confused("no such thing") == ()


# ---- location


def zones(name: str) -> list[Study]:
    places = [f"{side} {zone} lung zone" for side in ("left", "right") for zone in ("lower", "upper")]
    return [study(f"{at}{n}", [name], sites={name: [place]}) for at, place in enumerate(places) for n in range(3)]


def test_places_are_two_heights_on_either_side() -> None:
    cohort = zones(C)
    (frame,) = location(facts(cohort), rng())
    assert sorted(frame.options) == [f"{s} {z} lung zone" for s in ("left", "right") for z in ("lower", "upper")]
    assert answers(frame, cohort[:1]) == ["left lower lung zone"]
    assert all("consolidation" in stem for stem in frame.stems)


def test_a_finding_in_two_places_is_not_asked_for_its_place() -> None:
    (frame,) = location(facts(zones(C)), rng())
    two = study("x", [C], sites={C: ["left lower lung zone", "left upper lung zone"]})
    assert answers(frame, [two, study("y", [], [C]), study("z")]) == [None, None, None]


def test_a_place_that_few_have_is_not_offered() -> None:
    assert location(facts(zones(C)[:-1]), rng()) == []


def test_what_is_on_a_side_is_asked_where_another_is_on_the_other() -> None:
    found = [frame for frame in location(COHORT, rng()) if frame.category == "left side"]
    (frame,) = found
    left, right = {C: ["left lung"]}, {N: ["right lung"]}
    asked = study("a", [C, N], [E, P], sites={**left, **right})
    alone = study("b", [C], [N, E, P], sites=left)
    both = study("c", [C, N], [E, P], sites={C: ["left lung"], N: ["left lung"]})
    nowhere = study("d", [C, N], [E, P], sites=left)
    assert answers(frame, [asked, alone, both, nowhere]) == [C, None, None, None]
    reading = frame.read(facts_of(asked))
    assert reading is not None
    assert reading.reasons[frame.options.index(N)] == "there is a lung nodule, on the other side"


# ---- differential


def test_look_alikes_are_offered_where_one_of_the_facet_is_on_the_side() -> None:
    frames = [each for each in differential(COHORT, rng()) if each.category == "area of increased density"]
    assert frames == []  # three of the four share the facet: too few
    names = ("consolidation", "atelectasis", "pleural effusion", "lung mass")
    by = {each.stems[0]: each for each in differential(facts(all_states(names)), rng())}
    frame = by["Area of increased density on the left side: which of these is it?"]
    here, gone = {"lung mass": ["left lung"]}, ["consolidation", "atelectasis", "pleural effusion"]
    asked = study("a", ["lung mass"], gone, sites=here)
    other_side = study("b", ["lung mass"], gone, sites={"lung mass": ["right lung"]})
    two = study("c", ["lung mass", "atelectasis"], gone[::2], sites={**here, "atelectasis": ["left lung"]})
    apart = study("d", ["lung mass", "atelectasis"], gone[::2], sites={**here, "atelectasis": ["right lung"]})
    not_offered = study("e", ["lung mass", "infiltration"], gone, sites={**here, "infiltration": ["left lung"]})
    assert answers(frame, [asked, other_side, two, apart, not_offered]) == ["lung mass", None, None, "lung mass", None]


# ---- geometry


def test_the_ratio_is_asked_in_the_ranges_that_readers_know() -> None:
    (frame,) = geometry(facts(measured([0.40, 0.47, 0.53, 0.62] * 6)), rng())
    assert frame.options == ("0.35 to 0.45", "0.45 to 0.50", "0.50 to 0.57", "0.57 to 0.70")
    assert answers(frame, measured([0.40, 0.47, 0.53, 0.62])) == list(frame.options)


@pytest.mark.parametrize("value", [0.45, 0.4499, 0.5001, 0.30, 0.75, float("nan")])
def test_what_lies_on_an_edge_or_outside_is_not_asked(value: float) -> None:
    (frame,) = geometry(facts(measured([0.40, 0.47, 0.53, 0.62] * 6)), rng())
    assert answers(frame, measured([value])) == [None]


def test_a_measure_of_few_studies_or_of_two_units_is_not_asked() -> None:
    assert geometry(facts(measured([0.4, 0.5] * 5)), rng()) == []
    mixed = [*measured([10.0, 20, 30, 40] * 6, "width", "mm"), *measured([1.0, 2], "width", "cm")]
    assert geometry(facts(mixed), rng()) == []


def test_other_measures_are_parted_by_the_cohort() -> None:
    cohort = measured([float(v) for v in range(5, 105)], "width", "mm")
    (frame,) = geometry(facts(cohort), rng())
    assert frame.options == ("0 to 30 mm", "30 to 50 mm", "50 to 80 mm", "80 to 110 mm")
    told = [each for each in answers(frame, cohort) if each]
    assert {told.count(option) for option in frame.options} <= set(range(15, 30))


@pytest.mark.parametrize(
    ("values", "least", "edges"),
    [
        ([0.0, 25, 50, 75, 100], 0.0, (0.0, 20.0, 50.0, 80.0, 100.0)),
        ([0.0, 25, 50, 75, 100], 20.0, (0.0, 20.0, 50.0, 80.0, 100.0)),
        ([0.0, 25, 50, 75, 100], 40.0, None),
        ([5.0, 5, 5, 5], 0.0, None),
        ([0.0, 49, 50, 51, 100], 15.0, (0.0, 20.0, 50.0, 80.0, 100.0)),
    ],
)
def test_ranges_follow_the_quarters_or_else_are_equally_wide(
    values: list[float], least: float, edges: tuple[float, ...] | None
) -> None:
    assert quarters(np.array(values), least=least) == edges


@pytest.mark.parametrize(
    ("edges", "unit", "texts"),
    [
        ((0, 1, 2, 3, 4), "mm", ("0 to 1 mm", "1 to 2 mm", "2 to 3 mm", "3 to 4 mm")),
        ((0, 0.5, 1, 2, 4), "1", ("0.0 to 0.5", "0.5 to 1.0", "1.0 to 2.0", "2.0 to 4.0")),
        ((0.35, 0.45, 0.5, 0.57, 0.7), "", ("0.35 to 0.45", "0.45 to 0.50", "0.50 to 0.57", "0.57 to 0.70")),
    ],
)
def test_all_ranges_are_written_with_as_many_decimals(
    edges: tuple[float, ...], unit: str, texts: tuple[str, ...]
) -> None:
    assert ranges(edges, unit) == texts
    assert len({len(each) for each in texts}) == 1


def test_ranges_narrower_than_two_pixels_are_not_asked() -> None:
    wide = [boxed(f"b{at}", "consolidation", (0, 0, 2 + at % 16, 2)) for at in range(64)]
    narrow = [boxed(f"b{at}", "consolidation", (0, 0, 2 + at % 4, 2)) for at in range(64)]
    assert len([each for each in geometry(facts(wide), rng()) if each.category == "extent"]) == 1
    assert [each for each in geometry(facts(narrow), rng()) if each.category == "extent"] == []


def test_the_sentence_says_the_figure_and_which_way_the_others_are_wrong() -> None:
    (frame,) = geometry(facts(measured([0.40, 0.47, 0.53, 0.62] * 6)), rng())
    reading = frame.read(facts(measured([0.53]))[0])
    assert reading is not None
    ratio = "the cardiothoracic ratio is 0.53"
    assert reading.reasons == (f"{ratio}, which is more", f"{ratio}, which is more", ratio, f"{ratio}, which is less")


# ---- of reports


def test_a_report_describes_one_and_what_it_does_not_mention_is_no_answer() -> None:
    by = {frame.options: frame for frame in described(COHORT, rng())}
    frame = by[tuple(sorted(FOUR))]
    told = [study("a", [C]), study("b", [C], [N]), study("c", [C, N]), study("d", [C], [], [N]), study("e")]
    assert answers(frame, told) == [C, C, None, None, None]


def test_a_report_excludes_one_where_another_is_present() -> None:
    by = {frame.options: frame for frame in excluded(COHORT, rng())}
    frame = by[tuple(sorted(FOUR))]
    told = [study("a", [C], [N]), study("b", [], [N]), study("c", [C], [N, E]), study("d", [C], [N], [E])]
    assert answers(frame, told) == [N, None, None, None]
    reading = frame.read(facts_of(told[0]))
    assert reading is not None
    assert set(reading.reasons) == {
        "the report describes consolidation", "the report excludes a lung nodule",
        "the report does not mention a pleural effusion", "the report does not mention a pneumothorax",
    }  # fmt: skip
