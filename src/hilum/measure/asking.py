"""Asking a model one hidden study: what it may see, what it added, and whether it only added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from inspect import Parameter, getsourcefile, signature
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError, RefusedError
from hilum.core.image import Image
from hilum.core.record import from_json, to_json
from hilum.core.registry import Entry, locate, register
from hilum.core.study import Study
from hilum.measure.log import plain
from hilum.measure.task import Task

ADDED = ("images", "findings", "questions", "provenance")
CARD = "card.json"
"""The file that makes a folder a trained model: its 'name' is the system that made it."""
_LOGS = ("best.safetensors", "fit.json")
"""What a training leaves beside the model, and is no part of it."""


class OverwroteError(RefusedError):
    """A model changed or removed what it was given, or handed back what was hidden from it."""


@dataclass(frozen=True)
class Model:
    """A model that is ready to be asked.

    Args:
        name: registered name.
        call: from Study to Study.
        needs, adds: fields as it declares them.
        source: hash of the file it is written in, '' where it has none.
    """

    name: str
    call: Callable[[Study], Study]
    needs: tuple[str, ...]
    adds: tuple[str, ...]
    source: str = ""


def load_model(name: str, *, seed: int = 0) -> Model:
    """Return a registered model, one that was trained into a folder, or one at an address; a `seed` goes where it fits.

    Args:
        name: registered name, FILE.py:name, the folder that `hilum train` wrote, or SCHEME:PLACE, where a model that
            is registered as SCHEME opens the place, e.g. 'chat:http://127.0.0.1:8080/v1/chat/completions#MODEL'.
        seed: of what the model draws.

    Raises:
        InputError: if there is none, it cannot be called with a study, or the system of a folder opens none.
        MissingError: if a folder lacks a file, or what the model needs is missing.
    """
    if (Path(name) / CARD).is_file():
        return _trained(Path(name))
    scheme, colon, place = name.partition(":")
    if colon and ".py:" not in name:
        return _at(scheme, place)
    entry = locate("model", name)
    return Model(
        entry.name, _ready(entry, seed), tuple(entry.facts["needs"]), tuple(entry.facts["adds"]), _source(entry.thing)
    )


def _trained(folder: Path) -> Model:
    """The model of a folder, opened by the system that its card names; it goes by the folder's own name."""
    card = folder / CARD
    try:
        system = str(json.loads(card.read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"'{card}' is damaged, or no card of a trained model: train it anew") from None
    reader = getattr(register.find("system", system).thing, "reader", None)
    if reader is None:
        raise InputError(f"'{folder}' was trained by '{system}', which reads no studies: its documentation says what "
                         "such a model is for")  # fmt: skip
    opened = reader(folder)
    mark = sha256()
    for file in sorted(each for each in folder.iterdir() if each.suffix in (".json", ".safetensors")):
        if not file.name.startswith("state") and file.name not in _LOGS:
            mark.update(file.read_bytes())
    return Model(folder.resolve().name, opened, tuple(opened.needs), tuple(opened.adds), mark.hexdigest())


def _at(scheme: str, place: str) -> Model:
    """The model that a registered scheme opens; what it opens has a name, a mark, and fields it needs and adds."""
    opens = getattr(register.find("model", scheme).thing, "at", None)
    if opens is None:
        raise InputError(f"the model '{scheme}' takes no address, got '{scheme}:{place}'")
    opened = opens(place)
    return Model(opened.name, opened, tuple(opened.needs), tuple(opened.adds), opened.mark)


def _ready(entry: Entry, seed: int) -> Callable[[Study], Study]:
    thing = entry.thing
    known = signature(thing).parameters
    seeded = {"seed": seed} if "seed" in known and known["seed"].kind is not Parameter.VAR_KEYWORD else {}
    if isinstance(thing, type):
        thing, seeded = thing(**seeded), {}
    if not callable(thing):
        raise InputError(f"model '{entry.name}' cannot be called with a study")

    def call(study: Study) -> Study:
        answer: Study = thing(study, **seeded)
        return answer

    return call


def _source(thing: Any) -> str:
    try:
        path = getsourcefile(thing)
        return sha256(Path(path).read_bytes()).hexdigest() if path else ""
    except (TypeError, OSError):
        return ""


def check_fits(task: Task, model: Model) -> None:
    """Refuse a model that cannot answer a task, before the first study is read.

    Raises:
        InputError: if it needs what the task hides, or adds nothing of it.
    """
    blind = [name for name in model.needs if name in task.hide]
    if blind:
        raise InputError(f"the model '{model.name}' needs {blind[0]}, which the task '{task.name}' hides")
    wanted = [name for name in task.hide if name in ("images", "findings", "questions", "report")]
    if wanted and not set(wanted) & set(model.adds):
        raise InputError(
            f"the model '{model.name}' adds {', '.join(model.adds) or 'nothing'}, but the task '{task.name}' hides "
            f"{', '.join(wanted)}: choose a model that adds one of these"
        )


def light(study: Study) -> Study:
    """Return the study with films that are not decoded yet, so that memory stays flat over a cohort."""
    return replace(study, images=tuple(i.fresh() if isinstance(i, Image) else i for i in study.images))


def digest(study: Study, hide: Iterable[str]) -> str:
    """Return a hash of a study's id, patient and what is hidden of it: other truth, other hash."""
    told: dict[str, Any] = {"id": study.id, "patient": study.patient}
    for name in hide:
        value = getattr(study, name)
        if name == "images":
            told[name] = [image.id for image in value]
        elif name == "prior":
            told[name] = value.id if value else None
        elif name == "time":
            told[name] = value.isoformat() if value else None
        elif name == "report":
            told[name] = to_json(value) if value else None
        else:
            told[name] = [to_json(each) for each in value]
    return blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=12).hexdigest()


def added(given: Study, answer: Any, reference: Study) -> Study:
    """Return what a model added to the study it was given, as a study of its own.

    Args:
        given: what it saw.
        answer: what it returned.
        reference: the study with nothing hidden.

    Raises:
        InputError: if it returned no Study.
        OverwroteError: if it changed, removed or un-hid anything.
    """
    if not isinstance(answer, Study):
        raise InputError(f"the model returned a {type(answer).__name__}, not a Study")
    for name in ("id", "patient", "time", "prior"):
        if getattr(answer, name) is not getattr(given, name) and getattr(answer, name) != getattr(given, name):
            raise OverwroteError(f"the model changed the {name}: a model only adds")
    for name in ADDED:
        before, after = getattr(given, name), getattr(answer, name)[: len(getattr(given, name))]
        kept = _same_images(before, after) if name == "images" else before == after
        if not kept:
            raise OverwroteError(f"the model changed or removed {name} that were there: a model only adds")
    if given.report is not None and answer.report != given.report:
        raise OverwroteError("the model overwrote the report: a model only adds")
    new = Study(
        given.id, given.patient, report=None if given.report is not None else answer.report,
        **{name: getattr(answer, name)[len(getattr(given, name)) :] for name in ADDED},
    )  # fmt: skip
    _own(new, reference)
    return new


def _same_images(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    """Whether the films are still there; a view may be filled in where it was unknown. Pixels are not compared."""
    if len(after) < len(before):
        return False
    for old, new in zip(before, after, strict=True):
        filled = isinstance(old, Image) and isinstance(new, Image) and old.view in ("unknown", new.view)
        if old is not new and not (old.id == new.id and filled):
            return False
    return True


def _own(new: Study, reference: Study) -> None:
    """Refuse what is the hidden thing itself, or carries another author's signature."""
    held = {id(each) for each in (*reference.findings, *reference.questions, *reference.images, reference.report)}
    if any(id(e) in held for e in (*new.findings, *new.questions, *new.images, new.report) if e is not None):
        raise OverwroteError("the model handed back what was hidden from it")
    signed = [finding for finding in reference.findings if finding.made_by is not None]
    if any(finding in signed for finding in new.findings):
        raise OverwroteError("the model handed back a hidden finding, signed by its author")


def record_of(new: Study) -> Mapping[str, Any] | None:
    """Return what was added as JSON, None where that is nothing, not even a signature.

    Raises:
        InputError: if JSON cannot hold it; the sentence says so.
    """
    if new.report is None and not any(getattr(new, name) for name in ADDED):
        return None
    record = plain(to_json(new))
    try:
        from_json(record)
    except Exception as error:
        raise InputError(f"what the model added cannot be written down and read back: {error}") from None
    told: Mapping[str, Any] = record
    return told


def answer_of(given: Study, record: Mapping[str, Any]) -> Study:
    """Return the whole answer from what the model saw and the record of what it added."""
    new: Study = from_json(record)
    return replace(
        given, report=given.report or new.report, images=given.images + new.images,
        findings=given.findings + new.findings, questions=given.questions + new.questions,
        provenance=given.provenance + new.provenance,
    )  # fmt: skip
