"""Readers of whole studies: control models, merged readings, Lunguage's rows, ImaGenome's metadata, skills on pages."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.app import page_film, page_findings
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, Window
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.phantom.illness_registry import Pathology
from hilum.phantom.patient import Person, Plan
from hilum.phantom.signs import CONCEPTS, Sign, draw_sign, enlarged
from hilum.phantom.tips import Tip, is_misplaced, story_table
from hilum.systems import imagenome, interpret, labeler, lunguage
from hilum.systems._interpret_views import view_notes
from hilum.text.parse import parse


def film(level: float = 0.5, **facts: object) -> Image:
    return Image(np.full((20, 16), level, np.float32), Window(0.5, 1.0, "LINEAR_EXACT"), **facts)  # type: ignore[arg-type]


def told(text: str) -> Study:
    return Study("s", "p", report=Report(findings=text))


TEXTS = ("Small left pleural effusion. No pneumothorax.", "The lungs are clear.", "Possible pneumonia at the base.")


@pytest.mark.parametrize("text", TEXTS)
def test_the_mention_control_names_the_same_findings_and_denies_none(text: str) -> None:
    honest, mentions = labeler.labeler(told(text)), labeler.labeler_mentions(told(text))
    assert {f.concept for f in honest.findings} == {f.concept for f in mentions.findings}
    states = {f.concept: f.state for f in mentions.findings}
    for finding in honest.findings:
        if finding.state == "present":
            assert states[finding.concept] == "present"
    if "No pneumothorax" in text:
        assert states["pneumothorax"] == "present"


def test_controls_do_not_look_at_the_report_and_add_what_they_say() -> None:
    one, other = told(TEXTS[0]), told(TEXTS[1])
    assert labeler.constant(one).findings == labeler.constant(other).findings
    assert labeler.constant(one).findings[0].probability == 0.5
    assert labeler.silent(one).findings == ()
    bare = Study("s", "p")
    assert labeler.labeler(bare) is labeler.labeler_mentions(bare) is bare
    assert labeler._parsed(bare) is None


@pytest.mark.parametrize(
    ("views", "chance"), [(("AP",), 0.6), (("PA",), 0.4), (("PA", "LL"), 0.4), (("LL",), 0.5), (("AP", "LL"), 0.6)]
)
def test_the_view_alone_decides_and_pixels_do_not(views: tuple[str, ...], chance: float) -> None:
    for level in (0.1, 0.9):
        study = Study("s", "p", images=tuple(film(level, view=view, id=view) for view in views))
        (finding,) = labeler.view_only(study).findings
        assert finding.probability == chance
        assert (finding.state == "present") == (chance > 0.5)


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [("absent", "present", "new"), ("present", "absent", "resolved"), ("present", "present", None),
     ("absent", "absent", None), ("uncertain", "present", None)],
)  # fmt: skip
def test_change_is_said_only_where_it_was_seen_to_come_or_go(then: str, now: str, change: str | None) -> None:
    before = interpret.Reading(
        Study("a", "p", images=(film(),), findings=(Finding("atelectasis", then),))  # type: ignore[arg-type]
    )
    findings = [Finding("atelectasis", now), Finding("lung mass")]  # type: ignore[arg-type]
    compared, other = interpret._compared(findings, before)
    assert compared.change == change
    assert compared.attributes["prior"] == then
    assert other is findings[1]  # the prior said nothing of it
    assert interpret._compared(findings, None) == tuple(findings)


def test_not_assessed_is_what_no_film_allowed() -> None:
    parts = [{"a": "few", "b": "lateral"}, {"b": "other", "c": "few"}, {"b": "x", "a": "y"}]
    assert interpret._not_assessed(parts) == (("b", "lateral"),)
    assert interpret._not_assessed([{"a": "few"}]) == (("a", "few"),)


@pytest.mark.parametrize(
    ("stated", "seen", "chance", "said"),
    [("PA", "lateral", 0.99, True), ("PA", "AP", 0.99, False), ("LL", "PA", 0.95, True), ("LL", "PA", 0.5, False),
     ("unknown", "lateral", 0.99, False), ("LL", "lateral", 0.99, False)],
)  # fmt: skip
def test_a_view_is_doubted_only_where_frontal_and_lateral_are_at_odds(
    stated: str, seen: str, chance: float, said: bool
) -> None:
    result = SimpleNamespace(chest=True, view=seen, view_probability=chance)
    assert bool(view_notes(film(view=stated), result)) == said  # type: ignore[arg-type]
    assert view_notes(film(view=stated), SimpleNamespace(chest=False)) == []  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda t: t.replace(microsecond=0)))
def test_days_and_times_of_day_are_read_in_either_writing(time: datetime) -> None:
    for day in (time.strftime("%Y%m%d"), time.date().isoformat()):
        for clock in (time.strftime("%H%M%S"), time.strftime("%H:%M:%S"), time.strftime("%H%M%S.250")):
            assert lunguage._when(day, clock) == time
        assert lunguage._when(day, "") == time.replace(hour=0, minute=0, second=0)
    assert lunguage._when(time.isoformat(" "), "") == time


@pytest.mark.parametrize(("day", "clock"), [("31.01.2020", ""), ("20201331", ""), ("2020-01-31", "250000")])
def test_what_is_no_date_is_said_as_it_stands(day: str, clock: str) -> None:
    with pytest.raises(InputError, match=f"'{day}' '{clock}' is no date such as 2020-01-31"):
        lunguage._when(day, clock)


def test_columns_are_found_whatever_their_case_and_a_missing_one_names_the_nearest() -> None:
    found = lunguage._named((" Subject_ID", "STUDY_ID", "StudyDate", "Report"), {}, "f.csv")
    assert found == {"patient": " Subject_ID", "study": "STUDY_ID", "date": "StudyDate", "report": "Report"}
    assert lunguage._named(("pid", "id", "date", "text"), {"patient": "PID"}, "f.csv")["patient"] == "pid"
    with pytest.raises(InputError, match=r"'f\.csv' has no column for the patient .*; the nearest: subjectid"):
        lunguage._named(("subjectid", "id", "date", "text"), {}, "f.csv")
    with pytest.raises(InputError, match=r"'f\.csv' has no column with text"):
        lunguage._named(("subject_id", "id", "date", "words"), {}, "f.csv")
    with pytest.raises(InputError, match="no column for the time"):
        lunguage._named(("subject_id", "id", "date", "text"), {"time": "clock"}, "f.csv")


def test_a_row_without_patient_or_words_is_said_and_a_whole_report_comes_before_its_parts() -> None:
    cells = {"patient": "p", "study": "s", "date": "20200131", "findings": "Effusion."}
    patient, visit = lunguage._visit(cells)
    assert (patient, visit.study_id, visit.time) == ("p", "s", datetime(2020, 1, 31))
    assert lunguage._visit({**cells, "report": "Clear."})[1].parsed.text == parse("Clear.").text
    with pytest.raises(InputError, match="names no patient or no study"):
        lunguage._visit({**cells, "patient": " "})
    with pytest.raises(InputError, match="the report of study 's' is empty"):
        lunguage._visit({**cells, "findings": ""})


def metadata(
    root: Path, rows: list[list[str]], *, packed: bool = False, head: tuple[str, ...] = imagenome.COLUMNS
) -> None:
    path = root / (imagenome.METADATA + (".gz" if packed else ""))
    with gzip.open(path, "wt", newline="") if packed else path.open("w", newline="") as stream:
        csv.writer(stream).writerows([list(head), *rows])


@pytest.mark.parametrize("packed", [False, True])
def test_frontal_films_are_read_with_their_time_in_six_digits(tmp_path: Path, packed: bool) -> None:
    metadata(tmp_path, [["i1", "10", "5", "PA", "20200131", "81500.25"], ["i2", "10", "5", "LATERAL", "20200131", "1"],
                        ["i3", "11", "6", "AP", "20200201", "235959"]], packed=packed)  # fmt: skip
    films = list(imagenome._films(tmp_path))
    assert [(each.image, each.when, each.view) for each in films] == [
        ("i1", "20200131 081500", "PA"), ("i3", "20200201 235959", "AP"),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"study 5 has no report at 'files/p10/p10/s5\.txt'"):
        imagenome._report(tmp_path, films[0])


@pytest.mark.parametrize("bad", ["../up", "a/b", "", "a b"])
def test_ids_that_could_leave_the_folder_are_refused(tmp_path: Path, bad: str) -> None:
    metadata(tmp_path, [[bad, "10", "5", "PA", "20200131", "0"]])
    with pytest.raises(InputError, match="are no ids of letters and digits"):
        list(imagenome._films(tmp_path))
    metadata(tmp_path, [], head=imagenome.COLUMNS[:-1])
    with pytest.raises(InputError, match="lacks the column 'StudyTime'"):
        list(imagenome._films(tmp_path))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""), ({"auroc": "0.9"}, ""), ({"auroc": True}, ""), ({"auroc": 0.9}, "AUROC 0.90"),
        ({"auroc": 0.9, "interval": [0.8, 0.95], "n": 40, "positives": 9, "source": "films"},
         "AUROC 0.90 (95\u00a0% interval 0.80–0.95, n\u00a0=\u00a040, 9\u00a0positive, films)"),
        ({"auroc": 0.9, "interval": [0.8]}, "AUROC 0.90"),
    ],
)  # fmt: skip
def test_a_figure_tells_what_the_card_has_and_nothing_else(facts: dict[str, object], said: str) -> None:
    assert page_findings._figure(facts) == said


def test_skills_are_read_from_what_is_a_card_and_thresholds_lie_between_nought_and_one() -> None:
    card = {"findings": {"a": {"threshold": [0.2, 0.7, 3.0]}, "b": {"threshold": 0.4, "auroc": 0.8}, "c": "words"}}
    found = page_findings.skills(card)
    assert found["a"].thresholds == (0.2, 0.7)
    assert (found["b"].thresholds, "AUROC 0.80" in found["b"].sentence) == ((0.4,), True)
    assert set(found) == {"a", "b"}
    assert page_findings.skills({}) == page_findings.skills({"findings": [1]}) == {}
    worse = {"auroc": 0.9, "control": {"auroc": 0.6, "source": "hard films"}}
    assert page_findings._skill(worse) == "AUROC 0.90; control: AUROC 0.60 (hard films)"


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1))
def test_a_percentage_claims_certainty_only_where_there_is_one(chance: float) -> None:
    shown = page_findings.percent(chance)
    assert (shown in ("0 %", "100 %")) == (chance in (0.0, 1.0))


@settings(max_examples=15, deadline=None)
@given(st.integers(10, 120), st.integers(10, 120), st.integers(8, 64))
def test_a_picture_is_no_longer_than_asked_and_keeps_its_shape(height: int, width: int, side: int) -> None:
    shown = page_film._grey(Image(np.zeros((height, width), np.float32), Window(0.5, 1.0, "LINEAR_EXACT")), side)
    assert max(shown.size) == min(side, max(height, width))
    ratio = min(1.0, side / max(height, width))
    assert abs(shown.size[0] - width * ratio) <= 0.5 + 1e-9
    assert abs(shown.size[1] - height * ratio) <= 0.5 + 1e-9


def test_a_jpeg_gives_up_quality_and_then_size_to_keep_its_limit(draw: np.random.Generator) -> None:
    noise = Picture.fromarray(draw.integers(0, 256, (90, 120)).astype(np.uint8))
    for limit in (50_000, 4_000, 1_500):
        made = page_film._jpeg(noise, limit)
        assert len(made) <= limit
        with Picture.open(BytesIO(made)) as opened:
            assert opened.size[0] <= 120
    assert Picture.open(BytesIO(page_film._jpeg(noise, 1_500))).size[0] < 120


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"side": "both"}, "no side 'both'; it takes right, left"),
     ({"site": "upper"}, "no site 'upper'; it takes no site"), ({"kind": "old"}, "no kind 'old'; it takes new")],
)  # fmt: skip
def test_a_plan_that_a_pathology_does_not_know_is_refused_with_what_it_takes(wrong: dict[str, str], said: str) -> None:
    entry = Pathology("atelectasis", 1, "", None, sides=("right", "left"), kinds=("new",))  # type: ignore[arg-type]
    entry.check(Plan("k", "atelectasis", 0.5, side="left", kind="new"))
    with pytest.raises(InputError, match=f"'k': atelectasis has {said}"):
        entry.check(Plan("k", "atelectasis", 0.5, **wrong))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 2))
def test_a_threshold_is_reached_or_exceeded_as_the_entry_says(value: float) -> None:
    held = {"measure": "ctr", "least": 0.5, "by_view": {"AP": 0.55}}
    at, above = (Pathology("cardiomegaly", 1, "", None, above=strict, **held) for strict in (False, True))  # type: ignore[arg-type]
    for view, least in (("PA", 0.5), ("AP", 0.55), ("LL", 0.5)):
        assert at.labelled({"ctr": value}, view) == (value >= least)
        assert above.labelled({"ctr": value}, view) == (value > least)
    assert Pathology("cardiomegaly", 1, "", None).labelled({})  # type: ignore[arg-type]
    assert not at.labelled({})


@pytest.mark.parametrize("severity", [-0.01, 1.01, float("nan")])
def test_a_severity_out_of_range_is_refused_by_its_key(severity: float) -> None:
    with pytest.raises(InputError, match=r"the severity of 'k' must lie in \[0, 1\]"):
        Plan("k", "atelectasis", severity)


def test_weight_follows_from_height_and_bmi() -> None:
    assert Person("male", 50, 180, 25).weight_kg == pytest.approx(81.0)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_sign_is_drawn_by_seed_and_names_and_has_a_grade(concept: str) -> None:
    from hilum.phantom.anatomy import draw_chest

    chest = draw_chest(1, "p")
    one = draw_sign(concept, chest, 3, "p")
    assert one == draw_sign(concept, chest, 3, "p")
    assert one.side in ((0,) if concept == "cardiomegaly" else (-1, 1))
    assert 0.05 <= one.severity <= 1
    assert one.grade == ("mild", "moderate", "severe")[min(int(3 * one.severity), 2)]
    assert 0.53 <= enlarged(chest, one.severity).ctr <= 0.68
    with pytest.raises(InputError, match="'scoliosis' cannot be drawn: choose from cardiomegaly"):
        draw_sign("scoliosis", chest, 3)
    assert Sign(concept, 1, 1.0).grade == "severe"


def test_every_rule_of_a_wrong_tip_is_about_a_device_whose_tip_is_told() -> None:
    table = story_table()
    for device, rule in table["malpositions"].items():
        assert device in table["tip devices"]
        if "least mm" in rule:
            assert 0 <= rule["least mm"] < rule["most mm"]
        for site in rule.get("wrong", ()):
            assert is_misplaced(Finding(device, sites=(site,)))
        assert not is_misplaced(Finding(device, "absent", sites=tuple(rule.get("wrong", ()))[:1]))
    assert Tip().site == ""
