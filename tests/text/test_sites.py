"""Sites: names of the vocabulary from a side and a place, and sites of facts with each zone on its own side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept, concepts, laterality
from hilum.text.findings import to_findings
from hilum.text.parse import parse
from hilum.text.sites import both, each_side, home, parts, place, site

WORDS = ["right", "left", "bilateral", "upper", "lobe", "base", "apex", "opacity", "effusion", "and", "in", ",", "no"]
SITES = [item.name for item in concepts() if item.kind == "site"]


@pytest.mark.parametrize("name", SITES)
def test_every_site_is_made_again_from_its_parts(name: str) -> None:
    side, where = parts(name)
    assert side == laterality(name)
    assert site(side, where) == name


@pytest.mark.parametrize(
    ("side", "where", "expected"),
    [
        ("right", "lower lung zone", "right lower lung zone"),
        ("bilateral", "lower lung zone", "bilateral lower lung zones"),
        ("left", "costophrenic angle", "left costophrenic angle"),
        ("right", "mediastinum", "mediastinum"),
        ("", "middle lobe", "right middle lobe"),
        ("left", "middle lobe", "left lung"),
        ("left", "lingula", "lingula"),
        ("right", "lingula", "right lung"),
        ("left", "perihilar region", "left perihilar region"),
        ("", "posterior", ""),
        ("right", "posterior", "right lung"),
    ],
)
def test_sites_by_hand(side: str, where: str, expected: str) -> None:
    assert site(side, where) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pleural effusion", "pleural space"),
        ("consolidation", "lung"),
        ("rib fracture", "rib"),
        ("hilar enlargement", "hilum"),
        ("pacemaker", "chest wall"),
        ("central venous catheter", ""),
        ("scoliosis", ""),
        ("odd shadow", "lung"),
    ],
)
def test_a_bare_side_means_the_concepts_own_place(name: str, expected: str) -> None:
    assert home(name) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(SITES), max_size=5))
def test_telling_two_sides_as_one_loses_and_adds_no_side(names: list[str]) -> None:
    joined = both(names)
    assert {pair for name in joined for pair in each_side(name)} == {pair for name in names for pair in each_side(name)}
    assert len(joined) <= len(set(names))


def test_right_and_left_are_told_as_one_where_there_is_a_name() -> None:
    assert both(["right lung", "left lung"]) == ("bilateral lungs",)
    assert both(["right upper lobe", "left upper lobe"]) == ("right upper lobe", "left upper lobe")


def test_places_of_the_pack_are_places_of_the_vocabulary() -> None:
    for zone in ("base", "apex", "perihilar", "retrocardiac", "lumbar spine", "paratracheal"):
        assert concept(place(zone)).kind == "site"
    assert place("upper lobe") == "upper lobe"
    with pytest.raises(InputError):
        concept(place("posterior"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Right upper lobe and left lower lobe opacities.", ("right upper lobe", "left lower lobe")),
        ("Opacity in the right lung and left lower lobe.", ("right lung", "left lower lobe")),
        ("Right and left lower lobe opacities.", ("right lower lobe", "left lower lobe")),
        (
            "Opacity in both lower lung zones and the right upper lobe.",
            ("bilateral lower lung zones", "right upper lobe"),
        ),
        ("Opacity in the lingula and the right upper lobe.", ("lingula", "right upper lobe")),
        ("Basilar and apical opacities on the right.", ("right lower lung zone", "right apical zone")),
        ("Opacity in the right upper and mid lung zones.", ("right upper lung zone", "right mid lung zone")),
        ("Consolidation in the right lower lung zone and at the left hilum.", ("right lower lung zone", "left hilum")),
        ("Small right pleural effusion.", ("right pleural space",)),
        ("Bilateral effusions.", ("bilateral pleural spaces",)),
        ("Blunting of the left costophrenic angle.", ("left costophrenic angle",)),
        ("Right perihilar opacity.", ("right perihilar region",)),
        ("Bibasilar opacities.", ("bilateral lower lung zones",)),
        ("Opacity.", ()),
        ("Right internal jugular catheter.", ()),
    ],
)
def test_sites_of_sentences(text: str, expected: tuple[str, ...]) -> None:
    (finding,) = to_findings(parse(text))
    assert finding.sites == expected


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [("Posterior left rib fracture.", "zone", "posterior"), ("Right PICC.", "side", "right")],
)
def test_what_has_no_site_of_the_vocabulary_stays_an_attribute(text: str, slot: str, value: str) -> None:
    (finding,) = to_findings(parse(text))
    assert finding.attributes[slot] == value


def test_spanish_reports_get_the_same_names() -> None:
    (finding,) = to_findings(parse("Opacidad en base derecha.", language="es"))
    assert finding.sites == ("right lower lung zone",)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_sites_are_always_names_of_the_vocabulary(words: list[str]) -> None:
    for finding in to_findings(parse(" ".join(words))):
        assert all(concept(name).kind == "site" and concept(name).name == name for name in finding.sites)
