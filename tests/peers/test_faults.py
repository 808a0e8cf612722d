"""What goes wrong around a running server: kills, a full disk, a database that goes away, clients that break off.

HILUM_FAULT_STUDIES sets how many studies are sent through the kills (200 for the figures in docs/serving.md).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

httpx = pytest.importorskip("httpx", reason="needs hilum[serve]")
pytest.importorskip("dbos", reason="needs hilum[serve]")

from hilum.app.serve.deliver import send_to_web  # noqa: E402
from hilum.app.serve.peer import Peer, PeerDownError, PeerRefusedError, echo, store_files  # noqa: E402
from tests.app.serve.cluster import Cluster  # noqa: E402
from tests.app.serve.process import Serving, free_port, running, until  # noqa: E402
from tests.peers.conftest import MakeFilm, example, study_uid  # noqa: E402

pytestmark = pytest.mark.slow

STUDIES = int(os.environ.get("HILUM_FAULT_STUDIES", "6"))
QUICK = ("--set", "work.settle_seconds=1.0")
SR = "1.2.840.10008.5.1.4.1.1.88.34"


class Senders:
    """A modality and a gateway that send films until each is acknowledged, whatever happens to the server.

    Args:
        films: one file per study; every other one goes by STOW-RS.
        node: where C-STORE goes.
        web: address of the page, where STOW-RS goes.
        token: how to sign in.
    """

    def __init__(self, films: list[Path], node: Peer, web: str, token: str) -> None:
        self.acknowledged: list[str] = []
        self.tries = 0
        self._gone = threading.Event()
        by_store: Callable[[Path], Any] = lambda path: store_files(node, [path])  # noqa: E731
        by_stow: Callable[[Path], Any] = lambda path: send_to_web(f"{web}dicomweb", [path], token=token)  # noqa: E731
        plans = ((films[::2], by_store), (films[1::2], by_stow))
        self._threads = [threading.Thread(target=self._send, args=plan, daemon=True) for plan in plans]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join(60)

    def reached(self, count: int) -> None:
        """Wait until so many films are acknowledged."""
        until(lambda: len(self.acknowledged) >= count, f"{count} films are taken", 60 + 10 * STUDIES)

    def _send(self, films: list[Path], send: Callable[[Path], Any]) -> None:
        for path in films:
            uid = str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
            while not self._gone.is_set():
                self.tries += 1
                try:
                    send(path)
                except (PeerDownError, PeerRefusedError):
                    time.sleep(0.2)
                    continue
                self.acknowledged.append(uid)
                break


def whole(server: Serving, instance: dict[str, str]) -> pydicom.Dataset:
    """An instance as WADO-RS gives it, decoded."""
    path = f"dicomweb/studies/{instance['study']}/series/{instance['series']}/instances/{instance['uid']}"
    with server.client() as client:
        answer = client.get(path, headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
    assert answer.status_code == 200, (instance, answer.status_code)
    return pydicom.dcmread(BytesIO(answer.content.split(b"\r\n\r\n", 1)[1]))


def reported(server: Serving, studies: list[str]) -> None:
    """Wait until each study has exactly one report among the instances; it comes a moment after 'read' is shown."""

    def done() -> bool:
        return sorted(each["study"] for each in server.instances(SOPClassUID=SR)) == sorted(studies)

    until(done, "one report of each study", 30 + STUDIES)


def again(stack: ExitStack, root: Path, ports: tuple[int, int], *more: str) -> Serving:
    """Start the server once more, as whatever looks after it would: until it runs."""
    end = time.monotonic() + 60
    while True:
        try:
            return stack.enter_context(running(root, *QUICK, *more, ports=ports))
        except AssertionError:
            assert time.monotonic() < end, "the server does not start again"
            time.sleep(0.5)


@pytest.mark.timeout(300 + 30 * STUDIES)
def test_kills_of_server_and_worker_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    films = [example(tmp_path, number) for number in range(1, STUDIES + 1)]
    root, ports = tmp_path / "root", (free_port(), free_port())
    with ExitStack() as stack:
        server = stack.enter_context(running(root, *QUICK, ports=ports))
        with Senders(films, server.node, server.url, server.token) as senders:
            senders.reached(max(1, STUDIES // 3))
            server.process.kill()  # the server alone: its workers must go by themselves
            server.process.wait(20)
            server = again(stack, root, ports)
            assert set(senders.acknowledged) <= {each["uid"] for each in server.instances()}
            senders.reached(max(2, 2 * STUDIES // 3))
            os.kill(random.Random(0).choice(server.workers()), signal.SIGKILL)
            senders.reached(STUDIES)
        until(lambda: any(row["state"] == "read" for row in server.rows()), "the first reading")
        server.kill()  # everything at once, readings half done
        server = again(stack, root, ports)
        server.all_read(STUDIES, seconds=120 + 12 * STUDIES)
        reported(server, [study_uid(n) for n in range(1, STUDIES + 1)])
        held = server.instances()
        assert sorted(senders.acknowledged) == sorted(f"{study_uid(n)}.1.1" for n in range(1, STUDIES + 1))
        own = [each["uid"] for each in held]
        assert len(own) == len(set(own))
        assert set(senders.acknowledged) <= set(own)
        for each in held[:: max(1, len(held) // 20)]:
            assert whole(server, each).SOPInstanceUID == each["uid"]
        if senders.tries <= STUDIES:  # nothing was lost, but no film was on its way when a process died
            pytest.skip("every film was in before a process died: the kills were not felt")
        for row in server.rows()[:20]:
            sheet = server.get(f"api/studies/{row['id']}")
            assert sheet["report"]["sentences"]
            assert len(sheet["films"]) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with little more room than the archive leaves free."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "hilum-test", str(place)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_refuses_and_takes_again_when_there_is_room(small_disk: Path, make_film: MakeFilm) -> None:
    with running(small_disk / "root", *QUICK) as server:
        assert store_files(server.node, [make_film(1)]) == 1
        server.all_read(1)
        filler = small_disk / "filler"
        filler.write_bytes(b"\0" * max(0, shutil.disk_usage(small_disk).free - 200 * 2**20))
        before = server.instances()
        with pytest.raises(PeerDownError, match="no room"):
            store_files(server.node, [make_film(2)])
        with pytest.raises(PeerDownError, match="507"):
            send_to_web(f"{server.url}dicomweb", [make_film(3)], token=server.token)
        assert server.instances() == before
        assert server.get(f"api/studies/{study_uid(1)}")["films"], "what is here can still be seen"
        filler.unlink()
        assert store_files(server.node, [make_film(2)]) == 1
        send_to_web(f"{server.url}dicomweb", [make_film(3)], token=server.token)
        server.all_read(3)


def _database(request: pytest.FixtureRequest) -> tuple[str, Cluster]:
    url, database = str(request.getfixturevalue("postgres")), request.getfixturevalue("cluster")
    assert isinstance(database, Cluster)
    return url, database


def test_a_database_that_restarts_is_waited_for_and_readings_go_on(
    tmp_path: Path, make_film: MakeFilm, request: pytest.FixtureRequest
) -> None:
    url, database = _database(request)
    later = [make_film(number) for number in (3, 4)]
    with running(tmp_path / "root", *QUICK, "--set", f"database={url}") as server:
        assert store_files(server.node, [make_film(1), make_film(2)]) == 2
        database.stop()  # at once, as in a crash; a reading may be under way
        try:
            with Senders(later, server.node, server.url, server.token) as senders, ThreadPoolExecutor() as asked:
                rows = asked.submit(server.rows)
                time.sleep(2)
                database.start()
                senders.reached(2)
                assert {row["id"] for row in rows.result(60)} >= {study_uid(1), study_uid(2)}
        finally:
            database.stop()
            database.start()  # and once more while it reads
        server.all_read(4)
        expected = sorted(study_uid(number) for number in (1, 2, 3, 4))
        held = server.instances()
        assert sorted(each["study"] for each in held if each["uid"].endswith(".1.1")) == expected
        reported(server, expected)
    assert "Traceback" not in (tmp_path / "root.err").read_text(encoding="utf-8")


@pytest.mark.skipif(STUDIES < 200, reason="waits for half a minute: part of the long run, HILUM_FAULT_STUDIES=200")
def test_a_database_that_stays_away_is_said_and_what_is_sent_is_refused(
    tmp_path: Path, make_film: MakeFilm, request: pytest.FixtureRequest
) -> None:
    url, database = _database(request)
    film = make_film(1)
    with running(tmp_path / "root", *QUICK, "--set", f"database={url}") as server, ThreadPoolExecutor() as at_once:
        database.stop()
        try:
            asked = [at_once.submit(server.client().get, path) for path in ("api/worklist", "health")]
            stored = at_once.submit(_taken, server, film)
            posted = at_once.submit(send_to_web, f"{server.url}dicomweb", [film], token=server.token, patience_s=90)
            assert {answer.result(120).status_code for answer in asked} == {503}
            assert not stored.result(120)
            with pytest.raises(PeerDownError, match="503"):
                posted.result(120)
        finally:
            database.start()
        until(lambda: _taken(server, film), "films are taken again", 60)
        server.all_read(1)


def _taken(server: Serving, film: Path) -> bool:
    try:
        return store_files(server.node, [film]) == 1
    except (PeerDownError, PeerRefusedError):
        return False


def _stow_head(server: Serving, length: int) -> bytes:
    lines = [
        "POST /dicomweb/studies HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {server.token}",
        'Content-Type: multipart/related; type="application/dicom"; boundary=cut', f"Content-Length: {length}",
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n--cut\r\nContent-Type: application/dicom\r\n\r\n").encode()


def _http(server: Serving) -> socket.socket:
    port = int(server.url.rsplit(":", 1)[1].strip("/"))
    return socket.create_connection(("127.0.0.1", port), 30)


def test_slow_clients_and_uploads_that_are_cut_leave_nothing_and_hold_nobody_up(
    tmp_path: Path, make_film: MakeFilm
) -> None:
    data = make_film(1).read_bytes()
    with running(tmp_path / "root", *QUICK, "--set", "limits.silence_seconds=3") as server:
        with _http(server) as cut:  # half an upload, then gone
            cut.sendall(_stow_head(server, len(data) + 500) + data[: len(data) // 2])
        slow = [_http(server) for _ in range(8)]
        for one in slow:  # eight that begin and stand still
            one.sendall(_stow_head(server, len(data) + 500) + data[:1000])
        half = socket.create_connection(("127.0.0.1", server.node.port), 30)
        half.sendall(bytes([1, 0, 0, 0, 1, 0]) + b"\0\1")  # an association request of which nothing more comes
        assert store_files(server.node, [make_film(2)]) == 1, "others are served meanwhile"
        send_to_web(f"{server.url}dicomweb", [make_film(3)], token=server.token)
        for one in slow:
            one.settimeout(30)
            assert b" 408 " in one.recv(4096).split(b"\r\n")[0]
            one.close()
        half.settimeout(60)
        with suppress(ConnectionResetError):
            while half.recv(4096):
                pass
        half.close()
        echo(server.node)
        server.all_read(2)
        assert {each["study"] for each in server.instances()} == {study_uid(2), study_uid(3)}
        send_to_web(f"{server.url}dicomweb", [make_film(1)], token=server.token)
        server.all_read(3)
    left = [path for path in (tmp_path / "root").rglob("*") if path.is_file() and path.suffix in (".part", ".tmp")]
    assert left == []


def test_an_association_that_breaks_in_the_middle_of_a_film(tmp_path: Path, make_film: MakeFilm) -> None:
    """A relay in front of the node hangs up after half of the bytes, as a network does."""
    film = make_film(1)
    size = film.stat().st_size
    with running(tmp_path / "root", *QUICK) as server, socket.create_server(("127.0.0.1", 0)) as relay:
        thread = threading.Thread(target=_relay, args=(relay, server.node.port, size // 2), daemon=True)
        thread.start()
        through = Peer("HILUM", "127.0.0.1", relay.getsockname()[1], patience_s=5)
        with pytest.raises(PeerDownError):
            store_files(through, [film])
        thread.join(30)
        assert server.instances() == []
        assert server.rows() == []
        assert store_files(server.node, [film]) == 1
        server.all_read(1)


def _relay(listening: socket.socket, port: int, limit: int) -> None:
    inside, _ = listening.accept()
    with inside, socket.create_connection(("127.0.0.1", port)) as outside:
        threading.Thread(target=_pump, args=(outside, inside, 2**40), daemon=True).start()
        _pump(inside, outside, limit)


def _pump(one: socket.socket, other: socket.socket, limit: int) -> None:
    passed = 0
    with suppress(OSError):
        while passed < limit and (data := one.recv(min(65536, limit - passed))):
            other.sendall(data)
            passed += len(data)


def test_films_twice_late_and_in_any_order_are_one_study_read_with_all_of_them(
    tmp_path: Path, make_film: MakeFilm
) -> None:
    films = [make_film(1, number) for number in (1, 2, 3)]
    later = make_film(2, PatientID="PEER-1", StudyDate="20010101")
    with running(tmp_path / "root", *QUICK) as server:
        store_files(server.node, [later])  # the newer study before the older one
        store_files(server.node, [films[2], films[0], films[2]])
        send_to_web(f"{server.url}dicomweb", [films[0]], token=server.token)
        server.all_read(2)
        store_files(server.node, [films[1]])  # after the study was read
        until(lambda: len(_shown(server, 1)["films"]) == 3 and _shown(server, 1)["state"] == "read", "all three")
        until(lambda: (_shown(server, 2)["prior"] or {}).get("id") == study_uid(1), "the prior that came later")
        server.all_read(2)
        held = server.instances()
        uids = [each["uid"] for each in held]
        assert len(uids) == len(set(uids))
        assert len([uid for uid in uids if uid.startswith(f"{study_uid(1)}.1.")]) == 3


def _shown(server: Serving, study: int) -> dict[str, Any]:
    return dict(server.get(f"api/studies/{study_uid(study)}"))
