"""Small parts of the app: cards counted by hand, settings read from text, ids against a set, dates, words, SVG."""

from __future__ import annotations

import io
import json
from datetime import datetime
from inspect import Parameter, signature
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.app import claims, draw_card, label_explain, label_timeline, outline, project_labels, project_settings
from hilum.app.label_ids import Ids, Met, Written, key_of, text_key
from hilum.app.label_layouts import _decimal, _normal, _present, _state, layout
from hilum.app.label_rows import CELLS, Reading, as_row, fact_row, filled
from hilum.app.report_row import Row, near
from hilum.app.score_command import examples, writable
from hilum.app.score_show import interval
from hilum.app.steps import Steps
from hilum.core.errors import InputError, MissingError
from hilum.core.vocabulary import label_set
from hilum.measure.claim import Claim, judge, verdict
from hilum.measure.scored import averaged
from hilum.measure.stats import Interval
from hilum.measure.verdict import Verdict
from hilum.text.labels import label

NAN = float("nan")


def study(number: int, patient: str, *findings: tuple[str, bool, str, str], **changes: Any) -> dict[str, Any]:
    held = {
        "id": f"{patient}-{number}", "patient": patient, "split": "train", "family": "parametric", "sex": "female",
        "age_years": 50.0, "bmi": 25.0, "views": ["PA"], "words": 10 * number, "measures": {"ctr": 0.4},
    }  # fmt: skip
    told = [{"concept": c, "visible": v, "severity": s, "change": d} for c, v, s, d in findings]
    return {**held, "findings": told, **changes}


ROWS = [
    study(1, "a", ("pleural effusion", True, "mild", "")),
    study(2, "a", ("pleural effusion", False, "mild", "improved"), ("pacemaker", True, "", "unchanged")),
    study(1, "b", split="test", sex="male", age_years=70.0, views=["PA", "LL"], measures={"ctr": None}),
]


def test_a_card_counts_studies_and_patients_apart() -> None:
    made = draw_card.card(ROWS)
    assert (made["studies"], made["patients"], made["without_finding"]) == (3, 2, 1)
    assert made["splits"] == {"train": {"patients": 1, "studies": 2}, "test": {"patients": 1, "studies": 1}}
    assert made["sex"] == {"female": 1, "male": 1}  # of patients, not of studies
    assert made["visits"] == {"1": 1, "2": 1}
    assert made["views"] == {"PA": 2, "PA+LL": 1}
    assert made["concepts"]["pleural effusion"] == {
        "present": 2, "visible": 1, "severity": {"mild": 2}, "change": {"no prior": 1, "improved": 1},
    }  # fmt: skip
    assert made["concepts"]["pacemaker"]["severity"] == {"not graded": 1}
    assert list(made["concepts"]) == ["pleural effusion", "pacemaker"]  # the commonest first
    assert made["person"]["age_years"]["mean"] == 60.0
    assert made["measures"]["ctr"]["n"] == 2
    json.dumps(made, allow_nan=False)


def test_a_card_of_nothing_is_a_card() -> None:
    made = draw_card.card([])
    assert (made["studies"], made["patients"], made["concepts"], made["words"]) == (0, 0, {}, {})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_a_spread_is_numpys_and_what_is_missing_takes_no_part(values: list[float]) -> None:
    made = draw_card.spread_of([*values, NAN, None])  # type: ignore[list-item]
    assert made["n"] == len(values)
    assert made["mean"] == pytest.approx(np.mean(values), abs=1e-3)
    assert made["sd"] == pytest.approx(np.std(values), abs=1e-3)
    assert made["median"] == pytest.approx(np.median(values), abs=1e-3)
    assert made["p5"] <= made["median"] <= made["p95"]
    assert draw_card.spread_of([NAN]) == {}


def test_a_readme_has_a_row_for_each_finding_and_its_descent_where_there_is_one() -> None:
    told = {"recipe": {"seed": 3}, "hilum": "1", "licence": "free", "citation": "us", "behind_it": ""}
    plain = draw_card._readme(told, draw_card.card(ROWS))
    assert "| pleural effusion | 2 | 1 |" in plain
    assert "seed 3" in plain
    assert "descend from" not in plain
    assert "descend from a CT" in draw_card._readme({**told, "behind_it": "a CT"}, draw_card.card(ROWS))
    assert draw_card._told({"a": 1, "b": 3}) == "b 3, a 1"


@pytest.mark.parametrize(
    ("text", "default", "read"),
    [
        ("yes", False, True),
        ("0", True, False),
        ("7", 3, 7),
        ("2.5", 1.0, 2.5),
        ("words", "x", "words"),
        ("4", None, "4"),
    ],
)
def test_a_choice_is_read_by_the_type_of_its_default(text: str, default: object, read: object) -> None:
    assert claims._typed("key", text, default) == read


def test_a_choice_that_is_no_number_is_said_with_its_type() -> None:
    with pytest.raises(InputError, match="the choice 'steps' is a int, got 'many'"):
        claims._typed("steps", "many", 5)


def test_a_recipe_gets_only_what_it_takes() -> None:
    def plain(*, seed: int = 0, steps: int = 5) -> Verdict:
        raise AssertionError

    def needy(data: Path) -> Verdict:
        raise AssertionError

    def keeping(out: Path, *, seed: int = 0) -> Verdict:
        raise AssertionError

    root, out, say = Path("somewhere"), Path("run"), claims._silent
    assert claims._arguments("s", plain, root, out, 4, {"steps": "9"}, say) == {"seed": 4, "steps": 9}
    assert claims._arguments("s", needy, root, out, 4, {}, say) == {"data": root}
    assert claims._arguments("s", keeping, root, out, 4, {}, say) == {"out": out, "seed": 4}
    with pytest.raises(MissingError, match="judging 's' needs its data"):
        claims._arguments("s", needy, None, out, 4, {}, say)
    with pytest.raises(InputError, match="'s' has no choice 'depth': it has steps"):
        claims._arguments("s", plain, root, out, 4, {"depth": "9"}, say)
    with pytest.raises(InputError, match="it has none"):
        claims._arguments("s", needy, root, out, 4, {"depth": "9"}, say)


def test_other_data_has_another_fingerprint_and_a_name_of_the_folder_makes_none(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "part").mkdir(parents=True)
        (tmp_path / name / "part" / "x.csv").write_text("12")
    one, two = claims._fingerprint(tmp_path / "a"), claims._fingerprint(tmp_path / "b")
    assert one == two is not None
    (tmp_path / "b" / "part" / "x.csv").write_text("123")
    assert claims._fingerprint(tmp_path / "b") != one
    assert claims._fingerprint(None) is claims._fingerprint(tmp_path / "none") is None


def test_every_outcome_has_a_next_step_and_a_code_of_its_own() -> None:
    steps = {claims.next_step(Verdict("c", outcome, ("shown",)), "s") for outcome in claims.EXIT_CODES}  # type: ignore[arg-type]
    assert len(steps) == len(set(claims.EXIT_CODES.values())) == 3


def test_a_claim_that_wants_more_trainings_is_not_told_to_bring_data() -> None:
    claim = Claim("better", "a", "b", "f1")
    scored = averaged("f1", np.array([1.0, 0.0, 1.0]), "f1")
    part = judge(claim, {"a": [scored], "b": [scored]}, ["p", "q", "r"])
    assert claims.next_step(verdict("better", [part]), "libra") == (
        "This was a quick look: judge 'libra' without --set seeds, or with --set seeds=3."
    )


def test_listed_claims_say_whether_data_is_needed_as_their_recipes_do() -> None:
    from hilum.core.registry import get

    for row in claims.claims():
        recipe = getattr(get("system", row["system"]), "reproduce", None)
        assert row["can_be_judged"] == (recipe is not None)
        if recipe is not None:
            given_ = [p for name, p in signature(recipe).parameters.items() if name in ("data", "root")]
            assert row["takes_data"] == bool(given_)
            assert row["needs_data"] == any(p.default is Parameter.empty for p in given_)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=6), max_size=120))
def test_a_table_of_hashes_is_a_set_however_often_it_grows(names: list[str]) -> None:
    ids, known = Ids(), dict[int, int]()
    for number, name in enumerate(names):
        key = key_of(name)
        assert ids.add(key, number) == (key not in known)
        known.setdefault(key, number)
    assert len(ids) == len(known)
    assert all(key in ids and ids.value(key) == value for key, value in known.items())
    assert key_of("no such name among these") not in ids


def test_taking_another_table_leaves_the_union() -> None:
    small, large = Ids(), Ids()
    for n in range(5):
        small.add(key_of(f"s{n}"), n)
    for n in range(500):
        large.add(key_of(f"l{n}"), n)
    small.take(large)
    assert len(small) == 505
    assert all(key_of(f"l{n}") in small for n in range(500))
    assert small.value(key_of("s3")) == 3


def test_a_report_met_again_is_told_from_another_under_its_id() -> None:
    met = Met()
    assert met.fate("1", failed=False, text="Clear.") == "new"
    assert met.fate("1", failed=False, text="Clear.") == "again"
    met.next_file()
    assert met.fate("1", failed=False, text={"findings": "Clear."}) == "elsewhere"
    assert met.fate("1", failed=False, text="Effusion.") == "other"
    assert met.fate("2", failed=True) == "new"
    met.next_file()
    assert met.fate("2", failed=True) == "elsewhere"
    assert met.fate("2", failed=False, text="At last.") == "new"  # the first that could be read wins
    assert text_key("a  b\nc") == text_key({"findings": "a b", "impression": "c"})


def test_written_rows_are_taken_as_often_as_they_were_written() -> None:
    rows = Written()
    for name in ("a", "b", "a"):
        rows.add(name)
    assert [rows.take(name) for name in ("a", "a", "a", "b", "b", "c")] == [True, True, False, True, False, False]


@settings(max_examples=40, deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0)))
def test_a_moment_is_the_same_in_iso_and_as_dicom_writes_it(time: datetime) -> None:
    for said in (time.isoformat(), time.strftime("%Y%m%d%H%M%S"), time.strftime("%Y%m%d %H%M%S"), f"{time}Z"):
        assert label_timeline.moment(said, "r") == time
    assert label_timeline.moment(time.strftime("%Y%m%d"), "r") == time.replace(hour=0, minute=0, second=0)


def test_zones_are_brought_to_one_clock_and_lost_zeros_are_given_back() -> None:
    assert label_timeline.moment("2024-01-31T01:00:00+02:00", "r") == datetime(2024, 1, 30, 23)
    assert label_timeline.moment("20240131 93000", "r") == datetime(2024, 1, 31, 9, 30)
    assert label_timeline.moment("20240131 3000.5", "r") == datetime(2024, 1, 31, 0, 30)


@pytest.mark.parametrize("said", ["01/02/2024", "yesterday", "20241331", "2024-02-30", ""])
def test_a_date_that_could_be_another_is_refused_with_what_to_give(said: str) -> None:
    with pytest.raises(InputError, match=r"report 'r' has .* give dates as 2024-01-31"):
        label_timeline.moment(said, "r")


TEXTS = (
    "Small left pleural effusion. No pneumothorax. Possible pneumonia in the right base.",
    "The heart is not enlarged; effusion cannot be excluded.",
    "Clear lungs.",
)


@pytest.mark.parametrize("text", TEXTS)
def test_marked_pieces_joined_are_the_sentence_and_findings_keep_their_state(text: str) -> None:
    labels = label(text)
    whole = labels.parsed.text
    for (start, end), facts in label_explain.by_sentence(labels.findings).items():
        pieces = label_explain.marked(whole, start, end, [fact for _, fact in facts])
        assert "".join(piece.text for piece in pieces) == whole[start:end]
        assert all(piece.text for piece in pieces)
        for _, fact in facts:
            assert any(piece.style == fact.state for piece in pieces)
    assert len(label_explain.opening(labels)) >= 2
    assert label_explain.Piece("x", "cue").plain == "‹x›"
    assert label_explain.Piece("x", "absent").plain == "«x»"


@pytest.mark.parametrize("text", TEXTS)
def test_a_row_says_what_the_labels_say_and_its_spans_are_its_words(text: str) -> None:
    labels = label(text)
    row = as_row("r", labels, Reading())
    assert row["labels"] == {name: CELLS[state] for name, state in labels.states.items()}
    for fact in row["findings"]:
        start, end = fact["span"]
        assert labels.parsed.text[start:end] == fact["text"]
    assert row["findings"] == [fact_row(fact, labels.parsed.text) for fact in labels.parsed.facts]
    assert "findings" not in as_row("r", labels, Reading(lean=True))
    assert json.loads(json.dumps(row)) == row


def test_a_structured_row_keeps_what_it_holds() -> None:
    from hilum.text.parse import parse
    from hilum.text.structure import structure

    (row, *_) = structure(parse("Small left pleural effusion."))
    kept = filled(row)
    assert kept
    assert all(value not in ("", (), -1) for value in kept.values())
    assert all(getattr(row, name) == value for name, value in kept.items())


@pytest.mark.parametrize(("value", "state", "decimal"), [(1, "present", "1.0"), (0, "absent", "0.0"),
                                                         (-1, "uncertain", "-1.0"), (None, None, "")])  # fmt: skip
def test_cells_are_written_as_states_and_as_decimals(value: int | None, state: str | None, decimal: str) -> None:
    assert (_state(value), _decimal(value)) == (state, decimal)


def test_only_present_labels_are_listed_and_doubt_is_not_normal() -> None:
    labels = label_set("nih-14").labels
    row = {"id": "r", "labels": {labels[0]: 1, labels[1]: -1, labels[2]: 0}}
    assert _present(row, labels) == [labels[0]]
    assert _normal(row) == []
    assert _normal({"labels": {labels[2]: 0}}) == ["normal"]
    head, line = layout("nih-14")
    assert dict(zip(head, line({**row, "labels": {}}), strict=True))["Finding Labels"] == "No Finding"


@pytest.mark.parametrize(("text", "size"), [("1024", (1024, 1024)), ("1024x800", (1024, 800)), ("64×32", (64, 32))])
def test_a_size_is_rows_by_columns(text: str, size: tuple[int, int]) -> None:
    assert project_settings.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1x2x3", "big", "-4", "1.5", "12x"])
def test_a_size_that_is_none_is_refused_as_it_was_given(text: str) -> None:
    with pytest.raises(InputError, match="--size takes 1024, or ROWSxCOLUMNS"):
        project_settings.parse_size(text)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=5))
def test_numbers_in_a_list_come_back(numbers: list[float]) -> None:
    text = ",".join(map(repr, numbers))
    assert project_settings.parse_numbers(text, len(numbers), "--at") == tuple(numbers)
    with pytest.raises(InputError, match=f"--at takes {len(numbers) + 1} numbers"):
        project_settings.parse_numbers(text, len(numbers) + 1, "--at")


def test_lists_drop_blanks_and_words_stand_once() -> None:
    assert project_settings.listed(" a, b,,a ") == ("a", "b", "a")
    assert project_settings.words(" a, b,,a ") == ("a", "b")
    for text in ("nan,1", "inf,1", "1e9,1", "x,1"):
        with pytest.raises(InputError, match="takes 2 numbers"):
            project_settings.parse_numbers(text, 2, "--at")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_a_coarse_cell_is_inside_where_half_of_its_pixels_are(seed: int, step: int) -> None:
    mask = np.random.default_rng(seed).random((23, 17)) < 0.5
    made = outline._coarse(mask, step)
    assert made.shape == (-(-23 // step), -(-17 // step))
    for row in range(made.shape[0]):
        for column in range(made.shape[1]):
            block = mask[row * step : (row + 1) * step, column * step : (column + 1) * step]
            assert made[row, column] == (2 * block.sum() >= step * step)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 3.0))
def test_a_simplified_ring_strays_no_further_than_it_may(seed: int, tolerance: float) -> None:
    draw = np.random.default_rng(seed)
    angle = np.sort(draw.uniform(0, 2 * np.pi, 60))
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * draw.uniform(8, 12, (60, 1))
    made = outline._simplify(ring, tolerance)
    assert {tuple(point) for point in made} <= {tuple(point) for point in ring}
    ends = np.roll(made, -1, axis=0)
    for point in ring:  # to the nearest of the sides, by projection onto each
        side, offset = ends - made, point - made
        share = np.clip((side * offset).sum(axis=1) / np.maximum((side**2).sum(axis=1), 1e-12), 0, 1)
        assert np.hypot(*(offset - share[:, None] * side).T).min() <= tolerance + 1e-9
    assert len(outline._simplify(ring, 100.0)) == 2


def test_a_border_that_turns_back_beyond_its_chord_keeps_its_end() -> None:
    # (0.1, -5) lies near the line through the first and the farthest corner, but 5 before its beginning
    spike = np.array([[0.0, 0], [0.1, -5], [0.2, 0], [0.3, 10], [0, 20], [-5, 10]])
    assert [0.1, -5.0] in outline._simplify(spike, 1.0).tolist()


def test_the_nearest_name_is_given_where_one_is_near() -> None:
    assert near("findngs", ["id", "findings"]) == " (the nearest is 'findings')"
    assert near("zzz", ["id", "findings"]) == ""
    assert Row("r") == Row("r", "")


def test_an_interval_says_what_it_lacks() -> None:
    assert interval(Interval(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
    assert interval(Interval(0.5, NAN, NAN)) == "0.500 [interval undefined]"
    assert interval(Interval(NAN, NAN, NAN)) == "undefined"


def test_a_place_to_write_is_looked_at_before_work_begins(tmp_path: Path) -> None:
    writable(tmp_path / "new" / "deeper")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file: name a folder"):
        writable(tmp_path / "file")
    with pytest.raises(InputError, match="cannot write in"):
        writable(tmp_path / "file" / "below")
    assert all(path.is_file() for path in examples())


def test_off_a_terminal_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = io.StringIO()
    monkeypatch.setattr("sys.stderr", silent)
    with Steps("scoring") as steps:
        steps.step("bleu", 1, 2)
    assert silent.getvalue() == ""


def test_the_picture_of_an_exposure_has_letters_box_and_beam_at_both_panels() -> None:
    pytest.importorskip("numba")
    from hilum.app.project_geometry import geometry_picture
    from hilum.drr.geometry import aim

    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    geometry = aim(
        affine, (40, 30, 50), view="PA", detector=(32, 32), pitch_mm=(12.0, 12.0), source_isocentre_mm=1500.0
    )
    root = ElementTree.fromstring(geometry_picture(geometry, affine, (40, 30, 50)))
    panels = [each for each in root if each.tag.endswith("}g")]
    assert len(panels) == 2
    for panel in panels:
        kinds = [each.get("class") for each in panel if each.tag.endswith("}line")]
        assert (kinds.count("b"), kinds.count("r"), kinds.count("d")) == (12, 4, 4)  # edges of the CT, beam, detector
    words = " ".join("".join(each.itertext()) for each in root.iter() if each.tag.endswith("}text"))
    assert f"magnification {geometry.magnification:.3f}" in words
    assert "384 x 384 mm" in words


def test_a_label_of_a_side_keeps_that_side_and_an_unknown_one_lists_what_there_is() -> None:
    from hilum.drr.field import Structures

    names = {1: "rib_left_1", 2: "rib_right_1", 3: "vertebrae_T5", 4: "heart"}
    ids = np.zeros((4, 4, 4), np.uint8)
    ids[0, 0], ids[1, 1], ids[2, 2] = 1, 2, 3
    layer = Structures(ids, np.eye(4), names)
    present = [[1, 2, 3]]
    assert project_labels._members("right rib", (layer,), present) == ((0, (2,)),)
    assert project_labels._members("rib", (layer,), present) == ((0, (1, 2)),)
    assert project_labels._members("spine", (layer,), present) == ((0, (3,)),)
    assert project_labels._members("heart", (layer,), present) == ()  # named, but not in this CT
    said = project_labels._unknown("tail", (layer,), present)
    assert (
        said == "--labels: no structure is named 'tail'; this CT has rib_left_1, rib_right_1, vertebrae_T5; all, paxray"
    )
