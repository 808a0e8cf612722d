"""How alike a film and a projection are, whatever the film's tone curve. Importing this needs torch.

Both measures are 1 for equal pictures and change only their sign when one of them is inverted.
"""

from __future__ import annotations

from hilum.core.errors import need

try:
    import torch
except ImportError:
    raise need("torch", "train", "comparing a film with projections") from None

Tensor = torch.Tensor
_FLOOR = 1e-3
"""Share of a picture's own variance below which a window counts as flat."""


def _window(size: int, width: int, like: Tensor) -> Tensor:
    """Return the (size, size) matrix that takes means over windows of an odd width, cut off at the ends."""
    place = torch.arange(size, device=like.device)
    near = ((place[:, None] - place).abs() <= width // 2).to(like.dtype)
    return near / near.sum(1, keepdim=True)


def local_correlation(film: Tensor, projections: Tensor, *, width: int) -> Tensor:
    """Return Pearson's correlation in square windows, averaged over windows with contrast in the film.

    Within a window a tone curve is nearly a straight line, which correlation does not see.

    Args:
        film: (H, W).
        projections: (B, H, W).
        width: of a window in pixels; made odd.

    Returns:
        (B,) in -1 to 1.
    """
    width += 1 - width % 2
    held = film[None] - film.mean()
    moved = projections - projections.mean((1, 2), keepdim=True)
    down, along = (_window(size, width, film) for size in film.shape)

    def mean(pictures: Tensor) -> Tensor:
        return down @ pictures @ along.T  # two small matrix products: quicker than a pool of wide windows

    ours, theirs = mean(held), mean(moved)
    spread, spreads = (mean(held * held) - ours**2).clamp_min(0), (mean(moved * moved) - theirs**2).clamp_min(0)
    together = mean(held * moved) - ours * theirs
    floor, floors = _FLOOR * held.var(), _FLOOR * moved.var((1, 2), keepdim=True).detach()
    value = together / ((spread + floor) * (spreads + floors) + 1e-20).sqrt()
    weight = spread / (spread + 10 * floor + 1e-20)
    return (value * weight).sum((1, 2)) / weight.sum().clamp_min(1e-6)


def gradient_correlation(film: Tensor, projections: Tensor) -> Tensor:
    """Return the mean correlation of the pictures' differences down and along: edges against edges.

    Args:
        film: (H, W).
        projections: (B, H, W).

    Returns:
        (B,) in -1 to 1.

    Source: Penney et al., IEEE Trans Med Imaging 1998;17:586.
    """
    value = torch.zeros(len(projections), dtype=projections.dtype, device=projections.device)
    for axis in (1, 2):
        held, moved = film[None].diff(dim=axis), projections.diff(dim=axis)
        held = held - held.mean()
        moved = moved - moved.mean((1, 2), keepdim=True)
        size = (held**2).sum() * (moved**2).sum((1, 2))
        value = value + (held * moved).sum((1, 2)) / (size + 1e-20).sqrt() / 2
    return value


def likeness(film: Tensor, projections: Tensor) -> Tensor:
    """Return (B,) the mean of local correlation in wide and narrow windows and of gradient correlation."""
    side = min(film.shape)
    wide, narrow = max(5, side // 3), max(5, side // 10)
    parts = [local_correlation(film, projections, width=width) for width in (wide, narrow)]
    return (parts[0] + parts[1] + gradient_correlation(film, projections)) / 3
