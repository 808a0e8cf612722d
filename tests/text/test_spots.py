"""What the structure table finds in a sentence: each kind of row by hand, and exact characters for anything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.text import spots as module
from hilum.text.lexicon import expand
from hilum.text.lexicon import pack as lexicon
from hilum.text.spots import Spot, read_table, rules, slots_of, spots

WORDS = st.sampled_from(
    ["cough", "no", "fever", "history of", "asthma", "ct", "tip", "above", "the carina", "in good position", ",", "may",
     "obscured", "associated with", "denies", "right greater than left", "svc", "known", "benign", "and", ".", "7"]
)  # fmt: skip


def found(sentence: str, kind: str) -> list[tuple[str, str]]:
    """(name, words) of each spot of a kind."""
    return [(each.name, sentence[each.start : each.end]) for each in spots(sentence) if each.kind == kind]


@pytest.mark.parametrize(
    "sentence, name, value",
    [
        ("Productive cough for two days.", "PATIENT INFO.", "cough"),
        ("Patient is short of breath.", "PATIENT INFO.", "dyspnea"),
        ("Substernal chest pain.", "PATIENT INFO.", "chest pain"),
        ("Febrile since yesterday.", "COF", "fever"),
        ("Elevated white blood cell count.", "COF", "leukocytosis"),
        ("Positive PPD.", "COF", "positive tuberculin test"),
        ("End stage renal disease.", "NCD", "renal failure"),
        ("Coronary artery disease.", "NCD", "coronary artery disease"),
        ("Colon cancer.", "NCD", "extrathoracic cancer"),
        ("Recently extubated.", "OTH", "intubation"),
        ("After thoracentesis.", "OTH", "thoracentesis"),
        ("Right upper lobectomy.", "OTH", "lung resection"),
    ],
)
def test_an_entity_has_a_category_and_one_name(sentence: str, name: str, value: str) -> None:
    told = [(each.name, each.value, each.state, each.certainty) for each in spots(sentence) if each.kind == "entity"]
    assert told == [(name, value, "present", "definite")]


@pytest.mark.parametrize(
    "sentence, state, certainty",
    [
        ("No fever.", "absent", "definite"),
        ("Denies cough.", "absent", "definite"),
        ("Possible asthma.", "uncertain", "possible"),
        ("Likely sepsis.", "present", "likely"),
    ],
)
def test_an_entity_is_asserted_by_the_same_cues_as_a_finding(sentence: str, state: str, certainty: str) -> None:
    (spot,) = (each for each in spots(sentence) if each.kind == "entity")
    assert (spot.state, spot.certainty) == (state, certainty)


@pytest.mark.parametrize(
    "sentence, name, words",
    [
        ("Seen on prior CT.", "other source", "prior CT"),
        ("Correlate with MRI.", "other source", "MRI"),
        ("Findings of the recent chest CT scan.", "other source", "recent chest CT scan"),
        ("The apex is out of view.", "assessment limitations", "out of view"),
        ("Differences in technique.", "assessment limitations", "Differences in technique"),
        ("The base is not well evaluated.", "assessment limitations", "not well evaluated"),
        ("The patient is rotated.", "assessment limitations", "patient is rotated"),
        ("Rotation to the left.", "assessment limitations", "Rotation to the left"),
        ("Tube is in standard position.", "placement", "in standard position"),
        ("The line is malpositioned.", "placement", "malpositioned"),
        ("Appropriately positioned tube.", "placement", "Appropriately positioned"),
        ("Status post surgery.", "past hx", "Status post"),
        ("Known mass.", "past hx", "Known"),
        ("Right greater than left opacities.", "comparison", "Right greater than left"),
        ("Benign calcification.", "severity", "Benign"),
        ("Widespread opacities.", "distribution", "Widespread"),
        ("Effusion with associated atelectasis.", "associate", "with associated"),
    ],
)
def test_a_slot_is_found_with_its_words(sentence: str, name: str, words: str) -> None:
    assert (name, words) in found(sentence, "slot")


@pytest.mark.parametrize(
    "sentence, site",
    [
        ("tip in the mid SVC", "superior vena cava"),
        ("tip at the superior cavoatrial junction", "cavoatrial junction"),
        ("tip in the right atrium", "right atrium"),
        ("tip in the gastric fundus", "stomach"),
        ("tip below the diaphragm", "diaphragm"),
        ("tip in the right mainstem bronchus", "right main bronchus"),
        ("tip 3 cm above the carina", "carina"),
    ],
)
def test_a_tip_has_a_site(sentence: str, site: str) -> None:
    assert [name for name, _ in found(sentence, "site")] == [site]


def test_slots_of_devices_are_marked_so() -> None:
    (spot,) = (each for each in spots("Nodule in stable position.") if each.name == "placement")
    assert spot.value == "device"


def test_a_sentence_without_any_gives_nothing() -> None:
    assert spots("There is a small effusion.") == ()
    assert spots("") == ()


def test_the_canonical_sites_are_places_of_the_vocabulary_where_it_has_them() -> None:
    known = {concept(row["name"]).name for row in read_table("structure.csv") if row["kind"] == "site" and _has(row)}
    assert {"carina", "stomach", "superior vena cava", "right atrium", "cavoatrial junction"} <= known


def _has(row: dict[str, str]) -> bool:
    try:
        return concept(row["name"]).kind == "site"
    except InputError:
        return False


def test_every_pattern_of_the_table_finds_itself() -> None:
    """Each alternative, written out, is matched by some row of its own kind."""
    for row in read_table("structure.csv"):
        if row["kind"] not in ("entity", "slot", "site"):
            continue
        for written in row["patterns"].split(";"):
            for words in list(expand(written))[:40]:
                text = " ".join(words).replace("*", "")
                assert any(each.kind == row["kind"] for each in spots(text)), (row["name"], text)


def test_a_short_row_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    folder = tmp_path
    (folder / "short.csv").write_text("kind,name,patterns,value,source\nslot,onset,new\n")  # type: ignore[operator]
    monkeypatch.setattr(module, "_TABLES", folder)
    with pytest.raises(InputError, match=r"short\.csv: the row 'slot,onset' needs five cells"):
        read_table("short.csv")


def test_the_parts_are_those_of_the_lexicon() -> None:
    parts = {part for part, _ in lexicon("en").pairs}
    assert set(rules().part) <= parts


@pytest.mark.parametrize(
    "words, expected",
    [
        ("mild to moderate", {("severity", "moderate"), ("low", "mild")}),
        ("left base", {("side", "left"), ("zone", "base")}),
        ("has worsened", {("change", "worsened")}),
        ("patchy", {("morphology", "patchy")}),
        ("purple", set()),
    ],
)
def test_modifier_words_give_their_slots(words: str, expected: set[tuple[str, str]]) -> None:
    assert set(slots_of(words)) == expected


@settings(deadline=None)
@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_spots_point_into_the_sentence_in_order(sentence: str) -> None:
    made = spots(sentence)
    assert list(made) == sorted(made)
    for each in made:
        assert isinstance(each, Spot)
        assert 0 <= each.start < each.end <= len(sentence)
        assert sentence[each.start : each.end].strip() == sentence[each.start : each.end]
        assert (each.kind == "entity") == bool(each.state)


def test_a_rotator_cuff_is_no_rotation() -> None:
    assert found("Calcification of the rotator cuff.", "slot") == []
