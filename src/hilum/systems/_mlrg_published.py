"""The authors' first stage of MLRG (MK-runner/MLRG on the hub), converted by the user: layout, films in, tokens out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.measure.adapters.weights import Source, Weights, load
from hilum.nets.views import FusionSize, ViewFusion
from hilum.systems._mlrg_net import Mlrg
from hilum.systems._mlrg_sets import Films
from hilum.systems._stage1_card import fill
from hilum.systems._stage1_published import DINO, PROJECTION, BertWords, Tensors, dino_of, layers_of, part, shape

SIZE, MEAN, DEVIATION = 518, 0.5307, 0.2583
"""RAD-DINO's input (preprocessor_config.json of microsoft/rad-dino)."""
SOURCE = Source(
    folder="mlrg",
    model="MLRG stage 1",
    repository="best_model.ckpt of MK-runner/MLRG on the Hugging Face hub (mimic-cxr/pretrain)",
    licence="as its model card states",
    size="some 900 MB by its count of weights",
    layout="model.safetensors (made by scripts/convert_weights.py)",
    files=(),
    page="docs/mlrg.md",
)
FUSION = (
    (r"^layers\.(\d+)\.0\.ln_1\.", r"layers.\1.ask_norm."), (r"^layers\.(\d+)\.0\.ln_2\.", r"layers.\1.answer_norm."),
    (r"^layers\.(\d+)\.0\.fc_q\.", r"layers.\1.ask."), (r"^layers\.(\d+)\.0\.fc_k\.", r"layers.\1.key."),
    (r"^layers\.(\d+)\.0\.fc_v\.", r"layers.\1.value."), (r"^layers\.(\d+)\.0\.fc_o\.", r"layers.\1.out."),
    (r"^layers\.(\d+)\.1\.net\.4\.", r"layers.\1.mlp.3."), (r"^layers\.(\d+)\.1\.net\.", r"layers.\1.mlp."),
)  # fmt: skip
USED = ("image_encoder.", "text_encoder.bert.", "image_projection.", "text_projection.", "ln_1.", "ln_2.",
        "vp_pos_embed", "temp_pos_embed", "fusion_multiview.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Published:
    """The networks in evaluation mode, where the weights came from, and names of tensors that have no place in them."""

    encoder: nn.Module
    net: Mlrg
    weights: Weights
    unused: tuple[str, ...] = ()

    @torch.no_grad()
    def tokens(self, films: Tensor, *, size: int = SIZE) -> Tensor:
        """Return the tokens of films (M, 1, H, W) in [0, 1], 0 black: (M, 2 + P, D).

        The class token comes twice, as pooled output and among the last states; so it does in the released code.
        """
        grey = nn.functional.interpolate(films, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
        seen = self.encoder(((grey - MEAN) / DEVIATION).expand(-1, 3, -1, -1))
        return torch.cat((seen.pooler_output[:, None], seen.last_hidden_state), dim=1)

    @torch.no_grad()
    def fused(self, tokens: Tensor, view: Tensor, films: Films) -> Tensor:
        """Return the fused tokens (A, N, W) of anchors.

        Args:
            tokens: of `tokens`, one row for each entry of `films`.
            view: int64 (M,), by the authors' file of view positions (unknown is 4).
            films: roles, and who looks at whom.
        """
        return self.net.fused(tokens, view, films)[0]

    @torch.no_grad()
    def told(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return reports (B, W), coded by the authors' tokenizer: '[CLS]' entities '[SEP]' ... '[SEP]'."""
        return self.net.told(ids, mask)


def load_published(folder: str | Path | None = None, *, heads: int = 12, fusion_heads: int = 8) -> Published:
    """Load the converted weights; sizes are read from them, so a tiny checkpoint of the same layout loads too.

    Args:
        folder: that holds model.safetensors; 'mlrg' in the folder that HILUM_WEIGHTS names by default.
        heads: of attention in both encoders.
        fusion_heads: of attention in the fusion.

    Raises:
        MissingError: if there are none, or a pickle in their place; the sentence says what to do.
        InputError: if a tensor is missing or of another shape; the first one is named.
    """
    from safetensors.torch import load_file

    weights = load("mlrg", SOURCE, folder)
    given, where = load_file(weights.files[0]), weights.files[0].name
    image, text = part(given, "image_encoder.", DINO), part(given, "text_encoder.bert.")
    text = {name: value for name, value in text.items() if not name.startswith("pooler.")}
    encoder, words = dino_of(image, heads=heads, where=where), BertWords(text, heads=heads, where=where)
    net = Mlrg(ViewFusion(_size(given, where, fusion_heads)), words, words.width)
    fill(encoder, image, where=where)
    own: Tensors = {"fusion.places": given["vp_pos_embed"][:, 0], "fusion.times": given["temp_pos_embed"][:, 0]}
    for prefix, mine, table in (
        ("text_encoder.bert.", "text.model.", ()), ("text_projection.", "say.", PROJECTION),
        ("image_projection.", "fusion.project.", PROJECTION), ("fusion_multiview.", "fusion.", FUSION),
        ("ln_1.", "fusion.place_norm.", ()), ("ln_2.", "fusion.time_norm.", ()),
    ):  # fmt: skip
        own |= {mine + name: value for name, value in part(given, prefix, table).items()}
    own = {name: value for name, value in own.items() if ".pooler." not in name}
    fill(net, own, where=where)
    unused = tuple(sorted(name for name in given if not name.startswith(USED)))
    return Published(encoder.eval().requires_grad_(False), net.eval().requires_grad_(False), weights, unused)


def _size(given: Tensors, where: str, heads: int) -> FusionSize:
    hidden, inputs, _ = shape(given, "image_projection.head.0.weight", where)
    shape(given, "temp_pos_embed", where)
    return FusionSize(
        inputs=inputs, hidden=hidden, width=shape(given, "image_projection.head.3.weight", where)[0], heads=heads,
        views=shape(given, "vp_pos_embed", where)[0],
        head_width=shape(given, "fusion_multiview.layers.0.0.fc_q.weight", where)[0] // heads,
        mlp=shape(given, "fusion_multiview.layers.0.1.net.1.weight", where)[0],
        depth=layers_of(given, r"fusion_multiview\.layers\.(\d+)\."),
    )  # fmt: skip
