"""Names of tensors in the files of published readers, as data, and where those files are to be had."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from hilum.measure.adapters.weights import Source

_ATTENTION = ((r"\.attention\.q_proj\.", ".attention.attention.query."),
              (r"\.attention\.k_proj\.", ".attention.attention.key."),
              (r"\.attention\.v_proj\.", ".attention.attention.value."),
              (r"\.attention\.o_proj\.", ".attention.output.dense."))  # fmt: skip
"""What transformers 5 calls parts of DINOv2 -> what it was called when the checkpoints were written."""
_LIBRA_TOWER = "model.vision_tower.vision_tower."
NAMES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType({
    "maira-2": (
        (r"^model\.vision_tower\.", "vision_tower."), *_ATTENTION,
        (r"^model\.multi_modal_projector\.net\.", "multi_modal_projector.layers."),
        (r"^model\.language_model\.", "language_model.model."), (r"^lm_head\.", "language_model.lm_head."),
    ),
    "libra": (
        (r"^model\.vision_tower\.", _LIBRA_TOWER), *_ATTENTION,
        (r"^model\.multi_modal_projector\.project\.", "model.mm_projector.mlp_final."),
        (r"^model\.multi_modal_projector\.fusion\.feed\.", "model.mm_projector.mlp_attn."),
        (r"^model\.multi_modal_projector\.fusion\.look_norms\.0\.", "model.mm_projector.norm1."),
        (r"^model\.multi_modal_projector\.fusion\.look_norms\.1\.", "model.mm_projector.norm2."),
        (r"^model\.multi_modal_projector\.fusion\.cross_norm\.", "model.mm_projector.norm3."),
        (r"^model\.multi_modal_projector\.fusion\.norm\.", "model.mm_projector.norm4."),
        (r"^model\.multi_modal_projector\.fusion\.shift$", "model.mm_projector.LFE_prior_bias"),
        (r"^model\.language_model\.", "model."),
    ),
})  # fmt: skip
"""Preset -> patterns of our names and what the authors' are, tried in order; the rest is taken apart in `_made`."""
LOOKS = MappingProxyType(
    {"looks.0": "cur_self_attention", "looks.1": "prior_self_attention", "cross": "cros_attention"}
)
OWN = re.compile(r"multi_modal_projector\.gone$")
"""Tensors of ours that no checkpoint has: the vector in the prior's slot, which is never looked at by a fused film."""
SOURCES: Mapping[str, Source] = MappingProxyType({
    "maira-2": Source("maira-2", "MAIRA-2", "microsoft/maira-2 on the Hugging Face hub (gated)",
                      "Microsoft Research licence: research only", "some 28 GB", "model-*.safetensors and config.json",
                      (), "docs/maira-2.md"),
    "libra": Source("libra", "Libra-v1.0-7b", "X-iZhang/libra-v1.0-7b on the Hugging Face hub",
                    "Apache-2.0, and that of Meditron", "some 14 GB", "model-*.safetensors, RAD-DINO's among them", (),
                    "docs/libra.md"),
})  # fmt: skip


def authors_name(name: str, ours: str) -> str:
    """Return what one of our tensors is called in the authors' files; `_made` knows the rest of Libra's."""
    for pattern, theirs in NAMES[name]:
        ours = re.sub(pattern, theirs, ours)
    return ours


def of_squeeze(ours: str) -> str:
    """Libra's layerwise extractor: squeeze-and-excite and convolution take turns in one sequence."""
    found = re.search(r"extract\.steps\.(\d+)\.(weigh\.0|weigh\.2|mix)\.(weight|bias)$", ours)
    if found is None:
        return ours
    number, part, kind = int(found[1]), found[2], found[3]
    inner = {"weigh.0": f"{2 * number}.fc1", "weigh.2": f"{2 * number}.fc2", "mix": f"{2 * number + 1}"}[part]
    return f"model.mm_projector.LFE.{inner}.{kind}"
