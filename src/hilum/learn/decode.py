"""Writing with a reader: unequal prompts in batches, greedily, by beams or by draws; and how likely options are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.nets.reader_processor import silent


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
        films: (k, C, S, S), or what the encoder saw of them: (k, P, L * D); None if there is none.
    """

    ids: tuple[int, ...]
    films: Tensor | None = None


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
    films = [row.films for row in rows if row.films is not None and len(row.films)]
    if len({(each.ndim, *each.shape[1:]) for each in films}) > 1:
        raise InputError(f"films of one batch differ in shape: {sorted({tuple(each.shape[1:]) for each in films})}")
    return batch | ({"pixel_values": torch.cat(films)} if films else {})


@torch.no_grad()
def write(
    reader: Any,
    processor: Any,
    rows: Sequence[Row],
    decoding: Decoding | None = None,
    *,
    seed: int = 0,
    batch: int = 16,
) -> list[Written]:
    """Return answers to prompts, in their order; `samples` of each, one after the other.

    Args:
        reader: of `nets.reader`.
        processor: its processor.
        rows: prompts.
        decoding: how words are chosen; greedily if None.
        seed: of draws.
        batch: prompts at a time.
    """
    decoding = decoding or Decoding()
    reader.eval()
    answers: list[Written] = []
    for number, part in enumerate(_parts(rows, batch)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + number)
            answers += _written(reader, processor, part, decoding)
    return answers


def _parts(rows: Sequence[Row], batch: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), batch):
        yield rows[start : start + batch]


def _written(reader: Any, processor: Any, rows: Sequence[Row], decoding: Decoding) -> list[Written]:
    tokenizer = processor.tokenizer
    given = batch_of(rows, tokenizer.pad_token_id)
    given = {name: each.to(reader.device) for name, each in given.items()}
    start = given["input_ids"].shape[1]
    made = reader.generate(
        **given, **settings(decoding), pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        suppress_tokens=never(tokenizer),
    )  # fmt: skip
    fresh = made[:, start:]
    repeat = len(fresh) // len(rows)
    logp = logp_of(reader, [row for row in rows for _ in range(repeat)], fresh, tokenizer)
    answers = []
    for ids, value in zip(fresh.tolist(), logp.tolist(), strict=True):
        words = ids[: ids.index(tokenizer.eos_token_id)] if tokenizer.eos_token_id in ids else ids
        answers.append(Written(processor.text_of(words), tuple(words), value))
    return answers


def settings(decoding: Decoding) -> dict[str, Any]:
    """Return what transformers' `generate` calls these choices."""
    made: dict[str, Any] = {
        "max_new_tokens": decoding.longest, "num_beams": decoding.beams, "do_sample": decoding.temperature > 0,
        "num_return_sequences": decoding.samples,
    }  # fmt: skip
    if decoding.temperature:
        made |= {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
    if decoding.beams > 1:
        made["length_penalty"] = decoding.length_penalty
    if decoding.no_repeat:
        made["no_repeat_ngram_size"] = decoding.no_repeat
    return made


def never(tokenizer: Any) -> list[int]:
    """Return ids that no answer holds: padding, the beginning, images and their roles."""
    return [each for each in silent(tokenizer) if each != tokenizer.eos_token_id]


def logp_of(reader: Any, rows: Sequence[Row], answers: Tensor, tokenizer: Any) -> Tensor:
    """Return the log-probability (B,) of answers int64 (B, T), up to and with their first end.

    Args:
        reader: of `nets.reader`.
        rows: the prompts, one for each answer.
        answers: token ids; what follows an end does not count.
        tokenizer: of the prompts.
    """
    given = batch_of(rows, tokenizer.pad_token_id)
    ended = (answers == tokenizer.eos_token_id).int().cumsum(1)
    counts = (ended - (answers == tokenizer.eos_token_id).int()) == 0
    given = {name: each.to(reader.device) for name, each in given.items()}
    given["input_ids"] = torch.cat([given["input_ids"], answers], dim=1)
    given["attention_mask"] = torch.cat([given["attention_mask"], counts.to(torch.int64)], dim=1)
    places = (given["attention_mask"].cumsum(1) - 1).clamp(min=0)
    logits = reader(**given, position_ids=places, logits_to_keep=answers.shape[1] + 1).logits[:, :-1]
    said = logits.log_softmax(-1).gather(-1, answers[..., None])[..., 0]
    total: Tensor = torch.where(counts, said, 0.0).sum(1)
    return total


@torch.no_grad()
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
        found = logp_of(reader, [rows[at] for at, *_ in part], answers.to(reader.device), tokenizer).tolist()
        for (at, number, ids), value in zip(part, found, strict=True):
            out[at, number] = value / len(ids) if mean else value
    return out


def _ids(tokenizer: Any, text: str) -> list[int]:
    return [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
