"""The sequential rules on hand-worked patients, and what must hold for any patient."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.text.families import Key, families, key, resolve
from hilum.text.lunguage import dumps, loads
from hilum.text.parse import parse
from hilum.text.spots import read_table
from hilum.text.structure import structure
from hilum.text.timeline import Timeline, Visit, summary, timeline, to_json

START = date(2020, 1, 1)
SENTENCES = [
    "Small left effusion.", "Left effusion has worsened.", "No pleural effusion.", "The left effusion has resolved.",
    "Opacity in the right upper lobe.", "Consolidation in the left base, likely pneumonia.", "Lungs are clear.",
    "New right pneumothorax.", "No pneumothorax.", "Heart size is normal.", "Moderate cardiomegaly, unchanged.",
    "Right PICC in good position.", "The PICC has been removed.", "Endotracheal tube in place.", "Effusion is stable.",
    "Nodule in the left upper lobe.", "Possible pneumonia.",
]  # fmt: skip
DAYS = st.lists(st.integers(0, 900), min_size=1, max_size=6, unique=True)
VISITS = DAYS.flatmap(
    lambda days: st.tuples(
        *(st.tuples(st.just(day), st.lists(st.sampled_from(SENTENCES), max_size=4).map(" ".join)) for day in days)
    )
)


def follow(reports: dict[int, str], **options: float) -> Timeline:
    """Day -> findings of one patient."""
    return timeline([visit(day, text) for day, text in reports.items()], **options)


def visit(day: int, text: str, name: str = "") -> Visit:
    return Visit(name or f"s{day}", START + timedelta(day), parse({"findings": text}))


def episodes(made: Timeline, name: str) -> list[tuple[str, int]]:
    """(study, episode) of each visit of a group."""
    (group,) = (each for each in made.groups if each.name == name)
    return [(made.visits[sequence - 1].study_id, episode) for sequence, episode, _ in group.course]


def names(made: Timeline) -> set[str]:
    return {group.name for group in made.groups}


def test_a_patient_worked_by_hand() -> None:
    """Follows the shape of a case worked in Lunguage's own instructions: size, resolution, gap, diagnosis apart."""
    made = follow(
        {
            0: "Moderate left effusion. Left lower lobe opacity. Right upper lobe pneumonia.",
            9: "Left lower lobe pneumonia is improving.",
            15: "Small left effusion. Right upper lobe opacity is improving.",
            16: "Resolved left lower lobe infiltrate.",
            44: "Trace left effusion.",
            190: "Moderate left effusion.",
        }
    )
    assert episodes(made, "pleural effusion left") == [("s0", 1), ("s15", 1), ("s44", 1), ("s190", 2)]
    assert episodes(made, "lung opacity left lower") == [("s0", 1), ("s16", 1)]
    assert names(made) == {
        "pleural effusion left", "lung opacity left lower", "lung opacity right upper", "pneumonia right upper",
        "pneumonia left lower",
    }  # fmt: skip


@pytest.mark.parametrize(
    "first, second, groups",
    [
        ("Opacity in the left base.", "Consolidation in the left lower lobe.", {"lung opacity left lower"}),
        ("Retrocardiac opacity.", "Opacity in the left base.", {"lung opacity left lower"}),
        ("Opacity in the left base.", "Pneumonia in the left base.",
         {"lung opacity left lower", "pneumonia left lower"}),
        ("Left effusion.", "Right effusion.", {"pleural effusion left", "pleural effusion right"}),
        ("Opacity in the right upper lobe.", "Opacity in the right middle lobe.",
         {"lung opacity right upper", "lung opacity right middle lobe"}),
        ("Nodule in the left apex.", "Mass in the left apex.", {"lung nodule left upper", "lung mass left upper"}),
        ("Endotracheal tube.", "Enteric tube.", {"endotracheal tube", "enteric tube"}),
        ("Right PICC.", "Right central venous catheter.",
         {"peripherally inserted central catheter right", "central venous catheter right"}),
        ("Heart size is normal.", "Moderate cardiomegaly.", {"cardiomegaly"}),
        ("Left effusion.", "No left effusion.", {"pleural effusion left"}),
        ("Platelike atelectasis in the left base.", "Left basilar atelectasis.", {"atelectasis left lower"}),
        ("Left effusion.", "The effusion is smaller.", {"pleural effusion left"}),
        ("Heart is enlarged.", "Enlarged cardiomediastinal silhouette.",
         {"cardiomegaly", "enlarged cardiomediastinum"}),
    ],
)  # fmt: skip
def test_what_is_one_entity_and_what_is_not(first: str, second: str, groups: set[str]) -> None:
    assert names(follow({0: first, 10: second})) == groups


def test_an_unplaced_finding_that_could_be_either_stays_apart() -> None:
    made = follow({0: "Left effusion.", 5: "Right effusion.", 9: "Effusion is stable."})
    assert names(made) == {"pleural effusion", "pleural effusion left", "pleural effusion right"}


def test_normal_for_ever_is_one_episode() -> None:
    made = follow({0: "Heart size is normal.", 300: "Heart size is normal.", 700: "Heart size is normal."})
    assert [episode for _, episode in episodes(made, "cardiomegaly")] == [1, 1, 1]


def test_normal_abnormal_normal_is_three_episodes() -> None:
    made = follow({0: "Heart size is normal.", 30: "Cardiomegaly.", 45: "Cardiomegaly.", 60: "Heart size is normal."})
    assert [episode for _, episode in episodes(made, "cardiomegaly")] == [1, 2, 2, 3]


def test_a_resolution_ends_its_episode_and_a_recurrence_is_a_new_one() -> None:
    made = follow({0: "Left effusion.", 5: "Left effusion has resolved.", 20: "Left effusion."})
    assert [episode for _, episode in episodes(made, "pleural effusion left")] == [1, 1, 2]


def test_a_general_denial_ends_the_episode_of_each_side() -> None:
    made = follow({0: "Left effusion. Right effusion.", 5: "No pleural effusion.", 9: "Left effusion."})
    assert [episode for _, episode in episodes(made, "pleural effusion left")] == [1, 2]


def test_a_device_is_one_episode_until_it_is_put_in_again() -> None:
    made = follow(
        {0: "Endotracheal tube.", 300: "Endotracheal tube.", 301: "Endotracheal tube has been removed.",
         302: "Endotracheal tube in place."}
    )  # fmt: skip
    assert [episode for _, episode in episodes(made, "endotracheal tube")] == [1, 1, 1, 2]


def test_new_begins_an_episode() -> None:
    made = follow({0: "Left pneumothorax.", 3: "New left pneumothorax."})
    assert [episode for _, episode in episodes(made, "pneumothorax left")] == [1, 2]


@pytest.mark.parametrize("gap, last", [(4.0, 2), (12.0, 1)])
def test_the_gap_is_a_parameter(gap: float, last: int) -> None:
    made = follow({0: "Nodule in the left apex.", 200: "Nodule in the left apex."}, gap_months=gap)
    assert episodes(made, "lung nodule left upper")[-1] == ("s200", last)


def test_symptoms_are_an_episode_each_time() -> None:
    made = timeline(Visit(f"s{day}", START + timedelta(day), parse({"indication": "Cough."})) for day in (0, 2, 4))
    assert [episode for _, episode in episodes(made, "cough")] == [1, 2, 3]


def test_the_past_is_not_joined_with_the_film() -> None:
    made = timeline([Visit("a", START, parse("INDICATION: History of pneumonia. FINDINGS: Pneumonia."))])
    assert names(made) == {"pneumonia", "pneumonia (history)"}


def test_time_decides_the_order_and_never_the_name() -> None:
    made = timeline([visit(9, "Left effusion.", "a"), visit(3, "Left effusion.", "z")])
    assert [each.study_id for each in made.visits] == ["z", "a"]
    assert [(row.study_id, row.sequence) for row in made.rows] == [("z", 1), ("a", 2)]


@pytest.mark.parametrize(
    "visits, message",
    [
        ([visit(1, "x", "a"), visit(1, "y", "b")], "'a' and 'b' have the same time 2020-01-02"),
        ([visit(1, "x", "a"), visit(2, "y", "a")], "'a' is given twice"),
        ([Visit("a", None, parse("x"))], "'a' has no date-time"),  # type: ignore[arg-type]
        ([visit(1, "x", "a"), Visit("b", datetime(2020, 3, 1, tzinfo=UTC), parse("x"))], "time zone"),
        ([Visit("a", date(2020, 1, 2), parse("")), Visit("b", datetime(2020, 1, 2), parse(""))], "the same time"),
    ],
)  # fmt: skip
def test_an_order_that_is_not_known_is_refused(visits: list[Visit], message: str) -> None:
    with pytest.raises(InputError, match=message):
        timeline(visits)


def test_a_gap_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="gap_months must be greater than 0"):
        timeline([], gap_months=0)
    assert timeline([]) == Timeline((), (), ())


def test_a_person_reads_one_line_a_group() -> None:
    made = follow({0: "Moderate left effusion.", 14: "Small left effusion, improved. No pneumothorax."})
    assert summary(made) == (
        "pleural effusion left: first seen 2020-01-01 (s0); 2020-01-01 moderate → 2020-01-15 small, improved",
    )


def test_a_line_marks_new_episodes_ends_and_doubt() -> None:
    made = follow({0: "Left effusion.", 5: "Left effusion has resolved.", 9: "Possible left effusion."})
    assert summary(made)[0].partition("; ")[2] == (
        "2020-01-01 present → 2020-01-06 resolved: has resolved → [2] 2020-01-10 present (uncertain)"
    )


def test_json_is_plain_and_tells_the_course() -> None:
    made = follow({0: "Left effusion.", 5: "Left effusion has resolved."})
    told = json.loads(json.dumps(to_json(made)))
    (group,) = told["groups"]
    assert (group["name"], group["side"]) == ("pleural effusion left", "left")
    assert [point["state"] for point in group["course"]] == ["present", "resolved"]
    assert told["visits"][1] == {"study_id": "s5", "time": "2020-01-06"}


def test_the_csv_carries_groups_and_episodes() -> None:
    made = follow({0: "Left effusion.", 200: "Left effusion."})
    records = loads(dumps(made.records("p", report=True)))
    assert records == made.records("p", report=True)
    assert [(r.sequence, r.entity_group, r.temporal_group) for r in records] == [
        (1, "pleural effusion left", 1), (2, "pleural effusion left", 2),
    ]  # fmt: skip


def test_families_hold_one_kind_of_concept_so_that_signs_and_diagnoses_never_merge() -> None:
    for name, family in families().items():
        assert concept(name).kind == concept(family).kind, name
    assert all(row["source"] for row in read_table("families.csv"))


@settings(deadline=None)
@given(st.frozensets(st.builds(Key, st.sampled_from("ab"), st.sampled_from(["", "left", "right"]),
                               st.sampled_from(["", "upper", "lower"])), max_size=8))  # fmt: skip
def test_keys_that_say_all_are_never_moved_and_sides_never_mix(keys: frozenset[Key]) -> None:
    settled = resolve(keys)
    for each, to in settled.items():
        assert to in keys
        assert to.family == each.family
        assert each.side in ("", to.side)
        assert each.region in ("", to.region)
        if each.side and each.region:
            assert to == each
        assert settled[to] == to


@given(VISITS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_giving_does_not_matter(told: tuple[tuple[int, str], ...], draw: object) -> None:
    visits = [visit(*each) for each in told]
    mixed = list(visits)
    draw.shuffle(mixed)  # type: ignore[attr-defined]
    assert timeline(mixed) == timeline(visits)


@given(VISITS)
@settings(max_examples=60, deadline=None)
def test_every_row_is_in_one_group_with_episodes_that_count_up(told: tuple[tuple[int, str], ...]) -> None:
    made = timeline([visit(*each) for each in told])
    assert len(made.rows) == sum(len(structure(each.parsed)) for each in made.visits)
    assert len(names(made)) == len(made.groups)
    for number, group in enumerate(made.groups):
        steps = [episode for _, episode, _ in group.course]
        assert steps[0] == 1
        assert all(after - before in (0, 1) for before, after in pairwise(steps))
        assert {row.episode for row in made.rows if row.group == number} == set(steps)


@given(VISITS, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_taking_a_visit_away_never_joins_findings_at_different_places(
    told: tuple[tuple[int, str], ...], gone: int
) -> None:
    visits = [visit(*each) for each in told]
    less = [each for number, each in enumerate(visits) if number != gone % len(visits)]
    before, after = timeline(visits), timeline(less)
    group = {(row.study_id, row.row.idx): row.group for row in before.rows}
    placed = [row for row in after.rows if key(row.row).side or key(row.row).region]
    for one in placed:
        for two in placed:
            if one.group == two.group and key(one.row) == key(two.row):
                assert group[one.study_id, one.row.idx] == group[two.study_id, two.row.idx]
            full = all(key(row.row).side and key(row.row).region for row in (one, two))
            if full and group[one.study_id, one.row.idx] != group[two.study_id, two.row.idx]:
                assert one.group != two.group


@pytest.mark.parametrize("word", ["left", "right"])
def test_the_other_side_is_another_group_and_the_other_direction_only_another_cell(word: str) -> None:
    one = follow({0: "Left effusion.", 5: f"{word.title()} effusion has worsened."})
    two = follow({0: "Left effusion.", 5: f"{word.title()} effusion has improved."})
    assert len(one.groups) == (1 if word == "left" else 2)
    assert [(row.group, row.episode) for row in one.rows] == [(row.group, row.episode) for row in two.rows]
    changed = {name for a, b in zip(one.rows, two.rows, strict=True)
               for name, x, y in zip(a.row._fields, a.row, b.row, strict=True) if x != y}  # fmt: skip
    assert changed == {"improved", "worsened", "sent"}
