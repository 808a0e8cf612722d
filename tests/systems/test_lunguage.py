"""The structuring recipe on files: order by date and time, failures named and the rest complete, columns found."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.core.errors import InputError
from hilum.core.registry import get
from hilum.systems.lunguage import Done, structure_reports
from hilum.text.lunguage import Record, loads

HEAD = "subject_id,study_id,StudyDate,StudyTime,findings,impression\n"


def run(folder: Path, table: str, **options: object) -> tuple[Done, tuple[Record, ...]]:
    source = folder / "in.csv"
    source.write_text(table, encoding="utf-8")
    done = structure_reports(source, folder / "out.csv", **options)  # type: ignore[arg-type]
    return done, loads((folder / "out.csv").read_text(encoding="utf-8"))


def test_the_layout_of_mimic_is_read_and_time_of_day_decides(tmp_path: Path) -> None:
    done, records = run(
        tmp_path,
        HEAD
        + "7,s2,20200101,230000.5,Left effusion has resolved.,\n"
        + "7,s1,20200101,81500.25,Small left effusion.,No pneumothorax.\n"
        + "8,s3,20210101,0,,Cardiomegaly.\n",
    )
    assert (done.rows, done.reports, done.patients, done.failed) == (4, 3, 2, ())
    told = [(r.subject_id, r.study_id, r.sequence, r.entity_group, r.temporal_group) for r in records]
    assert told == [
        ("7", "s1", 1, "pleural effusion left", 1),
        ("7", "s1", 1, "pneumothorax", 1),
        ("7", "s2", 2, "pleural effusion left", 1),
        ("8", "s3", 1, "cardiomegaly", 1),
    ]
    assert [r.row.section for r in records] == ["find", "impr", "find", "impr"]


def test_whole_reports_iso_dates_and_other_names(tmp_path: Path) -> None:
    done, records = run(
        tmp_path,
        'pid,study_id,taken,report\n1,a,2020-02-01,"INDICATION: Cough. FINDINGS: Right effusion."\n',
        columns={"patient": "pid", "date": "taken"},
    )
    assert done.failed == ()
    assert [(r.row.section, r.row.concept) for r in records] == [("hist", "cough"), ("find", "pleural effusion")]


def test_a_folder_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "set" / "b").mkdir(parents=True)
    (tmp_path / "set" / "one.csv").write_text(HEAD + "7,s1,20200101,1,Left effusion.,\n")
    (tmp_path / "set" / "b" / "two.csv").write_text(HEAD + "7,s2,20200109,1,Left effusion.,\n")
    done = structure_reports(tmp_path / "set", tmp_path / "out.csv")
    assert (done.rows, done.patients) == (2, 1)


def test_what_cannot_be_used_is_named_and_the_rest_completes(tmp_path: Path) -> None:
    done, records = run(
        tmp_path,
        HEAD
        + "7,s1,20200101,1,Left effusion.,\n"
        + "7,s1,20200105,1,Left effusion.,\n"
        + "7,s2,yesterday,1,Left effusion.,\n"
        + "7,s3,20200105,1, ,\n"
        + ",s4,20200105,1,Left effusion.,\n"
        + "9,a,20200101,1,Left effusion.,\n"
        + "9,b,20200101,1,Left effusion.,\n"
        + "10,c,,,Left effusion.,\n",
    )
    assert [where for where, _ in done.failed] == [
        "in.csv:3",
        "in.csv:4",
        "in.csv:5",
        "in.csv:6",
        "patient 10",
        "patient 9",
    ]
    told = " ".join(why for _, why in done.failed)
    for words in ("was given before", "is no date such as", "'s3' is empty", "no patient or no study",
                  "have the same time", "has no date-time"):  # fmt: skip
        assert words in told
    assert sorted((r.subject_id, r.study_id, r.entity_group) for r in records) == [
        ("10", "c", ""), ("7", "s1", "pleural effusion left"), ("9", "a", ""), ("9", "b", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "table, message",
    [
        ("subject_id,study_idx,StudyDate,report\n", "no column for the study .*nearest: study_idx"),
        ("subject_id,study_id,report\n", "no column for the date"),
        ("subject_id,study_id,date,words\n", "no column with text"),
        ("", "no column for the patient .*nearest: none"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, table)
    assert not (tmp_path / "out.csv").exists()


def test_no_csv_and_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no CSV at"):
        structure_reports(tmp_path / "nothing.csv", tmp_path / "out.csv")
    (tmp_path / "bad.csv").write_bytes(b"subject_id,study_id,date,report\n1,2,2020-01-01,\xff\xfe\n")
    with pytest.raises(InputError, match="is not a CSV in UTF-8"):
        structure_reports(tmp_path / "bad.csv", tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns can name patient, study, date, time, got pat"):
        run(tmp_path, HEAD, columns={"pat": "subject_id"})


def test_the_gap_is_handed_on(tmp_path: Path) -> None:
    table = HEAD + "7,s1,20200101,1,Left effusion.,\n7,s2,20200901,1,Left effusion.,\n"
    assert [r.temporal_group for r in run(tmp_path, table)[1]] == [1, 2]
    assert [r.temporal_group for r in run(tmp_path, table, gap_months=12.0)[1]] == [1, 1]


def test_it_is_registered_with_its_claim() -> None:
    recipe = get("system", "lunguage")
    assert recipe.structure_reports is structure_reports
    assert recipe.claims
    assert callable(recipe.reproduce)
