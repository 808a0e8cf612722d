"""Open-i reports from made XML, archives and tables; hostile files; and the real collection where it is."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import pytest

from hilum.core.check import check
from hilum.core.errors import InputError, MissingError
from hilum.data.openi import from_xml, openi, reports

XML = """<?xml version="1.0"?><eCitation><uId id="{id}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Cough</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">{impression}</AbstractText>
</Abstract></Article></MedlineCitation><MeSH>{codes}</MeSH></eCitation>"""


def xml(
    name="CXR1", findings="Large  right effusion.", impression="Effusion.", codes=("Pleural Effusion/right/large",)
):
    majors = "".join(f"<major>{code}</major>" for code in codes)
    return XML.format(id=name, findings=findings, impression=impression, codes=majors).encode()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def test_a_report_is_read_by_section_with_its_codes() -> None:
    made = from_xml(xml(), "1.xml")
    assert made.id == "CXR1"
    assert made.report.findings == "Large right effusion."
    assert made.report.indication == "Cough"
    assert made.codes == ("Pleural Effusion/right/large",)
    assert made.labels == {"Effusion"}
    assert made.concepts == ("pleural effusion",)
    assert made.scorable


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        (("Thickening/pleura/apex",), {"Pleural_Thickening"}),
        (("Thickening/bronchi",), set()),  # bronchial walls, not pleura
        (("Hydropneumothorax/left",), {"Effusion", "Pneumothorax"}),
        (("Pericardial Effusion",), set()),  # a trap of the published projection
        (("Hernia, Hiatal/large",), {"Hernia"}),  # another one: all zero there
        (("normal",), set()),
    ],
)
def test_codes_lead_to_labels(codes: tuple[str, ...], labels: set[str]) -> None:
    assert from_xml(xml(codes=codes), "x").labels == labels


def test_what_was_not_indexed_or_has_no_text_is_not_scorable() -> None:
    assert not from_xml(xml(codes=("No Indexing",)), "x").scorable
    assert not from_xml(xml(findings="", impression=""), "x").scorable


def test_reports_of_one_text_are_of_one_half_whatever_their_case_and_spacing() -> None:
    one, two = from_xml(xml(), "x"), from_xml(xml("CXR2", "large RIGHT effusion", "effusion"), "y")
    assert one.group == two.group
    assert one.half == two.half


def test_folders_and_archives_give_the_same_reports_in_order(tmp_path: Path) -> None:
    files = {f"ecgen-radiology/{n}.xml": xml(f"CXR{n}") for n in (2, 10, 1)}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert [each.id for each in reports(tmp_path)] == ["CXR1", "CXR2", "CXR10"]
    packed = archive(tmp_path / "reports.tgz", {**files, "ecgen-radiology/notes.txt": b"no report"})
    assert list(reports(packed)) == [from_xml(content, name) for name, content in files.items()]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<a>", "not XML"),
        (b"<a/>", "no uId"),
        (b'<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>', "entities"),
        (b"<a>" + b"x" * (1 << 20) + b"</a>", "no Open-i report is over"),
        (b"\x00\x01\x02", "not XML"),
        (b"<a><uId/></a>", "no uId"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(content: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        from_xml(content, "7.xml")


def test_a_cut_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = archive(tmp_path / "reports.tgz", {f"{n}.xml": xml(f"CXR{n}") for n in range(50)})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="copy the archive anew"):
        list(reports(path))


def test_a_folder_without_reports_says_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="torchxrayvision"):
        list(reports(tmp_path))
    (tmp_path / "gold_findings.csv").write_text("report_id,findings\n")
    with pytest.raises(InputError, match="no column 'mesh_major'"):
        list(reports(tmp_path))


def test_the_cohort_passes_the_common_checks(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(xml())
    (tmp_path / "2.xml").write_bytes(xml("CXR2", codes=("normal",)))
    verdicts = check(openi, root=tmp_path)
    assert [v for v in verdicts if not v.passed] == []
    assert [[f.concept for f in study.findings] for study in openi(tmp_path)] == [["pleural effusion"], []]


def test_the_real_table_and_archive_agree_and_so_do_the_halves(pack: Path) -> None:
    table = {each.id: each for each in reports(pack)}
    packed = {each.id: each for each in reports(pack / "openi" / "reports.tgz")}
    assert table.keys() == packed.keys()
    assert [name for name in table if table[name].codes != packed[name].codes] == []
    with (pack / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["report_id"]: row["text_hash"] for row in rows if row["gold_status"] == "ok"} == {
        name: each.group for name, each in table.items() if each.scorable
    }


def test_the_labels_are_those_of_the_published_projection_but_for_its_faults(pack: Path) -> None:
    """NegBio's projection of the codes: Hernia (all zero) and Pleural_Thickening (all thickening) are left out."""
    with (pack / "openi" / "gold_labels14.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["filename"]: row for row in csv.DictReader(file)}
    ours = {each.id: each for each in reports(pack) if each.scorable and each.id in rows}
    columns = [name for name in next(iter(rows.values())) if name not in ("filename", "normal", "Hernia")]
    columns.remove("Pleural_Thickening")
    assert len(columns) == 12
    assert len(ours) > 2900
    differ = {
        (name, column)
        for name, each in ours.items()
        for column in columns
        if (rows[name][column] == "1") != (column in each.labels)
    }
    ours_alone = {"Hydropneumothorax": {"Effusion", "Pneumothorax"}, "Bullous Emphysema": {"Emphysema"}}
    theirs_alone = {"Pericardial Effusion": {"Effusion"}}
    for name, column in differ:
        heads = {code.split("/")[0] for code in ours[name].codes}
        known = ours_alone if column in ours[name].labels else theirs_alone
        assert any(column in known.get(head, ()) for head in heads), (name, column)


def test_a_damaged_table_is_refused_with_its_line(tmp_path: Path) -> None:
    head = "report_id,findings,impression,indication,comparison,mesh_major\n"
    (tmp_path / "gold_findings.csv").write_text(f"{head}CXR1,Clear.,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2 has not one cell for each column"):
        list(reports(tmp_path))
    (tmp_path / "gold_findings.csv").write_bytes(head.encode() + b"CXR1,caf\xe9,x,x,x,normal\n")
    with pytest.raises(InputError, match="cannot be read after line"):
        list(reports(tmp_path))
