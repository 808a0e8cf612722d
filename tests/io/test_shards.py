"""Tar shards: read back as written, read by Python's own tarfile, the same bytes twice, and honest about damage."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import DecodeError, InputError
from hilum.io.shards import digest, members, read_member, samples, write_shard

KEYS = st.text("abcXYZ019-_", min_size=1, max_size=12)
KINDS = st.sampled_from(["json", "txt", "pa.png", "ll.png", "pa.soft.png"])
SAMPLES = st.dictionaries(KEYS, st.dictionaries(KINDS, st.binary(max_size=900), min_size=1, max_size=4), max_size=6)


@given(made=SAMPLES)
def test_what_is_written_is_read_back_in_order(made: dict[str, dict[str, bytes]], tmp_path_factory: object) -> None:
    place = tmp_path_factory.mktemp("shards") / "a.tar"  # type: ignore[attr-defined]
    write_shard(place, made.items())
    assert list(samples(place)) == list(made.items())


def test_python_reads_it_and_sees_no_clock_or_user(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", [("p-1", {"json": b"{}", "pa.png": b"png"}), ("p-2", {"json": b"[]"})])
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames() == ["p-1.json", "p-1.pa.png", "p-2.json"]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in tar} == {(0, 0, 0, "", "")}
        taken = tar.extractfile("p-1.pa.png")
        assert taken is not None
        assert taken.read() == b"png"


def test_the_same_samples_give_the_same_bytes_in_any_order_of_kinds(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "a.tar", [("p", {"json": b"1", "txt": b"2"})])
    two = write_shard(tmp_path / "b.tar", [("p", {"txt": b"2", "json": b"1"})])
    assert one == two == digest(tmp_path / "b.tar")


def test_only_the_asked_kinds_are_read(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", [("p", {"json": b"1", "pa.png": b"2"}), ("q", {"json": b"3"})])
    assert list(samples(tmp_path / "a.tar", ["json"])) == [("p", {"json": b"1"}), ("q", {"json": b"3"})]
    assert list(samples(tmp_path / "a.tar", ["pa.png"])) == [("p", {"pa.png": b"2"})]


@pytest.mark.parametrize("key", ["", "a.b", "../x", "a/b", "ä", "x" * 120])
def test_names_that_would_not_come_back_are_refused_and_nothing_is_left(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=r"cannot be a name|holds a dot"):
        write_shard(tmp_path / "a.tar", [(key, {"json": b""})])
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="comes twice"):
        write_shard(tmp_path / "a.tar", [("p", {"json": b""}), ("p", {"json": b""})])


def test_a_fault_while_samples_come_leaves_the_old_shard(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", [("p", {"json": b"old"})])

    def failing() -> object:
        yield "p", {"json": b"new"}
        raise RuntimeError("power")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "a.tar", failing())  # type: ignore[arg-type]
    assert list(samples(tmp_path / "a.tar")) == [("p", {"json": b"old"})]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_damage_is_told_apart_from_an_end(tmp_path: Path) -> None:
    place = tmp_path / "a.tar"
    write_shard(place, [("p", {"json": b"x" * 4000}), ("q", {"json": b"y" * 4000})])
    whole = place.read_bytes()
    for length in (700, 3000, 6000):
        place.write_bytes(whole[:length])
        with pytest.raises(DecodeError):
            list(samples(place))
    place.write_bytes(b"not a tar file at all" * 100)
    with pytest.raises(DecodeError, match="cannot be read as a tar shard"):
        list(members(place))


def test_a_member_is_found_by_its_offset_and_a_cut_file_is_said(tmp_path: Path) -> None:
    place = tmp_path / "a.tar"
    write_shard(place, [("p", {"json": b"abc", "txt": b"defg"})])
    found = {member.kind: member for member in members(place)}
    assert read_member(place, found["txt"]) == b"defg"
    assert found["txt"].key == "p"
    place.write_bytes(place.read_bytes()[: found["txt"].offset + 2])
    with pytest.raises(DecodeError, match="not whole"):
        read_member(place, found["txt"])


def test_a_hostile_tar_does_not_get_a_path_through(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/passwd.json"))
    with pytest.raises(DecodeError, match="strange name"):
        list(members(tmp_path / "a.tar"))
