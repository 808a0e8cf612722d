"""A benchmark as a declaration: a cohort, the fields that are hidden from the model, and the metrics."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.registry import Entry, Kind, load_plugin, locate, register
from hilum.core.study import HIDEABLE, Study
from hilum.measure.metric import metric

_LOADED = "hilum_plugin_"  # how `core.registry.load_plugin` begins the name of a plug-in file's module
TAKES = ("study", "report")
"""What a metric may take to be one of a task: whole Studies, or their reports."""


@dataclass(frozen=True)
class Task:
    """One benchmark: what you hide is what you measure.

    Args:
        cohort: name of a registered data set, a Cohort, or a function that returns one (given `root` and `settings`).
        hide: fields of Study that the model does not see.
        metrics: registered metrics of Studies or reports.
        settings: of the data set, beside its root.
        split: of the cohort, '' for all of it.
        controls: models that run beside, whose scores show what no skill at all comes to.
        needs_data: what to get where the cohort needs a folder of data; a sentence.
        name, version: as registered; filled in by `find_task`.

    Raises:
        InputError: if a field cannot be hidden, or a metric or data set is unknown; the sentence offers the nearest.
    """

    cohort: str | Cohort | Callable[..., Cohort]
    hide: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    controls: tuple[str, ...] = ()
    needs_data: str = ""
    name: str = ""
    version: int = 0

    def __post_init__(self) -> None:
        for name in ("hide", "metrics", "controls"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if not self.hide or not self.metrics:
            raise InputError("a task needs at least one field to hide and one metric")
        for name in self.hide:
            if name not in HIDEABLE:
                raise InputError(f"a task cannot hide '{name}': {_nearest(name, HIDEABLE)}")
        for name in self.metrics:
            takes = metric(name).takes
            if takes not in TAKES:
                raise InputError(f"a task scores studies or reports, but the metric '{name}' takes {takes}")
        if isinstance(self.cohort, str):
            register.find("dataset", self.cohort)
        elif not isinstance(self.cohort, Cohort) and not callable(self.cohort):
            raise InputError("a task's cohort is the name of a data set, a Cohort, or a function that returns one")

    def open(self, root: str | Path | None = None) -> Cohort:
        """Return the studies, nothing hidden yet.

        Args:
            root: folder of the data, where the cohort needs one.

        Raises:
            MissingError: if it needs data and no folder was given.
            InputError: if the data set has no such setting, or no such split.
        """
        cohort = self.cohort if isinstance(self.cohort, Cohort) else self._made(root)
        return cohort.split(self.split) if self.split else cohort

    def _made(self, root: str | Path | None) -> Cohort:
        entry = register.find("dataset", self.cohort) if isinstance(self.cohort, str) else None
        make: Callable[..., Any] = entry.thing if entry else self.cohort  # type: ignore[assignment]
        known = signature(make).parameters
        needed = "root" in known and known["root"].default is Parameter.empty
        if needed and root is None:
            get = f" ({self.needs_data})" if self.needs_data else ""
            raise MissingError(
                f"the task '{self.name or self.cohort}' needs its data{get}: give the folder with --data, or set "
                "HILUM_DATA to it"
            )
        given = {**({"root": root} if "root" in known and root is not None else {}), **self.settings}
        for name in given:
            if name not in known:
                raise InputError(f"the data of '{self.name}' have no setting '{name}': {_nearest(name, known)}")
        made = make(**given)
        if isinstance(made, Cohort):
            return made

        def again() -> Iterator[Study]:
            return iter(make(**given))

        facts = entry.facts if entry else {}
        return Cohort(
            entry.name if entry else self.name, again, licence=facts.get("licence", ""),
            citation=facts.get("citation", ""),
        )  # fmt: skip


def find_task(name: str, settings: Mapping[str, str] | None = None) -> Task:
    """Return a registered task, its name and version filled in.

    Args:
        name: registered name, or FILE.py:name.
        settings: choices of the task as text, e.g. {'half': 'dev'}; read as the type of their default.

    Raises:
        InputError: if there is no such task or choice, or what it returns is no Task.
    """
    entry = locate("task", name)
    made = entry.thing(**_chosen(entry, settings or {}))
    if not isinstance(made, Task):
        raise InputError(f"the task '{entry.name}' must return a hilum.Task, it returned a {type(made).__name__}")
    return replace(made, name=entry.name, version=int(entry.facts["version"]))


def _chosen(entry: Entry, settings: Mapping[str, str]) -> dict[str, Any]:
    known, chosen = signature(entry.thing).parameters, {}
    for name, text in settings.items():
        if name not in known:
            raise InputError(f"the task '{entry.name}' has no choice '{name}': {_nearest(name, known)}")
        default = known[name].default
        kind = type(default) if isinstance(default, (int, float)) else str
        try:
            chosen[name] = text == "true" if kind is bool else kind(text)
        except ValueError:
            raise InputError(f"the choice '{name}' of '{entry.name}' is a {kind.__name__}, got '{text}'") from None
    return chosen


def plugin_file(kind: Kind, name: str) -> str:
    """Return the plug-in file that registered a thing, '' where a package did or nothing of the kind has the name."""
    entry = next((each for each in register.entries(kind) if each.name == name), None)
    if entry is None or not entry.module.startswith(_LOADED):
        return ""
    file = getattr(sys.modules.get(entry.module), "__file__", None)
    return str(Path(file).resolve()) if file else ""


def plugin_files(task: Task) -> dict[str, str]:
    """Return the plug-in files of a task, its metrics and its data set with their hashes, as run.json holds them."""
    names: list[tuple[Kind, str]] = [("metric", name) for name in task.metrics]
    names += [("dataset", task.cohort)] if isinstance(task.cohort, str) else []
    files = dict.fromkeys(plugin_file(kind, name) for kind, name in [*names, ("task", task.name)])
    return {file: _hash(Path(file)) for file in files if file}


def load_files(files: Mapping[str, str], run: Path) -> None:
    """Load the plug-in files that a run was made with; one that is loaded already, from anywhere, serves.

    Args:
        files: path -> hash, of `plugin_files`.
        run: whose they are, for the sentence of an error.

    Raises:
        InputError: if a file is gone, has changed since, or cannot be loaded.
        MissingError: if it imports a package that is not installed.
    """
    for file, known in files.items():
        if known in _loaded_hashes():
            continue
        now = _hash(Path(file))
        if not now:
            raise InputError(
                f"{run} was run with the plug-in file '{file}', which is gone: put it back, or give the same file from "
                "where it is now with --plugin FILE"
            )
        if now != known:
            raise InputError(
                f"{run} was run with the plug-in file '{file}', which has changed since: run it anew, or "
                "give the file as it was with --plugin FILE"
            )
        load_plugin(file)


def _loaded_hashes() -> set[str]:
    loaded = [module for name, module in list(sys.modules.items()) if name.startswith(_LOADED)]
    return {_hash(Path(module.__file__)) for module in loaded if module.__file__} - {""}


def _hash(file: Path) -> str:
    try:
        return sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _nearest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence: what was meant, or what there is."""
    there = list(names)
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.4)
    return f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(there) or 'none'}"
