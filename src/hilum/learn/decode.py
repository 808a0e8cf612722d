"""Writing with a reader: unequal prompts in batches, greedily, by beams or by draws; and how likely options are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.decode_steps import Answer, Choice, ban, follow, search
from hilum.nets.reader_processor import silent
from hilum.nets.steps import Steps, has_steps


@dataclass(frozen=True)
class Decoding:
    """How words are chosen.

    Args:
        beams: 1 is greedy, or draws where a temperature is given.
        longest: most tokens of an answer, its end counted in.
        temperature: 0 takes the likeliest word.
        top_p: share of the probability that draws are made from.
        length_penalty: exponent on the length that a beam's log-probability is divided by.
        no_repeat: length of runs of words that must not come twice; 0 allows all.
        samples: answers for each prompt.
    """

    beams: int = 1
    longest: int = 100
    temperature: float = 0.0
    top_p: float = 1.0
    length_penalty: float = 1.0
    no_repeat: int = 0
    samples: int = 1

    def __post_init__(self) -> None:
        if min(self.beams, self.longest, self.samples) < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise InputError(f"decoding takes beams, words and samples, a temperature >= 0 and 0 < top_p <= 1: {self}")
        if self.beams > 1 and self.temperature:
            raise InputError("either beams or a temperature: a beam takes the likeliest words, a draw does not")
        if self.samples > 1 and not self.temperature and self.samples > self.beams:
            raise InputError(f"{self.samples} answers to a prompt need a temperature, or as many beams")


@dataclass(frozen=True, eq=False)
class Row:
    """A prompt and its films.

    Args:
        ids: token ids; each film stands as often as it takes tokens, a role before it.
        films: (k, C, S, S), or what the encoder saw of them, layers side by side: (k, P, L * D).
        states: hidden states of them instead, the deepest last: (k, L, P, D).
    """

    ids: tuple[int, ...]
    films: Tensor | None = None
    states: Tensor | None = None


@dataclass(frozen=True)
class Written:
    """An answer.

    Args:
        text: without control tokens.
        tokens: ids, the end left out.
        logp: log-probability of the tokens and the end, before any temperature.
    """

    text: str
    tokens: tuple[int, ...]
    logp: float


def batch_of(rows: Sequence[Row], pad: int) -> dict[str, Tensor]:
    """Return prompts as `input_ids` and `attention_mask` (B, L), padded on the left, and `pixel_values` of all films.

    Raises:
        InputError: if there is no row, or some films are pixels and others what an encoder saw.
    """
    if not rows:
        raise InputError("there is no prompt to put in a batch")
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, longest - len(row.ids) :] = torch.tensor(row.ids, dtype=torch.int64)
        mask[at, longest - len(row.ids) :] = 1
    batch = {"input_ids": ids, "attention_mask": mask}
    for name in ("films", "states"):
        held = [each for row in rows if (each := getattr(row, name)) is not None and len(each)]
        shapes = {tuple(each.shape[1:]) for each in held}
        if len(shapes) > 1 or (shapes and len(batch) > 2):
            raise InputError(f"films of one batch differ in shape or kind: {', '.join(map(str, sorted(shapes)))}")
        if held:
            batch["pixel_values" if name == "films" else "image_states"] = torch.cat(list(held))
    return batch


@torch.inference_mode()
def write(
    reader: Any, processor: Any, rows: Sequence[Row], decoding: Decoding | None = None, *, seed: int = 0,
    batch: int = 16, plain: bool = False,
) -> list[Written]:  # fmt: skip
    """Return answers to prompts, in their order; `samples` of each, one after the other.

    Prompts of like length share a batch; an answer does not depend on what it shares it with, drawn or not.

    Args:
        reader: of `nets.reader`.
        processor: its processor.
        rows: prompts.
        decoding: how words are chosen; greedily if None.
        seed: of draws.
        batch: prompts at a time.
        plain: write by transformers' `generate`, as is done for language models that `nets.steps` does not know; its
            draws are of the same distribution, but depend on the batch.
    """
    decoding = decoding or Decoding()
    reader.eval()
    answers: list[list[Written]] = [[] for _ in rows]
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].ids))
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        given = _moved(batch_of([rows[at] for at in part], processor.tokenizer.pad_token_id), reader)
        if plain or not has_steps(reader):
            found = _generated(reader, processor.tokenizer, given, decoding, seed + start)
        else:
            found = _stepped(reader, processor.tokenizer, given, decoding, [(seed, at) for at in part])
        for at, some in zip(part, found, strict=True):
            answers[at] = [Written(processor.text_of(ids), tuple(ids), value) for ids, value in some]
    return [each for some in answers for each in some]


def _moved(batch: dict[str, Tensor], reader: Any) -> dict[str, Tensor]:
    return {name: each.to(reader.device) for name, each in batch.items()}


def _stepped(
    reader: Any, tokenizer: Any, given: dict[str, Tensor], decoding: Decoding, draws: Sequence[tuple[int, int]]
) -> list[list[Answer]]:
    """Answers by our own loop; a draw's numbers belong to the seed and the prompt's place in the list."""
    how = Choice(
        tokenizer.eos_token_id, tuple(never(tokenizer)), decoding.longest, decoding.temperature, decoding.top_p,
        decoding.length_penalty, decoding.no_repeat,
    )  # fmt: skip
    count = max(decoding.beams, decoding.samples)
    steps = Steps(reader, given, count=count, longest=decoding.longest)
    if decoding.beams > 1:
        return search(steps, how, decoding.beams, decoding.samples)
    numbers = None
    if decoding.temperature:
        drawn = [generator(seed, "write", at).random((count, decoding.longest)) for seed, at in draws]
        numbers = torch.from_numpy(np.stack(drawn)).to(reader.device)
    return follow(steps, how, numbers, count)


def _generated(
    reader: Any, tokenizer: Any, given: dict[str, Tensor], decoding: Decoding, seed: int
) -> list[list[Answer]]:
    """Answers by transformers."""
    end, rows = tokenizer.eos_token_id, len(given["input_ids"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = reader.generate(
            **given, **settings(decoding), pad_token_id=tokenizer.pad_token_id, eos_token_id=end,
            suppress_tokens=never(tokenizer),
            logits_processor=[_NoRun(given["input_ids"].shape[1], decoding.no_repeat)],
        )[:, given["input_ids"].shape[1] :]  # fmt: skip
    ids = made.unflatten(0, (rows, -1))
    logp = torch.stack([logp_of(reader, given, ids[:, at], end) for at in range(ids.shape[1])], 1)
    return [
        [(each[: each.index(end)] if end in each else each, value) for each, value in zip(some, values, strict=True)]
        for some, values in zip(ids.tolist(), logp.tolist(), strict=True)
    ]


def settings(decoding: Decoding) -> dict[str, Any]:
    """Return what transformers' `generate` calls these choices, but for runs."""
    made: dict[str, Any] = {
        "max_new_tokens": decoding.longest, "num_beams": decoding.beams, "do_sample": decoding.temperature > 0,
        "num_return_sequences": decoding.samples,
    }  # fmt: skip
    if decoding.temperature:
        made |= {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
    if decoding.beams > 1:
        made["length_penalty"] = decoding.length_penalty
    return made


class _NoRun:
    """No run of words twice in an answer, for `generate`, whose own rule counts the prompt too."""

    def __init__(self, start: int, run: int) -> None:
        self.start, self.run = start, run

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        if self.run:
            ban(scores := scores.clone(), ids[:, self.start :].tolist(), self.run)
        return scores


def never(tokenizer: Any) -> list[int]:
    """Return ids that no answer holds: padding, the beginning, images and their roles."""
    return [each for each in silent(tokenizer) if each != tokenizer.eos_token_id]


def logp_of(reader: Any, given: dict[str, Tensor], answers: Tensor, end: int) -> Tensor:
    """Return the log-probability (B,) of answers int64 (B, T), up to and with their first end.

    Args:
        reader: of `nets.reader`.
        given: the prompts, as of `batch_of`, on its device.
        answers: token ids, one answer to each prompt; what follows an end does not count.
        end: its id.
    """
    ended = answers == end
    counts = (ended.int().cumsum(1) - ended.int()) == 0
    mask = torch.cat([given["attention_mask"], counts.to(torch.int64)], dim=1)
    ids = torch.cat([given["input_ids"], answers.masked_fill(~counts, end)], dim=1)
    whole = {**given, "input_ids": ids, "attention_mask": mask}
    places = (mask.cumsum(1) - 1).clamp(min=0)
    logits = reader(**whole, position_ids=places, logits_to_keep=answers.shape[1] + 1).logits[:, :-1]
    said = logits.float().log_softmax(-1).gather(-1, answers[..., None])[..., 0]
    total: Tensor = torch.where(counts, said, 0.0).sum(1)
    return total


@torch.inference_mode()
def likelihood(
    reader: Any, processor: Any, rows: Sequence[Row], options: Sequence[Sequence[str]], *, mean: bool = True,
    batch: int = 16,
) -> Tensor:  # fmt: skip
    """Return how likely each option is as the answer to its prompt: log-probabilities (N, O), -inf where there is none.

    Args:
        reader: of `nets.reader`.
        processor: its processor.
        rows: prompts.
        options: of each prompt; prompts may have unequal numbers of them.
        mean: for each token, the end counted in, so that long options are not worse for their length.
        batch: options at a time.

    Raises:
        InputError: if there are not as many lists of options as prompts.
    """
    if len(options) != len(rows):
        raise InputError(f"each of {len(rows)} prompts needs its options, got {len(options)} lists")
    tokenizer = processor.tokenizer
    reader.eval()
    flat = [(at, number, _ids(tokenizer, text)) for at, some in enumerate(options) for number, text in enumerate(some)]
    out = torch.full((len(rows), max((len(some) for some in options), default=0)), -torch.inf)
    for start in range(0, len(flat), batch):
        part = flat[start : start + batch]
        longest = max(len(ids) for *_, ids in part)
        answers = torch.full((len(part), longest), tokenizer.eos_token_id)
        for at, (_, _, ids) in enumerate(part):
            answers[at, : len(ids)] = torch.tensor(ids)
        given = _moved(batch_of([rows[at] for at, *_ in part], tokenizer.pad_token_id), reader)
        found = logp_of(reader, given, answers.to(reader.device), tokenizer.eos_token_id).tolist()
        for (at, number, ids), value in zip(part, found, strict=True):
            out[at, number] = value / len(ids) if mean else value
    return out


def _ids(tokenizer: Any, text: str) -> list[int]:
    return [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
