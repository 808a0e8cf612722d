"""What a frozen encoder sees of films, computed once: a film that ten arms learn from is looked at a single time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.learn.spread import lent
from hilum.learn.weak import one_thread
from hilum.nets.reader_processor import FilmProcessor

BATCH = 64
Fit = Literal["letterbox", "crop"]


def film_pixels(images: Sequence[Image], size: int, *, fit: Fit = "letterbox") -> NDArray[np.uint8]:
    """Return films as a reader sees them, kept small: uint8 (N, S, S), 0 black.

    Args:
        images: N films of any size.
        size: S.
        fit: how they are made square, see `nets.reader_processor.FilmProcessor`.
    """
    made = FilmProcessor(size=size, channels=1, fit=fit)
    films = [(made.film(image)[0] * 255.0).round().to(torch.uint8).numpy() for image in images]
    return np.stack(films) if films else np.zeros((0, size, size), dtype=np.uint8)


def pixel_values(films: NDArray[np.uint8]) -> Tensor:
    """Return films uint8 (N, S, S) as the vision model takes them: float32 (N, 1, S, S) in [0, 1]."""
    return torch.from_numpy(films).float()[:, None] / 255.0


def image_key(image: Image) -> str:
    """Return a name for what an image shows; two images with the same picture share it, whatever their ids."""
    if "_feature_key" not in image.__dict__:
        shown = np.ascontiguousarray(image.display())
        mark = blake2b(shown.tobytes(), digest_size=12)
        mark.update(str(shown.shape).encode())
        object.__setattr__(image, "_feature_key", mark.hexdigest())
    return str(image.__dict__["_feature_key"])


class Features:
    """The states of all layers of a frozen encoder, film by film, each computed when it is first asked for.

    Args:
        encoder: a vision model of transformers whose output has `hidden_states`; it is set to evaluation mode.
        fit: how films are made square.

    Attributes:
        shape: (L, P, D) of one film: layers without the stem, patches, channels.
    """

    def __init__(self, encoder: nn.Module, *, fit: Fit = "letterbox") -> None:
        """Hold the encoder; nothing is computed yet."""
        self.encoder, self.fit = encoder.eval().requires_grad_(False), fit
        config = cast(Any, encoder).config
        self.size = int(config.image_size)
        self._films = FilmProcessor(size=self.size, channels=config.num_channels, fit=fit)
        self._rows: dict[str, int] = {}
        self._states: list[Tensor] = []

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process gets: all states as one tensor, not one by one."""
        if not self._states:
            return {**self.__dict__, "_states": None}
        whole = torch.stack(self._states)
        self._states = list(whole)  # views keep it alive: the other process opens its memory after this returns
        return {**self.__dict__, "_states": whole}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave."""
        whole = state["_states"]
        self.__dict__.update({**state, "_states": [] if whole is None else list(whole)})

    def fork(self) -> Features:
        """Return features that begin with all that was seen so far; neither learns of what the other sees later."""
        made = object.__new__(type(self))
        made.__dict__.update({**self.__dict__, "_rows": dict(self._rows), "_states": list(self._states)})
        return made

    def __len__(self) -> int:
        """Films looked at so far."""
        return len(self._rows)

    def see(self, images: Iterable[Image]) -> None:
        """Look at every image that was not seen yet."""
        fresh = {image_key(image): image for image in images}
        todo = [(key, image) for key, image in fresh.items() if key not in self._rows]
        for at in range(0, len(todo), BATCH):
            part = todo[at : at + BATCH]
            states = self._look(torch.stack([self._films.film(image) for _, image in part]))
            for number, (key, _) in enumerate(part):
                self._rows[key] = len(self._rows)
                self._states.append(states[number])

    @torch.no_grad()
    def _look(self, films: Tensor) -> Tensor:
        with one_thread(), lent(self.encoder) as device:
            seen = self.encoder(films.to(device), output_hidden_states=True)
        return torch.stack(seen.hidden_states[1:], dim=1).float().cpu()

    def of(self, images: Sequence[Image]) -> Tensor:
        """Return what is seen of films, in order: float32 (N, L, P, D).

        Raises:
            InputError: if there is no film.
        """
        if not images:
            raise InputError("no film to look at")
        self.see(images)
        return torch.stack([self._states[self._rows[image_key(image)]] for image in images])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(L, P, D) of one film."""
        if self._states:
            layers, patches, width = self._states[0].shape
        else:
            empty = torch.zeros(1, self._films.channels, self.size, self.size)
            layers, patches, width = self._look(empty)[0].shape
        return int(layers), int(patches), int(width)
