"""`hilum score`: rows joined by id, what is missing said, files whole, bad input a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hilum
from hilum.app.cli import main
from hilum.app.score import Choices, score_files
from hilum.app.score_files import join, told
from hilum.app.score_page import worst
from hilum.core.errors import InputError
from hilum.core.record import to_json

REFERENCE = """id,patient,findings,impression
a,p1,Small right pleural effusion. Heart size is normal.,Effusion.
b,p1,No pneumothorax. Mild cardiomegaly.,Cardiomegaly.
c,p2,"Lungs are clear. No effusion, no edema.",Normal chest.
d,p3,Left lower lobe opacity.,Possible pneumonia.
"""
CANDIDATE = """id,findings,impression
a,Small left pleural effusion. Heart size is normal.,Effusion.
b,No pneumothorax. Mild cardiomegaly.,Cardiomegaly.
d,,
x,Clear.,Clear.
"""
FEW = "length-ratio,bleu-4,finding-f1,label-f1/hilum/micro-14"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    reference, candidate = tmp_path / "reference.csv", tmp_path / "candidate.csv"
    reference.write_text(REFERENCE)
    candidate.write_text(CANDIDATE)
    return reference, candidate


def run(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["score", *map(str, arguments)])
    assert stopped.value.code == code


def test_rows_are_joined_by_id_and_what_is_missing_is_said(files: tuple[Path, Path]) -> None:
    joined = join(*files)
    assert joined.reports is not None
    assert joined.reports.ids == ("a", "b", "d")
    assert joined.reports.patients == ("p1", "p1", "p3")
    assert joined.only_reference == ("c",)
    assert joined.only_candidate == ("x",)
    lines = "\n".join(told(joined))
    assert "1 id is only in the reference, not scored: c" in lines
    assert "1 id is only in the candidate, not scored: x" in lines


def test_an_empty_answer_is_scored_and_an_empty_reference_is_not(tmp_path: Path, files: tuple[Path, Path]) -> None:
    swapped = join(files[1], files[0])
    assert swapped.reports is not None
    assert swapped.reports.ids == ("a", "b")
    assert [(side, name) for side, name, _ in swapped.failed] == [("reference", "d")]


def test_the_order_of_rows_does_not_matter(files: tuple[Path, Path]) -> None:
    head, *lines = CANDIDATE.splitlines()
    values = score_files(*files, choices=Choices(("length-ratio",))).scored["length-ratio"].values
    files[1].write_text("\n".join([head, *reversed(lines)]))
    again = score_files(*files, choices=Choices(("length-ratio",))).scored["length-ratio"].values
    np.testing.assert_array_equal(values, again)


def test_only_the_sections_that_both_have_are_scored(tmp_path: Path, files: tuple[Path, Path]) -> None:
    files[1].write_text("id,findings\na,Small left pleural effusion.\n")
    joined = join(*files)
    assert joined.section == "findings"
    assert any("only one file has impression" in note for note in joined.notes)
    assert joined.reports is not None
    assert joined.reports.references == ({"findings": "Small right pleural effusion. Heart size is normal."},)
    assert join(*files, section="all").section == "whole"
    assert join(files[0], files[0], section="impression").section == "impression"


def test_files_without_ids_are_joined_by_order_where_they_agree_in_length(tmp_path: Path) -> None:
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    first.write_text("report\nNo effusion.\nEffusion.\n")
    second.write_text("report\nNo effusion.\nNo effusion.\n")
    joined = join(first, second)
    assert joined.reports is not None
    assert len(joined.reports) == 2
    assert "by their order" in joined.notes[0]
    second.write_text("report\nNo effusion.\n")
    with pytest.raises(InputError, match="2 and 1 readable rows"):
        join(first, second)


def test_an_id_that_stands_twice_is_refused(tmp_path: Path, files: tuple[Path, Path]) -> None:
    files[1].write_text("id,report\na,one\na,two\n")
    with pytest.raises(InputError, match=r"candidate\.csv holds the id 'a' more than once"):
        join(*files)


def test_nothing_in_common_names_ids_of_both(tmp_path: Path, files: tuple[Path, Path]) -> None:
    files[1].write_text("id,report\nq,one\n")
    with pytest.raises(InputError, match=r"no id in common \('a', 'b', 'c' against 'q'\)"):
        join(*files)


def test_studies_as_json_lines_are_scored_as_reports(tmp_path: Path) -> None:
    def write(name: str, findings: list[str]) -> Path:
        path = tmp_path / name
        studies = [hilum.Study(f"s{n}", "p", report=hilum.Report(findings=text)) for n, text in enumerate(findings)]
        path.write_text("".join(json.dumps(to_json(study)) + "\n" for study in studies) + "{broken\n")
        return path

    joined = join(write("r.jsonl", ["No effusion.", "Effusion."]), write("c.jsonl", ["No effusion.", "Mass."]))
    assert joined.reports is not None
    assert joined.studies is not None
    assert joined.studies.ids == joined.reports.ids == ("s0", "s1")
    assert {side for side, _, _ in joined.failed} == {"reference", "candidate"}


def test_the_command_writes_scores_rows_and_a_page(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(*files, "-o", out, "--metrics", FEW)
    said = capsys.readouterr().out
    assert "3 pairs" in said
    assert "Wrote" in said
    scores = json.loads((out / "scores.json").read_text())
    assert scores["only_in_reference"] == ["c"]
    for facts in scores["metrics"].values():
        assert facts["signature"]
        assert facts["better"] in ("higher", "lower")
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", "b", "d"]
    assert {row["patient"] for row in rows} == {"p1", "p3"}
    page = (out / "report.html").read_text()
    shown = re.sub(r"<[^>]+>", "", page)
    assert "Small left pleural effusion" in shown
    assert re.search(r'<mark[^>]*title="wrong side"[^>]*>left</mark>', page)
    assert "Research use only" in page
    assert list(out.glob("*.part")) == []


def test_json_is_one_object_and_the_same_twice(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    for _ in range(2):
        run(*files, "-o", tmp_path / "out", "--json", "--metrics", "length-ratio")
        told = json.loads(capsys.readouterr().out)
        told.pop("seconds")
        seen.append(told)
    assert seen[0] == seen[1]
    assert seen[0]["pairs"] == {"report": 3}


def test_a_report_that_is_markup_stays_text(files: tuple[Path, Path], tmp_path: Path) -> None:
    text = 'id,report\n"a<b>","<script>alert(1)</script> no effusion"\n'
    for path in files:
        path.write_text(text)
    run(*files, "-o", tmp_path / "out", "--quiet", "--metrics", FEW)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_worst_pairs_come_first(files: tuple[Path, Path]) -> None:
    outcome = score_files(*files, choices=Choices(FEW.split(",")))
    order, by = worst(outcome)
    values = outcome.scored[by].values[order]
    better = next(each.better for each in outcome.chosen if each.name == by)
    assert (np.diff(values) >= 0).all() if better == "higher" else (np.diff(values) <= 0).all()


def test_two_candidates_are_compared_on_the_ids_both_have(files: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("id,findings,impression\na,Small right pleural effusion. Heart size is normal.,Effusion.\n")
    outcome = score_files(*files, compare=other, choices=Choices(("length-ratio",)))
    assert outcome.other is not None
    assert outcome.joined.reports is not None
    assert outcome.joined.reports.ids == ("a",)
    (found,) = outcome.compared
    assert found.metric == "length-ratio"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.csv",), "there is no file or folder"),
        (("--metrics", "blue-4"), "no metric is called 'blue-4'"),
        (("--section", "summary"), "section must be one of"),
        (("--column", "id"), "--column needs key=value"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_1(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    given = (files[0], *arguments) if not arguments[0].startswith("-") else (*files, *arguments)
    run(*given, "-o", tmp_path / "out", code=1)
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_text_that_is_not_utf8_and_files_of_one_row_are_scored(tmp_path: Path) -> None:
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    first.write_bytes("id,report\na,Pleural effusion – 5 cm naïve.\n".encode("cp1252"))
    second.write_text("id,report\na,No effusion.\n")
    outcome = score_files(first, second, choices=Choices(FEW.split(",")))
    assert any("not UTF-8" in note for note in outcome.joined.notes)
    assert outcome.scored


def test_the_function_scores_texts_and_says_what_it_cannot() -> None:
    texts = ["No effusion.", "Effusion."], ["No effusion.", "Small effusion."]
    scores = hilum.score(*texts, names=FEW.split(","), patients=["p", "q"])
    assert set(scores.scored) == set(scores.intervals)
    assert "length-ratio" in str(scores)
    with pytest.raises(InputError, match="2 references but 1 answers"):
        hilum.score(["a", "b"], ["a"])


def test_the_bundled_example_needs_no_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--example", "-o", tmp_path / "out", "--json", "--metrics", FEW)
    told = json.loads(capsys.readouterr().out)
    assert told["pairs"] == {"report": 5}
    assert told["only_in_reference"] == ["example-6"]
    run("--metrics", "finding-f1", "-o", tmp_path / "out", "-q")


def test_a_reference_alone_is_not_enough(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run(files[0], code=1)
    assert "needs a candidate" in capsys.readouterr().err


def test_one_or_two_patients_give_no_interval(files: tuple[Path, Path]) -> None:
    files[1].write_text("id,findings,impression\na,Small left pleural effusion.,Effusion.\n")
    found = score_files(*files, choices=Choices(("finding-f1",))).intervals["finding-f1"]
    assert np.isfinite(found.value)
    assert np.isnan(found.low)


def test_what_a_rival_lacks_is_scored_for_neither_and_said(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "rival" / "candidate.csv"
    other.parent.mkdir()
    other.write_text("\n".join(CANDIDATE.splitlines()[:2]))
    run(*files, "--compare", other, "-o", tmp_path / "out", "--metrics", FEW)
    said = capsys.readouterr().out
    assert f"2 pairs are not in {other.as_posix()}, scored for neither: b, d" in said
    assert f"{files[1].as_posix()} minus {other.as_posix()}" in said
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["compared_with"]["candidate"] == other.as_posix()
    assert scores["compared_with"]["only_in_reference"] == ["b", "c", "d"]
    assert other.as_posix() in (tmp_path / "out" / "report.html").read_text()


def test_an_empty_answer_is_an_answer_in_a_folder_too(tmp_path: Path) -> None:
    for side, text in (("refs", "No effusion."), ("cands", "")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.txt").write_text(text)
    outcome = score_files(tmp_path / "refs", tmp_path / "cands", choices=Choices(("bleu-4",)))
    assert outcome.joined.reports is not None
    assert outcome.joined.reports.ids == ("a",)
    assert outcome.scored["bleu-4"].value == 0.0


def test_cells_that_say_nan_are_empty_and_counted(files: tuple[Path, Path]) -> None:
    files[1].write_text("id,findings,impression\na,nan,NULL\nb,No pneumothorax.,None\n")
    joined = join(*files)
    assert joined.reports is not None
    assert joined.reports.answers == ({}, {"findings": "No pneumothorax."})
    assert "2 rows of candidate.csv say 'nan' or the like, and were read as empty" in joined.notes


def test_headings_make_sections_of_a_whole_report(files: tuple[Path, Path]) -> None:
    files[1].write_text('id,report\na,"INDICATION: Cough. FINDINGS: Small effusion. IMPRESSION: Effusion."\n')
    joined = join(*files)
    assert joined.section == "findings+impression"
    assert joined.reports is not None
    assert joined.reports.answers[0] == {
        "indication": "Cough.", "findings": "Small effusion.", "impression": "Effusion."
    }  # fmt: skip
    assert join(*files, section="impression").section == "impression"


def test_a_blank_candidate_keeps_its_columns(files: tuple[Path, Path]) -> None:
    files[1].write_text("id,findings,impression\na,,\nb,,\n")
    assert join(*files).section == "findings+impression"


@pytest.mark.parametrize(
    ("candidate", "section", "said"),
    [
        ("id,findings\na,Effusion.\n", "impression", "candidate.csv has no impression section: it has findings"),
        ("id,report\n001,Effusion.\n", "auto", "look for zeros"),
        ("id,words\na,Effusion.\n", "auto", "--candidate-column report=NAME"),
    ],
)
def test_nothing_to_score_is_said(files: tuple[Path, Path], candidate: str, section: str, said: str) -> None:
    files[1].write_text(candidate)
    with pytest.raises(InputError, match=said):
        join(*files, section=section)  # type: ignore[arg-type]


def test_references_without_text_leave_nothing_to_score(files: tuple[Path, Path]) -> None:
    files[0].write_text("id,findings\na,\n")
    with pytest.raises(InputError, match="nothing can be scored"):
        join(*files)


def test_a_place_that_cannot_be_written_is_found_before_the_work(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("x")
    run(*files, "-o", tmp_path / "taken", code=1)
    assert "is a file: name a folder" in capsys.readouterr().err


def test_a_metric_of_two_protocols_costs_only_its_own_comparison(files: tuple[Path, Path]) -> None:
    from hilum.app import score

    one = score_files(*files, choices=Choices(("bleu-4", "finding-f1")))
    two = replace(one, scored={**one.scored, "bleu-4": replace(one.scored["bleu-4"], signature="another")})
    compared, notes = score._compare([one, two], Choices())
    assert [each.metric for each in compared] == ["finding-f1"]
    assert notes == ["bleu-4 is not compared: its two numbers are of different protocols"]
