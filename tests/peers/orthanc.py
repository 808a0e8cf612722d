"""A real Orthanc in a folder of its own, on free ports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hilum.app.serve.peer import Peer
from tests.app.serve.process import free_port, until

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

needed = pytest.mark.skipif(
    not (os.access(PROGRAM, os.X_OK) and PLUGIN.exists()),
    reason="needs Orthanc and its DICOMweb plugin (Debian: orthanc orthanc-dicomweb, without orthanc-gdcm)",
)


class Orthanc:
    """A PACS.

    Args:
        folder: what it keeps.
        title: its AE title.
    """

    def __init__(self, folder: Path, title: str = "ORTHANC") -> None:
        self.folder, self.title = folder, title
        self.web_port, self.dicom_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.modalities: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def peer(self) -> Peer:
        """How we reach it."""
        return Peer(self.title, "127.0.0.1", self.dicom_port)

    @property
    def dicomweb(self) -> str:
        """Root of its DICOMweb."""
        return f"{self.url}/dicom-web"

    def know(self, name: str, node: Peer) -> None:
        """Tell it of another node, which it may then send to."""
        self.modalities[name] = [node.ae_title, node.host, node.port]
        if self.process is not None:
            self.put(f"/modalities/{name}", self.modalities[name])

    def know_web(self, name: str, url: str, token: str) -> None:
        """Tell it of a DICOMweb server, which it may then send to."""
        headers = {"Authorization": f"Bearer {token}"}
        self.put(f"/dicom-web/servers/{name}", {"Url": url, "HttpHeaders": headers})

    def start(self) -> Orthanc:
        """Start it and wait until it answers."""
        settings = {
            "Name": "Hilum's tests", "StorageDirectory": str(self.folder), "IndexDirectory": str(self.folder),
            "Plugins": [str(PLUGIN)], "HttpPort": self.web_port, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "DicomServerEnabled": True, "DicomAet": self.title,
            "DicomPort": self.dicom_port, "DicomCheckCalledAet": True, "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True,
            "DicomModalities": self.modalities, "StableAge": 1, "DicomScuTimeout": 30,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }  # fmt: skip
        path = self.folder.with_suffix(".json")
        path.write_text(json.dumps(settings), encoding="utf-8")
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, str(path)], stdout=log, stderr=log)
        until(self._answers, "Orthanc answers", 60)
        return self

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def get(self, path: str) -> Any:
        """What its REST API says."""
        answer = httpx.get(self.url + path, timeout=60)
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers["content-type"] else answer.content

    def put(self, path: str, told: Any) -> None:
        """Set something."""
        httpx.put(self.url + path, json=told, timeout=60).raise_for_status()

    def post(self, path: str, told: Any) -> Any:
        """Have something done."""
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        answer = httpx.post(self.url + path, content=content, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def add(self, *files: Path) -> list[str]:
        """Put files in it and return its names for them."""
        return [str(self.post("/instances", path.read_bytes())["ID"]) for path in files]

    def instances(self) -> list[dict[str, Any]]:
        """Main tags of everything it holds."""
        return list(self.get("/instances?expand"))

    def held(self, study: str, modality: str) -> list[bytes]:
        """Files of one modality in a study."""
        found = []
        for series in self.get("/series?expand"):
            above = self.get(f"/studies/{series['ParentStudy']}")["MainDicomTags"]["StudyInstanceUID"]
            if above == study and series["MainDicomTags"]["Modality"] == modality:
                found += [self.get(f"/instances/{each}/file") for each in series["Instances"]]
        return found

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.folder.with_suffix(".log").read_text(errors="replace")[-3000:]
        try:
            return httpx.get(f"{self.url}/system", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(folder: Path, title: str = "ORTHANC") -> Iterator[Orthanc]:
    """An Orthanc that runs meanwhile."""
    made = Orthanc(folder, title).start()
    try:
        yield made
    finally:
        made.stop()
