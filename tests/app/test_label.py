"""Labelling files: every input kind, every kind of bad input, resuming, and memory that stays flat."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from hilum.app.label import label_files
from hilum.app.label_explain import explain
from hilum.app.label_rows import Reading
from hilum.core.errors import InputError
from hilum.text.labels import label

TEXTS = {"a": "Small right effusion.", "b": "No pneumothorax.", "c": "Possible pneumonia."}


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(tmp_path: Path, *inputs: Path, **options: object) -> list[dict]:
    label_files(inputs, tmp_path / "out.jsonl", **options)  # type: ignore[arg-type]
    return rows(tmp_path / "out.jsonl")


def table(tmp_path: Path, text: str, name: str = "in.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_with_one_column_of_text(tmp_path: Path) -> None:
    path = table(tmp_path, "id,report\n" + "".join(f"{key},{text}\n" for key, text in TEXTS.items()))
    made = run(tmp_path, path)
    assert [row["id"] for row in made] == ["a", "b", "c"]
    assert made[0]["labels"] == {"Pleural Effusion": 1}
    assert made[1]["labels"] == {"Pneumothorax": 0, "No Finding": 1}
    assert made[2]["labels"] == {"Pneumonia": -1}
    (fact,) = made[0]["findings"]
    assert TEXTS["a"][slice(*fact["span"])] == fact["text"] == "effusion"
    assert fact["rule"] == "finding:pleural effusion:effusion*"
    assert not (tmp_path / "out.jsonl.part").exists()


@pytest.mark.parametrize(
    "header", ["id,findings,impression", "Study_ID,FINDINGS,Impression", "uid;Findings;impression"]
)
def test_columns_are_found_whatever_their_spelling(tmp_path: Path, header: str) -> None:
    mark = ";" if ";" in header else ","
    path = table(tmp_path, f"{header}\nx{mark}Small effusion.{mark}No pneumothorax.\n")
    assert run(tmp_path, path)[0]["labels"] == {"Pleural Effusion": 1, "Pneumothorax": 0}


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path, "nr,what was said\n7,Small effusion.\n")
    made = run(tmp_path, path, columns={"id": "nr", "report": "what was said"})
    assert (made[0]["id"], made[0]["labels"]) == ("7", {"Pleural Effusion": 1})


def test_jsonl_text_folder_and_gzip(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text(TEXTS["a"], encoding="utf-8")
    (folder / "b.jsonl").write_text(json.dumps({"id": "b", "text": TEXTS["b"]}) + "\n", encoding="utf-8")
    with gzip.open(folder / "c.csv.gz", "wt", encoding="utf-8") as file:
        file.write(f"id,report\nc,{TEXTS['c']}\n")
    made = {row["id"]: row["labels"] for row in run(tmp_path, folder)}
    assert made["deep/a"] == {"Pleural Effusion": 1}
    assert made["b"] == {"Pneumothorax": 0, "No Finding": 1}
    assert made["c"] == {"Pneumonia": -1}


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    parquet.write_table(arrow.table({"id": ["a"], "report": [TEXTS["a"]]}), tmp_path / "in.parquet")
    assert run(tmp_path, tmp_path / "in.parquet")[0]["labels"] == {"Pleural Effusion": 1}


def test_a_broken_parquet_file_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    path.write_bytes(b"PAR1 not really")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    assert "is not a Parquet file" in run(tmp_path, path)[0]["error"]


def test_other_encodings_are_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes("id,report\na,Silueta cardíaca aumentada y derrame.\n".encode("cp1252"))
    outcome = label_files([path], tmp_path / "out.jsonl")
    assert outcome.notes == ["in.csv is not UTF-8; it was read as cp1252"]
    assert rows(tmp_path / "out.jsonl")[0]["labels"]["Cardiomegaly"] == 1
    path.write_bytes("id,report\na,Small effusion.\n".encode("utf-16"))
    assert run(tmp_path, path)[0]["labels"] == {"Pleural Effusion": 1}
    path.write_bytes("id,report\na,Small effusion.\n".encode("utf-8-sig"))
    assert run(tmp_path, path)[0]["id"] == "a"


BAD = {
    "empty text": ("id,report\nx,\ny,Small effusion.\n", "holds no text"),
    "duplicate id": ("id,report\ny,Small effusion.\ny,No effusion.\n", "met before"),
    "ten megabytes": (f"id,report\nx,{'effusion ' * 1_200_000}\ny,Small effusion.\n", "at most 200,000"),
    "foreign": (
        "id,report\nx,Der Patient hat keine Entzündung und das Herz ist nicht groß heute im Bild\ny,Small effusion.\n",
        "language",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_fails_with_a_sentence_and_the_rest_completes(tmp_path: Path, what: str) -> None:
    text, reason = BAD[what]
    made = run(tmp_path, table(tmp_path, text))
    assert [reason in row.get("error", "") for row in made].count(True) == 1
    assert [row["labels"] for row in made if "labels" in row] == [{"Pleural Effusion": 1}]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("in.csv", b"id,reprot\nx,Small effusion.\n", "nearest is 'reprot'"),
        ("in.csv", b"", "is empty"),
        ("in.csv", bytes(range(256)) * 40, "binary"),
        ("in.txt", b"\x89PNG\r\n\x1a\n\0\0\0", "binary"),
        ("in.txt", b"  \n", "is empty"),
        ("in.jsonl", b"{broken\n", "is not JSON"),
        ("in.jsonl", b"[1, 2]\n", "not an object"),
        ("in.jsonl", b'{"id": 1, "report": 7}\n', "holds int"),
        ("in.jsonl", b"[" * 100_000 + b"\n", "is not JSON"),
        ("in.docx", b"x", "not a kind of report file"),
    ],
)
def test_a_bad_file_is_a_row_and_the_next_file_is_read(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    good = table(tmp_path, f"id,report\na,{TEXTS['a']}\n", "good.csv")
    made = run(tmp_path, bad, good)
    assert reason in made[0]["error"]
    assert made[-1]["labels"] == {"Pleural Effusion": 1}


def test_a_missing_file_is_a_row(tmp_path: Path) -> None:
    assert "there is no file" in run(tmp_path, tmp_path / "nowhere.csv")[0]["error"]


def test_no_input_and_wrong_choices_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no input"):
        label_files([], tmp_path / "out.jsonl")
    with pytest.raises(InputError, match="chexpert-14"):
        label_files([tmp_path], tmp_path / "out.jsonl", reading=Reading("chexpert-15"))
    assert list(tmp_path.iterdir()) == []


def test_resume_skips_what_is_there(tmp_path: Path) -> None:
    path = table(tmp_path, "id,report\na,Small effusion.\nb,No effusion.\n")
    out = tmp_path / "out.jsonl"
    run(tmp_path, path)
    whole = out.read_bytes()
    out.replace(tmp_path / "out.jsonl.part")
    with (tmp_path / "out.jsonl.part").open("r+b") as file:
        file.truncate(len(whole) - 9)  # the power failed in the second row
    outcome = label_files([path], out, resume=True)
    assert (outcome.done, outcome.skipped) == (1, 1)
    assert out.read_bytes() == whole
    assert label_files([path], out, resume=True).skipped == 2
    with pytest.raises(InputError, match="chexpert-14"):
        label_files([path], out, resume=True, reading=Reading("nih-14"))


def test_every_row_is_told(tmp_path: Path) -> None:
    seen: list[dict] = []
    run(tmp_path, table(tmp_path, "id,report\na,Small effusion.\nb,\n"), on_row=seen.append)
    assert [row["id"] for row in seen] == ["a", "b"]


def test_mixed_languages_are_told_apart(tmp_path: Path) -> None:
    path = table(tmp_path, "id,report\na,Derrame pleural y cardiomegalia.\nb,Small effusion.\n")
    assert [(row["language"], row["labels"]["Pleural Effusion"]) for row in run(tmp_path, path)] == [
        ("es", 1),
        ("en", 1),
    ]


def test_explain_marks_the_words_and_names_the_rules(tmp_path: Path) -> None:
    lines = explain(label("No pneumothorax; small right effusion, unchanged."))
    assert lines[0] == "[body] ‹No› «pneumothorax»; small right «effusion», unchanged."
    assert "finding:pneumothorax:pneumothora*" in lines[1]
    assert "cue:neg.pre:no" in lines[1]
    assert "Pleural Effusion = present" in lines[2]
    made = run(tmp_path, table(tmp_path, "id,report\na,No effusion.\n"), reading=Reading(explain=True))
    assert made[0]["explain"][0] == "[body] ‹No› «effusion»."


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Four times the reports take no more memory than the ids and the bounded cache account for."""
    peaks = []
    for count in (500, 2_000):
        path = table(tmp_path, "id,report\n" + "".join(f"{n},Nodule of {n % 50} mm.\n" for n in range(count)))
        tracemalloc.start()
        run_out = label_files([path], tmp_path / "out.jsonl")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert run_out.done == count
    assert peaks[1] < peaks[0] + 300_000
