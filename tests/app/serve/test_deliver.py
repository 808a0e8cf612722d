"""Results on their way: to a node that is down and comes back, to a DICOMweb server, never round in a circle."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pydicom
import pytest

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")
pytest.importorskip("pynetdicom", reason="the 'serve' extra is not installed")

from hilum.app.serve import ledger, results
from hilum.app.serve.archive_index import CLASSES
from hilum.app.serve.deliver import DELIVER, PATIENT, Deliver, Destination, revision_key, send_to_web
from hilum.app.serve.jobs import Order
from hilum.app.serve.node import Node
from hilum.app.serve.peer import Peer, PeerDownError, PeerRefusedError
from hilum.app.serve.reading import Reader, ReadStudy, deliveries
from hilum.app.serve.work import Answer, Ticket
from hilum.core.errors import InputError, MissingError
from tests.app.serve import films
from tests.app.serve.day import ODD_MODELS, Department


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Department]:
    """One study, read; its results are still here."""
    monkeypatch.setenv("HILUM_ODD_NOTES", str(tmp_path / "notes"))
    for name in [name for name in sys.modules if name.startswith("hilum_plugin_odd_models")]:
        del sys.modules[name]
    made = Department(tmp_path, settle_s=0.0)
    made.send(films.film(1, 1))
    read(made)
    yield made
    made.close()


def read(ward: Department, *to: Destination) -> Answer:
    order = ledger.films_of(ward.archive.database, films.study_uid(1)).order
    body = ReadStudy(ward.archive, ward.root, Reader(f"{ODD_MODELS}:odd"), destinations=to)
    return body.run(Ticket(order, order.id))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def deliver(ward: Department, to: Destination, *, peers: tuple[Peer, ...] = ()) -> Answer:
    orders = deliveries(ward.archive, films.study_uid(1), signature(ward), (to,), own_title="HILUM")
    ticket = Ticket(orders[0], orders[0].id)
    return Deliver(ward.archive, ward.root, (to,), peers=peers).run(ticket)


def signature(ward: Department) -> str:
    return ledger.row(ward.archive.database, films.study_uid(1)).signature


def test_results_wait_for_a_pacs_that_is_down_and_arrive_once(ward: Department, tmp_path: Path) -> None:
    port = free_port()
    to = Destination("pacs", "PACS", "127.0.0.1", port)
    answer = deliver(ward, to)
    assert answer.state == "again"
    assert "does not answer" in answer.reason
    other = films.archive(tmp_path / "pacs")
    with Node(other, classes=CLASSES, ae_title="PACS", port=port):
        for _ in range(2):  # sent twice, it is there once
            assert deliver(ward, to).state == "done"
    sent = sorted(path.name for path in results.objects_in(results.folder_of(ward.root, films.study_uid(1)), to.send))
    headers = [pydicom.dcmread(path) for path in other.layout.instances.rglob("*.dcm")]
    assert len(headers) == len(sent) >= 2
    assert {ds.StudyInstanceUID for ds in headers} == {films.study_uid(1)}
    assert ledger.row(other.database, films.study_uid(1)).state == "unread"  # and is not read there


def test_results_go_back_to_the_sender_where_it_is_known(ward: Department, tmp_path: Path) -> None:
    to = Destination("sender")
    with pytest.raises(MissingError, match=r"MODALITY.*known peers"):
        deliver(ward, to)
    other = films.archive(tmp_path / "modality")
    with Node(other, classes=CLASSES, ae_title="MODALITY", port=0) as node:
        known = Peer("MODALITY", "127.0.0.1", node.port)
        assert deliver(ward, to, peers=(known,)).state == "done"
    assert list(other.layout.instances.rglob("*.dcm"))


def test_a_reading_that_was_overtaken_is_not_sent(ward: Department) -> None:
    to = Destination("pacs", "PACS", "127.0.0.1", free_port())
    order = Order(DELIVER, films.study_uid(1), "old pacs", {"destination": "pacs", "signature": "old"})
    answer = Deliver(ward.archive, ward.root, (to,)).run(Ticket(order, order.id))
    assert (answer.state, answer.reason) == ("done", "not sent: a newer reading takes its place")
    gone = Order(DELIVER, films.study_uid(1), "k", {"destination": "elsewhere", "signature": "k"})
    with pytest.raises(MissingError, match="no destination"):
        Deliver(ward.archive, ward.root, (to,)).run(Ticket(gone, gone.id))


def test_reading_orders_a_delivery_per_destination_and_none_for_what_we_fetched(ward: Department) -> None:
    to = (Destination("a", "A", "h", 1), Destination("b", url="http://h/dicom-web"))
    answer = read(ward, *to)
    assert [order.details["destination"] for order in answer.then] == ["a", "b"]
    assert len({order.id for order in answer.then}) == 2
    assert read(ward, *to).then == answer.then
    ward.send(films.film(2, 1), source="PACS for HILUM")
    key = ledger.films_of(ward.archive.database, films.study_uid(2)).signature
    assert deliveries(ward.archive, films.study_uid(2), key, to, own_title="HILUM") == ()
    assert len(deliveries(ward.archive, films.study_uid(2), key, to, own_title="OTHER")) == 2


class Web(ThreadingHTTPServer):
    """A STOW-RS server that answers as it is told and keeps what it was sent."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers, self.got = list(answers), []  # type: ignore[var-annotated]
        super().__init__(("127.0.0.1", 0), _Stow)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/dicom-web/"


class _Stow(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status, told = self.server.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *words: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def test_results_go_to_a_dicomweb_server(ward: Department, web: Web) -> None:
    web.answers[:] = [(503, {}), (200, {"00081199": {"vr": "SQ"}})]
    to = Destination("web", url=web.url, token="secret", send=("sr",))
    assert deliver(ward, to).state == "again"
    assert deliver(ward, to).state == "done"
    path, headers, body = web.got[1]
    assert path == "/dicom-web/studies"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')
    sr = (results.folder_of(ward.root, films.study_uid(1)) / "report-sr.dcm").read_bytes()
    boundary = headers["Content-Type"].partition("boundary=")[2]
    parts = body.split(f"--{boundary}".encode())
    assert parts[1] == b"\r\nContent-Type: application/dicom\r\n\r\n" + sr + b"\r\n"
    assert parts[2] == b"--\r\n"
    assert "secret" not in repr(to)


def test_a_dicomweb_server_that_refuses_is_not_asked_again(ward: Department, web: Web) -> None:
    failed = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [272]}}]}}
    web.answers[:] = [(409, failed), (202, failed), (401, {}), (429, {})]
    sr = results.objects_in(results.folder_of(ward.root, films.study_uid(1)), ("sr",))
    for status in ("409, 1 objects failed \\(0110\\)", "202, 1 objects", "401"):
        with pytest.raises(PeerRefusedError, match=status):
            send_to_web(web.url, sr)
    with pytest.raises(PeerDownError, match="429"):
        send_to_web(web.url, sr)
    with pytest.raises(PeerDownError, match="does not answer"):
        send_to_web(f"http://127.0.0.1:{free_port()}", sr)


@pytest.mark.parametrize(
    "told", [{}, {"ae_title": "A"}, {"ae_title": "A", "host": "h", "port": 1, "url": "http://h"}, {"url": "ftp://h"}]
)
def test_a_destination_is_one_thing_or_the_other(told: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="destination 'x'"):
        Destination("x", **told)


def test_sending_is_patient_for_a_weekend() -> None:
    assert sum(PATIENT.wait_s(attempt) for attempt in range(1, PATIENT.attempts)) > 48 * 3600
    assert revision_key("a", 1) != revision_key("a", 2)
