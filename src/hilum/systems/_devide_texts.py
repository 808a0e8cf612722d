"""Texts of diseases as numbers for a text tower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.systems._devide_knowledge import Entry


class Tokens(Protocol):
    """What turns texts into numbers: a `Wording`, or the tokenizer of a published encoder."""

    def code(self, texts: Sequence[str], *, longest: int = 48) -> tuple[Tensor, Tensor]:
        """Return ids int64 (B, L) and mask bool (B, L)."""


class CodedTexts(NamedTuple):
    """Texts of C diseases as numbers: names and definitions (C, L), F facets of each (C F, L), and which there are."""

    names: tuple[Tensor, Tensor]
    definitions: tuple[Tensor, Tensor]
    facets: tuple[Tensor, Tensor]
    there: Tensor


def coded_texts(entries: Sequence[Entry], tokens: Tokens) -> CodedTexts:
    """Return entries of the knowledge store as numbers.

    Raises:
        InputError: if there is none.
    """
    if not entries:
        raise InputError("no disease to ask for: name at least one")
    most = max(1, *(len(each.facets) for each in entries))
    facets = [text for each in entries for text in (*each.facets, *[""] * (most - len(each.facets)))]
    there = torch.tensor([[n < len(each.facets) for n in range(most)] for each in entries])
    return CodedTexts(
        tokens.code([each.name for each in entries]), tokens.code([each.definition for each in entries]),
        tokens.code(facets), there,
    )  # fmt: skip
