"""Activations computed again in the backward pass instead of being kept: memory for time, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from hilum.core.errors import InputError


@contextmanager
def recomputed(net: nn.Module, patterns: Sequence[str]) -> Iterator[int]:
    """Let some modules keep no activations while the context lasts; yields how many they are.

    Batch norms inside take part in both passes; their running statistics count the batch once.

    Args:
        net: whose modules.
        patterns: of module names, e.g. 'encoder.layer.*'; a star stands for one part of a name only.

    Raises:
        InputError: if a pattern fits no module.
    """
    chosen: dict[str, nn.Module] = {}
    for pattern in patterns:
        found = {name: module for name, module in net.named_modules() if name and _fits(name, pattern)}
        if not found:
            raise InputError(f"no module to compute again is called '{pattern}': the network has "
                             f"{', '.join(name for name, _ in net.named_children())}")  # fmt: skip
        chosen |= found
    for module in chosen.values():
        module.forward = _again(module)
    try:
        yield len(chosen)
    finally:
        for module in chosen.values():
            del module.forward


def _fits(name: str, pattern: str) -> bool:
    return name.count(".") == pattern.count(".") and fnmatchcase(name, pattern)


def _again(module: nn.Module) -> Callable[..., Any]:
    plain = module.forward
    norms = [each for each in module.modules() if isinstance(each, _BatchNorm)]

    def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), _uncounted(norms)

    def forward(*given: Any, **named: Any) -> Any:
        return checkpoint(plain, *given, use_reentrant=False, context_fn=contexts, **named)

    return forward


@contextmanager
def _uncounted(norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Norms that train take their batch's statistics, and their running ones stay: they move by nothing."""
    counting = [norm for norm in norms if norm.training and norm.track_running_stats]
    before = [norm.momentum for norm in counting]
    for norm in counting:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(counting, before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.sub_(1)
