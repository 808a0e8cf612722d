"""Judge the claim of a system: run its recipe, write the verdict beside its evidence, tell a person."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from inspect import Parameter, signature
from math import isfinite
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get, listing
from hilum.measure.verdict import Verdict

EXIT_CODES = {"holds": 0, "fails": 3, "cannot be tested here": 2}


def reproduce(
    name: str, data: Path | None, out: Path, *, seed: int = 0, settings: Mapping[str, str] | None = None
) -> tuple[Verdict, Path]:
    """Judge one system's claim and write `verdict.json`.

    Args:
        name: of the system.
        data: root folder of its data, where it needs one.
        out: folder to write to.
        seed: of every random draw.
        settings: choices of the recipe, e.g. {'half': 'dev'}.

    Returns:
        The verdict and the file that was written.

    Raises:
        InputError: if there is no such system, or it has no such choice.
        MissingError: if its claim cannot be judged yet, or it needs data.
    """
    recipe = getattr(get("system", name), "reproduce", None)
    if recipe is None:
        able = [entry.name for entry in listing("system") if hasattr(entry.thing, "reproduce")]
        raise MissingError(f"the claim of '{name}' cannot be judged yet; systems whose claim can: {', '.join(able)}")
    choices = signature(recipe).parameters
    needed = [key for key in ("data", "root") if key in choices and choices[key].default is Parameter.empty]
    if needed and data is None:
        raise MissingError(f"judging '{name}' needs its data: give the folder with --data")
    given = {key: data for key in ("data", "root") if key in choices and data is not None}
    free = {key for key in choices if key not in ("data", "root", "seed")}
    for key in settings or {}:
        if key not in free:
            raise InputError(f"'{name}' has no choice '{key}': it has {', '.join(sorted(free)) or 'none'}")
    verdict: Verdict = recipe(**given, **({"seed": seed} if "seed" in choices else {}), **(settings or {}))
    record = {
        "system": name, "claim": verdict.claim, "outcome": verdict.outcome, "evidence": list(verdict.lines),
        "scores": verdict.scores, "seed": seed, "settings": dict(settings or {}), "hilum": __version__,
        "caution": RESEARCH_USE,
    }  # fmt: skip
    return verdict, _write(out / "verdict.json", record)


def _write(path: Path, record: Mapping[str, Any]) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(_plain(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another folder with -o") from None
    return path


def _plain(value: Any) -> Any:
    """As JSON has it: records as objects, numpy numbers as numbers, what is not finite as null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)
