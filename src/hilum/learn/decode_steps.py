"""The loops that choose words: the likeliest, drawn ones, and beams, over whatever gives the next word's logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


class Stepping(Protocol):
    """Answers under way, as `nets.steps.Steps` has them."""

    first: Tensor

    def next(self, words: Tensor, parents: Tensor | None = None) -> Tensor:
        """Return logits (B, count, V) of the word after `words` (B, count)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with some prompts only."""


@dataclass(frozen=True)
class Choice:
    """How a word is chosen, in numbers.

    Args:
        end: id that ends an answer.
        never: ids that no answer holds.
        longest: most words, the end counted in.
        temperature, top_p: of draws; temperature 0 takes the likeliest.
        length_penalty: of beams.
        no_repeat: length of runs that must not come twice; 0 allows all.
    """

    end: int
    never: tuple[int, ...]
    longest: int
    temperature: float = 0.0
    top_p: float = 1.0
    length_penalty: float = 1.0
    no_repeat: int = 0


Answer = tuple[list[int], float]
"""Ids without the end, and the log-probability of them and the end."""


def banned(words: Sequence[int], run: int) -> list[int]:
    """Return the words that would make a run of so many words come a second time; the prompt does not count."""
    if run < 1 or len(words) < run:
        return []
    last = list(words[len(words) - run + 1 :])
    return [words[at + run - 1] for at in range(len(words) - run + 1) if list(words[at : at + run - 1]) == last]


def nucleus(logits: Tensor, top_p: float) -> Tensor:
    """Return probabilities (..., V) of the likeliest words that make up `top_p` together; others are 0."""
    chance, order = logits.softmax(-1).sort(dim=-1, descending=True)
    kept = chance * (chance.cumsum(-1) - chance < top_p)
    made = torch.zeros_like(chance).scatter(-1, order, kept)
    return made / made.sum(-1, keepdim=True)


def drawn(chance: Tensor, at: Tensor) -> Tensor:
    """Return the word int64 (...) where the summed probabilities (..., V) pass a number (...) in [0, 1)."""
    total = chance.double().cumsum(-1)
    found = torch.searchsorted(total, (at.double() * total[..., -1])[..., None], right=True)[..., 0]
    last = chance.shape[-1] - 1 - (chance.flip(-1) > 0).int().argmax(-1)
    return torch.minimum(found, last)


def follow(steps: Stepping, how: Choice, numbers: Tensor | None, count: int) -> list[list[Answer]]:
    """Return `count` answers to each prompt, greedily or drawn.

    Args:
        steps: of B prompts with `count` answers each.
        how: words are chosen.
        numbers: float (B, count, longest) in [0, 1) that draws are made with; None if there is no temperature.
        count: answers.
    """
    logits = steps.first[:, None].expand(-1, count, -1)
    rows = torch.arange(len(logits), device=logits.device)
    made = torch.full((len(rows), count, how.longest), how.end, device=logits.device)
    logp = torch.zeros(len(rows), count, device=logits.device)
    open_, never = (
        torch.ones_like(logp, dtype=torch.bool),
        torch.tensor(how.never, dtype=torch.int64, device=logits.device),
    )
    for step in range(how.longest):
        logits = logits.float()
        allowed = logits.index_fill(-1, never, -torch.inf)
        if how.no_repeat:
            ban(allowed.flatten(0, 1), made[rows, :, :step].flatten(0, 1).tolist(), how.no_repeat)
        if how.temperature and numbers is not None:
            word = drawn(nucleus(allowed / how.temperature, how.top_p), numbers[rows, :, step])
        else:
            word = allowed.argmax(-1)
        word = torch.where(open_[rows], word, how.end)
        said = logits.log_softmax(-1).gather(-1, word[..., None])[..., 0]
        logp[rows] += torch.where(open_[rows], said, 0.0)
        made[rows, :, step] = word
        open_[rows] = open_[rows] & (word != how.end)
        alive = open_[rows].any(1)
        if not bool(alive.any()) or step + 1 == how.longest:
            break
        if int(alive.sum()) * 2 <= len(rows):
            left = alive.nonzero()[:, 0]
            steps.keep(left)
            rows, word = rows[left], word[left]
        logits = steps.next(word)
    return [[(_before(ids, how.end), value) for ids, value in zip(some, values, strict=True)]
            for some, values in zip(made.tolist(), logp.tolist(), strict=True)]  # fmt: skip


def ban(allowed: Tensor, words: Sequence[Sequence[int]], run: int) -> None:
    """Give no chance, in place, to what would repeat a run: log-probabilities (B, V) after B answers."""
    for row, each in enumerate(words):
        if held := banned(each, run):
            allowed[row, held] = -torch.inf


def _before(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


@dataclass
class _Hunt:
    """The beams of one prompt."""

    beams: int
    alive: list[tuple[list[int], float]] = field(default_factory=lambda: [([], 0.0)])
    done: list[tuple[float, list[int], float]] = field(default_factory=list)
    over: bool = False

    def take(self, found: Sequence[tuple[int, int, float]], how: Choice, step: int) -> list[tuple[int, int]]:
        """Take candidates (beam, word, log-probability), the best first; return which beams go on with which word.

        As transformers has it: only the best candidates may end, all are compared by their log-probability over a
        power of their length, and the search ends when no open beam could beat the worst of the ended ones, were it
        to end now.
        """
        length, going = step + 1, list[tuple[int, int, list[int], float]]()
        for rank, (beam, word, value) in enumerate(found):
            words = [*self.alive[beam][0], word]
            if word == how.end or length == how.longest:
                if rank < self.beams:
                    self.done.append((value / length**how.length_penalty, words, value))
            elif len(going) < self.beams:
                going.append((beam, word, words, value))
        self.done = sorted(self.done, key=lambda each: -each[0])[: self.beams]
        self.alive = [(words, value) for _, _, words, value in going]
        best = max((value for _, value in self.alive), default=-torch.inf) / length**how.length_penalty
        self.over = not going or (len(self.done) == self.beams and best <= self.done[-1][0])
        return [(beam, word) for beam, word, _, _ in going]


def search(steps: Stepping, how: Choice, beams: int, wanted: int) -> list[list[Answer]]:
    """Return the `wanted` best of `beams` answers to each prompt, the best first.

    Args:
        steps: of B prompts with `beams` answers each.
        how: words are chosen; no temperature.
        beams: open answers of each prompt.
        wanted: at most `beams`.
    """
    logits = steps.first[:, None].float()
    never = torch.tensor(how.never, dtype=torch.int64, device=logits.device)
    hunts = [_Hunt(beams) for _ in range(len(logits))]
    left = list(range(len(hunts)))
    for step in range(how.longest):
        said = logits.float().log_softmax(-1).index_fill(-1, never, -torch.inf)
        if how.no_repeat:
            for each, row in zip(said, left, strict=True):
                ban(each, [words for words, _ in hunts[row].alive], how.no_repeat)
        sums = torch.full(said.shape[:2], -torch.inf, device=said.device)
        for at, row in enumerate(left):
            held = [value for _, value in hunts[row].alive]
            sums[at, : len(held)] = torch.tensor(held, device=said.device)
        values, places = (said + sums[..., None]).flatten(1).topk(min(2 * beams, said[0].numel()))
        going = []
        for row, found, where in zip(left, values.tolist(), places.tolist(), strict=True):
            split = [(*divmod(place, said.shape[-1]), value) for place, value in zip(where, found, strict=True)
                     if value > -torch.inf]  # fmt: skip
            going.append(hunts[row].take(split, how, step))
        some = [at for at, row in enumerate(left) if not hunts[row].over]
        if not some or step + 1 == how.longest:
            break
        if 2 * len(some) <= len(left):
            steps.keep(torch.tensor(some, device=said.device))
            left, going = [left[at] for at in some], [going[at] for at in some]
        filled = [each + [(0, how.end)] * (beams - len(each)) for each in going]
        moves = torch.tensor(filled, device=said.device)
        logits = steps.next(moves[..., 1], moves[..., 0])
    return [[(_before(words, how.end), value) for _, words, value in hunt.done[:wanted]] for hunt in hunts]
