"""Starting and stopping a PostgreSQL server for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def found_binaries() -> Path | None:
    """The folder of the newest PostgreSQL server on this machine."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    if places and (places[-1] / "initdb").exists():
        return places[-1]
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class Cluster:
    """A PostgreSQL server in a folder of its own."""

    def __init__(self, binaries: Path, folder: Path, port: int, account: str | None) -> None:
        self.binaries, self.folder, self.port, self.account = binaries, folder, port, account
        self.made = 0

    def create(self) -> None:
        if self.account:
            shutil.chown(self.folder, self.account)
        self._run("initdb", "-D", self._data, "-U", "hilum", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop", check=False)

    def fresh(self) -> str:
        self.made += 1
        name = f"hilum_{os.getpid()}_{self.made}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "hilum", name)
        return f"postgresql://hilum@127.0.0.1:{self.port}/{name}"

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self.binaries / program), *arguments]
        if self.account:
            command = ["runuser", "-u", self.account, "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
