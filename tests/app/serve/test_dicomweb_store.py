"""STOW-RS: what is stored, what is refused with which code, and what an upload can do to the server."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.archive import Archive
from hilum.app.serve.archive_query import Query
from tests.app.serve import films, webbed
from tests.io import made

from hilum.app.serve.dicomweb_route import UploadLimits  # isort: skip


def named(answer: Any, tag: str) -> list[dict[str, Any]]:
    return answer.json().get(tag, {}).get("Value", [])


def reasons(answer: Any) -> list[int]:
    """The failure reasons of both sequences."""
    return [item["00081197"]["Value"][0] for tag in ("00081198", "0008119A") for item in named(answer, tag)]


def kept(archive: Archive) -> int:
    return archive.database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(db.instances))) or 0


def test_an_upload_is_stored_and_its_answer_follows_the_standard(tmp_path: Path, archive: Archive) -> None:
    told: list[Any] = []
    web = webbed.client(archive, audit=lambda *line: told.append(line), after_upload=told.append)
    answer = webbed.upload(web, [films.film_bytes(tmp_path, 1, number) for number in (3, 1, 2)])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    stored = named(answer, "00081199")
    assert [item["00081155"]["Value"][0] for item in stored] == [films.sop_uid(1, number) for number in (3, 1, 2)]
    assert {item["00081150"]["Value"][0] for item in stored} == {"1.2.840.10008.5.1.4.1.1.1"}
    assert web.get(stored[0]["00081190"]["Value"][0]).status_code == 200
    assert answer.json()["00081190"]["Value"] == [f"http://archive.test/dicomweb/studies/{films.study_uid(1)}"]
    assert "00081198" not in answer.json()
    assert told == [("anna", "stored", films.study_uid(1)), frozenset({films.study_uid(1)})]
    assert [row["InstanceNumber"] for row in archive.instances(Query()).rows] == [1, 2, 3]


def test_each_instance_gets_its_own_verdict(tmp_path: Path, archive: Archive) -> None:
    web = webbed.client(archive)
    parts = [
        films.film_bytes(tmp_path),
        b"not DICOM at all",
        films.film_bytes(tmp_path, 2, SOPClassUID="1.2.840.10008.5.1.4.1.1.2"),
        films.film_bytes(tmp_path, 1, 1, PatientName="Other"),
        films.film_bytes(tmp_path, 1, 1),
    ]
    answer = webbed.upload(web, parts)
    assert answer.status_code == 202
    assert len(named(answer, "00081199")) == 2
    assert sorted(reasons(answer)) == [0x0110, 0x0122, 0xC000]
    assert kept(archive) == 1


def test_when_all_fail_the_status_says_so(tmp_path: Path, archive: Archive) -> None:
    answer = webbed.upload(webbed.client(archive), [b"rubbish", films.film_bytes(tmp_path, StudyInstanceUID="../x")])
    assert (answer.status_code, sorted(reasons(answer))) == (409, [0xA900, 0xC000])


def test_a_study_takes_only_its_own(tmp_path: Path, archive: Archive) -> None:
    web = webbed.client(archive)
    parts = [films.film_bytes(tmp_path, 1), films.film_bytes(tmp_path, 2)]
    answer = webbed.upload(web, parts, f"/dicomweb/studies/{films.study_uid(1)}")
    assert (answer.status_code, reasons(answer), kept(archive)) == (202, [0x0110], 1)


def test_a_single_file_is_stored_without_a_multipart(tmp_path: Path, archive: Archive) -> None:
    web = webbed.client(archive)
    answer = web.post(
        "/dicomweb/studies", content=films.film_bytes(tmp_path), headers={"Content-Type": "application/dicom"}
    )
    assert (answer.status_code, kept(archive)) == (200, 1)


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (415, {"Content-Type": "application/json"}),
        (415, {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=a-boundary'}),
        (415, {"Content-Type": "multipart/form-data; boundary=a-boundary"}),
        (415, {"Content-Encoding": "gzip"}),
        (400, {"Content-Type": 'multipart/related; type="application/dicom"'}),
        (400, {"content": b""}),
        (400, {"content": b"--a-boundary--\r\n"}),
        (406, {"Accept": "application/dicom+xml"}),
        (401, {"X-Nobody": "1"}),
    ],
)
def test_what_is_no_upload_is_refused_whole(
    tmp_path: Path, archive: Archive, status: int, changes: dict[str, Any]
) -> None:
    answer = webbed.upload(webbed.client(archive), [films.film_bytes(tmp_path)], **changes)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert kept(archive) == 0


def test_who_may_only_look_may_not_store(tmp_path: Path, archive: Archive) -> None:
    answer = webbed.upload(webbed.client(archive, webbed.Seen("guest", ("viewer",))), [films.film_bytes(tmp_path)])
    assert (answer.status_code, kept(archive)) == (403, 0)


def test_an_upload_cut_short_keeps_only_whole_parts(tmp_path: Path, archive: Archive) -> None:
    data = webbed.body([films.film_bytes(tmp_path, 1, 1), films.film_bytes(tmp_path, 1, 2)])
    answer = webbed.upload(webbed.client(archive), [], content=data[:-400])
    assert (answer.status_code, kept(archive)) == (400, 1)
    assert list(archive.layout.incoming.iterdir()) == []
    assert webbed.upload(webbed.client(archive), [], content=data).status_code == 200  # resend works
    assert kept(archive) == 2


def test_limits_of_an_upload(tmp_path: Path, archive: Archive) -> None:
    data = films.film_bytes(tmp_path)
    few = webbed.client(archive, limits=UploadLimits(parts=2))
    assert webbed.upload(few, [data] * 3).status_code == 413
    small = webbed.client(archive, limits=UploadLimits(total_bytes=1_000))
    assert webbed.upload(small, [data]).status_code == 413

    def unannounced() -> Iterator[bytes]:
        yield webbed.body([data])

    headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={webbed.BOUNDARY}'}
    assert small.post("/dicomweb/studies", content=unannounced(), headers=headers).status_code == 413
    assert list(archive.layout.incoming.iterdir()) == []


def test_a_part_that_is_too_large_fails_alone(tmp_path: Path) -> None:
    archive = films.archive(tmp_path, bounds=films.Bounds(file_bytes=10_000))
    answer = webbed.upload(webbed.client(archive), [bytes(3_000_000), films.film_bytes(tmp_path)])
    assert (answer.status_code, reasons(answer), kept(archive)) == (202, [0xA700], 1)


@pytest.mark.slow
def test_packed_parts_and_bombs_are_refused(tmp_path: Path, archive: Archive) -> None:
    web = webbed.client(archive)
    packed = webbed.body(
        [gzip.compress(bytes(10**7))], head=b"Content-Type: application/dicom\r\nContent-Encoding: gzip"
    )
    assert reasons(webbed.upload(web, [], content=packed)) == [0xC000]
    bomb = made.deflate_bomb(tmp_path / "bomb.dcm", 200 * 2**20).read_bytes()
    answer = webbed.upload(web, [bomb])
    assert (answer.status_code, reasons(answer)) == (409, [0xC000])
    assert "unpacks to more than" in named(answer, "0008119A")[0]["00000902"]["Value"][0]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/dicom\r\nContent-Location: a\nSet-Cookie: b",
        b"Content-Type: application/dicom\r\nX: \x00",
        b'Content-Type: application/dicom\r\nContent-Disposition: form-data; name="a"; filename="a\r\nX: y"',
    ],
)
def test_headers_of_a_part_reach_nothing(tmp_path: Path, archive: Archive, head: bytes) -> None:
    answer = webbed.upload(webbed.client(archive), [], content=webbed.body([films.film_bytes(tmp_path)], head=head))
    assert answer.status_code in (200, 400)
    assert "set-cookie" not in answer.headers
    assert "x" not in answer.headers


def test_a_full_disk_is_said_with_its_own_status(tmp_path: Path) -> None:
    answer = webbed.upload(webbed.client(films.archive(tmp_path, spare_bytes=2**62)), [films.film_bytes(tmp_path)] * 2)
    assert (answer.status_code, reasons(answer)) == (507, [0xA700, 0xA700])


def test_many_uploads_of_the_same_films_at_once_make_one_of_each(tmp_path: Path, archive: Archive) -> None:
    parts = [films.film_bytes(tmp_path, 1, number) for number in range(1, 6)]
    web = webbed.client(archive)
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda order=order: codes.append(webbed.upload(web, order).status_code))
        for order in (parts, parts[::-1], parts, parts[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 4
    assert kept(archive) == 5
    assert archive.studies(Query()).rows[0]["NumberOfStudyRelatedInstances"] == 5


def test_a_slow_sender_is_told_and_leaves_nothing(tmp_path: Path, archive: Archive) -> None:
    with webbed.served(webbed.application(archive, limits=UploadLimits(idle_s=0.3))) as (host, port):
        with socket.create_connection((host, port)) as line:
            line.sendall(
                b"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
                b'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n\r\n'
                b"--b\r\nContent-Type: application/dicom\r\n\r\n" + films.film_bytes(tmp_path)[:1_000]
            )
            assert line.recv(4_096).startswith(b"HTTP/1.1 408")
        until = time.monotonic() + 5
        while list(archive.layout.incoming.iterdir()) and time.monotonic() < until:
            time.sleep(0.02)
    assert list(archive.layout.incoming.iterdir()) == []
    assert kept(archive) == 0


def test_a_sender_who_hangs_up_leaves_nothing(tmp_path: Path, archive: Archive) -> None:
    with webbed.served(webbed.application(archive)) as (host, port):
        line = socket.create_connection((host, port))
        line.sendall(
            b"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n"
            b'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n\r\n'
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + bytes(2_000_000)
        )
        until = time.monotonic() + 5
        while not list(archive.layout.incoming.iterdir()) and time.monotonic() < until:
            time.sleep(0.02)
        assert list(archive.layout.incoming.iterdir()) != []
        line.close()
        while list(archive.layout.incoming.iterdir()) and time.monotonic() < until:
            time.sleep(0.02)
    assert list(archive.layout.incoming.iterdir()) == []
