"""The page of label results: what was counted, the words marked, and nothing that a report can smuggle in."""

from __future__ import annotations

import json
from pathlib import Path

from hilum.app.label import label_files
from hilum.app.label_explain import explained, marked, opening
from hilum.app.label_page import SHOWN
from hilum.text.labels import label
from tests.app.page_cases import tree
from tests.app.test_page_browser import BROWSER, browse

TEXT = "No pneumothorax; small right effusion, unchanged. Possible pneumonia. The sky is blue."


def page_of(tmp_path: Path, *texts: str) -> str:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"id": f"r{n}", "report": text}) + "\n" for n, text in enumerate(texts)))
    label_files([source], tmp_path / "labels.jsonl", page=tmp_path / "page.html")
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_pieces_joined_are_the_sentence_and_marks_are_the_spans() -> None:
    labels = label(TEXT)
    parsed = labels.parsed
    for start, end, _ in parsed.sentences:
        facts = [fact for fact in parsed.facts if fact.sentence == (start, end)]
        pieces = marked(parsed.text, start, end, facts)
        assert "".join(piece.text for piece in pieces) == parsed.text[start:end]
        words = [(piece.text, piece.style) for piece in pieces if piece.style in ("present", "absent", "uncertain")]
        assert words == [(parsed.text[fact.start : fact.end], fact.state) for fact in facts]
    assert "".join(piece.text for piece in opening(labels)).startswith("chexpert-14: ")
    assert len(list(explained(labels))) == 2 + len(parsed.facts)


def test_the_page_counts_and_marks(tmp_path: Path) -> None:
    root = tree(page_of(tmp_path, TEXT, "No effusion.", "", "Clear lungs."))
    assert "4 reports, 1 failed." in root.one("p", class_="counts").text
    sums = {
        row.one("th").text: [cell.text for cell in row.all("td", class_="count")]
        for row in root.one("tbody", class_="sums").all("tr")
    }
    assert sums["Pleural Effusion"] == ["1", "0", "1"]
    assert sums["Pneumonia"] == ["0", "1", "0"]
    shown = list(root.one("table", class_="reports").all("tr"))
    first = shown[1]
    assert [(mark.text, mark.attributes["class"]) for mark in first.all("mark")] == [
        ("No", "cue"), ("pneumothorax", "absent"), ("effusion", "present"), ("Possible", "cue"),
        ("pneumonia", "uncertain"),
    ]  # fmt: skip
    assert "sky is blue" in first.text
    assert "holds no text" in shown[3].text


def test_reports_cannot_write_markup(tmp_path: Path) -> None:
    made = page_of(tmp_path, "<script>alert(1)</script> effusion </td></table><img src=x onerror=alert(1)>")
    assert made.count("<script>") == 1  # the page's own
    assert "<img" not in made


def test_a_long_run_shows_its_first_reports_and_counts_all(tmp_path: Path) -> None:
    made = page_of(tmp_path, *(f"Nodule of {n} mm." for n in range(SHOWN + 100)))
    assert f"{SHOWN + 100} reports, 0 failed. Below: the first {SHOWN}." in made
    assert made.count('<tr><th scope="row">r') == SHOWN
    assert len(made) < 1_000_000


def test_the_page_alone_is_an_output(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "a", "report": "No effusion."}\n')
    outcome = label_files([source], tmp_path / "out.html")
    assert outcome.written == [tmp_path / "out.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.html", "out.html.run.json"]


def test_the_filter_of_the_page_works_in_a_browser(tmp_path: Path) -> None:
    if BROWSER is None:
        import pytest

        pytest.skip("needs a Chromium browser")
    made = page_of(tmp_path, "Small effusion.", "Large nodule.")
    root = browse(made, tmp_path)
    assert "js" in root.one("html").attributes["class"]
