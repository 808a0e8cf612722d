"""Reports in XML and in archives: read member by member, and no hostile file gets far."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from hilum.app import report_archives
from hilum.app.report_row import NoReportError, Row
from hilum.app.report_rows import rows_of
from hilum.app.report_xml import report_of_xml
from hilum.core.errors import InputError


def openi(name: str, findings: str, impression: str = "", head: str = "") -> bytes:
    """One report in the Open-i layout."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<eCitation><uId id="{name}"/><MedlineCitation><Article><Abstract>'
        '<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION"/>'
        f'<AbstractText Label="FINDINGS">{findings}</AbstractText>'
        f'<AbstractText Label="IMPRESSION">{impression}</AbstractText>'
        "</Abstract></Article></MedlineCitation></eCitation>"
    ).encode()


def tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def read(path: Path) -> tuple[list[Row], list[str]]:
    notes: list[str] = []
    return list(rows_of(path, None, notes)), notes


def test_an_xml_report_gives_its_id_and_sections() -> None:
    row = report_of_xml(openi("CXR9", "Heart &amp; lungs\n   are clear.", "Normal."), "9.xml")
    assert row == Row("CXR9", {"comparison": "None.", "findings": "Heart & lungs are clear.", "impression": "Normal."})


def test_a_label_of_none_of_the_sections_is_still_read() -> None:
    data = b'<r><AbstractText Label="Chest two views">Clear.</AbstractText></r>'
    assert report_of_xml(data, "a.xml") == Row("a", {"findings": "Clear."})
    assert report_of_xml(b"<r><AbstractText>Clear.</AbstractText></r>", "a.xml") == Row("a", "Clear.")


def test_xml_without_words_or_without_a_report() -> None:
    assert report_of_xml(openi("CXR9", "", ""), "9.xml").error == "9.xml holds no text"
    with pytest.raises(NoReportError, match="AbstractText"):
        report_of_xml(b"<settings><a/></settings>", "s.xml")
    with pytest.raises(InputError, match="not XML"):
        report_of_xml(b"<a><b></a>", "s.xml")


LAUGHS = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("head", [LAUGHS, '<!DOCTYPE r SYSTEM "file:///etc/passwd">', "<!DOCTYPE r>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_and_entities_are_refused(head: str, encoding: str) -> None:
    text = openi("x", "Clear.", head=head).decode().replace('encoding="utf-8"', f'encoding="{encoding}"')
    with pytest.raises(InputError, match="document type"):
        report_of_xml(text.encode(encoding), "x.xml")


@pytest.mark.parametrize("kind", ["a.tgz", "a.tar.gz", "a.tar", "a.zip"])
def test_archives_are_read_member_by_member(tmp_path: Path, kind: str) -> None:
    members = {
        "d/1.xml": openi("CXR1", "Small effusion."),
        "d/2.txt": b"No effusion.",
        "d/readme.md": b"read me",
        "d/3.xml": b"<other/>",
        "d/4.xml": b"<broken",
        "d/5.txt": b"",
    }
    path = tmp_path / kind
    if kind == "a.zip":
        zipped(path, members)
    else:
        tar(path, members, "w" if kind == "a.tar" else "w:gz")
    rows, notes = read(path)
    assert {row.id: row.text for row in rows if not row.error} == {
        "CXR1": {"comparison": "None.", "findings": "Small effusion."},
        "d/2": "No effusion.",
    }
    assert {row.id for row in rows if row.error} == {"d/4", "d/5"}
    (note,) = notes
    assert "2 members are no reports" in note
    assert [each.name for each in tmp_path.iterdir()] == [kind]  # nothing was unpacked


def test_names_that_climb_out_are_only_ids(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tgz", {"../../../x.txt": b"No effusion.", "/abs\x1b[31m.txt": b"Clear lungs."})
    rows, _ = read(path)
    assert [row.id for row in rows] == ["../../../x", "/abs[31m"]
    assert [each.name for each in tmp_path.iterdir()] == ["a.tgz"]


def test_links_and_folders_of_a_tar_are_no_reports(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("link.txt")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert read(path) == ([], [])


@pytest.mark.parametrize("kind", ["a.tgz", "a.zip"])
def test_a_member_too_large_is_a_row_and_the_next_is_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_archives, "LARGEST", 1000)
    members = {"1.txt": b"x" * 1001, "2.txt": b"No effusion."}
    path = (zipped if kind == "a.zip" else tar)(tmp_path / kind, members)
    rows, _ = read(path)
    assert "more than 1,000 bytes" in rows[0].error
    assert rows[1] == Row("2", "No effusion.")


def test_a_tar_that_unpacks_to_far_more_is_stopped(tmp_path: Path) -> None:
    """A header block that claims to be 64 MB long, of which a gzip file holds almost nothing."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 64 * 1024 * 1024
    path = tmp_path / "a.tgz"
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf())
        for _ in range(64):
            file.write(bytes(1024 * 1024))
    (row,), _ = read(path)
    assert "unpacks to more than its members account for" in row.error


def test_a_zip_whose_members_are_more_than_allowed_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_archives, "_ALL", 100)
    monkeypatch.setattr(report_archives, "_MEMBERS", 5)
    rows, _ = read(zipped(tmp_path / "a.zip", {f"{n}.txt": b"No effusion. " * 3 for n in range(4)}))
    assert [bool(row.error) for row in rows] == [False, False, True]
    rows, _ = read(zipped(tmp_path / "b.zip", {f"{n}.txt": b"x" for n in range(9)}))
    assert "more than 5 members" in rows[-1].error


@pytest.mark.parametrize("kind", ["a.tgz", "a.zip"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_archive_is_a_row(tmp_path: Path, kind: str, share: float) -> None:
    members = {f"{n}.xml": openi(f"CXR{n}", f"Nodule of {n} mm. " * (n % 7 + 1)) for n in range(200)}
    path = (zipped if kind == "a.zip" else tar)(tmp_path / kind, members)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    rows, _ = read(path)
    assert rows[-1].error
    assert not any(row.error for row in rows[:-1])


def test_an_encrypted_zip_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"1.txt": b"No effusion."})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)
    (row,), _ = read(path)
    assert "encrypted" in row.error


def test_the_open_i_archive_holds_the_reports_of_the_table(pack: Path) -> None:
    """The real archive: the same ids as the table beside it, and the same words in both sections."""
    table = {row.id: row for row in rows_of(pack / "openi" / "gold_findings.csv", None, [])}
    notes: list[str] = []
    archive = {row.id: row for row in rows_of(pack / "openi" / "reports.tgz", None, notes)}
    assert set(archive) == set(table)
    assert notes == []
    assert {name for name, row in archive.items() if row.error} == {name for name, row in table.items() if row.error}
    differ = [
        name
        for name, row in table.items()
        for section in ("findings", "impression")
        if not row.error and _squeezed(archive[name], section) != _squeezed(row, section)
    ]
    assert differ == []  # ids only: a failure prints no report


def _squeezed(row: Row, section: str) -> str:
    return "".join(row.text.get(section, "").split()) if isinstance(row.text, dict) else ""
