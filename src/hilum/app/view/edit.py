"""What a reader does to the list of findings; the prose follows, the model's own findings are kept in the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast, get_args

from hilum.app.view.case import Case, Edit, free_id, with_ids
from hilum.app.view.prose import follow, write
from hilum.core.errors import InputError
from hilum.core.finding import Change, Finding, State
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask
from hilum.core.study import Provenance, Study
from hilum.core.vocabulary import concept
from hilum.core.zones import zones_of
from hilum.text.sites import home, parts, site

SIDES = ("", "left", "right", "bilateral")
SEVERITIES = ("", "mild", "moderate", "severe")
_MOST_ACTIONS, _MOST_BOXES = 500, 50
_CONTRADICTIONS = {("present", "resolved"), ("absent", "new"), ("absent", "improved"), ("absent", "worsened")}
Action = Mapping[str, Any]


def apply(
    study: Study, actions: Sequence[Action], *, editor: str, when: datetime,
    history: Sequence[Edit] = (), masks: Sequence[Mask] = (),
) -> tuple[Study, list[Edit]]:  # fmt: skip
    """Return the study after a reader's actions, and the record of each.

    The list leads: findings change, and the prose is composed from them. What a person changed is signed by him and
    has no probability any more; the model's finding is kept in the record of the edit. A rejected finding leaves the
    list and the report; its record and a note in the study's signatures say so, and 'restore' brings it back.

    Args:
        study: the study as it is now.
        actions: {do: accept|reject|restore, key}, {do: add, concept, state, side, boxes}, {do: move, key, boxes},
            {do: set, key, state?, side?, change?, severity?}, {do: write, section, text}.
        editor: name of the reader.
        when: date-time of the edit.
        history: earlier edits of this study, which 'restore' looks into.
        masks: lung masks, from which the place of a moved box is told.

    Raises:
        InputError: if an action is of another form, names no finding, or says what cannot be.
    """
    if not editor.strip():
        raise InputError("an edit needs the name of its reader")
    if len(actions) > _MOST_ACTIONS:
        raise InputError(f"{_MOST_ACTIONS} actions can be saved at a time, got {len(actions)}")
    desk = _Desk(with_ids(study), MadeBy(editor.strip()), when, tuple(history), tuple(masks))
    for action in actions:
        desk.do(action)
    if not desk.made:
        return desk.study, []
    notes = tuple(_note(edit) for edit in desk.made if edit.what == "reject")
    signature = Provenance(desk.maker, ("edits",), notes=notes)
    return replace(desk.study, provenance=(*desk.study.provenance, signature)), desk.made


def apply_to(case: Case, actions: Sequence[Action], *, editor: str, when: datetime) -> Case:
    """Return the case after some actions, with their records; see `apply`."""
    study, made = apply(case.study, actions, editor=editor, when=when, history=case.edits, masks=case.masks)
    return replace(case, study=study, edits=(*case.edits, *made), state="edited" if made else case.state)


def _note(edit: Edit) -> str:
    gone = edit.before
    if not isinstance(gone, Finding):
        return f"{edit.who} rejected {edit.finding}"
    sure = f", {gone.probability:.2f}" if gone.probability is not None else ""
    return f"{edit.who} rejected: {gone.concept} ({gone.state}{sure}; {gone.made_by or 'unsigned'})"


@dataclass
class _Desk:
    """A study while its actions are done one after another."""

    study: Study
    maker: MadeBy
    when: datetime
    history: tuple[Edit, ...]
    masks: tuple[Mask, ...]
    made: list[Edit] = field(default_factory=list)

    def do(self, action: Action) -> None:
        known = {"accept": self._accept, "reject": self._reject, "restore": self._restore, "add": self._add}
        known |= {"move": self._move, "set": self._set, "write": self._write}
        what = action.get("do") if isinstance(action, Mapping) else None
        if what not in known:
            raise InputError(f"an action says what to do: {', '.join(known)}; got '{str(what)[:40]}'")
        known[what](action)

    def _finding(self, action: Action) -> Finding:
        key = str(action.get("key", ""))
        found = next((each for each in self.study.findings if each.id == key), None)
        if found is None:
            raise InputError(f"the study has no finding '{key[:80]}': it was taken away, or is of another study")
        return found

    def _record(self, what: str, key: str, before: Finding | str | None, after: Finding | str | None) -> None:
        self.made.append(Edit(self.maker.name, self.when, what, key, before, after))

    def _replace(self, what: str, before: Finding, after: Finding) -> None:
        if after == before:
            return
        self._list(tuple(after if each is before else each for each in self.study.findings))
        self._record(what, before.id, before, after)

    def _list(self, findings: tuple[Finding, ...]) -> None:
        changed = replace(self.study, findings=findings)
        self.study = replace(changed, report=follow(self.study, changed, made_by=self.maker))

    def _accept(self, action: Action) -> None:
        found = self._finding(action)
        self._record("accept", found.id, found, found)

    def _reject(self, action: Action) -> None:
        found = self._finding(action)
        self._list(tuple(each for each in self.study.findings if each is not found))
        self._record("reject", found.id, found, None)

    def _restore(self, action: Action) -> None:
        """Bring back the finding as it was before any reader touched it."""
        key = str(action.get("key", ""))
        first = next(
            (edit for edit in (*self.history, *self.made) if edit.finding == key and edit.what != "write"), None
        )
        if first is None:
            raise InputError(f"nothing was done to a finding '{key[:80]}', so there is nothing to restore")
        now = next((each for each in self.study.findings if each.id == key), None)
        original = first.before if isinstance(first.before, Finding) else None
        rest = tuple(each for each in self.study.findings if each.id != key)
        if original is not None:
            at = next((n for n, each in enumerate(self.study.findings) if each.id == key), len(rest))
            rest = (*rest[:at], original, *rest[at:])
        self._list(rest)
        self._record("restore", key, now, original)

    def _add(self, action: Action) -> None:
        name = concept(str(action.get("concept", "")))
        if name.kind == "site":
            raise InputError(f"'{name.name}' is a place, not a finding")
        state, side = _one(action, "state", get_args(State), "present"), _one(action, "side", SIDES, "")
        boxes = self._boxes(action)
        sites = _sided(name.name, (), side) if side else self._sites(name.name, boxes)
        gone = {edit.finding for edit in (*self.history, *self.made)}
        key = free_id(f"r-{name.name.replace(' ', '-')}", gone, self.study.findings)
        added = Finding(name.name, cast(State, state), sites=sites, regions=boxes, made_by=self.maker, id=key)
        self._list((*self.study.findings, added))
        self._record("add", key, None, added)

    def _move(self, action: Action) -> None:
        found, boxes = self._finding(action), self._boxes(action)
        kept = tuple(each for each in found.regions if not isinstance(each, Box))
        sites = self._sites(found.concept, boxes) or found.sites
        self._replace("move", found, self._mine(found, regions=(*boxes, *kept), sites=sites))

    def _set(self, action: Action) -> None:
        found = self._finding(action)
        told: dict[str, Any] = {}
        if "state" in action:
            told["state"] = _one(action, "state", get_args(State), found.state)
        if "side" in action:
            told["sites"] = _sided(found.concept, found.sites, _one(action, "side", SIDES, ""))
        if "severity" in action:
            rest = {key: value for key, value in found.attributes.items() if key not in ("severity", "extent", "size")}
            word = _one(action, "severity", SEVERITIES, "")
            told["attributes"] = {**rest, **({"severity": word} if word else {})}
        if "change" in action:
            told["change"] = self._change(action)
        elif (told.get("state"), found.change) in _CONTRADICTIONS:
            told["change"] = None
        if not told:
            raise InputError("'set' needs at least one of state, side, change and severity")
        self._replace("set", found, self._mine(found, **told))

    def _change(self, action: Action) -> Change | None:
        word = _one(action, "change", ("", *get_args(Change)), "")
        if word and self.study.prior is None:
            raise InputError(f"'{word}' compares with an earlier film, and this study has none")
        return cast(Change, word) if word else None

    def _write(self, action: Action) -> None:
        section, text = action.get("section"), action.get("text")
        if not isinstance(section, str) or not isinstance(text, str):
            raise InputError("'write' needs a section and a text")
        before = getattr(self.study.report, section, "") if self.study.report else ""
        self.study = replace(self.study, report=write(self.study, section, text, made_by=self.maker))
        after: str = getattr(self.study.report, section)
        if after != before:
            self._record("write", section, before, after)

    def _mine(self, found: Finding, **changes: Any) -> Finding:
        """The reader's version of a finding: signed by him, without the model's probability."""
        if replace(found, **changes) == found:
            return found
        return replace(found, **changes, probability=None, calibration="", evidence=None, made_by=self.maker)

    def _boxes(self, action: Action) -> tuple[Box, ...]:
        given = action.get("boxes", [])
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > _MOST_BOXES:
            raise InputError(f"boxes are a list of at most {_MOST_BOXES}")
        return tuple(_box(each, self.study.films) for each in given)

    def _sites(self, name: str, boxes: tuple[Box, ...]) -> tuple[str, ...]:
        """Side and zone of boxes on a film whose lungs are known and that lies as shown."""
        for box in boxes:
            film = next((each for each in self.study.films if each.id == box.image), None)
            lungs = next((each for each in self.masks if each.image == box.image and "lung" in each.label), None)
            upright = film and film.orientation and film.orientation[0][:1] in "LR" and film.orientation[1][:1] == "F"
            if film and lungs and upright:
                here = tuple(each for each in boxes if each.image == box.image)
                return zones_of(here, lungs.pixels, film.orientation, concept=name)
        return ()


def _one(action: Action, name: str, words: Sequence[str], default: str) -> str:
    value = action.get(name, default)
    value = "" if value is None else value
    if value not in words:
        raise InputError(
            f"{name} must be one of {', '.join(word or 'none' for word in words)}; got '{str(value)[:40]}'"
        )
    return str(value)


def _sided(name: str, sites: Sequence[str], side: str) -> tuple[str, ...]:
    """The sites of a finding on another side; the concept's own place where it had none."""
    own = home(name)
    if not sites:
        made = [site(side, own, own)] if side else []
    else:
        made = [site(side, parts(each)[1], own) if side or parts(each)[1] != own else "" for each in sites]
    told = tuple(dict.fromkeys(each for each in made if each))
    if side and side not in {parts(each)[0] for each in told}:
        raise InputError(f"'{name}' has no side that can be told as '{side}'")
    return told


def is_sided(name: str) -> bool:
    """Tell whether a side can be told of a concept."""
    try:
        return bool(_sided(name, (), "left"))
    except InputError:
        return False


def _box(given: Any, films: Sequence[Image]) -> Box:
    """A box on one of the study's films, cut at its edges."""
    if not isinstance(given, Mapping):
        raise InputError("a box is an object with film, x0, y0, x1, y1")
    film = next((each for each in films if each.id == given.get("film")), None)
    if film is None:
        raise InputError("a box lies on a film that this study does not have")
    try:
        edges = [float(given[name]) for name in ("x0", "y0", "x1", "y1")]
    except (KeyError, TypeError, ValueError):
        raise InputError("a box needs the numbers x0, y0, x1, y1 in pixels") from None
    rows, columns = film.pixels.shape
    if not all(abs(edge) < 1e9 for edge in edges):
        raise InputError("a box needs finite edges")
    x0, x1 = (min(max(edge, 0.0), float(columns)) for edge in (edges[0], edges[2]))
    y0, y1 = (min(max(edge, 0.0), float(rows)) for edge in (edges[1], edges[3]))
    return Box(x0, y0, x1, y1, image=film.id)
