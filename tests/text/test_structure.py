"""Lunguage rows of hand-worked sentences: each field by its definition, and what must hold for any report."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.text.lunguage import COLUMNS, FIELDS, Record, dumps, loads
from hilum.text.parse import parse
from hilum.text.places import Place, places
from hilum.text.spots import read_table, rules, slots_of, spots
from hilum.text.structure import Row, structure

CATEGORIES = {"PF", "CF", "OTH", "COF", "NCD", "PATIENT INFO."}
PIECES = st.sampled_from(
    [
        "No pneumothorax.", "Small left effusion, unchanged.", "Opacity in the right base, likely pneumonia.",
        "Cough and fever.", "History of asthma.", "PICC tip in the SVC.", "IMPRESSION:", "INDICATION:", "FINDINGS:",
        "Two 5 mm nodules in the right upper lobe and left base.", "Cannot exclude edema.", "___", "\n", "12", "!",
        "The chest tube has been removed.", "with associated", "better seen on CT", "x" * 30, "effusion", "and", ";",
    ]
)  # fmt: skip
REPORTS = st.lists(PIECES, max_size=14).map(" ".join)


def rows(text: str) -> tuple[Row, ...]:
    return structure(parse(text))


def only(text: str) -> Row:
    (row,) = rows(f"FINDINGS: {text}")
    return row


@pytest.mark.parametrize(
    "sentence, fields",
    [
        ("No pneumothorax.", {"ent": "pneumothorax", "dx_status": "negative", "dx_certainty": "definitive"}),
        ("Possible left pneumonia.", {"cat": "CF", "dx_status": "positive", "dx_certainty": "tentative"}),
        ("Cannot exclude pneumonia.", {"dx_status": "positive", "dx_certainty": "tentative"}),
        ("Probable pneumonia.", {"dx_status": "positive", "dx_certainty": "tentative"}),
        ("Stable moderate cardiomegaly.", {"no_change": "stable", "improved": "", "severity": "moderate"}),
        ("The left effusion has improved.", {"improved": "has improved", "no_change": "", "dx_status": "positive"}),
        ("Worsening edema.", {"worsened": "worsening", "dx_status": "positive"}),
        ("The left effusion has resolved.", {"improved": "has resolved", "dx_status": "positive", "event": "resolved"}),
        ("The chest tube has been removed.", {"dx_status": "negative", "event": "removed", "cat": "OTH"}),
        ("Interval removal of the endotracheal tube.", {"dx_status": "negative", "event": "removed"}),
        ("No new pneumothorax.", {"dx_status": "negative", "event": ""}),
        ("New consolidation in the left lower lobe.", {"onset": "new", "event": "new", "worsened": ""}),
        ("Heart size is normal.", {"ent": "heart size", "dx_status": "negative", "concept": "cardiomegaly"}),
        ("Small left effusion.", {"measurement": "small", "location": "loc: left", "severity": ""}),
        ("Two 5 mm nodules in the right upper lobe.",
         {"measurement": "two, 5 mm", "location": "loc: right upper lobe"}),
        ("Mild to moderate pulmonary edema.", {"severity": "mild to moderate", "cat": "CF"}),
        ("Patchy opacity in the lingula.", {"morphology": "patchy", "location": "loc: lingula"}),
        ("Diffuse opacities.", {"distribution": "diffuse", "morphology": ""}),
        ("Chronic right rib fracture.", {"onset": "chronic", "location": "loc: right rib"}),
        ("Opacity in the posterior left base.", {"location": "loc: left base, det: posterior", "side": "left"}),
        ("Resolution of the left effusion.", {"dx_status": "positive", "event": "resolved"}),
        ("Pulmonary nodule better seen on CT.", {"other_source": "ct"}),
        ("Left effusion, poorly evaluated.", {"assessment_limitations": "poorly evaluated"}),
        ("ET tube tip is 4 cm above the carina.", {"location": "loc: carina, det: 4 cm above the carina"}),
        ("Right PICC terminates in the mid SVC.", {"location": "loc: superior vena cava, det: right", "side": "right"}),
        ("Endotracheal tube in standard position.", {"placement": "in standard position"}),
        ("An enteric tube is present and its tip is in the stomach.", {"location": "loc: stomach"}),
        ("Median sternotomy.", {"cat": "OTH"}),
        ("Evaluation limited by portable technique.", {"assessment_limitations": "portable technique"}),
    ],
)  # fmt: skip
def test_a_sentence_fills_the_fields_it_says(sentence: str, fields: dict[str, str]) -> None:
    row = only(sentence)
    assert {name: getattr(row, name) for name in fields} == fields


def test_an_entity_at_two_places_is_two_rows() -> None:
    made = rows("Opacities in the right upper lobe and left base.")
    assert [(row.idx, row.location) for row in made] == [(1, "loc: right upper lobe"), (2, "loc: left base")]


def test_a_diagnosis_has_its_finding_as_evidence_and_the_finding_is_associated_back() -> None:
    shadow, diagnosis = rows("Opacity in the left base, likely pneumonia.")
    assert (diagnosis.concept, diagnosis.evidence, diagnosis.associate) == ("pneumonia", (shadow.idx,), ())
    assert (shadow.evidence, shadow.associate) == ((), (diagnosis.idx,))


def test_evidence_reaches_back_to_the_sentence_before() -> None:
    shadow, diagnosis = rows("There is an opacity in the left base. This may represent pneumonia.")
    assert diagnosis.evidence == (shadow.idx,)
    assert diagnosis.location == "loc: left base"


def test_a_plain_link_is_associated_both_ways() -> None:
    first, second = rows("Right effusion with associated right atelectasis.")
    assert (first.associate, second.associate) == ((second.idx,), (first.idx,))


def test_history_is_read_for_complaints_diseases_and_past_findings() -> None:
    made = rows("INDICATION: Cough, no fever. History of asthma. History of pneumonia. FINDINGS: Lungs are clear.")
    told = {row.concept: (row.section, row.cat, row.dx_status, row.past_hx) for row in made}
    assert told == {
        "cough": ("hist", "PATIENT INFO.", "positive", ""),
        "fever": ("hist", "COF", "negative", ""),
        "asthma": ("hist", "NCD", "positive", "history of"),
        "pneumonia": ("hist", "CF", "positive", "history of"),
        "lung opacity": ("find", "PF", "negative", ""),
    }


def test_technique_and_comparison_are_no_statements() -> None:
    assert rows("TECHNIQUE: Chest tube study. COMPARISON: Prior effusion film.") == ()


def test_within_image_comparison_is_not_change() -> None:
    made = rows("Bibasilar opacities, right greater than left.")
    assert {row.comparison for row in made} == {"right greater than left"}
    assert {(row.improved, row.worsened, row.no_change) for row in made} == {("", "", "")}


def test_offsets_point_to_the_entity_in_the_report() -> None:
    text = "INDICATION: Persistent cough. FINDINGS: No effusion. Small nodule in the left base."
    for row in rows(text):
        assert text[row.start : row.end].lower() == row.ent


@pytest.mark.parametrize(
    "sentence, expected",
    [
        ("Atelectasis in the left lower lobe and right middle lobe.", ["left lower lobe", "right middle lobe"]),
        ("Bibasilar atelectasis.", ["right base", "left base"]),
        ("Opacities in the right upper and lower lobes.", ["right upper lobe", "right lower lobe"]),
        ("Nodules in both lower lobes.", ["right lower lobe", "left lower lobe"]),
        ("Bilateral effusions.", ["right", "left"]),
        ("No effusion.", [""]),
    ],
)  # fmt: skip
def test_each_zone_keeps_its_side(sentence: str, expected: list[str]) -> None:
    parsed = parse(sentence)
    assert [str(place) for fact in parsed.facts for place in places(fact, parsed.text)] == expected


def test_a_shared_list_shares_the_pairing_too() -> None:
    parsed = parse("Opacity in the right upper lobe and left base, likely pneumonia.")
    diagnoses = [fact for fact in parsed.facts if fact.concept == "pneumonia"]
    shadows = [fact for fact in parsed.facts if fact.concept == "lung opacity"]
    found = [place for fact in diagnoses for place in places(fact, parsed.text, shadows)]
    assert found == [Place("right", "upper lobe"), Place("left", "base")]


def test_each_place_has_its_own_grade() -> None:
    left, right = rows("Small left and moderate right effusions.")
    assert (left.side, left.measurement, left.severity) == ("left", "small", "")
    assert (right.side, right.measurement, right.severity) == ("right", "", "moderate")


def test_a_diagnosis_rests_on_every_place_of_its_finding() -> None:
    made = rows("Opacity in the right base and left apex, likely pneumonia.")
    assert [(row.concept, row.evidence, row.associate) for row in made] == [
        ("lung opacity", (), (3, 4)),
        ("lung opacity", (), (3, 4)),
        ("pneumonia", (1, 2), ()),
        ("pneumonia", (1, 2), ()),
    ]


@pytest.mark.parametrize(
    "said, told",
    [("4 cm", "4 cm"), ("approximately 4.5 cm", "4.5 cm"), ("35mm", "35 mm"), ("3-4 cm", "3-4 cm"), ("just", "")],
)
def test_a_distance_is_told_with_the_place_it_counts_from(said: str, told: str) -> None:
    row = only(f"ET tube tip is {said} above the carina.")
    assert row.location == f"loc: carina, det: {told} above the carina".replace(":  ", ": ")
    assert row.measurement == ""


def test_the_table_is_well_formed_and_sourced() -> None:
    table = read_table("structure.csv")
    assert {row["kind"] for row in table} == {"category", "part", "detail", "entity", "slot", "site", "relation"}
    assert all(row["source"] for row in table)
    assert {row["name"] for row in table if row["kind"] in ("entity", "category")} <= CATEGORIES
    for name in rules().category:
        assert concept(name).name == name


def test_spots_belong_to_languages_with_a_table() -> None:
    assert [spot.value for spot in spots("Patient with dyspnea.")] == ["dyspnea"]
    assert spots("Patient with dyspnea.", "es") == ()


def test_words_give_their_slots() -> None:
    assert set(slots_of("bibasilar")) == {("side", "right"), ("side", "left"), ("zone", "base")}


@settings(deadline=None)
@given(REPORTS)
def test_any_report_gives_sound_rows(text: str) -> None:
    made = rows(text)
    assert [row.idx for row in made] == list(range(1, len(made) + 1))
    for row in made:
        assert row.cat in CATEGORIES
        assert row.dx_status in ("positive", "negative")
        assert row.dx_certainty in ("definitive", "tentative")
        assert 0 <= row.start < row.end <= len(text)
        assert all(1 <= idx <= len(made) and idx != row.idx for idx in (*row.associate, *row.evidence))
        assert all(row.idx in made[idx - 1].associate for idx in row.evidence)


@settings(deadline=None)
@given(REPORTS, st.text(max_size=20), st.integers(0, 99))
def test_csv_round_trip(text: str, group: str, sequence: int) -> None:
    group = group.replace("\r", "").replace("\x00", "")
    records = tuple(Record("p,1", 's"2', row, sequence, group, sequence, text) for row in rows(text))
    assert loads(dumps(records)) == records


def test_the_csv_has_lunguages_columns_and_reads_back_with_a_plain_reader() -> None:
    text = "Opacity in the left base, likely pneumonia."
    table = list(csv.DictReader(io.StringIO(dumps(Record("7", "8", row, 2, "g", 3) for row in rows(text)))))
    assert tuple(table[0]) == COLUMNS
    assert COLUMNS[:6] == ("idx", "subject_id", "study_id", "section", "sent", "ent")
    assert set(FIELDS) >= {"no change", "past hx", "other source", "assessment limitations"}
    assert table[1]["evidence"] == "opacity, idx1"
    assert (table[1]["temporal_group"], table[1]["episode"]) == ("3", "3")


def test_a_gold_file_without_our_columns_is_read() -> None:
    (record,) = loads("idx,subject_id,study_id,ent,dx_status,dx_certainty,location,temporal_group\n"
                      "4.0,1,2,effusion,positive,definitive,loc: left,1.0\n")  # fmt: skip
    assert (record.row.idx, record.row.location, record.temporal_group, record.row.start) == (4, "loc: left", 1, -1)


@pytest.mark.parametrize(
    "text, message",
    [
        ("idx,ent\n1,a\n", "needs the column study_id and dx_status and dx_certainty"),
        ("", "needs the column"),
        ("idx,study_id,ent,dx_status,dx_certainty\nx,1,a,b,c\n", "line 2: 'idx' must be a whole number, got 'x'"),
    ],
)
def test_a_broken_csv_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loads(text)
