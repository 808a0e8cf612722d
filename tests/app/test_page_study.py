"""The page of one study, read back with the standard library's parser and Pillow."""

import base64
import hashlib
import io
import re
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.app.page import study_page
from hilum.app.page_film import inline, letters
from hilum.app.page_findings import before, numbered, percent
from hilum.core.finding import Finding, Span
from hilum.core.image import Image, MadeBy, Window
from hilum.core.region import Box, Mask, Points
from hilum.core.report import Report
from hilum.core.study import Study
from tests.app.page_cases import CARD, NOT_ASSESSED, PACK, SENTENCES, UIDS, ramp, read_study, tree

NAMES = {UIDS["now"]: "pa.dcm", UIDS["side"]: "side.dcm", UIDS["then"]: "old.dcm"}
HOSTILE = """</script><script>alert(1)</script>"><img src=x onerror=alert(2)> ' & ${css} <!--"""


def rows(page):
    return list(tree(page).all("li", class_="finding"))


def picture(uri):
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Picture.open(io.BytesIO(base64.b64decode(body, validate=True)))


def test_page_asks_for_nothing_and_runs_only_its_own_script():
    page = study_page(read_study(), names=NAMES, card=CARD)
    root = tree(page)
    for node in root.all():
        for name in ("src", "href"):
            assert node.attributes.get(name, "#").startswith(("#", "data:")), node
        assert not [name for name in node.attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?://", root.one("style").text + root.one("script").text)
    policy = next(n.attributes["content"] for n in root.all("meta") if n.attributes.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(root.one("script").text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_hostile_text_everywhere_is_only_text():
    film = ramp(id=UIDS["now"], view="PA", synthetic=True, made_by=MadeBy(HOSTILE))
    finding = Finding(
        HOSTILE,
        sites=(HOSTILE,),
        attributes={HOSTILE: HOSTILE},
        calibration=HOSTILE,
        regions=(Box(1, 1, 9, 9, film.id),),
    )
    study = Study(HOSTILE, images=(film,)).add(
        findings=[finding],
        report=Report(impression=HOSTILE),
        made_by=MadeBy(HOSTILE, HOSTILE, HOSTILE),
        not_assessed=[(HOSTILE, HOSTILE)],
        notes=[HOSTILE, f"refused {HOSTILE}"],
    )
    mask = Mask(np.ones((96, 120), bool), film.id, HOSTILE)
    page = study_page(study, names={film.id: HOSTILE}, masks=[mask], card={HOSTILE: HOSTILE}, keep_identifiers=True)
    root = tree(page)
    assert len(list(root.all("script"))) == 1
    assert len(list(root.all("img"))) == 1
    assert not [name for node in root.all() for name in node.attributes if name.startswith("on")]
    assert root.one("span", class_="concept").text == HOSTILE
    assert root.one("span", class_="file").text == HOSTILE
    assert root.one("p", class_="prose").text == HOSTILE
    assert HOSTILE in root.one("head").one("title").text


def test_names_cannot_hide_behind_control_or_direction_characters():
    film = ramp(id=UIDS["now"])
    page = study_page(Study("s", images=(film,)), names={film.id: "evil\u202egnp.exe\x00\udcff.png"})
    assert not re.search("[\u202e\x00\udcff]", page)
    page.encode("utf-8")


def test_findings_come_by_state_and_then_what_was_not_assessed():
    page = study_page(read_study(), names=NAMES, card=CARD)
    assert [row.one("span", class_="concept").text for row in rows(page)] == [
        "lung opacity",
        "cardiomegaly",
        "effusion",
        "edema",
    ]
    assert [row.attributes["id"] for row in rows(page)] == [f"finding={n}" for n in (1, 2, 3, 4)]
    headings = [node.text for node in tree(page).all("h3")][:3]
    assert headings == ["Present (1)", "Uncertain (1)", "Absent (2)"]
    rest = tree(page).one("details", class_="unassessed")
    assert rest.one("summary").text == "Not assessed (3)"
    assert [item.text for item in rest.all("li")] == ["hernia, mass – too few cases", "device – not trained"]
    assert "effusion" in dict(NOT_ASSESSED)
    assert page.index('id="findings"') < page.index('class="report"') < page.index("How this was made")


def test_probability_is_a_number_a_bar_and_the_card_s_threshold():
    opacity, heart, _, edema = rows(study_page(read_study(), card=CARD))
    assert opacity.one("span", class_="percent").text == "93 %"
    assert opacity.one("i", class_="fill").attributes["style"] == "width:93.0%"
    assert opacity.one("i", class_="tick").attributes["style"] == "left:41.0%"
    assert opacity.one("span", class_="bar").attributes["aria-label"] == "probability 93 %, threshold 41 %"
    assert (
        opacity.one("span", class_="skill").text
        == "AUROC 0.87 (95\u00a0% interval 0.85–0.89, n\u00a0=\u00a02412, 310\u00a0positive, set B)"
    )
    assert [tick.attributes["style"] for tick in heart.all("i", class_="tick")] == ["left:30.0%", "left:60.0%"]
    assert edema.one("span", class_="percent").text == "< 1 %"
    assert not list(edema.all("i", class_="tick"))
    assert [fact.text for fact in opacity.all("span", class_="fact")] == ["right lower zone", "severity: mild", "new"]


@given(st.floats(0, 1))
def test_a_percentage_is_right_and_never_claims_certainty(probability):
    shown = percent(probability)
    number = float(re.sub("[^0-9]", "", shown))
    assert abs(number - 100 * probability) <= (1 if shown[0] in "<>" else 0.5)
    assert (shown == "0 %") == (probability == 0)
    assert (shown == "100 %") == (probability == 1)


def test_a_score_without_calibration_says_so_and_a_finding_without_probability_has_no_bar():
    study = Study("s").add(findings=[Finding("mass", "present", 0.7), Finding("fracture")])
    scored, bare = rows(study_page(study))
    assert "score not calibrated" in scored.text
    assert not list(bare.all("span", class_="bar"))
    assert "%" not in bare.text


def test_sentences_link_to_their_findings_and_the_prose_stays_word_for_word():
    root = tree(study_page(read_study(), card=CARD))
    findings, impression = root.all("p", class_="prose")
    assert findings.text == " ".join(SENTENCES)
    assert [(a.text, a.attributes["href"], a.attributes["data-f"]) for a in findings.all("a")] == [
        (SENTENCES[0], "#finding=1", "1"),
        (SENTENCES[1], "#finding=2", "2"),
        (SENTENCES[2], "#finding=3", "3"),
    ]
    assert impression.one("a").attributes["data-f"] == "1"
    assert "Draft report, unsigned" in root.text


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5))
def test_evidence_spans_of_any_kind_never_change_the_prose(pairs):
    words = "Left <b>effusion</b>, small & basal; no edema."
    findings = [Finding(f"f{i}", evidence=Span("findings", min(p), max(p)), id=str(i)) for i, p in enumerate(pairs)]
    study = Study("s", report=Report(findings=words), findings=tuple(findings))
    assert tree(study_page(study)).one("p", class_="prose").text == words


def test_boxes_lie_where_the_finding_says_in_pixels_of_the_film():
    root = tree(study_page(read_study(), names=NAMES))
    figure = next(node for node in root.all("figure") if "pa.dcm" in node.text)
    assert figure.one("svg").attributes["viewbox"] == "0 0 120 96"
    mark = figure.one("g", class_="mark")
    assert mark.attributes["data-f"] == "1"
    corners = {key: float(mark.one("rect").attributes[key]) for key in ("x", "y", "width", "height")}
    assert corners == pytest.approx({"x": 10.5, "y": 20, "width": 39.5, "height": 41.25}, abs=0.06)
    assert mark.one("text").text == "1 lung opacity"
    old = next(node for node in root.all("figure") if "old.dcm" in node.text).one("g", class_="mark")
    assert old.one("text").text == "prior: effusion"
    assert "data-f" not in old.attributes


def test_masks_and_points_are_drawn_at_the_film_s_scale():
    half = np.zeros((48, 60), bool)
    half[10:20, 30:50] = True
    line = Points(np.array([[5.0, 6.0], [70.0, 8.0]]), UIDS["now"])
    film = ramp(id=UIDS["now"], view="PA")
    study = Study("s", images=(film,), findings=(Finding("mass", regions=(Mask(half, film.id), line)),))
    root = tree(study_page(study, masks=[Mask(half, film.id, "left lung"), Mask(half, "another film")]))
    field, mass, rule = (
        np.array(re.findall(r"[\d.]+", p.attributes["d"]), float).reshape(-1, 2) for p in root.all("path")
    )
    for outline in (field, mass):
        assert outline.min(0) == pytest.approx((60, 20), abs=1.3)
        assert outline.max(0) == pytest.approx((100, 40), abs=1.3)
    assert rule.tolist() == line.xy.tolist()
    assert [label.text for label in root.all("text")] == ["1 mass", "1"]


def test_a_region_of_no_film_is_said_and_never_drawn_on_a_guess():
    study = Study("s", images=(ramp(id="film-1"),)).add(
        findings=[Finding("mass", regions=(Box(0, 0, 5, 5, "film-9"),))]
    )
    root = tree(study_page(study))
    assert not list(root.all("g", class_="mark"))
    assert "names no film shown here" in root.text


def test_identifiers_stay_out_unless_kept():
    note = f"Film {UIDS['now']} of patient-4711 in study-4712 has no side marker."
    study = read_study(notes=[note])
    page = study_page(study, names=NAMES)
    for secret in (*UIDS.values(), "patient-4711", "study-4712", "study-before", "2026-01-01", "2025"):
        assert secret not in page
    assert "Film pa.dcm of this patient in this study has no side marker." in tree(page).text
    assert "Prior, 28 days earlier" in tree(page).text
    kept = study_page(study, names=NAMES, keep_identifiers=True)
    assert "study-4712 · patient-4711 · 2026-01-01 09:00" in tree(kept).one("h1").text


def test_a_longer_identifier_is_not_cut_by_a_shorter_one():
    one, two = ramp(id="1.2.34"), ramp(id="1.2.34.5")
    study = Study("study-x", images=(one, two)).add(notes=["1.2.34.5 and 1.2.34."])
    assert "b.png and a.png." in tree(study_page(study, names={"1.2.34": "a.png", "1.2.34.5": "b.png"})).text
    study = Study("chest", "P-17-2", images=(ramp(id="P-17"),)).add(notes=["P-17-2 and P-17: chest film"])
    assert "this patient and a.png: chest film" in tree(study_page(study, names={"P-17": "a.png"})).text


def test_films_hang_frontal_left_lateral_right_prior_beside():
    root = tree(study_page(read_study(), names=NAMES))
    now, then = root.one("div", class_="now"), root.one("div", class_="then")
    assert [node.text for node in now.all("span", class_="file")] == ["pa.dcm", "side.dcm"]
    assert [node.text for node in then.all("span", class_="file")] == ["old.dcm"]
    assert "before: present, 66 %" in rows(study_page(read_study()))[2].text
    alone = tree(study_page(read_study(prior=False)))
    assert not list(alone.all("div", class_="then"))
    assert "hidden" in next(b for b in alone.all("button") if b.attributes.get("data-do") == "prior").attributes


def test_what_was_before_is_only_said_where_the_sites_allow_it():
    prior = Study("p", findings=(Finding("effusion", "present", sites=("right",)),))
    assert before(Finding("effusion", sites=("right",)), prior) == "before: present"
    assert before(Finding("effusion"), prior) == "before: present"
    assert before(Finding("effusion", sites=("left",)), prior) == ""
    assert before(Finding("mass"), prior) == ""
    assert before(Finding("mass"), None) == ""


def test_side_letters_follow_the_orientation_and_an_assumption_says_so():
    film = ramp(view="PA", orientation=("L", "F"))
    assert letters(film) == ("R", "L", "", False)
    assert letters(film.flip(horizontal=True)) == ("L", "R", "", False)
    assert letters(film.flip(vertical=True)) == ("R", "L", "H", False)
    assert letters(ramp(view="AP")) == ("R", "L", "", True)
    assert letters(ramp(view="LL")) == ("", "", "", False)
    page = study_page(Study("s", images=(ramp(view="AP", id="f"),)))
    assert [node.text for node in tree(page).all("span", class_="corner")] == ["Rassumed", "Lassumed"]


def test_the_picture_shows_what_display_shows_polarity_and_window_included():
    for film in (
        ramp(),
        ramp(inverted=True),
        ramp(window=Window(0, 800)),
        ramp(window=Window(500, 3000), inverted=True),
    ):
        shown = picture(inline(film))
        assert (shown.mode, shown.size) == ("L", (120, 96))
        assert np.abs(np.asarray(shown) / 255 - film.display()).mean() < 0.01


def test_pictures_keep_within_their_bytes_and_carry_no_metadata():
    noise = np.random.default_rng(0).normal(0, 1, (1500, 1800)).astype(np.float32)
    shown = picture(inline(Image(noise)))
    assert max(shown.size) <= 1400
    assert shown.width / shown.height == pytest.approx(1.2, abs=0.01)
    assert len(inline(Image(noise))) < 1_000_000
    assert len(inline(Image(noise), limit=9000)) < 12_100
    assert not shown.getexif()
    assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_spacing_names_its_plane():
    text = tree(study_page(read_study(), names=NAMES)).text
    assert "0.143 × 0.143 mm at detector" in text
    assert "pixel spacing unknown" in text
    film = ramp(id="f", spacing_mm=(0.2, 0.1), spacing_plane="patient")
    assert "0.2 × 0.1 mm in the patient" in tree(study_page(Study("s", images=(film,)))).text


def test_caution_provenance_and_card_are_said():
    root = tree(study_page(read_study(), names=NAMES, card=CARD))
    caution = "AI-made · Research use only · not a medical device"
    assert root.one("header").one("p", class_="caution").text == caution
    assert root.one("footer").text == caution
    assert caution in root.one("style").text
    made = root.one("details", class_="made").text
    for fact in (
        "made-up-reader 1.2",
        "c0ffee" * 10,
        "platt",
        "pa.dcm",
        "120 × 96 px",
        "Made-up reader",
        "set A; set B",
    ):
        assert fact in made
    assert made.count("c0ffee" * 10) == 1


def test_a_synthetic_film_is_marked_on_the_film_in_the_header_and_in_words():
    root = tree(study_page(Study("s", images=(ramp(id="f", synthetic=True, made_by=MadeBy("phantom", "2")),))))
    assert root.one("span", class_="synthetic").text == "SYNTHETIC"
    assert root.one("strong", class_="badge").text == "SYNTHETIC"
    assert root.one("img").attributes["alt"].startswith("Synthetic chest radiograph")
    assert "synthetic, made by phantom 2" in root.text
    assert "SYNTHETIC" not in tree(study_page(read_study())).one("header").text


def test_a_refused_film_is_shown_with_its_reason_and_no_findings():
    film, reason = ramp(id=UIDS["side"], view="LL"), "A lateral view; this model reads frontal films only."
    bare = Study("s", images=(film,))
    by_note, both = bare.add(notes=[f"{film.id} was refused: {reason}"]), bare.add(notes=[f"film 1 refused: {reason}"])
    given = {film.id: reason}
    for page in (study_page(bare, refused=given), study_page(by_note), study_page(both, refused=given)):
        root = tree(page)
        assert reason in root.one("p", class_="refusal").text
        assert reason in root.one("ul", class_="alerts").text
        assert "(not read)" in root.one("img").attributes["alt"]
        assert not rows(page)
        assert "Nothing was assessed; that is not the same as normal." in root.text
        assert root.text.count(reason) == 2


def test_every_text_colour_reaches_contrast_aa_on_its_ground():
    style = tree(study_page(Study("s"))).one("style").text
    dark = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", style.split("@media")[0]))

    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)

    def contrast(one, two):
        low, high = sorted((luminance(one), luminance(two)))
        return (high + 0.05) / (low + 0.05)

    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # a known pair just below AA
    chosen_row = "#3a3512"
    assert chosen_row in style
    for ink in ("ink", "soft", "accent", "present", "uncertain", "absent", "alert"):
        for ground in (dark["ground"], dark["panel"], dark["raised"], chosen_row):
            assert contrast(dark[ink], ground) >= 4.5, (ink, ground)
    for ink in set(re.findall(r"--tint: (#[0-9a-f]{6})", style.split("@media print")[1])):
        assert contrast(ink, "#ffffff") >= 4.5, ink


def test_an_empty_study_and_nameless_films_have_a_page():
    assert "has no film to show" in tree(study_page(Study("s"))).text
    root = tree(study_page(Study("s", images=(ramp(), ramp()))))
    assert len(list(root.all("figure"))) == 2


def test_same_input_same_bytes():
    mask = Mask(np.eye(96, 120, dtype=bool), UIDS["now"])
    first, second = (study_page(read_study(), names=NAMES, card=CARD, masks=[mask]) for _ in range(2))
    assert first == second
    assert "�" not in first


def test_the_order_is_stable_for_equal_probabilities():
    findings = tuple(Finding("nodule", id=str(i), probability=0.5) for i in range(5))
    assert [finding.id for _, finding in numbered(Study("s", findings=findings))] == list("01234")


def test_a_full_size_film_takes_less_than_the_budget():
    grid = np.random.default_rng(1).normal(0, 40, (2048, 2048)).astype(np.float32)
    film = Image(grid + np.linspace(0, 2000, 2048, dtype=np.float32), id="film-1", view="PA", window=Window(1000, 2400))
    lungs = Mask(np.hypot(*np.ogrid[-1024:1024, -1024:1024]) < 700, "film-1", "lungs")
    study = Study("s", images=(film,)).add(findings=[Finding("mass", regions=(replace(lungs),))])
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        page = study_page(study, masks=[lungs])
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.35
    assert len(page) < 1_000_000


@pytest.mark.skipif(not (PACK / "nih1024").is_dir(), reason="needs the real films of HILUM_PACK")
def test_real_films_make_pages_below_a_megabyte():
    for path in sorted((PACK / "nih1024").glob("*.png"))[:4]:
        film = Image(np.asarray(Picture.open(path).convert("L")), id=path.stem, view="PA")
        page = study_page(Study("s", images=(film,)), names={path.stem: path.name})
        assert len(page.encode()) < 1_000_000
        shown = np.asarray(picture(tree(page).one("img").attributes["src"]), float) / 255
        assert np.abs(shown - film.display()).mean() < 0.02
