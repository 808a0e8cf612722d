"""Questions to the node: C-FIND and C-MOVE by our own client and by dcmtk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

pytest.importorskip("pynetdicom", reason="the node needs hilum[serve]")
from hilum.app.serve.archive_index import CLASSES
from hilum.app.serve.node import Node
from hilum.app.serve.node_query import Questions
from hilum.app.serve.peer import Peer, PeerRefusedError, find_studies, move_study
from tests.app.serve import films

Ask = Callable[..., str]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[films.Archive, Node]]:
    """Another node with an archive of its own, where films can be moved to."""
    kept = films.archive(tmp_path / "other")
    with Node(kept, classes=CLASSES, ae_title="OTHER", port=0) as node:
        yield kept, node
    kept.database.close()


@pytest.fixture
def node(archive: films.Archive, other: tuple[films.Archive, Node], tmp_path: Path) -> Iterator[Node]:
    """A node with three studies of two patients: 2, 1 and 1 films, the last one RLE-compressed."""
    for study, number, patient in ((1, 1, "P1"), (1, 2, "P1"), (2, 1, "P1"), (3, 1, "P3")):
        made = films.film(study, number, PatientID=patient, PatientName=f"Name^{patient}", StudyDate=f"2024010{study}")
        path = tmp_path / "one.dcm"
        path.write_bytes(films.part10(made, tmp_path))
        if study == 3:
            packed = pydicom.dcmread(path)
            packed.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
            packed.save_as(path)
        archive.store(path, source="test")
    questions = Questions(archive, {"OTHER": ("127.0.0.1", other[1].port)})
    with Node(archive, classes=CLASSES, port=0, questions=questions) as made_node:
        yield made_node


def peer(node: Node) -> Peer:
    return Peer("HILUM", "127.0.0.1", node.port, "ASKER")


def uids(kept: films.Archive) -> set[str]:
    from hilum.app.serve.archive_query import Query

    return {str(row["SOPInstanceUID"]) for row in kept.instances(Query()).rows}


@pytest.mark.parametrize(
    "query, studies",
    [
        ({"PatientID": "P1"}, {1, 2}),
        ({"PatientID": "P*"}, {1, 2, 3}),
        ({"PatientName": "name^p3"}, {3}),
        ({"StudyDate": "20240102-"}, {2, 3}),
        ({"StudyInstanceUID": f"{films.study_uid(1)}\\{films.study_uid(3)}"}, {1, 3}),
        ({"PatientID": "nobody"}, set()),
    ],
)
def test_studies_are_found(node: Node, query: dict[str, str], studies: set[int]) -> None:
    found = find_studies(peer(node), query)
    assert {each["StudyInstanceUID"] for each in found} == {films.study_uid(study) for study in studies}


def test_what_is_not_indexed_is_empty_and_counts_are_right(node: Node) -> None:
    (found,) = find_studies(peer(node), {"StudyInstanceUID": films.study_uid(1)})
    assert found["NumberOfStudyRelatedInstances"] == "2"
    assert found["PatientID"] == "P1"


def test_a_study_is_moved_to_a_peer_and_to_nobody_else(node: Node, other: tuple[films.Archive, Node]) -> None:
    assert move_study(peer(node), films.study_uid(1), "OTHER") == 2
    assert uids(other[0]) == {films.sop_uid(1, 1), films.sop_uid(1, 2)}
    assert move_study(peer(node), films.study_uid(3), "OTHER") == 1, "compressed films go as they are"
    with pytest.raises(PeerRefusedError):
        move_study(peer(node), films.study_uid(1), "STRANGER")


@pytest.fixture
def dcmtk(node: Node) -> Ask:
    """Run one of dcmtk's own tools against the node; its exit status and words."""

    def ask(tool: str, *words: str, level: str = "STUDY") -> str:
        path = next((p for p in (Path(f"/usr/bin/{tool}"), Path(f"/usr/local/bin/{tool}")) if p.is_file()), None)
        if path is None or shutil.which("dcmdump") is None:
            pytest.skip(f"{tool} of dcmtk is not installed")
        asked = [str(path), "-v", "-S", "-aec", "HILUM", "-aet", "ASKER", *words, "127.0.0.1", str(node.port)]
        ran = subprocess.run(
            [*asked, "-k", f"QueryRetrieveLevel={level}"], capture_output=True, text=True, timeout=60, check=False
        )
        return f"{ran.returncode}\n{ran.stdout}{ran.stderr}"

    return ask


def test_findscu(dcmtk: Ask) -> None:
    said = dcmtk("findscu", "-k", "StudyInstanceUID", "-k", "PatientID=P1", "-k", "ModalitiesInStudy")
    assert said.startswith("0\n")
    assert {films.study_uid(1), films.study_uid(2)} <= set(said.replace("[", " ").replace("]", " ").split())
    assert films.study_uid(3) not in said.replace("[", " ").replace("]", " ").split()
    by_patient = dcmtk("findscu", "-P", "-k", "PatientID=P*", level="PATIENT")
    assert by_patient.count("[P1") == 1
    instances = dcmtk("findscu", "-k", f"StudyInstanceUID={films.study_uid(1)}", "-k", "SOPInstanceUID", level="IMAGE")
    assert films.sop_uid(1, 1) in instances
    assert films.sop_uid(1, 2) in instances


def test_findscu_with_a_level_that_is_none(dcmtk: Ask) -> None:
    assert "DataSetDoesNotMatchSOPClass" in dcmtk("findscu", "-k", "PatientID=P1", level="PLANET")  # A900


def test_movescu(dcmtk: Ask, other: tuple[films.Archive, Node]) -> None:
    said = dcmtk("movescu", "-aem", "OTHER", "-k", f"StudyInstanceUID={films.study_uid(2)}")
    assert said.startswith("0\n"), said
    assert uids(other[0]) == {films.sop_uid(2, 1)}
    single = ("-k", f"StudyInstanceUID={films.study_uid(1)}", "-k", f"SeriesInstanceUID={films.series_uid(1)}")
    dcmtk("movescu", "-aem", "OTHER", *single, "-k", f"SOPInstanceUID={films.sop_uid(1, 2)}", level="IMAGE")
    assert films.sop_uid(1, 2) in uids(other[0])
    assert films.sop_uid(1, 1) not in uids(other[0])


def test_without_questions_nobody_is_answered(archive: films.Archive) -> None:
    with Node(archive, classes=CLASSES, port=0) as quiet, pytest.raises(PeerRefusedError, match="does not take"):
        find_studies(peer(quiet), {"PatientID": "P1"})


def test_an_open_port_answers_no_questions(tmp_path: Path) -> None:
    from hilum.app.serve.department import Department
    from hilum.app.serve.settings import load

    told: dict[str, Any] = {"root": str(tmp_path), "work.enabled": False, "dicom.host": "0.0.0.0", "dicom.port": 0}
    for more, answered in (({}, False), ({"dicom.calling": ["ASKER"]}, True), ({"dicom.host": "127.0.0.1"}, True)):
        made = Department(load(None, {**told, **more}))
        try:
            assert made.node is not None
            assert (made.node._questions is not None) is answered, more
        finally:
            made.close()
