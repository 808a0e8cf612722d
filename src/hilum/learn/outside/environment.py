"""The environment a published reader runs in: where it lies, the commands that make it, and which Python it has."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from hilum.core.cache import cache_folder
from hilum.core.errors import MissingError
from hilum.io.fetch import offline
from hilum.learn.outside.published import Published

WEIGHTS = "HILUM_WEIGHTS"
_FOLDER = "readers"


def place_of(row: Published) -> Path:
    """Return the folder of a reader's environment; it need not be there."""
    return cache_folder(_FOLDER) / row.name


def python_of(row: Published, given: str = "") -> Path:
    """Return the Python of a reader's environment.

    Args:
        row: the reader.
        given: path of another Python.

    Raises:
        MissingError: if it is not there; the sentence says how to make it.
    """
    if given:
        found = shutil.which(given)
        if not found:
            raise MissingError(f"'{row.name}' was given the Python '{given}', and there is no such program")
        return Path(found)
    for path in (place_of(row) / "bin" / "python", place_of(row) / "Scripts" / "python.exe"):
        if path.is_file():
            return path
    raise MissingError(f"'{row.name}' runs in an environment of its own, which is not there: hilum get {row.name} "
                       f"prints the commands that make it, hilum get {row.name} --create runs them")  # fmt: skip


def weights_of(row: Published, given: str = "") -> Path:
    """Return the folder of a reader's weights.

    Args:
        row: the reader.
        given: the folder; by default the one of its name in the folder that HILUM_WEIGHTS names.

    Raises:
        MissingError: if it is not there; the sentence says where they are published and under which terms.
    """
    root = os.environ.get(WEIGHTS, "")
    folder = Path(given) if given else Path(root) / row.name if root else None
    if folder is not None and folder.is_dir():
        return folder.resolve()
    why = f"there is no folder '{folder}'" if folder else f"{WEIGHTS} is not set"
    gated = "; its terms must be accepted on its page first" * row.gated
    raise MissingError(f"'{row.name}' needs weights of others, which Hilum neither ships nor fetches ({why}): get "
                       f"{row.repository} (licence: {row.licence}{gated}) as hilum get {row.name} shows")  # fmt: skip


def commands(row: Published) -> tuple[str, ...]:
    """Return what makes a reader's environment and gets its weights, as shell commands, in order."""
    place = shlex.quote(str(place_of(row)))
    revision = f" --revision {row.revision}" * bool(row.revision)
    pins = " ".join(shlex.quote(each) for each in row.requirements)
    wanted = "".join(f" {shlex.quote(each)}" for each in row.files)
    weights = f'"${WEIGHTS}/{row.name}"'
    worker = shlex.quote(str(Path(__file__).with_name("worker.py")))
    named = {"python": f"{place}/bin/python", "worker": worker, "weights": weights}
    made = (f"python{row.python} -m venv {place}", f"{place}/bin/pip install {pins}") if pins else ()
    got = f"hf download {row.repository}{wanted}{revision} --local-dir {weights}"
    return (*made, got, *(each.format(**named) for each in row.more))


def create_environment(row: Published, say: Callable[[str], None], *, timeout_s: float = 3600.0) -> Path:
    """Make a reader's environment with pip, as `commands` prints; the weights are left to the user.

    Args:
        row: the reader.
        say: told each command before it runs.
        timeout_s: for each of them.

    Returns:
        Its Python.

    Raises:
        MissingError: if it has no environment of its own, the network is off, the release of Python is not here, or a
            command fails.
    """
    if not row.requirements:
        raise MissingError(f"'{row.name}' has no environment of its own: {row.without}")
    if offline():
        raise MissingError(f"HILUM_OFFLINE is set: the environment of '{row.name}' is made on a machine with network")
    interpreter = shutil.which(f"python{row.python}")
    if interpreter is None:
        raise MissingError(f"the environment of '{row.name}' wants Python {row.python}, and there is no "
                           f"python{row.python} here: install it first")  # fmt: skip
    place = place_of(row)
    steps = [[interpreter, "-m", "venv", str(place)], [str(place / "bin" / "pip"), "install", *row.requirements]]
    for step in steps:
        say(shlex.join(step))
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
        except (subprocess.TimeoutExpired, OSError) as error:
            raise MissingError(f"'{row.name}': '{shlex.join(step[:3])} ...' did not finish: {error}") from None
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise MissingError(f"'{row.name}': '{shlex.join(step[:3])} ...' failed: {last}")
    return python_of(row)
