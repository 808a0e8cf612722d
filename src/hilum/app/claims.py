"""Judge the claim of a system: run its recipe, write the verdict beside its evidence, tell a person."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.app.bench import data_root, duration
from hilum.app.bench_page import write_page
from hilum.app.claim_page import claim_page
from hilum.core.errors import InputError, MissingError, need
from hilum.core.registry import Entry, get, listing
from hilum.measure.log import machine, made, write_json
from hilum.measure.verdict import Verdict

EXIT_CODES = {"holds": 0, "fails": 3, "cannot be tested here": 2}
_DATA = ("data", "root")


def _silent(line: str) -> None:
    """Tell nobody."""


def reproduce(
    name: str, data: Path | None, out: Path, *, seed: int = 0, settings: Mapping[str, str] | None = None,
    say: Callable[[str], None] = _silent, device: str = "",
) -> tuple[Verdict, Path]:  # fmt: skip
    """Judge one system's claim and write `verdict.json` and `report.html`.

    Args:
        name: of the system.
        data: root folder of its data; the environment's HILUM_DATA or HILUM_PACK where none is given.
        out: folder to write to.
        seed: of every random draw.
        settings: choices of the recipe, e.g. {'half': 'dev'}.
        say: told how long it will take, and what the recipe tells of its progress.
        device: where its networks are trained and run: 'cpu', 'cuda'; '' where the recipe puts them.

    Returns:
        The verdict and the JSON file that was written.

    Raises:
        InputError: if there is no such system, it has no such choice, or the folder cannot be written.
        MissingError: if its claim cannot be judged yet, or it needs data.
    """
    system = get("system", name)
    recipe = getattr(system, "reproduce", None)
    if recipe is None:
        able = [entry.name for entry in listing("system") if hasattr(entry.thing, "reproduce")]
        raise MissingError(f"the claim of '{name}' cannot be judged yet; systems whose claim can: {', '.join(able)}")
    root = data_root(data)
    given = _arguments(name, recipe, root, out, seed, settings or {}, say)
    made(out)
    minutes = getattr(system, "minutes", None)
    say(f"{name}: {f'about {duration(60 * minutes)}' if minutes else 'its recipe states no time'}")
    began = time.perf_counter()
    with _on(device):
        verdict: Verdict = recipe(**given)
    record = {
        "system": name, "claim": verdict.claim, "outcome": verdict.outcome, "evidence": list(verdict.lines),
        "scores": verdict.scores, "seed": seed, "settings": dict(settings or {}), "hilum": __version__,
        "data": str(root) if root else None, "data_fingerprint": _fingerprint(root),
        "seconds": round(time.perf_counter() - began, 2), "expected_minutes": minutes, **machine(),
        "device": device or "cpu", "caution": RESEARCH_USE,
    }  # fmt: skip
    written = write_json(out / "verdict.json", record)
    write_page(out / "report.html", claim_page(verdict, record, next_step(verdict, name)))
    return verdict, written


@contextmanager
def _on(device: str) -> Iterator[None]:
    """Let the fits of a recipe run on a device."""
    if not device:
        yield
        return
    try:
        from hilum.learn.running import Running, running
        from hilum.learn.spread import device_named
    except ImportError:
        raise need("torch", "train", f"a device such as '{device}'") from None
    device_named(device)
    with running(Running(device)):
        try:
            yield
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":
                raise
            told = str(error).splitlines()[0]
            raise InputError(
                f"the device ran out of memory ({told}): judge on the processor, or with smaller sizes"
            ) from None


def _arguments(
    name: str, recipe: Callable[..., Verdict], root: Path | None, out: Path, seed: int, settings: Mapping[str, str],
    say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """What the recipe is called with: only what it takes."""
    choices = signature(recipe).parameters
    needed = [key for key in _DATA if key in choices and choices[key].default is Parameter.empty]
    if needed and root is None:
        raise MissingError(f"judging '{name}' needs its data: give the folder with --data, or set HILUM_DATA to it")
    offered = {"data": root, "root": root, "out": out, "seed": seed, "say": say}
    free = [key for key, each in choices.items() if key not in offered and each.kind is not Parameter.VAR_KEYWORD]
    for key in settings:
        if key not in free:
            raise InputError(f"'{name}' has no choice '{key}': it has {', '.join(sorted(free)) or 'none'}")
    given = {key: value for key, value in offered.items() if key in choices and value is not None}
    return given | {key: _typed(key, text, choices[key].default) for key, text in settings.items()}


def _typed(key: str, text: str, default: object) -> object:
    """A choice as the type of its default; text where that tells nothing."""
    if isinstance(default, bool):
        return text.lower() in ("true", "yes", "1")
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            raise InputError(f"the choice '{key}' is a {type(default).__name__}, got '{text}'") from None
    return text


def _fingerprint(root: Path | None) -> str | None:
    """Hash of the names and sizes of the data's files, two folders deep: other data, other hash."""
    if root is None or not root.exists():
        return None
    files = [root] if root.is_file() else [*root.glob("*"), *root.glob("*/*")]
    told = sorted(f"{path.relative_to(root)} {path.stat().st_size}" for path in files if path.is_file())
    return blake2b("\n".join(told).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def next_step(verdict: Verdict, name: str) -> str:
    """Return the one thing to try next, as a sentence."""
    if verdict.outcome == "cannot be tested here":
        if any("seeds, " in getattr(part, "reason", "") for part in verdict.scores.values()):
            return f"This was a quick look: judge '{name}' without --set seeds, or with --set seeds=3."
        return "Give the data that the evidence names with --data, then judge it again."
    if verdict.outcome == "fails":
        return (
            f"Read report.html for the arm that won, then judge '{name}' on other data with --data or another --seed."
        )
    return f"Judge '{name}' with another --seed or on your own data with --data: a claim is worth what it holds on."


def summary(verdict: Verdict, written: Path) -> str:
    """Return the closing lines: evidence, outcome, where it lies, what to do next."""
    page = written.with_name("report.html")
    return "\n".join(
        (
            str(verdict),
            f"Wrote {written} and {page}. {RESEARCH_USE}",
            f"Next: {next_step(verdict, written.parent.name)}",
        )
    )


def claims() -> list[dict[str, Any]]:
    """Return every system with its claim, how long judging takes, and whether it needs data; `line` is for people."""
    return [_listed(entry) for entry in listing("system")]


def _listed(entry: Entry) -> dict[str, Any]:
    recipe = getattr(entry.thing, "reproduce", None)
    known = signature(recipe).parameters if recipe else {}
    takes = [key for key in _DATA if key in known]
    needs = any(known[key].default is Parameter.empty for key in takes)
    minutes = getattr(entry.thing, "minutes", None)
    told = [claim.text for claim in getattr(entry.thing, "claims", ())] or [str(entry.summary)]
    state = "no claim that can be judged yet"
    if recipe:
        data = "needs data" if needs else "data optional" if takes else "no data"
        state = f"{f'about {minutes:g} min' if minutes else 'time not stated'}, {data}"
    return {
        "system": entry.name, "claims": told, "minutes": minutes, "needs_data": needs, "takes_data": bool(takes),
        "can_be_judged": bool(recipe), "line": f"{entry.name:24} {state:34} {'; '.join(told)}",
    }  # fmt: skip
