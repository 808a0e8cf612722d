"""What was asked to be viewed, opened: results, one study, films, a cohort, or a virtual patient made on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hilum.app.view.local import LocalShelf
from hilum.core.errors import InputError, MissingError

READINGS = Path("readings")


@dataclass(frozen=True)
class Asked:
    """What to view, and how.

    Args:
        paths: results, films, a cohort; none for a virtual patient.
        readings: folder for what is saved; None for the results themselves, else 'readings'.
        model: read films with the embedded model.
        keep_identifiers: show and save names, dates and UIDs of films.
        readonly: refuse to save.
        seed: of the virtual patient.
        patient: of a cohort.
    """

    paths: tuple[Path, ...] = ()
    readings: Path | None = None
    model: bool = True
    keep_identifiers: bool = False
    readonly: bool = False
    seed: int = 1
    patient: str = ""


@contextmanager
def opened(asked: Asked) -> Iterator[LocalShelf]:
    """Open what was asked for as a shelf; work in the background ends with it.

    Raises:
        InputError: if a path is not there or holds nothing to view.
    """
    for path in asked.paths:
        if not path.exists():
            raise InputError(f"there is nothing at '{path}': give results of 'hilum read', films, or a drawn cohort")
    with ExitStack() as stack:
        shelf = _results(asked) or _cohort(asked) or (_films(asked, stack) if asked.paths else _no_data(asked, stack))
        stack.callback(shelf.close)
        yield shelf


def _results(asked: Asked) -> LocalShelf | None:
    from hilum.app.view.folder import from_results, is_results, is_study
    from hilum.app.view.sheet import study_key

    if len(asked.paths) != 1 or not asked.paths[0].is_dir():
        return None
    path = asked.paths[0].resolve()
    if asked.readings is not None and (is_study(path) or is_results(path)):
        raise InputError("results are saved where they lie: leave --readings out, or copy the results first")
    if is_study(path):  # the others in its folder give its priors
        return LocalShelf(from_results(path.parent), start=study_key(path.name), readonly=asked.readonly)
    return LocalShelf(from_results(path), readonly=asked.readonly) if is_results(path) else None


def _cohort(asked: Asked) -> LocalShelf | None:
    from hilum.app.view.virtual import from_cohort
    from hilum.data.virtual import MANIFEST

    if len(asked.paths) != 1 or not (asked.paths[0] / MANIFEST).is_file():
        return None
    entries = from_cohort(asked.paths[0], asked.readings or READINGS, asked.patient)
    return LocalShelf(entries, start=entries[-1].key if asked.patient else "", readonly=asked.readonly)


def _films(asked: Asked, stack: ExitStack) -> LocalShelf:
    from hilum.app.view.films import OpenFilms

    films = OpenFilms(asked.paths, asked.readings or READINGS, keep_identifiers=asked.keep_identifiers)
    stack.callback(films.close)
    shelf = LocalShelf(films.entries(), readonly=asked.readonly)
    if asked.model:
        films.read(shelf)
    return shelf


def _no_data(asked: Asked, stack: ExitStack) -> LocalShelf:
    """The bundled film, and a virtual patient where drawing one is possible."""
    from dataclasses import replace

    from hilum.app.view.virtual import OnTheSpot

    example = Path(str(files("hilum").joinpath("app/static/example-film.dcm")))
    shelf = _films(replace(asked, paths=(example,)), stack)
    try:
        patient = OnTheSpot(asked.readings or READINGS, seed=asked.seed)
    except MissingError:
        return shelf
    stack.callback(patient.close)
    for entry in patient.entries():
        shelf.add(entry)
    shelf.open_first(patient.entries()[-1].key)
    patient.draw(shelf)
    return shelf
