"""Boxes as text and back: four ways to write one, in the frame that a reader sees of a film.

Every codec keeps one contract: a box that lies in the frame comes back within half a bin of each edge; one that
reaches out of it is clipped and the share of its area that was lost is told; one that lies outside is not written.
A box thinner than a bin comes back one bin wide, and is called thin.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hilum.core.errors import InputError
from hilum.core.region import Box

Crop = Literal["whole", "centre_square", "letterbox"]
Edges = tuple[float, float, float, float]
_NUMBER = r"-?\s*\d+(?:\s*\.\s*\d+)?"
_CORNERS = (
    rf"[(\[]\s*({_NUMBER})\s*,\s*({_NUMBER})\s*(?:[)\]]\s*,?\s*(?:and|to)?\s*[(\[]|,)"
    rf"\s*({_NUMBER})\s*,\s*({_NUMBER})\s*[)\]]"
)
_LONGEST = 20_000  # characters read for boxes


@dataclass(frozen=True)
class Piece:
    """A run of a prompt or an answer: 'text' is data, 'control' is one token, 'image' one picture's tokens.

    Args:
        kind: of the three.
        text: the words, or the token.
        place: number of the picture, for 'image'.
    """

    kind: Literal["text", "control", "image"]
    text: str
    place: int = -1


@dataclass(frozen=True)
class Coded:
    """A box as pieces of text, the share of its area outside the frame, and whether it is thinner than a bin."""

    pieces: tuple[Piece, ...]
    lost: float = 0.0
    thin: bool = False

    @property
    def text(self) -> str:
        """The pieces as one text; '' where nothing of the box lies in the frame."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True)
class Decoded:
    """Boxes read from a text, in pixels of the film, and a sentence for each thing that was wrong."""

    boxes: tuple[Box, ...]
    errors: tuple[str, ...] = ()


def frame_of(size: tuple[int, int], crop: Crop = "whole") -> Edges:
    """Return the edges of the frame that a reader sees of a film, in pixels of the film.

    Args:
        size: (H, W) of the film.
        crop: 'whole' film stretched; 'centre_square', the shortest edge fitted and the middle kept; 'letterbox', the
            longest edge fitted and padded as `core.geometry.Letterbox` does, so edges may lie outside the film.

    Raises:
        InputError: if the film is empty or the crop unknown.
    """
    height, width = size
    if min(size) < 1:
        raise InputError(f"a film needs rows and columns, got {height} x {width}")
    if crop == "whole":
        return (0.0, 0.0, float(width), float(height))
    if crop not in ("centre_square", "letterbox"):
        raise InputError(f"unknown crop '{crop}': choose whole, centre_square or letterbox")
    side = min(size) if crop == "centre_square" else max(size)
    left, top = (width - side) / 2, (height - side) / 2
    return (left, top, left + side, top + side)


def clipped(box: Box, frame: Edges) -> tuple[Edges | None, float]:
    """Return the part of a box inside a frame, None where there is none, and the share of its area lost."""
    x0, y0 = max(box.x0, frame[0]), max(box.y0, frame[1])
    x1, y1 = min(box.x1, frame[2]), min(box.y1, frame[3])
    if x1 <= x0 or y1 <= y0:
        return None, 1.0
    kept = (x1 - x0) / (box.x1 - box.x0) * ((y1 - y0) / (box.y1 - box.y0))
    return (x0, y0, x1, y1), max(0.0, 1.0 - kept)


class Codec(ABC):
    """One way to write boxes; subclasses say how numbers become text.

    Args:
        name: of CODECS.
        bins: steps an axis is divided into; 0 for whole pixels.
        centred: whether a number names the middle of a bin rather than a grid line.
    """

    name = ""
    pattern = ""
    bins = 100
    centred = False

    def tokens(self) -> tuple[str, ...]:
        """Control tokens that the codec writes."""
        return ()

    def words(self) -> tuple[str, ...]:
        """Texts that hold every other word the codec may write, for the words of a tokenizer."""
        return ()

    def step(self, frame: Edges) -> tuple[float, float]:
        """Return the size of one bin along x and y, in pixels of the film."""
        if not self.bins:
            return 1.0, 1.0
        return (frame[2] - frame[0]) / self.bins, (frame[3] - frame[1]) / self.bins

    def encode(self, box: Box, size: tuple[int, int], crop: Crop = "whole") -> Coded:
        """Return a box in pixels of a film of `size` (H, W) as pieces of text in the frame of `crop`."""
        frame = frame_of(size, crop)
        edges, lost = clipped(box, frame)
        if edges is None:
            return Coded((), 1.0)
        (step_x, step_y), numbers = self.step(frame), []
        for edge, step, start, end in zip(edges, (step_x, step_y) * 2, frame[:2] * 2, frame[2:] * 2, strict=True):
            most = round((end - start) / step) - self.centred
            steps = (edge - start) / step
            numbers.append(min(max(int(steps) if self.centred else round(steps), 0), most))
        thin = edges[2] - edges[0] < step_x or edges[3] - edges[1] < step_y
        return Coded(self._write((numbers[0], numbers[1], numbers[2], numbers[3])), lost, thin)

    def decode(self, text: str, size: tuple[int, int], crop: Crop = "whole", *, image: str = "") -> Decoded:
        """Return the boxes that a text holds, in pixels of the film of `size` (H, W), with what was wrong.

        Reversed corners are swapped, numbers outside the range are clipped, and boxes without four numbers or outside
        the film are left out; each is told in a sentence.

        Args:
            text: what a reader wrote; spaces are of no account.
            size, crop: as `encode` took them.
            image: id of the film, for the boxes.
        """
        frame, boxes, errors = frame_of(size, crop), [], []
        found, broken = self._read(text[:_LONGEST])
        errors += broken
        for numbers in found:
            edges = self._edges(numbers, frame, errors)
            kept = _inside(edges, size, errors)
            if kept is not None:
                boxes.append(Box(*kept, image=image))
        return Decoded(tuple(boxes), tuple(errors))

    def _edges(self, numbers: Sequence[float], frame: Edges, errors: list[str]) -> Edges:
        """Edges in pixels of the film: corners in order, in the range, and at least a bin apart."""
        out: list[tuple[float, float]] = []
        for axis, step in enumerate(self.step(frame)):
            start, end = frame[axis], frame[axis + 2]
            low, high = numbers[axis], numbers[axis + 2]
            most = round((end - start) / step) - self.centred
            if low > high:
                errors.append(f"corners reversed along {'xy'[axis]}: {low:g} comes before {high:g}")
                low, high = high, low
            if low < 0 or high > most:
                errors.append(f"a number outside 0 to {most:g} along {'xy'[axis]}: {low:g} to {high:g}")
                low, high = min(max(low, 0), most), min(max(high, 0), most)
            shift = 0.5 if self.centred else 0.0
            first, last = start + (low + shift) * step, start + (high + shift) * step
            if low == high:
                middle = min(max(first, start + step / 2), end - step / 2)
                first, last = middle - step / 2, middle + step / 2
            out.append((first, last))
        return (out[0][0], out[1][0], out[0][1], out[1][1])

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the characters [start, end) of each box that is written in a text, well or badly."""
        return [found.span() for found in re.finditer(self.pattern, text[:_LONGEST])]

    @abstractmethod
    def _write(self, numbers: tuple[int, int, int, int]) -> tuple[Piece, ...]:
        """Return the numbers of a box as pieces."""

    @abstractmethod
    def _read(self, text: str) -> tuple[list[list[float]], list[str]]:
        """Return the numbers of each box of a text, and what was wrong."""


def _inside(edges: Edges, size: tuple[int, int], errors: list[str]) -> Edges | None:
    """Edges cut to the film, None where nothing is left."""
    x0, y0, x1, y1 = (
        max(edges[0], 0.0),
        max(edges[1], 0.0),
        min(edges[2], float(size[1])),
        min(edges[3], float(size[0])),
    )
    if x1 <= x0 or y1 <= y0:
        errors.append(f"a box outside the film: {', '.join(f'{edge:.1f}' for edge in edges)}")
        return None
    return (x0, y0, x1, y1)


def _numbers(text: str) -> list[float]:
    return [float(re.sub(r"\s", "", each)) for each in re.findall(_NUMBER, text)]


def _between(text: str, start: str, end: str) -> tuple[list[str], list[str]]:
    """What stands between each pair of tags, and what is wrong with them."""
    parts, errors = [], []
    for part in text.split(start)[1:]:
        if end in part:
            parts.append(part.split(end)[0])
        else:
            errors.append(f"'{start}' is not closed by '{end}'")
    return parts, errors


def _fours(parts: Sequence[str]) -> tuple[list[list[float]], list[str]]:
    """The four numbers of each part."""
    found, errors = [], []
    for part in parts:
        numbers = _numbers(part)
        if len(numbers) == 4:
            found.append(numbers)
        else:
            errors.append(f"a box needs four numbers, got {len(numbers)} in '{part.strip()[:60]}'")
    return found, errors


class BinTokens(Codec):
    """One token a bin, 100 bins an axis, read at the bin's middle (as MAIRA-2 writes boxes)."""

    name, bins, centred = "bin_tokens", 100, True
    pattern = r"<box>.*?</box>"

    def tokens(self) -> tuple[str, ...]:
        """Tags and bins."""
        axes = tuple(f"<{axis}{number}>" for axis in "xy" for number in range(self.bins))
        return ("<box>", "</box>", "<obj>", "</obj>", *axes)

    def _write(self, numbers: tuple[int, int, int, int]) -> tuple[Piece, ...]:
        tokens = ("<box>", *(f"<{axis}{number}>" for axis, number in zip("xyxy", numbers, strict=True)), "</box>")
        return tuple(Piece("control", token) for token in tokens)

    def _read(self, text: str) -> tuple[list[list[float]], list[str]]:
        parts, errors = _between(text, "<box>", "</box>")
        found = []
        for part in parts:
            named = re.findall(r"<\s*([xy])\s*(\d{1,4})\s*>", part)
            if [axis for axis, _ in named] == list("xyxy"):
                found.append([float(number) for _, number in named])
            else:
                errors.append(f"a box needs the bins x y x y, got '{part.strip()[:60]}'")
        return found, errors


class TaggedInt(Codec):
    """Whole numbers on a grid of 0 to 100 between two tags (as CheXagent writes boxes)."""

    name, bins = "tagged_int", 100
    pattern = r"<\|box\|>.*?<\|/box\|>"

    def tokens(self) -> tuple[str, ...]:
        """The two tags."""
        return ("<|box|>", "<|/box|>")

    def words(self) -> tuple[str, ...]:
        """The numbers of the grid and the marks between them."""
        return tuple(f"({number}, {number}), ({number})" for number in range(self.bins + 1))

    def _write(self, numbers: tuple[int, int, int, int]) -> tuple[Piece, ...]:
        x0, y0, x1, y1 = numbers
        start, end = (Piece("control", token) for token in self.tokens())
        return (start, Piece("text", f"({x0},{y0}),({x1},{y1})"), end)

    def _read(self, text: str) -> tuple[list[list[float]], list[str]]:
        parts, errors = _between(text, *self.tokens())
        found, wrong = _fours(parts)
        return found, errors + wrong


class DecimalText(Codec):
    """Shares of the frame with two decimals in square brackets, no token of its own (as RadVLM writes boxes)."""

    name, bins = "decimal_text", 100
    pattern = r"\[[^\[\]]*\]"

    def words(self) -> tuple[str, ...]:
        """Both digits after the point and the marks."""
        return tuple(f"[{number / 100:.2f}, {number / 100:.2f}] and" for number in range(self.bins + 1))

    def _write(self, numbers: tuple[int, int, int, int]) -> tuple[Piece, ...]:
        return (Piece("text", f"[{', '.join(f'{number / self.bins:.2f}' for number in numbers)}]"),)

    def _read(self, text: str) -> tuple[list[list[float]], list[str]]:
        parts, errors = _between(text, "[", "]")
        found, wrong = _fours(parts)
        return [[round(number * self.bins, 6) for number in each] for each in found], errors + wrong


class PixelText(Codec):
    """Whole pixels of the film as (x1, y1), (x2, y2), for readers that are told its size (as GPT-4V is asked)."""

    name, bins = "pixel_text", 0
    pattern = _CORNERS

    def words(self) -> tuple[str, ...]:
        """The digits and marks; a tokenizer of whole words cannot know every pixel."""
        return ("(0, 1), (2, 3) 4 5 6 7 8 9",)

    def _write(self, numbers: tuple[int, int, int, int]) -> tuple[Piece, ...]:
        return (Piece("text", f"({numbers[0]}, {numbers[1]}), ({numbers[2]}, {numbers[3]})"),)

    def _read(self, text: str) -> tuple[list[list[float]], list[str]]:
        found = [[float(re.sub(r"\s", "", each)) for each in four] for four in re.findall(_CORNERS, text)]
        if not found and re.search(r"\d", text):
            return [], [f"no box of two corners (x1, y1), (x2, y2) in '{text.strip()[:60]}'"]
        return found, []


CODECS: dict[str, Codec] = {each.name: each for each in (BinTokens(), TaggedInt(), DecimalText(), PixelText())}
"""The four ways, by name."""


def codec_of(name: str) -> Codec:
    """Return a codec.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in CODECS:
        raise InputError(f"no box codec is called '{name}': choose from {', '.join(CODECS)}")
    return CODECS[name]
