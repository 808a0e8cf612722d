"""Films in by DICOM, readings out, in processes that die: everything together, as `hilum serve` runs it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")
pytest.importorskip("pynetdicom", reason="the 'serve' extra is not installed")

from hilum.app.serve import ledger, results
from hilum.app.serve.archive_index import CLASSES
from hilum.app.serve.node import Node
from hilum.app.serve.peer import Peer, store_files
from hilum.app.serve.shelf import ArchiveShelf
from tests.app.serve import films
from tests.app.serve.day import Department, until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _import_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    os.environ.pop("HILUM_ODD_NOTES", None)


def sent_by_dicom(ward: Department, port: int, studies: range) -> None:
    """Send two films of each study, the second before the first, some of them twice, from four senders."""
    folder = ward.root / "outgoing"
    folder.mkdir(exist_ok=True)
    batches = []
    for study in studies:
        batch = []
        for number in (2, 1, 2):
            path = folder / f"{study}-{number}.dcm"
            path.write_bytes(films.film_bytes(folder, study, number, PatientID=f"SLOW{study}"))
            batch.append(path)
        batches.append(batch)
    to = Peer("HILUM", "127.0.0.1", port, "MODALITY")
    with ThreadPoolExecutor(4) as senders:
        assert list(senders.map(lambda batch: store_files(to, batch), batches)) == [3] * len(batches)


def test_everything_is_read_once_although_workers_are_killed_and_one_study_is_poison(tmp_path: Path) -> None:
    ward, studies = Department(tmp_path), range(1, 7)
    with (
        Node(ward.archive, classes=CLASSES, port=0, settled=ward.arrivals.settled) as node,
        ward.arrivals,
        ward.workers(2) as crew,
    ):
        ward.send(films.film(99, 1, PatientID="POISON"))
        sent_by_dicom(ward, node.port, studies)
        until(lambda: len(set(ward.reads())) > 2 and crew.pids)
        os.kill(crew.pids[0], signal.SIGKILL)
        until(lambda: ward.states(studies) == {"read"} and ward.state(99) == "quarantined")
        until(lambda: ward.jobs.open_count() == 0)  # its own objects go to the archive after the row says so
    row = ledger.row(ward.archive.database, films.study_uid(99))
    assert "set aside: the worker process ended 3 times" in row.reason
    assert Counter(ward.reads())[films.study_uid(99)] == 3
    for study in studies:
        reading = results.folder_of(tmp_path, films.study_uid(study))
        assert len(results.objects_in(reading, ("gsps",))) == 2  # of both films
        assert len(results.objects_in(reading, ("sr",))) == 1
    everything = [pydicom.dcmread(p, stop_before_pixels=True) for p in ward.archive.layout.instances.rglob("*.dcm")]
    reports = Counter(str(ds.StudyInstanceUID) for ds in everything if ds.Modality == "SR")
    assert reports == Counter({films.study_uid(study): 1 for study in studies})
    ward.close()


def test_results_reach_a_pacs_that_was_down(tmp_path: Path) -> None:
    port = 0
    pacs = films.archive(tmp_path / "pacs")
    with Node(pacs, classes=CLASSES, ae_title="PACS", port=0) as node:
        port = node.port
    to = [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port}]
    ward = Department(tmp_path / "ward", arguments={"destinations": to})
    studies = range(1, 4)
    ward.send(*[films.film(study, 1) for study in studies])
    with ward.arrivals, ward.workers(1, sending=1):
        until(lambda: any(job.state == "again" for job in ward.jobs.rows(kind="deliver")))
        with Node(pacs, classes=CLASSES, ae_title="PACS", port=port):
            until(lambda: ward.states(studies) == {"read"} and ward.jobs.open_count() == 0)
    arrived = [pydicom.dcmread(path) for path in pacs.layout.instances.rglob("*.dcm")]
    assert Counter(str(ds.StudyInstanceUID) for ds in arrived if ds.Modality == "SR") == {
        films.study_uid(study): 1 for study in studies
    }
    ward.close()


def test_a_prior_is_fetched_from_the_pacs_and_compared(tmp_path: Path) -> None:
    """The PACS is dcmtk's: it is asked, sends the earlier study to our node, and both are read."""
    from tests.app.serve.test_node import pacs_at

    ward = Department(tmp_path)
    with (
        Node(ward.archive, classes=CLASSES, port=0, settled=ward.arrivals.settled) as node,
        pacs_at(tmp_path, node.port) as known,
    ):
        earlier = tmp_path / "earlier.dcm"
        earlier.write_bytes(films.film_bytes(tmp_path, 1, 1, PatientID="P", StudyDate="20230101"))
        store_files(known, [earlier])
        peer = {"ae_title": "PACS", "host": "127.0.0.1", "port": known.port}
        ward.arguments = {"prior_peer": peer, "destinations": [{"name": "sender"}]}
        ward.send(films.film(2, 1, PatientID="P"))
        with ward.arrivals, ward.workers(1):
            until(lambda: ward.reads()[-1:] == [films.study_uid(2)] and ward.state(2) == "read")
            until(lambda: ward.jobs.open_count("read") == 0)
    shelf = ArchiveShelf(ward.archive, ward.root)
    assert [visit["id"] for visit in shelf.sheet(films.study_uid(2))["timeline"]] == [
        films.study_uid(1),
        films.study_uid(2),
    ]
    sent_on = {job.order.subject for job in ward.jobs.rows(kind="deliver")}
    assert films.study_uid(1) not in sent_on  # nobody asked for a reading of what we fetched
    assert films.study_uid(2) in sent_on
    ward.close()


@pytest.mark.skipif(not os.environ.get("HILUM_LONG"), reason="minutes long; HILUM_LONG=1 runs it")
def test_two_hundred_studies_survive_kills_of_both_workers(tmp_path: Path) -> None:
    ward, studies = Department(tmp_path), range(1, 201)
    with (
        Node(ward.archive, classes=CLASSES, port=0, settled=ward.arrivals.settled) as node,
        ward.arrivals,
        ward.workers(2) as crew,
    ):
        sent_by_dicom(ward, node.port, studies)
        for wanted in (40, 80, 120):
            until(lambda wanted=wanted: len(set(ward.reads())) > wanted and len(crew.pids) == 2, 600)
            for pid in crew.pids:
                os.kill(pid, signal.SIGKILL)
        until(lambda: ward.states(studies) == {"read"} and ward.jobs.open_count() == 0, 900)
    everything = [pydicom.dcmread(p, stop_before_pixels=True) for p in ward.archive.layout.instances.rglob("*.dcm")]
    reports = Counter(str(ds.StudyInstanceUID) for ds in everything if ds.Modality == "SR")
    assert reports == Counter({films.study_uid(study): 1 for study in studies})
    ward.close()
