"""The index page of a batch."""

import io
from base64 import b64decode
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.app.page import IndexRow, index_page, thumbnail
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from tests.app.page_cases import ramp, tree


def test_one_row_per_study_with_findings_link_and_picture():
    findings = (
        Finding("edema", "absent", 0.1, calibration="platt-1"),
        Finding("mass", "uncertain", 0.4, calibration="platt-1"),
        Finding("nodule", "present", 0.6, calibration="platt-1"),
        Finding("effusion", "present", 0.9, calibration="platt-1"),
        Finding("fracture", "uncertain", 0.999),  # a score that is no probability
    )
    batch = (
        IndexRow("a.png", page="a/report.html", thumbnail=thumbnail(ramp()), findings=findings),
        IndexRow("b.png", page="b.html"),
        IndexRow("side.png", "refused", sentence="A lateral view; this model reads frontal films only."),
        IndexRow("cut.dcm", "failed", sentence="The file ends after 3 of 96 rows: copy it again."),
    )
    root = tree(index_page(batch))
    assert root.one("p", class_="counts").text == "4 studies: 2 read, 1 refused, 1 failed"
    first, second, third, fourth = root.one("tbody").all("tr")
    assert [chip.text for chip in first.all("span", class_="chip")] == [
        "effusion 90 %", "nodule 60 %", "fracture (not calibrated)", "mass 40 %",
    ]  # fmt: skip
    assert first.one("a").attributes["href"] == "./a/report.html"
    assert first.one("img").attributes["src"] == batch[0].thumbnail
    assert "nothing present or uncertain" in second.text
    assert "lateral view" in third.text
    assert "nothing present" not in third.text
    assert "ends after 3 of 96 rows" in fourth.text
    assert not list(fourth.all("a"))


def test_a_thumbnail_is_a_small_picture_of_the_film():
    uri = thumbnail(ramp(900, 1200, inverted=True))
    shown = Picture.open(io.BytesIO(b64decode(uri.split(",")[1])))
    assert shown.size == (160, 120)
    assert shown.getpixel((5, 60)) > 200 > 50 > shown.getpixel((154, 60))
    assert len(uri) < 17_000


@given(
    st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=30)
    | st.sampled_from(
        ["javascript:alert(1)", "//evil.example/x", "https://evil.example", "data:text/html,x", "a b/ü#1?.html"]
    )
)
def test_a_link_stays_in_the_folder_and_names_the_file(path):
    link = tree(index_page([IndexRow("x", page=path)])).one("tbody").one("a").attributes["href"]
    there = urlsplit(urljoin("http://folder.example/batch/index.html", link))
    assert (there.scheme, there.netloc, there.query, there.fragment) == ("http", "folder.example", "", "")
    assert unquote(link) == f"./{path}"


def test_hostile_names_and_sentences_are_text():
    nasty = "<script>alert(1)</script>\"'&"
    root = tree(index_page([IndexRow(nasty, "failed", page=nasty, sentence=nasty, findings=(Finding(nasty),))]))
    assert len(list(root.all("script"))) == 1
    row = root.one("tbody").one("tr")
    assert row.one("th").text == nasty
    assert row.one("p").text == nasty


def test_rows_that_cannot_be_shown_are_refused_with_a_sentence():
    with pytest.raises(InputError, match="outcome must be one of"):
        IndexRow("a", "lost")
    for thumb in ("https://example.org/x.png", "x.png", 'data:image/png;base64,AA" onload="x'):
        with pytest.raises(InputError, match="thumbnail"):
            IndexRow("a", thumbnail=thumb)


def test_an_empty_batch_has_a_page():
    assert "0 studies" in tree(index_page([])).text
