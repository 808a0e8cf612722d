"""Rows of films on disk: written study by study, gone on with after an interruption, told of plainly if damaged.

A folder MARK (the fingerprint of cohort, size and findings) holds films.npy (N, S, S), bits.npy with the regions that
there are, columns as .npy, keys and texts as JSON lines, lost.jsonl, and rows.json, which says how much of each there
must be. Until all is there it is called MARK.part, and progress.json says how much of each file counts.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hilum.core.cache import cache_folder
from hilum.core.errors import InputError, TooLargeError
from hilum.io.save import save_text
from hilum.learn.stored import Lines, StoredArray, StoredBits, StoredTexts

KEYS, TEXTS = ("view", "study", "patient", "group", "split"), ("report", "indication", "sentences")
COLUMNS: Mapping[str, str] = {"visit": "<i4", "target": "<f4", "known": "|b1", "marked": "|b1", "sides": "|i1"}
EVERY = 256
"""Studies between two states that a gathering goes on from."""
SMALL = 64 << 20
"""Bytes of films up to which recipes keep a data set in memory: 5,000 films at 112 px, 1,300 at 224 px."""
_HEADER, _ROWS, _PROGRESS = 128, "rows.json", "progress.json"


def _shapes(size: int, columns: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of one row of each array file."""
    rows = {name: (kind, () if name == "visit" else (columns,)) for name, kind in COLUMNS.items()}
    more = {
        "films": ("|u1", (size, size)),
        "bits": ("|u1", (size, -(-size // 8))),
        "at": ("<i8", ()),
        "ends": ("<i8", ()),
    }
    return rows | more


class Writer:
    """Writes rows into `place` with '.part' behind its name, from the last state that was kept, and renames at the end.

    Args:
        place: folder that it becomes.
        size: side of a film.
        names: findings.
        films: how many there may be, to see beforehand whether there is room.

    Raises:
        InputError: if it cannot be written, or another process writes it.
        TooLargeError: if the disk has no room.
    """

    def __init__(self, place: Path, *, size: int, names: tuple[str, ...], films: int) -> None:
        self.place, self.size, self.names = place, size, names
        self.part = place.with_name(f"{place.name}.part")
        self.shapes = _shapes(size, len(names))
        self.studies, self.rows, self.marks = 0, 0, 0
        self._files = dict[str, BinaryIO]()
        self._films = films

    def __enter__(self) -> Writer:
        """Open every file at the state that was kept."""
        if self.place.exists():
            raise InputError(f"'{self.place}' has lost its {_ROWS}: delete the folder, and its films are gathered anew")
        try:
            self.part.mkdir(parents=True, exist_ok=True)
            self._lock()
            kept = self._kept()
            self._room()
            for name in (*(f"{each}.npy" for each in self.shapes), "keys.jsonl", "texts.jsonl", "lost.jsonl"):
                path = self.part / name
                path.touch()
                stream = path.open("r+b")
                stream.truncate(kept.get(name, 0))
                stream.seek(0, os.SEEK_END)
                if name.endswith(".npy") and not stream.tell():
                    stream.write(bytes(_HEADER))
                self._files[name] = stream
        except OSError as error:
            raise self._fault(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files; what was kept stays."""
        for stream in (*self._files.values(), self._locked):
            with suppress(OSError, ValueError):
                stream.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row of `pair_rows`."""
        try:
            self._array("films", row["films"])
            for name in COLUMNS:
                self._array(name, row[name])
            for column in np.flatnonzero(row["marked"]):
                self._array("bits", row["bits"][column])
                self._array("at", self.rows * len(self.names) + column)
                self.marks += 1
            self._line("keys.jsonl", [row[name] for name in KEYS])
            self._line("texts.jsonl", [row[name] for name in TEXTS])
            self._array("ends", self._files["texts.jsonl"].tell())
        except OSError as error:
            raise self._fault(error) from error
        self.rows += 1

    def lost(self, film: str, reason: str) -> None:
        """Note a film that could not be read."""
        self._line("lost.jsonl", [film, reason])

    def next_study(self) -> None:
        """Say that a study is whole; now and then all of it is kept."""
        self.studies += 1
        if self.studies % EVERY == 0:
            self.keep()

    def keep(self) -> None:
        """Keep what is written so far."""
        try:
            for stream in self._files.values():
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise self._fault(error) from error
        sizes = {name: stream.tell() for name, stream in self._files.items()}
        told = {"studies": self.studies, "rows": self.rows, "marks": self.marks, "bytes": sizes}
        save_text(json.dumps(told), self.part / _PROGRESS)

    def close(self) -> Path:
        """Write the headers and the list of what there is, and give the folder its name."""
        try:
            for name, (kind, shape) in self.shapes.items():
                count = self.marks if name in ("bits", "at") else self.rows
                stream = self._files[f"{name}.npy"]
                stream.seek(0)
                stream.write(_header(kind, (count, *shape)))
                stream.seek(0, os.SEEK_END)
            self.keep()
            sizes = {name: stream.tell() for name, stream in self._files.items()}
            told = {"size": self.size, "names": self.names, "rows": self.rows, "marks": self.marks, "bytes": sizes}
            save_text(json.dumps(told, ensure_ascii=False), self.part / _ROWS)
            (self.part / _PROGRESS).unlink()
            os.replace(self.part, self.place)
        except OSError as error:
            raise self._fault(error) from error
        return self.place

    def _array(self, name: str, value: Any) -> None:
        kind, shape = self.shapes[name]
        self._files[f"{name}.npy"].write(np.asarray(value, dtype=kind).reshape(shape).tobytes())

    def _line(self, name: str, value: object) -> None:
        self._files[name].write(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")

    def _kept(self) -> dict[str, int]:
        try:
            told = json.loads((self.part / _PROGRESS).read_text(encoding="utf-8"))
            sizes: dict[str, int] = told["bytes"]
            if all((self.part / name).stat().st_size >= size for name, size in sizes.items()):
                self.studies, self.rows, self.marks = told["studies"], told["rows"], told["marks"]
                return sizes
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}

    def _room(self) -> None:
        needed = (self._films - self.rows) * self.size**2
        free = shutil.disk_usage(self.part).free
        if needed > free:
            raise TooLargeError(
                f"the films take {needed / 1e9:.1f} GB at {self.size} px and '{self.part}' has room for "
                f"{free / 1e9:.1f} GB: make room, name another place in HILUM_CACHE, or take smaller films"
            )

    def _lock(self) -> None:
        self._locked = (self.part / "lock").open("ab")
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another process gathers these films into '{self.part}': wait for it") from None

    def _fault(self, error: OSError) -> InputError:
        reason = error.strerror or "the system refused"
        return InputError(f"cannot write '{self.part}': {reason}; what was gathered is kept, and the next run goes on")


def _header(kind: str, shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    made = stream.getvalue()
    if len(made) != _HEADER:
        raise InputError(f"a header of {len(made)} bytes does not fit an array of shape {shape}: {_HEADER} were left")
    return made


def place_for(name: str, root: str | Path) -> Path | None:
    """Return where the films of a data set are kept: in the cache, by name, folder and the files that lie in it.

    What `hilum draw` wrote is small and soon drawn anew: its films stay in memory, None.

    Args:
        name: of the data set.
        root: its folder; a changed table beside the films is another place, a changed film alone is not seen.
    """
    if name == "virtual":
        return None
    mark, whole = blake2b(digest_size=6), Path(root).expanduser().resolve()
    files = sorted(each for each in whole.glob("*") if each.is_file()) if whole.is_dir() else [whole]
    for each in files:
        held = each.stat() if each.exists() else None
        mark.update(repr((str(each), held and (held.st_size, held.st_mtime_ns))).encode("utf-8", "surrogatepass"))
    mark.update(str(whole).encode("utf-8", "surrogatepass"))
    return cache_folder("films", f"{name}-{mark.hexdigest()}")


def is_whole(place: Path) -> bool:
    """Return whether a folder of rows is there."""
    return (place / _ROWS).is_file()


def read_rows(place: Path) -> dict[str, Any]:
    """Return the fields of `learn.pairs.Pairs` over a folder; films, regions and texts stay on disk.

    Raises:
        InputError: if a file is missing, short or of another layout.
    """
    try:
        told = json.loads((place / _ROWS).read_text(encoding="utf-8"))
        for name, size in told["bytes"].items():
            held = (place / name).stat().st_size
            if held != size:
                raise ValueError(f"{name} has {held} bytes, expected {size}")
        return _fields(place, told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{Path(error.filename or place).name}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise InputError(
            f"the films in '{place}' are damaged ({why}): delete the folder, and they are gathered anew"
        ) from None


def _fields(place: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    count, names = int(told["rows"]), tuple(told["names"])
    shapes = _shapes(int(told["size"]), len(names))
    held = {name: _read(place / f"{name}.npy", shape, name in ("films", "bits"))
            for name, (_, shape) in shapes.items()}  # fmt: skip
    if any(len(held[name]) != count for name in ("films", *COLUMNS, "ends")) or len(held["at"]) != len(held["bits"]):
        raise ValueError(f"its files do not all have {count} rows")
    with (place / "keys.jsonl").open("rb") as stream:
        keys = [[sys.intern(each) for each in json.loads(line)] for line in stream]
    if len(keys) != count:
        raise ValueError(f"keys.jsonl has {len(keys)} lines, expected {count}")
    rows = np.arange(count)
    lines = Lines(place / "texts.jsonl", np.concatenate(([0], held["ends"])))
    made: dict[str, Any] = {name: held[name] for name in COLUMNS}
    made |= {name: np.array([key[at] for key in keys]) for at, name in enumerate(KEYS)}
    made |= {name: StoredTexts(lines, at, rows) for at, name in enumerate(TEXTS)}
    return made | {"films": StoredArray(held["films"], rows), "names": names,
                   "bits": StoredBits(held["bits"], held["at"], len(names), rows)}  # fmt: skip


def _read(path: Path, shape: tuple[int, ...], mapped: bool) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r" if mapped and path.stat().st_size > _HEADER else None)
    except ValueError:
        raise ValueError(f"{path.name} is no whole array") from None
    if found.shape[1:] != shape:
        raise ValueError(f"{path.name} has rows of {found.shape[1:]}, expected {shape}")
    return found


def lost_of(place: Path) -> Iterable[tuple[str, str]]:
    """Yield the films that could not be read when a folder was gathered, and why."""
    with (place / "lost.jsonl").open(encoding="utf-8") as stream:
        for line in stream:
            film, reason = json.loads(line)
            yield film, reason
