"""Runs that stop in the middle: by a signal, a full disk, a forbidden folder; and what --resume makes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.app.label import label_files
from hilum.app.label_rows import Reading
from hilum.core.errors import InputError

SENTENCES = ("Small right effusion.", "No pneumothorax.", "Possible pneumonia.", "", "Derrame pleural derecho.")


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("id,report\n" + "".join(f"{name},{text}\n" for name, text in rows), encoding="utf-8")
    return path


ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(SENTENCES)), min_size=1, max_size=14)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=ROWS, second=ROWS, stop=st.integers(0, 27), cut=st.integers(0, 400), timeline=st.booleans())
def test_stopping_anywhere_and_resuming_gives_the_same_file(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[str, str]],
    second: list[tuple[str, str]],
    stop: int,
    cut: int,
    timeline: bool,
) -> None:
    """Ids that repeat in a file and across files, empty rows; stopped after any row, its last line cut anywhere."""
    folder = tmp_path_factory.mktemp("resume")
    inputs = [table(folder / "a.csv", first), table(folder / "b.csv", second)]
    label_files(inputs, folder / "whole.jsonl", timeline=timeline)
    told = 0

    def interrupt(_: object) -> None:
        nonlocal told
        told += 1
        if told > stop:
            raise KeyboardInterrupt

    out = folder / "out.jsonl"
    try:
        label_files(inputs, out, timeline=timeline, on_row=interrupt)
    except KeyboardInterrupt:
        part = folder / "out.jsonl.part"
        with part.open("r+b") as file:
            file.truncate(max(0, part.stat().st_size - cut))
    label_files(inputs, out, timeline=timeline, resume=True)
    assert out.read_bytes() == (folder / "whole.jsonl").read_bytes()
    assert not list(folder.glob("*part*"))
    if timeline:
        assert (folder / "out.timeline.jsonl").read_bytes() == (folder / "whole.timeline.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are sent as on Unix")
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_an_interrupted_command_goes_on_to_the_same_file(tmp_path: Path, kind: str) -> None:
    """The real command, a real SIGINT in the middle, then --resume: byte for byte the uninterrupted file."""
    rows = [(f"r{n}", f"Nodule of {n} mm in the {'left' if n % 2 else 'right'} upper lobe.") for n in range(12_000)]
    source, out = table(tmp_path / "in.csv", rows), tmp_path / f"out.{kind}"
    command = [sys.executable, "-m", "hilum", "label", str(source), "-o", str(out), "--quiet"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    part = tmp_path / f"out.{kind}.part"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 100_000):
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "--resume goes on" in said
    assert not out.exists()
    kept = part.read_bytes().count(b"\n")
    assert 0 < kept < len(rows)
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    label_files([source], tmp_path / f"whole.{kind}")
    assert out.read_bytes() == (tmp_path / f"whole.{kind}").read_bytes()


def test_resuming_with_other_options_is_refused(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", [("a", "No effusion.")]), tmp_path / "out.jsonl"
    label_files([source], out)
    for reading, what in ((Reading(uncertain="absent"), "uncertain 'keep'"), (Reading(structure=True), "structure")):
        with pytest.raises(InputError, match=what):
            label_files([source], out, reading=reading, resume=True)
    (tmp_path / "out.jsonl.run.json").write_text("{broken", encoding="utf-8")
    assert label_files([source], out, resume=True).skipped == 1


def test_rows_added_later_are_labelled_by_a_resumed_run(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", [("a", "No effusion."), ("b", "")]), tmp_path / "out.jsonl"
    label_files([source], out)
    table(source, [("a", "No effusion."), ("b", ""), ("c", "Small effusion.")])
    outcome = label_files([source], out, resume=True)
    assert (outcome.done, outcome.failed, outcome.skipped, outcome.failures) == (1, 0, 2, 1)
    assert outcome.counts["Pleural Effusion", 1] == 1
    assert outcome.counts["Pleural Effusion", 0] == 1


def small_files() -> None:
    """Let no file grow over 60 kB, as a full disk would; Python then gets an error in place of a signal."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


@pytest.mark.skipif(os.name == "nt", reason="limits are set as on Unix")
@pytest.mark.parametrize("kind", ["jsonl", "csv", "html"])
def test_a_full_disk_is_told_and_what_was_finished_is_kept(tmp_path: Path, kind: str) -> None:
    source = table(tmp_path / "in.csv", [(f"r{n}", "No effusion.") for n in range(900)])
    out, whole = tmp_path / f"out.{kind}", tmp_path / f"whole.{kind}"
    command = [sys.executable, "-m", "hilum", "label", str(source), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=small_files)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: could not write {out}: File too large. What was finished is kept in out.")
    assert "--resume" in done.stderr
    assert not out.exists()
    assert not list(tmp_path.glob(".out*"))
    outcome = label_files([source], out, resume=True)
    assert outcome.skipped > 100
    label_files([source], whole)
    assert out.read_bytes() == whole.read_bytes()


def test_an_output_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", [("a", "No effusion.")])
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="could not write"):
        label_files([source], tmp_path / "file" / "out.jsonl")
    with pytest.raises(InputError, match="could not write"):
        label_files([source], Path("/proc/nowhere/out.jsonl"))


def test_a_run_without_one_good_report_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    label_files([table(tmp_path / "in.csv", [("a", "No effusion.")])], out)
    before = out.read_bytes()
    (tmp_path / "bad.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match=r"was left as it was.*no column 'report'"):
        label_files([tmp_path / "bad.csv"], out)
    assert out.read_bytes() == before


def test_reports_of_two_files_with_one_id_are_one_report(tmp_path: Path) -> None:
    """The folder of a data set that holds its reports twice: one line says so, and nothing fails."""
    folder = tmp_path / "in"
    folder.mkdir()
    table(folder / "a.csv", [(f"r{n}", "No effusion.") for n in range(50)])
    table(folder / "b.csv", [(f"r{n}", "No  effusion. " if n < 50 else "Small effusion.") for n in range(60)])
    outcome = label_files([folder], tmp_path / "out.jsonl")
    assert (outcome.done, outcome.failed, outcome.repeated) == (60, 0, 50)
    assert outcome.notes == ["b.csv: 50 reports have an id that another file had already; the first was kept"]
    assert outcome.counts["Pleural Effusion", 0] == 50


def test_what_a_run_writes_into_the_folder_it_reads_is_not_read(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", [("a", "No effusion.")])
    for _ in range(2):
        outcome = label_files([tmp_path], tmp_path / "labels.jsonl", timeline=True, page=tmp_path / "page.html")
        assert (outcome.done, outcome.failed, outcome.repeated) == (1, 0, 0)


ROW = '{"id": "a", "label_set": "chexpert-14", "language": "en", "labels": {"Pleural Effusion": 0}}'


@pytest.mark.parametrize(
    "lines",
    [
        ['{"note":"mine"}'],
        ['{"id":"1","labels":[1]}'],
        ['{"id": "1", "report": "No effusion."}'],
        [ROW.replace('"a"', "1")],
        [ROW.replace(": 0", ": true")],
        [ROW.replace('"chexpert-14"', "[1]")],
        [ROW[:-1] + ', "findings": [1]}'],
        ['{"id": "a", "label_set": "chexpert-14", "error": [1]}'],
        ["[" * 100_000],
        [ROW, "damaged", ROW.replace('"a"', '"b"')],
        [ROW, "", ROW.replace('"a"', '"b"')],
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.part"])
def test_a_file_that_no_run_wrote_is_refused_untouched(tmp_path: Path, lines: list[str], end: str, name: str) -> None:
    source, there = table(tmp_path / "in.csv", [("a", "No effusion."), ("b", "No effusion.")]), tmp_path / name
    there.write_text("\n".join(lines) + end, encoding="utf-8")
    before = there.read_bytes()
    with pytest.raises(InputError, match=rf"line {min(2, len(lines))} of .* is not a row"):
        label_files([source], tmp_path / "out.jsonl", resume=True)
    assert there.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", name]


def test_a_refused_resume_leaves_the_finished_file(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", [("a", "No effusion.")]), tmp_path / "out.jsonl"
    label_files([source], out)
    (tmp_path / "out.jsonl.run.json").unlink()
    before = out.read_bytes()
    with pytest.raises(InputError, match="was made with label set 'chexpert-14'"):
        label_files([source], out, reading=Reading("nih-14"), resume=True)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.jsonl"]


def test_a_finished_file_stays_until_the_resumed_run_is_finished(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", [("a", "No effusion.")]), tmp_path / "out.jsonl"
    label_files([source], out)
    before = out.read_bytes()
    table(source, [("a", "No effusion."), ("b", "Small effusion.")])

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_files([source], out, resume=True, on_row=interrupt)
    assert out.read_bytes() == before
    assert label_files([source], out, resume=True).failures == 0
    assert out.read_bytes().startswith(before)
    assert out.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("card", ['{"asked": [1]}', "[1]", "{}", '{"asked": null}'])
def test_a_card_that_is_none_is_refused(tmp_path: Path, card: str) -> None:
    source, out = table(tmp_path / "in.csv", [("a", "No effusion.")]), tmp_path / "out.jsonl"
    label_files([source], out)
    before = out.read_bytes()
    (tmp_path / "out.jsonl.run.json").write_text(card, encoding="utf-8")
    with pytest.raises(InputError, match=r"out.jsonl.run.json is not the card of a labelling run"):
        label_files([source], out, resume=True)
    assert out.read_bytes() == before


def test_a_failed_run_leaves_the_card_of_the_file_that_is_there(tmp_path: Path) -> None:
    out, card = tmp_path / "out.jsonl", tmp_path / "out.jsonl.run.json"
    label_files([table(tmp_path / "in.csv", [("a", "No effusion.")])], out)
    before = card.read_bytes()
    with pytest.raises(InputError, match="was left as it was"):
        label_files([table(tmp_path / "empty.csv", [("a", "")])], out, reading=Reading("nih-14"))
    assert card.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.csv", "in.csv", "out.jsonl", card.name]


def test_a_stopped_run_goes_on_with_its_own_choices(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in.csv", [("a", "No effusion."), ("b", "No effusion.")]), tmp_path / "out.csv"
    label_files([source], out)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_files([source], out, reading=Reading("nih-14"), on_row=interrupt)
    with pytest.raises(InputError, match="label set 'nih-14'"):
        label_files([source], out, resume=True)
    outcome = label_files([source], out, reading=Reading("nih-14"), resume=True)
    assert (outcome.done, outcome.skipped) == (1, 1)
    assert '"nih-14"' in (tmp_path / "out.csv.run.json").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("*.part"))


def test_another_report_under_a_known_id_is_an_error(tmp_path: Path) -> None:
    inputs = [
        table(tmp_path / "a.csv", [("1", "No effusion."), ("2", "No effusion.")]),
        table(tmp_path / "b.csv", [("1", "Small effusion."), ("2", "No effusion."), ("3", "")]),
    ]
    outcome = label_files(inputs, tmp_path / "out.jsonl")
    assert (outcome.done, outcome.failed, outcome.repeated) == (2, 2, 1)
    assert outcome.reasons[0] == ("1", "another report had this id: give each report its own")
    again = label_files(inputs, tmp_path / "out.jsonl", resume=True)
    assert (again.done, again.failed, again.skipped) == (0, 0, 4)
