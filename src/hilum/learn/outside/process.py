"""A published reader in a process of its own: started once, asked through files, watched, and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from hilum.core.errors import HilumError, InputError, MissingError, RefusedError
from hilum.core.image import MadeBy
from hilum.learn.outside.asking import Asking, Said
from hilum.learn.outside.contract import CONTRACT, check, read_answer, write_request
from hilum.learn.outside.environment import python_of, weights_of
from hilum.learn.outside.published import Published, fits

WORKER = Path(__file__).with_name("worker.py")
_LOOK_S = 0.02
_STARTS = 3
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH",
         "OMP_NUM_THREADS", "HF_HOME")  # fmt: skip
"""Environment variables the reader is given; keys and tokens are not among them."""


@dataclass
class Process:
    """A published reader, ready to be asked; use as a context manager, or call `close`.

    Args:
        row: which.
        trust: the names of readers whose own code the user lets run.
        weights, python: folder and interpreter; see `environment`.
        load_s, answer_s: longest waits in seconds.
        worker: the program that its Python runs.
    """

    row: Published
    trust: tuple[str, ...] = ()
    weights: str = ""
    python: str = ""
    load_s: float = 1800.0
    answer_s: float = 300.0
    worker: Path = WORKER
    made_by: MadeBy = field(default_factory=lambda: MadeBy("unnamed"), init=False)
    _running: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _folder: Path | None = field(default=None, init=False, repr=False)
    _log: IO[bytes] | None = field(default=None, init=False, repr=False)
    _starts: int = field(default=0, init=False, repr=False)
    _asked: int = field(default=0, init=False, repr=False)

    @property
    def name(self) -> str:
        """'outside:NAME'."""
        return f"outside:{self.row.name}"

    def start(self) -> Process:
        """Start the process and wait until its model is loaded; the gate is `learn.outside.gate.gate`.

        Raises:
            MissingError: if there is no adapter, or environment or weights are not here.
            RefusedError: if its code may not run, or its library is of another release.
            HilumError: if it dies or takes too long.
        """
        row = self.row
        if not row.loader:
            raise MissingError(f"there is no adapter for '{row.name}': {row.without}")
        if row.remote and row.name not in self.trust:
            raise RefusedError(f"the weights of '{row.name}' bring code of {row.repository} that would run on this "
                               f"machine as you: read it, then say so by name with #trust={row.name}")  # fmt: skip
        folder, python = weights_of(row, self.weights), python_of(row, self.python)
        self._starts += 1
        self._folder = Path(tempfile.mkdtemp(prefix="hilum-reader-"))  # mkdtemp: nobody else can read it
        self._log = (self._folder / "log.txt").open("wb")
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
        told = {"contract": CONTRACT, "name": row.name, "loader": row.loader, "weights": str(folder),
                "trust_remote_code": row.remote}  # fmt: skip
        (self._folder / "start.json").write_text(json.dumps(told), encoding="utf-8")
        try:
            self._running = subprocess.Popen(  # noqa: S603 - the user names the program
                [str(python), str(self.worker), str(self._folder)], stdin=subprocess.PIPE, stdout=self._log,
                stderr=subprocess.STDOUT, env=environment, cwd=self._folder,
            )  # fmt: skip
            self._settle(self._loaded(), folder)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise MissingError(f"'{row.name}' could not be started with {python}: {error}") from None
            raise
        return self

    def _loaded(self) -> Mapping[str, Any]:
        ready = self._wait("ready.json", self.load_s, "loading its weights")
        try:
            told = json.loads(ready.read_bytes())
            if told["contract"] != CONTRACT:
                raise InputError(f"'{self.row.name}' speaks contract {told['contract']}, expected {CONTRACT}")
            if told.get("error"):
                raise HilumError(f"'{self.row.name}' could not be loaded: {str(told['error'])[:400]}")
            found: Mapping[str, Any] = told["versions"]
            _ = found["transformers"]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"'{self.row.name}' did not say what it loaded: {ready.read_bytes()[:80]!r}") from None
        return found

    def _settle(self, versions: Mapping[str, Any], folder: Path) -> None:
        version = str(versions["transformers"])
        if not fits(self.row, version):
            low, high = self.row.transformers
            raise RefusedError(f"'{self.row.name}' is written for transformers from {low} and before {high}; "
                               f"its environment has {version}, on which it may run and still be wrong: "
                               f"hilum get {self.row.name}")  # fmt: skip
        said = self.row.revision[:12] or _revision(folder)
        self.made_by = MadeBy(self.name, f"{said} transformers {version}, {self.row.tried}".strip())

    def __call__(self, asking: Asking) -> Said:
        """Return the answer to one request; a reader that died of the one before is started again, three times at most.

        Raises:
            InputError: if the reader does not do the task, takes none of the films, or answers something else than the
                contract has.
            HilumError: if it reports an error, dies or takes too long, or is not running.
        """
        kept = check(self.row, asking)
        if self._running is None and 0 < self._starts <= _STARTS:
            self.start()
        if self._running is None or self._folder is None:
            raise HilumError(f"'{self.name}' is not running: start it first")
        number, self._asked = self._asked, self._asked + 1
        write_request(kept, number, self._folder)
        try:
            self._say(f"{number}\n")
            path = self._wait(f"{number}.answer.json", self.answer_s, f"answering request {number}")
            return read_answer(path, number, kept, self.made_by)
        finally:
            for each in self._folder.glob(f"{number}[.-]*") if self._folder is not None else ():
                each.unlink(missing_ok=True)  # films do not lie about longer than they are needed

    def _say(self, line: str) -> None:
        stdin = self._running.stdin if self._running else None
        try:
            if stdin is not None:
                stdin.write(line.encode())
                stdin.flush()
        except OSError:  # it is gone; waiting for its answer says so, with its last words
            return

    def _wait(self, name: str, limit_s: float, doing: str) -> Path:
        if self._folder is None or self._running is None:
            raise HilumError(f"'{self.name}' is not running: start it first")
        path, until = self._folder / name, time.monotonic() + limit_s
        while not path.is_file():
            code = self._running.poll()
            if code is not None and not path.is_file():
                last = self._last_words()
                self.close()
                if "No module named" in last:
                    raise MissingError(f"the environment of '{self.row.name}' lacks a package: {last}; "
                                       f"hilum get {self.row.name}")  # fmt: skip
                raise HilumError(f"'{self.row.name}' died while {doing} (code {code}): {last}")
            if time.monotonic() > until:
                self.close()
                raise HilumError(f"'{self.row.name}' took more than {limit_s:g} s {doing} and was stopped")
            time.sleep(_LOOK_S)
        return path

    def _last_words(self) -> str:
        if self._folder is None:
            return ""
        lines = (self._folder / "log.txt").read_bytes()[-4000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def close(self) -> None:
        """Stop the process and remove what passed between."""
        running, folder, self._running, self._folder = self._running, self._folder, None, None
        if running is not None:
            if running.stdin is not None:
                with contextlib.suppress(OSError):
                    running.stdin.close()  # an idle worker ends by itself
            if running.poll() is None:
                running.kill()
            running.wait()
        if self._log is not None:
            self._log.close()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Process:
        """Start it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __del__(self) -> None:
        """Leave no process behind."""
        self.close()


def _revision(folder: Path) -> str:
    """The snapshot that a folder of the hub's cache is named after; '' for any other."""
    name = folder.name
    return name[:12] if len(name) == 40 and all(each in "0123456789abcdef" for each in name) else ""
