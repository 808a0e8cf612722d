"""The archive: what it keeps, what it refuses, and what is left after a crash."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.archive import Archive, Swept
from hilum.app.serve.archive_index import InstanceRefusedError
from hilum.app.serve.archive_query import Query
from hilum.core.errors import MissingError
from tests.app.serve import films

ROOT = Path(__file__).resolve().parents[3]


def lay(archive: Archive, study: int, data: bytes) -> Path:
    """Put bytes where the film of a study lies, without a row: what a crash leaves."""
    path = archive.layout.path(films.sop_uid(study))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def files(archive: Archive) -> list[Path]:
    return sorted(path for path in archive.layout.root.rglob("*") if path.is_file())


def rows(archive: Archive, table: sa.Table) -> list[sa.RowMapping]:
    return archive.database.read(lambda connection: list(connection.execute(sa.select(table)).mappings()))


def test_a_film_is_kept_byte_for_byte(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    data = films.film_bytes(tmp_path)
    stored = archive.store([data[:100], data[100:]], source="CT1")
    assert (stored.outcome, stored.film) == ("new", True)
    assert archive.path(films.sop_uid(1)).read_bytes() == data
    (row,) = archive.studies(Query()).rows
    assert (row["StudyInstanceUID"], row["PatientID"]) == (films.study_uid(1), "P1")
    assert (row["NumberOfStudyRelatedSeries"], row["NumberOfStudyRelatedInstances"]) == (1, 1)
    (reading,) = rows(archive, db.readings)
    assert (reading["study"], reading["state"], reading["revision"]) == (films.study_uid(1), "waiting", 0)


def test_a_path_a_stream_and_pieces_are_one(tmp_path: Path, archive: Archive) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(films.film_bytes(tmp_path))
    with path.open("rb") as stream:
        outcomes = [archive.store(path, source="a").outcome, archive.store(stream, source="b").outcome]
    assert outcomes == ["new", "same"]


def test_the_same_film_again_changes_nothing(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    ds = films.film()
    archive.store([films.part10(ds, tmp_path)], source="first")
    before, kept = rows(archive, db.instances), files(archive)
    again = bytearray(films.part10(ds, tmp_path))
    again[:128] = b"another preamble".ljust(128)  # each sender writes its own: the dataset is what counts
    assert archive.store([bytes(again)], source="second").outcome == "same"
    assert (rows(archive, db.instances), files(archive)) == (before, kept)
    assert rows(archive, db.studies)[0]["instances"] == 1


def test_another_film_under_the_same_uid_is_kept_apart(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    first = films.film_bytes(tmp_path)
    archive.store([first], source="one")
    second = films.film_bytes(tmp_path, PatientName="Roe^Richard")
    assert [archive.store([second], source="two").outcome for _ in range(2)] == ["conflict", "conflict"]
    assert archive.path(films.sop_uid(1)).read_bytes() == first
    (conflict,) = rows(archive, db.conflicts)
    assert conflict["source"] == "two"
    assert [path.read_bytes() for path in archive.layout.conflicts.iterdir()] == [second]


def test_conflicts_cannot_fill_the_disk(tmp_path: Path, archive: Archive) -> None:
    archive.store([films.film_bytes(tmp_path)], source="one")
    for number in range(12):
        archive.store([films.film_bytes(tmp_path, PatientName=f"Nr^{number}")], source="two")
    assert len(list(archive.layout.conflicts.iterdir())) == len(rows(archive, db.conflicts)) == 8


@pytest.mark.parametrize(
    ("changes", "failure", "words"),
    [
        ({"StudyInstanceUID": None}, 0xA900, "StudyInstanceUID"),
        ({"SeriesInstanceUID": "../../etc/passwd"}, 0xA900, "not a UID"),
        ({"StudyInstanceUID": "1.2." + "3" * 80}, 0xA900, "not a UID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, 0x0122, "CT Image Storage"),
        ({"PixelData": None}, 0xC000, "no pixel data"),
        ({"Rows": 4_000}, 0xC000, "its header says"),
    ],
)
def test_what_is_not_whole_or_not_for_us_is_refused(
    tmp_path: Path, archive: Archive, changes: dict[str, object], failure: int, words: str
) -> None:
    with pytest.raises(InstanceRefusedError, match=words) as refused:
        archive.store([films.film_bytes(tmp_path, **changes)], source="x")
    assert refused.value.failure == failure
    assert files(archive) == []
    assert rows(archive, db.instances) == rows(archive, db.studies) == []


def test_other_classes_are_kept_where_that_is_set(tmp_path: Path) -> None:
    archive = films.archive(tmp_path, classes=None)
    ct = films.film_bytes(tmp_path, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    stored = archive.store([ct], source="x")
    assert (stored.outcome, stored.film) == ("new", False)
    assert rows(archive, db.readings)[0]["state"] == "unread"  # nothing to read until a film comes
    archive.store([films.film_bytes(tmp_path, number=2)], source="x")
    assert rows(archive, db.readings)[0]["state"] == "waiting"


def test_a_film_of_another_patient_does_not_enter_a_study(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    archive.store([films.film_bytes(tmp_path)], source="x")
    with pytest.raises(InstanceRefusedError, match="another Patient ID"):
        archive.store([films.film_bytes(tmp_path, number=2, PatientID="P2")], source="x")
    with pytest.raises(InstanceRefusedError, match="another study"):
        archive.store([films.film_bytes(tmp_path, study=3, SeriesInstanceUID=films.series_uid(1))], source="x")
    assert len(files(archive)) == 1
    assert len(rows(archive, db.patients)) == 1


def test_a_file_that_is_too_large_is_refused_while_it_comes(tmp_path: Path) -> None:
    archive = films.archive(tmp_path, bounds=films.Bounds(file_bytes=5_000))
    sent = 0

    def pieces() -> object:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield bytes(1_000)

    with pytest.raises(InstanceRefusedError, match="more than"):
        archive.store(pieces(), source="x")  # type: ignore[arg-type]
    assert sent == 6
    assert files(archive) == []


def test_a_disk_that_is_nearly_full_takes_nothing(tmp_path: Path) -> None:
    archive = films.archive(tmp_path, spare_bytes=2**62)
    with pytest.raises(db.FullError, match="Free space"):
        archive.store([films.film_bytes(tmp_path)], source="x")
    assert files(archive) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def store_until_refused(archive: Archive, folder: Path, numbers: range, **changes: object) -> int:
    for number in numbers:
        archive.store([films.film_bytes(folder, number=number, **changes)], source="x")
    return len(numbers)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, small_disk: Path) -> None:
    archive = Archive(small_disk, films.database(tmp_path), spare_bytes=0)
    with pytest.raises(db.FullError, match="disk is full"):
        store_until_refused(archive, tmp_path, range(1, 9), PixelData=bytes(300_000))
    kept = rows(archive, db.instances)
    assert 0 < len(kept) == len(files(archive)) < 8
    assert all(archive.path(row["uid"]).stat().st_size == row["size_bytes"] for row in kept)
    archive.delete(films.study_uid(1))
    assert archive.store([films.film_bytes(tmp_path)], source="x").outcome == "new"  # resend works


def test_a_full_disk_of_the_database_takes_the_file_back(tmp_path: Path, small_disk: Path) -> None:
    archive = Archive(tmp_path / "archive", films.database(small_disk, patience_s=2), spare_bytes=0)
    archive.store([films.film_bytes(tmp_path)], source="x")
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(512))
    with pytest.raises(db.FullError):
        store_until_refused(archive, tmp_path, range(2, 99))
    assert len(files(archive)) == len(rows(archive, db.instances))


def test_what_is_not_here_is_said_so(archive: Archive) -> None:
    with pytest.raises(MissingError, match="not in the archive"):
        archive.path("1.2.3")


def test_a_sweep_repairs_each_kind_of_crash(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    for number in (1, 2, 3):
        archive.store([films.film_bytes(tmp_path, number=number)], source="x")
    orphan = lay(archive, 7, films.film_bytes(tmp_path, study=7))  # a crash between rename and row
    damaged = lay(archive, 8, films.film_bytes(tmp_path, study=8)[:300])
    misnamed = lay(archive, 9, films.film_bytes(tmp_path, study=10))
    (archive.layout.incoming / "dead.part").write_bytes(b"half a film")
    archive.path(films.sop_uid(1, 2)).rename(archive.layout.trash / archive.path(films.sop_uid(1, 2)).name)
    (archive.layout.trash / ("ab" * 32 + ".dcm")).write_bytes(b"of a deletion that did not end")
    archive.path(films.sop_uid(1, 3)).unlink()
    swept = archive.sweep()
    assert swept == Swept(temporary=1, indexed=1, removed=2, restored=1, missing=(films.sop_uid(1, 3),))
    assert archive.path(films.sop_uid(7)) == orphan
    assert archive.path(films.sop_uid(1, 2)).exists()
    assert not damaged.exists()
    assert not misnamed.exists()
    assert list(archive.layout.trash.iterdir()) == list(archive.layout.incoming.iterdir()) == []
    assert archive.sweep() == Swept(missing=(films.sop_uid(1, 3),))


def test_a_film_whose_file_was_lost_comes_back_when_sent_again(tmp_path: Path, archive: Archive) -> None:
    data = films.film_bytes(tmp_path)
    archive.store([data], source="x")
    archive.path(films.sop_uid(1)).unlink()
    assert archive.store([data], source="x").outcome == "same"
    assert archive.path(films.sop_uid(1)).read_bytes() == data


def test_a_file_without_a_row_stands_against_another(tmp_path: Path, archive: Archive) -> None:
    first = films.film_bytes(tmp_path)
    lay(archive, 1, first)
    assert archive.store([films.film_bytes(tmp_path, PatientName="B")], source="x").outcome == "conflict"
    assert archive.path(films.sop_uid(1)).read_bytes() == first
    assert len(rows(archive, db.instances)) == 1


def test_a_sweep_leaves_a_living_upload_alone(tmp_path: Path, archive: Archive) -> None:
    data = films.film_bytes(tmp_path)
    with archive.incoming() as incoming:
        incoming.write(data[:500])
        other = Archive(archive.layout.root, archive.database, spare_bytes=0)
        assert other.sweep().temporary == 0
        incoming.write(data[500:])
        assert archive.keep(incoming, source="x").outcome == "new"
    assert list(archive.layout.incoming.iterdir()) == []


STORE = """
import sys
from pathlib import Path
from hilum.app.serve.archive import Archive
from hilum.app.serve.database import open_database
root, url, *paths = sys.argv[1:]
archive = Archive(root, open_database(url), spare_bytes=0)
print("ready", flush=True)
sys.stdin.readline()
for path in paths:
    print(archive.store(Path(path), source="process").outcome, path, flush=True)
"""


def storing(archive: Archive, url: str, paths: list[Path]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", STORE, str(archive.layout.root), url, *map(str, paths)]
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.slow
def test_two_processes_that_store_the_same_films_make_one_of_each(tmp_path: Path, url: str) -> None:
    archive = films.archive(tmp_path, url)
    paths = [tmp_path / f"{number}.dcm" for number in range(1, 10)]
    for number, path in enumerate(paths, 1):
        path.write_bytes(films.film_bytes(tmp_path, study=1 + number % 2, number=number))
    started = [storing(archive, url, paths) for _ in range(2)]
    told = [process.communicate("go\n", timeout=60)[0].splitlines() for process in started]
    outcomes = [[line.split()[0] for line in lines] for lines in told]
    assert all(sorted(pair) == ["new", "same"] for pair in zip(*outcomes, strict=True))
    assert len(rows(archive, db.instances)) == len(files(archive)) == 9
    assert sorted(row["instances"] for row in rows(archive, db.studies)) == [4, 5]
    assert archive.sweep() == Swept()


@pytest.mark.slow
def test_kill_9_in_the_middle_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    archive = films.archive(tmp_path)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    paths = [tmp_path / f"{number}.dcm" for number in range(1, 100)]
    for number, path in enumerate(paths, 1):
        path.write_bytes(films.film_bytes(tmp_path, number=number))
    for acknowledged_first in (5, 40):
        process = storing(archive, url, paths)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(acknowledged_first)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        acknowledged = [Path(line.split()[1]) for line in lines if line.strip().endswith(".dcm")]
        process.wait()
        archive.sweep()
        for path in acknowledged:
            assert archive.path(films.sop_uid(1, int(path.stem))).read_bytes() == path.read_bytes()
        found = rows(archive, db.instances)
        assert all(archive.layout.named(row["file"]).stat().st_size == row["size_bytes"] for row in found)
        assert len(found) == len(files(archive)) == rows(archive, db.studies)[0]["instances"]
        assert acknowledged_first <= len(acknowledged) <= len(found) < 99
    assert {archive.store(path, source="again").outcome for path in paths} == {"new", "same"}  # resend works
    assert rows(archive, db.studies)[0]["instances"] == 99
