"""The image encoder of small readers: taught by labels before any reader learns, kept, the same for every arm.

Without it a small reader stays on what can be written without looking, and a comparison of arms measures luck.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.cache import cache_folder
from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.io.save import save_bytes
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.reader.features import film_pixels, pixel_values
from hilum.learn.reader.labels import Asked, asked_of
from hilum.learn.running import unbudgeted
from hilum.learn.weak import one_thread
from hilum.nets.small_vision import SmallVision, VisionSize, small_vision

STEPS, BATCH, RATE = 600, 32, 2e-3
SIZE = VisionSize()
_VERSION = "reader encoder 1"
Say = Callable[[str], None]


class _Labels(nn.Module):
    """The encoder and one linear layer on the mean and the maximum over patches of its last state."""

    def __init__(self, encoder: SmallVision, labels: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(2 * int(encoder.config.hidden_size), labels)
        nn.init.zeros_(self.head.weight)

    def forward(self, films: Tensor) -> Tensor:
        """Return logits (B, K)."""
        patches = self.encoder(films).last_hidden_state
        return self.head(torch.cat((patches.mean(1), patches.amax(1)), dim=1))  # type: ignore[no-any-return]


def label_encoder(
    studies: Sequence[Study], *, size: VisionSize = SIZE, steps: int = STEPS, seed: int = 0,
    folder: Path | None = None, say: Say = lambda line: None,
) -> SmallVision:  # fmt: skip
    """Return a vision model that the findings of training studies taught, frozen; kept in the cache, and read back.

    Args:
        studies: to learn from; every film of a study, whatever its view, is asked all that is known of the study.
        size: of the model.
        steps: of 32 films; 0 leaves it random, which is what a control asks for.
        seed: of its weights and draws.
        folder: where it is kept; the cache by default.
        say: told when one is fitted.

    Raises:
        InputError: if no study has a film or a finding.
    """
    from safetensors.torch import load_file, save

    torch.manual_seed(seed)
    net = small_vision(size)
    if steps < 1:
        return frozen(net)
    images = [(image, row) for row, study in enumerate(studies) for image in study.films]
    if not images:
        raise InputError("no film to learn labels from")
    films, rows = film_pixels([image for image, _ in images], size.size), np.array([row for _, row in images])
    asked = asked_of(studies, least=max(2, min(20, len(studies) // 10)))
    mark = blake2b(f"{_VERSION} {asdict(size)} {steps} {seed} {torch.__version__}".encode(), digest_size=12)
    for part in (films, rows, asked.target, asked.known):
        mark.update(np.ascontiguousarray(part).tobytes())
    path = (folder or cache_folder("reader-encoders")) / f"{mark.hexdigest()}.safetensors"
    if not path.is_file():
        say(f"an encoder learns {len(asked.names)} labels from {len(films)} films, once: kept as {path}")
        _fit(net, films, rows, asked, steps=steps, seed=seed)
        save_bytes(save(dict(net.state_dict())), path)
    net.load_state_dict(load_file(str(path)))
    return frozen(net)


def frozen(net: SmallVision) -> SmallVision:
    """Return the model itself, in evaluation mode, with nothing left to train."""
    cast(nn.Module, net).eval().requires_grad_(False)
    return net


def _fit(
    net: SmallVision, films: NDArray[np.uint8], rows: NDArray[np.int64], asked: Asked, *, steps: int, seed: int
) -> None:
    target, known = torch.from_numpy(asked.target[rows]), torch.from_numpy(asked.known[rows])
    held = [each for each in (np.flatnonzero(asked.target[rows, at]) for at in range(len(asked.names))) if len(each)]

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = generator(seed, "reader labels", step)
        picked = rng.integers(0, len(films), BATCH)
        for place in range(0, BATCH, 2):
            picked[place] = rng.choice(held[int(rng.integers(len(held)))])
        at = torch.from_numpy(picked)
        return pixel_values(films[picked]), target[at], known[at]

    def minimise(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        return binary_cross_entropy(model(batch[0]), batch[1], batch[2]), {}

    spec = Fit(steps=steps, rate=RATE, bf16=False, average=0.98, warmup=0.1, log_every=100)
    with one_thread(), unbudgeted():
        fit(_Labels(net, len(asked.names)), draw, minimise, spec, seed=seed)
