"""A sample as pieces of prompt and answer, and as rows of token ids in which no text is ever a control token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.learn.objectives.write import IGNORED
from hilum.learn.reader.absence import NOT_GIVEN, absent, filled, heading, image_pieces, section_pieces
from hilum.learn.reader.boxes import CODECS, Piece
from hilum.learn.reader.preset import IMAGE_WORDS, Preset
from hilum.learn.reader.roles import IMAGE, ROLE_TOKENS, ROLES, Shown, token_of
from hilum.learn.reader.sample import CONTEXT, Located, Said, Sample, pieces_of, texts_of

ASK, ANSWER = "<ask>", "<answer>"


@dataclass(frozen=True)
class Laid:
    """A sample in order: runs of pieces, each of which is asked (part of the prompt) or answered.

    Args:
        runs: (answer?, pieces) in order; prompts and answers take turns, and the last run is the target.
        shown: pictures in the order of their slots.
        lost: largest share of a box's area that lies outside the frame, over all boxes written.
        notes: what was left out, one sentence each.
    """

    runs: tuple[tuple[bool, tuple[Piece, ...]], ...]
    shown: tuple[Shown, ...]
    lost: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def prompt(self) -> tuple[Piece, ...]:
        """Everything before the last answer, earlier answers included."""
        return tuple(piece for _, pieces in self.runs[:-1] for piece in pieces)

    @property
    def target(self) -> tuple[Piece, ...]:
        """The last answer."""
        return self.runs[-1][1]

    @property
    def text(self) -> str:
        """The whole as people read it."""
        return " ".join(piece.text for _, pieces in self.runs for piece in pieces)


def control_tokens(preset: Preset | None = None) -> tuple[str, ...]:
    """Return every control token that a preset's rows may hold (of all presets where None), end of text apart."""
    codecs = list(CODECS.values()) if preset is None else [preset.boxes] if preset.codec else []
    sections = CONTEXT if preset is None else preset.sections
    roles = ROLES if preset is None else preset.roles
    tokens = [IMAGE, *ROLE_TOKENS, ASK, ANSWER, *map(heading, sections)]
    if preset is None or preset.missing == "learned_token":
        tokens += [absent(name) for name in (*sections, *roles)]
    return tuple(dict.fromkeys((*tokens, *(token for codec in codecs for token in codec.tokens()))))


def vocabulary(samples: Sequence[Sample], preset: Preset) -> tuple[str, ...]:
    """Return every text that rows of these samples may hold, for a tokenizer of whole words."""
    fixed = [NOT_GIVEN, *(f"the only {words}:" for words in IMAGE_WORDS.values())]
    return tuple(dict.fromkeys((*texts_of(samples), *fixed, *(preset.boxes.words() if preset.codec else ()))))


def layout(sample: Sample, preset: Preset) -> Laid:
    """Return the sample as the preset lays it out.

    Pictures of roles that the preset does not take, and sections that it does not read, are left out; a prior report is
    told only beside a prior film.

    Raises:
        InputError: if a box must be written and the preset has no codec, or the box lies on no film of the sample.
    """
    sample = filled(sample, preset)
    shown, notes = _pictures(sample, preset)
    writer = _Writer(sample, preset)
    runs: list[tuple[bool, tuple[Piece, ...]]] = []
    for number, turn in enumerate(sample.turns):
        question = (Piece("control", ASK), *writer.said(turn.question))
        pieces = _opening(sample, preset, shown, question) if number == 0 else question
        runs += [(False, (*pieces, Piece("control", ANSWER))), (True, writer.said(turn.answer))]
    return Laid(tuple(runs), tuple(shown), writer.lost, tuple(notes))


def _pictures(sample: Sample, preset: Preset) -> tuple[list[Shown], list[str]]:
    """The pictures in the preset's order, as many as it takes."""
    rank = {role: place for place, role in enumerate(preset.roles)}
    wanted = sorted((each for each in sample.shown if each.role in rank), key=lambda each: rank[each.role])
    if len(wanted) <= preset.most_images:
        return wanted, []
    first = {"cur_front": 0, "prior_front": 1}
    kept = sorted(wanted, key=lambda each: first.get(each.role, 2))[: preset.most_images]
    left = [each for each in wanted if not any(each is one for one in kept)]
    note = f"{len(left)} of {len(wanted)} pictures were left out: the preset '{preset.name}' takes {preset.most_images}"
    return [each for each in wanted if any(each is one for one in kept)], [note]


def _opening(sample: Sample, preset: Preset, shown: Sequence[Shown], question: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Pictures, sections and the first question in the preset's order."""
    pieces: list[Piece] = []
    for slot in preset.order:
        if slot == "images":
            pieces += _image_slots(preset, shown)
        elif slot == "question":
            pieces += question
        elif slot in preset.sections:
            beside = slot != "prior_report" or any(each.role == "prior_front" for each in shown)
            text = sample.context.get(slot, "") if beside else ""
            pieces += section_pieces(slot, text, preset.missing)
    return tuple(pieces)


def _image_slots(preset: Preset, shown: Sequence[Shown]) -> list[Piece]:
    pieces: list[Piece] = []
    seen = {each.role for each in shown}
    for role in preset.roles:
        for place, each in enumerate(shown):
            if each.role == role:
                words = f"the {'only ' if len(shown) == 1 else ''}{IMAGE_WORDS[role]}:"
                pieces += [Piece("text", words)] if preset.worded else []
                pieces += [Piece("control", token_of(role)), Piece("image", IMAGE, place)]
        if role not in seen and role not in ("lesion_crop", "cur_other"):
            pieces += image_pieces(role, preset.missing)
    return pieces


class _Writer:
    """Writes what is said as pieces, with boxes in the preset's codec, and keeps the largest share lost."""

    def __init__(self, sample: Sample, preset: Preset) -> None:
        self.sample, self.preset, self.lost = sample, preset, 0.0

    def said(self, said: Said) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        for piece in pieces_of(said):
            pieces += [Piece("text", piece)] if isinstance(piece, str) else self._located(piece)
        return tuple(piece for piece in pieces if piece.text)

    def _located(self, located: Located) -> list[Piece]:
        codec = self.preset.boxes
        written: list[Piece] = []
        for box in located.boxes:
            shown = self.sample.image(box.image)
            if shown is None:
                raise InputError(
                    f"sample '{self.sample.key}': a box lies on the film '{box.image}', which the sample does not show"
                )
            coded = codec.encode(box, shown.size, self.preset.crop)
            self.lost = max(self.lost, coded.lost)
            written += coded.pieces
        grouped = codec.name == "bin_tokens" and located.text
        inner = [Piece("text", located.text), *written]
        return [Piece("control", "<obj>"), *inner, Piece("control", "</obj>")] if grouped else inner


def ids_of(pieces: Sequence[Piece], processor: Any) -> list[int]:
    """Return the token ids of pieces: a picture as its number of image tokens, text as data.

    Args:
        pieces: as `layout` gives them.
        processor: with a `tokenizer` and `image_seq_length`.

    Raises:
        InputError: if the tokenizer lacks a control token.
    """
    tokenizer, ids = processor.tokenizer, []
    for piece in pieces:
        if piece.kind == "text":
            ids += plain_ids(tokenizer, piece.text)
            continue
        number = tokenizer.convert_tokens_to_ids(piece.text)
        if number is None or number == tokenizer.unk_token_id:
            raise InputError(f"the tokenizer has no token '{piece.text}': build it with extra=control_tokens(preset)")
        ids += [int(number)] * (int(processor.image_seq_length) if piece.kind == "image" else 1)
    return ids


def plain_ids(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text in which nothing is a control token, whatever is written in it.

    Special forms are split into their letters, and an id of a control token that comes out all the same (by a
    tokenizer's normalisation, say) becomes the unknown word.
    """
    return list(_plain(tokenizer, len(tokenizer), text))


@lru_cache(maxsize=65_536)
def _plain(tokenizer: Any, size: int, text: str) -> tuple[int, ...]:
    control, unknown = control_ids(tokenizer, size), tokenizer.unk_token_id
    ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    safe = (unknown if number in control else number for number in ids)
    return tuple(int(number) for number in safe if number is not None)


@lru_cache(maxsize=16)
def control_ids(tokenizer: Any, size: int) -> frozenset[int]:
    """Return the ids of every control token that a tokenizer of this many tokens knows, but for the unknown word."""
    known = tokenizer.get_vocab()
    added = (number for number, token in tokenizer.added_tokens_decoder.items() if token.special)
    ours = (known[token] for token in control_tokens() if token in known)
    return frozenset((*tokenizer.all_special_ids, *added, *ours)) - {tokenizer.unk_token_id}


def row_of(sample: Sample, preset: Preset, processor: Any) -> tuple[list[int], list[int], tuple[Image, ...]]:
    """Return a sample's ids, its labels (IGNORED on prompt and pictures) and its films in the order of their slots."""
    laid = layout(sample, preset)
    ids, labels = _opened(processor), []
    labels += [IGNORED] * len(ids)
    end = processor.tokenizer.eos_token_id
    for answered, pieces in laid.runs:
        run = ids_of(pieces, processor) + ([end] if answered else [])
        ids += run
        labels += run if answered else [IGNORED] * len(run)
    return ids, labels, tuple(each.film for each in laid.shown)


def _opened(processor: Any) -> list[int]:
    begin = processor.tokenizer.bos_token_id
    return [] if begin is None else [int(begin)]


def prompt_ids(sample: Sample, preset: Preset, processor: Any) -> tuple[tuple[int, ...], tuple[Image, ...]]:
    """Return the ids of a sample up to where its last answer begins, and its films in the order of their slots."""
    laid = layout(sample, preset)
    ids, end = _opened(processor), processor.tokenizer.eos_token_id
    for answered, pieces in laid.runs[:-1]:
        ids += ids_of(pieces, processor) + ([end] if answered else [])
    return tuple(ids), tuple(each.film for each in laid.shown)


def rows(samples: Sequence[Sample], preset: Preset, processor: Any) -> dict[str, Any]:
    """Return samples as one batch, padded on the right.

    Args:
        samples: B of them.
        preset: that lays them out.
        processor: with a `tokenizer` (padding, end) and `image_seq_length`.

    Returns:
        int64 (B, L) input_ids, attention_mask and labels (IGNORED on the prompt, pictures and padding; each answer and
        the end token after it are learned), and 'images': the films of all samples in the order of their slots.

    Raises:
        InputError: if there is no sample, or the tokenizer lacks a control token.
    """
    if not samples:
        raise InputError("there are no samples to lay out: give at least one")
    made = [row_of(sample, preset, processor) for sample in samples]
    width = max(len(ids) for ids, _, _ in made)
    pad = processor.tokenizer.pad_token_id
    return {
        "input_ids": torch.tensor([[*ids, *[pad] * (width - len(ids))] for ids, _, _ in made]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _, _ in made]),
        "labels": torch.tensor([[*labels, *[IGNORED] * (width - len(labels))] for _, labels, _ in made]),
        "images": [film for _, _, films in made for film in films],
    }


def answer_ids(batch: dict[str, Any]) -> list[Tensor]:
    """Return the learned ids of each sample of a batch, in order, as `rows` made it."""
    return [ids[labels != IGNORED] for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True)]
