"""The archive under load: films stored by STOW-RS from several clients while others search.

    python benchmarks/serve_archive.py [--films 1000] [--clients 8] [--database URL] [--root FOLDER]

Prints what was lost or doubled, films per second, the search's 50th and 95th percentile while films come and after,
and the server's memory. The server is a process of its own; films are 1,000 x 1,000 pixels of 16 bits (2 MB).
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.999"
SEARCHES = (
    "/dicomweb/studies?limit=50",
    "/dicomweb/studies?PatientName=*name1*&limit=50",
    "/dicomweb/studies?StudyDate=20240101-20241231&ModalitiesInStudy=DX&limit=100&includefield=all",
    "/dicomweb/instances?PatientID=P7&limit=100",
)
SERVER = """
import sys
from dataclasses import dataclass
import uvicorn
from fastapi import FastAPI
from hilum.app.serve.archive import Archive
from hilum.app.serve.database import open_database
from hilum.app.serve.dicomweb_router import router

@dataclass(frozen=True)
class Seen:
    user: str = "benchmark"
    roles: tuple = ("reader", "admin")

archive = Archive(sys.argv[1], open_database(sys.argv[2]))
archive.sweep()
app = FastAPI()
app.include_router(router(archive, lambda request: Seen()))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="error", lifespan="off")
"""


def template(side: int = 1_000) -> Dataset:
    """One film; each film that is sent is this one with other names and first pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.Modality, ds.ViewPosition = "1.2.840.10008.5.1.4.1.1.1.1", "DX", "PA"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = side, side, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    draw = np.random.default_rng(7)
    ds.PixelData = draw.integers(0, 4_096, (side, side), dtype=np.uint16).tobytes()
    return ds


def film(ds: Dataset, number: int) -> bytes:
    """The bytes of film `number`: two films a study."""
    study = number // 2 + 1
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.{study}", f"{ROOT}.{study}.1"
    ds.SOPInstanceUID = f"{ROOT}.{study}.1.{number % 2 + 1}"
    ds.PatientID, ds.PatientName = f"P{study}", f"Name{study}^Given"
    ds.StudyDate, ds.StudyTime, ds.InstanceNumber = (
        f"2024{study % 12 + 1:02d}{study % 28 + 1:02d}",
        "101112",
        number % 2,
    )
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def send(port: int, data: bytes) -> int:
    """Store one film; return the status."""
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--b--\r\n"
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
    line.request("POST", "/dicomweb/studies", body, headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status


def search(line: http.client.HTTPConnection, path: str) -> float:
    """Search once; return the milliseconds it took."""
    start = time.perf_counter()
    line.request("GET", path)
    answer = line.getresponse()
    answer.read()
    if answer.status not in (200, 204):
        raise RuntimeError(f"{path}: {answer.status}")
    return (time.perf_counter() - start) * 1_000


def percentiles(took_ms: list[float]) -> str:
    cuts = statistics.quantiles(took_ms, n=20)
    return f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, of {len(took_ms)}"


def poll_all(port: int, done: Any, told: Any, pollers: int, pause_s: float) -> None:
    """Search from several threads until told to stop; a process of its own, so that senders do not slow its clock."""
    took_ms: list[float] = []
    threads = [threading.Thread(target=poll, args=(port, done, took_ms, pause_s)) for _ in range(pollers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put(took_ms)


def poll(port: int, done: Any, took_ms: list[float], pause_s: float) -> None:
    """Search again and again, and note how long each took."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    number = 0
    while not done.wait(pause_s):
        took_ms.append(search(line, SEARCHES[number % len(SEARCHES)]))
        number += 1


def store_all(
    port: int, films: int, clients: int, server: psutil.Process, memory: list[tuple[int, float]]
) -> list[int]:
    """Send all films, each once and every tenth twice; note the server's memory at each quarter."""
    statuses: list[int] = []
    left, lock = iter(range(films)), threading.Lock()

    def work() -> None:
        ds = template()
        while True:
            with lock:
                number = next(left, None)
                if number is not None and number % max(1, films // 4) == 0:
                    memory.append((number, server.memory_info().rss / 2**20))
            if number is None:
                return
            data = film(ds, number)
            statuses.append(send(port, data))
            if number % 10 == 0:
                statuses.append(send(port, data))

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory.append((films, server.memory_info().rss / 2**20))
    return statuses


def counted(port: int, films: int) -> int:
    """Count the distinct instances the server lists."""
    found: set[str] = set()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for offset in range(0, films + 1_000, 1_000):
        line.request("GET", f"/dicomweb/instances?limit=1000&offset={offset}")
        answer = line.getresponse()
        data = answer.read()
        rows = json.loads(data) if data else []
        if found & (page := {row["00080018"]["Value"][0] for row in rows}) or len(page) != len(rows):
            raise RuntimeError("an instance is listed twice")
        found |= page
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--films", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pollers", type=int, default=8)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two searches of one poller")
    parser.add_argument("--database", default="")
    parser.add_argument("--root", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.root or None) as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        url = chosen.database or f"sqlite:///{folder}/index.db"
        command = [sys.executable, "-c", SERVER, f"{folder}/archive", url, str(port)]
        source = str(Path(__file__).resolve().parents[1] / "src")
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": source})
        try:
            measure(port, psutil.Process(process.pid), chosen)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def measure(port: int, server: psutil.Process, chosen: argparse.Namespace) -> None:
    for _ in range(300):
        try:
            search(http.client.HTTPConnection("127.0.0.1", port, timeout=5), SEARCHES[0])
            break
        except OSError:
            time.sleep(0.1)
    memory: list[tuple[int, float]] = []
    spawn = multiprocessing.get_context("spawn")
    done, told = spawn.Event(), spawn.Queue()
    pollers = spawn.Process(target=poll_all, args=(port, done, told, chosen.pollers, chosen.pause), daemon=True)
    pollers.start()
    start, busy = time.perf_counter(), server.cpu_times()
    statuses = store_all(port, chosen.films, chosen.clients, server, memory)
    took_s, spent = time.perf_counter() - start, server.cpu_times()
    done.set()
    loaded = told.get(timeout=120)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    quiet = [search(line, SEARCHES[number % len(SEARCHES)]) for number in range(200)]
    listed = counted(port, chosen.films)
    cpu_ms = (spent.user + spent.system - busy.user - busy.system) / len(statuses) * 1_000
    print(f"films sent {chosen.films} (uploads {len(statuses)}, refused {sum(code != 200 for code in statuses)})")
    print(f"listed {listed}: lost {chosen.films - listed}")
    print(f"stored in {took_s:.1f} s: {len(statuses) / took_s:.1f} uploads/s, server CPU {cpu_ms:.1f} ms each")
    print(f"search while films come: {percentiles(loaded)}")
    print(f"search after: {percentiles(quiet)}")
    print("server memory, MiB by films sent: " + ", ".join(f"{number}: {mib:.0f}" for number, mib in memory))


if __name__ == "__main__":
    main()
