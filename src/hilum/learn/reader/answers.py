"""What a reader wrote, read again: sentences with their boxes, and what could not be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hilum.core.region import Box
from hilum.learn.reader.boxes import Codec
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.sample import Located
from hilum.text.sentences import sentences

_JOINED = re.compile(r"[\s,;]*(?:and\b)?[\s,;]*")
_GROUP = re.compile(r"<obj>(.*?)(?:</obj>|(?=<obj>)|$)", re.DOTALL)
_TAGS = re.compile(r"</?(?:obj|box)>|<[xy]\d{1,4}>|<\|/?box\|>")


@dataclass(frozen=True)
class Answer:
    """Sentences in order, each with its boxes in pixels of the film, and a sentence for each thing that was wrong."""

    said: tuple[Located, ...]
    errors: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words alone."""
        return " ".join(piece.text for piece in self.said if piece.text)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """All boxes."""
        return tuple(box for piece in self.said for box in piece.boxes)


def written(tokens: Sequence[int], tokenizer: Any) -> str:
    """Return token ids as text with the control tokens in it, which boxes need; ends and padding are left out."""
    left_out = {tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id}
    kept = [int(token) for token in tokens if int(token) not in left_out]
    return str(tokenizer.decode(kept, skip_special_tokens=False))


def read_answer(text: str, preset: Preset, shown: Shown) -> Answer:
    """Return an answer's sentences with the boxes that follow each.

    Args:
        text: as `written` gives it.
        preset: whose codec and crop wrote it; without a codec every sentence has no box.
        shown: the film that the boxes are on.
    """
    if preset.codec is None:
        return Answer(tuple(Located(text[start:end]) for start, end in sentences(text)))
    codec = preset.boxes
    said: list[Located] = []
    wrong = codec.decode(text, shown.size, preset.crop).errors if codec.spans(text) or codec.bins else ()
    groups = [found[1] for found in _GROUP.finditer(text)] if "<obj>" in text else [text]
    for group in groups:
        for words, part in _parts(group, codec):
            read = codec.decode(part, shown.size, preset.crop, image=shown.image.id)
            spans = sentences(words) if "<obj>" not in text else [(0, len(words))] if words else []
            told = [words[start:end] for start, end in spans] or [""]
            said += [Located(each) for each in told[:-1]]
            said.append(Located(told[-1], read.boxes if part else ()))
    return Answer(tuple(each for each in said if each.text or each.boxes), wrong)


def _parts(text: str, codec: Codec) -> list[tuple[str, str]]:
    """(words, the text of the boxes that follow them), in order; boxes with 'and' or a comma between go together."""
    parts: list[tuple[str, str]] = []
    at = 0
    for start, end in codec.spans(text):
        between = text[at:start]
        if parts and _JOINED.fullmatch(between):
            parts[-1] = (parts[-1][0], f"{parts[-1][1]} {text[start:end]}")
        else:
            parts.append((_bare(between), text[start:end]))
        at = end
    rest = _bare(text[at:])
    return [*parts, (rest, "")] if rest else parts


def _bare(text: str) -> str:
    return " ".join(_TAGS.sub(" ", text).split())
