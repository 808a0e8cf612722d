"""Edits of a report that change exactly one kind of thing, made where the parser says it stands and then proved.

Harmful edits change what a report says; harmless ones only how it says it. A metric of reports should see the first
and not the second (`hilum.measure.audit`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.measure.said import Said, all_said
from hilum.text.parse import Parsed, parse

Scope = Literal["one", "all", "none"]
Groups = Mapping[str, Sequence["Change"]]
NORMAL = (
    "The heart is normal in size. The mediastinal contours are normal. The lungs are clear. "
    "There is no pleural effusion or pneumothorax. There is no acute bony abnormality."
)
"""The fixed text that says 'normal' of every film."""
TRIES = 6  # draws of an edit before it is given up as not provable


class Change(NamedTuple):
    """Characters [start, end) of the original, what stood there, and what stands there now."""

    start: int
    end: int
    before: str
    after: str


@dataclass(frozen=True)
class Edited:
    """A report after an edit.

    Args:
        kind: of the edit.
        text: the new report; under headings where the edit is to set them.
        changes: what was changed, in the order of the original text.
        concepts: findings that the edit was about.
    """

    kind: str
    text: str | Mapping[str, str]
    changes: tuple[Change, ...]
    concepts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Skipped:
    """A report that an edit was not made on.

    Args:
        kind: of the edit.
        reason: 'nothing to edit', or 'not proved': no draw of it changed what was meant and nothing else.
    """

    kind: str
    reason: Literal["nothing to edit", "not proved"]


class Draw(NamedTuple):
    """What an edit is drawn with: its generator, findings to leave alone, and another patient's reports."""

    random: np.random.Generator
    spare: frozenset[str] = frozenset()
    others: Sequence[str] = ()


@dataclass(frozen=True)
class Kind:
    """One kind of edit.

    Args:
        name: as the audit lists it.
        scope: 'one' finding changed, 'all' of the report's disease, or 'none': only the wording.
        about: what it does, in a few words.
        groups: changes to choose from, by finding; or whole proposals where `whole`.
        proves: whether (gone, come) is the change that was meant.
        whole: the groups are proposals for the whole text, tried in order.
    """

    name: str
    scope: Scope
    about: str
    groups: Callable[[Parsed, Draw], Any]
    proves: Callable[[Counter[Said], Counter[Said]], bool]
    whole: bool = False

    @property
    def harmful(self) -> bool:
        """Whether it changes what the report says."""
        return self.scope != "none"


@cache
def kinds() -> Mapping[str, Kind]:
    """Return all kinds of edits by name, harmful ones first."""
    from hilum.measure import harms, rewording

    return MappingProxyType({kind.name: kind for kind in (*harms.kinds(), *rewording.kinds())})


def edit(
    text: str, kind: str, *, seed: int = 0, every: bool = False, spare: Iterable[str] = (), others: Sequence[str] = ()
) -> Edited | Skipped:
    """Return a report after one edit of a kind, proved by parsing it: its facts differ as meant and in nothing else.

    An edit of one finding is made wherever the report states that finding, so that no statement contradicts another.

    Args:
        text: of the report.
        kind: see `kinds`.
        seed: 0 or greater; the same seed and text give the same edit.
        every: edit all findings that can be, not one.
        spare: concepts to leave alone.
        others: reports of other patients, for 'other-report'.

    Raises:
        InputError: if there is no such kind.
    """
    if kind not in kinds():
        raise InputError(f"there is no edit '{kind}'; choose from: {', '.join(kinds())}")
    chosen = kinds()[kind]
    before = _parsed(text)
    draw = Draw(generator(seed, "perturb", kind, text), frozenset(spare), others)
    return _whole(before, chosen, draw) if chosen.whole else _chosen(before, chosen, draw, every)


@lru_cache(maxsize=64)  # every kind of edit begins with the same report
def _parsed(text: str) -> Parsed:
    return parse(text)


def _whole(before: Parsed, kind: Kind, draw: Draw) -> Edited | Skipped:
    tried = 0
    for new in kind.groups(before, draw):
        joined = new if isinstance(new, str) else " ".join(new.values())
        if joined == before.text and isinstance(new, str):
            continue
        tried += 1
        old, now = all_said(before), all_said(parse(new))
        if kind.proves(old - now, now - old):
            return Edited(kind.name, new, (Change(0, len(before.text), before.text, joined),))
        if tried >= TRIES:
            break
    return Skipped(kind.name, "not proved" if tried else "nothing to edit")


def _chosen(before: Parsed, kind: Kind, draw: Draw, every: bool) -> Edited | Skipped:
    groups: Groups = {name: changes for name, changes in kind.groups(before, draw).items() if name not in draw.spare}
    names = list(groups)
    draw.random.shuffle(names)
    made: tuple[Change, ...] = ()
    about: set[str] = set()
    text, size = before.text, 0
    for name in names[: None if every else TRIES]:
        more = tuple(sorted({*made, *groups[name]}))
        if more == made or any(one.end > other.start for one, other in pairwise(more)):
            continue
        new = applied(before.text, more)
        old, now = all_said(before), all_said(parse(new))
        gone, come = old - now, now - old
        if new.strip() and kind.proves(gone, come) and max(gone.total(), come.total()) > size:
            made, text, size = more, new, max(gone.total(), come.total())
            about |= {name, *(item.concept for item in (*gone, *come))}
            if not every:
                break
    if not made:
        return Skipped(kind.name, "not proved" if groups else "nothing to edit")
    return Edited(kind.name, text, made, frozenset(about))


def applied(text: str, changes: Sequence[Change]) -> str:
    """Return a text after changes, which must be in order and apart."""
    parts, last = [], 0
    for start, end, _, after in changes:
        parts += [text[last:start], after]
        last = end
    return "".join((*parts, text[last:])).strip()


def edits_in_turn(
    text: str,
    count: int,
    *,
    seed: int = 0,
    using: Sequence[str] = ("negate", "drop-negation", "drop-one", "flip-side", "add-finding"),
) -> tuple[Edited, ...]:
    """Return a report after 1, 2 ... `count` harmful edits, each on a finding that none before has touched.

    Args:
        text: of the report.
        count: most edits; fewer come back where no more can be made.
        seed: of the draws.
        using: kinds to take in turn.
    """
    made: list[Edited] = []
    spare: frozenset[str] = frozenset()
    order = list(using)
    generator(seed, "in-turn", text).shuffle(order)
    for number in range(count):
        for step in range(len(order)):
            found = edit(text, order[(number + step) % len(order)], seed=seed, spare=spare)
            if isinstance(found, Edited) and isinstance(found.text, str):
                made.append(found)
                text, spare = found.text, spare | found.concepts
                break
        else:
            break
    return tuple(made)
