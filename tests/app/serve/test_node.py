"""The DICOM node with real associations on free loopback ports: our own SCU, dcmtk's tools, and bare sockets."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest

pytest.importorskip("pynetdicom", reason="the 'serve' extra is not installed")

from hilum.app.serve.archive_index import CLASSES, InstanceRefusedError
from hilum.app.serve.database import FullError, UnavailableError
from hilum.app.serve.node import OUT_OF_RESOURCES, SYNTAXES, Bounds, Node, entity, status_of
from hilum.app.serve.peer import Peer, PeerDownError, PeerRefusedError, echo, find_studies, move_study, store_files
from hilum.core.errors import InputError
from hilum.io import decode
from tests.app.serve import films
from tests.app.serve.day import EXAMPLE, ROOT, until

Start = Callable[..., Node]
RLE = "1.2.840.10008.1.2.5"


@pytest.fixture
def start(archive: films.Archive) -> Iterator[Start]:
    """Start nodes over the archive on free ports; all stop with the test."""
    made: list[Node] = []

    def begin(**more: Any) -> Node:
        node = Node(archive, **{"classes": CLASSES, "port": 0, **more}).start()
        made.append(node)
        return node

    yield begin
    for node in made:
        node.stop()


def peer(node: Node, title: str = "HILUM", **more: Any) -> Peer:
    return Peer(title, "127.0.0.1", node.port, "MODALITY", **{"patience_s": 20.0, **more})


def saved(folder: Path, study: int = 1, number: int = 1, **changes: Any) -> Path:
    path = folder / f"film-{study}-{number}.dcm"
    path.write_bytes(films.film_bytes(folder, study, number, **changes))
    return path


def kept(archive: films.Archive) -> int:
    return len(list(archive.layout.instances.rglob("*.dcm")))


def test_what_is_acknowledged_is_on_the_disk(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    settled: list[frozenset[str]] = []
    node = start(settled=settled.append)
    echo(peer(node))
    files = [saved(tmp_path, study, number) for study in (1, 2) for number in (1, 2)]
    assert store_files(peer(node), files) == 4
    assert kept(archive) == 4
    until(lambda: settled)
    assert settled == [{films.study_uid(1), films.study_uid(2)}]
    sent = pydicom.dcmread(files[0])
    here = pydicom.dcmread(archive.path(films.sop_uid(1, 1)))
    assert here.PixelData == sent.PixelData
    assert here.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID


def test_sent_again_and_out_of_order_nothing_is_doubled(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    node = start()
    files = [saved(tmp_path, 1, number) for number in (3, 1, 2)]
    for _ in range(2):
        assert store_files(peer(node), files) == 3
    assert kept(archive) == 3


def test_eight_senders_at_a_time_lose_nothing(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    node = start()
    batches = [[saved(tmp_path, study, number) for number in range(1, 6)] for study in range(1, 9)]
    with ThreadPoolExecutor(8) as senders:
        assert list(senders.map(lambda batch: store_files(peer(node), batch), batches)) == [5] * 8
    assert kept(archive) == 40


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", RLE, "example"])
def test_films_are_kept_in_the_syntax_they_come_in(
    start: Start, archive: films.Archive, tmp_path: Path, syntax: str
) -> None:
    path = EXAMPLE
    if syntax == RLE:
        ds = films.film()
        path = tmp_path / "rle.dcm"
        path.write_bytes(films.part10(ds, tmp_path))
        ds = pydicom.dcmread(path)
        ds.compress(RLE, generate_instance_uid=False)
        ds.save_as(path)
    elif syntax != "example":
        path = tmp_path / "plain.dcm"
        path.write_bytes(films.part10(films.film(), tmp_path, syntax))
    sent = pydicom.dcmread(path)
    assert store_files(peer(start()), [path]) == 1
    here = pydicom.dcmread(archive.path(sent.SOPInstanceUID))
    if syntax != "1.2.840.10008.1.2":  # proposed with Explicit VR Little Endian, which the node likes better
        assert here.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    assert (here.pixel_array == sent.pixel_array).all()


def test_it_offers_every_syntax_that_can_be_decoded() -> None:
    assert set(SYNTAXES) == {*decode._NATIVE, decode.RLE, *decode._PROCESS}
    assert len(SYNTAXES) == len(set(SYNTAXES))


def test_no_room_is_said_to_be_no_room(tmp_path: Path) -> None:
    full = films.archive(tmp_path, spare_bytes=2**62)
    with Node(full, classes=CLASSES, port=0) as node, pytest.raises(PeerDownError, match="A700"):
        store_files(peer(node), [saved(tmp_path)])
    assert kept(full) == 0


def test_what_will_never_do_is_refused_with_its_reason(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    node = start()
    other = films.film(StudyInstanceUID="no uid")
    path = tmp_path / "bad.dcm"
    path.write_bytes(films.part10(other, tmp_path))
    with pytest.raises(PeerRefusedError, match=r"A900.*StudyInstanceUID"):
        store_files(peer(node), [path, saved(tmp_path, 2)])
    assert kept(archive) == 1  # the other one was taken
    ct = films.film(SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    path.write_bytes(films.part10(ct, tmp_path))
    with pytest.raises(PeerRefusedError, match="CT Image Storage"):
        store_files(peer(node), [path])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FullError("full"), OUT_OF_RESOURCES),
        (UnavailableError("away"), OUT_OF_RESOURCES),
        (OSError(28, "No space left on device"), OUT_OF_RESOURCES),
        (OSError(5, "Input/output error"), 0x0110),
        (InstanceRefusedError("no", failure=0xA900), 0xA900),
        (InputError("no"), 0xC000),
        (ValueError("?"), 0x0110),
    ],
)
def test_statuses_say_whether_to_send_again(error: Exception, status: int) -> None:
    assert status_of(error)[0] == status


def test_who_may_call_and_how(start: Start) -> None:
    node = start(calling=("MODALITY",))
    echo(peer(node))
    with pytest.raises(PeerRefusedError, match="alling AE title"):
        echo(Peer("HILUM", "127.0.0.1", node.port, "STRANGER"))
    with pytest.raises(PeerRefusedError, match="Called AE title"):
        echo(peer(node, "ELSEWHERE"))
    with pytest.raises(PeerRefusedError, match="FIND"):
        find_studies(peer(node), {"PatientID": "P1"})
    with pytest.raises(PeerRefusedError, match="MOVE"):
        move_study(peer(node), "1.2.3", "HILUM")


def test_a_peer_that_is_not_there_may_come_back() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(PeerDownError, match="does not answer"):
            echo(Peer("PACS", "127.0.0.1", free.getsockname()[1]))


@pytest.mark.parametrize("title", ["", "x" * 17, "Ä", "a\\b"])
def test_ae_titles_are_checked(title: str) -> None:
    with pytest.raises(InputError, match="AE title"):
        entity(title, Bounds())


def test_a_taken_port_is_said_in_words(start: Start, archive: films.Archive) -> None:
    node = start()
    with pytest.raises(InputError, match="cannot listen"):
        Node(archive, classes=CLASSES, port=node.port).start()


def test_a_request_that_never_ends_is_cut(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    node = start(bounds=Bounds(instance_bytes=1000))
    with pytest.raises(PeerDownError):
        store_files(peer(node), [saved(tmp_path)])
    assert kept(archive) == 0


def test_silent_and_broken_connections_leave_nothing_and_hold_nobody_up(
    start: Start, archive: films.Archive, tmp_path: Path
) -> None:
    node = start(bounds=Bounds(associations=3, negotiation_s=1.0, silence_s=1.0))
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(3)]
    begun = _half_a_film(node.port, saved(tmp_path))  # sends the beginning of a PDU, then nothing
    ends = [one.recv(100) for one in silent]  # the node ends them by itself
    assert ends == [b"", b"", b""]
    begun.settimeout(20)
    while begun.recv(4096):
        pass
    until(lambda: store_files(peer(node), [saved(tmp_path, 2)]) == 1)
    assert kept(archive) == 1
    assert not list(archive.layout.incoming.iterdir())


def test_a_pdu_longer_than_agreed_is_not_taken(start: Start, tmp_path: Path) -> None:
    node = start(bounds=Bounds(negotiation_s=5.0, silence_s=60.0))
    with socket.create_connection(("127.0.0.1", node.port), timeout=30) as raw:
        raw.sendall(b"\x01\x00\xff\xff\xff\xff")  # an association request of 4 GiB, it says
        assert raw.recv(100) == b""


def test_a_drop_at_a_time_is_too_slow(start: Start) -> None:
    node = start(bounds=Bounds(negotiation_s=2.0, silence_s=2.0))
    with socket.create_connection(("127.0.0.1", node.port), timeout=0.2) as raw:
        raw.sendall(b"\x01\x00\x00\x00\x01\x00")
        until(lambda: _closed_at(raw), 30)


def _closed_at(raw: socket.socket) -> bool:
    """Send one byte and tell whether the other end has closed."""
    try:
        raw.sendall(b"\x00")
        return raw.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def _half_a_film(port: int, path: Path) -> socket.socket:
    """Open an association and break off in the middle of a C-STORE."""
    from pynetdicom.association import Association

    scu = entity("MODALITY", Bounds())
    ds = pydicom.dcmread(path)
    scu.add_requested_context(ds.SOPClassUID, "1.2.840.10008.1.2.1")
    association: Association | None = None

    def established() -> bool:
        nonlocal association
        association = scu.associate("127.0.0.1", port, ae_title="HILUM")
        return association.is_established

    until(established)
    assert association is not None
    raw = association.dul.socket.socket  # type: ignore[union-attr]
    association.dul.kill_dul()
    raw.sendall(bytes([4, 0, 0, 0, 16, 0]) + b"\x00\x00\x0f\xfc\x01\x03")  # a P-DATA-TF of 4096 bytes, cut
    return raw


def test_more_associations_than_agreed_are_told_to_wait(start: Start) -> None:
    node = start(bounds=Bounds(associations=1, silence_s=20.0))
    scu = entity("MODALITY", Bounds())
    scu.add_requested_context("1.2.840.10008.1.1")
    held = scu.associate("127.0.0.1", node.port, ae_title="HILUM")
    assert held.is_established
    with pytest.raises(PeerDownError, match="busy"):
        echo(peer(node))
    held.release()


def test_under_tls_nobody_listens_in(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key), "-out",
         str(certificate), *subject],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    node = start(tls=server)
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(2)]  # nobody waits for them
    trusting = ssl.create_default_context(cafile=str(certificate))
    assert store_files(peer(node, tls=trusting), [saved(tmp_path)]) == 1
    echo(peer(node, tls=True, authorities=str(certificate)))
    with pytest.raises(InputError, match="cannot be used"):
        echo(peer(node, tls=True, authorities=str(tmp_path / "none.pem")))
    with pytest.raises(PeerDownError):
        echo(peer(node, patience_s=3.0))
    with pytest.raises(PeerDownError):
        echo(peer(node, tls=ssl.create_default_context(), patience_s=3.0))
    assert kept(archive) == 1
    for one in silent:
        one.close()


def dcmtk(name: str) -> str:
    """dcmtk's own tool: pynetdicom installs scripts of the same names."""
    path = f"/usr/bin/{name}"
    if not os.access(path, os.X_OK):
        pytest.skip(f"no dcmtk on this machine ({name})")
    return path


def call(*words: str | int | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, check=False)


def test_dcmtk_sends_to_us(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    node, to = start(), ("-aec", "HILUM", "127.0.0.1")
    assert call(dcmtk("echoscu"), *to, node.port).returncode == 0
    done = call(dcmtk("storescu"), "-v", *to, node.port, saved(tmp_path, 1), saved(tmp_path, 2))
    assert (done.returncode, kept(archive)) == (0, 2), done.stderr
    assert call(dcmtk("storescu"), "-xt", *to, node.port, EXAMPLE).returncode == 0  # JPEG-LS proposed
    assert kept(archive) == 3
    assert call(dcmtk("echoscu"), "-aec", "OTHER", "127.0.0.1", node.port).returncode != 0


@contextmanager
def pacs_at(folder: Path, our_port: int) -> Iterator[Peer]:
    """dcmtk's archive on a free port; it may send to a node called HILUM on the port it is told."""
    program = dcmtk("dcmqrscp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store, config = folder / "pacs", folder / "dcmqrscp.cfg"
    store.mkdir()
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nhilum = (HILUM, 127.0.0.1, {our_port})\nHostTable END\n"
        f"VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nPACS {store} RW (200, 1024mb) ANY\nAETable END\n"
    )
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    known = Peer("PACS", "127.0.0.1", port, "HILUM", patience_s=20.0)

    def answers() -> bool:
        try:
            echo(known)
        except PeerDownError:
            return False
        return True

    try:
        until(answers)
        yield known
    finally:
        process.kill()
        process.wait()


def test_studies_are_found_and_fetched_from_a_pacs(start: Start, archive: films.Archive, tmp_path: Path) -> None:
    with pacs_at(tmp_path, start().port) as known:
        _find_and_fetch(known, archive, tmp_path)


def _find_and_fetch(known: Peer, archive: films.Archive, tmp_path: Path) -> None:
    files = [saved(tmp_path, study, number) for study in (1, 2) for number in (1, 2)]
    assert store_files(known, files) == 4
    found = find_studies(known, {"PatientID": "P1"})
    assert [one["StudyInstanceUID"] for one in found] == [films.study_uid(1)]
    assert len(find_studies(known, {"PatientID": "P*"}, limit=1)) == 1
    assert find_studies(known, {"PatientID": "NOBODY"}) == ()
    with pytest.raises(InputError, match="keyword"):
        find_studies(known, {"NoSuchThing": "x"})
    assert move_study(known, films.study_uid(1), "HILUM") == 2
    assert kept(archive) == 2
    with pytest.raises(PeerRefusedError):
        move_study(known, films.study_uid(2), "UNKNOWN")


def test_a_node_that_stops_lets_go_of_its_port(archive: films.Archive) -> None:
    node = Node(archive, classes=CLASSES, port=0).start()
    port = node.port
    node.stop()
    assert node.port == 0
    began = time.monotonic()
    with pytest.raises(PeerDownError):
        echo(Peer("HILUM", "127.0.0.1", port, patience_s=2.0))
    assert time.monotonic() - began < 30


def test_the_conformance_page_says_what_the_node_does() -> None:
    page = (ROOT / "docs" / "serving-node.md").read_text(encoding="utf-8")
    classes, syntaxes = page.partition("### Transfer syntaxes")[::2]
    listed = re.findall(r"\| (1\.2\.840[\d.]+) \| (?:yes|kept) \|", classes)
    assert sorted(listed) == sorted(CLASSES)
    assert re.findall(r"\| (1\.2\.840[\d.]+) \|\n", syntaxes.partition("### C-STORE")[0]) == list(SYNTAXES)
    bounds = Bounds()
    for value in (f"{bounds.pdu_bytes:,} bytes", f"{bounds.associations};", f"{bounds.silence_s:.0f} s;"):
        assert value in page
    assert f"{OUT_OF_RESOURCES:04X}" in page
