"""Items: frames asked of studies so that words alone say nothing, or carelessly, to show how they would.

The design that keeps a blind reader at chance is the quadruple: the same words (one stem, the same four options in the
same order) are asked of four studies, and each option is the answer of one. Whatever a reader makes of the words, it
is right on exactly one of the four. Complementary pairs do the same for yes and no (Goyal et al., CVPR 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.report import Question
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.measure.choice.differential import differential
from hilum.measure.choice.facts import Facts, facts_of
from hilum.measure.choice.frame import LETTERS, OPTIONS, Frame, Reading
from hilum.measure.choice.geometry import geometry
from hilum.measure.choice.location import location
from hilum.measure.choice.presence import negation, presence

Maker = Callable[[Sequence[Facts], np.random.Generator], list[Frame]]
MAKERS: Mapping[str, Maker] = {
    "presence": presence, "location": location, "negation": negation, "differential": differential,
    "geometry": geometry,
}  # fmt: skip
TASKS = tuple(MAKERS)
CHANCE = 1 / OPTIONS
MAKER = MadeBy("hilum.measure.choice", "1")


@dataclass(frozen=True)
class Design:
    """How items are made.

    Args:
        per_task: items of each kind, as far as the cohort has studies for them.
        per_study: most items of one study; above 1, what is asked of a study may give away its other answers.
        balance: ask in quadruples. Without, distractors are any that fit, and answers follow prevalence.
        rotate: put options in random order. Without, the right one comes first, as it was written.
        even: all options say as much. Without, the right one says more.

    Raises:
        InputError: if a number is below 1.
    """

    per_task: int = 60
    per_study: int = 1
    balance: bool = True
    rotate: bool = True
    even: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers below 1."""
        if self.per_task < 1 or self.per_study < 1:
            raise InputError(f"per_task and per_study are 1 or more, got {self.per_task} and {self.per_study}")


@dataclass(frozen=True)
class Item:
    """One question of one study, options in the order they are shown.

    Args:
        study, patient: ids.
        task, category, stem: as of its frame, one wording drawn.
        options: texts without letters.
        answer: place of the right one.
        reasons: a sentence on each option.
        group: the quadruple it belongs to; its own where there is none.
    """

    study: str
    patient: str
    task: str
    category: str
    stem: str
    options: tuple[str, ...]
    answer: int
    reasons: tuple[str, ...]
    group: int

    def turned(self, places: int) -> Item:
        """Return the item with its options moved on by some places, the last ones coming first."""
        order = [(at - places) % len(self.options) for at in range(len(self.options))]
        options, reasons = (tuple(told[at] for at in order) for told in (self.options, self.reasons))
        return replace(self, options=options, reasons=reasons, answer=order.index(self.answer))

    def question(self, id: str, *, free: bool = False) -> Question:
        """Return it as a question with lettered choices, as ReXVQA writes them; without choices where it is free."""
        choices = tuple(f"{LETTERS[at]}. {text}" for at, text in enumerate(self.options))
        if free:
            return Question(self.stem, (), self.options[self.answer], self.task, id, MAKER, self.category, self.why(""))
        return Question(self.stem, choices, choices[self.answer], self.task, id, MAKER, self.category,
                        self.why(LETTERS))  # fmt: skip

    def why(self, letters: str) -> str:
        """Return the explanation: the sentence that supports the answer, then why it is no other option."""
        first = self.reasons[self.answer]
        said = [f"{first[:1].upper()}{first[1:]}."]
        for at, reason in enumerate(self.reasons):
            if at != self.answer:
                named = f"{letters[at]} ({self.options[at]})" if letters else f"'{self.options[at]}'"
                said.append(f"{named} is not it: {reason}.")
        return " ".join(said)


def make_items(
    studies: Iterable[Study],
    design: Design = Design(),
    *,
    tasks: Sequence[str] = TASKS,
    seed: int = 0,
    makers: Mapping[str, Maker] = MAKERS,
) -> tuple[Item, ...]:
    """Make questions over any studies with findings; boxes, masks and measures give more kinds of them.

    Args:
        studies: read once, films not decoded unless a box without a site has to be placed.
        design: how.
        tasks: of `TASKS`.
        seed: of every draw.
        makers: of frames by task, those of films by default.

    Raises:
        InputError: if a task is not known, or the studies have nothing to ask about.
    """
    odd = [name for name in tasks if name not in makers]
    if odd:
        raise InputError(f"there is no kind of question '{odd[0]}': choose from {', '.join(makers)}")
    cohort = [facts_of(study) for study in studies]
    rng = generator(seed, "items")
    pools = {name: _Pool(cohort, makers[name](cohort, rng), rng) for name in tasks}
    made = _quadruples(pools, design, rng) if design.balance else _careless(pools, design, rng)
    if not made:
        raise InputError(
            f"{len(cohort)} studies have nothing to ask about by {', '.join(tasks)}: questions need findings that are "
            "stated as present and as absent, and studies that differ in them"
        )
    return tuple(made)


class _Pool:
    """Frames of one kind and what each study reads in them; a frame is read when it is first asked for."""

    def __init__(self, cohort: Sequence[Facts], frames: Sequence[Frame], rng: np.random.Generator) -> None:
        self.cohort = cohort
        self.frames = [frames[int(number)] for number in rng.permutation(len(frames))]
        self._read: dict[int, list[Reading | None]] = {}

    def turns(self) -> list[list[int]]:
        """Return the numbers of the frames of each category."""
        held: dict[str, list[int]] = {}
        for number, frame in enumerate(self.frames):
            held.setdefault(frame.category, []).append(number)
        return list(held.values())

    def readings(self, number: int) -> list[Reading | None]:
        """Return what each study reads in a frame."""
        if number not in self._read:
            self._read[number] = [self.frames[number].read(facts) for facts in self.cohort]
        return self._read[number]

    def item(self, number: int, study: int, order: Sequence[int], stem: str, group: int, even: bool) -> Item:
        """Return one item with its options in an order."""
        frame, facts, reading = self.frames[number], self.cohort[study], self.readings(number)[study]
        assert reading is not None
        options = [text + ("" if even or at != reading.answer else reading.detail)
                   for at, text in enumerate(frame.options)]  # fmt: skip
        return Item(facts.study, facts.patient, frame.task, frame.category, stem,
                    tuple(options[at] for at in order), list(order).index(reading.answer),
                    tuple(reading.reasons[at] for at in order), group)  # fmt: skip


def _quadruples(pools: dict[str, _Pool], design: Design, rng: np.random.Generator) -> list[Item]:
    """Four studies at a time, tasks in turn, frames in turn, until nothing more can be asked."""
    used: dict[int, int] = {}
    made: list[Item] = []
    counts, turns = dict.fromkeys(pools, 0), {name: pool.turns() for name, pool in pools.items()}
    while any(turns.values()):
        for name, pool in pools.items():
            if counts[name] + OPTIONS > design.per_task:
                turns[name].clear()
            asked = _next(pool, turns[name], used, design.per_study, rng)
            if asked is None:
                continue
            number, chosen = asked
            order = _order(design, rng, 0)
            stem = str(rng.choice(pool.frames[number].stems))
            group = len(made) // OPTIONS
            made += [pool.item(number, study, order, stem, group, design.even) for study in chosen]
            counts[name] += OPTIONS
            for study in chosen:
                used[study] = used.get(study, 0) + 1
    if design.rotate:
        return made
    return [each.turned(-each.answer) for each in made]


def _next(
    pool: _Pool, turns: list[list[int]], used: dict[int, int], most: int, rng: np.random.Generator
) -> tuple[int, list[int]] | None:
    """The next frame that four free studies answer differently, categories in turn; those without are dropped."""
    while turns:
        frames = turns.pop(0)
        while frames:
            number = frames.pop(0)
            free: list[list[int]] = [[] for _ in range(OPTIONS)]
            for study, reading in enumerate(pool.readings(number)):
                if reading is not None and used.get(study, 0) < most:
                    free[reading.answer].append(study)
            if all(free):
                turns.append([*frames, number])
                return number, [held[int(rng.integers(len(held)))] for held in free]
    return None


def _careless(pools: dict[str, _Pool], design: Design, rng: np.random.Generator) -> list[Item]:
    """Items as they come: any study, any frame that it answers, so that frequent findings are frequent answers."""
    made: list[Item] = []
    used: dict[int, int] = {}
    for pool in pools.values():
        count = 0
        for study in rng.permutation(len(pool.cohort)):
            fit = [n for n in rng.permutation(len(pool.frames)) if pool.readings(int(n))[int(study)] is not None][:1]
            if not fit or count >= design.per_task or used.get(int(study), 0) >= design.per_study:
                continue
            number, count = int(fit[0]), count + 1
            reading = pool.readings(number)[int(study)]
            used[int(study)] = used.get(int(study), 0) + 1
            order = _order(design, rng, reading.answer if reading else 0)
            stem = str(rng.choice(pool.frames[number].stems))
            made.append(pool.item(number, int(study), order, stem, len(made), design.even))
    return made


def _order(design: Design, rng: np.random.Generator, answer: int) -> list[int]:
    """Places of the options: drawn, or the answer first and the others as they stand."""
    if design.rotate:
        return [int(at) for at in rng.permutation(OPTIONS)]
    return [answer, *(at for at in range(OPTIONS) if at != answer)]
