"""The ten readers as data; values are those of each system's paper and released code as far as they are known.

A preset called ported carries the idea of an encoder-decoder system (its inputs, objective and policy for missing data)
into a reader that is a language model with pictures in its prompt; nothing that it gives is a reproduction.
"""

from __future__ import annotations

from hilum.core.errors import InputError
from hilum.learn.reader.preset import Preset

_CHAT = ("findings", "differential", "presence", "labels", "chat")
_WIDEST = (
    "findings", "impression", "progression", "view", "labels", "presence", "choice", "phrase_to_box", "box_to_phrase",
    "grounded",
)  # fmt: skip
_SECTIONS = ("indication", "technique", "comparison")

CXR_LLAVA = Preset(
    "cxr-llava", source="Lee et al., CXR-LLaVA (arXiv 2310.18341)", connector="linear", crop="centre_square",
    tasks=_CHAT, decoding={"": {"temperature": 0.2, "top_p": 0.8}, "presence": {"temperature": 0.0}}, longest=512,
    training="labels by BCE, labels and films by CLIP, projector, projector and language model",
    note="One frontal film, 1,024 patches of a one-channel encoder; an option of its code keeps one pooled token.",
)  # fmt: skip
CHEXAGENT = Preset(
    "chexagent", source="Chen et al., CheXagent (arXiv 2401.12208)", roles=("prior_front", "cur_front", "cur_lat"),
    sections=("indication",), missing="omit", codec="tagged_int", crop="whole", tasks=_WIDEST, longest=512,
    most_images=2, clean=True, training="SigLIP on films, alignment, a mixture of instructions",
    note="At most two pictures; the prior goes first where the task compares. The 8B version's bridge is "
    "connector 'qformer' with 128 queries.",
)  # fmt: skip
RADVLM = Preset(
    "radvlm", source="Deperrois et al., RadVLM (arXiv 2502.03333)", codec="decimal_text", crop="whole",
    options={"tiles": 9},
    tasks=("findings", "labels", "phrase_to_box", "grounded", "chat"), longest=1_500, clean=True,
    training="one stage, all weights, learning rate of the tower times 0.2",
    note="One frontal film, cut into up to nine tiles beside the whole; boxes are shares with two decimals.",
)  # fmt: skip
MAIRA_2 = Preset(
    "maira-2", source="Bannur et al., MAIRA-2 (arXiv 2406.04449)", roles=("cur_front", "cur_lat", "prior_front"),
    sections=("prior_report", *_SECTIONS), order=("images", "prior_report", "question", *_SECTIONS),
    missing="na_text", worded=True, connector="mlp4", codec="bin_tokens", crop="centre_square",
    tasks=("findings", "grounded", "phrase_to_box"),
    decoding={"": {"longest": 300}, "grounded": {"longest": 450}, "phrase_to_box": {"longest": 150}}, longest=300,
    training="one stage, encoder frozen, tasks mixed",
    note="Every section that is missing is told as N/A; a prior report is read only beside its film.",
)  # fmt: skip
LIBRA = Preset(
    "libra", source="Zhang et al., Libra (arXiv 2411.19378)", roles=("cur_front", "prior_front"),
    sections=("indication", "history", "technique", "comparison"), missing="copy_current", connector="tac",
    layers="all", crop="centre_square", tasks=("findings", "impression", "presence", "progression"),
    decoding={"": {"beams": 10, "length_penalty": 2.0}}, longest=1_024,
    training="the connector alone, then low-rank adapters with the connector frozen", ported=True,
    note="Without a prior its slot holds the current film again. The prior keeps its own slot, where the published "
    "connector gives both films one: so it costs twice the tokens.",
)  # fmt: skip
MLRG = Preset(
    "mlrg", source="Liu et al., MLRG (arXiv 2502.20056)", roles=("cur_front", "cur_lat", "cur_other", "prior_front"),
    sections=("indication", "prior_report"), missing="learned_token", connector="multiview_xattn",
    crop="centre_square", decoding={"": {"beams": 3}}, longest=100, frontal=False, prior_facts=True,
    training="contrast of views and reports, then words", ported=True,
    note="An encoder-decoder in its paper. The first film, of any view, is the anchor; an indication or a prior "
    "report that is missing is told by a token of its own.",
)  # fmt: skip
SEI = Preset(
    "sei", source="Liu et al., SEI (arXiv 2405.14905)", sections=("indication", "retrieved_case"),
    crop="centre_square", decoding={"": {"beams": 3, "no_repeat": 3}}, longest=100,
    training="contrast of films and entities, retrieval, words", ported=True,
    note="An encoder-decoder in its paper: its cross-attention of film, case and indication becomes self-attention "
    "over tagged text in the language model.",
)  # fmt: skip
ICON = Preset(
    "icon", source="Hou et al., ICON (arXiv 2402.12844)",
    roles=("cur_front", "cur_lat", "prior_front", "lesion_crop"), options={"by_role": True},
    crop="letterbox", decoding={"": {"beams": 4}}, longest=104,
    training="labels, attributes of enlarged parts with mix-up, words", ported=True,
    note="An encoder-decoder in its paper; its attributes go into the prompt as words.",
)  # fmt: skip
PREF = CHEXAGENT.changed(
    name="pref", source="Hein et al., preference fine-tuning (arXiv 2410.07025)", tasks=("findings",),
    decoding={"": {}, "sampling": {"temperature": 1.0}}, training="DPO, KTO, IPO and others on judged pairs",
    note="Inherits the preset its reader was taught with (here chexagent); N are drawn at temperature 1, tests are "
    "greedy.",
)  # fmt: skip
PROMPT_STUDY = Preset(
    "promptstudy", source="Liu et al., GPT-4V on chest films (arXiv 2310.20381)", codec="pixel_text", crop="whole",
    tasks=("findings", "presence", "choice", "phrase_to_box"), longest=512, training="none",
    note="Any reader behind an endpoint; boxes are pixels of a film whose size is told.",
)  # fmt: skip

PRESETS: dict[str, Preset] = {
    each.name: each
    for each in (CXR_LLAVA, CHEXAGENT, RADVLM, MAIRA_2, LIBRA, MLRG, SEI, ICON, PREF, PROMPT_STUDY)
}  # fmt: skip
"""By name, as commands write it."""


def preset_of(name: str) -> Preset:
    """Return a preset; underscores are read as hyphens.

    Raises:
        InputError: if there is none of that name.
    """
    plain = {"cxr_llava": "cxr-llava", "maira2": "maira-2", "maira_2": "maira-2"}.get(name, name)
    if plain not in PRESETS:
        raise InputError(f"no preset is called '{name}': choose from {', '.join(PRESETS)}")
    return PRESETS[plain]
