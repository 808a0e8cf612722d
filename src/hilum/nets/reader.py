"""The reader: an image encoder, a connector and a causal language model, on transformers' LLaVA classes.

Images, connector and fusion live in the backbone (`ReaderModel`): trainers that bypass the wrapper's `forward` (trl's
preference trainers apply the head themselves) then still see them. Films look at each other in `ReaderModel.forward`,
where the prompt is known, and not in `get_image_features`, which generation calls with pixels alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isqrt
from typing import Any

import torch
from torch import Tensor

from hilum.core.errors import InputError, need
from hilum.nets.connector import connector
from hilum.nets.connector_base import Connector
from hilum.nets.fuse import films_of


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise need("transformers", "language", "the reader") from error
    return transformers


library: Any = _library()
"""transformers, whose types change with its versions."""
_OWN = "draws_its_own_weights"


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars while a reader is written or read back."""
    bars = library.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


class ReaderConfig(library.LlavaConfig):  # type: ignore[misc]
    """LLaVA's configuration, with the connector and the roles of images.

    Args:
        connector: name, see `nets.connector`.
        connector_options: what that connector can be told.
        role_token_ids: role -> id of the token that stands before each image of that role; empty if prompts have none.
        vision_feature_layer: -1, or the layers side by side, counted from the end.
        vision_normed: whether layer -1 is what comes out of the encoder's last norm rather than what goes in.
        tiles: 0, or a square number n * n: films n times as wide as the encoder's are seen whole and in n x n tiles.
    """

    model_type = "hilum-reader"

    connector: str = "mlp2"
    connector_options: dict[str, Any] | None = None
    role_token_ids: dict[str, int] | None = None
    vision_feature_layer: int | list[int] = -1
    vision_normed: bool = False
    tiles: int = 0


class ReaderModel(library.LlavaModel):  # type: ignore[misc]
    """Encoder, connector and language model without its head.

    Args:
        config: sizes.
    """

    config_class = ReaderConfig

    def __init__(self, config: ReaderConfig) -> None:
        """Build; weights are random."""
        super(library.LlavaModel, self).__init__(config)
        self.vision_tower = library.AutoModel.from_config(config.vision_config)
        layers = config.vision_feature_layer
        self.multi_modal_projector: Connector = connector(
            config.connector,
            vision_width=vision_width(config.vision_config),
            text_width=config.text_config.hidden_size,
            layers=1 if isinstance(layers, int) else len(layers),
            **(config.connector_options or {}),
        )
        for module in self.multi_modal_projector.modules():
            setattr(module, _OWN, not isinstance(module, library.PreTrainedModel))
        self.language_model = library.AutoModel.from_config(config.text_config)
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        _drawn(super(), module)

    def states(self, pixel_values: Tensor) -> Tensor:
        """Return every hidden state that the connector takes of films (M, C, S, S): (M, L, P, D), the deepest last."""
        layers = self.config.vision_feature_layer
        wanted = [layers] if isinstance(layers, int) else list(layers)
        views = tiled(pixel_values, isqrt(self.config.tiles))
        out = self.vision_tower(views, output_hidden_states=True, return_dict=True)
        found = (*out.hidden_states[:-1], out.last_hidden_state) if self.config.vision_normed else out.hidden_states
        held = torch.stack([each.flatten(2).mT if each.ndim == 4 else each for each in (found[at] for at in wanted)], 1)
        held = held[:, :, 1:] if self.config.vision_feature_select_strategy == "default" else held
        return held.reshape(len(pixel_values), -1, *held.shape[1:]).transpose(1, 2).flatten(2, 3)

    def chosen(self, image_states: Tensor) -> Tensor:
        """Return hidden states (M, L, P, D), the deepest last, as the connector takes them: (M, P, layers * D).

        Raises:
            InputError: if there are fewer of them than it takes.
        """
        layers = self.config.vision_feature_layer
        wanted = [layers] if isinstance(layers, int) else list(layers)
        if max(-each for each in wanted) > image_states.shape[1]:
            raise InputError(
                f"the connector takes hidden states {wanted}, but {image_states.shape[1]} of each image came: compute "
                "them of all layers"
            )
        return torch.cat([image_states[:, each] for each in wanted], dim=-1)

    def get_image_features(
        self,
        pixel_values: Tensor,
        vision_feature_layer: int | list[int] | None = None,
        vision_feature_select_strategy: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return what the connector makes of each film by itself, as a list in `pooler_output`.

        Args:
            pixel_values: films (M, C, S, S), or what the encoder saw of them, layers side by side: (M, P, L * D).
            vision_feature_layer, vision_feature_select_strategy: those of the configuration; others are refused.

        Raises:
            InputError: if other layers are asked for than the connector was made for.
        """
        held = self.config.vision_feature_layer
        if vision_feature_layer is not None and vision_feature_layer != held:
            raise InputError(f"the connector was made for layer {held} of the encoder, not {vision_feature_layer}")
        if pixel_values.ndim == 4:
            states = self.states(pixel_values)
            pixel_values = states.transpose(1, 2).flatten(2)
        kind = next(self.multi_modal_projector.parameters()).dtype
        return library.modeling_outputs.BaseModelOutputWithPooling(
            pooler_output=list(self.multi_modal_projector.each(pixel_values.to(kind)))
        )

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        mm_encoder_outputs: Mapping[str, Any] | None = None,
        image_states: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Read a batch of prompts with their images.

        Args:
            input_ids: int64 (B, L), each image as many `IMAGE` tokens as it takes, a role token before them.
            pixel_values: films of all rows in order, or what the encoder saw (see `get_image_features`).
            mm_encoder_outputs: what `get_image_features` gave for 'image', from generation.
            image_states: hidden states of the films (M, L, P, D), instead of pixels.
            kwargs: of LlavaModel.

        Raises:
            InputError: if images, tokens and roles do not agree.
        """
        if image_states is not None:
            pixel_values = self.chosen(image_states)
        each = None if mm_encoder_outputs is None else mm_encoder_outputs.get("image")
        if pixel_values is not None:
            each = self.get_image_features(pixel_values)
        if each is None:
            return super().forward(input_ids=input_ids, **kwargs)
        if input_ids is None:
            raise InputError("a reader finds the places of images by token ids: give input_ids, not embeddings")
        tokens = torch.stack(list(each.pooler_output))
        roles = self.config.role_token_ids or {}
        films = films_of(input_ids, *tokens.shape[:2], image=self.config.image_token_id, roles=roles)
        if self.multi_modal_projector.fuses and not roles:
            raise InputError(f"the connector '{self.config.connector}' needs token ids, with roles before each image")
        fused = self.multi_modal_projector.fuse(tokens, films if self.multi_modal_projector.fuses else None)
        # put in place here: older releases of transformers take `mm_encoder_outputs` without a word and drop the images
        words = self.get_input_embeddings()(input_ids)
        there = (input_ids == self.config.image_token_id)[..., None].expand_as(words)
        kwargs["inputs_embeds"] = words.masked_scatter(there, fused.to(words.dtype))
        made = super().forward(**kwargs)
        made.image_hidden_states = fused.flatten(0, 1)
        return made


class Reader(library.LlavaForConditionalGeneration):  # type: ignore[misc]
    """The reader with its head: what is trained, and what writes.

    Args:
        config: sizes.
    """

    config_class = ReaderConfig

    def __init__(self, config: ReaderConfig) -> None:
        """Build; weights are random."""
        super(library.LlavaForConditionalGeneration, self).__init__(config)
        self.model = ReaderModel(config)
        self.lm_head = torch.nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        words = self.model.language_model.get_input_embeddings()
        place = next(name for name, module in self.model.language_model.named_modules() if module is words)
        self._tied_weights_keys = {"lm_head.weight": f"model.language_model.{place}.weight"}
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        _drawn(super(), module)

    def generate(self, inputs: Tensor | None = None, *, image_states: Tensor | None = None, **kwargs: Any) -> Any:
        """Write; as transformers' `generate`, and with hidden states (M, L, P, D) in place of pixels."""
        if image_states is not None:
            kwargs["pixel_values"] = self.model.chosen(image_states)
        return super().generate(inputs, **kwargs)


library.AutoConfig.register(ReaderConfig.model_type, ReaderConfig, exist_ok=True)
library.AutoModel.register(ReaderConfig, ReaderModel, exist_ok=True)
library.AutoModelForImageTextToText.register(ReaderConfig, Reader, exist_ok=True)


def tiled(films: Tensor, side: int) -> Tensor:
    """Return films (M, C, n * S, n * S) each in small, then its tiles row by row: (M * (1 + n * n), C, S, S).

    Args:
        films: square, cut into `side` x `side` tiles.
        side: n; with 0 films stay as they are.

    Raises:
        InputError: if a film cannot be cut so.
    """
    if not side:
        return films
    if films.shape[2] % side or films.shape[3] % side:
        raise InputError(f"a film of {tuple(films.shape[2:])} pixels cannot be cut into {side} x {side} equal tiles")
    rows, columns = films.shape[2] // side, films.shape[3] // side
    whole = torch.nn.functional.interpolate(films, (rows, columns), mode="bilinear", antialias=True)
    cut = films.reshape(*films.shape[:2], side, rows, side, columns).permute(0, 2, 4, 1, 3, 5)
    return torch.cat([whole[:, None], cut.flatten(1, 2)], dim=1).flatten(0, 1)


def _drawn(parent: Any, module: torch.nn.Module) -> None:
    """Draw a module's weights: a connector's as torch draws them, not 0.02 wide as transformers would."""
    if not getattr(module, _OWN, False):
        parent._init_weights(module)
    elif callable(draw := getattr(module, "reset_parameters", None)):
        draw()


def vision_width(config: Any) -> int:
    """Return D of an image encoder's hidden states; of networks in stages, of the last."""
    return int(getattr(config, "hidden_sizes", [getattr(config, "hidden_size", 0)])[-1])
