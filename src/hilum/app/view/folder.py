"""A results folder of `hilum read`, or one study in it, as entries of the shelf."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from hilum.app.view.keep import RECORD
from hilum.app.view.local import Entry
from hilum.app.view.sheet import study_key
from hilum.core.errors import InputError


def is_study(path: Path) -> bool:
    """Tell whether a folder holds one study as `hilum read` wrote it."""
    return "files" in _record(path)


def is_results(path: Path) -> bool:
    """Tell whether a folder holds studies as `hilum read` wrote them."""
    return path.is_dir() and any(is_study(each) for each in _folders(path))


def from_results(path: Path) -> list[Entry]:
    """Return an entry for each study of a results folder; readings are saved where the studies lie.

    Raises:
        InputError: if it holds none.
    """
    entries, keys = [], {}
    for folder in _folders(path):
        record = _record(folder)
        if "files" not in record:
            continue
        keys[str(record.get("id", ""))] = folder.name
        entries.append((folder, record))
    if not entries:
        raise InputError(f"'{path}' holds no study: make some with 'hilum read FILMS -o {path}'")
    return [_entry(folder, record, keys) for folder, record in entries]


def _entry(folder: Path, record: dict[str, Any], keys: dict[str, str]) -> Entry:
    told = record.get("time")
    try:
        when = datetime.fromisoformat(told) if told else None
    except (TypeError, ValueError):
        when = None
    arrived = datetime.fromtimestamp((folder / RECORD).stat().st_mtime).astimezone().isoformat(timespec="seconds")
    prior = keys.get(str(record.get("prior") or ""), "")
    key = study_key(folder.name)
    return Entry(key, None, folder, prior="" if prior == folder.name else prior, time=when, arrived=arrived)


def _folders(path: Path) -> Iterator[Path]:
    """Folders in a folder by name, hidden ones and links left out."""
    for each in sorted(path.iterdir()):
        if each.is_dir() and not each.name.startswith(".") and not each.is_symlink():
            yield each


def _record(folder: Path) -> dict[str, Any]:
    """The study.json of a folder, {} where there is none to be read."""
    try:
        loaded = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
