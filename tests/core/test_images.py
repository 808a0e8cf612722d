"""Pictures and grey scales against pydicom, arithmetic and their own mirror images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.geometry import (
    FRONTAL,
    LATERAL,
    Letterbox,
    check_affine,
    check_view,
    flip_orientation,
    opposite,
    voxel_spacing,
)
from hilum.core.image import Image, Lut, MadeBy, Volume, Window

values = st.lists(st.floats(-2000, 4000, width=32), min_size=1, max_size=30)
LETTERS = ("L", "R", "A", "P", "H", "F")


def row(numbers: list[float]) -> np.ndarray:
    return np.array([numbers], np.float32)


def picture(rows: int = 6, columns: int = 9) -> np.ndarray:
    return np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)


# -- windows ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    values,
    st.floats(-500, 1500, width=16),
    st.integers(2, 3000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_windows_are_pydicoms(numbers: list[float], center: float, width: int, function: str) -> None:
    """pydicom's own windowing of PS3.3 C.11.2, on an image of 16 bits, gives 0 to 65535."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.pixels import apply_windowing

    data = pydicom.Dataset()
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
    data.BitsStored, data.WindowCenter, data.WindowWidth = 16, center, width
    data.VOILUTFunction = function
    expected = apply_windowing(np.array([numbers], np.float64), data) / 65535.0
    found = Window(center, width, function).apply(row(numbers))  # type: ignore[arg-type]
    assert np.allclose(found, expected, atol=2e-4)


@settings(max_examples=40, deadline=None)
@given(values, st.floats(-500, 500), st.floats(1.5, 2000), st.floats(-300, 300))
def test_a_window_moves_with_its_values(numbers: list[float], center: float, width: float, shift: float) -> None:
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        one = Window(center, width, function).apply(row(numbers))  # type: ignore[arg-type]
        two = Window(center + shift, width, function).apply(row(numbers) + np.float32(shift))  # type: ignore[arg-type]
        assert np.allclose(one, two, atol=2e-3)
        assert one.dtype == np.float32
        assert ((one >= 0) & (one <= 1)).all()
        order = np.argsort(row(numbers)[0], kind="stable")
        assert (np.diff(one[0][order]) >= 0).all()


def test_a_sigmoid_far_from_its_window_says_nothing_on_the_console() -> None:
    """-2000 HU in a window of 2 is e^4000 away: black, and no warning of an overflow."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = Window(0.0, 2.0, "SIGMOID").apply(row([-2000.0, 0.0, 2000.0]))
    assert np.allclose(shown, [[0.0, 0.5, 1.0]])


@pytest.mark.parametrize(("function", "width"), [("LINEAR", 0.5), ("LINEAR_EXACT", 0.0), ("SIGMOID", -1.0)])
def test_windows_that_show_nothing_are_refused(function: str, width: float) -> None:
    with pytest.raises(InputError, match=f"not usable with {function}"):
        Window(10.0, width, function)  # type: ignore[arg-type]
    assert Window(10.0, 1.0).apply(row([9.0, 10.0])).tolist() == [[0.0, 1.0]]  # the narrowest: a threshold


# -- tables -----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(-50, 50), st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20), values)
def test_a_table_is_read_by_its_index(first: int, table: list[float], numbers: list[float]) -> None:
    found = Lut(first, np.array(table, np.float32)).apply(row(numbers))[0]
    for number, shown in zip(numbers, found.tolist(), strict=True):
        index = min(max(round(np.float32(number) - first), 0), len(table) - 1)
        assert shown == pytest.approx(table[index])


def test_a_rising_table_is_a_window_in_steps() -> None:
    table = np.linspace(0, 1, 101).astype(np.float32)
    numbers = np.arange(-20, 130, dtype=np.float32)[None]
    straight = Window(50.0, 100.0, "LINEAR_EXACT").apply(numbers)
    assert np.allclose(Lut(0, table).apply(numbers), straight, atol=1e-6)


def test_tables_cannot_be_changed_and_compare_by_content() -> None:
    given_table = np.array([0.0, 1.0], np.float32)
    one = Lut(0, given_table)
    with pytest.raises(ValueError, match="read-only"):
        one.table[0] = 0.5
    assert one == Lut(0, [0.0, 1.0])  # type: ignore[arg-type]
    assert one != Lut(1, given_table)
    assert one != Window(0.5, 1.0, "LINEAR_EXACT")
    with pytest.raises(InputError, match="list of entries"):
        Lut(0, np.array([], np.float32))


# -- images -----------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 50), st.floats(-200, 200))
def test_without_a_window_scale_and_offset_do_not_show(scale: float, offset: float) -> None:
    plain = Image(picture()).display()
    assert np.allclose(Image(picture() * scale + offset).display(), plain, atol=1e-4)
    assert (plain.min(), plain.max()) == (0.0, 1.0)


@pytest.mark.parametrize(
    "window", [None, Window(20.0, 30.0), Window(20.0, 9.0, "SIGMOID"), Lut(3, np.linspace(0, 1, 9))]
)
def test_polarity_turns_what_is_shown_and_nothing_else(window: Window | Lut | None) -> None:
    one, two = (Image(picture(), window=window, inverted=turned) for turned in (False, True))
    assert np.allclose(one.display() + two.display(), 1.0, atol=1e-6)
    assert np.array_equal(one.pixels, two.pixels)
    assert one != two
    assert one.display() is one.display()
    with pytest.raises(ValueError, match="read-only"):
        one.display()[0, 0] = 0.0


@pytest.mark.parametrize("flip", [{"horizontal": True}, {"vertical": True}, {"horizontal": True, "vertical": True}])
def test_a_flip_keeps_the_facts_and_turns_the_letters(flip: dict[str, bool]) -> None:
    maker = MadeBy("scanner", "1")
    before = Image(
        picture(), Window(3, 4), True, "PA", (0.2, 0.3), "detector", ("L", "F"), "x", maker, True, source="f"
    )
    after = before.flip(**flip)
    kept = ("window", "inverted", "view", "spacing_mm", "spacing_plane", "id", "made_by", "synthetic", "source")
    assert all(getattr(after, name) == getattr(before, name) for name in kept)
    assert np.array_equal(after.flip(**flip).pixels, before.pixels)
    assert after.orientation == ("R" if flip.get("horizontal") else "L", "H" if flip.get("vertical") else "F")
    assert after.display().sum() == pytest.approx(before.display().sum(), rel=1e-5)
    assert Image(picture()).flip(**flip).orientation is None


def test_where_a_file_came_from_takes_no_part_in_equality() -> None:
    assert Image(picture(), source="a.dcm") == Image(picture(), source="b.dcm")
    assert hash(Image(picture(), id="a")) == hash(Image(picture() + 1, id="a"))
    assert Image(picture(), id="a") != Image(picture(), id="b")
    assert Image(picture()) != Image(picture() + 1)
    assert Image(picture()) != "a picture"


def test_a_lazy_image_loads_once_and_finds_faults_then() -> None:
    calls: list[int] = []

    def load() -> np.ndarray:
        calls.append(1)
        return np.full((3, 3), np.nan)

    image = Image(load, id="late")
    assert not image.loaded
    assert "not loaded" in repr(image)
    with pytest.raises(InputError, match="NaN"):
        _ = image.pixels
    assert calls == [1]
    with pytest.raises(AttributeError, match="Image has no attribute 'colour'"):
        _ = image.colour


def test_fresh_leaves_an_image_that_cannot_be_loaded_again() -> None:
    fixed = Image(picture(), id="x")
    assert fixed.fresh() is fixed
    assert fixed.with_id("y").id == "y"
    assert fixed.with_id("y").loaded
    with pytest.raises(InputError, match="unknown view 'up'"):
        fixed.with_view("up")


# -- volumes ----------------------------------------------------------------------------------------------------------


def test_a_volume_loads_late_and_says_what_it_is() -> None:
    volume = Volume(lambda: np.zeros((2, 3, 4), np.int16), np.diag([3.0, 2.0, 1.0, 1.0]), id="ct")
    assert repr(volume) == "Volume(not loaded, spacing (3.00, 2.00, 1.00) mm, id='ct')"
    assert volume.voxels.dtype == np.float32
    assert repr(volume).startswith("Volume(2 x 3 x 4")
    assert volume == Volume(np.zeros((2, 3, 4)), np.diag([3.0, 2.0, 1.0, 1.0]), id="ct", source="elsewhere")
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 9.0


@pytest.mark.parametrize("voxels", [np.zeros((2, 2)), np.zeros((0, 2, 2)), np.full((1, 1, 1), np.inf)])
def test_voxels_that_are_none_are_refused(voxels: np.ndarray) -> None:
    with pytest.raises(InputError, match="a volume"):
        _ = Volume(voxels, np.eye(4)).voxels


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.1, 20), min_size=3, max_size=3), st.integers(0, 1000))
def test_spacing_is_seen_through_any_turn(steps: list[float], seed: int) -> None:
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    turn = Rotation.random(random_state=np.random.default_rng(seed)).as_matrix()
    affine[:3, :3], affine[:3, 3] = turn @ np.diag(steps), (5, -8, 13)
    assert voxel_spacing(affine) == pytest.approx(tuple(steps))
    assert np.array_equal(check_affine(affine), affine)
    assert check_affine(affine) is not affine


@pytest.mark.parametrize(
    ("affine", "said"),
    [
        (np.zeros((3, 4)), "finite 4 x 4 matrix, got shape"),
        (np.diag([1.0, np.inf, 1, 1]), "finite 4 x 4"),
        (np.diag([1.0, 1.0, 1.0, 2.0]), "last row"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "invertible"),
    ],
)
def test_an_affine_that_loses_a_direction_is_refused(affine: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_affine(affine)


# -- views and letters ------------------------------------------------------------------------------------------------


def test_frontal_and_lateral_views_are_known_and_apart() -> None:
    assert not FRONTAL & LATERAL
    assert all(check_view(view) == view for view in (*FRONTAL, *LATERAL, "unknown"))
    with pytest.raises(InputError, match=r"unknown view 'pa': expected one of PA, AP, LL"):
        check_view("pa")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_opposite_of_the_opposite_is_the_way_itself(length: int) -> None:
    for letters in itertools.permutations(LETTERS, length):
        way = "".join(letters)
        assert opposite(opposite(way)) == way
        assert all(a != b for a, b in zip(way, opposite(way), strict=True))
    assert opposite("LX") == "RX"  # a letter that is none stays


@pytest.mark.parametrize("orientation", [("L", "F"), ("P", "F"), ("RA", "HF")])
def test_flips_commute_and_undo_themselves(orientation: tuple[str, str]) -> None:
    both = flip_orientation(orientation, horizontal=True, vertical=True)
    one = flip_orientation(flip_orientation(orientation, horizontal=True), vertical=True)
    other = flip_orientation(flip_orientation(orientation, vertical=True), horizontal=True)
    assert both == one == other
    assert flip_orientation(both, horizontal=True, vertical=True) == orientation
    assert flip_orientation(orientation) == orientation


# -- letterbox --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(8, 512))
def test_a_letterbox_keeps_aspect_touches_two_edges_and_stands_in_the_middle(h: int, w: int, size: int) -> None:
    frame = Letterbox(h, w, size)
    rows, columns = frame.inner
    assert max(rows, columns) == size
    assert abs(rows - h * frame.scale) <= max(0.5, 1 - h * frame.scale) + 1e-9
    assert abs(columns - w * frame.scale) <= max(0.5, 1 - w * frame.scale) + 1e-9
    top, left = frame.pad
    assert 0 <= size - rows - 2 * top <= 1
    assert 0 <= size - columns - 2 * left <= 1
    whole = frame.to_frame((0, 0, w, h))
    assert whole == pytest.approx((left, top, left + columns, top + rows))


def test_what_lies_outside_the_source_is_clipped_and_corners_may_come_in_any_order() -> None:
    frame = Letterbox(100, 200, 64)
    assert frame.to_source((-50, -50, 999, 999)) == (0.0, 0.0, 200.0, 100.0)
    box = frame.to_frame((20, 30, 80, 60))
    turned = (box[2], box[3], box[0], box[1])
    assert frame.to_source(turned) == pytest.approx((20, 30, 80, 60))


# -- makers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        (MadeBy("x"), "x"), (MadeBy("x", "2"), "x 2"), (MadeBy("x", "", "ab" * 32), "x (abababababab)"),
        (MadeBy("x", "2", "cd" * 32), "x 2 (cdcdcdcdcdcd)"),
    ],
)  # fmt: skip
def test_a_maker_is_written_with_what_is_known(maker: MadeBy, said: str) -> None:
    assert str(maker) == said
