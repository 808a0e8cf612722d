"""A querying transformer (Li et al. 2023): a fixed number of learned questions for each film, as CheXagent-8b has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError, need
from hilum.nets.connector_base import Connector


class QueryConnector(Connector):
    """Learned queries that look at themselves and at the patches, and a linear layer.

    Args:
        vision_width, text_width: D and the language model's width.
        layers: L, hidden states given side by side.
        queries: tokens that a film takes, whatever its size.
        width, depth, heads: of the querying transformer; D, 2 and 4 by default (published: 768, 12, 12).
        drop: in training.
        merge: not used with queries.

    Raises:
        InputError: if there is no query, or patches are to be merged.
        MissingError: if transformers is not installed.
    """

    def __init__(
        self, vision_width: int, text_width: int, *, layers: int = 1, queries: int = 128, width: int | None = None,
        depth: int = 2, heads: int = 4, drop: float = 0.1, merge: int = 1,
    ) -> None:  # fmt: skip
        """Build; weights are random."""
        super().__init__(merge)
        if queries < 1 or merge > 1:
            raise InputError(f"a querying transformer takes a query or more and merge=1, got {queries} and {merge}")
        try:
            from transformers import Blip2QFormerConfig, Blip2QFormerModel
        except ImportError as error:
            raise need("transformers", "language", "the connector 'qformer'") from error
        wide = width or vision_width
        config = Blip2QFormerConfig(
            hidden_size=wide, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=4 * wide,
            hidden_dropout_prob=drop, attention_probs_dropout_prob=drop, encoder_hidden_size=vision_width * layers,
        )  # fmt: skip
        self.query = nn.Parameter(torch.empty(1, queries, wide))
        self.net = Blip2QFormerModel(config)
        self.project = nn.Linear(wide, text_width)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the queries."""
        nn.init.normal_(self.query, std=0.02)

    def tokens(self, patches: int) -> int:
        """Return the queries."""
        return int(self.query.shape[1])

    def each(self, seen: Tensor) -> Tensor:
        """Map films (M, P, L * D) to (M, queries, text_width)."""
        asked = self.query.expand(len(seen), -1, -1)
        made: Tensor = self.project(self.net(query_embeds=asked, encoder_hidden_states=seen).last_hidden_state)
        return made
