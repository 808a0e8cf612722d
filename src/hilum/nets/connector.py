"""Connectors by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from types import MappingProxyType
from typing import Any

from hilum.core.errors import InputError
from hilum.nets.connector_base import Connector, Projection, RoleProjection
from hilum.nets.connector_qformer import QueryConnector
from hilum.nets.connector_tac import TemporalConnector
from hilum.nets.connector_views import ViewConnector

CONNECTORS: MappingProxyType[str, Callable[..., Connector]] = MappingProxyType({
    "linear": partial(Projection, depth=1), "mlp2": partial(Projection, depth=2), "mlp4": partial(Projection, depth=4),
    "qformer": QueryConnector, "tac": TemporalConnector, "multiview_xattn": ViewConnector,
})  # fmt: skip
"""Name -> what builds it. docs/reader.md lists their options."""


def connector(
    name: str, *, vision_width: int, text_width: int, layers: int = 1, by_role: bool = False, **options: Any
) -> Connector:
    """Return a connector with random weights.

    Args:
        name: of `CONNECTORS`.
        vision_width, text_width: D of a hidden state of the encoder, and the language model's width.
        layers: L, how many hidden states come side by side.
        by_role: for 'linear', 'mlp2' and 'mlp4': current films, earlier ones and lesions have weights of their own.
        options: of that connector.

    Raises:
        InputError: if there is no such connector or option, or the sizes do not suit.
        MissingError: if it needs a package that is not there.
    """
    if name not in CONNECTORS:
        raise InputError(f"there is no connector '{name}': expected one of {', '.join(CONNECTORS)}")
    make = CONNECTORS[name]
    held = getattr(make, "keywords", {})
    if by_role and not held:
        raise InputError(f"the connector '{name}' has no weights for each role: by_role is for linear, mlp2 and mlp4")
    if by_role:
        make = partial(RoleProjection, **held)
    known = [each for each in signature(make).parameters if each not in ("vision_width", "text_width", "layers")]
    known = [each for each in known if each not in held]
    wrong = [each for each in options if each not in known]
    if wrong:
        raise InputError(f"the connector '{name}' has no option '{wrong[0]}': it has {', '.join(known)}")
    return make(vision_width, text_width, layers=layers, **options)
