"""Pictures: values against arrays written by hand, not against the reader under test."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pictures

from hilum.core.errors import DecodeError, HilumError, RefusedError, TooLargeError
from hilum.io.dicom import file_hash
from hilum.io.limits import Limits
from hilum.io.raster import read_image

GREY = np.random.default_rng(1).integers(0, 256, (11, 17), np.uint8)
DEEP = np.random.default_rng(2).integers(0, 65536, (11, 17), np.uint16)


def save(picture: Pictures.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)
    return path


def png16(values: np.ndarray) -> bytes:
    """A 16 bit grey PNG made by hand from the PNG specification, independent of Pillow."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))

    rows, columns = values.shape
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">LLBBBBB", columns, rows, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_8_bit_grey_is_read_and_shown_as_it_is(tmp_path: Path, form: str) -> None:
    image = read_image(save(Pictures.fromarray(GREY), tmp_path / "a", format=form))
    np.testing.assert_array_equal(image.pixels, GREY)
    np.testing.assert_allclose(image.display(), GREY / 255, atol=1e-6)
    assert (image.spacing_mm, image.orientation, image.view) == (None, None, "unknown")


def test_16_bit_png_keeps_every_value_and_shows_its_own_range(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png16(DEEP))
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, DEEP)
    assert image.window is None
    assert (image.display().min(), image.display().max()) == (0, 1)


@pytest.mark.parametrize(("order", "photometric"), [("<", 1), (">", 1), ("<", 0)])
def test_16_bit_tiff_in_both_byte_orders_and_polarities(tmp_path: Path, order: str, photometric: int) -> None:
    """A TIFF made by hand; photometric 0 stores white as 0, so its values are turned."""
    tags = [
        (256, 17),
        (257, 11),
        (258, 16),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, 1),
        (278, 11),
        (279, DEEP.nbytes),
    ]
    body = DEEP.astype(f"{order}u2").tobytes()
    entries = b"".join(struct.pack(f"{order}HHLL", tag, 4, 1, value) for tag, value in tags)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8 + len(body))
    path = tmp_path / "a.tif"
    path.write_bytes(head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4))
    np.testing.assert_array_equal(read_image(path).pixels, DEEP if photometric else 65535 - DEEP.astype(int))


def test_float_tiff_is_read_and_nan_refused(tmp_path: Path) -> None:
    values = DEEP.astype(np.float32) / 7
    np.testing.assert_array_equal(read_image(save(Pictures.fromarray(values), tmp_path / "a.tif")).pixels, values)
    values[3, 3] = np.nan
    with pytest.raises(DecodeError, match=r"'b.tif'"):
        read_image(save(Pictures.fromarray(values), tmp_path / "b.tif"))


def test_colour_becomes_luminance_and_grey_colour_stays_exact(tmp_path: Path) -> None:
    colour = np.random.default_rng(3).integers(0, 256, (11, 17, 3), np.uint8)
    image = read_image(save(Pictures.fromarray(colour), tmp_path / "a.png"))
    np.testing.assert_allclose(image.pixels, colour @ [0.299, 0.587, 0.114], atol=1e-3)
    same = read_image(save(Pictures.fromarray(np.stack([GREY] * 3, -1)), tmp_path / "b.png"))
    np.testing.assert_array_equal(same.pixels, GREY)


def test_transparency_lies_on_black(tmp_path: Path) -> None:
    alpha = np.random.default_rng(4).integers(0, 256, GREY.shape, np.uint8)
    expected = GREY.astype(float) * alpha / 255
    la = Pictures.merge("LA", [Pictures.fromarray(GREY), Pictures.fromarray(alpha)])
    np.testing.assert_allclose(read_image(save(la, tmp_path / "la.png")).pixels, expected, atol=1e-3)
    rgba = Pictures.fromarray(np.dstack([GREY, GREY, GREY, alpha]))
    np.testing.assert_allclose(read_image(save(rgba, tmp_path / "rgba.png")).pixels, expected, atol=1e-3)


def test_palette_and_1_bit(tmp_path: Path) -> None:
    palette = Pictures.fromarray(GREY // 64).convert("P")
    palette.putpalette([value for level in (0, 80, 160, 240) for value in (level,) * 3])
    np.testing.assert_array_equal(read_image(save(palette, tmp_path / "p.png")).pixels, (GREY // 64) * 80)
    bits = Pictures.fromarray(GREY > 128)
    np.testing.assert_array_equal(read_image(save(bits, tmp_path / "1.png")).pixels, (GREY > 128) * 255)


@pytest.mark.parametrize(("turn", "expected"), [(3, GREY[::-1, ::-1]), (6, np.rot90(GREY, -1)), (8, np.rot90(GREY))])
def test_exif_rotation_is_applied(tmp_path: Path, turn: int, expected: np.ndarray) -> None:
    exif = Pictures.Exif()
    exif[0x0112] = turn
    path = save(Pictures.fromarray(GREY), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(path).pixels, expected)


def test_16_bit_pictures_turn_too(tmp_path: Path) -> None:
    exif = Pictures.Exif()
    exif[0x0112] = 6
    path = save(Pictures.fromarray(DEEP), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(path).pixels, np.rot90(DEEP, -1))


def test_content_decides_not_the_extension(tmp_path: Path) -> None:
    path = save(Pictures.fromarray(GREY), tmp_path / "film.jpg", format="PNG")
    np.testing.assert_array_equal(read_image(path).pixels, GREY)


def test_the_id_is_the_content(tmp_path: Path) -> None:
    one, two = (save(Pictures.fromarray(GREY), tmp_path / name) for name in ("a.png", "b.png"))
    other = save(Pictures.fromarray(GREY // 2), tmp_path / "c.png")
    assert read_image(one).id == read_image(two).id == file_hash(one)
    assert read_image(other).id != read_image(one).id


def test_lazy_pictures_decode_on_first_use(tmp_path: Path) -> None:
    path = save(Pictures.fromarray(GREY), tmp_path / "a.png")
    image = read_image(path, lazy=True)
    assert not image.loaded
    np.testing.assert_array_equal(image.pixels, GREY)
    gone = read_image(path, lazy=True)
    path.unlink()
    with pytest.raises(DecodeError, match="gone"):
        _ = gone.pixels


def test_several_pages_are_refused_by_their_number(tmp_path: Path) -> None:
    pages = [Pictures.fromarray(GREY + shade) for shade in range(3)]
    for name in ("a.tif", "a.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        with pytest.raises(RefusedError, match="3 pages"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
def test_truncated_pictures_are_refused(tmp_path: Path, form: str) -> None:
    path = save(Pictures.fromarray(np.tile(GREY, (20, 20))), tmp_path / "Doe Jane.x", format=form)
    data = path.read_bytes()
    for share in (0.3, 0.7, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(DecodeError, match=r"Doe Jane.x") as caught:
            read_image(path)
        assert str(tmp_path) not in str(caught.value)


def test_other_kinds_are_told_apart(tmp_path: Path) -> None:
    for content, words in (
        (b"", "empty"),
        (b"%PDF-1.7", "a PDF file"),
        (bytes(128) + b"DICM" + bytes(9), "a DICOM file"),
    ):
        path = tmp_path / "x.png"
        path.write_bytes(content)
        with pytest.raises(DecodeError, match=words):
            read_image(path)


def test_a_picture_larger_than_the_limit_is_refused_before_decoding(tmp_path: Path) -> None:
    path = save(Pictures.new("1", (20_000, 20_000)), tmp_path / "huge.png")
    with pytest.raises(TooLargeError, match=r"20000 x 20000|megapixels"):
        read_image(path)
    with pytest.raises(TooLargeError, match="11 x 17"):
        read_image(save(Pictures.fromarray(GREY), tmp_path / "a.png"), limits=Limits(pixels=100))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(["PNG", "JPEG", "TIFF", "BMP"]))
def test_damage_gives_an_image_or_a_sentence(tmp_path: Path, data: st.DataObject, form: str) -> None:
    stream = io.BytesIO()
    Pictures.fromarray(GREY).save(stream, form)
    changed = bytearray(stream.getvalue())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255)), max_size=8)
    ):
        changed[place] = value
    path = tmp_path / "a.png"
    path.write_bytes(bytes(changed))
    said = "'a.png'"
    try:
        good = np.isfinite(read_image(path, limits=Limits(pixels=10_000_000)).pixels).all()
    except HilumError as error:
        good, said = True, str(error)
    assert good
    assert "'a.png'" in said
