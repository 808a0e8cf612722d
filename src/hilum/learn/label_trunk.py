"""A small encoder that labels taught: what experiments of minutes start from, each arm alike, instead of from noise."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.cache import cache_folder
from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.io.save import save_bytes
from hilum.learn.augment import Augment, augment
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.nets.towers import Seen, SmallImage

STEPS, BATCH = 300, 32
UPRIGHT = Augment(rotate_deg=6.0, zoom=0.12, stretch=0.06, shift=0.05, mirror=0.0, turned=0.0, negative=0.0,
                  cutout=0.0, border=0.1)  # fmt: skip
"""What upright films vary by; never mirrored, since texts name sides."""
_VERSION = "label trunk 1"


def film_batch(films: NDArray[np.uint8], *, seed: int, step: int, vary: Augment | None = UPRIGHT) -> Tensor:
    """Return films uint8 (B, S, S) as float32 (B, 1, S, S) in [0, 1], varied by a draw of the seed and step alone."""
    film = torch.from_numpy(films).float()[:, None] / 255.0
    if vary is None:
        return film
    rng = torch.Generator().manual_seed(int(generator(seed, "vary", step).integers(1 << 62)))
    return augment(film, torch.zeros_like(film), size=film.shape[-1], how=vary, rng=rng).film


class LabelNet(nn.Module):
    """An encoder and one linear layer on what it pools, a logit for each finding: (B, 1, S, S) to (B, K)."""

    def __init__(self, encoder: nn.Module, width: int, findings: int) -> None:
        """Build; the layer starts at zero."""
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, findings)
        nn.init.zeros_(self.head.weight)

    def forward(self, film: Tensor) -> Tensor:
        """Return logits (B, K)."""
        return self.head(self.encoder(film).pooled)  # type: ignore[no-any-return]


def label_trunk(
    train: Pairs, *, width: int = 128, stride: int = 8, steps: int = STEPS, seed: int = 0, folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> SmallImage:  # fmt: skip
    """Return a small encoder fitted to the findings of films by masked cross-entropy; kept, and read back.

    Args:
        train: films with findings.
        width, stride: of `SmallImage`.
        steps: of 32 films.
        seed: of its weights and every draw.
        folder: where it is kept; the cache by default.
        say: told when one is fitted.

    Raises:
        InputError: if there is no film.
    """
    from safetensors.torch import load_file, save

    if not len(train):
        raise InputError("no film to learn labels from")
    net = LabelNet(SmallImage(width, stride=stride), width, len(train.names))
    mark = blake2b(f"{_VERSION} {width} {stride} {steps} {seed} {torch.__version__}".encode(), digest_size=12)
    for part in (train.films, train.target, train.known):
        for at in range(0, len(part), 1024):  # films may be on disk
            mark.update(np.ascontiguousarray(part[at : at + 1024]).tobytes())
    path = (folder or cache_folder("trunks")) / f"{mark.hexdigest()}.safetensors"
    if not path.is_file():
        say(f"an encoder learns {len(train.names)} findings from {len(train)} films, once: kept as {path}")
        fit_labels(net, train, steps=steps, seed=seed)
        save_bytes(save(dict(net.encoder.state_dict())), path)
    encoder = SmallImage(width, stride=stride)
    encoder.load_state_dict(load_file(str(path)))
    return encoder.eval()


def fit_labels(net: nn.Module, train: Pairs, *, steps: int, seed: int, rate: float = 2e-3) -> nn.Module:
    """Fit (B, 1, S, S) to logits (B, K) of all findings; half of each batch is drawn evenly over those there are."""
    rare = [np.flatnonzero((train.target[:, at] > 0) & train.known[:, at]) for at in range(len(train.names))]
    rare = [rows for rows in rare if len(rows)]
    target, known = torch.from_numpy(train.target), torch.from_numpy(train.known)

    def draw(step: int) -> tuple[Tensor, NDArray[np.intp]]:
        rng = generator(seed, "labels", step)
        rows = rng.integers(0, len(train), BATCH)
        for place in range(0, BATCH, 2):
            if rare:
                rows[place] = rng.choice(rare[int(rng.integers(len(rare)))])
        return film_batch(train.films[rows], seed=seed, step=step), rows

    def minimise(model: nn.Module, batch: tuple[Tensor, NDArray[np.intp]]) -> tuple[Tensor, dict[str, float]]:
        film, rows = batch
        return binary_cross_entropy(model(film), target[rows], known[rows]), {}

    spec = Fit(steps=steps, rate=rate, bf16=False, average=0.98, warmup=0.1, log_every=50)
    torch.manual_seed(seed)
    with one_thread():
        return fit(net, draw, minimise, spec, seed=seed)


@torch.no_grad()
def seen(encoder: nn.Module, films: NDArray[np.uint8], *, batch: int = 64) -> Seen:
    """Return what an encoder sees of films (N, S, S): pooled (N, D), patches (N, P, D), grid; in evaluation mode."""
    encoder.eval()
    with one_thread():
        parts = [encoder(film_batch(films[at : at + batch], seed=0, step=0, vary=None))
                 for at in range(0, len(films), batch)]  # fmt: skip
    if not parts:
        raise InputError("no film to look at")
    return Seen(torch.cat([each.pooled for each in parts]), torch.cat([each.patches for each in parts]), parts[0].grid)
