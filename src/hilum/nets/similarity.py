"""VL-CABS: a sentence looks at a film by likeness alone, and one map of likeness serves every task.

Source: RadZero (arXiv 2504.07416): a frozen image encoder, a few layers over its tokens, a text encoder, one layer norm
that both share. Nothing projects further, so what a patch is like is read off without a decoder.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.nets.towers import Seen, SmallImage

How = Literal["similarity", "learned", "cls", "mean"]
"""How a text reads a film: by likeness (VL-CABS), by learned queries and keys, its class token alone, or the mean."""
TAU = 0.07


class Matched(NamedTuple):
    """B films against M texts: logits s / tau (B, M), maps cos / tau (B, M, N), attention (B, M, 1 + N)."""

    logits: Tensor
    maps: Tensor
    attention: Tensor


def vl_cabs(texts: Tensor, tokens: Tensor, tau: Tensor | float) -> Matched:
    """Return what texts find in films by likeness: a = cos / tau, p = softmax(a), z = sum of p v, s = cos(t, z).

    Args:
        texts: (M, D).
        tokens: (B, 1 + N, D), the class token first; lengths do not matter.
        tau: temperature of attention and scores alike, above 0.
    """
    text, token = functional.normalize(texts, dim=-1), functional.normalize(tokens, dim=-1)
    like = torch.einsum("md,bnd->bmn", text, token) / tau
    return _gathered(text, token, like, torch.softmax(like, dim=-1), tau)


def _gathered(text: Tensor, token: Tensor, like: Tensor, weights: Tensor, tau: Tensor | float) -> Matched:
    pooled = functional.normalize(weights @ token, dim=-1)  # (B, M, D)
    logits = (pooled * text).sum(-1) / tau
    return Matched(logits, like[..., 1:], weights)


def heat(maps: Tensor, grid: tuple[int, int], size: int, *, first: float = 0.5) -> Tensor:
    """Return maps (..., N) over a grid as pictures (..., size, size), bilinear.

    Args:
        maps: a value for each patch, row by row.
        grid: rows and columns of patches.
        size: side of the picture.
        first: where the first patch has its centre, in patches from the edge: half a patch in a ViT, see `centre_of`.
    """
    rows, columns = (_spread(count, size, first).to(maps) for count in grid)
    shown: Tensor = rows @ maps.reshape(*maps.shape[:-1], *grid) @ columns.T
    return shown


def _spread(count: int, size: int, first: float) -> Tensor:
    """What each patch gives to each pixel of a line: (size, count), rows that sum to one."""
    at = ((torch.arange(size) + 0.5) * count / size - first).clamp(0, count - 1)
    return (1.0 - (at[:, None] - torch.arange(count)).abs()).clamp(min=0.0)


def centre_of(encoder: nn.Module) -> float:
    """Return where an encoder's first patch has its centre, in patches from the edge.

    Strided convolutions with symmetric padding look at pixels 0, s, 2 s ...; patches of a ViT at s / 2, 3 s / 2 ...
    """
    inner = encoder.encoder if isinstance(encoder, Standardised) else encoder
    return 0.0 if isinstance(inner, SmallImage) else 0.5


class Standardised(nn.Module):
    """An encoder whose channels are brought to mean 0 and deviation 1, as a ViT's last layer norm does for its own.

    Without it all patches of a small convolutional encoder point nearly the same way, and likeness tells little.

    Args:
        encoder: films to `Seen`.
        width: D.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, encoder: nn.Module, width: int) -> None:
        """Wrap an encoder; until `learn` it changes nothing."""
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def learn(self, patches: Tensor) -> Standardised:
        """Take mean and deviation from the patches (..., D) of training films."""
        flat = patches.reshape(-1, patches.shape[-1]).float()
        self.mean.copy_(flat.mean(0))
        self.deviation.copy_(flat.std(0).clamp(min=1e-3))
        return self

    def forward(self, film: Tensor) -> Seen:
        """Return what the encoder sees, standardised."""
        seen: Seen = self.encoder(film)
        pooled, patches = ((each - self.mean) / self.deviation for each in (seen.pooled, seen.patches))
        return Seen(pooled, patches, seen.grid)


class Match(nn.Module):
    """The head: one layer norm for texts and tokens, one learned temperature, and how films are read.

    Args:
        width: D.
        how: 'similarity' as published; 'learned' weighs tokens by learned queries and keys, 'cls' takes the class
            token alone (CLIP), 'mean' the mean of the patches; the rest of the head is the same.
        tau: temperature to begin with.

    Raises:
        InputError: if there is no such way.
    """

    def __init__(self, width: int, *, how: How = "similarity", tau: float = TAU) -> None:
        """Build."""
        super().__init__()
        if how not in get_args(How):
            raise InputError(f"a film is read by {', '.join(get_args(How))}, not by '{how}'")
        self.how = how
        self.norm = nn.LayerNorm(width)
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))
        if how == "learned":
            self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)

    @property
    def tau(self) -> Tensor:
        """The temperature."""
        return self.log_tau.exp()

    def forward(self, texts: Tensor, tokens: Tensor) -> Matched:
        """Match texts (M, D) with the tokens of films (B, 1 + N, D), class token first."""
        texts, tokens = self.norm(texts), self.norm(tokens)
        if self.how == "similarity":
            return vl_cabs(texts, tokens, self.tau)
        text, token = functional.normalize(texts, dim=-1), functional.normalize(tokens, dim=-1)
        like = torch.einsum("md,bnd->bmn", text, token) / self.tau
        if self.how == "learned":
            asked = torch.einsum("md,bnd->bmn", self.query(texts), self.key(tokens)) / math.sqrt(texts.shape[-1])
            weights = torch.softmax(asked, dim=-1)
        else:
            weights = torch.zeros_like(like)
            if self.how == "cls":
                weights[..., 0] = 1.0
            else:
                weights[..., 1:] = 1.0 / (like.shape[-1] - 1)
        return _gathered(text, token, like, weights, self.tau)


class Layer(nn.Module):
    """A transformer layer with norms first and a learned scale on both ways round (DINOv2's, Oquab et al. 2024).

    Args:
        width: D.
        heads: of attention.
        wide: width of the layer inside, in D.
        scale: that the ways round start from; below 1 a token begins by speaking for its own place.
    """

    def __init__(self, width: int, heads: int, *, wide: int = 4, scale: float = 1.0) -> None:
        """Build."""
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.rise, self.fall = nn.Linear(width, wide * width), nn.Linear(wide * width, width)
        self.scale1, self.scale2 = (nn.Parameter(torch.full((width,), scale)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, D) to the same shape."""
        inner = self.norm1(x)
        asked, keyed, held = (
            each(inner).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(asked, keyed, held).transpose(1, 2).flatten(2)
        x = x + self.scale1 * self.out(mixed)
        return x + self.scale2 * self.fall(functional.gelu(self.rise(self.norm2(x))))  # type: ignore[no-any-return]


class Aligner(nn.Module):
    """RadZero's network: a frozen image encoder, `layers` over its tokens, a text encoder, and the head.

    Args:
        image: films (B, 1, S, S) in [0, 1] to `Seen`; it gets no gradient.
        text: ids and mask to `Told`.
        width: D of both.
        heads: of the layers over the image's tokens.
        layers: how many.
        how: see `Match`.
        scale: of the layers' ways round to begin with, see `Layer`; 1 as published.
        learned_class: put a learned token first instead of what the encoder pooled, for encoders without a class token:
            the mean of all patches would answer for every place at once.

    Raises:
        InputError: if there is no such way.
    """

    def __init__(
        self, image: nn.Module, text: nn.Module, *, width: int, heads: int = 4, layers: int = 2,
        how: How = "similarity", scale: float = 1.0, learned_class: bool = False,
    ) -> None:  # fmt: skip
        """Build; the image encoder's weights stop learning."""
        super().__init__()
        self.image, self.text, self.head = image.requires_grad_(False), text, Match(width, how=how)
        self.first = nn.Parameter(torch.randn(width) * 0.02) if learned_class else None
        self.layers = nn.ModuleList(Layer(width, heads, scale=scale) for _ in range(layers))

    def train(self, mode: bool = True) -> Aligner:
        """Set the mode of all but the frozen encoder."""
        super().train(mode)
        self.image.eval()
        return self

    def tokens(self, pooled: Tensor, patches: Tensor) -> Tensor:
        """Return what was seen, pooled (B, D) and patches (B, N, D), as the head takes it: (B, 1 + N, D)."""
        first = pooled if self.first is None else self.first.expand_as(pooled)
        found = torch.cat((first.unsqueeze(1), patches), dim=1)
        for layer in self.layers:
            found = layer(found)
        return found

    @torch.no_grad()
    def look(self, film: Tensor) -> Seen:
        """Return what the frozen encoder sees."""
        seen: Seen = self.image(film)
        return seen

    def tell(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return texts as vectors (M, D): the mean of their words."""
        pooled: Tensor = self.text(ids, mask).pooled
        return pooled

    def forward(self, pooled: Tensor, patches: Tensor, ids: Tensor, mask: Tensor) -> Matched:
        """Match M texts with B films that the frozen encoder has seen."""
        matched: Matched = self.head(self.tell(ids, mask), self.tokens(pooled, patches))
        return matched
