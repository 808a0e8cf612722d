"""Archives: what is in them comes out, and nothing ever lands outside the folder."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.fileset import FileSet

from hilum.core.errors import DecodeError, HilumError, TooLargeError, UnsafeArchiveError
from hilum.io.archive import referenced_files, unpack
from hilum.io.limits import Limits
from tests.io.made import film, write


def zipped(path: Path, members: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "private" / "inner"
    place.mkdir(parents=True)
    return place


def everything_below(path: Path) -> set[str]:
    return {str(found.relative_to(path)) for found in path.rglob("*") if found.is_file()}


def test_members_come_out_in_order_with_their_bytes(tmp_path: Path, folder: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"b/two.txt": b"2", "a.txt": b"1", "b\\three.txt": b"3"})
    members = unpack(archive, folder)
    assert [(member.name, member.path.read_bytes()) for member in members] == [
        ("a.txt", b"1"),
        (os.path.join("b", "two.txt"), b"2"),
        (os.path.join("b", "three.txt"), b"3"),
    ] or sorted(member.path.read_bytes() for member in members) == [b"1", b"2", b"3"]
    assert everything_below(folder) == {member.name for member in members}


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/evil", "\\evil", "C:/evil", "c:evil", "..\\evil", "a/..", "//host/evil", "x\0y"],
)
def test_names_that_lead_outside_condemn_the_whole_archive(tmp_path: Path, folder: Path, name: str) -> None:
    archive = zipped(tmp_path / "a.zip", {"good.txt": b"1", "PLACEHOLDER": b"evil"})
    data = archive.read_bytes()
    padded = name.encode().ljust(11, b"/") if len(name) < 11 else name.encode()
    if len(padded) == 11 and not name.endswith(".."):
        archive.write_bytes(data.replace(b"PLACEHOLDER", name.encode() + b"x" * (11 - len(name))))
    else:
        zipped(archive, {"good.txt": b"1", name: b"evil"})
    with pytest.raises(UnsafeArchiveError, match="outside its folder"):
        unpack(archive, folder)
    assert everything_below(tmp_path) == {"a.zip"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(alphabet="ab./\\:\0~ é", min_size=1, max_size=12), min_size=1, max_size=4, unique=True))
def test_whatever_the_names_nothing_lands_outside(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = tmp_path_factory.mktemp("any")
    folder = root / "deep" / "private"
    folder.mkdir(parents=True)
    archive = zipped(root / "a.zip", dict.fromkeys(names, b"x"))
    try:
        members = unpack(archive, folder)
    except HilumError as error:
        said = str(error)
    else:
        said = "a.zip"
        assert all(member.path.resolve().is_relative_to(folder.resolve()) for member in members)
    assert "a.zip" in said
    assert {name for name in everything_below(root) if not name.startswith(os.path.join("deep", "private"))} == {
        "a.zip"
    }


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, folder: Path, kind: int) -> None:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="link or device"):
        unpack(tmp_path / "a.zip", folder)
    assert not everything_below(folder)


def test_a_bomb_is_not_opened(tmp_path: Path, folder: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"zeros": bytes(150_000_000)})
    with pytest.raises(UnsafeArchiveError, match="times its size"):
        unpack(archive, folder)
    assert not everything_below(folder)


def test_members_and_bytes_are_limited(tmp_path: Path, folder: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {f"{number}.txt": bytes(1000) for number in range(5)})
    for limits, words in (
        (Limits(archive_members=4), "5 files"),
        (Limits(archive_bytes=4999), "unpacks to 4.9 KiB"),
        (Limits(file_bytes=999), "file_bytes"),
    ):
        with pytest.raises(TooLargeError, match=words):
            unpack(archive, folder, limits=limits)
    assert not everything_below(folder)
    assert len(unpack(archive, folder, limits=Limits(archive_bytes=5000))) == 5


def test_a_size_that_lies_does_not_flood_the_disk(tmp_path: Path, folder: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": bytes(100_000)})
    data = archive.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(data)
    with pytest.raises(HilumError, match=r"a.zip"):
        unpack(archive, folder)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 100


def test_encrypted_and_damaged_archives_are_told_apart(tmp_path: Path, folder: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": b"12345" * 100})
    data = bytearray(archive.read_bytes())
    encrypted = data.copy()
    encrypted[6] |= 1
    encrypted[data.rfind(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(encrypted)
    with pytest.raises(DecodeError, match="encrypted"):
        unpack(archive, folder)
    for damage in (data[: len(data) // 2], b"PK\x03\x04" + bytes(50), b""):
        archive.write_bytes(damage)
        with pytest.raises(DecodeError, match="damaged"):
            unpack(archive, folder)
    data[40] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DecodeError, match="damaged"):
        unpack(archive, folder)


def test_a_name_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace(b"b2PK", b"a2PK").replace(b"b", b"a"))
    with pytest.raises(UnsafeArchiveError, match="twice"):
        unpack(tmp_path / "a.zip", folder)


def dicomdir(folder: Path) -> Path:
    """A media directory of two films, written by pydicom."""
    files = FileSet()
    for number in (1, 2):
        files.add(
            write(film(number=number, StudyID="1", SeriesNumber=1, InstanceNumber=number), folder / f"{number}.dcm")
        )
    files.write(folder / "media")
    return folder / "media" / "DICOMDIR"


def test_a_media_directory_leads_to_its_files(tmp_path: Path) -> None:
    directory = dicomdir(tmp_path)
    found, refused = referenced_files(directory)
    assert len(found) == 2
    assert refused == ()
    assert all(path.is_relative_to(directory.parent) for path in found)
    found[0].unlink()
    assert [len(part) for part in referenced_files(directory)] == [1, 1]


def test_a_media_directory_does_not_lead_outside(tmp_path: Path) -> None:
    directory = dicomdir(tmp_path)
    inside = referenced_files(directory)[0]
    outside = tmp_path / "secret.dcm"
    outside.write_bytes(inside[0].read_bytes())
    inside[0].unlink()
    inside[0].symlink_to(outside)
    found, refused = referenced_files(directory)
    assert len(found) == 1
    assert len(refused) == 1
    data = directory.read_bytes()
    first = os.path.relpath(inside[1], directory.parent).replace(os.sep, "\\").encode()
    assert first in data
    directory.write_bytes(data.replace(first, b"..\\secret.dcm".ljust(len(first), b" ")[: len(first)]))
    assert referenced_files(directory)[0] == ()
