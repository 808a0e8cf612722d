"""Readers by size: a small one for a processor, any pair of transformers' networks, and the published ones' widths."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any, Protocol

import torch

from hilum.core.errors import InputError
from hilum.nets.fuse import IMAGE, ROLES, role_token
from hilum.nets.reader import Reader, ReaderConfig, library
from hilum.nets.reader_processor import FilmProcessor, ReaderProcessor

CLASS_TOKENS = ("clip_vision_model", "vit", "dinov2", "deit")
"""Model types whose first token is no patch."""
READER_TOKENS = (IMAGE, *map(role_token, ROLES))
"""What a reader's tokenizer knows besides words."""


class Wanted(Protocol):
    """What a reader is made of: the part of a preset that sizes do not change."""

    @property
    def connector(self) -> str:
        """Name of the connector."""

    @property
    def options(self) -> Mapping[str, Any]:
        """What the connector can be told."""

    @property
    def layers(self) -> str:
        """'last' or 'all' hidden states of the encoder."""


def reader_config(
    vision: Any, text: Any, tokenizer: Any, *, connector: str = "mlp2", options: Mapping[str, Any] | None = None,
    layers: str = "last", **more: Any,
) -> ReaderConfig:  # fmt: skip
    """Return the configuration of a reader of an image encoder and a language model.

    Args:
        vision, text: configurations of transformers.
        tokenizer: with `IMAGE` and the role tokens; text's vocabulary grows to hold it.
        connector, options: see `nets.connector`; the option 'tiles' is of `ReaderConfig`.
        layers: 'last' hidden state of the encoder, or 'all' but the first, which is no layer's.
        more: of `ReaderConfig`.

    Raises:
        InputError: if the tokenizer lacks a token that the reader needs, or `layers` is neither.
    """
    known = tokenizer.get_vocab()
    lacking = [token for token in READER_TOKENS if token not in known]
    if lacking:
        raise InputError(
            f"the tokenizer does not know {', '.join(lacking)}: add them with add_tokens(..., special_tokens=True)"
        )
    text.vocab_size = max(text.vocab_size, len(tokenizer))
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(text, name, getattr(tokenizer, name))
    return assembled(vision, text, known, connector=connector, options=options, layers=layers, **more)


def assembled(
    vision: Any, text: Any, known: Mapping[str, int], *, connector: str, options: Mapping[str, Any] | None,
    layers: str, **more: Any,
) -> ReaderConfig:  # fmt: skip
    """Return the configuration of a reader whose tokens have known ids; see `reader_config`.

    Raises:
        InputError: if `layers` is neither 'last' nor 'all', or tiles make no square.
    """
    if layers not in ("last", "all"):
        raise InputError(f"a connector takes the 'last' hidden state or 'all' of them, got '{layers}'")
    options = dict(options or {})
    tiles = int(options.pop("tiles", 0))
    if isqrt(tiles) ** 2 != tiles:
        raise InputError(f"films are cut into 1, 4, 9, ... tiles, got tiles={tiles}")
    depth = getattr(vision, "num_hidden_layers", None) or len(getattr(vision, "depths", [1]))
    return ReaderConfig(
        vision_config=vision, text_config=text, image_token_index=known[IMAGE], connector=connector,
        connector_options=options, tiles=tiles, role_token_ids={role: known[role_token(role)] for role in ROLES},
        vision_feature_layer=-1 if layers == "last" else list(range(-depth, 0)),
        **{"vision_feature_select_strategy": "default" if vision.model_type in CLASS_TOKENS else "full", **more},
    )  # fmt: skip


def small_reader(
    preset: Wanted, tokenizer: Any, encoder: Any, *, width: int = 128, depth: int = 2,
    heads: int = 4, seed: int = 0, longest: int = 1024,
) -> Reader:  # fmt: skip
    """Return a reader that trains within minutes on a processor: a small Llama behind a given image encoder.

    Args:
        preset: anything with a connector, its options and layers.
        tokenizer: of `learn.reader.words` or any with the reader's tokens.
        encoder: a network of transformers, whose weights are copied, or its configuration.
        width, depth, heads: of the language model; its feed-forward is 4/3 of Llama's usual 8/3 width.
        seed: of the random weights.
        longest: tokens of prompt and answer together.
    """
    text = library.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=3 * width, num_hidden_layers=depth,
        num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=longest,
        tie_word_embeddings=True,
    )  # fmt: skip
    vision = encoder if isinstance(encoder, library.PreTrainedConfig) else encoder.config
    config = reader_config(
        vision, text, tokenizer, connector=preset.connector, options=preset.options, layers=preset.layers
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Reader(config)
    if isinstance(encoder, library.PreTrainedModel):
        reader.model.vision_tower.load_state_dict(encoder.state_dict())
    reader.config.image_seq_length = slot_of(reader)
    reader.eval()
    return reader


def film_side(reader: Reader) -> int:
    """Return the side in pixels of the films that a reader takes."""
    return int(reader.config.vision_config.image_size * max(1, isqrt(reader.config.tiles)))


def slot_of(reader: Reader) -> int:
    """Return how many tokens a film takes, by asking the encoder for the patches of an empty one."""
    config = reader.config.vision_config
    kind = next(reader.model.vision_tower.parameters()).dtype
    side = film_side(reader)
    film = torch.zeros(1, config.num_channels, side, side, device=reader.device, dtype=kind)
    with torch.no_grad():
        patches = reader.model.states(film).shape[2]
    return int(reader.model.multi_modal_projector.tokens(patches))


def processor_for(reader: Reader, tokenizer: Any, **film: Any) -> ReaderProcessor:
    """Return the processor of a reader.

    Args:
        reader: whose slots and size of films it follows.
        tokenizer: the one it was made with.
        film: of `FilmProcessor`, where films are not letterboxed values in [0, 1].
    """
    vision = reader.config.vision_config
    made = FilmProcessor(**{"size": film_side(reader), "channels": vision.num_channels, **film})
    return ReaderProcessor(made, tokenizer, image_seq_length=slot_of(reader))
