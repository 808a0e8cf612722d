"""The folder of a run: rows as they finish, facts, scores; a kill at any moment costs one row at most."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, get_args

from hilum.core.errors import InputError

Status = Literal["done", "unanswered", "failed"]
ROWS, FACTS, SCORES = "studies.jsonl", "run.json", "scores.json"
PACKAGES = ("numpy", "scipy", "pillow", "pydicom", "onnxruntime", "torch", "transformers")


@dataclass(frozen=True)
class Row:
    """What became of one study.

    Args:
        id, patient: of the study.
        status: 'done', 'unanswered' where the model added nothing at all, or 'failed'.
        seconds: that the model took.
        reference: hash of the study's id and of what was hidden of it.
        answer: JSON form of what the model added, None where it added nothing.
        error: why there is no answer, as a sentence.
    """

    id: str
    patient: str
    status: Status
    seconds: float
    reference: str
    answer: Mapping[str, Any] | None = None
    error: str = ""


def made(folder: Path) -> Path:
    """Return a folder that exists and can be written to.

    Raises:
        InputError: if it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        said = error.strerror or error
        raise InputError(f"cannot write to the folder '{folder}': {said}; choose another folder with -o") from None
    return folder


def read_rows(path: Path) -> dict[str, Row]:
    """Return the rows of an earlier run by study; the later row of a study counts, a line cut short is left out.

    Raises:
        InputError: if a whole line is not a row of a run.
    """
    found: dict[str, Row] = {}
    for number, line in enumerate(_whole_lines(path), 1):
        try:
            raw = json.loads(line)
            row = Row(**raw)
        except (ValueError, TypeError):
            raise InputError(
                f"{path} line {number} is not a row of a run: remove the file, or choose another -o"
            ) from None
        if row.status not in get_args(Status):
            raise InputError(f"{path} line {number} has the status '{row.status}': it is of another version of hilum")
        found[row.id] = row
    return found


def _whole_lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:  # what follows the last line end was being written at a kill
        if line.strip():
            yield line.decode("utf-8", errors="replace")


def cut_to_whole_lines(path: Path) -> None:
    """Remove the rest of a line that a kill cut short, so that the next row starts on its own line."""
    if path.is_file():
        content = path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end != len(content):
            with path.open("r+b") as file:
                file.truncate(end)


def line_of(row: Row) -> str:
    """Return the row as one line of JSON."""
    return json.dumps(plain({**asdict(row), "answer": row.answer})) + "\n"


def read_facts(folder: Path, name: str = FACTS) -> dict[str, Any] | None:
    """Return run.json or scores.json of a folder, None where there is none.

    Raises:
        InputError: if it is damaged.
    """
    path = folder / name
    if not path.is_file():
        return None
    try:
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path} is damaged: remove it, or choose another folder with -o") from None
    return loaded


def write_json(path: Path, record: Mapping[str, Any]) -> Path:
    """Write a JSON file whole or not at all; what is not finite becomes null.

    Raises:
        InputError: if it cannot be written.
    """
    part = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        part.write_text(json.dumps(plain(record), indent=1, allow_nan=False) + "\n", "utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another folder with -o") from None
    return path


def plain(value: Any) -> Any:
    """Return a value as JSON has it: records as objects, numpy numbers as numbers, what is not finite as null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


def machine() -> dict[str, Any]:
    """Return what a number may depend on beside the seed: versions, machine, git state."""
    torch = sys.modules.get("torch")
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "device": "cuda" if torch is not None and torch.cuda.is_available() else "cpu",
        "git": _git(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _git() -> dict[str, Any] | None:
    """Commit and whether files differ from it, where the command runs in a repository."""

    def asked(*words: str) -> str:
        command = ["git", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        return done.stdout.strip()

    try:
        head, state = asked("rev-parse", "HEAD"), asked("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": head, "changed": bool(state)}
