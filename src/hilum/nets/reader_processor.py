"""What stands before the reader: films made square, and prompts whose images take as many tokens as their vectors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox
from hilum.nets.fuse import IMAGE, ROLES, role_token
from hilum.nets.reader import ReaderConfig, library

_TAG = re.compile(r"(</?[^<>\s]+>)")


class FilmProcessor(library.image_processing_utils.BaseImageProcessor):  # type: ignore[misc]
    """Films of any size as a square tensor.

    Args:
        size: side in pixels.
        channels: of the encoder's first layer; grey films are repeated.
        fit: 'letterbox' pads the shorter side with black; 'crop' cuts the longer one at both ends (MAIRA-2).
        mean, deviation: of the normalisation, of values in [0, 1].
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    def __init__(
        self, *, size: int = 64, channels: int = 1, fit: Literal["letterbox", "crop"] = "letterbox",
        mean: float = 0.0, deviation: float = 1.0, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Keep the settings."""
        super().__init__(**kwargs)
        if fit not in ("letterbox", "crop"):
            raise InputError(f"a film is made square by 'letterbox' or 'crop', got '{fit}'")
        self.size, self.channels, self.fit = size, channels, fit
        self.mean, self.deviation = mean, deviation

    def preprocess(self, images: Any, **kwargs: Any) -> Any:
        """Return `pixel_values` float32 (M, channels, size, size) of one film or of a list, nested or not.

        Args:
            images: Hilum images, arrays (H, W) or (H, W, 3) in [0, 1] or of bytes, or Pillow pictures; 0 is black.
            kwargs: nothing that matters here; transformers passes some.
        """
        return library.BatchFeature({"pixel_values": torch.stack([self.film(each) for each in flat(images)])})

    def film(self, image: Any) -> Tensor:
        """Return one film as (channels, size, size)."""
        values = np.asarray(image.display() if hasattr(image, "display") else image)
        grey = values.astype(np.float32) / (255.0 if values.dtype == np.uint8 else 1.0)
        grey = grey.mean(-1) if grey.ndim == 3 else grey
        if grey.ndim != 2:
            raise InputError(f"a film is (H, W) or (H, W, 3), got {values.shape}")
        rows, columns = grey.shape
        square = torch.zeros(self.size, self.size)
        if self.fit == "letterbox":
            box = Letterbox(rows, columns, self.size)
            (high, wide), (top, left) = box.inner, box.pad
            square[top : top + high, left : left + wide] = _resized(grey, high, wide)
        else:
            scale = self.size / min(rows, columns)
            high, wide = max(self.size, round(rows * scale)), max(self.size, round(columns * scale))
            top, left = (high - self.size) // 2, (wide - self.size) // 2
            square = _resized(grey, high, wide)[top : top + self.size, left : left + self.size]
        return ((square - self.mean) / self.deviation).expand(self.channels, -1, -1)


def _resized(grey: np.ndarray[Any, Any], rows: int, columns: int) -> Tensor:
    film = torch.from_numpy(np.ascontiguousarray(grey))[None, None]
    made: Tensor = functional.interpolate(film, (rows, columns), mode="bilinear", antialias=True, align_corners=False)[
        0, 0
    ]
    return made


def flat(images: Any) -> list[Any]:
    """Return one image, or a list of images or of lists of them, as one list."""
    if isinstance(images, (list, tuple)):
        return [each for some in images for each in flat(some)]
    return [images]


class ReaderProcessor(library.LlavaProcessor):  # type: ignore[misc]
    """Prompts and films to what the reader takes; each `IMAGE` becomes `image_seq_length` of them.

    Args:
        image_processor: a `FilmProcessor`, or any of transformers.
        tokenizer: with `IMAGE` and the role tokens.
        image_seq_length: tokens that a film takes.
        chat_template: for messages, see transformers.
        kwargs: what LLaVA's processor keeps besides; not used.
    """

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, image_seq_length: int = 1,
        chat_template: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Keep the parts."""
        self.image_seq_length = image_seq_length
        super().__init__(image_processor, tokenizer, chat_template=chat_template, image_token=IMAGE)

    def _process_images(self, images: Any, **kwargs: Any) -> tuple[Any, list[str]]:
        """Films as tensors, and what stands for each in the text."""
        made = self.image_processor(flat(images), **kwargs)
        return made, [IMAGE * self.image_seq_length] * len(flat(images))

    def prepare_inputs_layout(self, images: Any = None, text: Any = None, **kwargs: Any) -> Any:
        """Return the inputs with one list of texts and one flat list of films."""
        texts = [text] if isinstance(text, str) else None if text is None else list(text)
        return None if images is None else flat(images), texts, kwargs.get("videos"), kwargs.get("audio")

    def validate_inputs(self, images: Any = None, text: Any = None, **kwargs: Any) -> None:
        """Check that there is a film for each `IMAGE` of the texts.

        Raises:
            InputError: if there is not, or nothing was given.
        """
        if images is None and text is None:
            raise InputError("a reader's processor needs a text or films, got neither")
        wanted, given = sum(each.count(IMAGE) for each in text or ()), len(images or ())
        if text is not None and wanted != given:
            raise InputError(f"the texts show {wanted} images, but {given} films came with them")

    def expanded(self, ids: Iterable[int]) -> tuple[int, ...]:
        """Return token ids with each single `IMAGE` repeated as often as a film takes tokens."""
        return tuple(
            each for one in ids for each in ((one,) * self.image_seq_length if one == self.image_token_id else (one,))
        )

    def prompt_ids(self, prompt: str) -> tuple[int, ...]:
        """Return the ids of a trusted prompt, whose control tokens count, images expanded."""
        return self.expanded(self.tokenizer(prompt, add_special_tokens=False)["input_ids"])

    def text_of(self, ids: Sequence[int]) -> str:
        """Return generated ids as a text: padding, ends, images and roles left out, box tokens kept.

        A tokenizer that writes small letters only (`learn.reader.words`) gets its capitals back.
        """
        mute = set(silent(self.tokenizer))
        text = str(self.tokenizer.decode([each for each in ids if each not in mute])).strip()
        return sentence_case(text) if self.tokenizer.init_kwargs.get("sentence_case") else text


def silent(tokenizer: Any) -> list[int]:
    """Return the ids that are no part of an answer: padding, beginning, end, images and their roles."""
    known = tokenizer.get_vocab()
    tokens = (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token, IMAGE, *map(role_token, ROLES))
    return sorted({known[token] for token in tokens if token in known})


def sentence_case(text: str) -> str:
    """Return a text in small letters with a capital at the start of each sentence; tags such as '<obj>' stay."""
    made, fresh = [], True
    for piece in _TAG.split(text):
        if _TAG.fullmatch(piece):
            made.append(piece)
            continue
        for letter in piece:
            made.append(letter.upper() if fresh else letter)
            fresh = letter in ".?!" or (fresh and not letter.isalnum())
    return "".join(made)


library.AutoImageProcessor.register(ReaderConfig, slow_image_processor_class=FilmProcessor, exist_ok=True)
library.AutoProcessor.register(ReaderConfig, ReaderProcessor, exist_ok=True)
