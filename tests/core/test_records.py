"""Regions, findings, studies, cohorts: identities of sets, and records that compare, hash and travel as values."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hilum.core import errors
from hilum.core.check import Verdict, check, example_studies
from hilum.core.cohort import Cohort
from hilum.core.equality import ArrayRecord, FrozenDict, read_only, same
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.core.finding import Finding, Measurement, Span
from hilum.core.image import Image, MadeBy
from hilum.core.record import from_json, to_json
from hilum.core.region import Box, Mask, Points
from hilum.core.registry import Entry, Registry, listing, locate, register
from hilum.core.report import SECTIONS, Question, Report, Sentence
from hilum.core.seed import generator
from hilum.core.study import HIDEABLE, Provenance, Study, order_by_time

DAY = datetime(2024, 3, 1, 12)
corner = st.floats(-100, 100, width=16)
side = st.floats(0.5, 50, width=16)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, side, side)
names = st.text("abcdef", min_size=1, max_size=4)


# -- boxes and masks --------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(boxes, boxes, corner, corner)
def test_overlap_is_symmetric_bounded_and_moves_along(one: Box, two: Box, dx: float, dy: float) -> None:
    assert one.intersection(two) == two.intersection(one)
    assert one.iou(two) == pytest.approx(two.iou(one))
    assert 0 <= one.iou(two) <= min(one.iobb(two), two.iobb(one)) + 1e-9 <= 1 + 2e-9
    assert one.iou(one) == pytest.approx(1.0)
    moved = [replace(b, x0=b.x0 + dx, x1=b.x1 + dx, y0=b.y0 + dy, y1=b.y1 + dy) for b in (one, two)]
    assert moved[0].iou(moved[1]) == pytest.approx(one.iou(two), abs=1e-6)
    doubled = [Box(*(2 * v for v in b.corners)) for b in (one, two)]
    assert doubled[0].intersection(doubled[1]) == pytest.approx(4 * one.intersection(two))


@settings(max_examples=40, deadline=None)
@given(boxes)
def test_a_box_in_quarters_is_whole(box: Box) -> None:
    x, y = box.center
    quarters = [
        Box(a, b, c, d) for a, c in ((box.x0, x), (x, box.x1)) for b, d in ((box.y0, y), (y, box.y1))
    ]  # fmt: skip
    assert sum(part.area for part in quarters) == pytest.approx(box.area)
    assert sum(part.iou(box) for part in quarters) == pytest.approx(1.0)
    assert all(part.iobb(box) == pytest.approx(1.0) for part in quarters)
    assert quarters[0].intersection(quarters[3]) == 0.0  # they touch at the centre only


@settings(max_examples=40, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_a_masks_box_is_the_smallest_that_holds_it(pixels: np.ndarray) -> None:
    mask = Mask(pixels, image="i", label="lung")
    box = mask.box()
    assert mask.area == int(pixels.sum())
    if box is None:
        assert not pixels.any()
        return
    inside = np.zeros_like(pixels)
    inside[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    assert (pixels <= inside).all()
    assert box.image == "i"
    for line in (pixels[int(box.y0)], pixels[int(box.y1) - 1], pixels[:, int(box.x0)], pixels[:, int(box.x1) - 1]):
        assert line.any()
    mirrored = Mask(pixels[:, ::-1]).box()
    assert mirrored is not None
    assert (mirrored.x0, mirrored.x1) == (pixels.shape[1] - box.x1, pixels.shape[1] - box.x0)


def test_regions_are_values_that_cannot_be_written_through() -> None:
    given_pixels = np.eye(3, dtype=bool)
    mask, points = Mask(given_pixels), Points(np.zeros((2, 2)))
    for array in (mask.pixels, points.xy):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert Mask(np.eye(3)) == mask
    assert Mask(np.eye(3, dtype=bool), label="x") != mask
    assert Points(np.zeros((2, 2)), closed=True) != points
    assert len({mask, Mask(np.eye(3, dtype=bool))}) == 1


# -- equality ---------------------------------------------------------------------------------------------------------


class Other(ArrayRecord):
    pass


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True), (np.array([1.0]), np.array([1.0, 1.0]), False),
        (np.array([1]), np.array([1.0]), False), (np.array([1.0]), [1.0], False), ("a", "a", True), (1, 2, False),
        ((np.array([1.0]), "x"), (np.array([1.0]), "x"), True), ((1, 2), (1, 2, 3), False),
        ((np.array([1.0]),), (np.array([2.0]),), False), (np.array(["a"]), np.array(["a"]), True),
    ],
)  # fmt: skip
def test_values_are_the_same_element_by_element(left: object, right: object, equal: bool) -> None:
    assert same(left, right) is equal
    assert same(right, left) is equal


def test_records_of_another_type_are_never_equal() -> None:
    assert Mask(np.eye(2, dtype=bool)) != Other()
    assert Mask(np.eye(2, dtype=bool)).__eq__(5) is NotImplemented


def test_a_view_cannot_be_written_and_its_source_can() -> None:
    source = np.zeros(3)
    view = read_only(source)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0
    source[0] = 2.0
    assert view[0] == 2.0  # a view, not a copy


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(names, names, max_size=4))
def test_frozen_text_travels_and_is_never_changed(content: dict[str, str]) -> None:
    frozen = FrozenDict(content)
    assert frozen == content
    assert hash(frozen) == hash(FrozenDict(reversed(content.items())))
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert copy.deepcopy(frozen) == frozen
    changes = [
        lambda: frozen.update(a="b"), lambda: frozen.pop("a"), frozen.clear, frozen.popitem,
        lambda: frozen.setdefault("a", "b"), lambda: frozen.__setitem__("a", "b"), lambda: frozen.__delitem__("a"),
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(TypeError, match="make a new record"):
            change()
    assert frozen == content


# -- errors -----------------------------------------------------------------------------------------------------------


def test_every_error_is_hilums_and_has_a_code_for_the_shell() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HilumError)]
    codes = {kind.__name__: kind.exit_code for kind in kinds}
    assert codes["MissingError"] == 2
    assert codes["ClaimFailedError"] == 3
    assert all(code == 1 for name, code in codes.items() if name not in ("MissingError", "ClaimFailedError"))
    assert all(issubclass(kind, InputError) for kind in kinds if kind.__name__ in
               ("DecodeError", "TooLargeError", "UnsafeArchiveError", "RefusedError"))  # fmt: skip


# -- seeds ------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**40), st.lists(st.one_of(names, st.integers(0, 99)), max_size=3))
def test_a_stream_is_its_seed_and_its_names(seed: int, path: list[str | int]) -> None:
    one = generator(seed, *path).random(4)
    assert np.array_equal(one, generator(seed, *path).random(4))
    assert not np.array_equal(one, generator(seed, *path, "more").random(4))
    assert not np.array_equal(one, generator(seed + 1, *path).random(4))


def test_names_are_not_run_together() -> None:
    assert not np.array_equal(generator(1, "ab", "c").random(3), generator(1, "a", "bc").random(3))
    assert np.array_equal(generator(1, 7).random(3), generator(1, "7").random(3))


def test_streams_are_even_and_unrelated() -> None:
    drawn = np.stack([generator(3, "stream", n).random(200) for n in range(40)])
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.corrcoef(drawn) - np.eye(40)).max() < 0.35


# -- findings and reports ---------------------------------------------------------------------------------------------


def test_a_finding_keeps_its_signer_and_takes_lists() -> None:
    box = Box(0, 0, 1, 1)
    finding = Finding("nodule", sites=["right lung"], regions=[box], because_of=["f0"], measurements=[  # type: ignore[arg-type]
        Measurement("diameter", 8.0, "mm")])  # fmt: skip
    assert (finding.sites, finding.regions, finding.because_of) == (("right lung",), (box,), ("f0",))
    signed = finding.signed(MadeBy("a"))
    assert signed.made_by == MadeBy("a")
    assert signed.signed(MadeBy("b")) is signed
    assert finding.made_by is None


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_a_calibration_is_noted_only_where_there_is_a_probability(probability: float) -> None:
    assert Finding("nodule", probability=probability).calibration == "uncalibrated"
    assert Finding("nodule", probability=None).calibration == ""
    assert f"{probability:.2f} (uncalibrated)" in repr(Finding("nodule", probability=probability))
    with pytest.raises(InputError, match="probability must lie in"):
        Finding("nodule", probability=probability + 1.01)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3)])
def test_spans_run_forwards(start: int, end: int) -> None:
    with pytest.raises(InputError, match="0 <= start <= end"):
        Span("findings", start, end)
    with pytest.raises(InputError, match="not inside a report section"):
        Sentence("findings", start, end)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SECTIONS), st.text(max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_sentence_is_the_text_it_points_to(section: str, text: str, start: int, length: int) -> None:
    sentence = Sentence(section, start, start + length, ["f"])  # type: ignore[arg-type]
    if start + length > len(text):
        with pytest.raises(InputError, match="past the end"):
            Report(**{section: text}, sentences=(sentence,))  # type: ignore[arg-type]
    else:
        report = Report(**{section: text}, sentences=[sentence])  # type: ignore[arg-type]
        assert report.text(report.sentences[0]) == text[start : start + length]
        assert sentence.findings == ("f",)


def test_a_report_says_what_it_holds() -> None:
    assert repr(Report()) == "Report(final, empty, '')"
    assert repr(Report(findings="Clear.", impression="Normal.", status="draft")) == (
        "Report(draft, findings+impression, 'Normal.')"
    )


def test_an_open_question_takes_any_answer() -> None:
    assert Question("What?", answer="a nodule").choices == ()
    assert Question("Side?", ["left", "right"]).answer is None  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the answer 'up' is not one of the choices of 'Side\\?'"):
        Question("Side?", ("left", "right"), "up")


# -- studies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HIDEABLE)
def test_hiding_takes_one_thing_and_leaves_the_rest(name: str) -> None:
    earlier = Study("0", "p", DAY - timedelta(days=1))
    study = Study(
        "1", "p", DAY, (Image(np.ones((2, 2))),), Report(findings="x"), (Finding("nodule"),),
        (Question("q", ("a", "b"), "a"),), earlier,
    )  # fmt: skip
    hidden = study.hide(name)
    for other in HIDEABLE:
        if other != name:
            assert getattr(hidden, other) == getattr(study, other)
    if name == "questions":
        assert hidden.questions == (Question("q", ("a", "b")),)
    else:
        assert not getattr(hidden, name)
    assert study.hide(*HIDEABLE).id == "1"
    assert study.hide() == study


def test_adding_signs_once_and_says_what_was_added() -> None:
    study = Study("s").add(findings=[Finding("nodule", made_by=MadeBy("a person")), Finding("mass")])
    assert [f.made_by for f in study.findings] == [MadeBy("a person"), MadeBy("unnamed")]
    again = study.add(notes=["refused"], not_assessed=[("fracture", 3)], made_by=MadeBy("m"))  # type: ignore[list-item]
    assert [entry.added for entry in again.provenance] == [("findings",), ()]
    assert again.provenance[-1] == Provenance(MadeBy("m"), (), (("fracture", "3"),), ("refused",))
    whole = again.add(images=[Image(np.ones((1, 1)))], questions=[Question("q")], report=Report(findings="x"))
    assert whole.provenance[-1].added == ("images", "questions", "report")
    assert whole.films == whole.images


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=8))
def test_order_by_time_is_stable_and_loses_no_study(days: list[int | None]) -> None:
    studies = [Study(str(n), time=None if d is None else DAY + timedelta(days=d)) for n, d in enumerate(days)]
    ordered = order_by_time(studies)
    assert sorted(s.id for s in ordered) == sorted(s.id for s in studies)
    dated = [s for s in ordered if s.time]
    assert list(ordered[: len(dated)]) == dated
    keys = [(s.time, int(s.id)) for s in dated]
    assert keys == sorted(keys)
    undated = [int(s.id) for s in ordered[len(dated) :]]
    assert undated == sorted(undated)


def test_a_prior_without_a_date_or_a_name_is_taken_on_trust() -> None:
    assert Study("b", "p", DAY, prior=Study("a")).prior == Study("a")
    assert Study("b", "", DAY, prior=Study("a", "p", DAY - timedelta(hours=1))).prior is not None
    assert "prior" in repr(Study("b", prior=Study("a")))


# -- cohorts ----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(names, st.floats(0.1, 5), min_size=1, max_size=4), st.lists(names, min_size=1, max_size=20))
def test_shares_need_not_add_to_one_and_every_patient_has_a_split(
    splits: dict[str, float], patients: list[str]
) -> None:
    cohort = Cohort("c", [], splits)
    scaled = Cohort("c", [], {name: 100 * share for name, share in splits.items()})
    for patient in patients:
        assert cohort.split_of(patient) in splits
        assert cohort.split_of(patient) == scaled.split_of(patient)


def test_official_splits_are_asked_of_their_function() -> None:
    studies = [Study("a", "p1"), Study("b", "p2"), Study("alone")]
    cohort = Cohort("c", studies, lambda patient: "test" if patient == "p2" else "train")
    assert [s.id for s in cohort.split("test")] == ["b"]
    assert [s.id for s in cohort.split("train")] == ["a", "alone"]
    assert repr(cohort.split("test")) == "Cohort('c', test, labels=none)"


def test_a_cohort_can_be_read_again_and_again() -> None:
    calls: list[int] = []

    def studies() -> Iterator[Study]:
        calls.append(1)
        yield from (Study("a", "p", DAY), Study("b", "p", DAY - timedelta(days=1)))

    cohort = Cohort("c", studies)
    assert [s.id for s in cohort] == [s.id for s in cohort] == ["a", "b"]
    assert [[s.id for s in line] for line in cohort.timelines()] == [["b", "a"]]
    assert len(calls) == 3
    with pytest.raises(InputError, match="has no split 'x': it has none"):
        cohort.split("x")


# -- records and the registry -----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(boxes, st.floats(0, 1), st.sampled_from(["present", "absent", "uncertain"]), st.text(max_size=12))
def test_findings_survive_json_whatever_they_say(box: Box, probability: float, state: str, site: str) -> None:
    finding = Finding("nodule", state, probability, regions=(box,), sites=(site,), attributes={"note": site})  # type: ignore[arg-type]
    assert from_json(to_json(finding)) == finding


def test_a_record_written_without_pixels_still_knows_their_hash() -> None:
    one, two = (to_json(Image(np.full((2, 2), v)))["pixels"] for v in (0.0, 1.0))
    assert one["shape"] == [2, 2]
    assert one["sha256"] != two["sha256"]
    with pytest.raises(MissingError, match="open the source file"):
        _ = from_json(to_json(Image(np.ones((2, 2))))).pixels


def test_a_registry_lists_by_kind_and_name_and_a_reload_replaces() -> None:
    registry = Registry()
    registry.discover = lambda: None  # type: ignore[method-assign]

    @registry.metric("b-metric", better="lower", unit="mm")
    def one(reference: float, answer: float) -> float:
        """Distance. And more."""
        return abs(reference - answer)

    registry.metric("a-metric", better="higher")(one)
    registry.task("task", version=2)(one)
    registry.system("system", summary="A system.\nMore.", source="x")(one)
    assert [(e.kind, e.name) for e in registry.entries()] == [
        ("metric", "a-metric"), ("metric", "b-metric"), ("system", "system"), ("task", "task"),
    ]  # fmt: skip
    assert registry.find("metric", "b-metric").summary == "Distance. And more."
    assert registry.find("system", "system").summary == "A system."
    assert registry.find("task", "task").facts == {"version": 2}
    registry.metric("b-metric", better="higher")(one)
    assert registry.find("metric", "b-metric").facts["better"] == "higher"
    with pytest.raises(InputError, match="there are: none"):
        registry.find("model", "zzz")


@pytest.mark.parametrize(
    ("more", "said"), [({"better": "faster"}, "better must be"), ({"better": "higher", "over": "all"}, "over must be")]
)
def test_a_metric_says_which_way_is_good(more: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        register.metric("odd", **more)  # type: ignore[arg-type]


def test_what_is_located_is_what_is_listed() -> None:
    entries = listing("metric")
    assert entries
    assert all(entry.kind == "metric" for entry in entries)
    assert locate("metric", entries[0].name) is entries[0]
    assert {entry.kind for entry in listing()} >= {"metric", "model"}
    with pytest.raises(InputError, match=r"no plug-in file at 'nowhere\.py'"):
        locate("model", "nowhere.py:reader")


# -- common checks ----------------------------------------------------------------------------------------------------


def test_examples_hold_every_shape_of_study_and_are_the_seeds() -> None:
    studies = example_studies(3)
    assert studies == example_studies(3)
    assert studies[0].images[0] != example_studies(4)[0].images[0]
    assert any(s.prior for s in studies)
    assert any(not s.images for s in studies)
    assert any(s.report == Report() for s in studies)
    assert any([film.view for film in s.films] == ["LL"] for s in studies)


def test_a_check_that_raises_is_a_failed_verdict_with_the_message() -> None:
    def angry(study: Study) -> Study:
        raise RuntimeError(f"no {study.id}")

    verdicts = check(Entry("model", "angry", angry, {"adds": ()}))
    assert verdicts[0] == Verdict("survives every shape of study", False, "RuntimeError: no with-report")
    with pytest.raises(InputError, match="no common checks for a task; kinds with checks: model, dataset"):
        check(Entry("task", "t", len, {}))


def test_a_model_that_rewrites_the_report_or_returns_nothing_is_caught() -> None:
    def writes(study: Study) -> Study:
        return replace(study, report=Report(findings="Mine."))

    failed = {v.name: v.detail for v in check(Entry("model", "w", writes, {"adds": ("report",)})) if not v.passed}
    assert "overwrote the report" in failed["only adds"]
    nothing = check(Entry("model", "n", lambda study: None, {"adds": ()}))
    assert nothing[0].detail == "it returned no Study for 'with-report'"
    not_callable = check(Entry("model", "x", 5, {"adds": ()}))
    assert "cannot be called with a study" in not_callable[0].detail


@pytest.mark.parametrize(("made", "failed"), [([], "it yields no study"), ([1], "something that is not a Study")])
def test_a_data_set_of_nothing_is_caught(made: list[object], failed: str) -> None:
    verdicts = check(Entry("dataset", "d", lambda: made, {"licence": "CC0"}))
    assert failed in verdicts[0].detail
    assert not verdicts[0].passed
