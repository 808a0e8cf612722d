"""The second pass by patient: the same as the timeline of each patient's reports, whatever their order in the file."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path

import pytest

from hilum.app.label import label_files
from hilum.app.label_timeline import moment
from hilum.core.errors import InputError
from hilum.text.parse import parse
from hilum.text.timeline import Visit, timeline

COURSES = {
    "A": {"2024-01-01": "Small right effusion.", "2024-01-05": "Larger right effusion.", "2024-02-01": "No effusion."},
    "B": {"2024-03-01": "Left pneumothorax.", "2024-03-02": "No pneumothorax."},
    "C": {"2024-05-05": "Nodule in the left upper lobe."},
}


def table(path: Path, rows: list[tuple[str, ...]], header: str = "id,patient,date,report") -> Path:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def people(out: Path) -> dict[str, dict]:
    return {row["patient"]: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}


@pytest.mark.parametrize("seed", range(5))
def test_patients_are_put_together_from_any_order(tmp_path: Path, seed: int) -> None:
    rows = [(f"{who}{when}", who, when, text) for who, course in COURSES.items() for when, text in course.items()]
    random.Random(seed).shuffle(rows)
    source = table(tmp_path / "in.csv", rows)
    outcome = label_files([source], tmp_path / "out.jsonl", timeline=True)
    made = people(tmp_path / "out.timeline.jsonl")
    assert outcome.patients == 3
    assert list(made) == list(dict.fromkeys(row[1] for row in rows))
    for who, course in COURSES.items():
        visits = [Visit(f"{who}{day}", datetime.fromisoformat(day), parse(text)) for day, text in course.items()]
        expected = timeline(visits)
        assert [visit["study_id"] for visit in made[who]["visits"]] == [visit.study_id for visit in expected.visits]
        assert [(group["name"], tuple(map(tuple, group["course"]))) for group in made[who]["groups"]] == [
            (group.name, group.course) for group in expected.groups
        ]
        assert [(row["study_id"], row["ent"], row["episode"]) for row in made[who]["rows"]] == [
            (each.study_id, each.row.ent, each.episode) for each in expected.rows
        ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.csv", "out.jsonl", "out.jsonl.run.json", "out.timeline.jsonl",
    ]  # fmt: skip


def test_reports_without_a_patient_stand_alone_and_it_is_said(tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", [("a", "No effusion."), ("b", "Small effusion.")], "id,report")
    outcome = label_files([source], tmp_path / "out.jsonl", timeline=True)
    lines = (tmp_path / "out.timeline.jsonl").read_text().splitlines()
    assert [json.loads(line)["visits"] for line in lines] == [
        [{"sequence": 1, "study_id": name, "time": None}] for name in "ab"
    ]
    assert any("2 reports name no patient; each is taken as its own patient" in note for note in outcome.notes)
    assert any("no column of patients" in note for note in outcome.notes)


@pytest.mark.parametrize(
    ("dates", "reason"), [(("2024-01-01", ""), "no date"), (("2024-01-01", "2024-01-01"), "the same time")]
)
def test_a_patient_whose_order_is_not_known_says_why(tmp_path: Path, dates: tuple[str, str], reason: str) -> None:
    rows = [("a", "A", dates[0], "No effusion."), ("b", "A", dates[1], "Effusion."), ("c", "B", "2024-01-01", "Clear.")]
    outcome = label_files([table(tmp_path / "in.csv", rows)], tmp_path / "out.jsonl", timeline=True)
    made = people(tmp_path / "out.timeline.jsonl")
    assert reason in made["A"]["error"]
    assert made["A"]["studies"] == ["a", "b"]
    assert "error" not in made["B"]
    assert outcome.notes == ["timeline: 1 patients have no timeline; their lines say why"]
    assert outcome.failed == 0


def test_failed_reports_are_in_no_timeline(tmp_path: Path) -> None:
    rows = [("a", "A", "2024-01-01", ""), ("b", "A", "2024-01-02", "Effusion."), ("b", "A", "2024-01-03", "Effusion.")]
    label_files([table(tmp_path / "in.csv", rows)], tmp_path / "out.jsonl", timeline=True)
    (line,) = people(tmp_path / "out.timeline.jsonl").values()
    assert [visit["study_id"] for visit in line["visits"]] == ["b"]


def test_the_file_of_reports_is_removed_whatever_happens(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise KeyboardInterrupt

    source = table(tmp_path / "in.csv", [("a", "A", "2024-01-01", "Effusion.")])
    with pytest.raises(KeyboardInterrupt):
        label_files([source], tmp_path / "out.jsonl", timeline=True, on_row=fail)
    assert not list(tmp_path.glob("*visits*"))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2024-01-31", datetime(2024, 1, 31)),
        ("20240131", datetime(2024, 1, 31)),
        ("20240131 235958", datetime(2024, 1, 31, 23, 59, 58)),
        ("20240131 1230", datetime(2024, 1, 31, 12, 30)),
        ("20240131 12", datetime(2024, 1, 31, 12)),
        ("20240131 1230.5", datetime(2024, 1, 31, 0, 12, 30)),
        ("21800506 82341.529", datetime(2180, 5, 6, 8, 23, 41)),
        ("2024-01-31T23:59", datetime(2024, 1, 31, 23, 59)),
        ("2024-01-31 23:59:01", datetime(2024, 1, 31, 23, 59, 1)),
        ("2024-01-31T23:00:00+02:00", datetime(2024, 1, 31, 21)),
        ("2024-01-31T23:00:00Z", datetime(2024, 1, 31, 23)),
    ],
)
def test_times_are_read_as_iso_and_dicom_write_them(said: str, expected: datetime) -> None:
    assert moment(said, "a") == expected


@pytest.mark.parametrize(
    "said", ["", "01/02/2024", "yesterday", "20241301", "2024", "20240131 999999", "0001-01-01T00:00:00+05:00"]
)
def test_times_that_tell_no_time_are_refused(said: str) -> None:
    with pytest.raises(InputError, match="report 'a' has"):
        moment(said, "a")
