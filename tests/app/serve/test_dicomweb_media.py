"""Media types as RFC 9110 writes them, and multipart bodies as RFC 2046 does, however they are cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.app.serve.dicomweb_media import MultipartReader, RequestError, accepted, media_of, part_head

HEAD = b"Content-Type: application/dicom"


def body(parts: list[bytes], boundary: bytes = b"xyz", before: bytes = b"", after: bytes = b"") -> bytes:
    made = b"".join(b"--" + boundary + b"\r\n" + HEAD + b"\r\n\r\n" + part + b"\r\n" for part in parts)
    return before + made + b"--" + boundary + b"--" + after


def read(data: bytes, cuts: list[int], boundary: str = "xyz") -> list[bytes]:
    """The parts, read from pieces that end at `cuts`."""
    reader, found, part = MultipartReader(boundary), [], bytearray()
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        for event in reader.feed(data[start:end]):
            if event.kind == "begin":
                assert event.headers == {"content-type": "application/dicom"}
                part = bytearray()
            elif event.kind == "data":
                part += event.data
            else:
                found.append(bytes(part))
    reader.close()
    return found


awkward = st.lists(
    st.one_of(st.binary(max_size=60), st.sampled_from([b"", b"\r\n", b"--", b"\r\n--xy", b"--xyz", b"\r", b"\n--xyz"])),
    max_size=4,
).map(b"".join)


@given(
    parts=st.lists(awkward.filter(lambda part: b"\r\n--xyz" not in b"\r\n" + part + b"\r\n"), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=30),
)
def test_parts_are_the_same_however_the_body_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    assert read(body(parts, before=b"preamble\r\n", after=b"\r\nepilogue"), cuts) == parts
    assert read(body(parts), cuts) == parts


@given(parts=st.lists(st.binary(max_size=30), min_size=1, max_size=3), missing=st.integers(1, 60))
def test_a_body_that_is_cut_short_is_never_taken_for_whole(parts: list[bytes], missing: int) -> None:
    clean = [part.replace(b"--", b"__") for part in parts]
    data = body(clean)
    with pytest.raises(RequestError, match="cut short"):
        read(data[: max(0, len(data) - missing)], [])


def test_no_more_is_held_than_a_boundary() -> None:
    reader = MultipartReader("xyz")
    list(reader.feed(b"--xyz\r\n" + HEAD + b"\r\n\r\n"))
    for _ in range(50):
        assert sum(len(event.data) for event in reader.feed(bytes(100_000))) > 99_000
        assert len(reader._held) <= len("\r\n--xyz")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 100_000, "outside the parts"),
        (b"--xyz\r\n" + b"A: " + b"b" * 20_000, "more than 8192 bytes"),
        (b"--xyz\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(40)) + b"\r\n", "more than 16 header lines"),
        (b"--xyz\r\nContent-Type application/dicom\r\n\r\n", "header line that is none"),
        (b"--xyz\r\nA: b\x00c\r\n\r\n", "header line that is none"),
        (b"--xyz\r\nA: b\nSet-Cookie: c\r\n\r\n", "header line that is none"),
        (b"--xyz\r\nA: b\r\n folded\r\n\r\n", "header line that is none"),
        (b"--xyz\r\nA: 1\r\na: 2\r\n\r\n", "one twice"),
        (b"--xyzzy\r\nA: 1\r\n\r\n", "something else"),
        (b"--xyz" + b" " * 200, "something else"),
        (b"--xyz--" + bytes(10) * 10_000, "cut|outside"),
    ],
)
def test_broken_bodies_are_refused(data: bytes, words: str) -> None:
    reader = MultipartReader("xyz")
    pieces = [data[start : start + 1_000] for start in range(0, len(data), 1_000)]
    with pytest.raises(RequestError, match=words):
        _ = [event for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize("boundary", ["", "a" * 201, "a\r\nb", "ends with ", 'a"b', "é", "a\x00"])
def test_what_is_no_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(RequestError, match="boundary"):
        MultipartReader(boundary)


def test_accept_is_read_with_its_weights_and_parameters() -> None:
    header = 'image/png;q=0.5, multipart/related; type="application/dicom"; transfer-syntax=*, */*;q=0'
    media = accepted(header)
    assert [one.name for one in media] == ["multipart/related", "image/png"]
    assert (media[0].inner, media[0].syntax) == ("application/dicom", "*")
    assert [one.name for one in accepted("")] == ["*/*"]
    assert accepted("image/png;q=nonsense") == []


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/related; boundary=abc", "abc"),
        ('multipart/related; type="application/dicom"; boundary="a b=c"', "a b=c"),
        ('MULTIPART/RELATED;BOUNDARY="q\\"t"', 'q"t'),
        ("multipart/related", ""),
    ],
)
def test_content_types_are_read(header: str, boundary: str) -> None:
    media = media_of(header)
    assert (media.name, media.parameters.get("boundary", "")) == ("multipart/related", boundary)


def test_the_head_of_a_part_has_its_type_and_place() -> None:
    assert part_head("b", "application/dicom", "http://x/1") == (
        b"--b\r\nContent-Type: application/dicom\r\nContent-Location: http://x/1\r\n\r\n"
    )
