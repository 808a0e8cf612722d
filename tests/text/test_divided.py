"""Places and grades that are shared along a list, divided between sides or pointed to from the next sentence."""

from __future__ import annotations

import pytest

from hilum.text.parse import Fact, parse


def about(text: str, concept: str) -> list[Fact]:
    return [fact for fact in parse(text).facts if fact.concept == concept]


def told(fact: Fact) -> tuple[tuple[str, ...], ...]:
    """Side, zone and grade of a fact."""
    return fact.sides, fact.zones, fact.severity + fact.attributes.get("extent", ())


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("Left small, right moderate effusions.", "pleural effusion",
         [(("left",), (), ("small",)), (("right",), (), ("moderate",))]),
        ("Small left and moderate right pleural effusions.", "pleural effusion",
         [(("left",), (), ("small",)), (("right",), (), ("moderate",))]),
        ("Bilateral effusions, left small, right moderate.", "pleural effusion",
         [(("left",), (), ("small",)), (("right",), (), ("moderate",))]),
        ("Patchy opacities in the right upper and left lower lobes.", "lung opacity",
         [(("right",), ("upper lobe",), ()), (("left",), ("lower lobe",), ())]),
        ("Opacity in the right base and left apex.", "lung opacity",
         [(("right",), ("base",), ()), (("left",), ("apex",), ())]),
        ("Mild right and moderate left basilar atelectasis.", "atelectasis",
         [(("right",), ("base",), ("mild",)), (("left",), ("base",), ("moderate",))]),
        ("Small scars in the right base and left base.", "pulmonary scar",
         [(("right",), ("base",), ("small",)), (("left",), ("base",), ("small",))]),
        ("Right lower lobe and left upper lobe opacities may represent pneumonia.", "pneumonia",
         [(("right",), ("lower lobe",), ()), (("left",), ("upper lobe",), ())]),
        ("Small right and ___ left pleural effusions.", "pleural effusion", [(("right", "left"), (), ("small",))]),
        ("Opacities in the right upper and lower lobes.", "lung opacity",
         [(("right",), ("upper lobe", "lower lobe"), ())]),
    ],
)  # fmt: skip
def test_each_side_keeps_its_own_grade_and_zone(
    text: str, concept: str, expected: list[tuple[tuple[str, ...], ...]]
) -> None:
    facts = about(text, concept)
    assert [told(fact) for fact in facts] == expected
    assert len({(fact.start, fact.end) for fact in facts}) == 1


def test_a_part_keeps_the_words_that_are_its_own() -> None:
    text = "Patchy opacities in the right upper and left lower lobes."
    first, second = about(text, "lung opacity")
    assert [text[a:b] for a, b in sorted(first.modifiers)] == ["Patchy", "right", "upper"]
    assert [text[a:b] for a, b in sorted(second.modifiers)] == ["Patchy", "left", "lower lobes"]


@pytest.mark.parametrize(
    ("text", "concept", "sides", "zones"),
    [
        ("Right effusion and basilar atelectasis.", "atelectasis", ("right",), ("base",)),
        ("Left effusion and perihilar opacity.", "lung opacity", (), ("perihilar",)),
        ("Effusion and atelectasis and scarring in the left base.", "atelectasis", ("left",), ("base",)),
        ("Right lower lobe consolidation and effusion.", "pleural effusion", ("right",), ()),
        ("Left lower lobe pneumonia and minimal scar or atelectasis in the right base.", "pulmonary scar",
         ("right",), ("base",)),
        ("Bilateral opacities representing edema.", "pulmonary edema", (), ()),
        ("Emphysema with mild bibasilar, right greater than left atelectasis.", "emphysema", (), ()),
        ("Emphysema with mild bibasilar, right greater than left atelectasis.", "atelectasis",
         ("right", "left"), ("base",)),
        ("Effusions, left greater than right with left basilar opacities.", "lung opacity", ("left",), ("base",)),
        ("The right diaphragm is elevated, there are small left effusions.", "pleural effusion", ("left",), ()),
        ("Apical scarring, slightly worse on the left.", "pulmonary scar", ("right", "left"), ("apex",)),
        ("There is a nodule which projects over the left upper lobe.", "lung nodule", ("left",), ("upper lobe",)),
        ("Effusion: small, right.", "pleural effusion", ("right",), ()),
        ("Nodular right lower lobe opacity.", "lung opacity", ("right",), ("lower lobe",)),
        ("Pulmonary edema with a nodule at the right base.", "pulmonary edema", (), ()),
        ("Emphysema and left scarring, both stable.", "pulmonary scar", ("left",), ()),
        ("Density over the right mid chest.", "lung opacity", ("right",), ("mid zone",)),
    ],
)  # fmt: skip
def test_places_go_along_lists_and_stop_at_statements(
    text: str, concept: str, sides: tuple[str, ...], zones: tuple[str, ...]
) -> None:
    (fact,) = about(text, concept)
    assert set(fact.sides) == set(sides)
    assert fact.zones == zones


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Opacity in the left base. It may represent atelectasis or pneumonia.", "pneumonia"),
        ("Opacity in the left base. It may represent atelectasis or pneumonia.", "atelectasis"),
        ("Consolidation in the left base. There is adjacent atelectasis.", "atelectasis"),
        ("Consolidation in the left base. Mild surrounding edema or atelectasis.", "atelectasis"),
    ],
)
def test_it_and_adjacent_point_to_the_sentence_before(text: str, concept: str) -> None:
    (fact,) = about(text, concept)
    assert (fact.sides, fact.zones) == (("left",), ("base",))
    assert "beside" not in fact.attributes


def test_adjacent_without_a_place_before_it_has_none() -> None:
    (fact,) = about("No effusion. There is adjacent atelectasis.", "atelectasis")
    assert (fact.sides, fact.zones) == ((), ())


@pytest.mark.parametrize(
    ("text", "concept", "slot", "expected"),
    [
        ("Two nodules.", "lung nodule", "count", ("two",)),
        ("2 nodules in the left lung.", "lung nodule", "count", ("two",)),
        ("Solitary nodule.", "lung nodule", "count", ("one",)),
        ("Several masses.", "lung mass", "count", ("multiple",)),
        ("Spiculated mass.", "lung mass", "morphology", ("spiculated",)),
        ("Cavitary lesion.", "lung cavity", "morphology", ("cavitary",)),
        ("Lobulated mass.", "lung mass", "morphology", ("lobulated",)),
        ("Well-circumscribed nodule.", "lung nodule", "morphology", ("well defined",)),
        ("Linear opacity.", "lung opacity", "morphology", ("linear",)),
        ("Round opacity.", "lung opacity", "morphology", ("round",)),
        ("Calcified nodule.", "lung nodule", "morphology", ("calcified",)),
        ("Noncalcified nodule.", "lung nodule", "morphology", ()),
        ("Non calcified nodule.", "lung nodule", "morphology", ()),
        ("Diffuse opacities.", "lung opacity", "distribution", ("diffuse",)),
        ("Focal opacity.", "lung opacity", "distribution", ("focal",)),
        ("Scattered opacities.", "lung opacity", "distribution", ("scattered",)),
        ("Small but increasing left effusion.", "pleural effusion", "extent", ("small",)),
        ("Small but increasing left effusion.", "pleural effusion", "change", ("worsened",)),
        ("Effusion has increased slightly.", "pleural effusion", "severity", ()),
        ("The effusion has nearly resolved.", "pleural effusion", "change", ("improved",)),
        ("Nodule, not seen on the prior study.", "lung nodule", "change", ("new",)),
        ("Emphysema and left scarring, both stable.", "pulmonary scar", "change", ("unchanged",)),
    ],
)
def test_counts_shapes_and_changes(text: str, concept: str, slot: str, expected: tuple[str, ...]) -> None:
    (fact,) = about(text, concept)
    assert fact.attributes.get(slot, ()) == expected


@pytest.mark.parametrize(
    ("text", "concept", "sizes"),
    [
        ("A 2.1 x 1.4 cm mass.", "lung mass", ((2.1, "cm"), (1.4, "cm"))),
        ("5-mm nodule.", "lung nodule", ((5.0, "mm"),)),
        ("A 1 cm nodule.", "lung nodule", ((1.0, "cm"),)),
        ("Tip of the endotracheal tube 4 cm above the carina.", "endotracheal tube", ()),
        ("Endotracheal tube, 35 mm from the carina.", "endotracheal tube", ()),
    ],
)
def test_distances_are_no_sizes(text: str, concept: str, sizes: tuple[tuple[float, str], ...]) -> None:
    assert about(text, concept)[0].sizes == sizes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cardiomegaly and right effusion are unchanged.", ("unchanged",)),
        ("Cardiomegaly, edema and effusion have increased.", ("worsened",)),
        ("Cardiomegaly and unchanged effusion.", ()),
        ("Cardiomegaly is present and the effusion is unchanged.", ()),
    ],
)
def test_a_change_of_all_subjects_is_told_of_each(text: str, expected: tuple[str, ...]) -> None:
    (heart,) = about(text, "cardiomegaly")
    assert heart.attributes.get("change", ()) == expected


@pytest.mark.parametrize(
    ("text", "concept", "severity"),
    [
        ("In the left base, there is mild atelectasis.", "atelectasis", ("mild",)),
        ("Mild increased interstitial markings.", "interstitial pattern", ("mild",)),
        ("Mildly increased interstitial markings.", "interstitial pattern", ()),
        ("Mild increase in interstitial markings.", "interstitial pattern", ()),
    ],
)
def test_a_grade_of_a_change_is_no_grade_of_the_finding(text: str, concept: str, severity: tuple[str, ...]) -> None:
    (fact,) = about(text, concept)
    assert fact.severity == severity


def test_a_place_that_opens_the_sentence_reaches_over_there_is() -> None:
    (fact,) = about("In the left lung base, there is a 9 mm nodule.", "lung nodule")
    assert (fact.sides, fact.zones) == (("left",), ("base",))


def test_levels_without_a_side_stay_with_the_side_before_them() -> None:
    first, second = about(
        "Fibrosis in the left mid and lower lung zone and the right middle lobe.", "pulmonary fibrosis"
    )
    assert told(first) == (("left",), ("mid zone", "lower zone"), ())
    assert told(second) == (("right",), ("middle lobe",), ())
