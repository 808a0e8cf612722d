"""Judges that reward written reports: from references and candidates to one value each; text is all they see.

'matched-repeats' can be earned by repeating what is sure, on purpose: it shows what a policy does with such a judge.
Sources: GREEN's quotient (Ostmeier et al. 2024); its length-controlled form divides by the length ratio where above 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hilum.core.cache import cache_folder
from hilum.core.errors import HilumError, InputError
from hilum.io.chat import Chat
from hilum.measure.adapters.green_answer import PROMPT, read_green
from hilum.measure.facts import Stated, stated_in
from hilum.measure.graph_reward import set_f1
from hilum.measure.metric import UnscoredError, metric, metrics
from hilum.measure.metrics.green import green
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Floats
from hilum.text.parse import parse

__all__ = ["CONTROLLED", "J1", "J2", "J3", "Reward", "chat_reward", "fact_f1", "matched_share", "repeats", "reward"]
J1, J2 = "fact-f1", "matched-repeats"
CONTROLLED = "/length"
"""Ends the name of a judge whose value is divided by words over the reference's words, where that is above 1."""
J3 = J2 + CONTROLLED
CHAT, KEY = "chat:", "HILUM_CHAT_KEY"
_WORD = re.compile(r"\w+")
_CACHE = 32_768  # reports and sentences remembered: samples of one policy repeat themselves


@dataclass(frozen=True)
class Reward:
    """A judge.

    Args:
        name: as results show it.
        of: from references and candidates (N) to values (N,), NaN where a pair cannot be judged.
    """

    name: str
    of: Callable[[Sequence[str], Sequence[str]], Floats]

    def __call__(self, references: Sequence[str], candidates: Sequence[str]) -> Floats:
        """Return the value of each candidate beside its reference, (N,).

        Raises:
            InputError: if the two differ in number.
        """
        if len(references) != len(candidates):
            raise InputError(f"'{self.name}' got {len(references)} references for {len(candidates)} candidates")
        return np.asarray(self.of(references, candidates), dtype=np.float64)


@lru_cache(maxsize=_CACHE)
def _stated(text: str) -> tuple[Stated, ...]:
    return stated_in(parse(text))


@lru_cache(maxsize=_CACHE)
def _by_sentence(text: str) -> tuple[Stated, ...]:
    """What a report states sentence by sentence, so that what it says twice stands twice."""
    return tuple(item for start, end, _ in parse(text).sentences for item in _stated(text[start:end]))


def _key(item: Stated) -> tuple[str, frozenset[str]]:
    return item.concept, item.sides


def fact_f1(reference: str, candidate: str) -> float:
    """Return F1 over what is said to be there, each finding with its side; 1 where both say nothing is.

    Denials, degrees and how often a thing is said do not count.
    """
    one, other = ({_key(item) for item in _stated(text) if _there(item)} for text in (reference, candidate))
    return set_f1(one, other) if one or other else 1.0


def _there(item: Stated) -> bool:
    return item.state != "absent" and item.kind != "film"


def matched_share(reference: str, candidate: str) -> float:
    """Return matched statements over these and errors, every repetition counted again: length can earn it.

    A statement of one sentence is matched where the reference says the same of finding, side and state. Errors: a
    finding that the reference does not have on that side, a denial of one that it has, and each of its findings that
    the candidate never names. A denial that the reference does not contradict is nothing. 1 where nothing counts.
    """
    truth = _stated(reference)
    held = {(_key(item), item.state) for item in truth}
    there = {item.concept for item in truth if _there(item)}
    said = _by_sentence(candidate)
    matched = sum((_key(item), item.state) in held for item in said)
    wrong = sum((item.concept in there) if item.state == "absent" else _there(item) and (_key(item), item.state) not in
                held for item in said)  # fmt: skip
    missed = len(there - {item.concept for item in said})
    return matched / (matched + wrong + missed) if matched + wrong + missed else 1.0


def repeats(text: str) -> int:
    """Return how many sentences of a text say, word for word, what an earlier one said."""
    told = [" ".join(_WORD.findall(text[start:end].lower())) for start, end, _ in parse(text).sentences]
    return len(told) - len(set(told))


def words(text: str) -> int:
    """Return the number of words of a text."""
    return len(_WORD.findall(text))


def _controlled(plain: Reward) -> Reward:
    def of(references: Sequence[str], candidates: Sequence[str]) -> Floats:
        lengths = np.array([[words(c), max(1, words(r))] for r, c in zip(references, candidates, strict=True)], float)
        relative = lengths.reshape(-1, 2)
        made: Floats = plain(references, candidates) / np.maximum(relative[:, 0] / relative[:, 1], 1.0)
        return made

    return Reward(plain.name + CONTROLLED, of)


def _each(name: str, value: Callable[[str, str], float]) -> Reward:
    return Reward(name, lambda references, candidates: np.array(
        [value(r, c) for r, c in zip(references, candidates, strict=True)]))  # fmt: skip


def _by_metric(name: str) -> Reward:
    found = metric(name)
    if found.takes != "report" or found.better != "higher" or found.ideal is not None:
        fit = [each.name for each in metrics("report") if each.better == "higher" and each.ideal is None]
        known = ", ".join((J1, J2, *fit))
        raise InputError(f"'{name}' is no judge of reports, where more is better: choose from {known}")

    def of(references: Sequence[str], candidates: Sequence[str]) -> Floats:
        return found(ReportPairs(tuple(references), tuple(candidates))).values if references else np.zeros(0)

    return Reward(name, of)


def reward(name: str) -> Reward:
    """Return a judge by name.

    Args:
        name: 'fact-f1' (J1), 'matched-repeats' (J2), any metric of reports where more is better (e.g. 'green/hilum'),
            or one of these with '/length' behind it, which takes back what length earned; or 'chat:URL#MODEL', a
            language model behind an address (see `chat_reward`), whose answers are kept in the cache and whose key is
            that of HILUM_CHAT_KEY.

    Raises:
        InputError: if there is no such judge, or the address cannot be used.
    """
    if name.startswith(CHAT):
        url, _, model = name.removeprefix(CHAT).partition("#")
        return chat_reward(Chat(url, model, key=os.environ.get(KEY, ""), cache=cache_folder("judges")))
    if name.endswith(CONTROLLED):
        return _controlled(reward(name.removesuffix(CONTROLLED)))
    own = {J1: fact_f1, J2: matched_share}
    return _each(name, own[name]) if name in own else _by_metric(name)


def chat_reward(chat: Chat, *, on_failed: Callable[[str], None] = lambda why: None) -> Reward:
    """Return GREEN's quotient of errors that a language model behind an address counts; NaN where its answer fails.

    Args:
        chat: where and which; with a `cache`, nothing is asked twice.
        on_failed: told why a pair was not judged.

    Raises:
        HilumError: when the very first question fails, so that a judge that is not there rewards nothing.
    """
    answered = False

    def of(reference: str, candidate: str) -> float:
        nonlocal answered
        try:
            counts = read_green(chat.ask(PROMPT.about(reference, candidate), system=PROMPT.system))
        except UnscoredError as error:
            on_failed(str(error))
        except HilumError as error:
            if not answered:
                raise
            on_failed(str(error))
        else:
            answered = True
            return green(counts.matched, counts.significant)
        return float("nan")

    return _each(f"green-chat-{chat.model}", of)
