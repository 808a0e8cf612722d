"""One door for data sets, models, metrics, tasks and systems: built-in, installed or one file on disk."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, get_args

from hilum.core.errors import InputError, MissingError

Kind = Literal["dataset", "model", "metric", "task", "system"]
GROUP = "hilum.plugins"
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Entry:
    """One registered thing: its kind, name, the object itself and what its author declared about it."""

    kind: Kind
    name: str
    thing: Any
    facts: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""

    @property
    def summary(self) -> str:
        """First line of the thing's docstring."""
        doc = str(self.facts.get("summary") or getattr(self.thing, "__doc__", None) or "")
        return doc.strip().splitlines()[0] if doc.strip() else ""


class Registry:
    """Names -> entries, per kind. The package keeps one, `register`; tests may make their own."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._discovered = False

    def add(self, kind: Kind, name: str, thing: Any, facts: Mapping[str, Any]) -> Entry:
        """Register `thing`; the same module may register again (a reload), another may not take its name.

        Raises:
            InputError: if the kind is unknown or the name is taken by another module.
        """
        if kind not in get_args(Kind):
            raise InputError(f"cannot register a '{kind}': kinds are {', '.join(get_args(Kind))}")
        entry = Entry(kind, name, thing, dict(facts), _module_of(thing))
        held = self._entries.get((kind, name))
        if held is not None and held.module != entry.module:
            raise InputError(
                f"the {kind} '{name}' is registered by {held.module} already; {entry.module} needs another"
            )
        self._entries[kind, name] = entry
        return entry

    def _door(self, kind: Kind, name: str, facts: Mapping[str, Any]) -> Callable[[Thing], Thing]:
        def enter(thing: Thing) -> Thing:
            self.add(kind, name, thing, facts)
            return thing

        return enter

    def dataset(self, name: str, *, licence: str, citation: str = "") -> Callable[[Thing], Thing]:
        """Register a function `(root) -> Iterable[Study] | Cohort`."""
        return self._door("dataset", name, {"licence": licence, "citation": citation})

    def model(self, name: str, *, needs: tuple[str, ...], adds: tuple[str, ...]) -> Callable[[Thing], Thing]:
        """Register a function or class called as `(study) -> Study`, with the fields it needs and adds."""
        return self._door("model", name, {"needs": needs, "adds": adds})

    def metric(
        self, name: str, *, better: Literal["higher", "lower"], unit: str = "", takes: str = "study",
        over: Literal["pair", "set"] = "pair", range: tuple[float, float] | None = None, version: int = 1,
        needs: str = "", ideal: float | None = None,
    ) -> Callable[[Thing], Thing]:  # fmt: skip
        """Register a function `(reference, answer) -> value`, or over a set `(pairs) -> Scored`.

        Args:
            name: as commands call it.
            better: which way is good.
            unit: of its values.
            takes: what a reference and an answer are: 'report', 'study', 'mask', 'image' or 'features'.
            over: 'pair' for a function of one reference and one answer, 'set' for one of `measure.pairs.Pairs`.
            range: lowest and highest value it can give.
            version: of its definition; a change of any number it can give raises it.
            needs: what must be on disk beside the package, in words.
            ideal: value of answers that are their references, where that is not the good end of the range; NaN where
                it depends on the references.

        Raises:
            InputError: if `better` or `over` is neither of its two words.
        """
        if better not in ("higher", "lower"):
            raise InputError(f"metric '{name}': better must be 'higher' or 'lower', got '{better}'")
        if over not in ("pair", "set"):
            raise InputError(f"metric '{name}': over must be 'pair' or 'set', got '{over}'")
        facts = {"better": better, "unit": unit, "takes": takes, "over": over, "range": range, "version": version}
        return self._door("metric", name, {**facts, "needs": needs, "ideal": ideal})

    def task(self, name: str, *, version: int) -> Callable[[Thing], Thing]:
        """Register a function that returns a Task."""
        return self._door("task", name, {"version": version})

    def system(self, name: str, *, summary: str, source: str = "") -> Callable[[Thing], Thing]:
        """Register a published system's recipe."""
        return self._door("system", name, {"summary": summary, "source": source})

    def discover(self) -> None:
        """Import every plug-in module that an installed package declares (built-ins use the same group)."""
        if self._discovered:
            return
        self._discovered = True
        for point in sorted(entry_points(group=GROUP), key=lambda point: (point.value, point.name)):
            _import_all(point.value)

    def entries(self, kind: str = "") -> tuple[Entry, ...]:
        """Return what is registered, of one kind or all, by kind and name."""
        self.discover()
        return tuple(self._entries[key] for key in sorted(self._entries) if not kind or key[0] == kind)

    def find(self, kind: Kind, name: str) -> Entry:
        """Return one entry.

        Raises:
            InputError: if nothing of that kind has the name; the sentence offers the nearest.
        """
        if (kind, name) not in self._entries:  # what is here already needs no look through all there is
            self.discover()
        if (kind, name) in self._entries:
            return self._entries[kind, name]
        names = [entry.name for entry in self.entries(kind)]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names) or 'none'}."
        raise InputError(f"no {kind} is called '{name}'; {hint}")


def _module_of(thing: Any) -> str:
    """The module a thing was written in; `python -m package.module` calls that module '__main__'."""
    name: str = getattr(thing, "__module__", "") or ""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if name == "__main__" and spec is not None else name


def _import_all(name: str) -> None:
    module = importlib.import_module(name)
    for item in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not item.name.startswith("_"):
            importlib.import_module(f"{name}.{item.name}")


register = Registry()


def locate(kind: Kind, name: str) -> Entry:
    """Return the entry of `kind` called `name`; `file.py:name` loads the file first.

    Raises:
        InputError: if there is none, or the file cannot be loaded.
    """
    if ".py:" in name:
        path, name = name.rsplit(":", 1)
        load_plugin(path)
    return register.find(kind, name)


def get(kind: Kind, name: str) -> Any:
    """Return the registered thing of `kind` called `name`; `file.py:name` loads the file first.

    Raises:
        InputError: if there is none, or the file cannot be loaded.
    """
    return locate(kind, name).thing


def listing(kind: str = "") -> tuple[Entry, ...]:
    """Return all registered entries, of one kind or all."""
    return register.entries(kind)


def load_plugin(path: str | Path) -> ModuleType:
    """Import one Python file so that what it registers is there. It runs as code: load only what you trust.

    Raises:
        InputError: if the file is missing or fails to import.
        MissingError: if it imports a package that is not installed.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"no plug-in file at '{file}'")
    name = f"hilum_plugin_{file.stem}_{blake2b(str(file.resolve()).encode(), digest_size=4).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"'{file}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        del sys.modules[name]
        raise MissingError(f"the plug-in '{file}' needs the package '{error.name}', which is not installed") from error
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"the plug-in '{file}' failed to load: {type(error).__name__}: {error}") from error
    return module
