"""The verb `hilum label` as a person meets it: files, sentences, standard input, and what goes wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hilum.app.label_command import reads_like_text, standard_input
from hilum.text.labels import label
from tests.app.conftest import Ran

Run = Callable[..., Ran]
SENTENCE = "No pneumothorax; small right effusion, unchanged."


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def reports(path: Path, **texts: str) -> Path:
    path.write_text("id,report\n" + "".join(f'{key},"{text}"\n' for key, text in texts.items()), encoding="utf-8")
    return path


def test_a_sentence_is_explained_with_its_words_and_rules(hilum: Run) -> None:
    done = hilum("label", "--explain", SENTENCE)
    assert done.code == 0
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[0] == "[body] ‹No› «pneumothorax»; small right «effusion», unchanged."
    assert "pneumothorax: absent, definite → Pneumothorax = absent · by finding:pneumothorax" in lines[1]
    assert "because of 'No' (cue:neg.pre:no)" in lines[1]
    assert "pleural effusion: present" in lines[2]
    assert lines[3] == "chexpert-14: Pneumothorax 0 · Pleural Effusion 1"
    assert "\x1b" not in done.out


def test_several_texts_each_under_its_name(hilum: Run) -> None:
    done = hilum("label", "--explain", "--as", "nih-14", "Possible pneumonia.", "Cardiomegaly", "The sky is blue.")
    assert [line for line in done.out.splitlines() if line.startswith("text")] == ["text 1", "text 2", "text 3"]
    assert "nih-14: Pneumonia -1" in done.out
    assert "nih-14: Cardiomegaly 1" in done.out
    assert "no finding of the vocabulary is mentioned" in done.out


@pytest.mark.parametrize(
    ("given", "explain", "text"),
    [
        ("No effusion.", False, True),
        ("Cardiomegaly", True, True),
        ("Cardiomegaly", False, False),
        ("reports.csv", True, False),
        ("my reports.csv", False, False),
        ("data/reports", True, False),
        ("No and/or effusion", False, True),
        ("", True, False),
    ],
)
def test_sentences_and_paths_are_told_apart(given: str, explain: bool, text: bool) -> None:
    assert reads_like_text(given, explain) == text


def test_a_folder_with_a_sentence_for_a_name_is_a_folder(hilum: Run, tmp_path: Path) -> None:
    (tmp_path / "old reports").mkdir()
    reports(tmp_path / "old reports" / "a.csv", a="No effusion.")
    assert hilum("label", "old reports").code == 0
    assert json.loads((tmp_path / "labels.jsonl").read_text())["labels"]["Pleural Effusion"] == 0


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"No effusion.\nSmall pneumothorax, right.", ".txt"),
        (b'{"id": 1, "report": "No effusion."}\n', ".jsonl"),
        (b"id,report\n1,No effusion.\n", ".csv"),
        (b"\xef\xbb\xbfid;findings;impression\n1;No effusion.;\n", ".csv"),
        (b"No effusion, no pneumothorax.\n", ".txt"),
        (b"", ".txt"),
    ],
)
def test_standard_input_is_told_by_its_first_line(data: bytes, kind: str) -> None:
    assert standard_input(data).kind == kind


def test_standard_input_is_shown_or_written(hilum: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stdin(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    stdin(b"No effusion.\nLarge pneumothorax on the right.\n")
    done = hilum("label", "-", "--explain")
    assert "«effusion»" in done.out
    assert "«pneumothorax»" in done.out
    stdin(b"id,report\n7,No effusion.\n8,\n")
    done = hilum("label", "-", "-o", tmp_path / "out.jsonl")
    assert done.code == 1
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["7", "8"]
    stdin(b"\x89PNG\x00\x00\x00\x00")
    done = hilum("label", "-")
    assert (done.code, "binary" in done.err) == (1, True)


def test_texts_as_json_are_the_rows_of_the_python_function(hilum: Run) -> None:
    made = json.loads(hilum("label", SENTENCE, "--json").out)
    assert "esearch use only" in made["caution"]
    (row,) = made["reports"]
    states = label(SENTENCE).states
    assert row["labels"] == {
        name: {"present": 1, "absent": 0, "uncertain": -1}[state] for name, state in states.items()
    }


def test_a_file_is_labelled_counted_and_told(hilum: Run, tmp_path: Path) -> None:
    source = reports(tmp_path / "in.csv", a="Small effusion.", b="No effusion.", c="Possible effusion.", d="")
    done = hilum("label", source, "-o", tmp_path / "out.jsonl")
    assert done.code == 1
    assert "Pleural Effusion                     1         1         1" in done.out
    assert "3 labelled, 1 failed" in done.out
    assert f"Wrote {tmp_path / 'out.jsonl'}." in done.out
    assert "Next: " in done.out
    assert done.err == "failed: d: in.csv:5 holds no text\n"


def test_json_tells_the_same_in_one_object(hilum: Run, tmp_path: Path) -> None:
    source = reports(tmp_path / "in.csv", a="Small effusion.", b="")
    made = json.loads(hilum("label", source, "--json", "-o", tmp_path / "o.jsonl").out)
    assert (made["labelled"], made["failed"]) == (1, 1)
    assert made["counts"] == {"Pleural Effusion": {"1": 1}}
    assert made["failures"] == [{"id": "b", "error": "in.csv:3 holds no text"}]


def test_quiet_prints_nothing_but_what_is_wrong(hilum: Run, tmp_path: Path) -> None:
    done = hilum("label", reports(tmp_path / "in.csv", a="Small effusion."), "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_many_failures_are_counted_not_listed(hilum: Run, tmp_path: Path) -> None:
    source = reports(tmp_path / "in.csv", good="No effusion.", **{f"x{n}": "" for n in range(30)})
    done = hilum("label", source)
    assert done.err.count("holds no text") == 5
    assert "and 26 more" in done.err or "and 25 more" in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--as", "chexpert-15"], "chexpert-14"),
        (["--as", "foo"], "choose from chexpert-14, "),
        (["--uncertain", "perhaps"], "uncertain must be one of keep"),
        (["--likely", "no"], "likely must be one of"),
        (["--aggregate", "no"], "aggregate must be one of"),
        (["--language", "de"], "language"),
        (["--column", "report"], "role=name"),
        (["--column", "raport=x"], "the nearest is 'report'"),
        (["--column", "report=x"], "no column 'x'"),
        (["-o", "labels.doc"], "cannot write '.doc'"),
        (["--page", "page.pdf"], "a page is an .html file"),
    ],
)
def test_wrong_choices_are_one_sentence(hilum: Run, tmp_path: Path, options: list[str], said: str) -> None:
    done = hilum("label", reports(tmp_path / "in.csv", a="No effusion."), *options)
    assert done.code == 1
    assert said in done.err
    assert "Traceback" not in done.err
    assert "unexpected" not in done.err


def test_a_path_that_is_not_there_names_the_nearest(hilum: Run, tmp_path: Path) -> None:
    reports(tmp_path / "reports.csv", a="No effusion.")
    done = hilum("label", tmp_path / "report.csv")
    assert done.code == 1
    assert "the nearest is 'reports.csv'" in done.err
    assert not (tmp_path / "labels.jsonl").exists()


def test_a_word_that_is_no_file_can_be_explained(hilum: Run, tmp_path: Path) -> None:
    done = hilum("label", "pneumothorax")
    assert done.code == 1
    assert done.err == (
        "error: there is no file or folder 'pneumothorax'. To see how a word or sentence is labelled, add --explain\n"
    )
    assert "--explain" not in hilum("label", "reports.csv").err


def test_an_unknown_label_set_is_told_for_a_sentence_too(hilum: Run) -> None:
    done = hilum("label", SENTENCE, "--as", "foo")
    assert (done.code, done.out) == (1, "")
    assert "choose from" in done.err
    assert "nih-14" in done.err


def test_an_empty_argument_is_not_this_folder(hilum: Run, tmp_path: Path) -> None:
    reports(tmp_path / "in.csv", a="No effusion.")
    done = hilum("label", "")
    assert (done.code, "empty" in done.err) == (1, True)


@pytest.mark.parametrize("given", ["\x00.csv", "x" * 5000 + ".csv", "x" * 5000, "a b\x00c"])
def test_impossible_paths_are_no_traceback(hilum: Run, given: str) -> None:
    done = hilum("label", "--explain", given)
    assert "unexpected" not in done.err


def test_the_example_is_labelled_with_everything(hilum: Run, tmp_path: Path) -> None:
    done = hilum("label", "--example", "--timeline", "--graph", "--page", "look.html", "-o", "out.jsonl")
    assert done.code == 0, done.err
    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert len(rows) == 6
    assert rows["example-2"]["labels"]["Pneumonia"] == -1
    assert rows["example-6"]["language"] == "es"
    assert any(entity["tokens"] == "effusion" for entity in rows["example-1"]["graph"]["entities"].values())
    people = [json.loads(line) for line in (tmp_path / "out.timeline.jsonl").read_text().splitlines()]
    assert [line["patient"] for line in people] == ["A", "B", "C", "D"]
    assert "<mark" in (tmp_path / "look.html").read_text()
    assert hilum("label", "--quiet").code == 0


def test_control_characters_of_a_report_do_not_reach_the_terminal(hilum: Run, tmp_path: Path) -> None:
    done = hilum("label", "No \x1b[31meffusion\x07 here.", "--explain")
    assert "\x1b" not in done.out
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"id": "a\x1b[2J", "report": ""}) + "\n" + json.dumps({"id": "b", "report": "x"}))
    assert "\x1b" not in hilum("label", source).err


def test_lone_surrogates_are_written_as_json_can(hilum: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "\\ud800", "report": "No effusion \\udfff."}\n')
    assert hilum("label", source, "-o", "out.jsonl", "--page", "p.html").code == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["id"] == "\ud800"
    for out in ("out.csv", "out.html"):
        assert hilum("label", source, "-o", out).code == 0


def test_reading_choices_reach_the_labels(hilum: Run) -> None:
    def labels(*options: str) -> dict[str, int]:
        return json.loads(hilum("label", "Possible pneumonia. Probable effusion.", "--json", *options).out)["reports"][
            0
        ]["labels"]

    assert labels() == {"Pneumonia": -1, "Pleural Effusion": 1}
    assert labels("--uncertain", "absent", "--likely", "uncertain") == {"Pneumonia": 0, "Pleural Effusion": 0}
    assert labels("--uncertain", "exclude") == {"Pleural Effusion": 1}


@pytest.mark.slow
def test_the_open_i_folder(hilum: Run, pack: Path, tmp_path: Path) -> None:
    """The real folder: its table is read, two other tables are left alone, the archive repeats what the table has."""
    options = ("--as", "nih-14", "--graph", "--scene", "--timeline", "--json", "-o", tmp_path / "out.jsonl")
    done = hilum("label", pack / "openi", *options)
    made = json.loads(done.out)
    assert made["labelled"] + made["failed"] == 3184
    assert made["repeated"] == 3184
    assert {reason["error"].partition(" ")[2] for reason in made["failures"]} == {"holds no text"}
    assert [note.split()[2] for note in made["notes"] if note.startswith("left")] == [
        "gold_labels14.csv", "gold_mapping.csv",
    ]  # fmt: skip
    assert made["patients"] == made["labelled"]
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    good = [row for row in rows if "error" not in row]
    assert len(good) == made["labelled"]
    bare = [row["id"] for row in good for name in ("graph", "scene") if "error" in row[name]]
    assert bare == []
    assert done.code == 1
