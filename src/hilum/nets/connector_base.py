"""What a connector is, and the plain ones: from what an image encoder saw to vectors that a language model reads.

A connector works in two steps. `each` maps films one by one and fixes how many tokens a film takes. `fuse` may let the
films of one row look at each other; it is told whose and which they are. The first step is what generation may do
before it knows the prompt, the second needs the prompt's roles (see `nets.fuse`).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.nets.fuse import LESION, PRIOR, ROLES, Films


class Connector(nn.Module):
    """The base: films one by one, nothing between them.

    Args:
        merge: side of the squares of patches that become one token.

    Attributes:
        fuses: whether `fuse` needs to know whose and which the films are.
    """

    fuses: bool = False

    def __init__(self, merge: int = 1) -> None:
        """Keep the size of squares."""
        super().__init__()
        if merge < 1:
            raise InputError(f"patches are merged in squares of side 1 or more, got merge={merge}")
        self.merge = merge

    def tokens(self, patches: int) -> int:
        """Return how many tokens a film of so many patches takes.

        Raises:
            InputError: if patches cannot be merged into squares.
        """
        return patches if self.merge == 1 else int((side_of(patches, self.merge) // self.merge) ** 2)

    def each(self, seen: Tensor) -> Tensor:
        """Map films (M, P, L * D), layers side by side, to (M, T, any width)."""
        return pixel_merge(seen, self.merge)

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
    small = side_of(patches, merge) // merge
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
        super().__init__(merge)
        self.net = mlp(vision_width * layers * merge * merge, text_width, depth)

    def each(self, seen: Tensor) -> Tensor:
        """Map films (M, P, L * D) to (M, T, text_width)."""
        made: Tensor = self.net(pixel_merge(seen, self.merge))
        return made


class RoleProjection(Connector):
    """A projection of its own for current films, for earlier ones and for enlarged lesions, as ICON has encoders.

    Args:
        vision_width, text_width, layers, depth, merge: as of `Projection`.
    """

    fuses = True

    def __init__(self, vision_width: int, text_width: int, *, layers: int = 1, depth: int = 2, merge: int = 1) -> None:
        """Build; weights are random."""
        super().__init__(merge)
        inputs = vision_width * layers * merge * merge
        self.nets = nn.ModuleList(mlp(inputs, text_width, depth) for _ in range(3))
        self.text_width = text_width

    def fuse(self, tokens: Tensor, films: Films | None) -> Tensor:
        """Map films (M, T, D) by the projection of their kind."""
        kinds = torch.tensor([{PRIOR: 1, LESION: 2}.get(role, 0) for role in range(len(ROLES))], device=tokens.device)
        kind = kinds[known_films(films).role]
        made = tokens.new_zeros(*tokens.shape[:2], self.text_width)
        for number, net in enumerate(self.nets):
            made = torch.where((kind == number)[:, None, None], net(tokens), made)
        return made


def known_films(films: Films | None) -> Films:
    """Return films, or say that they were not told.

    Raises:
        InputError: if they are None.
    """
    if films is None:
        raise InputError("this connector needs to know whose and which the films are: give it `films`")
    return films


class Attention(nn.Module):
    """Attention of several heads with one learned key and value that are always there, without a norm.

    Args:
        width: of tokens.
        heads: of it.
        drop: of attention, in training.
    """

    def __init__(self, width: int, heads: int, drop: float = 0.0) -> None:
        """Build; weights are random."""
        super().__init__()
        if width % heads:
            raise InputError(f"{heads} heads do not divide a width of {width}")
        self.ask, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.still = nn.Parameter(torch.empty(2, 1, 1, width))
        self.heads, self.drop = heads, drop
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the learned key and value."""
        nn.init.normal_(self.still, std=0.02)

    def forward(self, asks: Tensor, answers: Tensor) -> Tensor:
        """Return what tokens (M, N, W) find among others (M, K, W)."""
        key, value = (
            torch.cat([layer(answers), still.expand(len(answers), -1, -1)], dim=1)
            for layer, still in zip((self.key, self.value), self.still, strict=True)
        )
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (self.ask(asks), key, value))
        drop = self.drop if self.training else 0.0
        looked = functional.scaled_dot_product_attention(q, k, v, dropout_p=drop)
        made: Tensor = self.out(looked.transpose(1, 2).flatten(2))
        return made
