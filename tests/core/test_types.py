"""The seven types: what they refuse, what they never lose, and the rules that end classic bugs."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import UNCALIBRATED, Finding, Span
from hilum.core.geometry import Letterbox, check_affine, flip_orientation, opposite, voxel_spacing
from hilum.core.image import Image, Lut, MadeBy, Volume, Window
from hilum.core.notebook import png
from hilum.core.region import Box, Mask, Points
from hilum.core.report import Question, Report, Sentence
from hilum.core.seed import generator
from hilum.core.study import Study, order_by_time

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_polarity_is_applied_after_the_window() -> None:
    window = Window(5.5, 12)
    straight = Image(RAMP, window=window).display()
    turned = Image(RAMP, window=window, inverted=True).display()
    np.testing.assert_allclose(turned, 1 - straight, atol=1e-6)
    assert straight[0, 0] < straight[-1, -1]


def test_linear_window_by_the_standards_own_formula() -> None:
    """PS3.3 C.11.2.1.2.1: below c-0.5-(w-1)/2 black, above c-0.5+(w-1)/2 white, linear between."""
    center, width = 100.0, 51.0
    values = np.array([[74.0, 74.5, 99.5, 124.5, 125.0]], np.float32)
    expected = [0.0, 0.0, 0.5, 1.0, 1.0]
    np.testing.assert_allclose(Window(center, width).apply(values)[0], expected, atol=1e-6)
    exact = Window(center, 50.0, "LINEAR_EXACT").apply(np.array([[75.0, 100.0, 125.0]], np.float32))[0]
    np.testing.assert_allclose(exact, [0, 0.5, 1], atol=1e-6)
    sigmoid = Window(center, 50.0, "SIGMOID").apply(np.array([[100.0, 150.0]], np.float32))[0]
    np.testing.assert_allclose(sigmoid, [0.5, 1 / (1 + np.exp(-4))], atol=1e-6)


@pytest.mark.parametrize("center, width", [(0.0, 0.0), (0.0, -3.0), (np.nan, 10.0), (1.0, np.inf)])
def test_an_unusable_window_is_refused(center: float, width: float) -> None:
    with pytest.raises(InputError, match="not usable"):
        Window(center, width)


def test_lut_clamps_at_its_ends() -> None:
    lut = Lut(10, np.array([0.0, 0.25, 1.0], np.float32))
    np.testing.assert_allclose(lut.apply(np.array([[5, 10, 11, 12, 99]], np.float32))[0], [0, 0, 0.25, 1, 1])


def test_pixels_are_read_only_and_never_shared_for_writing() -> None:
    image = Image(RAMP)
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 5


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2, 2)), np.zeros((0, 4)), np.array([[np.nan, 1.0]]), np.array([[np.inf, 1.0]])]
)
def test_unusable_pixels_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InputError):
        Image(pixels)


def test_spacing_needs_its_plane() -> None:
    with pytest.raises(InputError, match="plane"):
        Image(RAMP, spacing_mm=(0.1, 0.1))
    with pytest.raises(InputError, match="positive"):
        Image(RAMP, spacing_mm=(0.0, 0.1), spacing_plane="detector")


def test_pixels_load_once_and_only_when_used() -> None:
    calls = []

    def load() -> np.ndarray:
        calls.append(1)
        return RAMP

    image = Image(load, view="PA", id="x")
    renamed = image.with_view("AP")
    assert (calls, renamed.view, image.loaded, renamed.loaded) == ([], "AP", False, False)
    assert image.display().max() == 1.0
    assert image.pixels.sum() == RAMP.sum()
    assert len(calls) == 1
    assert not image.fresh().loaded
    assert image.fresh() == image


def test_a_flip_swaps_the_letters_and_flipping_twice_restores_everything() -> None:
    image = Image(RAMP, orientation=("L", "F"))
    flipped = image.flip(horizontal=True)
    assert flipped.orientation == ("R", "F")
    np.testing.assert_array_equal(flipped.pixels, RAMP[:, ::-1])
    assert flipped.flip(horizontal=True) == image
    assert flip_orientation(("L", "F"), vertical=True) == ("L", "H")
    assert opposite("LF") == "RH"


def test_an_image_without_contrast_is_black_not_an_error() -> None:
    assert Image(np.full((4, 4), 7.0)).display().max() == 0.0


def test_png_for_a_notebook_is_readable_by_pillow() -> None:
    import io

    from PIL import Image as Picture

    shown = np.asarray(Picture.open(io.BytesIO(png(Image(RAMP).display()))))
    np.testing.assert_array_equal(shown, np.rint(RAMP / 11 * 255).astype(np.uint8))


def test_volume_knows_its_spacing_and_refuses_a_flat_affine() -> None:
    affine = np.diag([3.0, 2.0, 1.0, 1.0])
    assert Volume(np.zeros((2, 3, 4)), affine).spacing_mm == (3.0, 2.0, 1.0)
    assert voxel_spacing(affine) == (3.0, 2.0, 1.0)
    with pytest.raises(InputError, match="invertible"):
        check_affine(np.zeros((4, 4)))


@pytest.mark.parametrize("corners", [(0, 0, 0, 5), (3, 3, 1, 5), (0, 0, np.nan, 1)])
def test_an_empty_box_is_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError):
        Box(*corners)


coordinate = st.floats(0, 100, allow_nan=False)


@given(st.tuples(coordinate, coordinate, st.floats(1, 50), st.floats(1, 50)), st.tuples(coordinate, coordinate))
def test_overlap_agrees_with_counting_pixels(first: tuple[float, ...], shift: tuple[float, float]) -> None:
    x, y, w, h = (round(v) for v in first)
    a = Box(x, y, x + w, y + h)
    b = Box(x + round(shift[0]) % 9, y + round(shift[1]) % 9, x + w + 4, y + h + 4) if w > 9 and h > 9 else a
    grid = np.zeros((2, 260, 260), bool)
    for plane, box in zip(grid, (a, b), strict=True):
        plane[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    both, either = (grid[0] & grid[1]).sum(), (grid[0] | grid[1]).sum()
    assert a.iou(b) == pytest.approx(both / either)
    assert a.iobb(b) == pytest.approx(both / grid[0].sum())


def test_a_masks_box_is_half_open_and_tight() -> None:
    pixels = np.zeros((6, 8), bool)
    pixels[2:4, 3:7] = True
    box = Mask(pixels, image="i").box()
    assert box == Box(3, 2, 7, 4, image="i")
    assert box is not None
    assert box.area == pixels.sum()
    assert Mask(np.zeros((3, 3), bool)).box() is None


def test_points_must_be_pairs() -> None:
    with pytest.raises(InputError):
        Points(np.zeros((3, 3)))


@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.sampled_from([64, 224, 320]),
    st.tuples(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0.5, 1), st.floats(0.5, 1)),
)
def test_letterbox_round_trip(height: int, width: int, size: int, part: tuple[float, ...]) -> None:
    frame = Letterbox(height, width, size)
    box = (part[0] * width, part[1] * height, part[2] * width, part[3] * height)
    inside = frame.to_frame(box)
    assert min(inside) >= -1e-9
    assert max(inside) <= size + 1e-9
    np.testing.assert_allclose(frame.to_source(inside), box, rtol=1e-6, atol=1e-6 * max(height, width))


def test_a_probability_is_never_stored_without_saying_how_it_was_calibrated() -> None:
    assert Finding("nodule", "present", 0.4).calibration == UNCALIBRATED
    assert Finding("nodule", "present", 0.4, calibration="platt-1").calibration == "platt-1"
    assert Finding("nodule").calibration == ""


@pytest.mark.parametrize(
    "changes", [{"state": "maybe"}, {"probability": 1.2}, {"change": "bigger"}, {"concept": ""}, {"probability": -0.1}]
)
def test_an_impossible_finding_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Finding(**{"concept": "nodule", **changes})  # type: ignore[arg-type]


def test_findings_cannot_be_changed_and_travel_between_processes() -> None:
    finding = Finding(
        "nodule", attributes={"size": "small"}, regions=[Box(0, 0, 1, 1)], evidence=Span("findings", 0, 3)
    )
    with pytest.raises(TypeError):
        finding.attributes["size"] = "large"  # type: ignore[index]
    assert pickle.loads(pickle.dumps(finding)) == finding
    assert copy.deepcopy(finding) == finding
    assert len({finding, pickle.loads(pickle.dumps(finding))}) == 1


def test_a_model_adds_signs_and_never_overwrites() -> None:
    study = Study("s", images=[Image(RAMP)], findings=[Finding("nodule")])
    signer = MadeBy("reader", "2", "ab" * 32)
    answer = study.add(findings=[Finding("mass")], made_by=signer, not_assessed=[("fracture", "too few examples")])
    assert answer.findings[:1] == study.findings
    assert answer.findings[1].made_by == signer
    assert answer.provenance[-1].added == ("findings",)
    assert answer.provenance[-1].not_assessed == (("fracture", "too few examples"),)
    assert study.findings == (Finding("nodule"),)
    written = answer.add(report=Report(findings="A nodule."))
    with pytest.raises(InputError, match="hide it before"):
        written.add(report=Report(findings="No nodule."))


def test_hiding_removes_and_answers_of_questions_only() -> None:
    study = Study("s", findings=[Finding("nodule")], questions=[Question("Nodule?", ("yes", "no"), "yes")])
    hidden = study.hide("findings", "questions")
    assert hidden.findings == ()
    assert hidden.questions == (Question("Nodule?", ("yes", "no")),)
    with pytest.raises(InputError, match="cannot hide"):
        study.hide("patient")


def test_a_prior_is_strictly_earlier_and_of_the_same_patient() -> None:
    day = datetime(2024, 5, 1, 8)
    earlier = Study("zzz", "p", day)
    assert Study("aaa", "p", day + timedelta(minutes=1), prior=earlier).prior is earlier
    with pytest.raises(InputError, match="strictly earlier"):
        Study("aaa", "p", day, prior=earlier)
    with pytest.raises(InputError, match="another patient"):
        Study("aaa", "q", day + timedelta(days=1), prior=earlier)


def test_order_is_by_time_never_by_identifier() -> None:
    day = datetime(2024, 5, 1)
    studies = [Study("1", time=day + timedelta(days=2)), Study("9", time=day), Study("0")]
    assert [study.id for study in order_by_time(studies)] == ["9", "1", "0"]


def test_a_sentence_may_not_reach_past_its_section() -> None:
    with pytest.raises(InputError, match="past the end"):
        Report(findings="Clear.", sentences=[Sentence("findings", 0, 7)])
    report = Report(findings="Clear lungs.", sentences=[Sentence("findings", 0, 5)])
    assert report.text(report.sentences[0]) == "Clear"


def test_an_answer_must_be_one_of_the_choices() -> None:
    with pytest.raises(InputError):
        Question("Side?", ("left", "right"), "both")


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60, unique=True))
def test_splits_keep_patients_whole(patients: list[str]) -> None:
    studies = [Study(f"{p}-{n}", p) for p in patients for n in range(3)]
    cohort = Cohort("c", studies, {"train": 0.6, "test": 0.4})
    train = {s.patient for s in cohort.split("train")}
    test = {s.patient for s in cohort.split("test")}
    assert not train & test
    assert train | test == set(patients)
    assert sum(1 for _ in cohort.split("train")) == 3 * len(train)


def test_split_shares_come_out_as_asked() -> None:
    cohort = Cohort("c", [Study(str(n), str(n)) for n in range(4000)], {"a": 0.7, "b": 0.3})
    assert sum(1 for _ in cohort.split("a")) / 4000 == pytest.approx(0.7, abs=0.03)
    with pytest.raises(InputError, match="no split"):
        cohort.split("c")


def test_timelines_group_by_patient_in_order_of_time() -> None:
    day = datetime(2024, 1, 1)
    studies = [Study("b", "p", day + timedelta(days=1)), Study("x", "q"), Study("a", "p", day)]
    lines = list(Cohort("c", lambda: iter(studies)).timelines())
    assert [[s.id for s in line] for line in lines] == [["a", "b"], ["x"]]


def test_a_named_stream_does_not_move_when_others_are_added() -> None:
    first = generator(7, "augment", "s1").random(3)
    generator(7, "other").random(99)
    np.testing.assert_array_equal(generator(7, "augment", "s1").random(3), first)
    assert not np.array_equal(generator(8, "augment", "s1").random(3), first)
    with pytest.raises(ValueError, match="0 or greater"):
        generator(-1)


def test_a_changed_copy_of_a_loaded_image_can_still_let_its_pixels_go() -> None:
    image = Image(lambda: RAMP, view="PA")
    _ = image.pixels
    renamed = image.with_id("other").with_view("AP")
    assert renamed.loaded
    assert not renamed.fresh().loaded
    flipped = image.flip(horizontal=True)
    np.testing.assert_array_equal(flipped.fresh().pixels, RAMP[:, ::-1])
