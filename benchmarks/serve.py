"""How `hilum serve` bears a busy department: films come from many senders while browsers look and ask.

    python benchmarks/serve.py [--films 1000] [--senders 8] [--browsers 8] [--database URL] [--json FILE]

Half of the senders use C-STORE, half STOW-RS, five films at a time, each film a study of its own (1024 x 1024, JPEG-LS,
made from the bundled synthetic film before the clock starts). Each browser keeps a stream of news open and, all the
while, asks for the worklist and searches by QIDO-RS in turn, then rests for `--rest` seconds. Studies are read
meanwhile by one worker unless `--no-reading`. At the end every film must be in the archive exactly once. Memory is the
resident set of the server's main process, sampled each second; 'flat' compares its last quarter with its second.
Senders, browsers and server share the machine: the figures are those of all of it together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = "1.2.826.0.1.3680043.10.997"
BATCH = 5
FILM = "1.2.840.10008.5.1.4.1.1.1.1"  # our own objects still come in, and would move the pages


def make_films(folder: Path, count: int) -> list[Path]:
    """Write `count` films of as many studies and patients."""
    import pydicom

    ds = pydicom.dcmread(str(files("hilum").joinpath("app/static/example-film.dcm")))
    made = []
    for number in range(1, count + 1):
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.{number}", f"{ROOT}.{number}.1"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.{number}.1.1"
        ds.PatientID, ds.PatientName = f"LOAD-{number}", f"Load^Number{number}"
        ds.StudyDate = f"2024{1 + number % 12:02d}{1 + number % 28:02d}"
        made.append(folder / f"{number}.dcm")
        ds.save_as(made[-1], enforce_file_format=True)
    return made


def send(kind: str, paths: Sequence[Path], told: dict[str, Any], done: Any) -> None:
    """Send films in batches, again and again until each batch is acknowledged; runs in a process of its own."""
    from hilum.app.serve.deliver import send_to_web
    from hilum.app.serve.peer import Peer, PeerDownError, PeerRefusedError, store_files

    title, _, address = str(told["dicom"]).partition(" at ")
    node = Peer(title, "127.0.0.1", int(address.rpartition(":")[2]), patience_s=60)
    times, tries = [], 0
    for start in range(0, len(paths), BATCH):
        batch = list(paths[start : start + BATCH])
        began = time.perf_counter()
        while True:
            tries += 1
            try:
                if kind == "C-STORE":
                    store_files(node, batch)
                else:
                    send_to_web(f"{told['url']}dicomweb", batch, token=told["token"], patience_s=60)
                break
            except (PeerDownError, PeerRefusedError):
                time.sleep(0.5)
        times.append((time.perf_counter() - began) / len(batch))
    done.put({"kind": kind, "seconds_per_film": times, "again": tries - len(times)})


def browse(told: dict[str, Any], count: int, rest_s: float, stop: Any, done: Any) -> None:
    """Be `count` browsers until told to stop; runs in a process of its own."""
    import httpx

    took: dict[str, list[float]] = {"QIDO": [], "worklist": []}
    wrong: list[int] = []
    news = 0

    async def listen(client: httpx.AsyncClient) -> None:
        nonlocal news
        async with client.stream("GET", "api/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                news += line.startswith("event: study")

    async def look(client: httpx.AsyncClient, which: int) -> None:
        searches = (
            "dicomweb/studies?limit=50&PatientID=LOAD-1*",
            "dicomweb/studies?StudyDate=20240301-20240630&limit=50",
            f"dicomweb/instances?StudyInstanceUID={ROOT}.{1 + which}",
            "dicomweb/series?Modality=DX&limit=50&offset=20",
        )
        turn = which
        while not stop.is_set():
            for name, path in (("worklist", "api/worklist?limit=50"), ("QIDO", searches[turn % len(searches)])):
                began = time.perf_counter()
                answer = await client.get(path)
                took[name].append(time.perf_counter() - began)
                if answer.status_code not in (200, 204):
                    wrong.append(answer.status_code)
            turn += 1
            await asyncio.sleep(rest_s)

    async def all_of_them() -> None:
        headers = {"Authorization": f"Bearer {told['token']}"}
        clients = [httpx.AsyncClient(base_url=told["url"], headers=headers, timeout=60) for _ in range(count)]
        streams = [asyncio.create_task(listen(client)) for client in clients]
        await asyncio.gather(*(look(client, which) for which, client in enumerate(clients)))
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        for client in clients:
            await client.aclose()

    asyncio.run(all_of_them())
    done.put({"took": took, "wrong": wrong, "news": news})


class Memory(threading.Thread):
    """Notes the resident memory of a process each second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.mb, self.ended = pid, list[float](), threading.Event()

    def run(self) -> None:
        """Note until it has ended."""
        while not self.ended.wait(1.0):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    self.mb.append(int(line.split()[1]) / 1024)

    def told(self) -> dict[str, float]:
        """Start, quarters and peak in MB, and the last quarter over the second."""
        self.ended.set()
        self.join()
        seen = self.mb if len(self.mb) >= 4 else (self.mb or [0.0]) * 4
        quarter = len(seen) // 4
        parts = [statistics.median(seen[n * quarter : (n + 1) * quarter]) for n in range(4)]
        named = {f"quarter_{n + 1}": round(part, 1) for n, part in enumerate(parts)}
        return {
            "first": round(seen[0], 1),
            **named,
            "peak": round(max(seen), 1),
            "growth": round(parts[3] / parts[1], 3),
        }


def held(told: dict[str, Any]) -> list[str]:
    """SOP Instance UIDs of our films as QIDO-RS lists them, page by page."""
    import httpx

    found: list[str] = []
    with httpx.Client(
        base_url=told["url"], headers={"Authorization": f"Bearer {told['token']}"}, timeout=120
    ) as client:
        while True:
            asked = {"limit": 500, "offset": len(found), "SOPClassUID": FILM}
            answer = client.get("dicomweb/instances", params=asked)
            page = answer.json() if answer.status_code == 200 else []
            found += [str(item["00080018"]["Value"][0]) for item in page]
            if len(page) < 500:
                return [uid for uid in found if uid.startswith(f"{ROOT}.")]


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Start the server, load it, and return what was measured."""
    films = make_films(folder, options.films)
    command = [
        sys.executable,
        "-m",
        "hilum",
        "serve",
        str(folder / "root"),
        "--port",
        "0",
        "--dicom-port",
        "0",
        "--json",
    ]
    command += ["--set", "limits.requests_per_minute=0", "--set", "work.settle_seconds=5.0"]
    command += ["--set", f"database={options.database}"] if options.database else []
    command += ["--set", "work.enabled=false"] if options.no_reading else []
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    told = json.loads(server.stdout.readline())
    told["token"] = Path(told["token_file"]).read_text(encoding="ascii").strip()
    context = multiprocessing.get_context("spawn")
    stop, from_browsers, from_senders = context.Event(), context.Queue(), context.Queue()
    browsers = context.Process(target=browse, args=(told, options.browsers, options.rest, stop, from_browsers))
    kinds = ["C-STORE" if number % 2 == 0 else "STOW" for number in range(options.senders)]
    senders = [
        context.Process(target=send, args=(kind, films[number :: options.senders], told, from_senders))
        for number, kind in enumerate(kinds)
    ]
    try:
        memory = Memory(server.pid)
        memory.start()
        browsers.start()
        time.sleep(3)
        began = time.perf_counter()
        for sender in senders:
            sender.start()
        sent = [from_senders.get() for _ in senders]
        seconds = time.perf_counter() - began
        stop.set()
        seen = from_browsers.get()
        remembered = memory.told()
        listed = held(told)
        on_disk = list((folder / "root" / "instances").rglob("*.dcm"))
        states = _states(told)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        for process in (browsers, *senders):
            process.join(20)
    mine = [uid for uid in listed if uid.startswith(f"{ROOT}.") and uid.endswith(".1.1")]
    lost = options.films - len(set(mine))
    each = {kind: [t for one in sent if one["kind"] == kind for t in one["seconds_per_film"]] for kind in set(kinds)}
    return {
        "films": options.films, "senders": options.senders, "browsers": options.browsers,
        "database": options.database.split(":")[0] or "sqlite", "cpus": os.cpu_count(),
        "load_1_min": round(os.getloadavg()[0], 1), "lost": lost, "doubled": len(mine) - len(set(mine)),
        "files": len(on_disk), "sent_again": sum(one["again"] for one in sent), "seconds": round(seconds, 1),
        "films_per_s": round(options.films / seconds, 2), "memory_mb": remembered, "states": states,
        "memory_each_second_mb": [round(mb, 1) for mb in memory.mb],
        "wrong_answers": len(seen["wrong"]), "news": seen["news"],
        "ms": {name: _spread([1000 * t for t in times]) for name, times in {**seen["took"], **each}.items()},
    }  # fmt: skip


def _states(told: dict[str, Any]) -> dict[str, int]:
    import httpx

    headers = {"Authorization": f"Bearer {told['token']}"}
    found: dict[str, int] = {}
    for state in ("waiting", "reading", "read", "refused", "failed", "quarantined", "unread"):
        answer = httpx.get(
            f"{told['url']}api/worklist", params={"state": state, "limit": 1}, headers=headers, timeout=60
        )
        found[state] = int(answer.json()["total"])
    return {state: count for state, count in found.items() if count}


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    at = {name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] for name, part in _PARTS.items()}
    return {"n": len(ordered), **{name: round(value, 1) for name, value in at.items()}}


_PARTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def table(figures: dict[str, Any]) -> str:
    """The figures as lines to read."""
    memory = figures["memory_mb"]
    lines = [
        f"{figures['films']} films from {figures['senders']} senders, {figures['browsers']} browsers, "
        f"{figures['database']}, {figures['cpus']} CPUs (load {figures['load_1_min']}): {figures['seconds']} s, "
        f"{figures['films_per_s']} films/s",
        f"lost {figures['lost']}, doubled {figures['doubled']}, sent again {figures['sent_again']}, "
        f"wrong answers {figures['wrong_answers']}, news {figures['news']}, states {figures['states']}",
        "memory, MB: " + ", ".join(f"{name} {value}" for name, value in memory.items()),
        f"{'ms':10}" + "".join(f"{name:>9}" for name in ("n", *_PARTS)),
    ]
    lines += [
        f"{name:10}" + "".join(f"{spread[part]:9}" for part in ("n", *_PARTS)) for name, spread in figures["ms"].items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure and print; 1 if a film was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=1000)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--browsers", type=int, default=8)
    parser.add_argument("--rest", type=float, default=1.0, help="seconds a browser rests between its questions")
    parser.add_argument("--database", default="", help="postgresql://...; empty for SQLite")
    parser.add_argument("--no-reading", action="store_true", help="archive and show only")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(table(figures))
    return int(bool(figures["lost"] or figures["doubled"]))


if __name__ == "__main__":
    sys.exit(main())
