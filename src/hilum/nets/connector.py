"""From what an image encoder saw to vectors that a language model reads: connectors by name.

A connector works in two steps. `each` maps films one by one and fixes how many tokens a film takes. `fuse` may let the
films of one row look at each other; it is told whose and which they are. The first step is what generation may do
before it knows the prompt, the second needs the prompt's roles (see `nets.fuse`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.fuse import Films


class Connector(nn.Module):
    """The base: films one by one, nothing between them.

    Attributes:
        fuses: whether `fuse` needs to know whose and which the films are.
    """

    fuses: bool = False

    def tokens(self, patches: int) -> int:
        """Return how many tokens a film of so many patches takes.

        Raises:
            InputError: if patches cannot be merged into squares.
        """
        return patches

    def each(self, seen: Tensor) -> Tensor:
        """Map films (M, P, L * D), layers side by side, to (M, T, any width)."""
        return seen

    def fuse(self, tokens: Tensor, films: Films | None) -> Tensor:
        """Map what `each` gave to vectors (M, T, text_width); `films` is None where `fuses` is false."""
        return tokens

    def forward(self, seen: Tensor, films: Films | None = None) -> Tensor:
        """Do both steps: (M, P, L * D) to (M, T, text_width)."""
        return self.fuse(self.each(seen), films)


def side_of(patches: int, merge: int) -> int:
    """Return the side of a square grid of patches that can be merged.

    Raises:
        InputError: if there is none.
    """
    side = int(patches**0.5 + 0.5)
    if side * side != patches or side % merge:
        raise InputError(
            f"{patches} patches are no square grid that can be merged {merge} x {merge}: choose another size of film, "
            "or merge=1"
        )
    return side


def pixel_merge(tokens: Tensor, merge: int) -> Tensor:
    """Return squares of merge x merge neighbours side by side: (M, g * g, D) to (M, g * g / merge^2, D * merge^2)."""
    if merge == 1:
        return tokens
    films, patches, width = tokens.shape
    side = side_of(patches, merge)
    small = side // merge
    cut = tokens.reshape(films, small, merge, small, merge, width).permute(0, 1, 3, 2, 4, 5)
    return cut.reshape(films, small * small, merge * merge * width)


def pixel_split(tokens: Tensor, merge: int) -> Tensor:
    """Undo `pixel_merge`."""
    if merge == 1:
        return tokens
    films, squares, width = tokens.shape
    small = side_of(squares, 1)
    cut = tokens.reshape(films, small, small, merge, merge, width // (merge * merge)).permute(0, 1, 3, 2, 4, 5)
    return cut.reshape(films, squares * merge * merge, -1)


def mlp(inputs: int, width: int, depth: int) -> nn.Sequential:
    """Return `depth` linear layers to `width` with GELU between them."""
    layers: list[nn.Module] = []
    for number, (one, two) in enumerate(pairwise([inputs, *[width] * depth])):
        layers += [nn.GELU(), nn.Linear(one, two)] if number else [nn.Linear(one, two)]
    return nn.Sequential(*layers)


class Projection(Connector):
    """One or more linear layers for each patch: CXR-LLaVA has one, LLaVA and RadVLM two, MAIRA-2 four.

    Args:
        vision_width, text_width: D and the language model's width.
        layers: L, hidden states given side by side.
        depth: linear layers.
        merge: side of the squares of patches that become one token (2 as in pixel-shuffle connectors).
    """

    def __init__(self, vision_width: int, text_width: int, *, layers: int = 1, depth: int = 2, merge: int = 1) -> None:
        """Build; weights are random."""
        super().__init__()
        self.merge = merge
        self.net = mlp(vision_width * layers * merge * merge, text_width, depth)

    def tokens(self, patches: int) -> int:
        """Return the squares of patches."""
        return patches if self.merge == 1 else int((side_of(patches, self.merge) // self.merge) ** 2)

    def each(self, seen: Tensor) -> Tensor:
        """Map films (M, P, L * D) to (M, T, text_width)."""
        made: Tensor = self.net(pixel_merge(seen, self.merge))
        return made


def _projection(depth: int) -> Callable[..., Connector]:
    def made(vision_width: int, text_width: int, **options: Any) -> Connector:
        return Projection(vision_width, text_width, depth=depth, **options)

    return made


def makers() -> dict[str, Callable[..., Connector]]:
    """Return name -> what builds a connector of that name."""
    return {"linear": _projection(1), "mlp2": _projection(2), "mlp4": _projection(4)}


def connector(name: str, *, vision_width: int, text_width: int, layers: int = 1, **options: Any) -> Connector:
    """Return a connector with random weights.

    Args:
        name: of `makers`.
        vision_width, text_width: D of a hidden state of the encoder, and the language model's width.
        layers: L, how many hidden states come side by side.
        options: of that connector; docs/reader.md lists them.

    Raises:
        InputError: if there is no such connector or option, or the sizes do not suit.
        MissingError: if it needs a package that is not there.
    """
    known = makers()
    if name not in known:
        raise InputError(f"there is no connector '{name}': expected one of {', '.join(known)}")
    try:
        return known[name](vision_width, text_width, layers=layers, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise InputError(f"the connector '{name}' has no such option: {str(error).split('argument')[-1]}") from None
